"""`dcp-engine demo`."""

import contextlib
import os
import select
import signal
import sys
import tempfile
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Final

import click

from dcp_engine.cli.command import EngineCommand, examples
from dcp_engine.cli.demo_account import say_account
from dcp_engine.cli.demo_lines import (
    DemoLines,
    hand_over,
    introduction,
    launched,
    look_around,
)
from dcp_engine.cli.given import given
from dcp_engine.cli.terminal import Terminal, terminal
from dcp_engine.errors import EXIT_FINE, BadInput
from dcp_engine.simulation.surroundings import no_own_aws

if TYPE_CHECKING:
    from types import ModuleType

    from dcp_engine.simulation.rehearsal_plan import Plan

EXIT_INTERRUPTED: Final = 130


@click.command(
    cls=EngineCommand,
    epilog=examples(
        [
            "dcp-engine demo",
            "dcp-engine demo --cheapest --machines 6",
            "dcp-engine demo --jobs 12 --machines 2 --keep",
            "dcp-engine demo --jobs 200 --hands-on",
        ]
    ),
)
@click.option(
    "--jobs", type=click.IntRange(1, 2000), default=40, show_default=True, help="Jobs to submit."
)
@click.option(
    "--machines",
    type=click.IntRange(1, 50),
    default=4,
    show_default=True,
    help="Machines to request.",
)
@click.option(
    "--seed",
    type=int,
    default=1,
    show_default=True,
    help="Another number has other machines and jobs fail.",
)
@click.option("--cheapest", is_flag=True, help="Show cheapest mode.")
@click.option(
    "--keep", is_flag=True, help="Leave the emulated AWS up afterwards, to look around in it."
)
@click.option(
    "--hands-on",
    is_flag=True,
    help="Leave the run to you: watch it with commands and plugins of your own.",
)
@click.pass_context
def demo(
    ctx: click.Context,
    *,
    jobs: int,
    machines: int,
    seed: int,
    cheapest: bool,
    keep: bool,
    hands_on: bool,
) -> None:
    """See a whole run on an emulated AWS: nothing to set up, no account, no cost.

    An AWS is emulated on this computer, with machines that work jobs off, and now and then crash
    or stall. The real command sees a run there to its end, in less than a minute, while a
    stranger's run of a similar name stands beside it. What became of both is counted at the end.

    Your own AWS credentials and settings are not looked at. Ctrl-C ends everything, and nothing
    stays behind.
    """
    _refuse_own(ctx)
    if hands_on and (cheapest or keep):
        raise click.UsageError(
            "With --hands-on the run is yours and is kept in any case: leave out --keep, and give "
            "--cheapest to the `dcp-engine monitor` that you type."
        )
    out = terminal(ctx)
    with no_own_aws():
        rehearsal = _extra()
        plan = rehearsal.Plan(jobs=jobs, machines=machines, seed=seed, cheapest=cheapest)
        with _Interruptions().heeded() as interruptions:
            code = _rehearse(rehearsal, plan, out, interruptions, keep=keep, hands_on=hands_on)
    ctx.exit(code)


class _Interruptions:
    """Whether a signal has asked for the end; what is under way is always put away first."""

    def __init__(self) -> None:
        self._asked = False

    def asked(self) -> bool:
        """Whether it is time to stop."""
        return self._asked

    @contextlib.contextmanager
    def heeded(self) -> Iterator["_Interruptions"]:
        """Heed Ctrl-C, SIGTERM and a closed terminal until the block ends."""
        numbers = signal.SIGINT, signal.SIGTERM, signal.SIGHUP
        # What this process was told to ignore (as by nohup) stays ignored.
        heeded = [n for n in numbers if signal.getsignal(n) is not signal.SIG_IGN]
        before = {number: signal.signal(number, self._on_signal) for number in heeded}
        try:
            yield self
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def _on_signal(self, number: int, frame: FrameType | None) -> None:
        self._asked = True


def _rehearse(
    rehearsal: "ModuleType",
    plan: "Plan",
    out: Terminal,
    interruptions: _Interruptions,
    *,
    keep: bool,
    hands_on: bool,
) -> int:
    lines = DemoLines(out)
    out.say("An AWS is starting on this computer; no account is needed, and nothing is billed.")
    try:
        with (
            tempfile.TemporaryDirectory(prefix="dcp-engine-demo-") as directory,
            rehearsal.Rehearsal(
                plan,
                Path(directory),
                interrupted=lambda: interruptions.asked() or out.reader_gone,
            ) as stage,
        ):
            if hands_on:
                hand_over(out, stage, stage.launch)
                stage.hand_over(_enter_was_hit, partial(launched, out))
                return EXIT_FINE
            introduction(out, stage)
            account = stage.perform(lines.tell)
            say_account(out, account, kept=keep)
            if keep:
                look_around(out, stage)
                stage.keep()
    except rehearsal.Interrupted:
        out.message("\nThe demo was interrupted. The emulated AWS is gone, and the run with it.")
        return EXIT_INTERRUPTED
    code: int = account.exit_code()
    return code


def _enter_was_hit() -> bool:
    """Whether whoever sits at the terminal has just typed something."""
    if sys.stdin is None or sys.stdin.closed or not select.select([sys.stdin], [], [], 0)[0]:
        return False
    # At the end of the input there is nothing to be read, for ever.
    return bool(os.read(sys.stdin.fileno(), 1024))


def _extra() -> "ModuleType":
    """The part that needs the packages of the extra `demo`."""
    try:
        from dcp_engine.simulation import rehearsal  # noqa: PLC0415 - it may not be there
    except ImportError as error:
        if error.name is None or error.name.partition(".")[0] == "dcp_engine":
            raise
        raise BadInput(
            f"The demo needs some more packages ({error.name} cannot be used as it is here). Get "
            "them with:\n  pip install 'dcp-engine[demo]'"
        ) from None
    return rehearsal


def _refuse_own(ctx: click.Context) -> None:
    """The demo has a database and an account of its own, and does not touch others."""
    if names := ", ".join(f"--{name}" for name in given(ctx).texts):
        raise click.UsageError(
            f"The demo uses a database, an account and settings of its own: leave out {names}."
        )
