"""docs/writing-plugins.md: every block works as it stands, and every table is complete."""

import importlib
import inspect
import os
import re
import subprocess
import sys
import threading
import tomllib
from collections.abc import Iterator
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest
import yaml  # type: ignore[import-untyped]
from click.testing import CliRunner

from dcp_engine import duties, hookspecs, outbox, pauses, settings
from dcp_engine.cli.root import cli
from dcp_engine.plugins import Plugins
from dcp_engine.secret import Secret
from dcp_engine.simulation.surroundings import without_own_aws
from dcp_engine.testing import (
    Bench,
    State,
    bench,
    example_event,
    example_run,
    service_models_are_read_once,
)
from tests.docs.event_kinds import kinds
from tests.docs.writing_plugins import (
    FILES,
    OTHERS,
    PAGE,
    ROOT,
    SHELL,
    copied_out,
    module,
    rows,
    section,
)

__all__ = ["bench", "service_models_are_read_once"]

TEMPLATE = "dcp-engine-my-alerts"
FENCES_INSIDE = FILES[f"{TEMPLATE}/README.md"].count("```")
LAB_TESTS = re.findall(r"^def (test_\w+)", FILES["test_lab.py"], flags=re.M)


class Ntfy(HTTPServer):
    """Takes messages as ntfy does, and keeps them."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.messages: list[str] = []

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/my-imaging-runs"


class Handler(BaseHTTPRequestHandler):
    """Takes messages; there is nothing to be read."""

    def do_GET(self) -> None:
        self.send_error(404)

    def do_POST(self) -> None:
        assert isinstance(self.server, Ntfy)
        self.server.messages.append(self.rfile.read(int(self.headers["Content-Length"])).decode())
        self.send_response(200)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def ntfy() -> Iterator[Ntfy]:
    with Ntfy() as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def loaded(config: str, folder: Path, environ: dict[str, str] | None = None) -> Plugins:
    """The plugins that a configuration file of the page asks for, its paths put into a folder."""
    for name in FILES:
        if name.endswith(".py"):
            copied_out(name, folder)
    text = re.sub(r"/home/you/(imaging|\.secrets)", str(folder), FILES[config])
    path = copied_out(config, folder)
    path.write_text(text, encoding="utf-8")
    path.chmod(0o600)
    found = settings.load(flags={}, environ=environ or {}, config=path)
    plugins = Plugins(environ=environ)
    plugins.load([], found.plugins)
    return plugins


def test_every_block_is_a_file_or_runs_here() -> None:
    assert {kind for kind, _ in OTHERS} == {"sh", "python", "text"}
    assert [text for kind, text in OTHERS if kind == "python"] == ["dcp_engine_hooks = 1\n"]
    assert PAGE.count("```") == 2 * (len(FILES) + len(OTHERS)) + FENCES_INSIDE


def test_ten_lines_in_a_file(bench: Bench, ntfy: Ntfy) -> None:
    code = FILES["my_alerts.py"]
    assert len(code.split("\n\n\n")[-1].splitlines()) + 3 <= 10
    plugin = module("my_alerts.py", code.replace("https://ntfy.sh/my-imaging-runs", ntfy.address))
    bench.install("my_alerts", plugin)
    run = bench.run(State.EXPORTED, jobs=2, machines=1)
    assert ntfy.messages == ["Exp1: TEARDOWN → EXPORTED: every step has ended."]
    assert bench.undelivered(run) == []


def test_a_file_is_named_in_the_configuration_file(tmp_path: Path) -> None:
    plugins = loaded("config.toml", tmp_path)
    assert plugins.failures == []
    assert plugins.notifiers() == ("my_alerts",)


def test_options_come_from_the_table_the_variables_and_a_file(tmp_path: Path, ntfy: Ntfy) -> None:
    (tmp_path / "ntfy-address").write_text(f"{ntfy.address}\n", encoding="utf-8")
    (tmp_path / "ntfy-address").chmod(0o600)
    name, config = "my_alerts_with_options", "config-with-options.toml"
    variable, value = re.findall(rf"`(DCP_ENGINE_{name.upper()}_\w+)=(\w+)`", PAGE)[0]
    plugins = loaded(config, tmp_path, {variable: value})
    for kind in ("problem", "problem-over"):
        plugins.notify(name, example_run(), example_event(kind, f"a {kind}"))
    assert plugins.failures == []
    assert ntfy.messages == ["Exp1: a problem"], "the table names the kinds"
    (failure,) = loaded(config, tmp_path, {variable: "26s"}).failures
    assert "patience is 25s at most: after 30s the engine waits no longer" in failure.error
    assert ntfy.address not in failure.error


def test_the_plugin_with_options_sends(bench: Bench, ntfy: Ntfy) -> None:
    table = {"address": ntfy.address, "kinds": ["registered"]}
    bench.install("my_alerts", module("my_alerts_with_options.py"), table=table)
    bench.run(State.RUNNING)
    assert len(ntfy.messages) == 1
    assert ntfy.messages[0].startswith("Exp1: Exp1 was registered")


@pytest.fixture
def lab(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Any]:
    """The page's `test_lab.py` with what it imports."""
    names = ("machine_hours", "lab_book", "test_lab")
    for name in names:
        copied_out(f"{name}.py", tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    yield importlib.import_module("test_lab")
    for name in names:
        sys.modules.pop(name, None)


@pytest.mark.parametrize("name", LAB_TESTS)
def test_the_tests_of_the_duty_and_of_the_step(
    lab: Any, bench: Bench, tmp_path: Path, name: str
) -> None:
    test = getattr(lab, name)
    fixtures = {"bench": bench, "tmp_path": tmp_path}
    test(**{wanted: fixtures[wanted] for wanted in inspect.signature(test).parameters})


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The template, copied out and installed without a network."""
    source = copied_out(TEMPLATE, tmp_path_factory.mktemp("template"))
    target = tmp_path_factory.mktemp("installed")
    offline = ["--no-index", "--no-deps", "--no-build-isolation", "--disable-pip-version-check"]
    command = [sys.executable, "-m", "pip", "install", "-q", *offline, "--no-compile"]
    run_in(source, [*command, "--target", str(target), "."])
    return target


def run_in(folder: Path, command: list[str], *more_paths: Path) -> str:
    """What a command says, which must succeed; the packages in `more_paths` are there for it."""
    paths = os.pathsep.join(str(path) for path in (*more_paths, ROOT))
    done = subprocess.run(
        command,
        cwd=folder,
        env={**without_own_aws(os.environ), "PYTHONPATH": paths},
        check=False,
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_the_template_passes_its_own_tests(installed: Path, tmp_path: Path) -> None:
    source = copied_out(TEMPLATE, tmp_path)
    said = run_in(tmp_path, [sys.executable, "-m", "pytest", "-q", f"{source}/tests"], installed)
    tests = re.findall(r"^def test_", FILES[f"{TEMPLATE}/tests/test_my_alerts.py"], flags=re.M)
    assert f"{len(tests)} passed" in said


@pytest.mark.parametrize("number", range(3))
def test_what_is_said_of_the_installed_template(
    installed: Path, tmp_path: Path, ntfy: Ntfy, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    """Each command is followed by what it says, of which some may be left out."""
    table = re.search(r"\[my-alerts\].*?(?=^```)", FILES[f"{TEMPLATE}/README.md"], re.M | re.S)
    assert table is not None
    config, address = tmp_path / "config.toml", tmp_path / "address"
    config.write_text(re.sub(r"/home/you\S+(?=\")", str(address), table[0]), encoding="utf-8")
    address.write_text(ntfy.address, encoding="utf-8")
    address.chmod(0o600)
    command, shown = re.findall(
        r"^```sh\n(dcp-engine .+?)\n```\n\n```text\n(.+?)^```$",
        section("Installing and looking at it"),
        flags=re.M | re.S,
    )[number]
    monkeypatch.syspath_prepend(installed)
    where = ["--config", str(config), "--db", str(tmp_path / "runs.db")]
    result = CliRunner().invoke(cli, [*command.split()[1:], *where])
    sys.modules.pop("dcp_engine_my_alerts")
    said = result.output.splitlines()
    for line in shown.replace("…\n", "").splitlines():
        assert line in said, result.output
    assert result.exit_code == (4 if "check" in command else 0)
    assert len(ntfy.messages) == (1 if "test" in command else 0)


def test_the_template_says_of_itself_what_is_so() -> None:
    project = tomllib.loads(FILES[f"{TEMPLATE}/pyproject.toml"])["project"]
    readme = FILES[f"{TEMPLATE}/README.md"]
    plugin = module(f"{TEMPLATE}/dcp_engine_my_alerts/__init__.py")
    assert project["name"] == TEMPLATE
    fields = plugin.Options.__struct_fields__
    assert re.findall(r"^\| `(\w+)` \|", readme, flags=re.M) == list(fields)
    for kind in plugin.Options(address=Secret("https://ntfy.sh/x")).kinds:
        assert f"`{kind}`" in readme


def test_the_commands_for_a_shell_are_those_there_are() -> None:
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    own = tomllib.loads(FILES[f"{TEMPLATE}/pyproject.toml"])["project"]
    others = []
    for line in SHELL:
        if line.startswith("dcp-engine "):
            shown = CliRunner().invoke(cli, [*line.split()[1:], "--help"])
            assert shown.exit_code == 0, line
        else:
            others.append(line)
    assert others == [
        "pip install 'dcp-engine[testing]'",
        "pip install -e '.[dev]'",
        "python -m pytest",
        "pip install dcp-engine-my-alerts",
        "python -m pip install build twine",
        "python -m build",
        "python -m twine check --strict dist/*",
    ]
    assert "testing" in extras["optional-dependencies"]
    assert "dev" in own["optional-dependencies"]


def test_the_workflow_builds_as_the_page_does_and_needs_no_token() -> None:
    workflow = yaml.safe_load(FILES[".github/workflows/publish.yml"])
    job = workflow["jobs"]["publish"]
    assert job["permissions"] == {"id-token": "write"}
    assert "python -m build" in [step.get("run") for step in job["steps"]]
    assert job["steps"][-1]["uses"].startswith("pypa/gh-action-pypi-publish@")


def test_every_hook_is_in_the_table_of_what_you_want() -> None:
    hooks = {name for name, _ in inspect.getmembers(hookspecs.Hooks, inspect.isfunction)}
    table = rows("What you want, and which hook it is")
    assert {hook.strip("`") for _, hook, _ in table} == hooks
    for _, _, what in table:
        for name in re.findall(r"`([A-Z]\w+)`", what):
            assert hasattr(hookspecs, name), name


def test_everything_on_the_bench_is_in_its_table() -> None:
    named = set(re.findall(r"^\| `bench\.(\w+)", section("Testing"), flags=re.M))
    there = {name for name in dir(Bench) if not name.startswith("_")}
    assert named == {*there, "aws", "clock"} - {"close"}


def test_a_plugin_for_other_hooks_is_left_out() -> None:
    (version,) = [text for kind, text in OTHERS if kind == "python"]
    block = f"{version}\n{FILES['my_alerts.py']}"
    fits = module("fits", block)
    assert fits.dcp_engine_hooks == hookspecs.VERSION
    plugins = Plugins()
    plugins.add("fits", fits)
    assert plugins.failures == []
    plugins.add("newer", module("newer", block.replace("1", str(hookspecs.VERSION + 1), 1)))
    assert [failure.plugin for failure in plugins.failures] == ["newer"]


def test_the_limits_that_it_names_are_the_engines() -> None:
    said = " ".join(PAGE.split())
    hours = outbox.GIVE_UP_AFTER // timedelta(hours=1)
    assert f"for up to {hours} hours" in said
    assert (
        f"has failed {_TEN[pauses.SUSPENDED_AFTER]} times on end is tried only once a day" in said
    )
    assert pauses.SUSPENDED_FOR // timedelta(days=1) == 1
    assert "It has a minute; a step has, too." in said
    assert duties.THIRD_PARTY_PATIENCE // timedelta(minutes=1) == 1


_TEN = {10: "ten"}


def test_every_kind_of_event_is_in_the_table_with_its_data() -> None:
    table = {
        kind.strip("`"): set(re.findall(r"`(\w+)`", data))
        for kind, _, data in (
            row if len(row) == 3 else [*row, ""] for row in rows("Kinds of events")
        )
    }
    assert table == kinds()


def test_a_whole_run_has_no_other_events(bench: Bench) -> None:
    run = bench.run(State.EXPORTED, jobs=3, machines=2)
    known = kinds()
    for event in bench.events(run):
        assert event.kind in known, event
        assert set(event.data) <= known[event.kind], event
    assert len({event.kind for event in bench.events(run)}) > 8
