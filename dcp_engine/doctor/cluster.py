"""The run's place on ECS: cluster, service and task definition."""

from collections.abc import Sequence

from dcp_engine.doctor.finding import Finding, advice, fine, untold, wrong
from dcp_engine.doctor.subject import Subject
from dcp_engine.errors import AwsError
from dcp_engine.ports import ClusterFacts, ServiceFacts
from dcp_engine.words import counted

_SET_UP = (
    "Set it up (`setup` of Distributed-CellProfiler), or give the right region (--region) and "
    "account (--profile)."
)


def cluster(subject: Subject, seen: ClusterFacts | AwsError | None) -> Finding:
    """Whether the cluster is there."""
    name, called = "cluster", subject.run.names.cluster
    if isinstance(seen, AwsError):
        return untold(name, f"The cluster {called}", seen)
    if seen is None:
        text = f"There is no cluster {called} in {subject.run.region}: machines cannot join it."
        return wrong(name, text, _SET_UP)
    if seen.status != "ACTIVE":
        return wrong(name, f"The cluster {called} is {seen.status}, not ACTIVE.", _SET_UP)
    return fine(name, f"{called}: {counted(seen.container_instances, 'machine')} registered.")


def service(subject: Subject, seen: ServiceFacts | AwsError | None) -> Finding:
    """Whether the service is there and starts workers."""
    name, called = "service", subject.run.names.service
    if isinstance(seen, AwsError):
        return untold(name, f"The service {called}", seen)
    if seen is None:
        text = f"There is no service {called} in {subject.run.names.cluster}: nothing is started."
        return wrong(name, text, _SET_UP)
    if seen.status != "ACTIVE":
        return wrong(name, f"The service {called} is {seen.status}, not ACTIVE.", _SET_UP)
    if seen.desired == 0:
        return wrong(
            name,
            f"The service {called} wants 0 tasks: machines come up, are billed, and no worker is "
            "started on them.",
            "Set its desired count to the number of workers (`aws ecs update-service --cluster "
            f"{subject.run.names.cluster} --service {called} --desired-count N`).",
        )
    return fine(name, f"{called}: {seen.running} of {counted(seen.desired, 'task')} running.")


def task_definition(
    subject: Subject, revisions: Sequence[str] | AwsError, service: ServiceFacts | AwsError | None
) -> Finding:
    """Whether what the service starts is the run's own task definition, and active."""
    name, family = "task-definition", subject.run.names.task_family
    if isinstance(revisions, AwsError):
        return untold(name, f"The task definition {family}", revisions)
    if not revisions:
        return wrong(name, f"There is no active task definition {family}.", _SET_UP)
    started = service.task_definition if isinstance(service, ServiceFacts) else ""
    if started and started not in revisions:
        return advice(
            name,
            f"The service starts {_short(started)}, which is none of the "
            f"{counted(len(revisions), 'active revision')} of {family}.",
            "If that is not what you want, run `setup` of Distributed-CellProfiler again.",
        )
    if started:
        return fine(name, f"The service starts {_short(started)}.")
    return fine(name, f"{family}: {counted(len(revisions), 'active revision')}.")


def _short(arn: str) -> str:
    return arn.rpartition("/")[2]
