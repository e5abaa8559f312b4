"""The run's ECS service and its task definitions."""

from collections.abc import Sequence

from dcp_engine.builtin import namesake
from dcp_engine.hookspecs import (
    Context,
    StepResult,
    TeardownStep,
    done,
    hookimpl,
    kept,
    waiting,
)
from dcp_engine.words import counted


@hookimpl
def teardown_steps() -> Sequence[TeardownStep]:
    return [
        TeardownStep(name="service", run=delete_service),
        TeardownStep(name="task-definitions", run=deregister),
    ]


def delete_service(context: Context) -> StepResult:
    """Scale the service down and delete it.

    A deleted service drains until its tasks have stopped (Amazon ECS API, DeleteService), which
    counts as done: it starts nothing any more.
    """
    if context.run.identities.seen_at is None:
        return _not_seen_yet()
    name = context.run.names.service
    service = context.aws.service.describe()
    if service is None or service.status == "INACTIVE":
        return done("there was none any more")
    recorded = context.run.identities.service_created_at
    if recorded is None:
        return kept(f"no service {name} was recorded while the run lived, so this one is not its")
    if namesake.service_is_later(context.run, service):
        return kept(
            f"this service {name} was made, or given its task definition, later than the run's; it "
            "is somebody else's"
        )
    if service.status == "DRAINING":
        return done("it is draining")
    if service.desired:
        context.commit(event="service", text=f"Scaling the service {name} down to 0.")
        context.aws.service.scale_to_zero()
    context.commit(event="service", text=f"Deleting the service {name}.")
    context.aws.service.delete()
    return done(f"service {name} deleted")


def _not_seen_yet() -> StepResult:
    return waiting("ECS could not be looked at yet, so what is the run's is not known")


def deregister(context: Context) -> StepResult:
    """Deregister the recorded revisions of exactly the run's family."""
    if context.run.identities.seen_at is None:
        return _not_seen_yet()
    recorded = context.run.identities.task_definitions
    if not recorded:
        return done("none was recorded")
    active = set(context.aws.service.task_definitions())
    own = [arn for arn in recorded if arn in active]
    if own:
        context.commit(
            event="task-definitions",
            text=f"Deregistering {counted(len(own), 'revision')} of "
            f"{context.run.names.task_family}.",
        )
    for arn in own:
        context.aws.service.deregister_task_definition(arn)
    return done(f"{counted(len(own), 'revision')} deregistered")
