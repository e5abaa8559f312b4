"""The table of troubles: every kind there is. docs/troubles.md shows it, and tests read both."""

from typing import Final

from dcp_engine.builtin.troubles.capacity import few_machines, lost_capacity
from dcp_engine.builtin.troubles.full import machine_full
from dcp_engine.builtin.troubles.scene import Trouble
from dcp_engine.builtin.troubles.work import (
    coming_back,
    dead_letters_growing,
    nothing_happens,
    overfull,
    stalled,
)

TABLE: Final = (
    Trouble(
        name="stalled",
        setting="stalled_after",
        begins="no job was done for that long, or for three times as long as a job usually takes "
        "where that is longer (before a first job is done, for as long as the queue's visibility "
        "timeout), while machines ran and jobs waited. Where jobs are in flight and none waits: "
        "for as long as the visibility timeout more",
        ends="a job is done; or no job is left, or no machine is up",
        do="read the newest lines of the log group: a step that hangs, a bucket that cannot be "
        "read. `dcp-engine abort APP_NAME --keep-queue` stops the cost and keeps the jobs",
        found=stalled,
    ),
    Trouble(
        name="jobs-coming-back",
        setting="coming_back_percent",
        begins="of the jobs handed out in the last hour (or in as many as it takes to count 20) "
        "that many percent, and at least 5, came back to the queue",
        ends="it is less than half as many",
        do="raise the queue's visibility timeout if jobs take longer than that; else read in the "
        "log group why they fail",
        found=coming_back,
    ),
    Trouble(
        name="dead-letters-growing",
        setting="dead_letters_quiet",
        begins="a message comes into the dead-letter queue",
        ends="none has come for that long",
        do="look at the message and at that job's lines in the log group; submit the job again "
        "when its cause is mended",
        found=dead_letters_growing,
    ),
    Trouble(
        name="overfull",
        setting="overfull_percent",
        begins="at two looks on end more jobs are in flight than that many percent of what the "
        "machines usually hold, and at least 5 more",
        ends="it is less than half of that above what they hold",
        do="nothing if machines were lost: their jobs come back when the visibility timeout is "
        "over. Else look whether disks are full",
        found=overfull,
    ),
    Trouble(
        name="nothing-happens",
        setting="nothing_after",
        begins="jobs waited and machines were up for that long, and none was ever taken",
        ends="a job is taken; or none waits, or no machine is up",
        do="look at the service's Events in the ECS console, and at the container's permissions "
        "and queue",
        found=nothing_happens,
    ),
    Trouble(
        name="machine-full",
        setting="machine_full_percent",
        begins="a machine's own log says that so many percent of its disk, of the room for files "
        "on it, or of its memory are in use. The logs are looked into every "
        "`machine_log_interval`",
        ends="the next look finds none, or those machines have ended",
        do="a larger `EBS_VOL_SIZE`, a machine type with more memory, or fewer copies on one; then "
        "start the cluster again",
        found=machine_full,
    ),
    Trouble(
        name="lost-capacity",
        setting="lost_capacity_after",
        begins="within that time AWS took back at least 3 machines and a quarter of all; or the "
        "fleets had less than half of the capacity that they request for all of it, but some",
        ends="neither is so any more",
        do="more machine types, a higher price or another region in the fleet's configuration; "
        "then start the cluster again",
        found=lost_capacity,
    ),
    Trouble(
        name="few-machines",
        setting="few_machines_wait",
        begins="cheapest mode has acted, and with the machines that are left the work takes longer "
        "than that; or none has been up for 30 minutes",
        ends="it takes less than three quarters of that, or no job is left",
        do="raise the fleet's target capacity in the EC2 console, or `dcp-engine abort APP_NAME`",
        found=few_machines,
    ),
    Trouble(
        name="no-capacity",
        begins="jobs are left and no fleet is alive; or one is, and no machine has been up for 30 "
        "minutes",
        ends="a machine is up, or no job is left",
        do="start the cluster again and register the new monitor file, or `dcp-engine abort "
        "APP_NAME`",
    ),
    Trouble(
        name="fleet-errors",
        begins="no machine has come yet, and AWS says why",
        ends="a machine is up, or AWS has said nothing of it for an hour",
        do="mend what AWS names in the fleet's configuration; where it lacks capacity, wait",
    ),
    Trouble(
        name="fleet-cancelled",
        begins="somebody cancelled a fleet and left its machines running",
        ends="they have ended",
        do="nothing, or start the cluster again for more machines",
    ),
    Trouble(
        name="fleet-ends",
        setting="fleet_end_notice",
        begins="a live fleet's end date is nearer than that",
        ends="that fleet has ended",
        do="start the cluster again before then if the work takes longer",
    ),
    Trouble(
        name="unjoined-machines",
        setting="join_grace",
        begins="a machine has been up for that long and has not joined the ECS cluster",
        ends="each of them has joined or ended, and what replaced those that ended has joined",
        do="mend what its text names; `end_unjoined` has them ended",
    ),
    Trouble(
        name="altered-alarms",
        begins="an idle alarm is not as the worker places it",
        ends="it is so again, or deleted",
        do="nothing, or delete the alarm",
    ),
)
"""Every kind of trouble, in the order in which the page shows them."""
