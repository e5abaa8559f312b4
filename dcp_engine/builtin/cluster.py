"""The run's ECS cluster, unless it is the default one or anybody uses it."""

from collections.abc import Sequence

from dcp_engine.errors import Busy
from dcp_engine.hookspecs import (
    Context,
    StepResult,
    TeardownStep,
    done,
    hookimpl,
    kept,
    waiting,
)


@hookimpl
def teardown_steps() -> Sequence[TeardownStep]:
    return [TeardownStep(name="cluster", run=delete_cluster, after_machines=True)]


def delete_cluster(context: Context) -> StepResult:
    """Deregister the run's dead machines from the cluster; delete it if it is empty then."""
    name = context.run.names.cluster
    _deregister_own(context)
    if name == "default":
        return kept("the default cluster is everybody's")
    cluster = context.aws.service.cluster()
    if cluster is None:
        return done("there was none any more")
    if _own_service_is_going(context):
        return waiting("the run's own service is not gone from it yet")
    if not cluster.unused:
        return kept(
            f"in use: {cluster.services} services, "
            f"{cluster.running_tasks + cluster.pending_tasks} tasks, "
            f"{cluster.container_instances} machines"
        )
    context.commit(event="cluster", text=f"Deleting the cluster {name}, which is empty.")
    try:
        context.aws.service.delete_cluster()
    except Busy as error:
        return kept(f"in use: {error.message}")
    return done(f"cluster {name} deleted")


def _own_service_is_going(context: Context) -> bool:
    """Whether the run's own service is still in the cluster, and will not stay.

    Steps go side by side, so that it may not even be asked to go yet.
    """
    step = context.run.step("service")
    if step is not None and step.ended is None:
        return True
    service = context.aws.service.describe()
    return service is not None and service.status == "DRAINING"


def _deregister_own(context: Context) -> None:
    """A machine that ended stays listed in its cluster until somebody deregisters it.

    (Amazon ECS API, DeregisterContainerInstance.)
    """
    own = set(context.machines())
    mine = [i for i in context.aws.service.container_instances() if i.instance_id in own]
    if mine:
        context.commit(
            event="cluster", text=f"Deregistering {len(mine)} ended machines from the cluster."
        )
    for instance in mine:
        context.aws.service.deregister_container_instance(instance)
