"""States and problems from a run's events."""

from dcp_engine.model import Problem, State
from dcp_engine.report.spans import problems_of, states_of
from tests.unit.report.pictures import HOUR, MINUTE, event, moved
from tests.unit.runs import START, run


def test_a_run_without_events_is_where_it_began() -> None:
    (span,) = states_of(run(), [])
    assert (span.state, span.start, span.end, span.reason) == ("PENDING", START, None, "registered")


def test_a_run_that_goes_back_and_forth() -> None:
    events = [
        moved(START + MINUTE, State.PENDING, State.RUNNING, "jobs were seen"),
        event(START + HOUR, "alarms", "Deleting: 2 alarms."),
        moved(START + HOUR, State.RUNNING, State.DRAINING, "none waits"),
        moved(START + 2 * HOUR, State.DRAINING, State.RUNNING, "a job came back: it had failed"),
    ]
    found = states_of(run(), events)
    assert [(span.state, span.end) for span in found] == [
        ("PENDING", START + MINUTE),
        ("RUNNING", START + HOUR),
        ("DRAINING", START + 2 * HOUR),
        ("RUNNING", None),
    ]
    assert found[-1].reason == "a job came back: it had failed"


def test_a_problem_from_its_beginning_to_its_end_each_time() -> None:
    events = [
        event(START, "problem", "Slow.", problem="slow"),
        event(START + MINUTE, "problem", "Denied.", problem="denied"),
        event(START + 2 * MINUTE, "problem", "Denied, and now a person must.", problem="denied"),
        event(START + HOUR, "problem-over", "No longer so.", problem="slow"),
        event(START + 2 * HOUR, "problem", "Slow again.", problem="slow"),
        event(START + 3 * HOUR, "problem-over", "No longer so.", problem="slow"),
        event(START + 3 * HOUR, "problem-over", "No longer so.", problem="never begun"),
    ]
    found = problems_of(run(), events)
    assert [(p.name, p.text, p.start, p.end) for p in found] == [
        ("slow", "Slow.", START, START + HOUR),
        ("denied", "Denied, and now a person must.", START + MINUTE, None),
        ("slow", "Slow again.", START + 2 * HOUR, START + 3 * HOUR),
    ]


def test_what_was_wrong_is_told_as_it_was_said_last() -> None:
    events = [
        event(START, "problem", "1 job failed.", problem="dead-letters"),
        event(START + MINUTE, "problem", "2 jobs failed, look.", problem="dead-letters"),
        event(START + HOUR, "problem", "Slow.", problem="slow"),
        last := event(START + 2 * HOUR, "problem-over", "Over: 37 failed.", problem="dead-letters"),
        event(START + 2 * HOUR, "problem-over", "Over: slow.", problem="slow"),
    ]
    of_long_ago = problems_of(run(), events)
    assert [p.text for p in of_long_ago] == ["2 jobs failed, look.", "Slow."]
    last.data["text"] = "37 jobs failed, look."
    found = problems_of(run(), events)
    assert [(p.text, p.ended) for p in found] == [
        ("37 jobs failed, look.", "Over: 37 failed."),
        ("Slow.", "Over: slow."),
    ]
    last.data["text"] = 37
    assert problems_of(run(), events) == of_long_ago


def test_what_is_wrong_now_is_told_in_its_present_words() -> None:
    now = Problem(name="slow", since=START, text="Slow for the third hour.")
    unheard = Problem(name="other", since=START + HOUR, text="Its event is lost.")
    events = [event(START, "problem", "Slow.", problem="slow")]
    found = problems_of(run(problems=(unheard, now)), events)
    assert [(p.text, p.end) for p in found] == [
        ("Slow for the third hour.", None),
        ("Its event is lost.", None),
    ]


def test_data_of_another_shape_is_passed_over() -> None:
    events = [
        event(START, "state", "Strange.", to=7),
        event(START, "state", "Strange."),
        event(START, "problem", "Strange.", problem=["a"]),
        event(START, "problem-over", "Strange."),
    ]
    assert len(states_of(run(), events)) == 1
    assert problems_of(run(), events) == []
