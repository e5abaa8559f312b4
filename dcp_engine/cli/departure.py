"""How a process ends in which plugins were at work: in time, and without showing a secret.

A plugin may have started threads, and Python waits for them before a process ends, without end if
need be; so it does for a pool of `concurrent.futures` whatever the kind of its threads.
"""

import gc
import sys
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from threading import ExceptHookArgs

    from dcp_engine.app import App

GRACE: Final = 10.0
"""Seconds that a plugin's threads have for what they are at, when the command is done."""


class Departure:
    """The end of one process; a command that runs inside another program has none of its own."""

    def __init__(self) -> None:
        self._app: App | None = None

    def of(self, app: "App") -> None:
        """From now on the plugins of this one are reckoned with."""
        import threading  # noqa: PLC0415 - a command that only helps needs none

        self._app = app
        threading.excepthook = self._raised_in_a_thread
        sys.unraisablehook = self._raised_out_of_reach

    def begin(self, code: object) -> None:
        """End the process with this exit code soon, whatever a plugin has left running in it.

        Everything of ours has been written and closed by now, so none of it is taken apart piece by
        piece: its memory goes back with the process. What somebody else's plugin has may write
        something down when it is collected, and then all goes the usual way.
        """
        if self._app is None or not self._app.has_third_party:
            gc.freeze()
            return
        import threading  # noqa: PLC0415

        number = code if isinstance(code, int) else int(code is not None)
        threading.Thread(target=_leave, args=(number,), daemon=True).start()

    def _raised_in_a_thread(self, raised: "ExceptHookArgs") -> None:
        if self._app is None or not self._app.has_third_party:
            import threading  # noqa: PLC0415

            threading.__excepthook__(raised)
        elif raised.exc_type is not SystemExit:
            self._log("In a thread of a plugin's own", raised.exc_value)

    def _raised_out_of_reach(self, raised: Any) -> None:
        if self._app is None or not self._app.has_third_party:
            sys.__unraisablehook__(raised)
        else:
            self._log("Where nobody could catch it", raised.exc_value)

    def _log(self, where: str, error: BaseException | None) -> None:
        import logging  # noqa: PLC0415
        import traceback  # noqa: PLC0415

        assert self._app is not None
        text = "".join(traceback.format_exception(error)).rstrip()
        logging.getLogger("dcp_engine.plugin").error("%s", self._app.hide(f"{where}: {text}"))


def _leave(code: int) -> None:
    import os  # noqa: PLC0415
    import time  # noqa: PLC0415

    time.sleep(GRACE)
    os._exit(code)
