"""What people do, by the command line or by hand, wisely or not."""

from collections.abc import Callable, Mapping
from typing import Final

from dcp_engine.model import RequestKind
from dcp_engine.simulation.launch import queue_alarm_names, write_monitor_file
from tests.reliability.searcher.guest import Mood
from tests.reliability.searcher.world import World

MOST_JOBS: Final = 16
"""So many jobs a run is given at most: each costs virtual hours, and real milliseconds."""
SPOILT: Final = (None, "", "{", '{"MONITOR_FLEET_ID": 1}', "\x00\x01")
"""What the monitor file is made; None: it is deleted."""


def send_jobs(world: World, count: int) -> None:
    """More jobs are submitted, if there is a queue."""
    if world.jobs_left() is None or len(world.launch.jobs_sent) + count > MOST_JOBS:
        return
    going = world.aws.world.queues.held(world.aws.region, world.launch.queue_name)
    sent = world.launch.send_jobs(count)
    if going:
        # The queue answers for a minute after it was told to go, and takes what it gets along.
        world.given_up.update(sent)


def abort(world: World, meant: bool, keep_queue: bool) -> None:
    """A person ends the run, and consents to lose the jobs that are left unless they are kept."""
    if not meant or not world.run().live:
        return
    world.wish(RequestKind.ABORT, keep_queue=keep_queue)


def release(world: World, meant: bool) -> None:
    """A person has dcp-engine let go of the run."""
    if meant and world.run().live:
        world.wish(RequestKind.RELEASE)


def take_over(world: World) -> None:
    """A person says that the run is to be driven from here."""
    if world.run().live:
        world.wish(RequestKind.TAKE_OVER)


def waive(world: World, which: int) -> None:
    """A person gives up on a step that fails, as far as the command line lets them."""
    failing = [step for step in world.run().steps if step.ended is None and step.failures]
    if which < len(failing):
        world.waived.add(failing[which].name)
        world.wish(RequestKind.WAIVE, step=failing[which].name)


def set_target(world: World, capacity: int) -> None:
    """A person raises or lowers the requested capacity, without ending a machine."""
    for fleet in world.fleets():
        if fleet.state == "active":
            world.aws.light_client("ec2").modify_spot_fleet_request(
                SpotFleetRequestId=fleet.fleet_id,
                TargetCapacity=capacity,
                ExcessCapacityTerminationPolicy="noTermination",
            )


def cheapest(world: World, on: bool) -> None:
    """A person engages cheapest mode, or thinks better of it."""
    if world.run().live:
        world.wish(RequestKind.CHEAPEST_ON if on else RequestKind.CHEAPEST_OFF)


def cancel_fleet(world: World, terminate: bool) -> None:
    """A person cancels the fleet in the console, with its machines or without."""
    live = [fleet.fleet_id for fleet in world.fleets() if fleet.live]
    if not live:
        return
    if terminate:
        world.people_cancelled.update(live)
    world.aws.light_client("ec2").cancel_spot_fleet_requests(
        SpotFleetRequestIds=live, TerminateInstances=terminate
    )


def delete(world: World, what: str, meant: bool) -> None:
    """A person deletes something of the run by hand."""
    if meant:
        with world.people():
            _DELETE[what](world)


def _queue(world: World) -> None:
    if world.jobs_left() is None:
        return
    world.given_up.update(world.jobs_not_done())
    world.aws.light_client("sqs").delete_queue(QueueUrl=world.launch.queue_url)


def _service(world: World) -> None:
    if world.service_status() != "ACTIVE":
        return
    names = {"cluster": world.launch.cluster, "service": world.launch.service}
    ecs = world.aws.light_client("ecs")
    ecs.update_service(**names, desiredCount=0)
    ecs.delete_service(**names)


def _alarms(world: World) -> None:
    held = world.aws.world.moto.backend("cloudwatch", world.aws.region).alarms
    own = {f"{world.launch.app_name}_{i}" for i in world.launch.instance_ids}
    names = sorted((own | set(queue_alarm_names(world.launch.app_name))) & set(held))
    world.aws.light_client("cloudwatch").delete_alarms(AlarmNames=names[:100])


def _dashboard(world: World) -> None:
    dashboards = world.aws.world.moto.backend("cloudwatch", world.aws.region).dashboards
    if world.launch.app_name in dashboards:
        world.aws.light_client("cloudwatch").delete_dashboards(
            DashboardNames=[world.launch.app_name]
        )


def _log_group(world: World) -> None:
    groups = world.aws.world.moto.backend("logs", world.aws.region).groups
    if world.launch.log_group in groups:
        world.aws.light_client("logs").delete_log_group(logGroupName=world.launch.log_group)


def _monitor_object(world: World) -> None:
    world.aws.light_client("s3").delete_object(
        Bucket=world.launch.bucket, Key=f"monitors/{world.launch.app_name}SpotFleetRequestId.json"
    )


_DELETE: Mapping[str, Callable[[World], None]] = {
    "queue": _queue,
    "service": _service,
    "alarms": _alarms,
    "dashboard": _dashboard,
    "log group": _log_group,
    "monitor object": _monitor_object,
}
DELETABLE: Final = tuple(_DELETE)


def stop_service(world: World, desired: int) -> None:
    """A person sets the service's desired count: with 0 all its tasks stop."""
    if world.service_status() == "ACTIVE":
        with world.people():
            world.aws.light_client("ecs").update_service(
                cluster=world.launch.cluster, service=world.launch.service, desiredCount=desired
            )


def start_cluster_again(world: World, machines: int) -> None:
    """A person starts the cluster again: a new fleet, and a rewritten monitor file.

    Not before the last one was noticed: a file that nobody read in between tells nobody of a fleet.
    """
    run = world.run()
    if run.state.watches and world.launch.fleet_id in run.fleet_ids:
        world.launch.start_another_fleet(machines)


def spoil_file(world: World, text: str | None) -> None:
    """Something happens to the monitor file; not before its fleet is known."""
    if world.launch.fleet_id not in world.run().fleet_ids:
        return
    if text is None:
        world.launch.monitor_file.unlink(missing_ok=True)
    else:
        world.launch.monitor_file.write_text(text)


def mend_file(world: World) -> None:
    """The monitor file is as it should be."""
    write_monitor_file(world.launch)


def plugin_becomes(world: World, mood: Mood, silent_for: int) -> None:
    """A stranger's plugin misbehaves, or behaves again."""
    world.guest.mood = mood
    world.guest.silent_for = silent_for
