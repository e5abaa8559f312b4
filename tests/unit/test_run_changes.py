"""What a duty or a step may write into a run, and what AWS is asked before it is believed."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, cast

import pytest
from msgspec.structs import replace

from dcp_engine.errors import Denied, Refused
from dcp_engine.model import Fleet, Run
from dcp_engine.ports import Capacity, FleetFacts
from dcp_engine.run_changes import bounded
from tests.unit.runs import START, run

A, B = "sfr-a", "sfr-b"


class Fleets:
    """What AWS shows, and how often it was asked."""

    def __init__(self, **targets: int) -> None:
        self.targets = targets
        self.asked = 0

    def describe(self, ids: Sequence[str]) -> Mapping[str, FleetFacts | None]:
        self.asked += 1
        return {i: self._facts(i) for i in ids}

    def _facts(self, fleet_id: str) -> FleetFacts | None:
        target = self.targets.get(fleet_id.partition("-")[2])
        return target and FleetFacts(  # type: ignore[return-value]
            id=fleet_id,
            state="active",
            type="maintain",
            target=target,
            fulfilled=float(target),
            observed_at=START,
        )


def recorded(**targets: int | None) -> Run:
    fleets = tuple(
        Fleet(id=f"sfr-{name}", added_at=START, start_time=START, state="active", target=target)
        for name, target in targets.items()
    )
    return replace(run(), fleets=fleets)


def to(**targets: Any) -> Callable[[Run], Run]:
    def change(run: Run) -> Run:
        fleets = [
            replace(fleet, target=targets.get(fleet.id.partition("-")[2], fleet.target))
            for fleet in run.fleets
        ]
        return replace(run, fleets=tuple(fleets))

    return change


def written(before: Run, change: Callable[[Run], Run], aws: Fleets) -> list[int | None]:
    after = bounded(before, change, cast(Capacity, aws))(before)
    return [fleet.target for fleet in after.fleets]


def test_a_target_is_lowered_and_aws_is_not_asked() -> None:
    aws = Fleets(a=1)
    assert written(recorded(a=4, b=3), to(a=2), aws) == [2, 3]
    assert written(recorded(a=4, b=3), to(a=0, b=1), aws) == [0, 1]
    assert aws.asked == 0


@pytest.mark.parametrize("shown", [{"a": 4}, {"a": 100}, {}], ids=["as it was", "another", "none"])
def test_a_target_is_not_raised_on_a_plugins_word(shown: dict[str, int]) -> None:
    with pytest.raises(Refused, match="write down 500 as the requested capacity of fleet sfr-a"):
        written(recorded(a=4), to(a=500), Fleets(**shown))


def test_what_aws_shows_may_be_written_down() -> None:
    assert written(recorded(a=4), to(a=9), Fleets(a=9)) == [9]
    assert written(recorded(a=None), to(a=9), Fleets(a=9)) == [9]
    with pytest.raises(Refused, match="AWS shows 8"):
        written(recorded(a=None), to(a=9), Fleets(a=8))


def test_an_aws_that_does_not_answer_is_no_proof() -> None:
    class Silent(Fleets):
        def describe(self, ids: Sequence[str]) -> Mapping[str, FleetFacts | None]:
            raise Denied("ec2:DescribeSpotFleetRequests", "UnauthorizedOperation", "no")

    with pytest.raises(Denied):
        written(recorded(a=4), to(a=5), Silent())


@pytest.mark.parametrize(
    ("targets", "words"),
    [
        ({"a": -1}, "no fleet can have"),
        ({"a": None}, "no fleet can have"),
        ({"a": "many"}, "no run can hold"),
        ({"a": 0, "b": 0}, "One stays requested"),
    ],
)
def test_what_no_run_asks_for_is_refused(targets: dict[str, Any], words: str) -> None:
    with pytest.raises(Refused, match=words):
        written(recorded(a=4, b=3), to(**targets), Fleets(a=4, b=3))
