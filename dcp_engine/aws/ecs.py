"""The run's service, task definitions and cluster, on Amazon ECS."""

from collections.abc import Callable, Mapping, Sequence
from typing import TypeVar

from dcp_engine.aws import ecs_shapes as shapes
from dcp_engine.aws import operations as op
from dcp_engine.aws.answer import Answer, utc
from dcp_engine.aws.arn import Arn
from dcp_engine.aws.batches import batches
from dcp_engine.aws.edge import Edge
from dcp_engine.aws.operations import Operation
from dcp_engine.aws.taxonomy import plain
from dcp_engine.errors import Missing, Transient
from dcp_engine.model import Run
from dcp_engine.ports import ClusterFacts, ContainerInstance, ServiceFacts

T = TypeVar("T")

# Amazon ECS API Reference: maxResults of the List operations, ids in DescribeContainerInstances.
_PAGE = 100
# So many ids are a filter of a sensible length.
_IN_A_FILTER = 100


class EcsService:
    """`Service` by Amazon ECS."""

    def __init__(self, edge: Edge, run: Callable[[], Run]) -> None:
        self._edge = edge
        self._run = run

    def describe(self) -> ServiceFacts | None:
        """The service, INACTIVE ones included; None when ECS knows neither it nor its cluster."""
        names = self._run().names

        def facts(answer: Answer) -> ServiceFacts | None:
            taken = answer.take(shapes.Services)
            entry = next((one for one in taken.services if one.name == names.service), None)
            if entry is None:
                _require_missing(answer, taken.failures)
                return None
            return ServiceFacts(
                status=entry.status,
                desired=entry.desired,
                running=entry.running,
                created_at=utc(entry.created_at),
                task_definition=entry.task_definition,
            )

        try:
            return self._edge.read(
                op.DESCRIBE_SERVICES, facts, cluster=names.cluster, services=[names.service]
            )
        except Missing:
            return None

    def scale_to_zero(self) -> None:
        """Desired count 0; a service that is gone or INACTIVE is fine."""
        names = self._run().names
        self._gone_is_fine(
            op.UPDATE_SERVICE, cluster=names.cluster, service=names.service, desiredCount=0
        )

    def delete(self) -> None:
        """Delete the service; one that is gone or INACTIVE is fine. Raises Busy above count 0."""
        names = self._run().names
        self._gone_is_fine(op.DELETE_SERVICE, cluster=names.cluster, service=names.service)

    def task_definitions(self) -> tuple[str, ...]:
        """The active revisions of exactly the run's family."""
        family = self._run().names.task_family
        # familyPrefix is the whole family name (Amazon ECS API Reference, ListTaskDefinitions),
        # and is compared again here since emulators take it for a prefix.
        pages = self._edge.pages(
            op.LIST_TASK_DEFINITIONS,
            lambda answer: answer.take(shapes.TaskDefinitions),
            familyPrefix=family,
            status="ACTIVE",
            maxResults=_PAGE,
        )
        return tuple(arn for page in pages for arn in page.arns if _family(arn) == family)

    def deregister_task_definition(self, arn: str) -> None:
        """Deregister one recorded revision; one that is INACTIVE or gone is fine."""
        self._gone_is_fine(op.DEREGISTER_TASK_DEFINITION, taskDefinition=arn)

    def cluster(self) -> ClusterFacts | None:
        """The cluster, None when ECS does not know it or it is INACTIVE."""
        name = self._run().names.cluster

        def facts(answer: Answer) -> ClusterFacts | None:
            taken = answer.take(shapes.Clusters)
            entry = next((one for one in taken.clusters if one.name == name), None)
            if entry is None:
                _require_missing(answer, taken.failures)
                return None
            if entry.status == "INACTIVE":
                return None
            return ClusterFacts(
                status=entry.status,
                services=entry.services,
                running_tasks=entry.running_tasks,
                pending_tasks=entry.pending_tasks,
                container_instances=entry.container_instances,
            )

        return self._edge.read(op.DESCRIBE_CLUSTERS, facts, clusters=[name])

    def container_instances(self) -> tuple[ContainerInstance, ...]:
        """Every machine registered in the cluster; none where there is no such cluster."""
        cluster = self._run().names.cluster
        try:
            pages = self._edge.pages(
                op.LIST_CONTAINER_INSTANCES,
                lambda answer: answer.take(shapes.ContainerInstanceArns),
                cluster=cluster,
                maxResults=_PAGE,
            )
            arns = list(dict.fromkeys(arn for page in pages for arn in page.arns))
            return tuple(
                found
                for batch in batches(arns, _PAGE)
                for found in self._describe_container_instances(cluster, batch)
            )
        except Missing:
            return ()

    def joined(self, instance_ids: Sequence[str]) -> frozenset[str]:
        """Those of these machines that are registered in the cluster, in whatever state.

        They are asked for by a filter (Amazon ECS Developer Guide, "Cluster query language"), and
        what comes back is looked at once more. Raises Missing when there is no such cluster: then
        nothing is known of where these machines may work.
        """
        wanted = list(dict.fromkeys(instance_ids))
        cluster = self._run().names.cluster
        found: set[str] = set()
        for batch in batches(wanted, _IN_A_FILTER):
            ids = ", ".join(f"'{instance_id}'" for instance_id in batch)
            pages = self._edge.pages(
                op.LIST_CONTAINER_INSTANCES,
                lambda answer: answer.take(shapes.ContainerInstanceArns),
                cluster=cluster,
                filter=f"ec2InstanceId in [{ids}]",
                maxResults=_PAGE,
            )
            arns = list(dict.fromkeys(arn for page in pages for arn in page.arns))
            for some in batches(arns, _PAGE):
                found.update(
                    one.instance_id for one in self._describe_container_instances(cluster, some)
                )
        return frozenset(found & set(wanted))

    def deregister_container_instance(self, instance: ContainerInstance) -> None:
        """Deregister one of the run's own dead machines; one that is gone is fine.

        Forced, since a machine that died leaves its tasks behind in ECS's books (Amazon ECS API
        Reference, DeregisterContainerInstance).
        """
        self._gone_is_fine(
            op.DEREGISTER_CONTAINER_INSTANCE,
            about={instance.arn: instance.instance_id},
            cluster=self._run().names.cluster,
            containerInstance=instance.arn,
            force=True,
        )

    def delete_cluster(self) -> None:
        """Delete the cluster; one that is gone is fine. Raises Busy when somebody uses it."""
        self._gone_is_fine(op.DELETE_CLUSTER, cluster=self._run().names.cluster)

    def _gone_is_fine(
        self, operation: Operation, *, about: Mapping[str, str] | None = None, **params: object
    ) -> None:
        try:
            self._edge.call(operation, about=about, **params)
        except Missing:
            return

    def _describe_container_instances(
        self, cluster: str, arns: list[str]
    ) -> tuple[ContainerInstance, ...]:
        def facts(answer: Answer) -> tuple[ContainerInstance, ...]:
            taken = answer.take(shapes.ContainerInstances)
            if len(taken.instances) < len(arns):
                _require_missing(answer, taken.failures, at_least=len(arns) - len(taken.instances))
            return tuple(
                ContainerInstance(arn=entry.arn, instance_id=entry.instance_id)
                for entry in taken.instances
            )

        return self._edge.read(
            op.DESCRIBE_CONTAINER_INSTANCES, facts, cluster=cluster, containerInstances=arns
        )


def _require_missing(
    answer: Answer, failures: Sequence[shapes.Failure], *, at_least: int = 1
) -> None:
    """ECS tells what it does not know under `failures`; any other reason is not 'gone'.

    (Amazon ECS Developer Guide, "API failure reasons".)
    """
    for failure in failures:
        if failure.reason != "MISSING":
            raise Transient(
                answer.operation.label,
                plain(failure.reason) or "Failure",
                f"ECS could not tell about {plain(failure.arn)}, so nothing is known about it.",
            )
    if len(failures) < at_least:
        raise answer.unreadable("it does not mention what was asked for")


def _family(text: str) -> str | None:
    arn = Arn.parse(text)
    if arn is None or arn.kind != "task-definition":
        return None
    return arn.name.rpartition(":")[0]
