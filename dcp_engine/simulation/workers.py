"""The containers on the machines: they take messages, work, log, and delete the messages."""

import contextlib
import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any
from zlib import crc32

from moto.sqs.exceptions import ReceiptHandleIsInvalid

from dcp_engine.simulation import machine_log
from dcp_engine.simulation.idle_alarms import IdleAlarms
from dcp_engine.simulation.machines import Cause, Machine, Machines
from dcp_engine.simulation.moto_account import Moto
from dcp_engine.simulation.placement import Placement, ServiceKey
from dcp_engine.simulation.queues import Queues, sent_at
from dcp_engine.simulation.runs import Behaviour, RunPlan
from dcp_engine.simulation.timeline import Timeline


@dataclass
class _Worker:
    machine: Machine
    plan: RunPlan
    behaviour: Behaviour
    turn: int = 0
    """Grows whenever what it was doing is over, so that a late end of a job is recognised."""
    index: int = 0
    """The how manieth of its run it is, from 0."""
    task_id: str = ""
    tasks: int = 0
    """How many of the service's tasks it has had."""
    jobs: int = 0
    """How many it has worked on."""
    warning: bool = False
    """Whether it writes down again and again that something is nearly full."""


@dataclass
class Workers:
    """Everything that runs on the machines of launched runs."""

    timeline: Timeline
    moto: Moto
    machines: Machines
    placement: Placement
    alarms: IdleAlarms
    queues: Queues
    plans: dict[str, RunPlan] = field(default_factory=dict)
    """Fleet id to the run its machines work for; machines of other fleets do nothing."""
    _workers: dict[str, _Worker] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.machines.on_running.append(self._boot)
        self.machines.on_end.append(self._machine_ended)

    def _boot(self, machine: Machine) -> None:
        plan = self.plans.get(machine.fleet_id)
        if plan is None:
            return
        behaviour = plan.behaviour_of_next(self.timeline.random)
        worker = _Worker(machine, plan, behaviour, index=len(plan.stats.started))
        self._workers[machine.instance_id] = worker
        machine.memory_fills = worker.index in plan.scenario.memory_fills
        if plan.stats.terminated:
            plan.stats.replaced.append(machine.instance_id)
        plan.stats.started.append(machine.instance_id)
        if behaviour is Behaviour.NEVER_STARTS:
            self.alarms.idle(machine)
        else:
            delay = self.timeline.draw(self.timeline.timings.boot_delay)
            self._later(worker, delay, self._register)

    def _machine_ended(self, machine: Machine) -> None:
        worker = self._workers.get(machine.instance_id)
        if worker is not None:
            worker.turn += 1
            worker.plan.stats.terminated.append(machine.instance_id)

    def _later(self, worker: _Worker, seconds: float, action: Callable[[_Worker], None]) -> None:
        turn = worker.turn

        def act() -> None:
            if worker.turn == turn and worker.machine.alive:
                action(worker)

        self.timeline.schedule(seconds, act)

    def _register(self, worker: _Worker) -> None:
        if self.placement.register(worker.machine, worker.plan.cluster):
            self._await_task(worker)
        else:
            self._later(worker, self.timeline.timings.poll_interval, self._register)

    def _await_task(self, worker: _Worker) -> None:
        plan = worker.plan
        if self.placement.place(
            worker.machine, ServiceKey(plan.region, plan.cluster, plan.service)
        ):
            self._introduce(worker)
            self._poll(worker)
        else:
            self.alarms.idle(worker.machine)
            self._later(worker, self.timeline.timings.poll_interval, self._await_task)

    def _introduce(self, worker: _Worker) -> None:
        """What DCP's container does first: name the machine, its volumes, and place its alarm."""
        plan, instance_id = worker.plan, worker.machine.instance_id
        # Fetching and starting the container is work, too.
        self.alarms.busy(instance_id)
        worker.tasks += 1
        ec2 = self.moto.backend("ec2", plan.region)
        volumes = self.machines.volumes(worker.machine)
        ec2.create_tags([instance_id, *volumes], {"Name": f"{plan.app_name}Worker"})
        account = str(ec2.account_id)
        self.moto.client("cloudwatch", plan.region).put_metric_alarm(
            AlarmName=f"{plan.app_name}_{instance_id}",
            MetricName="CPUUtilization",
            Namespace="AWS/EC2",
            Statistic="Maximum",
            Period=60,
            EvaluationPeriods=15,
            Threshold=1.0,
            ComparisonOperator="LessThanThreshold",
            Dimensions=[{"Name": "InstanceId", "Value": instance_id}],
            AlarmActions=[
                f"arn:aws:swf:{plan.region}:{account}:action/actions/"
                "AWS_EC2.InstanceId.Terminate/1.0"
            ],
            ActionsEnabled=True,
        )
        worker.task_id = f"{crc32(f'{instance_id} {worker.tasks}'.encode()):08x}" * 4
        queue_url = f"https://sqs.{plan.region}.amazonaws.com/{account}/{plan.queue_name}"
        greeting = machine_log.greeting(plan.region, queue_url, plan.bucket, instance_id)
        self._log_of_machine(worker, greeting)
        self._measure(worker, cpu=1.0)

    def _poll(self, worker: _Worker) -> None:
        if not self.placement.has_task(worker.machine):
            self._await_task(worker)
            return
        message = self._receive(worker.plan)
        if message is None:
            self.alarms.idle(worker.machine)
            self._later(worker, self.timeline.timings.poll_interval, self._poll)
            return
        self._begin(worker, message)

    def _receive(self, plan: RunPlan) -> Any:
        sqs = self.moto.backend("sqs", plan.region)
        queue = sqs.queues.get(plan.queue_name)
        if queue is None:
            return None
        taken = sqs.receive_message(
            plan.queue_name,
            count=1,
            wait_seconds_timeout=0,
            visibility_timeout=queue.visibility_timeout,
        )
        self.queues.received(plan.region, plan.queue_name, len(taken))
        return taken[0] if taken else None

    def _begin(self, worker: _Worker, message: Any) -> None:
        job = json.loads(message.body)
        self.alarms.busy(worker.machine.instance_id)
        worker.jobs += 1
        worker.machine.begin_job(str(job["job"]), self.timeline.now())
        span = worker.plan.scenario.job_duration or self.timeline.timings.job_duration
        duration = self.timeline.draw(span)
        if worker.behaviour is Behaviour.CRASHES:
            self._later(worker, duration / 2, self._crash)
        elif worker.behaviour is Behaviour.STALLS:
            self._later(worker, duration / 2, self._stall)
        else:
            self._later(worker, duration, lambda _: self._finish(worker, job, message))

    def _crash(self, worker: _Worker) -> None:
        worker.plan.stats.crashed.append(worker.machine.instance_id)
        self.machines.end(worker.machine, Cause.CRASH)

    def _stall(self, worker: _Worker) -> None:
        worker.plan.stats.stalled.append(worker.machine.instance_id)
        worker.machine.stop_job(self.timeline.now())
        worker.turn += 1
        self.alarms.idle(worker.machine)

    def _finish(self, worker: _Worker, job: dict[str, Any], message: Any) -> None:
        plan, name = worker.plan, str(job["job"])
        task_stopped = worker.machine.job is None
        worker.machine.stop_job(self.timeline.now())
        if task_stopped:
            self._poll(worker)
            return
        self._measure(worker, cpu=80.0)
        if job["index"] in plan.scenario.poison_jobs:
            self._log(plan, plan.log_group, name, f"{name}: PROBLEM: the pipeline failed")
        else:
            self._log(plan, plan.log_group, name, f"{name}: SUCCESS")
            plan.stats.jobs_done[name] += 1
            self._delete(plan, message)
        self._poll(worker)

    def _delete(self, plan: RunPlan, message: Any) -> None:
        sqs = self.moto.backend("sqs", plan.region)
        if plan.queue_name not in sqs.queues:
            return
        # A message that outlived its visibility timeout too often is with the dead letters by now.
        with contextlib.suppress(ReceiptHandleIsInvalid):
            sqs.delete_message(plan.queue_name, message.receipt_handle)
            self.queues.deleted(plan.region, plan.queue_name, sent_at(message))

    def _measure(self, worker: _Worker, *, cpu: float) -> None:
        """What the monitor on the machine writes down of it; on and on while something is full."""
        scenario = worker.plan.scenario
        disk = machine_log.used(worker.jobs, fills=worker.index in scenario.disk_fills)
        memory = machine_log.used(worker.jobs, fills=worker.index in scenario.memory_fills)
        self._log_of_machine(worker, machine_log.measured(disk=disk, memory=memory, cpu=cpu))
        if not worker.warning and max(map(machine_log.nearly_full, (disk, memory))):
            worker.warning = True
            self._warn_again(worker)

    def _warn_again(self, worker: _Worker) -> None:
        def again() -> None:
            if worker.machine.alive:
                self._measure(worker, cpu=80.0 if worker.machine.job else 1.0)
                self._warn_again(worker)

        self.timeline.schedule(self.timeline.timings.warning_interval, again)

    def _log_of_machine(self, worker: _Worker, lines: Iterable[str]) -> None:
        plan = worker.plan
        stream = machine_log.stream_name(plan.app_name, worker.task_id)
        for line in lines:
            self._log(plan, plan.per_instance_log_group, stream, line)

    def _log(self, plan: RunPlan, group: str, stream: str, text: str) -> None:
        logs = self.moto.backend("logs", plan.region)
        if group not in logs.groups:
            return
        if stream not in logs.groups[group].streams:
            logs.create_log_stream(group, stream)
        at = int(self.timeline.now().timestamp() * 1000)
        logs.put_log_events(group, stream, [{"timestamp": at, "message": text}])
