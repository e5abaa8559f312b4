"""Spot fleets: described, lowered and never raised, cancelled with each id's own answer."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest
from botocore import exceptions as boto

from dcp_engine.aws.cloud import BotoAws
from dcp_engine.aws.together import Fleets, Together
from dcp_engine.errors import (
    Busy,
    Denied,
    Invalid,
    LeaseLost,
    Missing,
    NotOurs,
    Transient,
    Unreadable,
)
from dcp_engine.model import Cancelled

DESCRIBE = "ec2:DescribeSpotFleetRequests"
MACHINES = "ec2:DescribeSpotFleetInstances"
HISTORY = "ec2:DescribeSpotFleetRequestHistory"
MODIFY = "ec2:ModifySpotFleetRequest"
CANCEL = "ec2:CancelSpotFleetRequests"
FLEET = "sfr-00000000-0000-4000-8000-000000000001"
OTHER = "sfr-00000000-0000-4000-8000-000000000002"


def entry(fleet_id: str = FLEET, target: int = 10, state: str = "active", more: str = "") -> str:
    return (
        f"<item><spotFleetRequestId>{fleet_id}</spotFleetRequestId>"
        f"<spotFleetRequestState>{state}</spotFleetRequestState>"
        f"<spotFleetRequestConfig><targetCapacity>{target}</targetCapacity>{more}"
        "</spotFleetRequestConfig></item>"
    )


def fleets(bench: Any, *entries: str, token: str = "") -> Any:
    inner = f"<spotFleetRequestConfigSet>{''.join(entries)}</spotFleetRequestConfigSet>"
    return bench.line.ec2("DescribeSpotFleetRequests", f"{inner}<nextToken>{token}</nextToken>")


def modified(bench: Any, value: str = "true") -> Any:
    return bench.line.ec2("ModifySpotFleetRequest", f"<return>{value}</return>")


def own(bench: Any, *ids: str) -> None:
    first = bench.run.fleets[0]
    fleets = tuple(msgspec.structs.replace(first, id=fleet_id) for fleet_id in ids)
    bench.run = msgspec.structs.replace(bench.run, fleets=fleets)


def test_a_fleet_is_described_in_full(bench: Any) -> None:
    more = (
        "<fulfilledCapacity>7.5</fulfilledCapacity><type>maintain</type>"
        "<validUntil>2030-05-18T00:00:00Z</validUntil>"
        "<launchSpecifications><item><weightedCapacity>2.0</weightedCapacity></item><item/>"
        "</launchSpecifications><launchTemplateConfigs><item><overrides><item>"
        "<weightedCapacity>4.0</weightedCapacity></item></overrides></item></launchTemplateConfigs>"
    )
    bench.line.on(DESCRIBE, fleets(bench, entry(more=more)))
    facts = bench.aws.capacity.describe([FLEET])[FLEET]
    assert (facts.state, facts.type, facts.target, facts.fulfilled) == (
        "active",
        "maintain",
        10,
        7.5,
    )
    assert facts.largest_weight == 4.0
    assert facts.valid_until == datetime(2030, 5, 18, tzinfo=UTC)
    assert facts.observed_at == bench.SERVER_DATE


def test_all_fleets_are_asked_for_in_one_call(bench: Any) -> None:
    bench.line.on(DESCRIBE, fleets(bench, entry(OTHER), token="a"), fleets(bench, entry(FLEET)))
    facts = bench.aws.capacity.describe([FLEET, OTHER, FLEET])
    assert {fleet_id: fact.id for fleet_id, fact in facts.items()} == {FLEET: FLEET, OTHER: OTHER}
    assert bench.line.params(DESCRIBE)[0]["SpotFleetRequestIds"] == [FLEET, OTHER]
    assert bench.line.count(DESCRIBE) == 2


def test_no_fleets_are_not_asked_for_as_all_fleets(bench: Any) -> None:
    assert bench.aws.capacity.describe([]) == {}
    assert bench.line.calls == []


def test_a_forgotten_fleet_does_not_hide_the_others(bench: Any) -> None:
    gone = bench.line.error(DESCRIBE, "InvalidSpotFleetRequestId.NotFound")
    bench.line.on(DESCRIBE, gone, gone, fleets(bench, entry(OTHER, target=3)))
    facts = bench.aws.capacity.describe([FLEET, OTHER])
    assert facts[FLEET] is None
    assert facts[OTHER].target == 3


def test_a_fleet_that_the_answer_leaves_out_is_not_known(bench: Any) -> None:
    bench.line.on(DESCRIBE, fleets(bench, entry(OTHER)))
    facts = bench.aws.capacity.describe([FLEET, OTHER])
    assert facts[FLEET] is None
    assert facts[OTHER] is not None


@pytest.mark.parametrize(
    "inner",
    [
        "<item/>",
        f"<item><spotFleetRequestId>{FLEET}</spotFleetRequestId></item>",
        entry().replace("<targetCapacity>10</targetCapacity>", ""),
        entry().replace(">10<", ">ten<"),
        entry().replace("<spotFleetRequestState>active</spotFleetRequestState>", ""),
    ],
)
def test_a_fleet_with_a_part_missing_is_unreadable(bench: Any, inner: str) -> None:
    bench.line.on(DESCRIBE, fleets(bench, inner))
    with pytest.raises(Unreadable):
        bench.aws.capacity.describe([FLEET])


def test_machines_of_all_pages(bench: Any) -> None:
    def page(*ids: str, token: str = "") -> Any:
        items = "".join(f"<item><instanceId>{i}</instanceId></item>" for i in ids)
        inner = f"<activeInstanceSet>{items}</activeInstanceSet><nextToken>{token}</nextToken>"
        return bench.line.ec2("DescribeSpotFleetInstances", inner)

    bench.line.on(MACHINES, page("i-1", token="a"), page(token="b"), page("i-2", "i-3"))
    assert bench.aws.capacity.machines(FLEET) == ("i-1", "i-2", "i-3")


def test_machines_of_an_unknown_fleet_are_not_none(bench: Any) -> None:
    bench.line.on(MACHINES, bench.line.error(MACHINES, "InvalidSpotFleetRequestId.NotFound"))
    with pytest.raises(Missing):
        bench.aws.capacity.machines(FLEET)


def test_troubles_of_all_pages_in_order(bench: Any) -> None:
    def record(at: str, kind: str, what: str = "error") -> str:
        return (
            f"<item><timestamp>{at}</timestamp><eventType>{what}</eventType><eventInformation>"
            f"<eventSubType>{kind}</eventSubType><eventDescription>why</eventDescription>"
            "</eventInformation></item>"
        )

    def page(records: str, token: str = "") -> Any:
        inner = f"<historyRecordSet>{records}</historyRecordSet><nextToken>{token}</nextToken>"
        return bench.line.ec2("DescribeSpotFleetRequestHistory", inner)

    later = record("2030-05-17T12:05:00Z", "spotInstanceCountLimitExceeded")
    sooner = record("2030-05-17T12:01:00Z", "launchSpecUnusable")
    other = record("2030-05-17T12:02:00Z", "launched", "instanceChange")
    bench.line.on(HISTORY, page(later + other, token="a"), page(sooner))
    troubles = bench.aws.capacity.troubles(FLEET, bench.START)
    assert [trouble.kind for trouble in troubles] == [
        "launchSpecUnusable",
        "spotInstanceCountLimitExceeded",
    ]
    assert troubles[0].at == datetime(2030, 5, 17, 12, 1, tzinfo=UTC)
    assert troubles[0].text == "why"
    assert bench.line.params(HISTORY)[0]["StartTime"] == bench.START


def test_a_target_is_lowered_without_ending_machines(bench: Any) -> None:
    bench.line.on(DESCRIBE, fleets(bench, entry(target=10)))
    bench.line.on(MODIFY, modified(bench))
    assert bench.aws.capacity.lower_target(FLEET, 4) == (10, 4)
    assert bench.line.params(MODIFY) == [
        {
            "SpotFleetRequestId": FLEET,
            "TargetCapacity": 4,
            "ExcessCapacityTerminationPolicy": "noTermination",
        }
    ]


@pytest.mark.parametrize("now", [4, 3, 0])
def test_a_target_is_never_raised(bench: Any, now: int) -> None:
    bench.line.on(DESCRIBE, fleets(bench, entry(target=now)))
    assert bench.aws.capacity.lower_target(FLEET, 4) == (now, now)
    assert bench.line.count(MODIFY) == 0


LOST = boto.ReadTimeoutError(endpoint_url="u")


@pytest.mark.parametrize("meanwhile", [4, 2, 1])
def test_a_lost_reply_is_not_repeated_blindly(bench: Any, meanwhile: int) -> None:
    bench.line.on(DESCRIBE, fleets(bench, entry(target=10)), fleets(bench, entry(target=meanwhile)))
    bench.line.on(MODIFY, LOST, modified(bench))
    assert bench.aws.capacity.lower_target(FLEET, 4) == (10, meanwhile)
    assert bench.line.count(MODIFY) == 1


def test_after_a_lost_reply_the_change_may_still_be_under_way(bench: Any) -> None:
    changing = fleets(bench, entry(target=4, state="modifying"))
    bench.line.on(DESCRIBE, fleets(bench, entry(target=10)), changing)
    bench.line.on(MODIFY, LOST)
    assert bench.aws.capacity.lower_target(FLEET, 4) == (10, 4)
    assert bench.line.count(MODIFY) == 1


def test_a_change_that_did_not_arrive_is_made_again(bench: Any) -> None:
    bench.line.on(DESCRIBE, fleets(bench, entry(target=10)))
    bench.line.on(MODIFY, LOST, bench.line.raw(b""), modified(bench, "false"), modified(bench))
    assert bench.aws.capacity.lower_target(FLEET, 4) == (10, 4)
    assert bench.line.count(DESCRIBE) == bench.line.count(MODIFY) == 4
    assert bench.guarded == 4


def test_a_fleet_that_cannot_be_read_is_not_modified(bench: Any) -> None:
    bench.line.on(DESCRIBE, bench.line.error(DESCRIBE, "RequestLimitExceeded", status=503))
    with pytest.raises(Transient):
        bench.aws.capacity.lower_target(FLEET, 4)
    assert bench.line.count(MODIFY) == 0


@pytest.mark.parametrize("state", ["cancelled_running", "cancelled_terminating", "failed"])
def test_only_an_active_fleet_can_be_lowered(bench: Any, state: str) -> None:
    bench.line.on(DESCRIBE, fleets(bench, entry(state=state)))
    with pytest.raises(Invalid, match=state):
        bench.aws.capacity.lower_target(FLEET, 4)
    assert bench.line.count(MODIFY) == 0


@pytest.mark.parametrize("kind", ["request", "instant"])
def test_only_a_maintained_fleet_can_be_lowered(bench: Any, kind: str) -> None:
    bench.line.on(DESCRIBE, fleets(bench, entry(more=f"<type>{kind}</type>")))
    with pytest.raises(Invalid, match="maintain"):
        bench.aws.capacity.lower_target(FLEET, 4)
    assert bench.line.count(MODIFY) == 0


@pytest.mark.parametrize("state", ["submitted", "modifying"])
def test_a_fleet_in_between_is_tried_later(bench: Any, state: str) -> None:
    bench.line.on(DESCRIBE, fleets(bench, entry(state=state)))
    with pytest.raises(Busy, match=state):
        bench.aws.capacity.lower_target(FLEET, 4)
    assert bench.line.count(MODIFY) == 0


def test_lowering_what_aws_does_not_know(bench: Any) -> None:
    bench.line.on(DESCRIBE, fleets(bench))
    with pytest.raises(Missing):
        bench.aws.capacity.lower_target(FLEET, 4)


def test_lowering_somebody_elses(bench: Any) -> None:
    bench.line.on(DESCRIBE, fleets(bench, entry(OTHER)))
    with pytest.raises(NotOurs):
        bench.aws.capacity.lower_target(OTHER, 4)
    assert bench.line.count(MODIFY) == 0


def test_a_lost_lease_ends_the_lowering(bench: Any) -> None:
    bench.guard_raises = {2: LeaseLost("another drives")}
    bench.line.on(DESCRIBE, fleets(bench, entry(target=10)))
    bench.line.on(MODIFY, LOST)
    with pytest.raises(LeaseLost):
        bench.aws.capacity.lower_target(FLEET, 4)
    assert bench.line.count(MODIFY) == 1


def cancelled(bench: Any, good: list[str], bad: dict[str, str]) -> Any:
    accepted = "".join(f"<item><spotFleetRequestId>{i}</spotFleetRequestId></item>" for i in good)
    refused = "".join(
        f"<item><spotFleetRequestId>{i}</spotFleetRequestId><error><code>{code}</code></error>"
        "</item>"
        for i, code in bad.items()
    )
    inner = (
        f"<successfulFleetRequestSet>{accepted}</successfulFleetRequestSet>"
        f"<unsuccessfulFleetRequestSet>{refused}</unsuccessfulFleetRequestSet>"
    )
    return bench.line.ec2("CancelSpotFleetRequests", inner)


def ids(count: int) -> list[str]:
    return [f"sfr-00000000-0000-4000-8000-{n:012}" for n in range(count)]


def test_each_fleets_own_answer_is_read(bench: Any) -> None:
    wanted = ids(6)
    own(bench, *wanted)
    refusals = {
        wanted[1]: "fleetRequestIdDoesNotExist",
        wanted[2]: "fleetRequestNotInCancellableState",
        wanted[3]: "unexpectedError",
        wanted[4]: "fleetRequestIdMalformed",
    }
    bench.line.on(CANCEL, cancelled(bench, [wanted[0], "sfr-stranger"], refusals))
    assert bench.aws.capacity.cancel(wanted) == {
        wanted[0]: Cancelled.ACCEPTED,
        wanted[1]: Cancelled.UNKNOWN,
        wanted[2]: Cancelled.NOT_CANCELLABLE,
        wanted[3]: Cancelled.FAILED,
        wanted[4]: Cancelled.FAILED,
        wanted[5]: Cancelled.FAILED,
    }
    sent = {"SpotFleetRequestIds": wanted, "TerminateInstances": True}
    assert bench.line.params(CANCEL) == [sent]


def test_no_more_than_a_hundred_are_cancelled_at_once(bench: Any) -> None:
    wanted = ids(205)
    own(bench, *wanted)
    bench.line.on(CANCEL, cancelled(bench, wanted, {}))
    outcome = bench.aws.capacity.cancel(wanted)
    assert set(outcome.values()) == {Cancelled.ACCEPTED}
    assert len(outcome) == 205
    assert [len(p["SpotFleetRequestIds"]) for p in bench.line.params(CANCEL)] == [100, 100, 5]


def test_an_answer_about_nobody_is_asked_for_again(bench: Any) -> None:
    silent = bench.line.ec2("CancelSpotFleetRequests", "<requestId>r</requestId>")
    bench.line.on(CANCEL, silent, cancelled(bench, [FLEET], {}))
    assert bench.aws.capacity.cancel([FLEET]) == {FLEET: Cancelled.ACCEPTED}


def test_an_answer_about_nobody_is_never_a_success(bench: Any) -> None:
    bench.line.on(CANCEL, bench.line.ec2("CancelSpotFleetRequests", "<requestId>r</requestId>"))
    with pytest.raises(Unreadable):
        bench.aws.capacity.cancel([FLEET])


def test_one_bad_id_does_not_keep_the_other_fleets_running(bench: Any) -> None:
    own(bench, *ids(3))
    bench.line.on(
        CANCEL,
        bench.line.error(CANCEL, "InvalidSpotFleetRequestId.Malformed"),
        cancelled(bench, [ids(3)[0]], {}),
        bench.line.error(CANCEL, "InvalidSpotFleetRequestId.Malformed"),
        bench.line.error(CANCEL, "InvalidSpotFleetRequestId.NotFound"),
    )
    assert list(bench.aws.capacity.cancel(ids(3)).values()) == [
        Cancelled.ACCEPTED,
        Cancelled.FAILED,
        Cancelled.UNKNOWN,
    ]


def test_a_single_bad_request_is_told_in_words(bench: Any) -> None:
    bench.line.on(CANCEL, bench.line.error(CANCEL, "InvalidParameterCombination", "why not"))
    with pytest.raises(Invalid, match="why not"):
        bench.aws.capacity.cancel([FLEET])


def test_a_denied_cancel_is_not_repeated(bench: Any) -> None:
    bench.line.on(CANCEL, bench.line.error(CANCEL, "UnauthorizedOperation", status=403))
    with pytest.raises(Denied, match="ec2:CancelSpotFleetRequests"):
        bench.aws.capacity.cancel([FLEET])
    assert bench.line.count(CANCEL) == 1


def test_somebody_elses_fleet_is_not_cancelled_with_ours(bench: Any) -> None:
    with pytest.raises(NotOurs):
        bench.aws.capacity.cancel([FLEET, OTHER])
    assert bench.line.calls == []


def test_a_fleets_tags_are_told(bench: Any) -> None:
    tags = "<tagSet><item><key>a</key><value>b c</value></item><item><key>d</key></item></tagSet>"
    described = entry().removesuffix("</item>") + f"{tags}</item>"
    bench.line.on(DESCRIBE, fleets(bench, described))
    assert bench.aws.capacity.describe([FLEET])[FLEET].tags == {"a": "b c", "d": ""}


@pytest.mark.parametrize(("method", "name"), [("claim", "CreateTags"), ("disclaim", "DeleteTags")])
def test_the_drivers_mark_goes_onto_the_runs_own_fleets_only(
    bench: Any, method: str, name: str
) -> None:
    label = f"ec2:{name}"
    bench.line.on(label, bench.line.ec2(name, "<return>true</return>"))
    mark = getattr(bench.aws.capacity, method)
    mark([FLEET, FLEET], "store until")
    tags = [{"Key": "dcp-engine:driver", "Value": "store until"}]
    assert bench.line.params(label) == [{"Resources": [FLEET], "Tags": tags}]
    with pytest.raises(NotOurs):
        mark([FLEET, OTHER], "store until")
    assert bench.line.count(label) == 1


def test_a_mark_that_is_not_allowed_names_the_permission(bench: Any) -> None:
    denied = bench.line.error("ec2:CreateTags", "UnauthorizedOperation", status=403)
    bench.line.on("ec2:CreateTags", denied)
    with pytest.raises(Denied, match="ec2:CreateTags"):
        bench.aws.capacity.claim([FLEET], "store until")


def shared(bench: Any) -> Fleets:
    """What the runs of this process know together, with the bench's run among them."""
    minute = timedelta(minutes=1)
    fleets = Together(
        bench.clock, fresh=minute, lasting=22 * minute, patience=timedelta(seconds=20)
    ).at("1", "r", "key")
    bench.aws = BotoAws(bench.edge, lambda: bench.run, bench.aws.identity, {}, lambda: fleets)
    fleets.expect([FLEET])
    return fleets


def many(number: int) -> list[str]:
    return [f"sfr-00000000-0000-4000-8000-{n:012x}" for n in range(100, 100 + number)]


def asked(bench: Any) -> list[list[str]]:
    return [params["SpotFleetRequestIds"] for params in bench.line.params(DESCRIBE)]


def test_one_bad_neighbour_among_a_hundred_costs_few_calls_and_hides_nobody(bench: Any) -> None:
    fleets, others = shared(bench), many(99)
    fleets.expect(others)
    bad = others[57]

    def answers(ids: list[str]) -> Any:
        if bad in ids:
            return bench.line.error(DESCRIBE, "InvalidSpotFleetRequestId.NotFound")
        return fleets_of(bench, ids)

    bench.line.answer(DESCRIBE, lambda params: answers(params["SpotFleetRequestIds"]))
    assert bench.aws.capacity.lately([FLEET])[FLEET] is not None
    assert len(asked(bench)) <= 1 + 2 * 7
    assert fleets.told([FLEET, *(i for i in others if i != bad)]) is not None
    assert fleets.told([bad]) is None
    # It is not asked for with the others any more.
    bench.line.calls.clear()
    bench.clock.sleep(61)
    bench.aws.capacity.lately([FLEET])
    assert [len(ids) for ids in asked(bench)] == [99]


def fleets_of(bench: Any, ids: list[str]) -> Any:
    return fleets(bench, *map(entry, ids))


@pytest.mark.parametrize("kind", ["garbled", "throttled", "foreign"])
def test_a_neighbour_that_spoils_the_answer_is_left_out_and_told_nothing(
    bench: Any, kind: str
) -> None:
    known = shared(bench)
    known.expect([OTHER])

    def answers(ids: list[str]) -> Any:
        if OTHER not in ids:
            return fleets_of(bench, ids)
        if kind == "garbled":
            return fleets(bench, entry(FLEET), entry(OTHER).replace(">10<", ">ten<"))
        if kind == "foreign":
            return bench.line.raw(b"<html>sign in</html>")
        return bench.line.error(DESCRIBE, "RequestLimitExceeded", status=503)

    bench.line.answer(DESCRIBE, lambda params: answers(params["SpotFleetRequestIds"]))
    assert bench.aws.capacity.lately([FLEET])[FLEET] is not None
    assert asked(bench) == [[FLEET, OTHER], [FLEET]]
    assert sum(bench.clock.pauses) < 1
    assert known.told([OTHER]) is None


def test_what_is_denied_for_all_is_not_asked_a_second_time(bench: Any) -> None:
    shared(bench).expect([OTHER])
    bench.line.on(DESCRIBE, bench.line.error(DESCRIBE, "UnauthorizedOperation", status=403))
    with pytest.raises(Denied):
        bench.aws.capacity.lately([FLEET])
    assert len(asked(bench)) == 1


@pytest.mark.parametrize("change", ["lower", "cancel", "claim", "disclaim"])
@pytest.mark.parametrize("lost", [False, True])
def test_after_every_change_and_a_lost_reply_the_fleet_is_asked_for_anew(
    bench: Any, change: str, lost: bool
) -> None:
    known = shared(bench)
    bench.line.on(DESCRIBE, fleets(bench, entry(FLEET)))
    bench.aws.capacity.lately([FLEET])
    assert known.told([FLEET]) is not None
    if change in {"lower", "claim", "disclaim"}:
        bench.watching()
    gone = boto.ReadTimeoutError(endpoint_url="https://ec2")
    cancelled = (
        f"<successfulFleetRequestSet><item><spotFleetRequestId>{FLEET}</spotFleetRequestId></item>"
        "</successfulFleetRequestSet>"
    )
    bench.line.on(MODIFY, gone if lost else modified(bench))
    bench.line.on(CANCEL, gone if lost else bench.line.ec2("CancelSpotFleetRequests", cancelled))
    for tags in ("CreateTags", "DeleteTags"):
        bench.line.on(
            f"ec2:{tags}", gone if lost else bench.line.ec2(tags, "<return>true</return>")
        )
    capacity = bench.aws.capacity
    do: Callable[[], Any] = {
        "lower": lambda: capacity.lower_target(FLEET, 5),
        "cancel": lambda: capacity.cancel([FLEET]),
        "claim": lambda: capacity.claim([FLEET], "us 2030-01-01T00:00:00+00:00"),
        "disclaim": lambda: capacity.disclaim([FLEET], "us 2030-01-01T00:00:00+00:00"),
    }[change]
    # Within the same minute, so that nothing but the change makes the answer old.
    bench.clock.sleep = lambda seconds: None
    if lost:
        with pytest.raises(Transient):
            do()
    else:
        do()
    assert known.told([FLEET]) is None


def test_what_is_to_be_changed_is_asked_for_whatever_is_known(bench: Any) -> None:
    shared(bench)
    bench.line.on(DESCRIBE, fleets(bench, entry(FLEET)))
    bench.aws.capacity.lately([FLEET])
    bench.aws.capacity.lately([FLEET])
    assert bench.line.count(DESCRIBE) == 1
    bench.aws.capacity.describe([FLEET])
    assert bench.line.count(DESCRIBE) == 2
