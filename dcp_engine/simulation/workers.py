"""The containers on the machines: they take messages, work, log, and delete the messages."""

import contextlib
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from moto.core.exceptions import ServiceException
from moto.sqs.exceptions import ReceiptHandleIsInvalid

from dcp_engine.simulation.machines import Cause, Machine, Machines
from dcp_engine.simulation.moto_account import Moto
from dcp_engine.simulation.placement import Placement, ServiceKey
from dcp_engine.simulation.runs import Behaviour, RunPlan
from dcp_engine.simulation.timeline import Timeline


@dataclass
class _Worker:
    machine: Machine
    plan: RunPlan
    behaviour: Behaviour
    turn: int = 0
    """Grows whenever what it was doing is over, so that a late end of a job is recognised."""
    idle_since: datetime | None = None


@dataclass
class Workers:
    """Everything that runs on the machines of launched runs."""

    timeline: Timeline
    moto: Moto
    machines: Machines
    placement: Placement
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
        worker = _Worker(machine, plan, behaviour)
        self._workers[machine.instance_id] = worker
        if plan.stats.terminated:
            plan.stats.replaced.append(machine.instance_id)
        plan.stats.started.append(machine.instance_id)
        if behaviour is not Behaviour.NEVER_STARTS:
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
            self._be_idle(worker)
            self._later(worker, self.timeline.timings.poll_interval, self._await_task)

    def _introduce(self, worker: _Worker) -> None:
        """What DCP's container does first: name the machine and give it its idle alarm."""
        plan, instance_id = worker.plan, worker.machine.instance_id
        self.moto.backend("ec2", plan.region).create_tags(
            [instance_id], {"Name": f"{plan.app_name}Worker"}
        )
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
            AlarmActions=[f"arn:aws:automate:{plan.region}:ec2:terminate"],
            ActionsEnabled=True,
        )
        self._log(plan, plan.per_instance_log_group, instance_id, "cpu 0.0 memory 0.1 disk 0.2")

    def _poll(self, worker: _Worker) -> None:
        if not self.placement.has_task(worker.machine):
            self._await_task(worker)
            return
        message = self._receive(worker.plan)
        if message is None:
            self._be_idle(worker)
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
        return taken[0] if taken else None

    def _begin(self, worker: _Worker, message: Any) -> None:
        job = json.loads(message.body)
        worker.idle_since = None
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
        self._be_idle(worker)

    def _finish(self, worker: _Worker, job: dict[str, Any], message: Any) -> None:
        plan, name = worker.plan, str(job["job"])
        task_stopped = worker.machine.job is None
        worker.machine.stop_job(self.timeline.now())
        if task_stopped:
            self._poll(worker)
            return
        self._log(plan, plan.per_instance_log_group, worker.machine.instance_id, "cpu 97.0")
        if job["index"] in plan.scenario.poison_jobs:
            self._log(plan, plan.log_group, name, f"{name}: PROBLEM: the pipeline failed")
        else:
            self._log(plan, plan.log_group, name, f"{name}: SUCCESS")
            plan.stats.jobs_done[name] += 1
            self._delete(plan, message.receipt_handle)
        self._poll(worker)

    def _delete(self, plan: RunPlan, receipt_handle: str) -> None:
        sqs = self.moto.backend("sqs", plan.region)
        if plan.queue_name not in sqs.queues:
            return
        # A message that outlived its visibility timeout too often is with the dead letters by now.
        with contextlib.suppress(ReceiptHandleIsInvalid):
            sqs.delete_message(plan.queue_name, receipt_handle)

    def _log(self, plan: RunPlan, group: str, stream: str, text: str) -> None:
        logs = self.moto.backend("logs", plan.region)
        if group not in logs.groups:
            return
        if stream not in logs.groups[group].streams:
            logs.create_log_stream(group, stream)
        at = int(self.timeline.now().timestamp() * 1000)
        logs.put_log_events(group, stream, [{"timestamp": at, "message": text}])

    def _be_idle(self, worker: _Worker) -> None:
        if worker.idle_since is not None:
            return
        worker.idle_since = since = self.timeline.now()

        def check() -> None:
            if worker.idle_since == since and worker.machine.alive:
                self._idle_too_long(worker)

        self.timeline.schedule(self.timeline.timings.idle_alarm_after, check)

    def _idle_too_long(self, worker: _Worker) -> None:
        """CPU has been below 1 for the alarm's whole span; it acts if it is (still) there."""
        plan, instance_id = worker.plan, worker.machine.instance_id
        alarms = self.moto.backend("cloudwatch", plan.region).alarms
        alarm = alarms.get(f"{plan.app_name}_{instance_id}")
        if alarm is None or not alarm.actions_enabled:
            return
        if not any(action.endswith(":ec2:terminate") for action in alarm.alarm_actions):
            return
        try:
            alarm.update_state("Threshold Crossed", "{}", "ALARM")
        except ServiceException as error:
            raise AssertionError(f"moto refused to set the alarm's state: {error}") from error
        self.machines.end(worker.machine, Cause.IDLE_ALARM)
