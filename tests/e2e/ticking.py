"""cron, in a hurry: one tick after the other, until something has become so."""

from collections.abc import Callable

from dcp_engine.status import Status
from tests.e2e.scene import NAME, Scene
from tests.e2e.waiting import until


def ticks_until(scene: Scene, reached: Callable[[Status], bool], **variables: str) -> str:
    """Tick the run until the store shows what is waited for; everything the ticks said."""
    said: list[str] = []

    def has() -> bool:
        answer = scene.computer.run("tick", NAME, **variables)
        assert "Traceback" not in answer.text, answer
        said.append(answer.text)
        stored = scene.computer.stored(NAME)
        assert stored is not None
        return reached(stored)

    until(has, lambda: (scene.computer.stored(NAME), said))
    return "".join(said)


def has_problem(name: str) -> Callable[[Status], bool]:
    """Whether a run has a problem of that name."""
    return lambda status: name in {problem.name for problem in status.problems}


def machines_seen(status: Status) -> bool:
    """Whether the run knows of a machine that is up."""
    return any(fleet.active for fleet in status.fleets)


def problem(scene: Scene, name: str) -> str:
    """What `status` says of a problem."""
    (found,) = [p for p in scene.computer.status(NAME)["problems"] if p["name"] == name]
    return str(found["text"])


def step(scene: Scene, name: str) -> tuple[str | None, str]:
    """How a step of the teardown ended, and the reason, by `status`."""
    (found,) = [s for s in scene.computer.status(NAME)["steps"] if s["name"] == name]
    return found["ended"], found["reason"] or ""


def kinds(scene: Scene) -> list[str]:
    """The kinds of the run's events, in order, by `history`."""
    return [event["kind"] for event in scene.computer.history(NAME)]
