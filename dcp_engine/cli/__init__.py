"""The command line: what people and cron type. It talks to `dcp_engine.app` and the values only."""

import gc

__all__ = ["main"]


def main() -> None:
    """Run the command line of this process; exits with the command's exit code."""
    # Loading code makes a great many objects and no garbage. The command turns this on again where
    # it goes on for long.
    gc.disable()
    try:
        from dcp_engine.cli.departure import Departure  # noqa: PLC0415 - Ctrl-C may come meanwhile
        from dcp_engine.cli.root import PROGRAM, cli  # noqa: PLC0415

        departure = Departure()
        try:
            cli.main(prog_name=PROGRAM, obj=departure)
        except SystemExit as end:
            departure.begin(end.code)
            raise
    except KeyboardInterrupt:
        raise SystemExit(130) from None
