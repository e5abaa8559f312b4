"""Every kind of event that the engine writes down, and what its data can hold, by its source."""

import ast
from collections.abc import Iterator
from pathlib import Path

import dcp_engine
from dcp_engine.app import App

_PACKAGE = Path(dcp_engine.__file__).parent
_ELSEWHERE = {"aws", "simulation", "store", "testing"}
"""What writes no events of a run."""


def kinds() -> dict[str, set[str]]:
    """Kind → every key that its data can have."""
    found: dict[str, set[str]] = {}
    for path in sorted(_PACKAGE.rglob("*.py")):
        if path.relative_to(_PACKAGE).parts[0] not in _ELSEWHERE:
            for kind, keys in _in(ast.parse(path.read_text(encoding="utf-8"))):
                found.setdefault(kind, set()).update(keys)
    # What a person asked for is handed on as it was asked.
    found["abort"] |= _asked_by("abort")
    return found


def kinds_of_the_engine() -> set[str]:
    """Those that the engine itself writes down, and none of its plugins."""
    builtin = _PACKAGE / "builtin"
    plugins = {
        kind
        for path in builtin.glob("*.py")
        for kind, _ in _in(ast.parse(path.read_text(encoding="utf-8")))
    }
    return set(kinds()) - plugins


def _in(tree: ast.AST) -> Iterator[tuple[str, set[str]]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Tuple) and len(node.elts) == 3:
            kind, _, data = node.elts
            if isinstance(data, ast.Dict) or "dict(" in ast.unparse(data)[:5]:
                yield from _one(kind, _keys(data))
        elif isinstance(node, ast.Call):
            named = {word.arg: word.value for word in node.keywords if word.arg}
            match ast.unparse(node.func).rpartition(".")[2]:
                case "commit" if "event" in named:
                    yield from _one(named["event"], _keys(named.get("data")))
                case "event" | "_event" if node.args:
                    yield from _one(node.args[-2], set(named))
                case "Event" if "kind" in named:
                    yield from _one(named["kind"], set())
                case "move":
                    yield from _one(ast.Constant("state"), _keys(named.get("data")))


def _one(kind: ast.expr, keys: set[str]) -> Iterator[tuple[str, set[str]]]:
    if isinstance(kind, ast.Constant) and isinstance(kind.value, str):
        yield kind.value, keys


def _keys(data: ast.AST | None) -> set[str]:
    """The keys that are written out, in whatever a dictionary is made of."""
    dicts = [node for node in ast.walk(data) if isinstance(node, ast.Dict)] if data else []
    return {
        key.value
        for node in dicts
        for key in node.keys
        if isinstance(key, ast.Constant) and isinstance(key.value, str)
    }


def _asked_by(method: str) -> set[str]:
    code = ast.parse((_PACKAGE / "app.py").read_text(encoding="utf-8"))
    assert hasattr(App, method)
    (function,) = [
        node for node in ast.walk(code) if isinstance(node, ast.FunctionDef) and node.name == method
    ]
    return {
        word.arg
        for node in ast.walk(function)
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "self._ask"
        for word in node.keywords
        if word.arg
    }
