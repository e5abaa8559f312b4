"""What `startCluster` may have left beside the run: a dashboard, a monitor file in the bucket."""

from collections.abc import Sequence

from dcp_engine.builtin import namesake
from dcp_engine.hookspecs import (
    Context,
    StepResult,
    TeardownStep,
    done,
    hookimpl,
    kept,
)


@hookimpl
def teardown_steps() -> Sequence[TeardownStep]:
    return [
        TeardownStep(name="dashboard", run=delete_dashboard),
        TeardownStep(name="monitor-file", run=delete_monitor_file),
    ]


def delete_dashboard(context: Context) -> StepResult:
    """Delete the dashboard of exactly the run's name, if the monitor file asks for that."""
    names = context.run.names
    if not names.clean_dashboard:
        return kept("CLEAN_DASHBOARD is not True")
    if namesake.has_come(context):
        return kept(namesake.WHOSE)
    if context.aws.alarms.delete_dashboard():
        return done(f"dashboard {names.dashboard} deleted")
    return done("there was none")


def delete_monitor_file(context: Context) -> StepResult:
    """Delete the copy of the monitor file that Auto-Monitor reads."""
    key = context.run.names.monitor_key
    if namesake.has_come(context):
        return kept(namesake.WHOSE)
    if context.aws.bucket.delete_monitor_file():
        return done(f"{key} deleted")
    return done("there was none")
