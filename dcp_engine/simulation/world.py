"""The simulated account: its time, its machines, and whatever moto alone can't do."""

from dcp_engine.clock import Clock
from dcp_engine.simulation.access import Access
from dcp_engine.simulation.exports import Exports
from dcp_engine.simulation.fleets import Fleets
from dcp_engine.simulation.idle_alarms import IdleAlarms
from dcp_engine.simulation.machines import Kill, Machines
from dcp_engine.simulation.measured import Measured
from dcp_engine.simulation.moto_account import Moto
from dcp_engine.simulation.placement import Placement
from dcp_engine.simulation.queues import Queues
from dcp_engine.simulation.rate_limit import RateLimit
from dcp_engine.simulation.spot_prices import SpotPrices
from dcp_engine.simulation.timeline import Timeline
from dcp_engine.simulation.timings import Timings
from dcp_engine.simulation.workers import Workers


class World:
    """Everything behind the simulated API. Touch its parts under `timeline.lock` only."""

    def __init__(
        self,
        *,
        clock: Clock,
        seed: int,
        timings: Timings,
        moto: Moto,
        timeline: Timeline,
        region: str,
        account: str,
    ) -> None:
        self.clock = clock
        self.seed = seed
        self.timings = timings
        self.moto = moto
        self.timeline = timeline
        self.region = region
        self.account = account
        self.accounts: dict[str, str] = {}
        """Access keys that belong to another account than the usual one."""
        self.access = Access(account)
        self.machines = Machines(timeline, moto)
        self.fleets = Fleets(timeline, self.machines)
        self.placement = Placement(moto, self.machines)
        self.prices = SpotPrices(seed)
        self.alarms = IdleAlarms(timeline, moto, self.machines)
        self.alarm_writes = RateLimit()
        """A knob: CloudWatch's limit on PutMetricAlarm; AWS's own default is 3 a second."""
        self.queues = Queues(timeline, moto)
        self.workers = Workers(
            timeline, moto, self.machines, self.placement, self.alarms, self.queues
        )
        self.measured = Measured(timeline, self.machines, self.placement, self.queues, seed)
        self.exports = Exports(timeline, moto)

    def advance(self) -> None:
        """Bring everything to the clock's moment. Safe from any thread."""
        self.timeline.advance()

    @property
    def killed_while_working(self) -> list[Kill]:
        """Machines that lost a job to an API call or a fleet's policy; promise 1 wants it empty."""
        with self.timeline.lock:
            return list(self.machines.kills)
