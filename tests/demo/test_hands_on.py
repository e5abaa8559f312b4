"""`dcp-engine demo --hands-on`: a run of pretence for commands and plugins of one's own."""

import os
import re
import subprocess
import sys
from pathlib import Path

from click.testing import CliRunner

from dcp_engine.cli.root import cli
from tests.demo.running import TRAPS, running

PLUGIN = """
from pathlib import Path

from dcp_engine.hookspecs import hookimpl


@hookimpl
def notify(run, event):
    with Path("{told}").open("a") as file:
        file.write(f"{{run.names.app_name}} {{event.kind}} {{event.data.get('to', '')}}\\n")
"""


def test_a_plugin_of_ones_own_is_told_of_a_run_there(tmp_path: Path) -> None:
    mine = tmp_path / "mine"
    mine.mkdir(mode=0o700)
    (mine / "mine.py").write_text(PLUGIN.format(told=mine / "told"))
    (mine / "mine.py").chmod(0o600)
    # So many that one machine is at them for longer than a busy computer takes to start commands.
    options = ("--hands-on", "--jobs", "60", "--machines", "1")
    with running(*options, temporary=tmp_path / "t", stdin=subprocess.PIPE) as demo:
        demo.read_until("Enter, here,")
        assert max(len(line) for line in demo.lines if str(tmp_path) not in line) <= 100
        # As a person would paste it, with the name of the plugin.
        shown = [line.strip() for line in demo.lines if line.startswith("  ")]
        variables, plugin, monitor = shown
        plugin = re.sub(r"(?<==).*", str(mine / "mine.py"), plugin)
        ours, file = f"{sys.executable} -m dcp_engine", monitor.removeprefix("dcp-engine monitor ")
        done = subprocess.run(
            [
                "sh",
                "-ec",
                f"unset DCP_ENGINE_CONFIG\n{variables}\n{plugin}\n"
                f"{ours} register {file}\n{ours} tick --all",
            ],
            env={**os.environ, **TRAPS},
            capture_output=True,
            text=True,
            check=False,
            timeout=110,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        told = (mine / "told").read_text().splitlines()
        assert told[0] == "Exp1 registered "
        assert "Exp1 state RUNNING" in told

        demo.enter()
        file = demo.read_until("dcp-engine monitor").split()[-1]
        assert Path(file).name == "Mine2SpotFleetRequestId.json"
        assert Path(file).exists()
        assert demo.interrupt() == 0, demo.text
    assert list((tmp_path / "t").iterdir()) == []


def test_what_the_person_does_alone_is_not_asked_of_it() -> None:
    for option in ("--cheapest", "--keep"):
        result = CliRunner().invoke(cli, ["demo", "--hands-on", option])
        assert result.exit_code == 2
        assert "leave out --keep" in result.stderr
