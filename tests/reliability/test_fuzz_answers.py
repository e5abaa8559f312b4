"""Answers that AWS really gave, garbled: nothing but the taxonomy's errors comes of them."""

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from dcp_engine.aws.operations import OPERATIONS
from dcp_engine.aws.session import Sessions
from dcp_engine.errors import AwsError, NotOurs
from dcp_engine.model import Run, State
from dcp_engine.ports import Aws, ContainerInstance, MetricQuery
from dcp_engine.simulation.launch import launch_run
from dcp_engine.simulation.runs import Behaviour, Scenario
from dcp_engine.simulation.server import SimulatedAws
from dcp_engine.simulation.virtual_clock import VirtualClock
from tests.engine.rig import Rig
from tests.reliability.garble import garbled
from tests.reliability.overseer import FIVE_MINUTES, Overseer
from tests.unit.aws.conftest import REGION, Bench, Line, Reply, isolate

Call = Callable[[Aws, Run, tuple[str, ...]], object]


def _span(run: Run) -> tuple[datetime, datetime]:
    return run.earliest_start, run.earliest_start + timedelta(hours=1)


CALLS: dict[str, Call] = {
    "machines.label": lambda aws, run, machines: aws.machines.label(machines, ()),
    "alarms.place": lambda aws, run, machines: aws.alarms.place(machines[0]),
    "identity": lambda aws, run, _: aws.identity.account(),
    "queue.look": lambda aws, run, _: aws.queue.look(None),
    "queue.dead_letters": lambda aws, run, _: aws.queue.dead_letters(
        str(run.identities.dead_letter_queue_arn)
    ),
    "queue.delete": lambda aws, run, _: aws.queue.delete(str(run.identities.queue_url)),
    "capacity.describe": lambda aws, run, _: aws.capacity.describe(run.fleet_ids),
    "capacity.machines": lambda aws, run, _: aws.capacity.machines(run.fleet_ids[0]),
    "capacity.troubles": lambda aws, run, _: aws.capacity.troubles(
        run.fleet_ids[0], run.earliest_start
    ),
    "capacity.lower_target": lambda aws, run, _: aws.capacity.lower_target(run.fleet_ids[0], 0),
    "capacity.cancel": lambda aws, run, _: aws.capacity.cancel(run.fleet_ids),
    "capacity.claim": lambda aws, run, _: aws.capacity.claim(run.fleet_ids, "x"),
    "machines.of_fleets": lambda aws, run, _: aws.machines.of_fleets(run.fleet_ids),
    "capacity.prices": lambda aws, run, _: aws.capacity.prices(["m5.xlarge"], *_span(run)),
    "machines.facts": lambda aws, run, _: aws.machines.facts(run.fleet_ids),
    "machines.volumes": lambda aws, run, machines: aws.machines.volumes(machines),
    "machines.states": lambda aws, run, machines: aws.machines.states(machines),
    "service.describe": lambda aws, run, _: aws.service.describe(),
    "service.scale_to_zero": lambda aws, run, _: aws.service.scale_to_zero(),
    "service.delete": lambda aws, run, _: aws.service.delete(),
    "service.task_definitions": lambda aws, run, _: aws.service.task_definitions(),
    "service.deregister": lambda aws, run, _: aws.service.deregister_task_definition(
        run.identities.task_definitions[0]
    ),
    "service.cluster": lambda aws, run, _: aws.service.cluster(),
    "service.container_instances": lambda aws, run, _: aws.service.container_instances(),
    "service.joined": lambda aws, run, machines: aws.service.joined(machines),
    "service.deregister_container_instance": lambda aws, run, machines: (
        aws.service.deregister_container_instance(
            ContainerInstance(
                arn=f"arn:aws:ecs:{run.region}:{run.account}:container-instance/lab/c1",
                instance_id=machines[0],
            )
        )
    ),
    "service.delete_cluster": lambda aws, run, _: aws.service.delete_cluster(),
    "alarms.of_machines": lambda aws, run, _: aws.alarms.of_machines(),
    "alarms.of_these": lambda aws, run, machines: aws.alarms.of_these(machines),
    "alarms.queue_alarms": lambda aws, run, _: aws.alarms.queue_alarms(),
    "alarms.delete": lambda aws, run, _: aws.alarms.delete(run.names.queue_alarms),
    "alarms.delete_dashboard": lambda aws, run, _: aws.alarms.delete_dashboard(),
    "metrics.data": lambda aws, run, machines: aws.metrics.data(
        [
            MetricQuery(
                namespace="AWS/EC2", metric="CPUUtilization", dimensions=(("InstanceId", each),)
            )
            for each in machines
        ],
        *_span(run),
        FIVE_MINUTES,
    ),
    "logs.search": lambda aws, run, _: aws.logs.search("Exp1", "x", *_span(run), most=10),
    "logs.group_seen_at": lambda aws, run, _: aws.logs.group_seen_at("Exp1"),
    "logs.groups_seen_at": lambda aws, run, _: aws.logs.groups_seen_at(run.names.log_groups),
    "logs.start_export": lambda aws, run, _: aws.logs.start_export(
        "Exp1", *_span(run), "exportedlogs/Exp1"
    ),
    "logs.export": lambda aws, run, _: aws.logs.export("any"),
    "logs.find_export": lambda aws, run, _: aws.logs.find_export(
        "Exp1", *_span(run), "exportedlogs/Exp1"
    ),
}
FOR_THE_LIVING = {"machines.label", "alarms.place"}


class Recording:
    """A whole life's answers as they came over the wire, and the run as it was then."""

    def __init__(self) -> None:
        self.replies: dict[str, list[Reply]] = {}
        self.run: Run
        self.machines: tuple[str, ...] = ()

    def listen(self, client: Any) -> None:
        client.meta.events.register("before-parse", self._note, unique_id="recording")

    def _note(self, operation_model: Any, response_dict: Any, **_: Any) -> None:
        label = f"{operation_model.service_model.service_name}:{operation_model.name}"
        headers = {"date": response_dict["headers"].get("date", "")}
        reply = Reply(response_dict["status_code"], response_dict["body"], headers)
        if reply.status < 300:
            self.replies.setdefault(label, []).append(reply)


def live(recording: Recording, directory: Path, patch: pytest.MonkeyPatch) -> None:
    """Record a life that makes nearly every call."""
    make = Sessions.client

    def heard(sessions: Sessions, service: str, region: str | None) -> Any:
        client = make(sessions, service, region)
        recording.listen(client)
        return client

    patch.setattr(Sessions, "client", heard)
    clock = VirtualClock()
    with SimulatedAws(clock=clock, seed=3) as aws:
        for name, value in aws.environment().items():
            patch.setenv(name, value)
        launch = launch_run(
            aws,
            "Exp1",
            jobs=2,
            machines=3,
            directory=directory,
            cluster="lab",
            bucket="lab-bucket",
            auto_monitor=True,
            scenario=Scenario(job_duration=(700.0, 800.0), script=(Behaviour.NEVER_STARTS,)),
            visibility_timeout=1000,
        )
        rig = Rig(aws, clock, directory / "computer", plugins={"overseer": Overseer()})
        run = rig.until_state(rig.register(launch, take_over=True).run, State.EXPORTED)
        recording.run = replace(run, state=State.TEARDOWN)
        recording.machines = tuple(machine.instance_id for machine in rig.store.machines(run.id))
        rig.store.close()


@pytest.fixture(scope="module")
def recording(tmp_path_factory: pytest.TempPathFactory) -> Recording:
    recorded = Recording()
    with pytest.MonkeyPatch.context() as patch:
        live(recorded, tmp_path_factory.mktemp("recorded"), patch)
    return recorded


class Wire:
    """Real clients with the recorded answers on the line, and one of them garbled."""

    def __init__(self, recording: Recording, sessions: Sessions, line: Line) -> None:
        self.recording = recording
        self._sessions = sessions
        self.line = line

    def bench(self) -> Bench:
        """A fresh one: its time has not run out, and it knows no account yet."""
        self.line.clear()
        bench = Bench(self._sessions, self.line)
        bench.run = self.recording.run
        bench.machines = self.recording.machines
        return bench


@pytest.fixture(scope="module")
def wire(recording: Recording, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Wire]:
    with pytest.MonkeyPatch.context() as patch:
        isolate(patch, tmp_path_factory.mktemp("aws"))
        patch.setenv("AWS_ACCESS_KEY_ID", "AKIATESTTESTTESTTEST")
        patch.setenv("AWS_SECRET_ACCESS_KEY", "very-secret")
        yield Wire(recording, Sessions(None, REGION, timeout=timedelta(seconds=20)), Line())


def outcome(wire: Wire, name: str, garble: Callable[[str, Reply], Reply]) -> object:
    """What came of a call whose answers went through `garble`; an error of the taxonomy or a value.

    Anything else is raised, and fails the test.
    """
    bench = wire.bench()
    if name in FOR_THE_LIVING:
        bench.watching()
    # The first queue that was asked for is the run's, the last its dead-letter queue.
    turn = 0 if name == "queue.look" else -1
    for label, replies in wire.recording.replies.items():
        bench.line.on(label, garble(label, replies[turn]))
    try:
        return CALLS[name](bench.aws, bench.run, bench.machines)
    except (AwsError, NotOurs) as error:
        assert str(error).isprintable()
        return error


@pytest.mark.parametrize("name", CALLS)
def test_what_was_recorded_is_understood(wire: Wire, name: str) -> None:
    """Else nothing would be garbled but errors."""
    came = outcome(wire, name, lambda _, reply: reply)
    assert not isinstance(came, AwsError | NotOurs)


def test_the_recording_holds_an_answer_of_every_operation_but_those_of_odd_ends(
    recording: Recording,
) -> None:
    odd = {"ec2:TerminateInstances", "ec2:DeleteTags"}
    assert set(recording.replies) | odd == {operation.label for operation in OPERATIONS}


@settings(
    deadline=None,
    max_examples=180,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(name=st.sampled_from(sorted(CALLS)), seed=st.integers(0, 2**32))
def test_a_garbled_answer_is_an_error_of_the_taxonomy_or_still_an_answer(
    wire: Wire, name: str, seed: int
) -> None:
    rnd = Random(seed)

    def garble(label: str, reply: Reply) -> Reply:
        return Reply(reply.status, garbled(reply.body, rnd), reply.headers)

    outcome(wire, name, garble)


@settings(deadline=None, max_examples=40, suppress_health_check=[HealthCheck.too_slow])
@given(
    name=st.sampled_from(sorted(CALLS)),
    seed=st.integers(0, 2**32),
    status=st.sampled_from([200, 202, 204, 301, 302, 400, 403, 404, 413, 429, 500, 503, 504]),
    date=st.one_of(st.none(), st.text(max_size=40)),
)
def test_nor_do_odd_statuses_and_dates_make_a_difference(
    wire: Wire, name: str, seed: int, status: int, date: str | None
) -> None:
    rnd = Random(seed)
    headers = {} if date is None else {"date": date}

    def garble(label: str, reply: Reply) -> Reply:
        body = rnd.choice([reply.body, garbled(reply.body, rnd), b"", rnd.randbytes(50)])
        return Reply(status, body, headers)

    outcome(wire, name, garble)
