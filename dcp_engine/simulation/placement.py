"""Which machine has an ECS agent, and which has a task of which service."""

import json
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from botocore.exceptions import ClientError

from dcp_engine.simulation.machines import Cause, Machine, Machines
from dcp_engine.simulation.moto_account import Moto


@dataclass(frozen=True)
class ServiceKey:
    """Names a service within the account."""

    region: str
    cluster: str
    service: str


@dataclass
class Placement:
    """One task per machine at most, as DCP's placement of big containers comes to."""

    moto: Moto
    machines: Machines
    _agents: dict[str, tuple[str, str]] = field(default_factory=dict)
    """Instance id to cluster and container instance id."""
    _tasks: dict[str, ServiceKey] = field(default_factory=dict)
    """Instance id to the service whose task it runs."""
    created: dict[ServiceKey, datetime] = field(default_factory=dict)
    """When each service was made, which moto leaves out of its answers."""

    def __post_init__(self) -> None:
        self.machines.on_end.append(self._machine_ended)

    def register(self, machine: Machine, cluster: str) -> bool:
        """The machine's agent joins the cluster; False when that isn't (or no longer) there."""
        if self._active_cluster(machine.region, cluster) is None:
            return False
        try:
            answer = self.moto.client("ecs", machine.region).register_container_instance(
                cluster=cluster,
                instanceIdentityDocument=json.dumps({"instanceId": machine.instance_id}),
            )
        except ClientError:
            return False
        arn = answer["containerInstance"]["containerInstanceArn"]
        self._agents[machine.instance_id] = (cluster, arn.rpartition("/")[2])
        return True

    def place(self, machine: Machine, key: ServiceKey) -> bool:
        """Start a task on a registered machine if the service wants one more."""
        if machine.instance_id not in self._agents:
            return False
        service = self._service(key)
        if service is None or service.status != "ACTIVE":
            return False
        if len(self.tasks(key)) >= service.desired_count:
            return False
        self._tasks[machine.instance_id] = key
        self._show(machine)
        return True

    def has_task(self, machine: Machine) -> bool:
        """Whether a container runs on it."""
        return machine.instance_id in self._tasks

    def tasks(self, key: ServiceKey) -> list[str]:
        """Instance ids of the machines that run a task of the service, as far as ECS can see."""
        return [i for i, of in self._tasks.items() if of == key and i in self._agents]

    def tasks_in(self, region: str, cluster: str) -> int:
        """How many tasks run in a cluster."""
        return sum(
            1
            for instance_id, key in self._tasks.items()
            if (key.region, key.cluster) == (region, cluster) and instance_id in self._agents
        )

    def scale(self, key: ServiceKey, desired: int) -> None:
        """Stop the tasks beyond the desired count, idle ones first."""
        placed = [m for i in self.tasks(key) if (m := self.machines.find(i)) is not None]
        placed.sort(key=lambda machine: machine.job is not None)
        for machine in placed[: max(0, len(placed) - desired)]:
            self.machines.note_kill(machine, Cause.SERVICE_SCALED)
            machine.stop_job(self.machines.timeline.now())
            del self._tasks[machine.instance_id]
            self._show(machine)

    def forget_agent(self, container_instance_id: str) -> None:
        """A container instance was deregistered; its task, if any, runs on unseen."""
        for instance_id, (_, agent_id) in list(self._agents.items()):
            if agent_id == container_instance_id:
                del self._agents[instance_id]

    def _machine_ended(self, machine: Machine) -> None:
        """The agent is silent from now on, but stays listed until somebody deregisters it."""
        self._tasks.pop(machine.instance_id, None)
        self._show(machine)

    def _show(self, machine: Machine) -> None:
        agent = self._agents.get(machine.instance_id)
        if agent is None:
            return
        cluster, agent_id = agent
        ecs = self.moto.backend("ecs", machine.region)
        shown = ecs.container_instances.get(cluster, {}).get(agent_id)
        if shown is not None:
            shown.agent_connected = machine.alive
            shown.running_tasks_count = 1 if self.has_task(machine) else 0

    def _active_cluster(self, region: str, cluster: str) -> Any:
        found = self.moto.backend("ecs", region).clusters.get(cluster)
        return found if found is not None and found.status == "ACTIVE" else None

    def _service(self, key: ServiceKey) -> Any:
        return self.moto.backend("ecs", key.region).services.get(f"{key.cluster}:{key.service}")
