"""The blocks of docs/writing-plugins.md."""

import re
import types
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "writing-plugins.md").read_text(encoding="utf-8")
_FENCED = r"^(?P<fence>`{3,})(?P<kind>\w+)\n(?P<text>.*?)^(?P=fence)$"

FILES = {
    found["name"]: found["text"]
    for found in re.finditer(rf"^\*\*`(?P<name>.+?)`\*\*\n\n{_FENCED}", PAGE, re.M | re.S)
}
"""Those that are headed by a file's name."""

OTHERS = [
    (found["kind"], found["text"])
    for found in re.finditer(_FENCED, PAGE, re.M | re.S)
    if found["text"] not in FILES.values()
]
"""The rest, each with its language."""

SHELL = [line for kind, text in OTHERS if kind == "sh" for line in text.splitlines()]


def section(title: str) -> str:
    """What stands under a heading."""
    found = re.search(rf"^## {re.escape(title)}\n(.+?)(?=^## |\Z)", PAGE, re.M | re.S)
    assert found is not None, f"there is no section {title}"
    return found[1]


def rows(title: str) -> list[list[str]]:
    """The cells of the table in a section, without its head."""
    lines = [line for line in section(title).splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line.strip("|").split(" | ")] for line in lines[2:]]


def module(name: str, text: str | None = None) -> types.ModuleType:
    """A Python file of the page, as a plugin of that name."""
    made = types.ModuleType(Path(name).stem)
    code = FILES[name] if text is None else text
    exec(compile(code, f"docs/writing-plugins.md:{name}", "exec"), made.__dict__)
    return made


def copied_out(names: str, target: Path) -> Path:
    """Write the files whose names begin so; the folder they are in."""
    for name, text in FILES.items():
        if name.startswith(names):
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            (target / name).write_text(text, encoding="utf-8")
    return target / names
