"""The report in short, for programs."""

from msgspec.structs import replace

from dcp_engine.model import Cancelled, Observation, State, Step
from dcp_engine.picture import Picture, picture
from dcp_engine.progress import DEAD_LETTERS
from dcp_engine.report.page import as_html
from dcp_engine.report.summary import summary_of
from tests.unit.report import pictures
from tests.unit.report.markup import Page, text
from tests.unit.runs import START, fleet, run


def of(*, state: State = State.RUNNING, **facts: object) -> Picture:
    """A run of which only that is known."""
    held = run(state, **facts)
    return picture(held, machines=[], events=[], numbers=[], now=START + pictures.HOUR)


def fact(seen: Picture, name: str) -> str:
    """What the page's summary says."""
    facts = {text(one[0]): text(one[1]) for one in Page(as_html(seen)).one("dl")}
    return facts[name]


def test_the_dead_letters_of_a_run_that_works_are_those_counted_last() -> None:
    counted = Observation(name=DEAD_LETTERS, value=37.0, unit="jobs", at=START)
    seen = of(observations=(counted,))
    assert summary_of(seen).jobs.dead_letters == 37
    assert fact(seen, "Dead letters") == "37jobs that failed for good"


def test_machines_that_nobody_could_ever_look_at_are_unknown() -> None:
    never = of(fleets=(fleet(active=None, observed_at=None),))
    found = summary_of(never).machines
    assert (found.seen, found.up, found.most_at_once, found.hours) == (None, None, None, None)
    assert (fact(never, "Machines"), fact(never, "Machine-hours")) == ("unknown", "unknown")
    assert "its fleets were never seen" in text(Page(as_html(never)).section("machines"))
    looked = of(fleets=(fleet(active=0), fleet(id="sfr-2", active=None)))
    found = summary_of(looked).machines
    assert (found.seen, found.up, found.most_at_once, found.hours) == (0, 0, 0, 0.0)


def test_a_fleet_is_as_it_was_left_and_not_as_it_was_last_looked_at() -> None:
    assert [(f.state, f.target) for f in summary_of(of()).fleets] == [("active", 3)]
    accepted = Step(name="fleets", progress={"answers": {fleet().id: Cancelled.ACCEPTED.value}})
    stopped = of(state=State.TEARDOWN, steps=(accepted,))
    assert [f.state for f in summary_of(stopped).fleets] == ["cancelled_terminating"]
    ended = replace(stopped.run, machines_ended_at=START)
    (found,) = summary_of(replace(stopped, run=ended)).fleets
    assert (found.id, found.state, found.target) == (fleet().id, "cancelled", 0)
