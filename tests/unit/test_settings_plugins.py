"""What the settings say of plugins, and that nothing of it is taken for the engine's own."""

from collections.abc import Callable
from pathlib import Path

import pytest

from dcp_engine.errors import BadInput
from dcp_engine.loaded import Selection
from dcp_engine.settings import RESERVED_VARIABLES, describe, load, of_plugins

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
        path = tmp_path / "lab" / "config.toml"
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
        return path

    return to_file


def selection(
    config: Path | None = None, installed: tuple[str, ...] = (), **environ: str
) -> Selection:
    return load(flags={}, environ=environ, config=config, installed=lambda: installed).plugins


def complaint(config: Path | None = None, **environ: str) -> str:
    with pytest.raises(BadInput) as caught:
        selection(config, (), **environ)
    (only,) = caught.value.complaints
    return only


def test_nothing_said_means_every_installed_one() -> None:
    assert selection() == Selection(only=None, disabled=(), tables={}, config=None)


def test_the_file_says_which_which_not_and_what_of_each(write: Write, home: Path) -> None:
    config = write(
        'plugins = ["slack", "mine.py", "~/other.py", "slack"]\n'
        'disable = ["dashboard", "mine.py"]\n'
        '[slack]\nroom = "lab"\n[slack.deeper]\nx = 1\n["my alerts"]\n'
    )
    assert selection(config) == Selection(
        only=("slack", str(config.parent / "mine.py"), str(home / "other.py")),
        disabled=("dashboard", "mine"),
        tables={"slack": {"room": "lab", "deeper": {"x": 1}}, "my alerts": {}},
        config=config,
    )


def test_the_variable_goes_before_the_list_and_empty_means_none(
    write: Write, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    config = write('plugins = ["slack"]\ndisable = ["dashboard"]')
    assert selection(config, DCP_ENGINE_PLUGINS="").only == ()
    assert selection(config, DCP_ENGINE_PLUGINS="a, b.py").only == ("a", str(tmp_path / "b.py"))
    assert selection(config, DCP_ENGINE_PLUGINS="").disabled == ("dashboard",)
    assert selection(write("plugins = []")).only == ()


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('plugins = "slack"', 'it must be a list, like ["slack"], and is text'),
        ("plugins = [5]", "is a number"),
        ("disable = true", "must be a list"),
        ("[plugins]\nslack = true", "is a table of keys and values"),
        ('plugins = ["~nobody-at-all/x.py"]', "no such home directory"),
        ("pluggins = []", "did you mean plugins?"),
        ("[[slack]]\nroom = 1", "there is no such setting"),
        ("[slack", "is not TOML"),
    ],
)
def test_what_cannot_be_a_list_of_plugins(text: str, words: str, write: Write) -> None:
    said = complaint(write(text))
    assert words in said
    assert "config.toml" in said


def test_a_variable_that_cannot_be_a_list_of_plugins() -> None:
    said = complaint(DCP_ENGINE_PLUGINS="~nobody-at-all/x.py")
    assert said.startswith("DCP_ENGINE_PLUGINS: ")
    assert "no such home directory" in said


def test_a_plugins_variable_is_an_error_where_the_plugin_is_not(write: Write) -> None:
    token = "xoxb-12345"
    said = complaint(DCP_ENGINE_SLACK_TOKEN=token)
    assert said.startswith("DCP_ENGINE_SLACK_TOKEN: there is no such setting; there are ")
    assert "plugin is not installed" in said
    assert token not in said
    assert selection(installed=("slack",), DCP_ENGINE_SLACK_TOKEN=token).only is None
    assert selection(write("[slack]"), DCP_ENGINE_SLACK_TOKEN=token).tables == {"slack": {}}
    assert selection(write('disable = ["slack"]'), DCP_ENGINE_SLACK_TOKEN=token)
    assert selection(DCP_ENGINE_PLUGINS="/lab/slack.py", DCP_ENGINE_SLACK_TOKEN=token)


def test_a_slip_of_the_pen_is_told_from_a_plugins_variable() -> None:
    assert "did you mean DCP_ENGINE_POLL_INTERVAL?" in complaint(DCP_ENGINE_POL_INTERVAL="1m")
    assert "did you mean DCP_ENGINE_PLUGINS?" in complaint(DCP_ENGINE_PLUGIN="")


def test_installed_plugins_are_asked_for_only_where_a_variable_may_be_theirs(write: Write) -> None:
    def installed() -> list[str]:
        raise AssertionError("nobody needs to know")

    environ = {row.variable: "" for row in describe()} | {"DCP_ENGINE_DB": "x", "OTHER": "y"}
    config = write('plugins = ["slack"]\n[slack]')
    environ |= {"DCP_ENGINE_SLACK_ROOM": "lab", "DCP_ENGINE_PLUGINS": ""}
    assert load(flags={}, environ=environ, config=config, installed=installed).plugins.only == ()


def test_no_plugin_is_handed_a_variable_of_the_engines_own() -> None:
    ours = {row.variable: "1m" for row in describe()} | dict.fromkeys(RESERVED_VARIABLES, "x")
    theirs = {"DCP_ENGINE_CHEAPEST_COLOUR": "x", "DCP_ENGINE_SLACK_TOKEN": "y"}
    assert of_plugins(ours | theirs) == theirs
    assert load(
        flags={}, environ={"DCP_ENGINE_CHEAPEST_AFTER": "1m"}, installed=lambda: ("cheapest",)
    ).settings.cheapest_after.total_seconds() == pytest.approx(60)
