"""The run's ECS cluster, unless it is the default one or anybody uses it."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

from dcp_engine.errors import AwsError, Busy, Credentials, OutOfTime
from dcp_engine.hookspecs import (
    Context,
    StepResult,
    TeardownStep,
    done,
    hookimpl,
    kept,
    waiting,
)
from dcp_engine.ports import ENDED_STATES, ContainerInstance
from dcp_engine.words import counted

# A service drains until its last task has stopped, which takes minutes as a rule.
_PATIENCE = timedelta(hours=24)
# So many are under way at a time: ECS throttles an account that asks for too many a second (Amazon
# ECS Developer Guide, "Request throttling").
_AT_ONCE = 4


@hookimpl
def teardown_steps() -> Sequence[TeardownStep]:
    return [TeardownStep(name="cluster", run=delete_cluster, after_machines=True)]


def delete_cluster(context: Context) -> StepResult:
    """Deregister the run's dead machines from the cluster; delete it if it is empty then.

    What AWS does not bring to an end within a day does not keep the run from its own.
    """
    name = context.run.names.cluster
    drains = None if name == "default" else _own_service_hinders(context)
    if drains is not None and drains.ended is None:
        # As long as it is waited for there is no need to ask for anything else.
        return drains
    if hindered := _ended_machines_hinder(context):
        return hindered
    if name == "default":
        return kept("the default cluster is everybody's")
    return drains or _delete_if_unused(context, name)


def _delete_if_unused(context: Context, name: str) -> StepResult:
    cluster = context.aws.service.cluster()
    if cluster is None:
        return done("there was none any more")
    if not cluster.unused:
        return kept(
            f"in use: {counted(cluster.services, 'service')}, "
            f"{counted(cluster.running_tasks + cluster.pending_tasks, 'task')}, "
            f"{counted(cluster.container_instances, 'machine')}"
        )
    return _delete(context, name)


def _delete(context: Context, name: str) -> StepResult:
    context.commit(event="cluster", text=f"Deleting the cluster {name}, which is empty.")
    try:
        context.aws.service.delete_cluster()
    except Busy as error:
        return kept(f"in use: {error.message}")
    return done(f"cluster {name} deleted")


def _ended_machines_hinder(context: Context) -> StepResult | None:
    try:
        _deregister_own(context)
    except (Credentials, OutOfTime):
        raise
    except AwsError as error:
        if _has_patience(context, "machines_hinder_since"):
            raise
        return kept(f"ended machines of the run could not be deregistered from it: {error}")
    return None


def _own_service_hinders(context: Context) -> StepResult | None:
    """Steps go side by side, so that the service may not even be asked to go yet."""
    step = context.run.step("service")
    if step is not None and step.ended is None:
        return waiting("the run's own service is not gone from it yet")
    service = context.aws.service.describe()
    if service is None or service.status != "DRAINING":
        return None
    if _has_patience(context, "service_hinders_since"):
        waited = context.clock.now().timestamp() - float(context.memory["service_hinders_since"])
        # The money has stopped: the longer it takes, the less often is it asked for.
        return waiting(
            "the run's own service is still draining in it",
            next_in=timedelta(seconds=min(3600.0, max(1.0, waited / 4))),
        )
    return kept(f"the run's own service {context.run.names.service} has been draining for a day")


def _has_patience(context: Context, hindrance: str) -> bool:
    """Whether it is less than a day since this first stood in the way; each has its own day."""
    now = context.clock.now().timestamp()
    since = context.memory.get(hindrance)
    if since is None:
        context.commit(memory={**context.memory, hindrance: now})
        return True
    return bool(now - float(since) < _PATIENCE.total_seconds())


def _deregister_own(context: Context) -> None:
    """A machine that ended stays listed in its cluster until somebody deregisters it.

    (Amazon ECS API, DeregisterContainerInstance.)
    """
    own = set(context.machines())
    mine = [i for i in context.aws.service.container_instances() if i.instance_id in own]
    if mine and context.run.machines_ended_at is None:
        # A person waived the machines' end, so some may be up; those are none of the ended ones.
        states = context.aws.machines.states([i.instance_id for i in mine])
        mine = [i for i in mine if states.get(i.instance_id, "terminated") in ENDED_STATES]
    if mine and context.memory.get("deregistering") != len(mine):
        context.commit(
            event="cluster",
            text=f"Deregistering {counted(len(mine), 'ended machine')} from the cluster.",
            memory={**context.memory, "deregistering": len(mine)},
        )
    if mine and (refused := _deregistered(context, mine)):
        raise refused


def _deregistered(context: Context, instances: Sequence[ContainerInstance]) -> AwsError | None:
    """Deregister them all, one call each; the first refusal, if there is any.

    One that cannot be deregistered does not keep the others. Raises Credentials, OutOfTime.
    """
    refused: AwsError | None = None
    with ThreadPoolExecutor(min(len(instances), _AT_ONCE)) as pool:
        deregister = context.aws.service.deregister_container_instance
        calls = [pool.submit(deregister, instance) for instance in instances]
        try:
            for call in calls:
                try:
                    call.result()
                except (Credentials, OutOfTime):
                    raise
                except AwsError as error:
                    refused = refused or error
        finally:
            # Where nothing more may be done, what has not begun does not begin.
            pool.shutdown(wait=False, cancel_futures=True)
    return refused
