"""What EC2's answers about spot fleets look like, as far as the engine reads them."""

from datetime import datetime
from math import isfinite

import msgspec


class _Weighted(msgspec.Struct, frozen=True):
    weight: float | None = msgspec.field(name="WeightedCapacity", default=None)
    price: str | None = msgspec.field(name="SpotPrice", default=None)


class _Template(msgspec.Struct, frozen=True):
    overrides: tuple[_Weighted, ...] = msgspec.field(name="Overrides", default=())


class Config(msgspec.Struct, frozen=True):
    """SpotFleetRequestConfigData. `Type` is `maintain` where it is not said (its documentation).

    `FulfilledCapacity` is only ever shown to people, and is 0 until AWS tells.
    """

    target: int = msgspec.field(name="TargetCapacity")
    fulfilled: float = msgspec.field(name="FulfilledCapacity", default=0.0)
    type: str = msgspec.field(name="Type", default="maintain")
    valid_until: datetime | None = msgspec.field(name="ValidUntil", default=None)
    specifications: tuple[_Weighted, ...] = msgspec.field(name="LaunchSpecifications", default=())
    templates: tuple[_Template, ...] = msgspec.field(name="LaunchTemplateConfigs", default=())
    price: str | None = msgspec.field(name="SpotPrice", default=None)

    @property
    def largest_weight(self) -> float:
        """The units that the heaviest kind of machine counts for; 1 where no weight is given."""
        return max([1.0, *(one.weight for one in self._launches if one.weight is not None)])

    @property
    def bid(self) -> float | None:
        """The most that is paid for a machine and hour; None where some have no price named.

        A price is for a unit of capacity, and a launch's own goes before the request's (Amazon EC2
        API Reference, SpotFleetRequestConfigData and SpotFleetLaunchSpecification).
        """
        bids = [
            dollars(one.price or self.price, times=one.weight or 1.0)
            for one in self._launches or (_Weighted(),)
        ]
        known = [bid for bid in bids if bid is not None]
        return max(known) if len(known) == len(bids) else None

    @property
    def _launches(self) -> tuple[_Weighted, ...]:
        # A template that nothing overrides is a kind of machine too.
        overrides = (one for each in self.templates for one in each.overrides or (_Weighted(),))
        return (*self.specifications, *overrides)


class _Tag(msgspec.Struct, frozen=True):
    key: str = msgspec.field(name="Key")
    value: str = msgspec.field(name="Value", default="")


class FleetEntry(msgspec.Struct, frozen=True):
    """SpotFleetRequestConfig."""

    id: str = msgspec.field(name="SpotFleetRequestId")
    state: str = msgspec.field(name="SpotFleetRequestState")
    config: Config = msgspec.field(name="SpotFleetRequestConfig")
    activity: str | None = msgspec.field(name="ActivityStatus", default=None)
    tags: tuple[_Tag, ...] = msgspec.field(name="Tags", default=())


class Fleets(msgspec.Struct, frozen=True):
    """DescribeSpotFleetRequests."""

    fleets: tuple[FleetEntry, ...] = msgspec.field(name="SpotFleetRequestConfigs")


class _ActiveInstance(msgspec.Struct, frozen=True):
    id: str = msgspec.field(name="InstanceId")


class ActiveInstances(msgspec.Struct, frozen=True):
    """DescribeSpotFleetInstances."""

    instances: tuple[_ActiveInstance, ...] = msgspec.field(name="ActiveInstances")


class _Information(msgspec.Struct, frozen=True):
    kind: str = msgspec.field(name="EventSubType", default="")
    text: str = msgspec.field(name="EventDescription", default="")


class _Record(msgspec.Struct, frozen=True):
    type: str = msgspec.field(name="EventType")
    at: datetime = msgspec.field(name="Timestamp")
    information: _Information = msgspec.field(name="EventInformation", default=_Information())


class History(msgspec.Struct, frozen=True):
    """DescribeSpotFleetRequestHistory."""

    records: tuple[_Record, ...] = msgspec.field(name="HistoryRecords")


class _Price(msgspec.Struct, frozen=True):
    type: str = msgspec.field(name="InstanceType")
    zone: str = msgspec.field(name="AvailabilityZone")
    at: datetime = msgspec.field(name="Timestamp")
    price: str = msgspec.field(name="SpotPrice")

    def __post_init__(self) -> None:
        """Raise ValueError where the price is no number."""
        if dollars(self.price) is None:
            raise ValueError(f"the price {self.price!r} is no number")

    @property
    def dollars(self) -> float:
        return dollars(self.price) or 0.0


class Prices(msgspec.Struct, frozen=True):
    """DescribeSpotPriceHistory."""

    prices: tuple[_Price, ...] = msgspec.field(name="SpotPriceHistory")


def dollars(text: str | None, *, times: float = 1.0) -> float | None:
    """A price as EC2 writes it, None where it is none."""
    try:
        value = float(text) * times if text else None
    except ValueError:
        return None
    return value if value is not None and isfinite(value) and value >= 0 else None


class _Error(msgspec.Struct, frozen=True):
    code: str = msgspec.field(name="Code", default="")


class _Accepted(msgspec.Struct, frozen=True):
    id: str = msgspec.field(name="SpotFleetRequestId")


class _Refused(msgspec.Struct, frozen=True):
    id: str = msgspec.field(name="SpotFleetRequestId")
    error: _Error = msgspec.field(name="Error", default=_Error())


class Cancellations(msgspec.Struct, frozen=True):
    """CancelSpotFleetRequests; either list may be left out when the other says it all."""

    successful: tuple[_Accepted, ...] | None = msgspec.field(
        name="SuccessfulFleetRequests", default=None
    )
    unsuccessful: tuple[_Refused, ...] | None = msgspec.field(
        name="UnsuccessfulFleetRequests", default=None
    )
