"""One process's engine on the bench: its store, its way to AWS, and the runs that it holds."""

from pathlib import Path

from dcp_engine import monitor_file
from dcp_engine.defaults import Settings
from dcp_engine.engine import Engine
from dcp_engine.model import Holder, Lease, Run
from dcp_engine.plugins import Plugins
from dcp_engine.ports import Cloud
from dcp_engine.register import Registrar
from dcp_engine.simulation.virtual_clock import VirtualClock
from dcp_engine.store.protocol import Store


class Process:
    """Drives runs as `dcp-engine monitor` does: it keeps hold of them from one tick to the next.

    `dead` are the numbers of the processes that are known to have died. `failed_at_start` is what
    plugins did not do before the first tick.
    """

    def __init__(
        self,
        number: int,
        *,
        store: Store,
        cloud: Cloud,
        clock: VirtualClock,
        settings: Settings,
        plugins: Plugins,
        dead: set[int],
    ) -> None:
        self.store = store
        self.plugins = plugins
        self._leases: dict[str, Lease] = {}
        self._registrar = Registrar(store, cloud, clock, settings, plugins.notifiers())
        self._engine = Engine(
            store=store,
            cloud=cloud,
            clock=clock,
            settings=settings,
            plugins=plugins,
            holder=Holder(host="bench/0", pid=number, started=float(number), label="bench"),
            is_dead=lambda holder: holder.pid in dead,
        )
        self.failed_at_start = tuple(plugins.failures)

    def register(self, path: Path) -> Run:
        """Register the run of a monitor file."""
        return self._registrar.register(monitor_file.read(path), path).run

    def tick(self, run_id: str) -> Run:
        """One look at a run."""
        report = self._engine.tick(run_id, keep_lease=True)
        if report.lease is not None:
            self._leases[run_id] = report.lease
        return report.run

    def end(self, *, died: bool) -> None:
        """Let go of the runs, unless it died, and of the database."""
        if not died:
            for lease in self._leases.values():
                self._engine.let_go(lease)
        self.store.close()
