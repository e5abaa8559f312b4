"""A process in which plugins were at work ends, and nobody reads their secrets meanwhile."""

import subprocess
import sys
from pathlib import Path

import pytest

TOKEN = "xoxb-Hunter2Hunter2"
# The real command, in a process of its own that has less patience.
COMMAND = """
import dcp_engine.cli.departure as departure
departure.GRACE = {grace}
from dcp_engine.cli import main
main()
"""
HOOKS = """
import atexit, logging, sys, threading, time
from concurrent.futures import ThreadPoolExecutor

import msgspec

from dcp_engine.hookspecs import Secret, hookimpl


class Options(msgspec.Struct):
    token: Secret


@hookimpl
def options():
    return Options


@hookimpl
def notify(options):
"""


def run(
    folder: Path, does: str, *more: str, grace: float = 0.2
) -> subprocess.CompletedProcess[str]:
    """`notify test` with a plugin whose notifier does this."""
    folder.mkdir(mode=0o700, exist_ok=True)
    file = folder / "theirs.py"
    file.write_text(HOOKS + "".join(f"    {line}\n" for line in does.splitlines()))
    config = folder / "config.toml"
    config.write_text(f"plugins = ['{file}']\n[theirs]\ntoken = '{TOKEN}'\n")
    config.chmod(0o600)
    database = folder / "runs.db"
    return subprocess.run(
        [
            *(sys.executable, "-c", COMMAND.format(grace=grace), "notify", "test", "theirs"),
            *("--config", str(config), "--db", str(database), *more),
        ],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


@pytest.mark.parametrize(
    "does",
    [
        "ThreadPoolExecutor(1).submit(time.sleep, 1000)",
        "threading.Thread(target=time.sleep, args=(1000,), daemon=False).start()",
        "atexit.register(time.sleep, 1000)",
    ],
    ids=["a pool", "a thread", "a function for the end"],
)
def test_what_a_plugin_leaves_running_does_not_keep_the_process(tmp_path: Path, does: str) -> None:
    done = run(tmp_path / "a", does)
    assert (done.returncode, done.stdout, done.stderr) == (0, "theirs  told\n", "")
    done = run(tmp_path / "b", f"{does}\nraise ValueError('no')")
    assert done.returncode == 4
    assert done.stdout.startswith("theirs  NOT TOLD: ValueError('no')")


def test_what_a_plugin_has_not_written_yet_is_written(tmp_path: Path) -> None:
    """Python closes such a file only when it collects what refers to itself, at the very end."""
    file = tmp_path / "file"
    does = f"""
class Kept:
    pass
kept = Kept()
kept.itself = kept
kept.file = open({str(file)!r}, "w")
kept.file.write("written")
sys.modules["kept"] = kept
"""
    assert run(tmp_path / "a", does).returncode == 0
    assert file.read_text() == "written"


def test_a_process_without_anybody_else_s_plugins_ends_in_order(tmp_path: Path) -> None:
    code = (
        "import atexit\n"
        "atexit.register(lambda: print('at the end'))\n"
        "from dcp_engine.cli import main\n"
        "main()\n"
    )
    for path in ("missing.db", "missing, too.db"):
        done = subprocess.run(
            [sys.executable, "-c", code, "list", "--json", "--db", str(tmp_path / path)],
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )
        assert (done.returncode, done.stdout, done.stderr) == (0, "[]\nat the end\n", "")


def test_what_is_soon_done_is_waited_for(tmp_path: Path) -> None:
    mark = tmp_path / "mark"
    does = f"""
def finish():
    time.sleep(0.2)
    open({str(mark)!r}, "w").close()
threading.Thread(target=finish, daemon=False).start()
"""
    assert run(tmp_path / "a", does, grace=60).returncode == 0
    assert mark.exists()


def test_what_it_logs_or_fails_in_its_own_threads_shows_no_secret(tmp_path: Path) -> None:
    log = tmp_path / "log"
    does = """
token = options.token.reveal()
logging.getLogger("dcp_engine.plugin.theirs").warning("logged with %s", token)
try:
    raise ValueError(token)
except ValueError:
    logging.getLogger("dcp_engine.plugin.theirs").exception("caught")
def bad():
    raise RuntimeError(f"thread with {token}")
thread = threading.Thread(target=bad)
thread.start()
thread.join()
class Unseen:
    def __del__(self):
        raise RuntimeError(f"unseen with {token}")
Unseen()
def late():
    time.sleep(0.01)
    raise RuntimeError(f"late with {token}")
threading.Thread(target=late, daemon=False).start()
"""
    done = run(tmp_path / "a", does, "--log-file", str(log), "-v")
    assert done.returncode == 0
    written = log.read_text()
    for said in ("logged with (hidden)", "ValueError: (hidden)", "thread with (hidden)"):
        assert said in written
        assert said in done.stderr
    assert "unseen with (hidden)" in written
    assert "In a thread of a plugin's own: Traceback" in written
    assert "Hunter2" not in written + done.stdout + done.stderr
