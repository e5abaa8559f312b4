"""Every operation by every fault: once, five times and for an hour, in each working state.

The first promise, the second, the third and the sixth of the design are what is attacked here; the
ordinary run takes a sample (`tests/matrices.py`).
"""

from collections.abc import Callable
from datetime import timedelta
from functools import cache
from pathlib import Path
from typing import Any

import botocore.loaders
import pytest
from msgspec.structs import replace

from dcp_engine.aws import operations as op
from dcp_engine.defaults import Settings
from dcp_engine.model import State
from dcp_engine.simulation.faults import Fault
from dcp_engine.simulation.runs import Behaviour
from dcp_engine.simulation.server import SimulatedAws
from dcp_engine.simulation.virtual_clock import VirtualClock
from tests.engine.rig import Rig
from tests.reliability import fault_scene as then
from tests.reliability.fault_cases import (
    AFTER_A_DEATH,
    AN_HOUR,
    CALLED,
    CASES,
    EVERYWHERE,
    FOR_THE_UNJOINED,
    STOPS_THE_MONEY,
    Case,
)
from tests.reliability.fault_scene import HOUR, MOST_REQUESTS_AN_HOUR, Scene, scene

Make = Callable[..., Scene]

BRIEFLY = timedelta(minutes=20)
A_DAY = timedelta(hours=24)
# So seldom that a day is not too many ticks.
SELDOM = replace(Settings(), poll_interval=timedelta(minutes=20))
# What one tick may come to where nothing at all succeeds: eight tries of each of eight steps.
MOST_REQUESTS_A_TICK = 8 * 8
# Often enough for every duty to have its turn in a short run.
SETTINGS = Settings(alarm_sweep_interval=timedelta(minutes=10))
SOON_MISSED = replace(
    SETTINGS, join_grace=timedelta(minutes=5), watch_interval=timedelta(minutes=5)
)
ENDING = replace(SOON_MISSED, end_unjoined=True)
# Never the first: where none has joined, the cluster may be another one, and none is ended.
ONE_UNJOINED = (Behaviour.WORKS, Behaviour.NEVER_STARTS)
# It is only made sure of the cluster before machines are ended that never joined it.
FOR_AN_END = (op.END_UNJOINED, op.DESCRIBE_CLUSTERS)
ONE_DIES = (Behaviour.CRASHES,)
# While a run works and nothing happens to it these are asked every six hours only.
ONLY_WHERE_NOT_ALL_IS_WELL = (op.DESCRIBE_SERVICES, op.LIST_TASK_DEFINITIONS)


@pytest.fixture(scope="session")
def models() -> Callable[..., Any]:
    return cache(botocore.loaders.create_loader)


@pytest.fixture(autouse=True)
def models_are_read_once(models: Callable[..., Any], monkeypatch: pytest.MonkeyPatch) -> None:
    """Reading the services' models takes longer than most cases."""
    monkeypatch.setattr(botocore.loaders, "create_loader", models)


@pytest.fixture
def make(
    aws: SimulatedAws, clock: VirtualClock, make_rig: Callable[..., Rig], tmp_path: Path
) -> Make:
    def made(
        state: State,
        *,
        stay: timedelta = BRIEFLY,
        settings: Settings = SETTINGS,
        script: tuple[Behaviour, ...] = (),
    ) -> Scene:
        return scene(aws, clock, make_rig(settings), tmp_path, state, stay=stay, script=script)

    return made


BROKEN_ONCE = frozenset(
    {
        # One such answer, believed, left a living fleet behind.
        "TEARDOWN-ec2:CancelSpotFleetRequests-ITEM_FAILED-fleetRequestIdDoesNotExist-once",
        "TEARDOWN-ec2:CancelSpotFleetRequests-ITEM_FAILED-fleetRequestNotInCancellableState-once",
        # Machines that could not be seen were taken for none, so that their work counted as lost.
        "RUNNING-ec2:DescribeSpotFleetInstances-DENIED-an hour",
    }
)
TERMINATING = "TEARDOWN of machines that must be ended by id"
UNJOINED = "RUNNING with a machine that never joins"
WHOLE_DAYS = {f"{state}-{kind}": (state, kind) for state in CALLED for kind in EVERYWHERE}


def prepare(world: Scene, state: State, *, left: bool = False, lost: bool = False) -> None:
    """Bring about what is only called for a reason.

    `left` where machines must be ended by id, `lost` where none is up for a while.
    """
    if lost:
        then.lose_all_machines(world)
    if left:
        then.leave_machines_running(world)
    if state is not State.TEARDOWN:
        world.take_over()


@pytest.mark.matrix("case", [*CALLED, TERMINATING, UNJOINED], sample=1)
def test_the_cases_are_of_what_is_called_in_each_state(make: Make, case: str) -> None:
    left = case == TERMINATING
    state = State.TEARDOWN if left else State(case.split(maxsplit=1)[0])
    if case == UNJOINED:
        world = make(state, script=ONE_UNJOINED, settings=ENDING)
    else:
        world = make(state, script=ONE_DIES)
    called: set[str] = set()

    def noting(label: str) -> Callable[[Any], bool]:
        def note(_: Any) -> bool:
            if world.now().state is state:
                called.add(label)
            return False

        return note

    prepare(world, state, left=left, lost=state is State.RUNNING)
    for operation in op.OPERATIONS:
        world.aws.faults.add(operation.label, Fault.RESET, match=noting(operation.label))
    world.until(lambda run: run.state is State.EXPORTED)
    expected = {operation.label for operation in CALLED[state]}
    unjoined = {operation.label for operation in FOR_THE_UNJOINED}
    if case == UNJOINED:
        assert unjoined <= called <= expected
        return
    if state is State.RUNNING:
        expected -= unjoined - {op.CREATE_TAGS.label}
    if not left:
        expected.discard(op.TERMINATE_INSTANCES.label)
    assert called == expected


@pytest.mark.matrix("case", CASES, sample=3)
def test_no_fault_breaks_a_promise(make: Make, case: Case) -> None:
    go_through(make, case)


@pytest.mark.parametrize("case", [case for case in CASES if str(case) in BROKEN_ONCE], ids=str)
def test_what_once_broke_a_promise_does_not_any_more(make: Make, case: Case) -> None:
    go_through(make, case)


def go_through(make: Make, case: Case) -> None:
    """One run with one fault, from its beginning to its end."""
    stay = case.span.for_ or BRIEFLY
    if case.state is State.RUNNING and case.operation in FOR_THE_UNJOINED:
        settings = ENDING if case.operation in FOR_AN_END else SOON_MISSED
        world = make(case.state, stay=stay, settings=settings, script=ONE_UNJOINED)
    else:
        dies = case.state is State.RUNNING and case.operation in AFTER_A_DEATH
        # A machine's volumes are asked for when its worker has had half of `join_grace`.
        settings = SOON_MISSED if case.operation is op.DESCRIBE_VOLUMES else SETTINGS
        world = make(case.state, stay=stay, settings=settings, script=ONE_DIES if dies else ())
    prepare(
        world,
        case.state,
        left=case.operation is op.TERMINATE_INSTANCES,
        lost=case.operation is op.DESCRIBE_FLEET_INSTANCES
        or (case.state is State.RUNNING and case.operation in ONLY_WHERE_NOT_ALL_IS_WELL),
    )
    details = {name: told for name, told in case.kind.details.items() if name != "called"}
    rule = world.aws.faults.add(
        case.operation.label,
        case.kind.fault,
        times=case.span.times,
        for_=case.span.for_,
        match=world.begin_in(case.state, of_machines=case.operation is op.LABEL_MACHINES),
        **details,
    )
    world.until(lambda run: rule.hits > 0 or run.state is State.EXPORTED)
    assert rule.hits
    assert world.struck_in[0] is case.state
    first = then.struck(world)[0].at
    if case.span is AN_HOUR and not case.kind.may_be_believed(case.operation):
        # Whatever is tried again after half an hour, and fails again, is told right then.
        world.until(lambda _: world.clock.now() >= first + HOUR / 2)
        hits = rule.hits
        world.until(lambda _: rule.hits > hits or world.clock.now() >= first + HOUR)
        if rule.hits > hits:
            then.says_what_is_wrong(world, first, about=case.operation.label)
    world.until(lambda run: run.state is State.EXPORTED)

    then.nothing_was_stopped_early(world)
    then.target_only_fell(world)
    if case.operation not in STOPS_THE_MONEY:
        then.money_went_first(world)
    then.does_not_hammer(world, first, HOUR, most=MOST_REQUESTS_AN_HOUR)
    then.ended_well(world)


@pytest.mark.matrix("case", list(WHOLE_DAYS), sample=1)
def test_a_permanent_fault_never_hammers_aws(make: Make, case: str) -> None:
    state, kind = WHOLE_DAYS[case]
    world = make(state, stay=A_DAY, settings=SELDOM)
    details = {name: told for name, told in kind.details.items() if name != "called"}
    # Machines that come and go unseen are another matter, so the fleets can be ended in TEARDOWN.
    services = ("sqs", "ecs", "cloudwatch", "logs", "s3") if state is State.TEARDOWN else ("*",)
    for service in services:
        world.aws.faults.add(
            f"{service}:*", kind.fault, for_=A_DAY, match=world.begin_in(state), **details
        )
    world.until(lambda _: bool(then.struck(world)))
    first = then.struck(world)[0].at
    world.until(lambda _: world.clock.now() >= first + A_DAY - HOUR)
    then.says_what_is_wrong(world, first)
    most = int(A_DAY / SELDOM.poll_interval) * MOST_REQUESTS_A_TICK
    then.does_not_hammer(world, first, A_DAY, most=most)
    assert world.now().live

    world.until(lambda run: run.state is State.EXPORTED)
    then.nothing_was_stopped_early(world)
    then.target_only_fell(world)
    then.ended_well(world)


@pytest.mark.matrix("state", list(CALLED), sample=1)
def test_an_hour_without_any_connection(make: Make, state: State) -> None:
    world = make(state, stay=HOUR)
    began = world.clock.now()
    with world.aws.unreachable():
        world.until(lambda _: world.clock.now() >= began + HOUR)
        then.says_what_is_wrong(world, began)
        # Nothing moves without a count, not even a run whose last job is done meanwhile.
        assert world.now().state is (state if state.watches else State.DRAINING)
    world.until(lambda run: run.state is State.EXPORTED)
    then.nothing_was_stopped_early(world)
    then.money_went_first(world)
    then.ended_well(world)
