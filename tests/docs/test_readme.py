"""The README's commands, from a copy of the checkout in a fresh environment."""

import os
import re
import shutil
import subprocess
from pathlib import Path

from click.testing import CliRunner

from dcp_engine.cli.root import cli

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
COMMANDS = re.findall(r"^```sh\n(.+?)\n```$", README, flags=re.MULTILINE)


def copy_of_the_checkout(target: Path) -> Path:
    """What a clone of the present work would hold."""
    listed = subprocess.run(
        ["git", "ls-files", "-co", "--exclude-standard", "-z"],
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    for name in filter(None, listed.split("\0")):
        if (ROOT / name).is_file():
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, target / name)
    return target


def test_there_are_two_commands_and_ci_runs_the_second() -> None:
    assert len(COMMANDS) == 2
    ci = (ROOT / ".ci" / "run").read_text(encoding="utf-8")
    assert ci.splitlines()[-1] == COMMANDS[1]


def test_the_demo_command_does_all_set_up_and_ends_well(tmp_path: Path) -> None:
    checkout = copy_of_the_checkout(tmp_path / "clone")
    bare = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("AWS_", "DCP_ENGINE_", "PYTHON", "VIRTUAL_ENV"))
    }
    done = subprocess.run(
        COMMANDS[0],
        shell=True,
        cwd=checkout,
        # pip would compile all of moto and boto3, of which the demo uses a small part.
        env={**bare, "PIP_COMPILE": "0"},
        check=False,
        capture_output=True,
        text=True,
        timeout=600,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Everything is as it should be." in done.stdout


def test_every_linked_page_is_there() -> None:
    pages = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
    for page in pages:
        text = page.read_text(encoding="utf-8")
        for link in re.findall(r"\]\((?!https?:)([^)#]+)", text):
            assert (page.parent / link).is_file(), f"{page.name} links to {link}"


def test_the_commands_in_the_readme_are_commands_there_are() -> None:
    runner = CliRunner()
    used = set(re.findall(r"`dcp-engine ([a-z-]+)", README))
    assert {"monitor", "resume", "register", "status", "abort"} <= used
    for command in used:
        shown = runner.invoke(cli, [command, "--help"])
        assert shown.exit_code == 0, command
