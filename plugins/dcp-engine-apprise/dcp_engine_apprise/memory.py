"""What every process of this user remembers: which address has had what, and which one fails."""

import hashlib
from contextlib import suppress
from datetime import timedelta
from pathlib import Path

import msgspec

# The engine tells an event again for 72 hours; after that nobody asks any more.
_KEPT_FOR = timedelta(hours=80)
_FAILS = "failing-"


class Failing(msgspec.Struct, frozen=True, kw_only=True):
    """An address that fails: since which event, why it did the last time, and what came of it.

    `misses` is whether there is an event that it is not sent again.
    """

    since: str
    words: str
    misses: bool


class Memory:
    """A folder of small files, named by digests: they do not say what was sent where.

    Not to be able to write there is no reason not to tell anybody anything; `lacking` says so.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._told_here: set[str] = set()

    def was_told(self, event_id: str, url: str) -> bool:
        """Whether an address has had an event, from this process or another."""
        key = _digest(event_id, url)
        return key in self._told_here or (self._folder / key).exists()

    def told(self, event_id: str, url: str) -> None:
        """An address has had an event, so it works; remembered in this process at the least."""
        key = _digest(event_id, url)
        self._told_here.add(key)
        with suppress(OSError):
            self._write(key)
        with suppress(OSError):
            self._failing(url).unlink(missing_ok=True)

    def failed_first(self, event_id: str, url: str, words: str) -> bool:
        """An address did not take an event; whether it has taken all before that.

        Where that cannot be written down, every failure is the first.
        """
        known = self.failing(url) or Failing(since=event_id, words=words, misses=False)
        self._note(url, msgspec.structs.replace(known, words=words))
        return known.since == event_id

    def missed(self, url: str) -> None:
        """An address that fails is not sent the event again."""
        if known := self.failing(url):
            self._note(url, msgspec.structs.replace(known, misses=True))

    def failing(self, url: str) -> Failing | None:
        """What is known of an address that did not take the last message for it.

        Only what is written down counts: were it another thing in each process of cron's, it would
        be a problem that begins and ends for ever.
        """
        try:
            return msgspec.json.decode(self._failing(url).read_bytes(), type=Failing)
        except (OSError, msgspec.DecodeError):
            return None

    def lacking(self) -> list[str]:
        """What hinders it from remembering, in words."""
        try:
            self._write("ready")
        except OSError as error:
            return [
                f"the folder {self._folder}, where the plugin notes which address was told what, "
                f"cannot be written ({error.strerror}); where one address fails, the others would "
                "get its messages again from every new process. Give another one with `memory`"
            ]
        return []

    def _note(self, url: str, failing: Failing) -> None:
        with suppress(OSError):
            self._write(self._failing(url).name, msgspec.json.encode(failing))

    def _failing(self, url: str) -> Path:
        return self._folder / f"{_FAILS}{_digest(url)}"

    def _write(self, name: str, content: bytes = b"") -> None:
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        new = self._folder / name
        new.touch(mode=0o600)
        new.write_bytes(content)
        oldest = new.stat().st_mtime - _KEPT_FOR.total_seconds()
        for file in self._folder.iterdir():
            # Another process may be tidying up as well.
            with suppress(FileNotFoundError):
                if file.stat().st_mtime < oldest:
                    file.unlink()


def _digest(*parts: str) -> str:
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()
