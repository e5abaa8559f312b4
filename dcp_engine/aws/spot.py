"""The run's spot fleets, on Amazon EC2."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from dcp_engine import driver_tag
from dcp_engine.aws import operations as op
from dcp_engine.aws import spot_shapes as shapes
from dcp_engine.aws.answer import Answer, utc
from dcp_engine.aws.batches import batches
from dcp_engine.aws.edge import Edge
from dcp_engine.aws.taxonomy import unreadable
from dcp_engine.errors import Busy, Invalid, Missing
from dcp_engine.model import Cancelled
from dcp_engine.ports import FleetFacts, FleetTrouble, SpotPrice

# Amazon EC2 API Reference: MaxResults of DescribeSpotFleetInstances and …RequestHistory.
_PAGE = 1000
# Amazon EC2 API Reference, CancelSpotFleetRequests: up to 100 ids in one request.
_MOST_CANCELLED = 100
# CancelSpotFleetRequestsError: the codes that mean something; any other is a failure.
_REFUSALS = {
    "fleetRequestIdDoesNotExist": Cancelled.UNKNOWN,
    "fleetRequestNotInCancellableState": Cancelled.NOT_CANCELLABLE,
}

_HINDRANCES = frozenset(
    {"launchSpecTemporarilyBlacklisted", "launchSpecUnusable", "fleetProgressHalted"}
)


class SpotCapacity:
    """`Capacity` by Amazon EC2 Spot Fleet."""

    def __init__(self, edge: Edge) -> None:
        self._edge = edge

    def describe(self, ids: Sequence[str]) -> Mapping[str, FleetFacts | None]:
        """What each fleet is, None for one that AWS does not know (it forgets after 48 hours)."""
        wanted = list(dict.fromkeys(ids))
        if not wanted:
            return {}
        try:
            found = self._describe(wanted)
        except Missing:
            # One unknown id fails the whole call, so each is asked for by itself.
            return {fleet_id: self._describe_one(fleet_id) for fleet_id in wanted}
        return {fleet_id: found.get(fleet_id) for fleet_id in wanted}

    def machines(self, fleet_id: str) -> tuple[str, ...]:
        """The instance ids that are active in it. Raises Missing."""
        pages = self._edge.pages(
            op.DESCRIBE_FLEET_INSTANCES,
            lambda answer: answer.take(shapes.ActiveInstances),
            SpotFleetRequestId=fleet_id,
            MaxResults=_PAGE,
        )
        return tuple(instance.id for page in pages for instance in page.instances)

    def troubles(self, fleet_id: str, since: datetime) -> tuple[FleetTrouble, ...]:
        """What its history since then says stood in its way, oldest first. Raises Missing.

        Those are the `error` records, and of the `information` records the ones that tell why no
        machine came (Amazon EC2 API, EventInformation).
        """
        pages = self._edge.pages(
            op.DESCRIBE_FLEET_HISTORY,
            lambda answer: answer.take(shapes.History),
            SpotFleetRequestId=fleet_id,
            StartTime=since,
            MaxResults=_PAGE,
        )
        troubles = [
            FleetTrouble(
                at=utc(record.at),
                kind=record.information.kind or record.type,
                text=record.information.text,
            )
            for page in pages
            for record in page.records
            if record.type == "error" or record.information.kind in _HINDRANCES
        ]
        return tuple(sorted(troubles, key=lambda trouble: trouble.at))

    def prices(
        self, types: Sequence[str], since: datetime, until: datetime
    ) -> tuple[SpotPrice, ...]:
        """The spot prices of these types in every zone, oldest first.

        With a start time EC2 also tells what was in force then (Amazon EC2 API Reference,
        DescribeSpotPriceHistory).
        """
        if not types:
            return ()
        pages = self._edge.pages(
            op.DESCRIBE_SPOT_PRICES,
            lambda answer: answer.take(shapes.Prices),
            InstanceTypes=list(dict.fromkeys(types)),
            ProductDescriptions=["Linux/UNIX"],
            StartTime=since,
            EndTime=until,
            MaxResults=_PAGE,
        )
        prices = [
            SpotPrice(type=one.type, zone=one.zone, at=utc(one.at), dollars=one.dollars)
            for page in pages
            for one in page.prices
        ]
        return tuple(sorted(prices, key=lambda price: price.at))

    def lower_target(self, fleet_id: str, target: int) -> tuple[int, int]:
        """Lower the requested capacity; (before, after), equal when it already is that low.

        Raises Busy while AWS is still working on an earlier change, Invalid where the fleet can
        never be modified, Missing when there is none.
        """
        first_seen: list[int] = []

        def attempt() -> tuple[int, int]:
            # A reply may have been lost and a person may have lowered it further meanwhile, so
            # each try begins by reading: what was right a second ago could now be a raise.
            facts = _facts(self._edge.once(op.DESCRIBE_FLEETS, SpotFleetRequestIds=[fleet_id]))
            fleet = facts.get(fleet_id)
            if fleet is None:
                raise Missing(op.MODIFY_FLEET.label, "NotFound", f"AWS knows no fleet {fleet_id}.")
            first_seen.append(fleet.target)
            _refuse_unmodifiable(fleet, target)
            if fleet.target <= target:
                return first_seen[0], fleet.target
            answer = self._edge.once(
                op.MODIFY_FLEET,
                SpotFleetRequestId=fleet_id,
                TargetCapacity=target,
                ExcessCapacityTerminationPolicy="noTermination",
            )
            if answer.body["Return"] is not True:
                raise answer.unreadable("it does not say that the fleet was modified")
            return first_seen[0], target

        return self._edge.retry(attempt)

    def cancel(self, ids: Sequence[str]) -> Mapping[str, Cancelled]:
        """Cancel the fleets and terminate their machines; each id's own answer.

        An id that AWS's answer does not mention counts as failed. One id that spoils the call
        for the others is tried by itself, so that it does not keep them running.
        """
        wanted = list(dict.fromkeys(ids))
        outcome: dict[str, Cancelled] = {}
        for batch in batches(wanted, _MOST_CANCELLED):
            try:
                outcome.update(self._cancel(batch))
            except (Missing, Invalid) as error:
                if len(batch) == 1:
                    if isinstance(error, Invalid):
                        raise
                    outcome[batch[0]] = Cancelled.UNKNOWN
                else:
                    outcome.update(self._cancel_singly(batch))
        return outcome

    def claim(self, fleet_ids: Sequence[str], value: str) -> None:
        """Put the driver's mark on the fleets, in place of any other (Amazon EC2 API, CreateTags).

        Raises Missing when AWS does not know one of them.
        """
        self._edge.call(op.CREATE_TAGS, **_mark(fleet_ids, value))

    def disclaim(self, fleet_ids: Sequence[str], value: str) -> None:
        """Take the driver's mark away where it has exactly this value.

        EC2 leaves a tag that has another value by now (Amazon EC2 API Reference, DeleteTags), so
        a mark that somebody else put there meanwhile stays.
        """
        self._edge.call(op.DELETE_TAGS, **_mark(fleet_ids, value))

    def _cancel_singly(self, ids: Sequence[str]) -> Mapping[str, Cancelled]:
        outcome: dict[str, Cancelled] = {}
        for fleet_id in ids:
            try:
                outcome.update(self._cancel([fleet_id]))
            except Missing:
                outcome[fleet_id] = Cancelled.UNKNOWN
            except Invalid:
                outcome[fleet_id] = Cancelled.FAILED
        return outcome

    def _cancel(self, ids: list[str]) -> Mapping[str, Cancelled]:
        answer = self._edge.read(
            op.CANCEL_FLEETS, _cancellations, SpotFleetRequestIds=ids, TerminateInstances=True
        )
        outcome = dict.fromkeys(ids, Cancelled.FAILED)
        for refused in answer.unsuccessful or ():
            if refused.id in outcome:
                outcome[refused.id] = _REFUSALS.get(refused.error.code, Cancelled.FAILED)
        for accepted in answer.successful or ():
            if accepted.id in outcome:
                outcome[accepted.id] = Cancelled.ACCEPTED
        return outcome

    def _describe(self, ids: list[str]) -> dict[str, FleetFacts]:
        found: dict[str, FleetFacts] = {}
        for page in self._edge.pages(op.DESCRIBE_FLEETS, _facts, SpotFleetRequestIds=ids):
            found.update(page)
        return found

    def _describe_one(self, fleet_id: str) -> FleetFacts | None:
        try:
            return self._describe([fleet_id]).get(fleet_id)
        except Missing:
            return None


def _mark(fleet_ids: Sequence[str], value: str) -> dict[str, Any]:
    tags = [{"Key": driver_tag.KEY, "Value": value}]
    return {"Resources": list(dict.fromkeys(fleet_ids)), "Tags": tags}


def _refuse_unmodifiable(fleet: FleetFacts, target: int) -> None:
    """Amazon EC2 API Reference, ModifySpotFleetRequest: only type `maintain`, only while active."""
    if fleet.type != "maintain":
        raise Invalid(
            op.MODIFY_FLEET.label,
            "NotModifiable",
            f"the fleet {fleet.id} is of type `{fleet.type}`, and AWS lets only fleets of type "
            "`maintain` be shrunk. Its machines run until the run's teardown stops them",
        )
    if fleet.state in {"submitted", "modifying"}:
        if fleet.target > target:
            raise Busy(
                op.MODIFY_FLEET.label,
                "NotModifiableYet",
                f"the fleet {fleet.id} is `{fleet.state}`; it can be shrunk once it is active",
            )
    elif fleet.state != "active":
        raise Invalid(
            op.MODIFY_FLEET.label,
            "NotModifiable",
            f"the fleet {fleet.id} is `{fleet.state}`, and only an active fleet can be shrunk",
        )


def _facts(answer: Answer) -> dict[str, FleetFacts]:
    """The fleets of one page by id."""
    found = {}
    for entry in answer.take(shapes.Fleets).fleets:
        config = entry.config
        found[entry.id] = FleetFacts(
            id=entry.id,
            state=entry.state,
            type=config.type,
            target=config.target,
            fulfilled=config.fulfilled,
            largest_weight=config.largest_weight,
            activity=entry.activity,
            bid=config.bid,
            valid_until=None if config.valid_until is None else utc(config.valid_until),
            tags={tag.key: tag.value for tag in entry.tags},
            observed_at=answer.at(),
        )
    return found


def _cancellations(answer: Answer) -> shapes.Cancellations:
    taken = answer.take(shapes.Cancellations)
    if taken.successful is None and taken.unsuccessful is None:
        raise unreadable(answer.operation, "it names no fleet, neither cancelled nor refused")
    return taken
