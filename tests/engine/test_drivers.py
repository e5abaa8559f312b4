"""One driver at a time: leases, dead processes, frozen ones, other accounts, plugins that hurt."""

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest

from dcp_engine.errors import AwsError, BadInput, LeaseLost, OutOfTime, Refused
from dcp_engine.hookspecs import Context, Duty, DutyResult, hookimpl
from dcp_engine.model import Event, Holder, RequestKind, Run, State
from dcp_engine.simulation.faults import Fault
from dcp_engine.simulation.launch import launch_run
from dcp_engine.simulation.server import SimulatedAws
from dcp_engine.simulation.virtual_clock import VirtualClock
from tests.engine.rig import Rig, leftovers

OTHER = Holder(host="here/0", pid=4242, started=1.0, label="monitor")


def held_by_another(rig: Rig, run: Run, minutes: float = 5) -> None:
    rig.store.acquire(run.id, OTHER, timedelta(minutes=minutes), rig.clock.now(), lambda _: False)


def test_the_second_driver_steps_back_and_says_who_holds_the_run(
    aws: SimulatedAws, rig: Rig, tmp_path: Path
) -> None:
    launch = launch_run(aws, "Exp1", jobs=3, machines=1, directory=tmp_path)
    run = rig.register(launch).run
    held_by_another(rig, run)
    before = aws.requests.count()
    report = rig.tick(run)
    assert report.held_by is not None
    assert "4242" in report.held_by
    assert aws.requests.count() == before


def test_a_dead_process_on_this_host_frees_its_lease_at_once(
    aws: SimulatedAws, rig: Rig, tmp_path: Path
) -> None:
    launch = launch_run(aws, "Exp1", jobs=3, machines=1, directory=tmp_path)
    run = rig.register(launch).run
    held_by_another(rig, run)
    rig.dead.add(OTHER.pid)
    assert rig.tick(run).held_by is None


def test_a_lease_lapses(aws: SimulatedAws, rig: Rig, tmp_path: Path, clock: VirtualClock) -> None:
    launch = launch_run(aws, "Exp1", jobs=3, machines=1, directory=tmp_path)
    run = rig.register(launch).run
    held_by_another(rig, run)
    clock.advance(301)
    assert rig.tick(run).held_by is None


class TakenOver:
    """A duty in the middle of which the process is frozen and another one takes the run."""

    def __init__(self) -> None:
        self.rig: Rig | None = None
        self.raised: list[type[BaseException]] = []

    @hookimpl
    def duties(self) -> list[Duty]:
        return [
            Duty(
                name="frozen",
                states=frozenset({State.RUNNING}),
                every=timedelta(hours=1),
                run=self.freeze,
            )
        ]

    def freeze(self, context: Context) -> DutyResult | None:
        assert self.rig is not None
        self.rig.clock.advance(400)
        held_by_another(self.rig, context.run)
        for attempt in (
            lambda: context.aws.capacity.lower_target(context.run.fleet_ids[0], 1),
            lambda: context.commit(event="mine", text="still mine"),
        ):
            try:
                attempt()
            except (LeaseLost, OutOfTime) as error:
                self.raised.append(type(error))
        return None


def test_a_driver_that_was_frozen_past_its_lease_changes_nothing(
    aws: SimulatedAws, make_rig: Callable[..., Rig], tmp_path: Path
) -> None:
    launch = launch_run(aws, "Exp1", jobs=90, machines=3, directory=tmp_path)
    plugin = TakenOver()
    rig = make_rig(plugins={"frozen": plugin})
    plugin.rig = rig
    run = rig.register(launch).run
    report = rig.tick(run)
    assert report.held_by is not None
    assert len(plugin.raised) == 2
    assert launch.fleet.target == 3
    assert not rig.events(run, "mine")


def test_abort_is_obeyed_between_the_holders_duties(
    aws: SimulatedAws, make_rig: Callable[..., Rig], tmp_path: Path
) -> None:
    class Slow:
        rig: Rig

        @hookimpl
        def duties(self) -> list[Duty]:
            return [
                Duty(
                    name="slow",
                    states=frozenset({State.RUNNING}),
                    every=timedelta(0),
                    run=self.work,
                )
            ]

        def work(self, context: Context) -> None:
            self.rig.ask(context.run, RequestKind.ABORT)

    slow = Slow()
    rig = make_rig(plugins={"slow": slow})
    slow.rig = rig
    launch = launch_run(aws, "Exp1", jobs=90, machines=3, directory=tmp_path)
    run = rig.register(launch).run
    assert rig.tick(run).run.state is State.TEARDOWN
    assert launch.fleet.state != "active"


def test_other_credentials_are_refused(
    aws: SimulatedAws, rig: Rig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    launch = launch_run(aws, "Exp1", jobs=0, machines=1, directory=tmp_path)
    run = rig.register(launch).run
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIAOTHERACCOUNT0000")
    rig.restart()
    aws.world.accounts["AKIAOTHERACCOUNT0000"] = "210987654321"
    for _ in range(30):
        rig.clock.advance(60)
        now = rig.tick(run).run
    problem = now.problem("other-account")
    assert problem is not None
    assert problem.needs_person
    assert "210987654321" in problem.text
    assert now.state is State.PENDING
    assert launch.fleet.state == "active"


def test_expired_credentials_are_named_with_the_login_command_within_one_tick(
    aws: SimulatedAws, rig: Rig, tmp_path: Path
) -> None:
    launch = launch_run(aws, "Exp1", jobs=9, machines=1, directory=tmp_path)
    run = rig.until_state(rig.register(launch).run, State.RUNNING)
    aws.faults.add("*", Fault.EXPIRED, times=None)
    before = aws.requests.count()
    now = rig.tick(run).run
    problem = now.problem("credentials")
    assert problem is not None
    assert problem.needs_person
    assert "Type: " in problem.text
    assert aws.requests.count() - before == 1
    aws.faults.clear()
    assert not rig.tick(run).run.problems


def test_a_duty_that_raises_is_named_and_backs_off(
    aws: SimulatedAws, make_rig: Callable[..., Rig], tmp_path: Path, clock: VirtualClock
) -> None:
    class Broken:
        calls = 0

        @hookimpl
        def duties(self) -> list[Duty]:
            return [
                Duty(
                    name="broken",
                    states=frozenset({State.RUNNING, State.DRAINING}),
                    every=timedelta(0),
                    run=self.explode,
                )
            ]

        def explode(self, context: Context) -> None:
            self.calls += 1
            raise ValueError("boom")

    broken = Broken()
    rig = make_rig(plugins={"broken": broken})
    launch = launch_run(aws, "Exp1", jobs=30, machines=2, directory=tmp_path)
    run = rig.register(launch).run
    for _ in range(60):
        now = rig.tick(run).run
        clock.advance(60)
    problem = now.problem("duty-broken")
    assert problem is not None
    assert "boom" in problem.text
    assert 3 <= broken.calls <= 8
    rig.until_state(run, State.EXPORTED)


def test_a_notifier_is_told_every_event_in_order_and_again_after_it_failed(
    aws: SimulatedAws, make_rig: Callable[..., Rig], tmp_path: Path
) -> None:
    class Moody:
        def __init__(self) -> None:
            self.told: list[str] = []
            self.silent = True

        @hookimpl
        def notify(self, run: Run, event: Event) -> None:
            if self.silent:
                raise ConnectionError("no network")
            self.told.append(event.id)

    moody = Moody()
    rig = make_rig(plugins={"moody": moody})
    launch = launch_run(aws, "Exp1", jobs=6, machines=2, directory=tmp_path)
    run = rig.until_state(rig.register(launch).run, State.EXPORTED)
    moody.silent = False
    rig.clock.advance(3601)
    for _ in range(2):
        # The second time it is told that it is told again.
        rig.tick(run)
        rig.clock.advance(1)
    assert moody.told == [event.id for event in rig.events(run)]
    assert rig.run(run).problems == ()


def test_a_fleet_that_aws_does_not_know_is_not_registered(
    aws: SimulatedAws, rig: Rig, tmp_path: Path
) -> None:
    launch = launch_run(aws, "Exp1", jobs=6, machines=2, directory=tmp_path)
    text = launch.monitor_file.read_text().replace(
        launch.fleet_id, "sfr-00000000-0000-0000-0000-000000000000"
    )
    launch.monitor_file.write_text(text)
    with pytest.raises(Refused, match="--region"):
        rig.register(launch)
    assert rig.store.runs() == []
    run = rig.register(launch, allow_missing=True).run
    assert rig.tick(run).run.state is not State.TEARDOWN


def test_the_same_name_under_another_key_is_refused(
    aws: SimulatedAws, rig: Rig, tmp_path: Path
) -> None:
    launch = launch_run(aws, "Exp1", jobs=6, machines=2, directory=tmp_path)
    rig.register(launch)
    text = launch.monitor_file.read_text().replace("Exp1Queue", "OtherQueue")
    launch.monitor_file.write_text(text)
    with pytest.raises(Refused, match="already being watched"):
        rig.register(launch)


def test_a_file_with_another_bucket_adopts_nothing(
    aws: SimulatedAws, rig: Rig, tmp_path: Path
) -> None:
    launch = launch_run(aws, "Exp1", jobs=6, machines=2, directory=tmp_path)
    run = rig.register(launch).run
    launch.start_another_fleet(1)
    text = launch.monitor_file.read_text().replace("exp1-bucket", "elsewhere")
    launch.monitor_file.write_text(text)
    again = rig.register(launch)
    assert again.remarks
    rig.tick(run)
    assert rig.run(run).fleet_ids == run.fleet_ids


def test_a_fleet_named_during_teardown_is_a_new_runs(
    aws: SimulatedAws, rig: Rig, tmp_path: Path
) -> None:
    launch = launch_run(aws, "Exp1", jobs=6, machines=2, directory=tmp_path)
    rig.until_state(rig.register(launch).run, State.TEARDOWN)
    launch.start_another_fleet(1)
    with pytest.raises(Refused, match="torn down"):
        rig.register(launch)


def test_registering_a_finished_run_again_finds_it(
    aws: SimulatedAws, rig: Rig, tmp_path: Path
) -> None:
    launch = launch_run(aws, "Exp1", jobs=2, machines=1, directory=tmp_path)
    run = rig.until_state(rig.register(launch).run, State.EXPORTED)
    again = rig.register(launch)
    assert (again.new, again.run.id) == (False, run.id)


def test_registering_asks_and_changes_nothing(aws: SimulatedAws, rig: Rig, tmp_path: Path) -> None:
    launch = launch_run(aws, "Exp1", jobs=2, machines=1, directory=tmp_path)
    aws.requests.clear()
    rig.register(launch)
    assert aws.requests.names() == [
        "sts:GetCallerIdentity",
        "ec2:DescribeSpotFleetRequests",
        # For whom the fleet's machines are named.
        "ec2:DescribeInstances",
        "cloudwatch:DescribeAlarms",
    ]


def test_registering_without_an_answer_registers_nothing(
    aws: SimulatedAws, rig: Rig, tmp_path: Path
) -> None:
    launch = launch_run(aws, "Exp1", jobs=2, machines=1, directory=tmp_path)
    aws.faults.add("ec2:DescribeSpotFleetRequests", Fault.EMPTY_BODY, times=None)
    with pytest.raises(AwsError):
        rig.register(launch)
    assert rig.store.runs() == []


@pytest.mark.matrix("ticks", [1, 2, 5, 9, 13], sample=2)
def test_another_process_goes_on_from_anywhere(
    aws: SimulatedAws, rig: Rig, tmp_path: Path, clock: VirtualClock, ticks: int
) -> None:
    launch = launch_run(aws, "Exp1", jobs=4, machines=2, directory=tmp_path)
    run = rig.register(launch).run
    for _ in range(ticks):
        rig.tick(run)
        clock.advance(60)
    rig.restart(died=True)
    rig.until_state(run, State.EXPORTED)
    own, _ = rig.split(launch)
    assert leftovers(own) == {}
    assert launch.all_jobs_done()


@pytest.mark.parametrize("shared", ["fleet", "queue"])
def test_what_belongs_to_another_live_run_is_not_registered_again(
    aws: SimulatedAws, rig: Rig, tmp_path: Path, shared: str
) -> None:
    first = launch_run(aws, "Exp1", jobs=40, machines=2, directory=tmp_path)
    rig.register(first)
    other = launch_run(aws, "Exp2", jobs=4, machines=1, directory=tmp_path)
    mine = {"fleet": other.fleet_id, "queue": other.queue_name}[shared]
    theirs = {"fleet": first.fleet_id, "queue": first.queue_name}[shared]
    text = other.monitor_file.read_text().replace(mine, theirs)
    other.monitor_file.write_text(text)
    with pytest.raises(Refused, match=f"{theirs} of this file belongs to the run Exp1"):
        rig.register(other)
    assert [run.names.app_name for run in rig.store.runs()] == ["Exp1"]


def test_a_start_time_to_come_is_refused_before_aws_is_asked(
    aws: SimulatedAws, rig: Rig, tmp_path: Path
) -> None:
    launch = launch_run(aws, "Exp1", jobs=1, machines=1, directory=tmp_path)
    text = launch.monitor_file.read_text().replace(str(launch.start_time), "4000000000000")
    launch.monitor_file.write_text(text)
    aws.requests.clear()
    with pytest.raises(BadInput, match="MONITOR_START_TIME"):
        rig.register(launch)
    assert not aws.requests.names()


def test_a_known_file_is_found_while_aws_cannot_be_asked(
    aws: SimulatedAws, rig: Rig, tmp_path: Path
) -> None:
    launch = launch_run(aws, "Exp1", jobs=1, machines=1, directory=tmp_path)
    run = rig.register(launch).run
    rig.restart()
    aws.faults.add("*", Fault.RESET, times=None)
    again = rig.register(launch)
    assert (again.new, again.run.id) == (False, run.id)
    assert again.remarks


def test_a_credentials_problem_lasts_until_aws_has_answered(
    aws: SimulatedAws, rig: Rig, tmp_path: Path
) -> None:
    launch = launch_run(aws, "Exp1", jobs=9, machines=1, directory=tmp_path)
    run = rig.until_state(rig.register(launch).run, State.RUNNING)
    aws.faults.add("*", Fault.EXPIRED, times=None)
    assert rig.tick(run).run.problem("credentials")
    aws.faults.clear()
    aws.faults.add("*", Fault.RESET, times=None)
    assert rig.tick(run).run.problem("credentials")
    aws.faults.clear()
    assert not rig.tick(run).run.problems
    over = [e.text for e in rig.events(run, "problem-over")]
    assert any("Exp1 cannot be watched" in text for text in over)
    assert not any("Type: " in text for text in over)


def test_what_a_failing_step_is_about_to_do_is_told_once(
    aws: SimulatedAws, rig: Rig, tmp_path: Path, clock: VirtualClock
) -> None:
    launch = launch_run(aws, "Exp1", jobs=2, machines=1, directory=tmp_path)
    run = rig.until_state(rig.register(launch).run, State.RUNNING)
    aws.faults.add("sqs:DeleteQueue", Fault.DENIED, times=None)
    rig.ask(run, RequestKind.ABORT)
    for _ in range(30):
        rig.tick(run)
        clock.advance(600)
    assert aws.requests.count("sqs:DeleteQueue") > 3
    assert len(rig.events(run, "queue")) == 1
