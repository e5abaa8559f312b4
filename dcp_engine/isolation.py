"""Calling what somebody else wrote: nothing that it raises gets out, and it cannot hang its caller.

Python cannot end a thread, so what does not come back is left behind in a thread of its own, which
ends with the process at the latest.
"""

import threading
from collections.abc import Callable
from concurrent.futures import Future
from concurrent.futures import TimeoutError as NotInTime
from datetime import timedelta
from typing import TypeVar

from dcp_engine.errors import Hangs

T = TypeVar("T")


def rounded(limit: timedelta) -> str:
    """So many seconds, as people say them."""
    seconds = limit.total_seconds()
    return f"{seconds:.0f}" if seconds >= 10 else f"{seconds:.2g}"


def within(limit: timedelta, act: Callable[[], T]) -> T:
    """What `act` returns or raises within so long by the wall clock. Raises Hangs.

    It runs in a thread of its own. A KeyboardInterrupt or the like that it raises is its own and
    not a person's, since Python tells the main thread of a Ctrl-C; it is raised as RuntimeError.
    """
    outcome: Future[T] = Future()

    def work() -> None:
        try:
            outcome.set_result(act())
        except (Exception, SystemExit) as error:  # noqa: BLE001 - it is raised again below
            outcome.set_exception(error)
        except BaseException as error:  # noqa: BLE001 - raised as what it is: a plugin's failure
            outcome.set_exception(RuntimeError(repr(error)))

    threading.Thread(target=work, daemon=True).start()
    try:
        return outcome.result(limit.total_seconds())
    except NotInTime as error:
        if outcome.done() and outcome.exception() is error:
            raise
        raise Hangs(
            f"it did not come back within {rounded(limit)} seconds and was left behind; "
            "what it was doing may still go on in this process",
            outcome.done,
        ) from None
