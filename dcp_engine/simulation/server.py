"""The simulated AWS, served on this machine."""

import os
import threading
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any, Self
from wsgiref.handlers import format_date_time

from moto.moto_server.werkzeug_app import MotoRequestHandler
from werkzeug.serving import BaseWSGIServer, make_server

from dcp_engine.clock import Clock, SystemClock
from dcp_engine.simulation.faults import Faults
from dcp_engine.simulation.gateway import Gateway
from dcp_engine.simulation.in_process import InProcessClients, cut_short
from dcp_engine.simulation.light_client import LightClients
from dcp_engine.simulation.moto_account import Moto
from dcp_engine.simulation.moto_clock import MotoClock
from dcp_engine.simulation.moto_images import MotoImages
from dcp_engine.simulation.operations import all_operations
from dcp_engine.simulation.request_log import RequestLog
from dcp_engine.simulation.service_models import ServiceModels
from dcp_engine.simulation.timeline import Timeline
from dcp_engine.simulation.timings import Timings
from dcp_engine.simulation.virtual_clock import VirtualClock
from dcp_engine.simulation.wire import Wire
from dcp_engine.simulation.world import World

ACCOUNT = "123456789012"
REGION = "us-east-1"
_TICK_SECONDS = 0.05


class SimulationError(RuntimeError):
    """The simulation was used wrongly, or broke."""


def _handler_for(clock: Clock) -> type[MotoRequestHandler]:
    """Says nothing on the console, and dates its replies by the given clock."""

    class Handler(MotoRequestHandler):
        def log(self, type: str, message: str, *args: Any) -> None:
            """Say nothing."""

        def connection_dropped(self, error: BaseException, environ: Any = None) -> None:
            """The peer has gone, or a fault has cut it off: there is no next request."""
            self.close_connection = True

        def date_time_string(self, timestamp: float | None = None) -> str:
            """The `Date` header."""
            return format_date_time(clock.now().timestamp() if timestamp is None else timestamp)

    return Handler


class SimulatedAws:
    """An AWS account on 127.0.0.1, from `with` to the end of its block.

    With a `VirtualClock` nothing happens but by moving that clock, or by a request that finds it
    moved. With the computer's clock (the default) a thread keeps the world going.

    moto's state belongs to the process, so there is one SimulatedAws at a time in each.
    """

    def __init__(
        self,
        clock: Clock | None = None,
        seed: int = 0,
        timings: Timings | None = None,
        port: int = 0,
        request_log: Path | None = None,
    ) -> None:
        self.clock: Clock = clock if clock is not None else SystemClock()
        self.seed = seed
        self.timings = timings if timings is not None else Timings()
        self.region = REGION
        self.account = ACCOUNT
        self.faults = Faults()
        self.requests = RequestLog(request_log)
        self._port = port
        self._timeline = Timeline(self.clock, self.timings, seed)
        self._moto_clock = MotoClock(self._timeline.now)
        self._moto_images = MotoImages()
        self._stopping = threading.Event()
        self._threads: list[threading.Thread] = []
        self._server: BaseWSGIServer | None = None
        self._gateway: Gateway | None = None
        self._clients: InProcessClients | None = None
        self._light_clients: LightClients | None = None
        self._unsubscribe: Callable[[], None] | None = None

    @property
    def endpoint_url(self) -> str:
        """Where it answers; SimulationError unless it runs."""
        if self._server is None:
            raise SimulationError("This simulated AWS is not running: use it in a with block.")
        return f"http://127.0.0.1:{self._server.server_port}"

    @property
    def world(self) -> World:
        """What is behind the API; SimulationError unless it runs."""
        if self._gateway is None:
            raise SimulationError("This simulated AWS is not running: use it in a with block.")
        return self._gateway.world

    def environment(self) -> dict[str, str]:
        """Environment variables with which any AWS SDK reaches this account and no other."""
        return {
            "AWS_ENDPOINT_URL": self.endpoint_url,
            "AWS_ACCESS_KEY_ID": "testing",
            "AWS_SECRET_ACCESS_KEY": "testing",
            "AWS_DEFAULT_REGION": self.region,
            "AWS_REGION": self.region,
            "AWS_EC2_METADATA_DISABLED": "true",
            "AWS_CONFIG_FILE": os.devnull,
            "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        }

    def client(self, service: str, region: str | None = None) -> Any:
        """A boto3 client that enters by the back door: not recorded, never hit by a fault.

        Use it one thread at a time, to arrange and to inspect.
        """
        if self._clients is None:
            raise SimulationError("This simulated AWS is not running: use it in a with block.")
        return self._clients.client(service, region or self.region)

    def light_client(self, service: str) -> Any:
        """The same by a light client, which is quicker to make and to call."""
        if self._light_clients is None:
            raise SimulationError("This simulated AWS is not running: use it in a with block.")
        return self._light_clients.client(service, self.region)

    def cut_short(self, client: Any) -> None:
        """Spare a boto3 client the socket as long as no connection is to break; again is fine.

        Its calls are answered in the calling thread, just as if they had come by the front door:
        noted, and exposed to faults. While a fault is ordered that cuts connections they do come
        that way, so that it is a real one that breaks or hangs.
        """
        if self._gateway is None:
            raise SimulationError("This simulated AWS is not running: use it in a with block.")
        cut_short(client, self._gateway.respond_exposed, unless=self._needs_a_connection)

    def _needs_a_connection(self) -> bool:
        assert self._gateway is not None
        return self._gateway.unreachable or self.faults.may_cut()

    @property
    def crashes(self) -> list[str]:
        """Tracebacks of errors in the simulation itself; leaving the `with` block raises them."""
        return [] if self._gateway is None else list(self._gateway.crashes)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, kind: object, error: object, trace: object) -> None:
        crashes = self.crashes
        self.stop()
        if crashes and error is None:
            raise SimulationError(f"The simulated AWS itself failed:\n{crashes[0]}")

    def start(self) -> None:
        """Begin with an empty account. SimulationError when another one runs in this process."""
        if MotoClock.installed():
            raise SimulationError(
                "Another SimulatedAws is running in this process, and moto's state is shared by "
                "all of it. Stop that one first."
            )
        self._moto_clock.install()
        self._moto_images.install()
        try:
            self._serve()
        except BaseException:
            self._release()
            raise

    def _serve(self) -> None:
        self._listen(self._port)
        models = ServiceModels()
        world = World(
            clock=self.clock,
            seed=self.seed,
            timings=self.timings,
            moto=Moto(self.endpoint_url, self.account, self.seed, models),
            timeline=self._timeline,
            region=self.region,
            account=self.account,
        )
        gateway = Gateway(world, all_operations(), self.faults, self.requests, Wire(models))
        self._gateway = gateway
        self._clients = InProcessClients(gateway.respond, self.endpoint_url)
        self._light_clients = LightClients(gateway.respond, models, self.endpoint_url)
        self._answer()
        if isinstance(self.clock, VirtualClock):
            self._unsubscribe = self.clock.subscribe(world.advance)
        else:
            self._start(self._tick)

    def _listen(self, port: int) -> None:
        self._server = make_server(
            "127.0.0.1",
            port,
            self._application,
            threaded=True,
            request_handler=_handler_for(self.clock),
        )

    def _answer(self) -> None:
        assert self._server is not None
        self._start(partial(self._server.serve_forever, poll_interval=_TICK_SECONDS))

    def _start(self, work: Callable[[], None]) -> None:
        thread = threading.Thread(target=work, daemon=True)
        self._threads.append(thread)
        thread.start()

    @contextmanager
    def unreachable(self) -> Iterator[None]:
        """Every connection is refused, from the beginning of the block to its end.

        Nothing of it is recorded, since nothing arrives; the back door stays open.
        """
        assert self._server is not None
        assert self._gateway is not None
        self._gateway.unreachable = True
        self._server.shutdown()
        self._server.server_close()
        try:
            yield
        finally:
            self._listen(self._server.server_port)
            self._gateway.unreachable = False
            self._answer()

    def _application(self, environ: dict[str, Any], start_response: Any) -> Any:
        assert self._gateway is not None
        return self._gateway(environ, start_response)

    def _tick(self) -> None:
        assert self._gateway is not None
        while not self._stopping.wait(_TICK_SECONDS):
            try:
                self.world.advance()
            except Exception:  # noqa: BLE001 - told on leaving; the rest of the world goes on
                self._gateway.crashes.append(traceback.format_exc())

    def stop(self) -> None:
        """Close the door; whatever hangs is let go. Nothing happens unless it runs."""
        if self._server is None:
            return
        self._stopping.set()
        self.faults.clear()
        if self._unsubscribe is not None:
            self._unsubscribe()
        self._server.shutdown()
        for thread in self._threads:
            thread.join()
        self._release()

    def _release(self) -> None:
        """Give back the port, and moto to itself."""
        if self._server is not None:
            self._server.server_close()
            self._server = None
        self._moto_images.remove()
        self._moto_clock.remove()
