"""A plugin's own settings: where they come from, and what is said of those that do not fit."""

import os
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any

import msgspec
import pytest

from dcp_engine.errors import BadInput
from dcp_engine.options import Given, read, secrets_of, variables_of
from dcp_engine.secret import Secret

TOKEN = "xoxb-12345"


class Options(msgspec.Struct, frozen=True, kw_only=True):
    token: Secret | None = None
    tokens: list[Secret] = []
    room: str = "general"
    most: Annotated[int, msgspec.Meta(ge=1)] = 3
    loud: bool = False
    patience: timedelta = timedelta(seconds=10)
    kinds: tuple[str, ...] = ()
    folder: Path | None = None


class Needed(msgspec.Struct, frozen=True, kw_only=True):
    token: Secret
    room: str


def given(
    table: dict[str, object] | None = None,
    variables: dict[str, str] | None = None,
    config: Path | None = None,
) -> Given:
    return Given(table=table or {}, variables=variables or {}, config=config)


def complaints(what: Given, shape: type[msgspec.Struct] = Options) -> tuple[str, ...]:
    with pytest.raises(BadInput) as caught:
        read("chat", shape, what)
    assert TOKEN not in str(caught.value)
    return caught.value.complaints


def complaint(what: Given, shape: type[msgspec.Struct] = Options) -> str:
    (only,) = complaints(what, shape)
    return only


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / "config.toml"
    path.write_text("")
    path.chmod(0o600)
    return path


def secret_file(path: Path, text: str = f"{TOKEN}\n", mode: int = 0o600) -> Path:
    path.write_text(text)
    path.chmod(mode)
    return path


def test_defaults_where_nothing_is_said() -> None:
    assert read("chat", Options, given()) == Options()


def test_the_table_has_values_in_toml(config: Path) -> None:
    table = {"token": TOKEN, "most": 5, "loud": True, "patience": "2m", "kinds": ["a", "b"]}
    found = read("chat", Options, given({**table, "folder": "out"}, config=config))
    assert found == Options(
        token=Secret(TOKEN),
        most=5,
        loud=True,
        patience=timedelta(minutes=2),
        kinds=("a", "b"),
        folder=config.parent / "out",
    )


def test_variables_are_text_and_go_before_the_table() -> None:
    variables = {
        "DCP_ENGINE_CHAT_TOKENS": "one1, two2,",
        "DCP_ENGINE_CHAT_MOST": "7",
        "DCP_ENGINE_CHAT_LOUD": "true",
        "DCP_ENGINE_CHAT_PATIENCE": "1h",
        "DCP_ENGINE_CHAT_KINDS": "state",
    }
    found = read("chat", Options, given({"most": 5, "room": "lab"}, variables))
    assert found == Options(
        tokens=[Secret("one1"), Secret("two2")],
        most=7,
        loud=True,
        patience=timedelta(hours=1),
        kinds=("state",),
        room="lab",
    )


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        *((text, True) for text in ("yes", "true", "on", "1", "Yes", "TRUE", " on ")),
        *((text, False) for text in ("no", "false", "off", "0", "No", "OFF")),
    ],
)
def test_a_variable_can_say_yes_or_no_in_several_ways(text: str, meant: bool) -> None:
    class Loud(msgspec.Struct):
        loud: bool = not meant
        quiet: bool | None = None

    variables = {"DCP_ENGINE_CHAT_LOUD": text, "DCP_ENGINE_CHAT_QUIET": text}
    assert read("chat", Loud, given(variables=variables)) == Loud(loud=meant, quiet=meant)


@pytest.mark.parametrize("value", ["true", "yes", 1, 0, [True]])
def test_in_the_file_it_is_true_or_false(value: object, config: Path) -> None:
    words = complaint(given({"loud": value}, config=config))
    assert words.startswith("loud under [chat]")
    assert words.endswith("it must be true or false, without quotes")
    assert read("chat", Options, given({"loud": True})) == Options(loud=True)


def test_what_is_neither_yes_nor_no_is_told_what_to_write() -> None:
    words = complaint(given(variables={"DCP_ENGINE_CHAT_LOUD": "maybe"}))
    assert words == "DCP_ENGINE_CHAT_LOUD: it must be yes or no (true or false, on or off, 1 or 0)"


def test_a_secret_and_a_file_that_holds_one_are_one_too_many(config: Path) -> None:
    path = str(secret_file(config.parent / "token"))
    words = complaint(given({"token": TOKEN, "token_file": path}, config=config))
    assert "token under [chat]" in words
    assert "token_file is there too; leave one of the two out" in words
    by_variable = {"DCP_ENGINE_CHAT_TOKEN": TOKEN, "DCP_ENGINE_CHAT_TOKEN_FILE": path}
    assert complaint(given(variables=by_variable)) == (
        "the variables DCP_ENGINE_CHAT_TOKEN and DCP_ENGINE_CHAT_TOKEN_FILE are both set; leave "
        "one of them out"
    )
    # A variable goes before the table, whichever of the two it is.
    mixed = given({"token": "older"}, {"DCP_ENGINE_CHAT_TOKEN_FILE": path}, config)
    assert read("chat", Options, mixed) == Options(token=Secret(TOKEN))


@pytest.mark.parametrize("by", ["table", "variable"])
def test_a_secret_can_be_in_a_file(by: str, config: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = secret_file(config.parent / "token", f"\n {TOKEN} \n")
    monkeypatch.setenv("HOME", str(config.parent))
    for written in (str(path), "~/token"):
        what = (
            given({"token_file": written}, config=config)
            if by == "table"
            else given(variables={"DCP_ENGINE_CHAT_TOKEN_FILE": written})
        )
        assert read("chat", Options, what) == Options(token=Secret(TOKEN))
    relative = given({"token_file": "token"}, config=config)
    assert read("chat", Options, relative) == Options(token=Secret(TOKEN))


def test_secrets_can_be_the_lines_of_a_file(config: Path) -> None:
    path = secret_file(config.parent / "tokens", "one1\n\ntwo2\n")
    found = read("chat", Options, given({"tokens_file": str(path)}))
    assert found == Options(tokens=[Secret("one1"), Secret("two2")])


def test_only_a_secret_can_be_in_a_file(config: Path) -> None:
    assert "room_file under [chat]" in complaint(given({"room_file": "x"}))


@pytest.mark.parametrize(
    ("table", "words"),
    [
        ({"token": 5}, "it must be text in quotes"),
        ({"token": [TOKEN]}, "it must be text in quotes"),
        ({"token": {"a": TOKEN}}, "it must be text in quotes"),
        ({"token": ""}, "it is empty"),
        ({"token": " \n"}, "it is empty"),
        ({"tokens": TOKEN}, "expected `array"),
        ({"tokens": [TOKEN, 5]}, "it must be text in quotes"),
        ({"token_file": 5}, "it must be the path of a file"),
        ({"token_file": f"https://chat.example/{TOKEN}"}, "is an address"),
        ({"tokn": TOKEN}, "did you mean token?"),
        ({TOKEN[5:]: "x"}, "the plugin has no such setting"),
        ({"most": 0}, ">= 1"),
        ({"most": "5"}, "expected `int`"),
        ({"most": True}, "expected `int`"),
        ({"patience": 5}, "has no unit"),
        ({"patience": "soon"}, "soon"),
        ({"patience": True}, "expected"),
        ({"kinds": "state"}, "expected `array`"),
        ({"loud": "yes"}, "true or false"),
    ],
)
def test_what_does_not_fit_is_said_without_the_secret(table: dict[str, object], words: str) -> None:
    said = complaint(given(table))
    assert words in said
    assert "under [chat]" in said


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("MOST", "many", "expected `int`"),
        ("LOUD", "perhaps", "yes or no"),
        ("PATIENCE", "10", "has no unit"),
        ("TOKN", TOKEN, "did you mean DCP_ENGINE_CHAT_TOKEN?"),
        ("TOKEN_FILE", "/no/such/file", "There is no file"),
        ("TOKEN_FILE", "~nobody-at-all/x", "no such home directory"),
        ("ROOM_FILE", "x", "no such setting"),
    ],
)
def test_a_variable_that_does_not_fit_is_named(name: str, value: str, words: str) -> None:
    said = complaint(given(variables={f"DCP_ENGINE_CHAT_{name}": value}))
    assert words in said
    assert f"DCP_ENGINE_CHAT_{name}" in said


def test_everything_that_is_wrong_is_said_at_once(config: Path) -> None:
    said = complaints(given({"most": 0, "colour": 1, "token": 5}, config=config))
    assert len(said) == 3
    assert all(str(config) in line for line in said)


def test_what_is_missing_is_said_with_how_to_give_it() -> None:
    token, room = complaints(given(), Needed)
    assert "token is missing" in token
    assert "under [chat]" in token
    assert "DCP_ENGINE_CHAT_ROOM" in room


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o644])
def test_a_file_that_others_may_read_is_no_place_for_a_secret(mode: int, config: Path) -> None:
    path = secret_file(config.parent / "token", mode=mode)
    for what in (
        given({"token_file": str(path)}),
        given(variables={"DCP_ENGINE_CHAT_TOKEN_FILE": str(path)}),
    ):
        assert f"chmod 600 {path}" in complaint(what)
    config.chmod(mode)
    said = complaint(given({"token": TOKEN}, config=config))
    assert f"chmod 600 {config}" in said
    assert "token_file" in said
    assert "DCP_ENGINE_CHAT_TOKEN" in said
    assert f"chmod 600 {config}" in complaint(given({"tokens": [TOKEN]}, config=config))
    # What is no secret may be read.
    assert read("chat", Options, given({"room": "lab"}, config=config)) == Options(room="lab")


def test_a_secret_inside_of_something_is_one_too(config: Path) -> None:
    class Room(msgspec.Struct):
        key: Secret

    class Rooms(msgspec.Struct, kw_only=True):
        rooms: dict[str, Room] = {}
        keys: dict[str, Secret] = {}

    kept: set[str] = set()
    table: dict[str, object] = {"rooms": {"lab": {"key": TOKEN}}, "keys": {"a": "other"}}
    found = read("chat", Rooms, given(table, config=config), kept.update)
    assert kept == {TOKEN, "other"} == {*secrets_of(found)}
    config.chmod(0o644)
    assert len(complaints(given(table, config=config), Rooms)) == 2


@pytest.mark.parametrize("kind", ["folder", "pipe", "missing", "empty", "binary"])
def test_what_is_no_file_with_a_secret_is_said(kind: str, tmp_path: Path) -> None:
    path = tmp_path / "token"
    if kind == "folder":
        path.mkdir()
    elif kind == "pipe":
        os.mkfifo(path)
    elif kind == "empty":
        secret_file(path, " \n\n")
    elif kind == "binary":
        path.write_bytes(b"\xff\xfe\x00")
    said = complaint(given({"token_file": str(path)}))
    words = {
        "folder": "is a folder",
        "pipe": "is a pipe or a device",
        "missing": "There is no file",
        "empty": "is empty",
        "binary": "is not UTF-8",
    }
    assert words[kind] in said
    assert str(path) in said


def shape(raised: Any) -> type[msgspec.Struct]:
    """Options that object with what they are made to raise; a text has the token put into it."""

    class Objecting(msgspec.Struct, kw_only=True):
        token: Secret

        def __post_init__(self) -> None:
            raise raised(f"{self.token.reveal()!r} is no token")

    return Objecting


@pytest.mark.parametrize("kind", [ValueError, UnicodeError, BadInput])
def test_what_post_init_says_is_the_complaint_without_the_secret(kind: type[Exception]) -> None:
    assert complaint(given({"token": TOKEN}), shape(kind)) == "'(hidden)' is no token"


def test_the_secrets_are_known_before_the_plugin_can_raise_anything() -> None:
    kept: set[str] = set()
    with pytest.raises(LookupError):
        read("chat", shape(LookupError), given({"token": TOKEN}), kept.update)
    assert kept == {TOKEN}


def test_an_unprintable_key_is_shown_harmlessly() -> None:
    assert r"'\x1b[2J' under [chat]" in complaint(given({"\x1b[2J": 1}))


def test_variables_belong_to_the_plugin_with_the_longest_name() -> None:
    environ = {
        "DCP_ENGINE_CHAT_ROOM": "a",
        "DCP_ENGINE_CHAT_BOT_ROOM": "b",
        "DCP_ENGINE_CHAT_TOKEN": "",
        "DCP_ENGINE_CHATTER": "c",
        "OTHER": "d",
    }
    names = ["chat", "chat-bot", "other"]
    assert variables_of("chat", names, environ) == {"DCP_ENGINE_CHAT_ROOM": "a"}
    assert variables_of("chat-bot", names, environ) == {"DCP_ENGINE_CHAT_BOT_ROOM": "b"}
    assert variables_of("chat", ["chat"], environ) == {
        "DCP_ENGINE_CHAT_ROOM": "a",
        "DCP_ENGINE_CHAT_BOT_ROOM": "b",
    }
