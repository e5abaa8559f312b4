"""A process that goes on for days has loaded whatever it may come to need."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import dcp_engine

PACKAGE = Path(dcp_engine.__file__).parent
# What a person's command asks for, and what is asked for before the first look.
NOT_OF_A_WATCH = (
    *("cli", "doctor", "simulation", "testing", "app", "plugin_desk", "settings", "text_input"),
    "aws.session",
)
# With Python itself, so that no new version of ours brings another one.
STANDARD = sys.stdlib_module_names


def late(node: ast.AST, within: bool = False) -> Iterator[str]:
    """What a module imports only when one of its functions is called."""
    for child in ast.iter_child_nodes(node):
        inside = within or isinstance(child, ast.FunctionDef)
        if within and isinstance(child, ast.Import):
            yield from (alias.name for alias in child.names)
        elif within and isinstance(child, ast.ImportFrom):
            assert child.module is not None
            yield child.module
        else:
            yield from late(child, inside)


def loaded_late() -> set[str]:
    found = set[str]()
    for path in PACKAGE.rglob("*.py"):
        name = ".".join(path.relative_to(PACKAGE).with_suffix("").parts)
        if not name.startswith(NOT_OF_A_WATCH):
            found |= {*late(ast.parse(path.read_text()))}
    return {name for name in found if name.partition(".")[0] not in STANDARD}


def test_whatever_is_loaded_late_is_loaded_beforehand() -> None:
    code = "from dcp_engine.whole import load_all; load_all(); import sys; print(*sys.modules)"
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    wanted = loaded_late()
    assert {"dcp_engine.aws.logs", "dcp_engine.report.files", "tenacity"} <= wanted
    # Before the first look the database is opened, and brought up to date where it must be.
    assert wanted - {*result.stdout.split()} <= {"sqlite_utils", "psutil"}
