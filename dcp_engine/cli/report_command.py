"""`dcp-engine report`."""

from pathlib import Path

import click

from dcp_engine.cli import arguments
from dcp_engine.cli.command import EngineCommand, examples
from dcp_engine.cli.given import everywhere, open_app
from dcp_engine.cli.report_file import write
from dcp_engine.cli.terminal import Terminal, terminal

_STANDARD_OUTPUT = "-"


@click.command(
    cls=EngineCommand,
    epilog=examples(
        [
            "dcp-engine report Experiment --open",
            "dcp-engine report Experiment --output ~/reports/experiment.html",
            "dcp-engine report Experiment --json > summary.json",
        ]
    ),
)
@arguments.app_name
@click.option(
    "--output",
    metavar="FILE",
    type=click.Path(allow_dash=True),
    help="Where to write it; `-` is standard output.  [default: APP_NAME-report.html, here]",
)
@click.option("--open", "show", is_flag=True, help="Open it in the browser.")
@click.option("--force", is_flag=True, help="Write over a file that is not a report.")
@arguments.as_json
@click.pass_context
def report(
    ctx: click.Context,
    *,
    app_name: str,
    output: str | None,
    show: bool,
    force: bool,
    as_json: bool,
) -> None:
    """Write all there is to see of the run APP_NAME into one HTML file.

    What ran, where and how it ended; jobs, fleet and cluster over time; every machine, the cost,
    what was wrong, what was taken down. The file needs nothing but a browser, and can be kept,
    sent and printed. Of a run that has not ended it tells what is known so far.

    From the database alone: it asks AWS nothing, and needs no network.
    """
    if as_json and (output is not None or show or force):
        raise click.UsageError("--json prints a summary and writes no file: give it alone.")
    if output == _STANDARD_OUTPUT and show:
        raise click.UsageError("--open needs a file, and `--output -` writes none.")
    app = open_app(ctx, "report")
    out = terminal(ctx)
    picture = app.picture(app_name)
    if as_json:
        from dcp_engine.report.summary import summary_of  # noqa: PLC0415 - slow

        out.json(summary_of(picture).as_json())
        return
    from dcp_engine.report.page import as_html  # noqa: PLC0415 - slow

    page = as_html(picture)
    if output == _STANDARD_OUTPUT:
        # In ASCII, with every other character by its number: it survives whatever it is piped to.
        out.say(page.encode("ascii", "xmlcharrefreplace").decode("ascii"))
        return
    run = picture.run
    name = run.id if app_name == run.id else run.names.app_name
    path = write(Path(output or f"{name}-report.html"), page, force=force)
    so_far = ", so far," if run.live else ""
    out.say(f"The report of {run.names.app_name}{so_far} is in {path}")
    if show:
        _open(out, path)


def _open(out: Terminal, path: Path) -> None:
    import webbrowser  # noqa: PLC0415 - seldom needed

    if not webbrowser.open(path.as_uri()):
        out.message("No browser could be opened from here. Open that file in one yourself.")


everywhere(report)
