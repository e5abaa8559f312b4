"""waive: what stays because of it is said, a person consents, and the run goes on without it."""

from collections.abc import Callable

import pytest
from click.testing import Result
from msgspec.structs import replace

from dcp_engine.cli import wish
from dcp_engine.model import Ended, Outcome, Problem, RequestKind, Run, State, Step
from dcp_engine.store.sqlite import SqliteStore
from tests.unit.cli.conftest import Knocks
from tests.unit.runs import FLEET_ID, START, run

Invoke = Callable[..., Result]
Add = Callable[..., Run]

DENIED = "sqs:DeleteQueue: not allowed (AccessDenied)"


@pytest.fixture
def person(monkeypatch: pytest.MonkeyPatch) -> None:
    """Somebody sits at the terminal."""
    monkeypatch.setattr(wish, "_person_there", lambda: True)


def stuck(**changes: object) -> Run:
    steps = (
        Step(name="fleets", ended=Ended.DONE),
        Step(name="queue", attempts=1, failures=1, last_error=DENIED),
        Step(name="logs", attempts=2, reason="another export holds the account's one export slot"),
    )
    problem = Problem(name="step-queue", since=START, text="It failed.", needs_person=True)
    facts = {"steps": steps, "problems": (problem,), "first_cancel_at": START, **changes}
    return run(State.TEARDOWN, **{"machines_ended_at": START, **facts})


def test_nobody_is_there_to_be_asked(
    invoke: Invoke, add: Add, store: SqliteStore, aws: Knocks
) -> None:
    before = add(stuck())
    result = invoke("waive", "Exp1", "queue")
    assert result.exit_code == 2
    assert "Add --yes" in result.stderr
    assert store.run(before.id) == before
    assert store.requests(before.id) == []
    assert aws.count == 0


@pytest.mark.usefixtures("person")
def test_what_it_leaves_is_said_and_no_is_no(invoke: Invoke, add: Add, store: SqliteStore) -> None:
    before = add(stuck())
    result = invoke("waive", "Exp1", "queue", text="n\n")
    assert result.exit_code == 0
    assert "tried 1 time\n" in result.stdout
    assert f"last error  {DENIED}" in result.stdout
    assert "The queue Exp1Queue stays, with what is in it." in result.stdout
    assert "Nothing was changed." in result.stdout
    assert store.requests(before.id) == []
    waiting = invoke("waive", "Exp1", "logs", text="n\n").stdout
    assert "waiting     another export holds" in waiting
    assert "CloudWatch Logs (Exp1 and Exp1_perInstance)" in waiting


@pytest.mark.usefixtures("person")
def test_machines_that_bill_on_are_said_louder(invoke: Invoke, add: Add) -> None:
    add(stuck(steps=(Step(name="fleets"), Step(name="last-look")), machines_ended_at=None))
    fleets = invoke("waive", "Exp1", "fleets", text="n\n")
    assert f"dcp-engine gives up stopping {FLEET_ID}" in fleets.stdout
    assert "MACHINES MAY RUN AND BE BILLED ON" in fleets.stdout
    assert "LEAVE MACHINES RUNNING that nobody watches or ends" in fleets.stderr
    last = invoke("waive", "Exp1", "last-look", text="n\n")
    assert "Exp1Worker" in last.stdout
    assert "LEAVE MACHINES RUNNING" in last.stderr


@pytest.mark.usefixtures("person")
def test_every_step_there_is_has_its_words(invoke: Invoke, add: Add) -> None:
    names = ["service", "task-definitions", "cluster", "alarms", "dashboard", "monitor-file"]
    names += ["report"]
    add(stuck(steps=tuple(Step(name=name) for name in (*names, "slack"))))
    said = {name: invoke("waive", "Exp1", name, text="n\n").stdout for name in names}
    assert not [name for name, text in said.items() if "of a plugin" in text]
    assert "of a plugin" in invoke("waive", "Exp1", "slack", text="n\n").stdout


@pytest.mark.usefixtures("person")
def test_yes_is_obeyed_at_once(invoke: Invoke, add: Add, store: SqliteStore) -> None:
    before = add(stuck())
    result = invoke("waive", "Exp1", "queue", text="y\n")
    after = store.run(before.id)
    step = after.step("queue")
    assert step is not None
    assert step.ended is Ended.WAIVED
    assert after.problem("step-queue") is None
    assert "A person waived the step queue" in result.stdout
    assert "Still to do: logs" in result.stdout
    assert "dcp-engine resume Exp1" in result.stdout


UNENDED = "MACHINES MAY RUN ON AND BE BILLED: a person waived the step "


def given_up(name: str, last_look: Ended | None, **changes: object) -> Run:
    steps = {"fleets": Ended.DONE, "queue": Ended.DONE, "last-look": last_look, name: Ended.WAIVED}
    held = tuple(Step(name=step, ended=ended) for step, ended in steps.items())
    return stuck(steps=held, problems=(), machines_ended_at=None, **changes)


@pytest.mark.parametrize(("name", "last_look"), [("fleets", None), ("fleets", Ended.KEPT)])
def test_machines_that_nobody_ends_are_not_forgotten(
    invoke: Invoke, add: Add, name: str, last_look: Ended | None
) -> None:
    add(given_up(name, last_look))
    one, several = invoke("status", "Exp1").stdout, invoke("status").stdout
    assert f"  {UNENDED}fleets" in one.splitlines()[1]
    assert several.splitlines()[2].startswith(f"  {UNENDED.replace(':', ' ')[:45]}")
    for shown in (one, several):
        assert f"Cancel {FLEET_ID} yourself" in " ".join(shown.split())


@pytest.mark.parametrize("name", ["fleets", "last-look"])
def test_the_final_account_names_them_too(invoke: Invoke, add: Add, name: str) -> None:
    held = given_up(name, Ended.KEPT)
    add(replace(held, state=State.EXPORTED, outcome=Outcome.ABORTED))
    assert f"in AWS    {UNENDED}{name}" in invoke("resume", "Exp1").stdout


def test_a_last_look_that_found_nothing_alive_settles_it(invoke: Invoke, add: Add) -> None:
    add(given_up("fleets", Ended.DONE))
    assert "MAY RUN" not in invoke("status", "Exp1").stdout


def test_waiving_the_fleets_says_it_at_once(invoke: Invoke, add: Add) -> None:
    add(stuck(steps=(Step(name="fleets"), Step(name="logs")), machines_ended_at=None))
    text = invoke("waive", "Exp1", "fleets", "--yes").stdout
    assert f"Exp1 is being taken down. Still to do: logs. {UNENDED}fleets" in text


def test_another_driver_obeys(
    invoke: Invoke, add: Add, store: SqliteStore, driven_elsewhere: Callable[[Run], None]
) -> None:
    before = add(stuck())
    driven_elsewhere(before)
    result = invoke("waive", "Exp1", "queue", "--yes")
    assert "The waiver is recorded. dcp-engine monitor (process 17 on laptop)" in result.stdout
    [request] = store.requests(before.id)
    assert (request.kind, request.data) == (RequestKind.WAIVE, {"step": "queue"})


@pytest.mark.parametrize(
    ("held", "step", "words"),
    [
        (stuck(), "quee", "Exp1 has no step named quee. These can be waived: queue, logs."),
        (stuck(), "fleets", "The step fleets of Exp1 has ended already (done)."),
        (run(State.RUNNING), "queue", "Exp1 is RUNNING: nothing of it is being taken down"),
        (run(State.EXPORTED, outcome=Outcome.COMPLETED), "queue", "has ended"),
    ],
)
def test_a_step_that_cannot_be_waived(
    invoke: Invoke, add: Add, store: SqliteStore, held: Run, step: str, words: str
) -> None:
    add(held)
    result = invoke("waive", "Exp1", step, "--yes")
    assert result.exit_code == 2
    assert words in result.stderr
    assert store.requests(held.id) == []
