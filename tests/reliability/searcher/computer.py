"""The processes that drive the run: all of them on one host, with one store."""

from typing import Any

from tests.engine.rig import Rig


class Computer(Rig):
    """A process after another; `dead` is shared, for what one knows of the dead all know."""

    def __init__(self, *args: Any, number: int, dead: set[int], **more: Any) -> None:
        self._first_pid = 1000 * number
        self._everybodys_dead = dead
        self._begun = False
        super().__init__(*args, **more)

    @property
    def pid(self) -> int:
        """The process that is alive now."""
        return self._processes

    def restart(self, *, died: bool = False) -> None:
        """Go on as another process."""
        if self._begun:
            self.store.close()
        else:
            self._processes, self.dead = self._first_pid, self._everybodys_dead
        self._begun = True
        super().restart(died=died)
