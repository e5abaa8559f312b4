"""Machines in detail: what they are, what they are called, and those that never joined."""

from datetime import UTC, datetime
from typing import Any

import pytest

from dcp_engine.errors import Busy, Denied, Missing, NotOurs, Transient, Unreadable
from dcp_engine.model import State
from dcp_engine.ports import MachineFacts, VolumeFacts

LOOK, VOLUMES = "ec2:DescribeInstances", "ec2:DescribeVolumes"
STOP, NAME = "ec2:TerminateInstances", "ec2:CreateTags"
LIST, DETAILS = "ecs:ListContainerInstances", "ecs:DescribeContainerInstances"
FLEET = "sfr-00000000-0000-4000-8000-000000000001"
ONE, TWO = "i-0aaaaaaaaaaaaaaa1", "i-0aaaaaaaaaaaaaaa2"
STRANGER = "i-0bbbbbbbbbbbbbbbb"
TAG = f"<item><key>aws:ec2spot:fleet-request-id</key><value>{FLEET}</value></item>"


def entry(instance_id: str = ONE, state: str = "running", more: str = "", tags: str = "") -> str:
    return (
        f"<item><instanceId>{instance_id}</instanceId>"
        f"<instanceState><name>{state}</name></instanceState>{more}"
        f"<tagSet>{TAG}{tags}</tagSet></item>"
    )


def page(bench: Any, *entries: str, token: str = "") -> Any:
    inner = "".join(f"<item><instancesSet>{one}</instancesSet></item>" for one in entries)
    return bench.line.ec2(
        "DescribeInstances",
        f"<reservationSet>{inner}</reservationSet><nextToken>{token}</nextToken>",
    )


def facts(bench: Any, *entries: str) -> tuple[MachineFacts, ...]:
    bench.line.on(LOOK, page(bench, *entries))
    found: tuple[MachineFacts, ...] = bench.aws.machines.facts([FLEET])
    return found


def test_everything_of_interest_is_told(bench: Any) -> None:
    more = (
        "<instanceType>m5.xlarge</instanceType><launchTime>2030-05-17T11:00:00.000Z</launchTime>"
        "<placement><availabilityZone>us-east-1b</availabilityZone></placement>"
        "<reason/><blockDeviceMapping><item><deviceName>/dev/xvda</deviceName>"
        "<ebs><volumeId>vol-1</volumeId></ebs></item><item><deviceName>eph</deviceName></item>"
        "<item><ebs><volumeId>vol-2</volumeId></ebs></item></blockDeviceMapping>"
    )
    name = "<item><key>Name</key><value>Exp1Worker</value></item>"
    assert facts(bench, entry(more=more, tags=name)) == (
        MachineFacts(
            id=ONE,
            fleet_id=FLEET,
            state="running",
            type="m5.xlarge",
            zone="us-east-1b",
            launched_at=datetime(2030, 5, 17, 11, tzinfo=UTC),
            name="Exp1Worker",
            volumes=("vol-1", "vol-2"),
        ),
    )


def test_what_is_left_out_is_not_known(bench: Any) -> None:
    assert facts(bench, entry()) == (
        MachineFacts(id=ONE, fleet_id=FLEET, state="running", type="", zone="", launched_at=None),
    )


USER = "<code>Client.UserInitiatedShutdown</code><message>User initiated shutdown</message>"
SPOT = "<code>Server.SpotInstanceTermination</code><message>Spot termination</message>"


@pytest.mark.parametrize(
    ("transition", "reason", "told", "at"),
    [
        (
            "User initiated (2030-05-17 11:30:05 GMT)",
            USER,
            "User initiated shutdown",
            datetime(2030, 5, 17, 11, 30, 5, tzinfo=UTC),
        ),
        ("Server.SpotInstanceTermination", SPOT, "Spot termination", None),
        (
            "User initiated (2030-05-17 11:30:05 GMT)",
            "",
            "User initiated (2030-05-17 11:30:05 GMT)",
            ...,
        ),
        ("", "", None, None),
        ("User initiated (yesterday GMT)", "", "User initiated (yesterday GMT)", None),
        ("User initiated (2030-05-17 11:30:05 CET)", USER, "User initiated shutdown", None),
        ("User initiated (\uff12030-05-17 11:30:05 GMT)", USER, "User initiated shutdown", None),
    ],
)
@pytest.mark.parametrize("state", ["shutting-down", "terminated", "running"])
def test_why_and_when_one_ended(
    bench: Any, state: str, transition: str, reason: str, told: str | None, at: Any
) -> None:
    more = f"<reason>{transition}</reason><stateReason>{reason}</stateReason>"
    (found,) = facts(bench, entry(state=state, more=more))
    ended = state != "running"
    assert found.reason == (told if ended else None)
    if at is ...:
        at = datetime(2030, 5, 17, 11, 30, 5, tzinfo=UTC)
    assert found.ended_at == (at if ended else None)


@pytest.mark.parametrize("moment", ["2030-13-17 11:30:05", "2030-02-30 11:30:05"])
def test_a_moment_that_never_was_is_not_known(bench: Any, moment: str) -> None:
    more = f"<reason>User initiated ({moment} GMT)</reason>"
    (found,) = facts(bench, entry(state="terminated", more=more))
    assert found.ended_at is None
    assert moment in str(found.reason)


def test_machines_of_other_fleets_are_left_out_on_every_page(bench: Any) -> None:
    other = entry(STRANGER).replace(FLEET, FLEET[:-1] + "2")
    bench.line.on(LOOK, page(bench, entry(), other, token="a"), page(bench, entry(TWO)))
    assert [one.id for one in bench.aws.machines.facts([FLEET])] == [ONE, TWO]


@pytest.mark.parametrize("more", ["<launchTime>soon</launchTime>", "<placement>x</placement>"])
def test_facts_that_make_no_sense_are_none(bench: Any, more: str) -> None:
    try:
        (found,) = facts(bench, entry(more=more))
    except Transient as error:
        assert type(error) is Unreadable
    else:
        assert (found.launched_at, found.zone) == (None, "")


def volume(volume_id: str, *machines: str, name: str = "") -> str:
    attached = "".join(f"<item><instanceId>{each}</instanceId></item>" for each in machines)
    tags = f"<item><key>Name</key><value>{name}</value></item>" if name else ""
    return (
        f"<item><volumeId>{volume_id}</volumeId><attachmentSet>{attached}</attachmentSet>"
        f"<tagSet>{tags}</tagSet></item>"
    )


def volumes(bench: Any, *found: str, token: str = "") -> Any:
    inner = f"<volumeSet>{''.join(found)}</volumeSet><nextToken>{token}</nextToken>"
    return bench.line.ec2("DescribeVolumes", inner)


def test_volumes_are_those_of_these_machines_alone(bench: Any) -> None:
    bench.line.on(
        VOLUMES,
        volumes(
            bench, volume("vol-1", ONE, name="Exp1Worker"), volume("vol-2", STRANGER), token="a"
        ),
        volumes(bench, volume("vol-3", TWO), volume("vol-4", ONE, STRANGER), volume("vol-5")),
    )
    assert bench.aws.machines.volumes([ONE, TWO]) == (
        VolumeFacts(id="vol-1", instance_id=ONE, name="Exp1Worker"),
        VolumeFacts(id="vol-3", instance_id=TWO),
    )
    asked = bench.line.params(VOLUMES)
    assert asked[0]["Filters"] == [{"Name": "attachment.instance-id", "Values": [ONE, TWO]}]
    assert asked[1]["NextToken"] == "a"


def test_volumes_are_asked_for_in_batches_and_never_of_everybody(bench: Any) -> None:
    bench.line.on(VOLUMES, volumes(bench))
    assert bench.aws.machines.volumes([]) == ()
    assert bench.line.calls == []
    assert bench.aws.machines.volumes([f"i-{n:017x}" for n in range(401)]) == ()
    sizes = [len(asked["Filters"][0]["Values"]) for asked in bench.line.params(VOLUMES)]
    assert sizes == [200, 200, 1]


def test_a_volume_without_an_id_is_unreadable(bench: Any) -> None:
    bench.line.on(VOLUMES, volumes(bench, "<item><size>8</size></item>"))
    with pytest.raises(Unreadable):
        bench.aws.machines.volumes([ONE])


def named(bench: Any) -> Any:
    return bench.line.ec2("CreateTags", "<return>true</return>")


def test_machines_and_volumes_are_named_in_one_call(bench: Any) -> None:
    bench.watching()
    bench.line.on(NAME, named(bench))
    volume = VolumeFacts(id="vol-0123456789abcdef0", instance_id=TWO)
    bench.aws.machines.label([ONE, ONE], [volume])
    tag = {"Key": "Name", "Value": "Exp1Worker"}
    assert bench.line.params(NAME) == [{"Resources": [ONE, volume.id], "Tags": [tag]}]


def test_no_more_than_a_thousand_are_named_at_once(bench: Any) -> None:
    bench.watching()
    bench.machines = tuple(f"i-{n:017x}" for n in range(600))
    found = [
        VolumeFacts(id=f"vol-{n:017x}", instance_id=bench.machines[n % 600]) for n in range(1200)
    ]
    bench.line.on(NAME, named(bench))
    bench.aws.machines.label(list(bench.machines), found)
    assert [len(asked["Resources"]) for asked in bench.line.params(NAME)] == [1000, 800]


def test_nothing_to_name_asks_nothing(bench: Any) -> None:
    bench.watching()
    bench.aws.machines.label((), ())
    assert bench.line.calls == []


@pytest.mark.parametrize(
    "stranger",
    [
        VolumeFacts(id="vol-0123456789abcdef0", instance_id=STRANGER),
        VolumeFacts(id=STRANGER, instance_id=ONE),
        VolumeFacts(id="sfr-00000000-0000-4000-8000-000000000002", instance_id=ONE),
        VolumeFacts(id="snap-0123456789abcdef0", instance_id=ONE),
        VolumeFacts(id="vol-nonsense", instance_id=ONE),
    ],
    ids=lambda stranger: str(stranger.id),
)
def test_what_is_no_volume_of_an_own_machine_is_not_named_along(
    bench: Any, stranger: VolumeFacts
) -> None:
    bench.watching()
    with pytest.raises(NotOurs):
        bench.aws.machines.label([ONE], [stranger])
    assert bench.line.calls == []


@pytest.mark.parametrize("code", ["InvalidInstanceID.NotFound", "InvalidVolume.NotFound"])
def test_one_that_is_gone_by_now_is_missing(bench: Any, code: str) -> None:
    bench.watching()
    bench.line.on(NAME, bench.line.error(NAME, code))
    with pytest.raises(Missing):
        bench.aws.machines.label([ONE], ())
    assert bench.line.count(NAME) == 1


def in_cluster(bench: Any, *machines: str) -> None:
    arns = [f"arn:aws:ecs:us-east-1:123456789012:container-instance/lab/{m}" for m in machines]
    bench.line.on(LIST, bench.line.json({"containerInstanceArns": arns}))
    found = [
        {"containerInstanceArn": arn, "ec2InstanceId": machine}
        for arn, machine in zip(arns, machines, strict=True)
    ]
    bench.line.on(DETAILS, bench.line.json({"containerInstances": found, "failures": []}))


def test_only_those_end_that_have_not_joined(bench: Any) -> None:
    bench.watching()
    in_cluster(bench, TWO)
    bench.line.on(STOP, bench.line.ec2("TerminateInstances", "<instancesSet/>"))
    assert bench.aws.machines.end_unjoined([ONE, TWO, ONE]) == (ONE,)
    assert bench.line.params(STOP) == [{"InstanceIds": [ONE]}]
    # ECS is asked before, not after.
    assert [label for label, _ in bench.line.calls] == [LIST, DETAILS, STOP]


def test_none_ends_when_all_have_joined_by_now(bench: Any) -> None:
    bench.watching()
    in_cluster(bench, ONE, TWO)
    assert bench.aws.machines.end_unjoined([ONE, TWO]) == ()
    assert bench.line.count(STOP) == 0


@pytest.mark.parametrize(
    ("code", "status", "expected"),
    [
        ("ClusterNotFoundException", 400, Missing),
        ("AccessDeniedException", 400, Denied),
        ("ServerException", 500, Transient),
    ],
)
def test_none_ends_while_ecs_does_not_tell(
    bench: Any, code: str, status: int, expected: type[Exception]
) -> None:
    bench.watching()
    bench.line.on(LIST, bench.line.error(LIST, code, status=status))
    with pytest.raises(expected):
        bench.aws.machines.end_unjoined([ONE])
    assert bench.line.count(STOP) == 0


def test_none_ends_when_one_cannot_be_described(bench: Any) -> None:
    bench.watching()
    in_cluster(bench, ONE)
    bench.line.on(DETAILS, bench.line.json({"containerInstances": [], "failures": []}))
    with pytest.raises(Unreadable):
        bench.aws.machines.end_unjoined([ONE])
    assert bench.line.count(STOP) == 0


def test_a_stranger_does_not_end_along(bench: Any) -> None:
    bench.watching()
    in_cluster(bench)
    with pytest.raises(NotOurs, match=STRANGER):
        bench.aws.machines.end_unjoined([ONE, STRANGER])
    assert bench.line.count(STOP) == 0


def test_in_teardown_none_ends_as_one_that_did_not_join(bench: Any) -> None:
    assert bench.run.state is State.TEARDOWN
    in_cluster(bench)
    with pytest.raises(NotOurs, match="only while its machines work"):
        bench.aws.machines.end_unjoined([ONE])


def test_one_that_is_forgotten_does_not_keep_the_others(bench: Any) -> None:
    bench.watching()
    in_cluster(bench)
    stopped = bench.line.ec2("TerminateInstances", "<instancesSet/>")
    bench.line.on(STOP, bench.line.error(STOP, "InvalidInstanceID.NotFound"), stopped)
    bench.line.on(LOOK, page(bench, entry(TWO)))
    assert bench.aws.machines.end_unjoined([ONE, TWO]) == (ONE, TWO)
    assert bench.line.params(STOP)[1] == {"InstanceIds": [TWO]}


def test_those_that_joined_are_asked_for_by_a_filter(bench: Any) -> None:
    in_cluster(bench, ONE)
    assert bench.aws.service.joined([ONE, TWO, ONE]) == {ONE}
    asked = bench.line.params(LIST)[0]
    assert asked["cluster"] == "lab"
    assert asked["filter"] == f"ec2InstanceId in ['{ONE}', '{TWO}']"


def test_what_the_filter_lets_through_is_looked_at_again(bench: Any) -> None:
    in_cluster(bench, STRANGER)
    assert bench.aws.service.joined([ONE]) == frozenset()


def test_nobody_is_not_asked_for_in_the_cluster(bench: Any) -> None:
    assert bench.aws.service.joined([]) == frozenset()
    assert bench.line.calls == []


def test_many_are_asked_for_in_batches(bench: Any) -> None:
    bench.line.on(LIST, bench.line.json({"containerInstanceArns": []}))
    assert bench.aws.service.joined([f"i-{n:017x}" for n in range(250)]) == frozenset()
    counts = [asked["filter"].count("i-") for asked in bench.line.params(LIST)]
    assert counts == [100, 100, 50]


def test_one_that_left_the_cluster_meanwhile_has_not_joined(bench: Any) -> None:
    in_cluster(bench, ONE, TWO)
    arns = bench.line.json
    gone = {"arn": "x", "reason": "MISSING"}
    here = {"containerInstanceArn": "y", "ec2InstanceId": ONE}
    bench.line.on(DETAILS, arns({"containerInstances": [here], "failures": [gone]}))
    assert bench.aws.service.joined([ONE, TWO]) == {ONE}


def test_a_quota_of_tags_is_no_reason_to_ask_again(bench: Any) -> None:
    bench.watching()
    bench.line.on(NAME, bench.line.error(NAME, "TagLimitExceeded"))
    with pytest.raises(Exception, match="TagLimitExceeded") as caught:
        bench.aws.machines.label([ONE], ())
    assert not isinstance(caught.value, Transient | Busy)
    assert bench.line.count(NAME) == 1
