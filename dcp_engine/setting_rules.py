"""What each setting means, and within which limits it makes sense."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Final

import msgspec


class Rule(msgspec.Struct, frozen=True, kw_only=True):
    """A setting's meaning and limits, with the words why a value past a limit is refused."""

    meaning: str
    least: timedelta | int | bool = timedelta(0)
    too_little: str = "it cannot be negative"
    most: timedelta | int | bool = timedelta(days=7)
    too_much: str = "more than a week is more likely a slip of the unit, and machines are billed"


RULES: Final[Mapping[str, Rule]] = {
    "poll_interval": Rule(
        meaning="pause between two looks at a run while `monitor`, `resume` or `watch` drives it",
        least=timedelta(milliseconds=100),
        too_little="AWS would throttle the calls",
        most=timedelta(minutes=15),
        too_much=(
            "counts more than 30 minutes apart never confirm that the queue is empty, "
            "and one of them may fail"
        ),
    ),
    "alarm_sweep_interval": Rule(meaning="pause between two clean-ups of dead machines' alarms"),
    "downscale_interval": Rule(
        meaning="pause between two looks at whether the fleet asks for more than the jobs need"
    ),
    "cheapest_after": Rule(
        meaning="time from engaging cheapest mode until the requested capacity becomes 1"
    ),
    "empty_readings": Rule(
        meaning="consecutive counts of 0 jobs that confirm an empty queue",
        least=2,
        too_little="SQS counts are approximate, and one wrong 0 would stop working machines",
        most=100,
        too_much="each count is kept with the run",
    ),
    "empty_window": Rule(meaning="time that these counts of 0 must span"),
    "first_job_grace": Rule(meaning="how long a queue may stay without a first job"),
    "orphan_grace": Rule(
        meaning="time left to machines that may still be working although the queue looks empty"
    ),
    "watch_interval": Rule(
        meaning="pause between two looks at the machines: names, idle alarms, use, troubles"
    ),
    "ensure_alarms": Rule(
        meaning="whether a machine that lacks its idle alarm is given it", least=False, most=True
    ),
    "join_grace": Rule(
        meaning="how long a machine may be up before it has joined the ECS cluster",
        least=timedelta(seconds=1),
        too_little="no machine would have time to start",
    ),
    "end_unjoined": Rule(
        meaning="whether a machine that has not joined the cluster by then is ended",
        least=False,
        most=True,
    ),
    "stalled_after": Rule(
        meaning="how long no job may be done while machines run; three times a job's usual time "
        "where that is longer",
        least=timedelta(minutes=10),
        too_little="CloudWatch's numbers come up to 20 minutes late",
    ),
    "nothing_after": Rule(
        meaning="how long jobs may wait for the first one to be taken while machines are up",
        least=timedelta(minutes=10),
        too_little="machines take minutes to start",
    ),
    "coming_back_percent": Rule(
        meaning="percent of the jobs handed out that may come back to the queue",
        least=1,
        too_little="a job comes back now and then in any run",
        most=100,
        too_much="more cannot come back",
    ),
    "dead_letters_quiet": Rule(
        meaning="how long no further job may have failed for good before that counts as over",
        least=timedelta(minutes=10),
        too_little="they are counted every ten minutes",
    ),
    "overfull_percent": Rule(
        meaning="percent of the jobs that the machines usually hold that may be in flight",
        least=110,
        too_little="the counts are approximate",
        most=1000,
        too_much="that would never be noticed",
    ),
    "lost_capacity_after": Rule(
        meaning="how long a fleet may have less than half of what it requests; and the time in "
        "which machines that AWS took back are counted together",
        least=timedelta(minutes=10),
        too_little="machines take minutes to come",
    ),
    "few_machines_wait": Rule(
        meaning="the longest that the work may still take once cheapest mode has acted",
        most=timedelta(days=30),
        too_much="the queue drops its jobs before that",
    ),
    "fleet_end_notice": Rule(
        meaning="how long before its end date a fleet is a problem",
    ),
    "machine_full_percent": Rule(
        meaning="percent of a machine's disk or memory in use that count as full",
        least=50,
        too_little="half of it is free",
        most=100,
        too_much="more cannot be in use",
    ),
    "machine_log_interval": Rule(
        meaning="pause between two looks into the machines' own logs",
        least=timedelta(minutes=10),
        too_little="it is a search through much text",
    ),
    "log_settle": Rule(
        meaning="pause between the end of the machines and the export of their logs"
    ),
    "request_timeout": Rule(
        meaning="how long AWS may keep one call waiting",
        least=timedelta(milliseconds=100),
        too_little="no answer could come in time",
        most=timedelta(minutes=5),
        too_much="a dead connection would hold up the tick",
    ),
    "tick_deadline": Rule(
        meaning="the longest one look at a run may take, its actions included",
        least=timedelta(seconds=1),
        too_little="no look at a run would come to its end",
        most=timedelta(hours=1),
        too_much="a stuck tick would leave the run unwatched",
    ),
    "lease_ttl": Rule(
        meaning="how long a driver that falls silent keeps others away from its run",
        least=timedelta(seconds=1),
        too_little="the driver would lose the run while it works",
        most=timedelta(days=1),
        too_much="after a crash nobody on another computer could take the run over for that long",
    ),
}
