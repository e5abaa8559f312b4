"""A secret is used and never shown, in whatever way somebody writes it."""

import base64
import copy
import json
import pickle
from collections.abc import Callable
from urllib.parse import quote, quote_plus

import msgspec
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from dcp_engine.secret import HIDDEN, Secret, hide

AWKWARD = "p/ss \"w'rd\\ü&?"


class Options(msgspec.Struct, frozen=True):
    token: Secret
    tokens: tuple[Secret, ...] = ()


def test_it_tells_itself_when_asked_and_not_otherwise() -> None:
    secret = Secret("xoxb-12345")
    assert secret.reveal() == "xoxb-12345"
    options = Options(secret, (secret,))
    said = [str(secret), repr(secret), f"{secret}", f"{[secret]!r}", repr(options)]
    said += [str({"token": secret}), str(ValueError(options))]
    assert all("xoxb" not in text and HIDDEN in text for text in said)


def test_it_is_not_written_down() -> None:
    secret = Secret("xoxb-12345")
    for write in (
        pickle.dumps,
        msgspec.json.encode,
        msgspec.msgpack.encode,
        msgspec.to_builtins,
        json.dumps,
        copy.deepcopy,
    ):
        for value in (secret, Options(secret)):
            with pytest.raises(TypeError) as caught:
                write(value)
            assert "xoxb" not in str(caught.value)
    with pytest.raises(TypeError):
        format(secret, ">20")


def test_equal_secrets_are_equal() -> None:
    assert Secret("one") == Secret("one")
    assert Secret("one") != Secret("two")
    assert Secret("one") != "one"
    assert len({Secret("one"), Secret("one"), Secret("two")}) == 2


@pytest.mark.parametrize(
    "written",
    [
        AWKWARD,
        repr(AWKWARD),
        repr(AWKWARD.encode()),
        ascii(AWKWARD),
        json.dumps(AWKWARD),
        quote(AWKWARD),
        quote(AWKWARD, safe=""),
        quote_plus(AWKWARD),
        repr(ValueError(AWKWARD)),
        repr(f"it isn't {AWKWARD}"),
    ],
)
def test_it_is_found_however_a_library_writes_it(written: str) -> None:
    said = hide(f"401 for {written}, sorry", [AWKWARD])
    assert HIDDEN in said
    assert "ss" not in said
    assert said.startswith("401 for ")
    assert said.endswith(", sorry")


@pytest.mark.parametrize("before", ["", "u:", "user:", "a-person:", "Grüße:"])
@pytest.mark.parametrize("after", ["", "!", "&more=yes"])
@pytest.mark.parametrize("encode", [base64.b64encode, base64.urlsafe_b64encode])
def test_it_is_found_in_base64_whatever_stands_around_it(
    before: str, after: str, encode: Callable[[bytes], bytes]
) -> None:
    secret = "xoxb-12345>?ÿ~67890"
    written = encode(f"{before}{secret}{after}".encode()).decode()
    said = hide(f"Authorization: Basic {written}, refused", [secret])
    assert said == f"Authorization: Basic {HIDDEN}, refused"


def test_an_enormous_text_is_looked_through_in_no_time() -> None:
    text = "x" * 2_000_000
    assert hide(text, ["xxxxxxxxy-secret"]) == text


def test_it_is_found_in_one_line_of_it_and_with_its_spaces_made_one() -> None:
    key = "-----BEGIN KEY-----\nabcdefgh12\n-----END KEY-----\n"
    assert hide("at abcdefgh12", [key]) == f"at {HIDDEN}"
    assert "abcdefgh12" not in hide(" ".join(f"no: {key}".split()), [key])
    assert hide("no: two words", ["two   words"]) == f"no: {HIDDEN}"


@pytest.mark.parametrize(
    ("address", "said", "kept"),
    [
        (
            "https://hooks.chat.example/services/T0000000/B000/abc",
            "host='hooks.chat.example', url: /services/T0000000/B000/abc (refused)",
            "host='hooks.chat.example'",
        ),
        ("https://lab.example/hook?key=abc", "url: /hook?key=abc", "url: "),
        ("https://lab.example/x?key=Abcdefg1", "key=Abcdefg1 is not valid", "is not valid"),
        ("smtp://me:pass1@mail.example", "cannot log in me with pass1", "cannot log in me with"),
        ("smtp://me:pa%24s@mail.example", "cannot log in me with pa$s", "cannot log in me with"),
        ("chat://Token0001/Token0002", "no room for Token0002 of Token0001", "no room for"),
        ("ntfy://localhost/topic", "localhost does not answer", "localhost does not answer"),
        ("https://[broken/abc", "no: https://[broken/abc", "no: "),
    ],
)
def test_what_opens_something_in_an_address_is_found_alone(
    address: str, said: str, kept: str
) -> None:
    shown = hide(said, [address])
    assert kept in shown
    for telling in ("abc", "Abcdefg1", "pass1", "pa$s", "Token"):
        assert telling not in shown


def test_a_short_one_is_hidden_where_it_stands_alone_and_garbles_no_words() -> None:
    said = "a duty had no password a, and abc as well"
    assert hide(said, ["a"]) == f"{HIDDEN} duty had no password {HIDDEN}, and abc as well"
    assert hide("abcdef abc", ["abc"]) == f"abcdef {HIDDEN}"


def test_nothing_is_hidden_where_there_is_nothing_to_hide() -> None:
    said = "all went well"
    assert hide(said, []) == hide(said, [""]) == hide(said, [" \n"]) == said


def test_one_inside_of_another_leaves_nothing_behind() -> None:
    assert hide("abcd-efgh and abcd", ["abcd", "abcd-efgh"]) == f"{HIDDEN} and {HIDDEN}"
    assert hide("it is hidden", ["hidden", "(hidden)"]) == f"it is {HIDDEN}"


@given(st.text(min_size=4, max_size=30), st.sampled_from([str, repr, quote, json.dumps]))
def test_any_text_is_hidden(secret: str, write: object) -> None:
    assume(secret.strip() and secret not in f"<{HIDDEN}>")
    assert callable(write)
    assert secret not in hide(f"<{write(secret)}>", [secret])
