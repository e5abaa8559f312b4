"""`dcp-engine`: its commands, and the one place where failures become words and exit codes."""

import gc
from typing import Final

import click

from dcp_engine import __version__
from dcp_engine.cli.command import CONTEXT, LazyGroup, examples, tell
from dcp_engine.cli.given import everywhere
from dcp_engine.cli.terminal import terminal
from dcp_engine.errors import (
    EXIT_FINE,
    EXIT_NEEDS_PERSON,
    EXIT_TIME_MAY_MEND,
    EngineError,
)

PROGRAM: Final = "dcp-engine"
EXIT_INTERRUPTED: Final = 130

COMMANDS: Final = {
    "doctor": ("dcp_engine.cli.doctor:doctor", "See whether all is as a run needs it."),
    "monitor": ("dcp_engine.cli.monitor:monitor", "Register a run and watch it to its end."),
    "resume": ("dcp_engine.cli.resume:resume", "Go on watching a run, in any terminal."),
    "register": ("dcp_engine.cli.register:register", "Register a run without watching it."),
    "tick": ("dcp_engine.cli.tick:tick", "Look after runs once; this is what cron calls."),
    "watch": ("dcp_engine.cli.patrol:watch", "Look after all runs there are, as a service."),
    "status": ("dcp_engine.cli.status:status", "How a run stands, or all live ones."),
    "list": ("dcp_engine.cli.list:list_runs", "A table of runs."),
    "history": ("dcp_engine.cli.history:history", "What happened to a run."),
    "report": (
        "dcp_engine.cli.report_command:report",
        "All there is to see of a run, as one HTML file.",
    ),
    "abort": ("dcp_engine.cli.abort:abort", "End a run now, jobs left or not."),
    "release": ("dcp_engine.cli.release:release", "Stop watching a run; leave AWS as it is."),
    "waive": ("dcp_engine.cli.waive:waive", "Let a run end without a step that cannot end."),
    "plugins": ("dcp_engine.cli.plugins:plugins", "Which plugins there are, and what they lack."),
    "notify": ("dcp_engine.cli.notify:notify", "Send a test message through every notifier."),
    "iam-policy": (
        "dcp_engine.cli.iam_policy:iam_policy",
        "Print the AWS permissions that dcp-engine needs.",
    ),
    "demo": ("dcp_engine.cli.demo:demo", "See a whole run on an AWS of pretence; costs nothing."),
    "completion": ("dcp_engine.cli.completion:completion", "Set up completion in your shell."),
}

# These are over before there could be any garbage worth looking for.
BRIEF: Final = frozenset({"tick", "status", "list", "history"})

DEFECT: Final = """
This is a defect of dcp-engine; please report the lines above. The run is safe: what is decided is
in the database, and the next look at the run goes on from there. But nobody watches it until then:
`dcp-engine resume APP_NAME` goes on, `dcp-engine list` shows the names."""


class Root(LazyGroup):
    """The group of all commands."""

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        command = super().get_command(ctx, cmd_name)
        if cmd_name not in BRIEF:
            # `main` turned it off.
            gc.enable()
        return command

    def added(self, ctx: click.Context, name: str) -> click.Command | None:
        from dcp_engine.cli.added import added_command  # noqa: PLC0415 - imports every plugin

        gc.enable()
        return added_command(ctx, name, COMMANDS)

    def invoke(self, ctx: click.Context) -> None:
        out = terminal(ctx)
        try:
            super().invoke(ctx)
            ctx.exit(EXIT_FINE)
        except EngineError as error:
            out.error(str(error))
            ctx.exit(error.exit_code)
        except (KeyboardInterrupt, click.Abort):
            out.message("\nInterrupted. What was done is recorded; the rest was not begun.")
            ctx.exit(EXIT_INTERRUPTED)
        except click.exceptions.Exit as left:
            if out.unwritten and left.exit_code == EXIT_FINE:
                ctx.exit(EXIT_TIME_MAY_MEND)
            raise
        except click.ClickException:
            raise
        except Exception:  # noqa: BLE001 - the last place where it can be said in words
            import traceback  # noqa: PLC0415 - slow, and seldom needed

            out.message(traceback.format_exc() + DEFECT)
            ctx.exit(EXIT_NEEDS_PERSON)


def _version(ctx: click.Context, parameter: click.Parameter, value: bool) -> None:
    if value and not ctx.resilient_parsing:
        tell(ctx, f"{PROGRAM} {__version__}")


@click.group(
    cls=Root,
    lazy=COMMANDS,
    context_settings=CONTEXT,
    epilog="Plugins may add commands of their own: `dcp-engine plugins` shows which have some,\n"
    "and their documentation tells the names.\n"
    "\n"
    "\b\n"
    "Exit codes:\n"
    "    0  fine\n"
    "    2  wrong usage or bad input; nothing was done\n"
    "    3  there is a problem that time may mend; look again later\n"
    "    4  there is a problem that needs a person; `dcp-engine status` says which\n"
    "  130  interrupted by Ctrl-C; what was done is recorded\n"
    "\n"
    + examples(
        [
            "dcp-engine demo",
            "dcp-engine monitor files/ExperimentSpotFleetRequestId.json",
            "dcp-engine status Experiment",
        ]
    ),
)
@click.option(
    "--version",
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=_version,
    help="Show the version and exit.",
)
def cli() -> None:
    """See a Distributed-CellProfiler run safely to its end.

    `startCluster` wrote a monitor file, files/APP_NAMESpotFleetRequestId.json. Give it to
    `dcp-engine monitor`, and the run is watched: the fleet shrinks as jobs run out, everything of
    the run is taken down in the end, and the logs are brought to your bucket. Stop and go on
    whenever you like; nothing is lost.
    """


everywhere(cli)
