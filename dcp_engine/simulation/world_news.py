"""What has happened to a run's machines since one last asked, in words."""

from collections.abc import Iterator, Sequence

from dcp_engine.simulation.launch import Launch
from dcp_engine.simulation.machines import Cause
from dcp_engine.simulation.runs import Behaviour
from dcp_engine.simulation.server import SimulatedAws

_ENDINGS = {
    Cause.API_CALL: "ended by a call",
    Cause.FLEET_CANCELLED: "ended with their fleet",
    Cause.FLEET_SHRUNK: "ended because their fleet was shrunk",
    Cause.FLEET_EXPIRED: "ended because their fleet expired",
    Cause.IDLE_ALARM: "ended by their own idle alarm",
}


class WorldNews:
    """Reads the world's own records, not what AWS would show."""

    def __init__(self, aws: SimulatedAws, launch: Launch, machines: int) -> None:
        """`machines` were requested; those that come beyond these replace others."""
        self._aws = aws
        self._launch = launch
        self._machines = machines
        self._told: dict[str, int] = {}

    def fresh(self) -> list[str]:
        """What is new, a line each."""
        with self._aws.world.timeline.lock:
            stats = self._launch.stats
            lines = [self._arrival(*each) for each in self._new("started", stats.started)]
            lines += [
                f"machine {machine} crashes in the middle of a job"
                for _, machine in self._new("crashed", stats.crashed)
            ]
            lines += [
                f"machine {machine} stalls: it does nothing, and it is billed"
                for _, machine in self._new("stalled", stats.stalled)
            ]
            lines += self._endings([m for _, m in self._new("terminated", stats.terminated)])
        return lines

    def _arrival(self, index: int, machine: str) -> str:
        script = self._launch.plan.scenario.script
        if index >= self._machines:
            return f"machine {machine} comes up in place of one that ended"
        if index < len(script) and script[index] is Behaviour.NEVER_STARTS:
            return f"machine {machine} comes up, and never begins to work"
        return f"machine {machine} comes up"

    def _endings(self, machines: Sequence[str]) -> Iterator[str]:
        found = [self._aws.world.machines.find(machine) for machine in machines]
        for cause, words in _ENDINGS.items():
            ended = [m.instance_id for m in found if m is not None and m.ended_by is cause]
            if len(ended) == 1:
                yield f"machine {ended[0]} is {words.replace('their', 'its')}"
            elif ended:
                yield f"{len(ended)} machines are {words}"

    def _new(self, kind: str, all_of_them: Sequence[str]) -> list[tuple[int, str]]:
        told = self._told.get(kind, 0)
        self._told[kind] = len(all_of_them)
        return list(enumerate(all_of_them))[told:]
