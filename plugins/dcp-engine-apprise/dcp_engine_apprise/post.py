"""Sending one message to several addresses at once, to each of them once."""

import contextvars
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future, wait
from datetime import timedelta

from dcp_engine_apprise.addresses import Address
from dcp_engine_apprise.errors import NotTold
from dcp_engine_apprise.memory import Memory
from dcp_engine_apprise.wording import Message

# The engine leaves a notifier behind after 30 seconds, and calls it no more until it comes back.
_PATIENCE = timedelta(seconds=25)


class Post:
    """Sends, each address in a thread of its own, so that a slow one does not delay the others."""

    def __init__(
        self, addresses: Sequence[Address], memory: Memory, *, patience: timedelta = _PATIENCE
    ) -> None:
        """`patience` is how long all of them together may take, by the wall clock."""
        self._addresses = addresses
        self._memory = memory
        self._patience = patience
        self._under_way: dict[tuple[str, str], Future[None]] = {}

    def tell(
        self, event_id: str, message: Message, *, may_wait: bool = True, insist: bool = False
    ) -> None:
        """Send it wherever it was not sent before. Raises NotTold where it is to be told again.

        That is so where nobody has had it. Those that have had it wait for the next one meanwhile,
        so an address that has just begun to fail is given another chance only while it `may_wait`,
        and one that has failed since an earlier event none, but with `insist`.
        """
        sending = {
            address: self._send(event_id, address, message)
            for address in self._addresses
            if not self._memory.was_told(event_id, address.url)
        }
        wait(sending.values(), timeout=self._patience.total_seconds())
        failures = {a: words for a, future in sending.items() if (words := self._why_not(future))}
        had = len(self._addresses) - len(failures)
        new = any(self._memory.failed_first(event_id, a.url, w) for a, w in failures.items())
        if failures and (insist or not had or (new and may_wait)):
            said = "; ".join(f"{address.name}: {words}" for address, words in failures.items())
            others = " Where it has arrived it is not sent again." if had else ""
            raise NotTold(f"{said}.{others}")
        for address in failures:
            self._memory.missed(address.url)

    def complain(self) -> None:
        """Raises NotTold while there is an address that misses messages which others have had."""
        missing = [
            f"{address.name} does not take its messages: {known.words}"
            for address in self._addresses
            if (known := self._memory.failing(address.url)) and known.misses
        ]
        if missing:
            raise NotTold(
                f"{'; '.join(missing)}. Until it does again, what it does not take goes to the "
                "other addresses alone. `dcp-engine notify test` shows whether it works"
            )

    def lacking(self) -> list[str]:
        """What hinders it, as far as can be said without sending anything."""
        return self._memory.lacking()

    def _send(self, event_id: str, address: Address, message: Message) -> Future[None]:
        key = event_id, address.url
        under_way = self._under_way.get(key)
        if under_way is not None:
            # Of an earlier telling that nobody could wait for: it may still arrive.
            return under_way
        future: Future[None] = Future()

        def work() -> None:
            try:
                address.send(message)
                self._memory.told(event_id, address.url)
            except Exception as error:  # noqa: BLE001 - it is said in `tell`
                future.set_exception(error)
            else:
                future.set_result(None)
            finally:
                self._under_way.pop(key, None)

        self._under_way[key] = future
        _in_a_thread(work)
        return future

    def _why_not(self, future: Future[None]) -> str | None:
        if not future.done():
            return (
                f"it has not answered within {self._patience.total_seconds():g} seconds, and the "
                "message may still arrive"
            )
        error = future.exception()
        return None if error is None else str(error) or repr(error)


def _in_a_thread(work: Callable[[], None]) -> None:
    # What is printed in it is heard as the plugin's; and the process may end without it.
    context = contextvars.copy_context()
    threading.Thread(target=context.run, args=(work,), daemon=True).start()
