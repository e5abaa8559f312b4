"""What becomes of the processes that drive the run."""

from dcp_engine.errors import AwsError, EngineError
from tests.engine.rig import Killed
from tests.reliability.searcher.promises import check_tick
from tests.reliability.searcher.world import World


def tick(world: World, who: int, keep_lease: bool) -> None:
    """One tick, as of cron, or as of a `monitor` that keeps its hold on the run."""
    check_tick(world, world.tick(who, keep_lease=keep_lease))


def monitor(world: World, who: int, ticks: int) -> None:
    """So many ticks, each when the last one said."""
    for _ in range(ticks):
        report = world.tick(who)
        check_tick(world, report)
        world.clock.advance(world.pause(report))


def cron(world: World, who: int, minutes: int, times: int) -> None:
    """So many ticks at fixed intervals."""
    for _ in range(times):
        check_tick(world, world.tick(who))
        world.clock.advance(60 * minutes)


def kill(world: World, who: int, point: int, known_dead: bool) -> None:
    """The next tick ends at its N-th crash point, if it comes so far; another process goes on."""
    computer = world.computers[who]
    computer.kill_at(point)
    world.tick(who)
    computer.restart(died=known_dead)
    world.tally.restarts += 1


def freeze(world: World, who: int, seconds: float, other_ticks: bool) -> None:
    """The process stands still in its next tick, and another one may tick meanwhile."""
    other = (who + 1) % len(world.computers)

    def meanwhile() -> None:
        if other_ticks:
            world.tick(other)

    world.freeze(who, seconds, meanwhile)


def restart(world: World, who: int, died: bool) -> None:
    """A new process takes an old one's place."""
    world.computers[who].restart(died=died)
    world.tally.restarts += 1


def register_again(world: World, who: int) -> None:
    """A person registers the monitor file once more; a refusal in words is an answer too."""
    if not world.run().live:
        return
    try:
        world.computers[who].register(world.launch)
    except (EngineError, AwsError) as refusal:
        assert str(refusal), "a refusal without words"
    except Killed:
        raise AssertionError("nobody asked for a kill here") from None
