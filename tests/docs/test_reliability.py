"""`docs/reliability.md` names tests that there are, for every promise."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "reliability.md").read_text(encoding="utf-8")


def test_every_promise_is_attacked_by_tests_that_exist() -> None:
    rows = re.findall(r"^\| (\d+)\. \*\*.+$", PAGE, flags=re.MULTILINE)
    assert [int(number) for number in rows] == list(range(1, 11))
    for row in re.findall(r"^\| \d+\. .+$", PAGE, flags=re.MULTILINE):
        assert "tests/" in row


def test_every_test_that_is_named_is_there() -> None:
    named = set(re.findall(r"`(tests/[\w/]+\.py)`", PAGE))
    assert {name for name in named if not (ROOT / name).is_file()} == set()
    attacks = {
        str(path.relative_to(ROOT)) for path in (ROOT / "tests/reliability").glob("test_*.py")
    }
    assert attacks - named == {"tests/reliability/test_waived_machines.py"}
