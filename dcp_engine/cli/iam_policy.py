"""`dcp-engine iam-policy`."""

import re
from pathlib import Path

import click

from dcp_engine import monitor_file
from dcp_engine.aws_names import region_trouble
from dcp_engine.cli.command import EngineCommand, examples
from dcp_engine.cli.given import everywhere, given, open_app
from dcp_engine.cli.terminal import terminal
from dcp_engine.errors import BadInput
from dcp_engine.permissions import Scope, policy

# No APP_NAME and no run id holds anything else, and every monitor file's name does.
_NAME = re.compile(r"[\w-]+", re.ASCII)


@click.command(
    "iam-policy",
    cls=EngineCommand,
    epilog=examples(
        [
            "dcp-engine iam-policy > policy.json",
            "dcp-engine iam-policy files/ExperimentSpotFleetRequestId.json",
            "dcp-engine iam-policy Experiment --read-only",
        ]
    ),
)
@click.argument("run", metavar="[APP_NAME|FILE]", required=False)
@click.option("--read-only", is_flag=True, help="Only what watching needs; it changes nothing.")
@click.option("--doctor", is_flag=True, help="Only what `dcp-engine doctor` asks besides.")
@click.pass_context
def iam_policy(ctx: click.Context, run: str | None, read_only: bool, doctor: bool) -> None:
    """Print the IAM policy that allows what dcp-engine does in AWS, and nothing else.

    For any run, or narrowed to one: a registered run's APP_NAME (or id), or a monitor file, which
    tells neither account nor region. It asks AWS nothing. See docs/permissions.md.
    """
    app = open_app(ctx, "iam-policy")
    out = terminal(ctx)
    region = given(ctx).texts.get("region")
    if region and (trouble := region_trouble(region)):
        raise BadInput(f"--region: {trouble} Nothing was printed.")
    scope = Scope(region=region or "*")
    if run is not None and is_name(run):
        scope = Scope.of_run(app.find(run))
    elif run is not None:
        scope = Scope.of_file(monitor_file.read(Path(run)), region)
    out.json(policy(scope, read_only=read_only, doctor=doctor))
    if run is not None:
        out.message(
            f"It holds for {scope.names.app_name} with {', '.join(scope.fleets)} only. When the "
            "cluster is started again the new fleet is not in it: print the policy again then."
        )


def is_name(text: str) -> bool:
    """Whether it is an APP_NAME or a run's id, and not the path of a monitor file."""
    return _NAME.fullmatch(text) is not None


everywhere(iam_policy)
