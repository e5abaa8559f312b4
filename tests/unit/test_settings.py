"""Settings: who wins, and what is refused and with which words."""

import re
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dcp_engine.defaults import Settings
from dcp_engine.errors import EXIT_BAD_INPUT, BadInput
from dcp_engine.settings import RESERVED_VARIABLES, describe, load, parse_duration

NAMES = [field.name for field in msgspec.structs.fields(Settings)]

Write = Callable[[str], Path]


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home of its own for each test, so that nobody's configuration file is read."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / ".config"))
    return tmp_path


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def to_file(text: str) -> Path:
        path = tmp_path / "named.toml"
        path.write_text(text)
        return path

    return to_file


def complaints(
    flags: dict[str, object] | None = None,
    environ: dict[str, str] | None = None,
    config: Path | None = None,
) -> tuple[str, ...]:
    with pytest.raises(BadInput) as caught:
        load(flags=flags or {}, environ=environ or {}, config=config)
    assert caught.value.exit_code == EXIT_BAD_INPUT
    assert caught.value.complaints
    return caught.value.complaints


def only_complaint(
    flags: dict[str, object] | None = None,
    environ: dict[str, str] | None = None,
    config: Path | None = None,
) -> str:
    found = complaints(flags, environ, config)
    assert len(found) == 1, found
    return found[0]


def own_file(text: str) -> None:
    import platformdirs  # noqa: PLC0415 - looked up in the home that the fixture made

    path = platformdirs.user_config_path("dcp-engine", appauthor=False) / "config.toml"
    path.parent.mkdir(parents=True)
    path.write_text(text)


def test_a_number_that_is_not_whole_is_shown(write: Callable[[str], Path]) -> None:
    with pytest.raises(BadInput, match=r"whole number, like 3, and is 95\.5"):
        load(flags={}, environ={}, config=write("machine_full_percent = 95.5"))


def test_nothing_said_means_the_defaults() -> None:
    found = load(flags={"poll_interval": None}, environ={"PATH": "/bin"})
    assert found.settings == Settings()
    assert (found.db, found.region, found.profile) == (None, None, None)


def test_the_later_place_wins(write: Write) -> None:
    config = write('poll_interval = "1s"\nlog_settle = "2s"\norphan_grace = "3s"')
    settings = load(
        flags={"orphan_grace": "5s"},
        environ={"DCP_ENGINE_LOG_SETTLE": "4s", "DCP_ENGINE_ORPHAN_GRACE": "4s"},
        config=config,
    ).settings
    assert settings == Settings(
        poll_interval=timedelta(seconds=1),
        log_settle=timedelta(seconds=4),
        orphan_grace=timedelta(seconds=5),
    )


# Four minutes are too little for these.
_AT_LEAST = {
    "join_grace": 6,
    "stalled_after": 11,
    "nothing_after": 11,
    "dead_letters_quiet": 11,
    "lost_capacity_after": 11,
    "machine_log_interval": 11,
}


def something_else(name: str) -> tuple[str, object]:
    """What may be written for a setting, and what it means; not its default."""
    default = getattr(Settings(), name)
    if isinstance(default, bool):
        return ("no", False) if default else ("yes", True)
    if isinstance(default, int):
        return str(default + 1), default + 1
    minutes = _AT_LEAST.get(name, 4)
    return f"{minutes}m", timedelta(minutes=minutes)


@pytest.mark.parametrize("name", NAMES)
def test_every_setting_can_be_set_everywhere(name: str, write: Write) -> None:
    text, wanted = something_else(name)
    # With these two out of the way every setting may be some minutes.
    base = 'lease_ttl = "1h"\ntick_deadline = "30m"\n'
    others: dict[str, object] = {"tick_deadline": "3m"} if name == "lease_ttl" else {}
    lines = [line for line in base.splitlines() if not line.startswith(name)]
    config = write("\n".join(lines))
    quoted = text if name == "empty_readings" else f'"{text}"'
    by_flag = load(flags={**others, name: text}, environ={}, config=config)
    by_variable = load(flags=others, environ={f"DCP_ENGINE_{name.upper()}": text}, config=config)
    by_file = load(
        flags=others, environ={}, config=write("\n".join([*lines, f"{name} = {quoted}"]))
    )
    assert getattr(by_flag.settings, name) == wanted
    assert by_flag == by_variable == by_file


def test_flags_may_come_converted() -> None:
    settings = load(flags={"log_settle": timedelta(hours=1), "empty_readings": 5}, environ={})
    assert settings.settings == Settings(log_settle=timedelta(hours=1), empty_readings=5)


def test_an_empty_variable_counts_as_not_set() -> None:
    environ = {"DCP_ENGINE_POLL_INTERVAL": "", "DCP_ENGINE_CONFIG": ""}
    assert load(flags={}, environ=environ).settings == Settings()


def test_reserved_variables_are_not_settings() -> None:
    environ = {name: "x" for name in RESERVED_VARIABLES if name != "DCP_ENGINE_CONFIG"}
    assert load(flags={}, environ=environ).settings == Settings()


def test_which_file_is_read(write: Write, tmp_path: Path) -> None:
    def interval(**given: Path) -> timedelta:
        environ = {"DCP_ENGINE_CONFIG": str(given["variable"])} if "variable" in given else {}
        return load(flags={}, environ=environ, config=given.get("flag")).settings.poll_interval

    own_file('poll_interval = "1s"')
    by_variable = tmp_path / "variable.toml"
    by_variable.write_text('poll_interval = "2s"')
    by_flag = write('poll_interval = "3s"')
    assert interval() == timedelta(seconds=1)
    assert interval(variable=by_variable) == timedelta(seconds=2)
    assert interval(variable=by_variable, flag=by_flag) == timedelta(seconds=3)


def test_a_named_file_must_exist(tmp_path: Path) -> None:
    gone = tmp_path / "gone.toml"
    assert f"There is no file {gone}" in only_complaint(config=gone)
    assert str(gone) in only_complaint(environ={"DCP_ENGINE_CONFIG": str(gone)})


def test_an_own_file_that_cannot_be_read_is_not_passed_over(home: Path) -> None:
    own_file("")
    path = next(home.rglob("config.toml"))
    path.unlink()
    path.symlink_to(path)
    assert "could not be read" in only_complaint()


def test_what_else_the_file_says(write: Write, tmp_path: Path) -> None:
    config = write('db = "store/engine.db"\nregion = "eu-west-1"\nprofile = "my lab"')
    found = load(flags={}, environ={}, config=config)
    assert found.db == tmp_path / "store" / "engine.db"
    assert (found.region, found.profile) == ("eu-west-1", "my lab")


@pytest.mark.parametrize(("db", "path"), [("/data/e.db", "/data/e.db"), ("~/e.db", "{home}/e.db")])
def test_where_the_database_is(db: str, path: str, write: Write, home: Path) -> None:
    found = load(flags={}, environ={}, config=write(f'db = "{db}"')).db
    assert found == Path(path.format(home=home))


@pytest.mark.parametrize("key", ["db", "region", "profile"])
@pytest.mark.parametrize("value", ['""', '" "', "3", "[]", r'"a\u0000b"', r'"a\nb"', "true"])
def test_what_else_the_file_says_must_be_text(key: str, value: str, write: Write) -> None:
    assert only_complaint(config=write(f"{key} = {value}")).startswith(f"{key} in ")


def test_a_database_in_nobodys_home(write: Write) -> None:
    config = write('db = "~no-such-user-anywhere/e.db"')
    assert "no such home directory" in only_complaint(config=config)


@pytest.mark.parametrize("value", ["60", "60.5", "-5"])
def test_a_bare_number_in_the_file_is_told_to_take_a_unit(value: str, write: Write) -> None:
    config = write(f"poll_interval = {value}")
    said = only_complaint(config=config)
    assert f"poll_interval in {config}" in said
    assert "60s" in said


def test_zero_needs_no_unit(write: Write) -> None:
    config = write("log_settle = 0\norphan_grace = '0'")
    settings = load(flags={"cheapest_after": 0}, environ={}, config=config).settings
    assert settings.log_settle == settings.orphan_grace == settings.cheapest_after == timedelta(0)


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        ({"poll_interval": "99ms"}, ["--poll-interval", "100ms", "throttle"]),
        ({"poll_interval": "16m"}, ["15m", "30 minutes"]),
        ({"empty_readings": "1"}, ["--empty-readings", "2", "approximate"]),
        ({"empty_readings": -3}, ["2"]),
        ({"empty_readings": "101"}, ["100"]),
        ({"empty_readings": "3.0"}, ["whole number", "'3.0'"]),
        ({"empty_readings": 3.0}, ["whole number"]),
        ({"empty_readings": True}, ["true or false"]),
        ({"empty_readings": "9" * 5000}, ["whole number"]),
        ({"empty_window": "8d"}, ["7d", "billed"]),
        ({"log_settle": "-1s"}, ["negative"]),
        ({"log_settle": timedelta(seconds=-1)}, ["negative"]),
        ({"log_settle": True}, ["true or false"]),
        ({"log_settle": []}, ["a list"]),
        ({"log_settle": float("nan")}, ["no unit"]),
        ({"request_timeout": "1ms"}, ["100ms"]),
        ({"lease_ttl": "2d"}, ["1d"]),
        ({"poll_intervall": "1m"}, ["--poll-intervall", "did you mean --poll-interval?"]),
    ],
)
def test_a_bad_value_says_what_is_allowed_and_why(
    flags: dict[str, object], words: list[str]
) -> None:
    said = only_complaint(flags)
    assert all(word in said for word in words), said
    assert len(said) < 400


@pytest.mark.parametrize("end", ["least", "most"])
@pytest.mark.parametrize("row", describe(), ids=lambda row: str(row.name))
def test_the_limits_themselves_are_allowed_as_described(row: object, end: str) -> None:
    described = msgspec.structs.asdict(row)  # type: ignore[arg-type]
    name, (least, most) = described["name"], re.split(" to | or ", described["allowed"])
    others = {"request_timeout": "100ms", "tick_deadline": "1s", "lease_ttl": "1d"}
    if name == "request_timeout":
        others["tick_deadline"] = "1h"
    flags = {**others, name: least if end == "least" else most}
    if name == "lease_ttl" and end == "least":
        # The shortest lease is longer than the shortest tick by whatever can be written.
        flags["lease_ttl"] = "1.001s"
    assert load(flags=flags, environ={})


@pytest.mark.parametrize(
    ("flags", "ok"),
    [
        ({"request_timeout": "3m"}, False),
        ({"request_timeout": "179s"}, True),
        ({"lease_ttl": "3m"}, False),
        ({"lease_ttl": "181s"}, True),
        ({"tick_deadline": "5m"}, False),
        ({"tick_deadline": "20s"}, False),
        ({"tick_deadline": "21s"}, True),
    ],
)
def test_settings_that_hang_together(flags: dict[str, object], ok: bool) -> None:
    if ok:
        assert load(flags=flags, environ={})
    else:
        said = only_complaint(flags)
        assert "tick_deadline" in said
        assert "the default" in said
        assert next(iter(flags)).replace("_", "-") in said


def test_settings_are_compared_whatever_their_place(write: Write) -> None:
    config = write('tick_deadline = "10m"')
    said = only_complaint(environ={"DCP_ENGINE_LEASE_TTL": "9m"}, config=config)
    assert "9m, DCP_ENGINE_LEASE_TTL" in said
    assert f"10m, tick_deadline in {config}" in said


def test_a_variable_that_is_none_names_the_nearest() -> None:
    said = only_complaint(environ={"DCP_ENGINE_POLL_INTERVALL": "1m"})
    assert said.startswith("DCP_ENGINE_POLL_INTERVALL:")
    assert "did you mean DCP_ENGINE_POLL_INTERVAL?" in said
    assert "DCP_ENGINE_DB?" in only_complaint(environ={"DCP_ENGINE_DBS": ""})


@pytest.mark.parametrize(
    ("key", "nearest"), [("poll-interval", "poll_interval"), ("Region", "region")]
)
def test_a_key_that_is_none_names_the_nearest(key: str, nearest: str, write: Write) -> None:
    config = write(f"{key} = 'x'")
    said = only_complaint(config=config)
    assert said.startswith(f"{key} in {config}:")
    assert f"did you mean {nearest}?" in said


def test_a_key_like_nothing_lists_what_there_is(write: Write) -> None:
    said = only_complaint(config=write("colour = 'x'"))
    assert all(name in said for name in [*NAMES, "db", "region", "profile"])


def test_everything_is_said_at_once(write: Write) -> None:
    found = complaints(
        flags={"log_settle": "soon", "empty_readings": "x"},
        environ={"DCP_ENGINE_X": "1", "DCP_ENGINE_EMPTY_WINDOW": "5"},
        config=write("poll_interval = 60\nregoin = 'x'\nprofile = 3"),
    )
    assert len(found) == 7
    with_broken_file = complaints({"log_settle": "soon"}, config=write("poll_interval ="))
    assert len(with_broken_file) == 2


def test_a_bad_value_is_named_even_where_a_flag_overrides_it(write: Write) -> None:
    config = write('poll_interval = "soon"')
    assert str(config) in only_complaint({"poll_interval": "1m"}, config=config)


@pytest.mark.parametrize(
    ("content", "word"),
    [
        (b"poll_interval", "not TOML"),
        (b'region = "a"\nregion = "a"', "not TOML"),
        (b'region = "a"\nprofile = \n', "line 2, column 11"),
        (b"a = " + b"[" * 20_000, "not TOML"),
        (b"a = " + b"9" * 5000, "not TOML"),
        (b"\xff\xfea", "not UTF-8"),
        (b"#" * (1024 * 1024 + 1), "larger than 1 MiB"),
        (b'"a\\u001bb" = 1', r"'a\x1bb' in "),
    ],
)
def test_what_is_no_configuration(tmp_path: Path, content: bytes, word: str) -> None:
    path = tmp_path / "c.toml"
    path.write_bytes(content)
    said = only_complaint(config=path)
    assert word in said
    assert said.isprintable()


def test_a_byte_order_mark_is_fine(tmp_path: Path) -> None:
    path = tmp_path / "c.toml"
    path.write_bytes(b'\xef\xbb\xbfregion = "eu-west-1"\r\n')
    assert load(flags={}, environ={}, config=path).region == "eu-west-1"


def test_every_setting_is_described_with_its_default() -> None:
    rows = describe()
    assert [row.name for row in rows] == NAMES
    for row in rows:
        default = getattr(Settings(), row.name)
        if isinstance(default, bool):
            assert row.default == ("yes" if default else "no")
        else:
            assert default == (
                int(row.default) if isinstance(default, int) else parse_duration(row.default)
            )


variables = st.sampled_from([row.variable for row in describe()]) | st.text().map(
    lambda text: f"DCP_ENGINE_{text}"
)
said = st.text() | st.text(alphabet="0123456789.dhms-") | st.sampled_from(["1s", "9m", "2d", "4"])
given_flags = st.dictionaries(
    st.sampled_from(NAMES) | st.text(),
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | said
    | st.timedeltas()
    | st.lists(st.none()),
)


@given(given_flags, st.dictionaries(variables, said))
def test_any_flags_and_variables_are_settings_or_bad_input(
    flags: dict[str, object], environ: dict[str, str]
) -> None:
    # Where the file is, is not what is tried here.
    environ.pop("DCP_ENGINE_CONFIG", None)
    try:
        settings = load(flags=flags, environ=environ).settings
    except BadInput as error:
        assert error.complaints
        assert all(line.isprintable() for line in str(error).splitlines())
    else:
        assert settings.request_timeout < settings.tick_deadline < settings.lease_ttl
        assert settings.empty_readings >= 2


@given(
    st.binary(max_size=100)
    | st.text(max_size=100).map(lambda text: text.encode("utf-8", "surrogatepass"))
    | st.tuples(st.sampled_from([*NAMES, "db", "region"]), st.text(max_size=20)).map(
        lambda pair: f"{pair[0]} = {pair[1]}".encode("utf-8", "surrogatepass")
    )
)
def test_any_file_is_settings_or_bad_input(
    tmp_path_factory: pytest.TempPathFactory, content: bytes
) -> None:
    path = tmp_path_factory.mktemp("fuzz") / "c.toml"
    path.write_bytes(content)
    try:
        assert load(flags={}, environ={}, config=path).settings.empty_readings >= 2
    except BadInput as error:
        assert all(line.isprintable() for line in error.complaints)
