"""The run's spot fleets, on Amazon EC2."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Any

from dcp_engine import driver_tag
from dcp_engine.aws import operations as op
from dcp_engine.aws import spot_shapes as shapes
from dcp_engine.aws.answer import Answer, utc
from dcp_engine.aws.batches import batches
from dcp_engine.aws.edge import Edge
from dcp_engine.aws.taxonomy import unreadable
from dcp_engine.aws.together import MOST, Fleets
from dcp_engine.errors import (
    AwsError,
    Busy,
    Credentials,
    Denied,
    Invalid,
    Missing,
    OutOfTime,
)
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

    def __init__(self, edge: Edge, shared: Callable[[], Fleets | None] = lambda: None) -> None:
        """`shared` gives what the runs of this process know together, None where they do not."""
        self._edge = edge
        self._shared = shared

    def describe(self, ids: Sequence[str]) -> Mapping[str, FleetFacts | None]:
        """What each fleet is, None for one that AWS does not know (it forgets after 48 hours)."""
        return {
            fleet_id: facts
            for batch in batches(list(dict.fromkeys(ids)), MOST)
            for fleet_id, facts in self._found(batch).items()
        }

    def lately(self, ids: Sequence[str]) -> Mapping[str, FleetFacts | None]:
        """What each is, or was within the last minute when another run asked after it."""
        wanted, shared = list(dict.fromkeys(ids)), self._shared()
        if shared is None or not wanted or len(wanted) > MOST:
            return self.describe(wanted)
        return shared.ask(wanted, self._with_others, until=self._edge.deadline)

    def told(self, ids: Sequence[str]) -> Mapping[str, FleetFacts] | None:
        """The same without asking anything; None where it is not known of all of them."""
        shared = self._shared()
        return shared.told(ids) if shared is not None and ids else None

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

        with self._changing([fleet_id]):
            return self._edge.retry(attempt)

    def cancel(self, ids: Sequence[str]) -> Mapping[str, Cancelled]:
        """Cancel the fleets and terminate their machines; each id's own answer.

        An id that AWS's answer does not mention counts as failed. One id that spoils the call
        for the others is tried by itself, so that it does not keep them running.
        """
        wanted = list(dict.fromkeys(ids))
        outcome: dict[str, Cancelled] = {}
        with self._changing(wanted):
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
        with self._changing(fleet_ids):
            self._edge.call(op.CREATE_TAGS, **_mark(fleet_ids, value))

    def disclaim(self, fleet_ids: Sequence[str], value: str) -> None:
        """Take the driver's mark away where it has exactly this value.

        EC2 leaves a tag that has another value by now (Amazon EC2 API Reference, DeleteTags), so
        a mark that somebody else put there meanwhile stays.
        """
        with self._changing(fleet_ids):
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

    @contextmanager
    def _changing(self, fleet_ids: Sequence[str]) -> Iterator[None]:
        """Whatever comes of the change, nobody goes by what was said of these before it."""
        try:
            yield
        finally:
            shared = self._shared()
            if shared is not None:
                shared.changed(fleet_ids)

    def _with_others(
        self, own: Sequence[str], others: Sequence[str]
    ) -> Mapping[str, FleetFacts | None]:
        """What the run's own fleets are, and others' with them where that can be had as well."""
        if others:
            try:
                return self._found([*own, *others], patient=False)
            except (Credentials, Denied, OutOfTime):
                raise
            except AwsError:
                # What spoils the answer may be another run's, and is no trouble of this one.
                pass
        return self._found(list(own))

    def _found(self, ids: list[str], *, patient: bool = True) -> dict[str, FleetFacts | None]:
        """One unknown id fails the whole call for all, so then each half is asked for by itself."""
        pages = self._edge.pages(
            op.DESCRIBE_FLEETS, _facts, patient=patient, SpotFleetRequestIds=ids
        )
        try:
            known = {fleet_id: facts for page in pages for fleet_id, facts in page.items()}
        except Missing:
            if len(ids) == 1:
                return {ids[0]: None}
            middle = len(ids) // 2
            halves = ids[:middle], ids[middle:]
            return {i: f for half in halves for i, f in self._found(half, patient=patient).items()}
        return {fleet_id: known.get(fleet_id) for fleet_id in ids}


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
