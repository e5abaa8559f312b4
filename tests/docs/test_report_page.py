"""docs/report.md says what is so."""

import re
from collections.abc import Iterator
from pathlib import Path

import msgspec
from msgspec import inspect

from dcp_engine.report.endings import Ending
from dcp_engine.report.files import files_of
from dcp_engine.report.summary import SCHEMA, Summary
from tests.unit.report.pictures import small

PAGE = (Path(__file__).parents[2] / "docs" / "report.md").read_text(encoding="utf-8")


def section(title: str) -> str:
    return PAGE.split(f"\n## {title}\n")[1].split("\n## ")[0]


def first_cells(text: str) -> list[str]:
    """What the rows of a table begin with."""
    rows = re.findall(r"^\| (.+?) \|", text, re.MULTILINE)
    return [cell.strip("`") for cell in rows[1:]]


def fields(kind: inspect.Type, before: str = "") -> Iterator[str]:
    """Every field of a structure as the page writes it, down to the plain values."""
    if isinstance(kind, inspect.UnionType):
        kind = next(one for one in kind.types if not isinstance(one, inspect.NoneType))
    if isinstance(kind, inspect.StructType):
        for field in kind.fields:
            yield from fields(field.type, f"{before}.{field.name}")
    elif isinstance(kind, inspect.VarTupleType):
        yield from fields(kind.item_type, f"{before}[]")
    else:
        yield before.removeprefix(".")


def test_every_field_of_the_summary_is_explained_and_no_other() -> None:
    table = section("summary.json")
    assert first_cells(table) == list(fields(inspect.type_info(Summary)))
    assert f"| `schema` | {SCHEMA} |" in table


def test_a_summary_reads_back_as_what_it_was() -> None:
    (body,) = [file.body for file in files_of(small()) if file.name == "summary.json"]
    found = msgspec.json.decode(body, type=Summary)
    assert found.jobs.dead_letters == 3
    assert [step.name for step in found.steps][:2] == ["fleets", "logs"]


def test_every_ending_of_a_machine_is_explained() -> None:
    assert first_cells(section("How a machine ended")) == [ending.value for ending in Ending]


def test_every_file_is_named() -> None:
    named = set(first_cells(section("Beside the logs")))
    assert named == {file.name for file in files_of(small())}
