"""A plugin that asks AWS everything there is to ask about machines, and does all there is to do."""

from collections.abc import Iterator
from datetime import timedelta

from dcp_engine.hookspecs import (
    Context,
    Duty,
    DutyResult,
    StepResult,
    TeardownStep,
    done,
    hookimpl,
)
from dcp_engine.model import State
from dcp_engine.ports import ENDED_STATES, MetricQuery

FIVE_MINUTES = timedelta(minutes=5)


class Overseer:
    """Labels machines, places alarms, asks for prices, use and log lines; writes an account."""

    @hookimpl
    def duties(self) -> Iterator[Duty]:
        watching = frozenset(state for state in State if state.watches)
        yield Duty(name="oversee", states=watching, every=FIVE_MINUTES, run=oversee)

    @hookimpl
    def teardown_steps(self) -> Iterator[TeardownStep]:
        yield TeardownStep(name="account", run=write_account, after_machines=True)


def oversee(context: Context) -> DutyResult:
    aws, run, now = context.aws, context.run, context.clock.now()
    facts = [m for m in aws.machines.facts(run.fleet_ids) if m.state not in ENDED_STATES]
    ids = [machine.id for machine in facts]
    volumes = [each for each in aws.machines.volumes(ids) if not each.name]
    placed = {alarm.instance_id for alarm in aws.alarms.of_these(ids)}
    aws.service.joined(ids)
    aws.capacity.prices([machine.type for machine in facts], now - timedelta(hours=1), now)
    used = [
        MetricQuery(
            namespace="AWS/EC2", metric="CPUUtilization", dimensions=(("InstanceId", each),)
        )
        for each in ids
    ]
    aws.metrics.data(used, now - timedelta(hours=1), now, FIVE_MINUTES)
    aws.logs.search(run.names.log_groups[1], '"WARNING"', run.earliest_start, now, most=10)
    nameless = [machine.id for machine in facts if not machine.name]
    if volumes or nameless:
        aws.machines.label(nameless, volumes)
    for instance_id in ids:
        if instance_id not in placed:
            aws.alarms.place(instance_id)
    return DutyResult()


def write_account(context: Context) -> StepResult:
    context.aws.bucket.put("summary.json", b"{}", "application/json")
    return done("written")
