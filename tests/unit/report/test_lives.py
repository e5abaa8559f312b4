"""The machines' lives as bars, and how they ended."""

from datetime import timedelta
from typing import Any

import pytest

from dcp_engine.model import Machine
from dcp_engine.report.axis import WIDTH, TimeAxis
from dcp_engine.report.endings import MEANT, Ending, ending_of
from dcp_engine.report.lives import OTHERS, Lives, drawn, lives_of
from dcp_engine.report.summary import most_at_once
from dcp_engine.series import CPU, Bucket, Spread
from tests.unit.report.pictures import ASKED, HOUR, MINUTE, TAKEN, machine, seen
from tests.unit.runs import START, run

AXIS = TimeAxis(start=START, end=START + 10 * HOUR)
CANCEL = START + 8 * HOUR


def lived(number: int, start: float, end: float | None, **changes: Any) -> Machine:
    """A machine from so many hours after START to so many."""
    ended_at = None if end is None else START + end * HOUR
    return machine(number, START + start * HOUR, **{"ended_at": ended_at, **changes})


def bars(*machines: Machine) -> Lives:
    return drawn(lives_of(run(), machines, {}, AXIS.end), AXIS)


@pytest.mark.parametrize(
    ("reason", "end", "ending"),
    [
        (None, None, Ending.UP),
        (TAKEN, 3, Ending.SPOT),
        ("Server.SpotInstanceShutdown: Spot instance shutdown", 3, Ending.SPOT),
        (TAKEN, 9, Ending.SPOT),
        (ASKED, 8, Ending.TEARDOWN),
        (None, 9, Ending.TEARDOWN),
        (ASKED, 3, Ending.ASKED),
        ("User initiated (2030-01-01 15:00:00 GMT)", 3, Ending.ASKED),
        ("Client.InstanceInitiatedShutdown: Instance initiated shutdown", 3, Ending.ITSELF),
        ("Server.InternalError: Internal error on launch", 3, Ending.AWS),
        ("Client.VolumeLimitExceeded: Volume limit exceeded", 3, Ending.AWS),
        (None, 3, Ending.UNKNOWN),
        ("", 3, Ending.UNKNOWN),
        ("something new", 3, Ending.UNKNOWN),
    ],
)
def test_how_a_machine_ended(reason: str | None, end: float | None, ending: Ending) -> None:
    found = ending_of(lived(1, 0, end, reason=reason), run(first_cancel_at=CANCEL), ())
    assert found is ending


def test_every_ending_is_explained() -> None:
    assert set(MEANT) == set(Ending)


@pytest.mark.parametrize(
    ("minutes_before", "percent", "ending"),
    [
        (20, 0.4, Ending.IDLE),
        (20, 1.0, Ending.ASKED),
        (70, 0.4, Ending.ASKED),
        (-5, 0.4, Ending.ASKED),
    ],
    ids=["idle at last", "at work at last", "not looked at for long", "told of afterwards"],
)
def test_one_that_did_nothing_was_ended_by_its_alarm(
    minutes_before: float, percent: float, ending: Ending
) -> None:
    one = lived(1, 0, 3, reason=ASKED)
    cpu = [seen(START + 3 * HOUR - minutes_before * MINUTE, one.instance_id, cpu=percent)]
    assert ending_of(one, run(), cpu) is ending


def test_a_machine_that_worked_and_then_was_idle_is_idle_in_its_last_span() -> None:
    one = lived(1, 0, 3, reason=ASKED)

    def use(hour: int, spread: Spread) -> Bucket:
        return Bucket(at=START + hour * HOUR, span=HOUR, values={CPU: spread})

    worked = use(1, Spread(90.0, 80.0, 99.0, 12))
    mixed = use(2, Spread(60.0, 0.1, 99.0, 12))
    assert ending_of(one, run(), [mixed, worked]) is Ending.IDLE


def test_when_the_teardown_saw_all_end_a_forgotten_one_ended_then() -> None:
    over = run(first_cancel_at=CANCEL, machines_ended_at=CANCEL + MINUTE)
    (life,) = lives_of(over, [lived(1, 0, None)], {}, AXIS.end)
    assert (life.ending, life.end) == (Ending.TEARDOWN, CANCEL + MINUTE)


def test_no_machines_no_bars() -> None:
    found = bars()
    assert (found.groups, found.endings, found.lanes) == ((), {}, 0)


def test_machines_share_a_line_when_one_came_after_the_other() -> None:
    found = bars(lived(1, 0, 4), lived(2, 1, 3), lived(3, 5, 9), lived(4, 3.5, 6))
    (group,) = found.groups
    (row,) = group.rows
    assert row.lanes == 2
    assert [(bar.x, bar.lane) for bar in row.bars] == [(0, 0), (1000, 1), (3500, 1), (5000, 0)]
    assert (group.count, group.hours) == (4, 4 + 2 + 4 + 2.5)


def test_a_life_of_no_time_can_be_seen() -> None:
    (row,) = bars(lived(1, 2, 2), lived(2, 10, 10)).groups[0].rows
    assert all(bar.width > 0 and bar.x + bar.width <= WIDTH for bar in row.bars)


def test_a_machine_that_ended_before_it_began_by_another_clock_lived_no_time() -> None:
    (life,) = lives_of(run(), [lived(1, 2, 1)], {}, AXIS.end)
    assert life.hours == 0


def test_they_are_grouped_by_place_and_by_how_they_ended() -> None:
    found = bars(
        lived(1, 0, 1, reason=TAKEN),
        lived(2, 0, None),
        lived(3, 0, 1, reason=TAKEN, zone="us-east-1b"),
        lived(4, 0, 1, type=None, zone=None),
    )
    shown = {group.name: {row.ending: row.count for row in group.rows} for group in found.groups}
    assert shown == {
        "m5.xlarge in us-east-1a": {Ending.UP: 1, Ending.SPOT: 1},
        "m5.xlarge in us-east-1b": {Ending.SPOT: 1},
        "type unknown in zone unknown": {Ending.UNKNOWN: 1},
    }
    assert found.endings == {Ending.UP: 1, Ending.SPOT: 2, Ending.UNKNOWN: 1}


def test_many_places_are_put_together_and_none_is_lost() -> None:
    found = bars(*(lived(n, 0, 1, type=f"m{n % 30}.large") for n in range(100)))
    assert len(found.groups) == 12
    assert found.groups[-1].name == OTHERS
    assert sum(group.count for group in found.groups) == 100


def test_many_at_once_are_thinned_out_and_all_counted() -> None:
    found = bars(*(lived(n, 0, 5) for n in range(1000)))
    assert found.every == 5
    assert sum(len(row.bars) for group in found.groups for row in group.rows) == 200
    assert [group.count for group in found.groups] == [1000]
    assert not found.each


def test_few_have_a_name_each() -> None:
    (row,) = bars(lived(1, 0, 1.5, reason=TAKEN)).groups[0].rows
    assert [bar.said for bar in row.bars] == [
        "i-00000000000000001, 2030-01-01 12:00:00 to 2030-01-01 13:30:00, 1 hour and 30 minutes: "
        "spot interruption"
    ]


def test_how_many_were_up_at_once() -> None:
    lives = lives_of(
        run(), [lived(1, 0, 4), lived(2, 4, 6), lived(3, 5, None), lived(4, 5, 5)], {}, AXIS.end
    )
    assert most_at_once(lives) == 2
    assert most_at_once(()) == 0
    assert lives[-1].end == START + timedelta(hours=5)
