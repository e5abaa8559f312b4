"""Ten runs in one process look at their fleets with one question, and none is worse off for it."""

import threading
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest

from dcp_engine.driver_tag import KEY
from dcp_engine.hookspecs import Tick, hookimpl
from dcp_engine.model import RequestKind, Run, State
from dcp_engine.simulation.faults import Fault
from dcp_engine.simulation.launch import Launch, launch_run
from dcp_engine.simulation.runs import Scenario
from dcp_engine.simulation.server import SimulatedAws
from tests.engine.fleet_watch import LONG, VISIBLE_AGAIN
from tests.engine.rig import Rig
from tests.engine.test_other_drivers import mark, put_mark

MakeRig = Callable[..., Rig]
FLEETS, MODIFY, TAG = (
    "ec2:DescribeSpotFleetRequests",
    "ec2:ModifySpotFleetRequest",
    "ec2:CreateTags",
)
WATCH = ("labels", "idle_alarms", "unjoined", "use", "prices", "troubles")


class Several:
    """Runs that one process looks after, each with a moment of its own in the minute."""

    def __init__(self, aws: SimulatedAws, rig: Rig, directory: Path, number: int) -> None:
        self.aws, self.rig = aws, rig
        self.launches: list[Launch] = []
        self.runs: list[Run] = []
        for n in range(number):
            launch = launch_run(
                aws,
                f"Exp{n}",
                jobs=30,
                machines=2,
                directory=directory,
                visibility_timeout=VISIBLE_AGAIN,
                scenario=Scenario(job_duration=LONG),
            )
            self.launches.append(launch)
            self.runs.append(rig.register(launch).run)
        self.minutes(40)

    def minutes(self, minutes: int) -> None:
        """Look at them every five minutes, one after the other within one."""
        for _ in range(0, minutes, 5):
            for run in self.runs:
                self.rig.tick(run)
                self.rig.clock.advance(60 / len(self.runs))
            self.rig.clock.advance(240)

    def asked(self) -> list[list[str]]:
        return [r.params["SpotFleetRequestIds"] for r in self.aws.requests.matching(FLEETS)]

    def until_asked(self) -> int:
        """Look on until one of them has asked for the fleets; which one."""
        self.aws.requests.clear()
        while True:
            for number, run in enumerate(self.runs):
                self.rig.tick(run)
                if self.asked():
                    return number
                self.rig.clock.advance(60 / len(self.runs))
            self.rig.clock.advance(240)

    def now(self, number: int) -> Run:
        return self.rig.run(self.runs[number])


class Onlooker:
    """What each look took, as plugins are told it: whose it was, and its calls."""

    def __init__(self) -> None:
        self.looks: list[tuple[str, int]] = []

    @hookimpl
    def ticked(self, run: Run, tick: Tick) -> None:
        self.looks.append((run.id, tick.calls))


@pytest.fixture
def onlooker() -> Onlooker:
    return Onlooker()


@pytest.fixture
def plain(make_rig: MakeRig, onlooker: Onlooker) -> Rig:
    return make_rig(disabled=WATCH, plugins={"onlooker": onlooker})


@pytest.fixture
def three(aws: SimulatedAws, plain: Rig, tmp_path: Path) -> Several:
    return Several(aws, plain, tmp_path, 3)


def test_an_hour_of_three_runs_has_few_more_questions_than_one_runs(three: Several) -> None:
    three.aws.requests.clear()
    three.minutes(60)
    # One for all, and one more of each whose mark is renewed.
    assert 6 <= len(three.asked()) <= 6 + 3
    everyone = {launch.fleet_id for launch in three.launches}
    assert sum(set(ids) == everyone for ids in three.asked()) >= 5
    for number in range(3):
        seen = three.now(number).fleets[0].observed_at
        assert seen is not None
        assert three.rig.clock.now() - seen <= timedelta(minutes=12)


def test_what_another_runs_question_brought_keeps_its_own_time(three: Several) -> None:
    asker = three.until_asked()
    moment = three.rig.clock.now()
    for step in range(1, 3):
        three.rig.clock.advance(20)
        other = (asker + step) % 3
        three.rig.tick(three.runs[other])
        run = three.now(other)
        assert run.fleets[0].observed_at == moment
        assert run.last_tick_at == three.rig.clock.now()
        buckets = three.rig.store.samples(run.id)
        assert max(bucket.at for bucket in buckets if "target" in bucket.values) == moment
    assert len(three.asked()) == 1


def test_calls_are_counted_for_the_run_that_asked(three: Several, onlooker: Onlooker) -> None:
    """The plugins are told what each look took."""
    asker = three.until_asked()
    other = (asker + 1) % 3
    three.rig.clock.advance(20)
    before = len(three.aws.requests.names())
    three.rig.tick(three.runs[other])
    sent = three.aws.requests.names()[before:]
    assert three.now(other).fleets[0].observed_at is not None
    assert sent == ["sqs:GetQueueAttributes"]
    assert onlooker.looks[-1] == (three.runs[other].id, 1)


def test_a_persons_raise_is_told_by_whoever_looks(three: Several) -> None:
    for launch in three.launches:
        three.aws.client("ec2").modify_spot_fleet_request(
            SpotFleetRequestId=launch.fleet_id, TargetCapacity=5
        )
    three.minutes(15)
    for number in range(3):
        told = three.rig.events(three.runs[number], "target-raised")
        assert [event.data["to"] for event in told] == [5]
        assert three.now(number).fleets[0].target == 5


def test_an_abort_right_after_a_shared_answer_asks_for_itself_before_it_cancels(
    three: Several,
) -> None:
    asker = three.until_asked()
    other = (asker + 1) % 3
    # Another computer takes it over within the minute in which the shared answer is good.
    put_mark(three.launches[other], three.rig.clock, hours=3)
    three.rig.ask(three.runs[other], RequestKind.ABORT)
    three.rig.clock.advance(10)
    stuck = three.rig.tick(three.runs[other]).run
    assert stuck.state is State.TEARDOWN
    assert stuck.problem("driven-elsewhere") is not None
    assert three.launches[other].fleet.state == "active"
    assert [three.launches[other].fleet_id] in three.asked()
    # The neighbours are left alone by all of that.
    assert three.launches[asker].fleet.state == "active"


def test_a_mark_is_never_put_over_one_that_came_after_a_shared_answer(three: Several) -> None:
    """Our marks are due for renewal, by an answer in which nobody else's is to be seen yet."""
    for launch in three.launches:
        launch.fleet.tags = [tag for tag in launch.fleet.tags if tag["Key"] != KEY]
    asker = three.until_asked()
    other = (asker + 1) % 3
    put_mark(three.launches[other], three.rig.clock, hours=3)
    theirs = mark(three.launches[other])
    three.minutes(15)
    assert mark(three.launches[other]) == theirs
    assert three.now(other).problem("driven-elsewhere") is not None
    assert (mark(three.launches[asker]) or "").startswith(three.rig.store.identity())


def test_a_neighbours_fleet_that_aws_forgot_is_gone_for_the_neighbour_alone(
    three: Several,
) -> None:
    gone = three.launches[1]
    with three.aws.world.timeline.lock:
        three.aws.world.fleets._forget(gone.fleet)
    three.minutes(25)
    assert three.now(1).fleets[0].state == "gone"
    for number in (0, 2):
        run = three.now(number)
        assert run.fleets[0].state == "active"
        assert run.fleets[0].active == 2
        assert not run.problems
        assert three.rig.events(run, "problem") == []
    three.aws.requests.clear()
    three.minutes(20)
    with_it = [ids for ids in three.asked() if gone.fleet_id in ids]
    # What its own run asks, again and again since nobody works there, is asked for it alone.
    assert all(ids == [gone.fleet_id] for ids in with_it)


@pytest.mark.matrix(
    "fault", [Fault.EMPTY_BODY, Fault.HTML, Fault.THROTTLED, Fault.DENIED], sample=2
)
def test_an_answer_that_fails_is_unknown_for_all_and_ends_nothing(
    three: Several, fault: Fault
) -> None:
    three.aws.faults.add(FLEETS, fault, times=None)
    three.minutes(25)
    for number, launch in enumerate(three.launches):
        run = three.now(number)
        assert run.problem("fleet-unreadable") is not None
        assert (run.state, run.fleets[0].state) == (State.RUNNING, "active")
        assert launch.fleet.state == "active"
    three.aws.faults.clear()
    three.minutes(15)
    for number in range(3):
        assert not three.now(number).problems


def test_what_one_run_does_in_its_drain_and_teardown_is_asked_for_itself(three: Several) -> None:
    three.until_asked()
    three.rig.ask(three.runs[0], RequestKind.ABORT)
    ended = three.rig.until_state(three.runs[0], State.EXPORTED)
    assert ended.problems == ()
    assert three.launches[0].fleet.state != "active"
    three.aws.requests.clear()
    three.minutes(30)
    assert all(three.launches[0].fleet_id not in ids for ids in three.asked()[3:])
    for launch in three.launches[1:]:
        assert launch.fleet.state == "active"
        assert len(launch.live_instance_ids) == 2


def test_a_new_process_that_expects_the_runs_asks_once_for_all(
    three: Several, aws: SimulatedAws
) -> None:
    """As cron's `tick --all` does, which knows nothing of the process before it."""
    three.minutes(10)
    three.rig.clock.advance(600)
    three.rig.restart()
    three.rig.cloud.expect(three.rig.store.runs(live=True))
    aws.requests.clear()
    for run in three.runs:
        three.rig.tick(run)
    everyone = {launch.fleet_id for launch in three.launches}
    assert set(three.asked()[0]) == everyone
    assert len(three.asked()) <= 1 + aws.requests.count(TAG)


def test_runs_that_are_looked_at_at_once_by_several_threads_ask_once(
    three: Several, aws: SimulatedAws
) -> None:
    three.minutes(5)
    # Nobody's mark is due, so nobody needs an answer of their own.
    while any(
        (until := three.now(n).fleets[0].driven_until) is None
        or until - three.rig.clock.now() < timedelta(minutes=55)
        for n in range(3)
    ):
        three.minutes(5)
    three.rig.clock.advance(600)
    aws.requests.clear()
    failed: list[BaseException] = []

    def look(run: Run) -> None:
        try:
            three.rig.tick(run)
        except BaseException as error:  # noqa: BLE001 - it is raised in the test's own thread
            failed.append(error)

    threads = [threading.Thread(target=look, args=(run,)) for run in three.runs]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert not failed
    assert len(three.asked()) == 1
    for number in range(3):
        assert three.now(number).fleets[0].observed_at == three.rig.clock.now()
