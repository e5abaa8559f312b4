"""docs/money.md: what its example comes to is what the code makes of it."""

import re
from datetime import datetime, timedelta
from pathlib import Path

from dcp_engine import series
from dcp_engine.model import Machine, State
from dcp_engine.money import TAKEN_BACK, money_of
from dcp_engine.series import Bucket, Spread, price_of
from tests.unit.runs import FLEET_ID, START, fleet, run

PAGE = (Path(__file__).parents[2] / "docs" / "money.md").read_text(encoding="utf-8")
EXAMPLE = PAGE.partition("### An example")[2]
TYPE = "m5.xlarge"


def rows(header: str) -> list[list[str]]:
    """The rows of the table that begins with this header."""
    table = EXAMPLE.partition(f"\n{header}")[2].partition("\n\n")[0]
    lines = [line for line in table.splitlines() if line.startswith("| ") and "---" not in line]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]


def moment(text: str) -> datetime:
    hours, minutes = map(int, text.split(":"))
    return START.replace(hour=hours, minute=minutes)


def number(at: datetime, subject: str = series.RUN, **values: float) -> Bucket:
    spreads = {name: Spread(value, value, value) for name, value in values.items()}
    return Bucket(at=at, span=timedelta(0), values=spreads, subject=subject)


def test_the_example_is_worked_out_right() -> None:
    roll, numbers = [], dict[str, list[Bucket]]()
    now = moment("16:00")
    for name, begin, end, reason, zone, idle in rows("| machine |"):
        back = f"{TAKEN_BACK[0]}: it was needed" if "taken back" in reason else reason
        machine = Machine(
            instance_id=name,
            fleet_id=FLEET_ID,
            first_seen=moment(begin),
            launched_at=moment(begin),
            ended_at=moment(end) if end != "16:00" else None,
            type=TYPE,
            zone=zone,
            reason=back or None,
        )
        roll.append(machine)
        at = moment(begin)
        while at < moment(end):
            left = moment(end) - at
            percent = 0.2 if left <= timedelta(hours=float(idle)) else 93.0
            numbers.setdefault(name, []).append(number(at, name, cpu=percent))
            at += timedelta(minutes=5)
    for zone, since, dollars in rows("| zone |"):
        subject = price_of(TYPE, zone)
        price = number(moment(since), subject, dollars=float(dollars.strip("$")))
        numbers.setdefault(subject, []).append(price)
    lowered, before, after = re.findall(
        r"At (\S+) the requested capacity is lowered from (\d) to (\d)", EXAMPLE
    )[0]
    at = moment("12:00")
    while at < now:
        up = sum(m.began <= at and (m.ended_at is None or at < m.ended_at) for m in roll)
        target = int(before if at < moment(lowered) else after)
        look = number(at, machines=up, fulfilled=up, target=target)
        numbers.setdefault(series.RUN, []).append(look)
        at += timedelta(minutes=10)

    example = run(State.RUNNING, fleets=(fleet(bid=0.2),))
    found = money_of(example, roll, numbers, now)

    assert found.bound is not None
    comes_to = {
        "machine-hours": f"{found.machine_hours:.2f}",
        "billed hours": f"{found.bound / 0.2:g}",
        "cost": f"${found.cost:.2f}",
        "at most": f"${found.bound:.2f}",
        "idle hours": f"{found.idle_hours:g}",
        "idle cost": f"${found.idle:.2f}",
        "saved": f"${found.saved:.2f}",
    }
    assert {name: result for name, _, result in rows("| what |")} == comes_to
