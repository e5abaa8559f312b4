"""The live view through a real pseudo-terminal: sizes, keys, other terminals, and its end."""

import re
from collections.abc import Callable

from tests.e2e.processes import Terminal
from tests.e2e.scene import NAME, MakeScene
from tests.e2e.waiting import until
from tests.unit.cli.screen import Screen

HEADLINE = re.compile(rf"^{NAME}  (PENDING|RUNNING|DRAINING|TEARDOWN) for ", re.MULTILINE)


class Window:
    """A terminal, and what is to be seen in it."""

    def __init__(self, terminal: Terminal, width: int, height: int) -> None:
        self.terminal = terminal
        self.screen = Screen(width, height)

    @property
    def text(self) -> str:
        """Everything that was shown and not erased, as far as it was scrolled back."""
        self.screen.feed(self.terminal.heard())
        return "\n".join(self.screen.lines)

    def until(self, so: Callable[[str], object]) -> str:
        """Wait until what is to be seen is so."""
        seen = ""

        def is_so() -> bool:
            nonlocal seen
            seen = self.text
            return bool(so(seen))

        until(is_so, lambda: seen)
        return seen

    def resize(self, width: int, height: int) -> None:
        """Make it another size, right after something was drawn.

        What is on its way then was drawn for the old size, and no terminal can put that right.
        """
        until(self._has_changed, lambda: self.text)
        self.screen.feed(self.terminal.heard())
        self.terminal.resize(width, height)
        self.screen.resize(width, height)

    def _has_changed(self) -> bool:
        heard = self.terminal.heard()
        self.screen.feed(heard)
        return bool(heard)


def one_view(text: str) -> bool:
    """Whether there is one whole view, and nothing of another one."""
    return len(HEADLINE.findall(text)) == 1 and text.rstrip().splitlines()[-1].startswith("Ctrl-C")


def test_a_run_watched_in_two_windows(stage: MakeScene) -> None:
    scene = stage(hold_a_job=True, neighbours=False, auto_monitor=False)
    calm = {"DCP_ENGINE_POLL_INTERVAL": "2s"}
    with scene.computer.in_a_terminal("monitor", scene.file, size=(80, 24), **calm) as terminal:
        window = Window(terminal, 80, 24)
        # A move is in the view as soon as it is written down, and told when the look is over.
        text = window.until(
            lambda text: "RUNNING → DRAINING" in text and "DRAINING for" in text and one_view(text)
        )
        assert "jobs in flight" in text
        assert re.search(r"^\d\d:\d\d:\d\d  RUNNING +PENDING → RUNNING", text, re.MULTILINE)
        # Whatever keys are pressed, the view stays in its place.
        terminal.type("\n\nabc\n")
        window.resize(40, 60)
        # Too narrow for all that is said of the keys, so it was drawn anew.
        text = window.until(lambda text: text.endswith("\nCtrl-C detaches") and one_view(text))
        assert "abc" not in text

        with scene.computer.in_a_terminal("status", NAME, "--watch", size=(120, 40)) as second:
            beside = Window(second, 120, 40)
            shown = beside.until(lambda text: one_view(text) and "PENDING → RUNNING" in text)
            assert "driven by dcp-engine monitor" in shown
            second.type("\x03")
            assert second.until_ended() == 0
            assert one_view(beside.text)
        assert scene.computer.status(NAME)["driver"] is not None

        scene.give_the_job_back()
        assert terminal.until_ended() == 0
        text = window.text
        assert not HEADLINE.search(text)
        flat = " ".join(text.split())
        assert flat.index("RUNNING → DRAINING") < flat.index("TEARDOWN → EXPORTED")
        assert flat.index("TEARDOWN → EXPORTED") < flat.index(f"{NAME} has ended: completed")
        # What happened stands in the scrollback, in order, and whole.
        told = re.findall(r"^\d\d:\d\d:\d\d  (\S+)(?: |$)", text, re.MULTILINE)
        events = [event for event in scene.computer.history(NAME) if event["kind"] != "registered"]
        assert told == [
            event["data"]["to"] if event["kind"] == "state" else event["kind"] for event in events
        ]
    scene.is_done()


def test_plain_lines_in_a_terminal_that_asks_for_them(stage: MakeScene) -> None:
    scene = stage(hold_a_job=True, neighbours=False, auto_monitor=False)
    for kind, arguments in (
        ("xterm", ("monitor", scene.file, "--plain")),
        ("dumb", ("resume", NAME)),
    ):
        with scene.computer.in_a_terminal(*arguments, TERM=kind) as terminal:
            terminal.until_shows(r"\d\d:\d\d:\d\d  jobs ")
            terminal.type("\x03")
            assert terminal.until_ended() == 0
        assert not HEADLINE.search(terminal.screen)
        assert "\x1b[" not in terminal.screen
        assert f"Go on with: dcp-engine resume {NAME}" in terminal.screen
