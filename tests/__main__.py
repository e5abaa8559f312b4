"""Every check the project has, in the order in which they fail fastest: `python -m tests`.

What is given after it goes to pytest.
"""

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
BIN = Path(sys.executable).parent

CHECKS = (
    ("format", [BIN / "ruff", "format", "--check", "."]),
    ("lint", [BIN / "ruff", "check", "."]),
    ("layers", [BIN / "lint-imports", "--no-cache"]),
    ("types", [BIN / "mypy"]),
    # Many of the tests wait for processes and for real time, so more of them go on at a time than
    # a small computer has cores.
    (
        "tests",
        [sys.executable, "-m", "pytest", "-n", "4", "--dist", "worksteal", *sys.argv[1:]],
    ),
)


def main() -> int:
    """Run them all; the exit code is that of the first that fails."""
    # A person's own AWS or dcp-engine settings must not reach a test. The tests start the command
    # hundreds of times, which must not mean compiling it hundreds of times.
    clean = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("AWS_", "DCP_ENGINE_")) and name != "PYTHONDONTWRITEBYTECODE"
    }
    for name, command in CHECKS:
        print(f"== {name}", flush=True)
        words = [str(part) for part in command]
        done = subprocess.run(words, cwd=ROOT, env=clean, check=False)
        if done.returncode:
            print(f"== {name} failed", flush=True)
            return done.returncode
    return 0


if __name__ == "__main__":
    sys.exit(main())
