"""What machines cost: the spot prices that were in force, and the most that a fleet pays."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from dcp_engine.errors import AwsError, Denied, Invalid, Transient, Unreadable
from dcp_engine.ports import SpotPrice
from tests.unit.aws.test_spot import DESCRIBE, FLEET, entry, fleets

ASK = "ec2:DescribeSpotPriceHistory"
NOON = datetime(2030, 5, 17, 12, tzinfo=UTC)


def price(hour: int, dollars: str = "0.071200", zone: str = "us-east-1a") -> str:
    return (
        f"<item><instanceType>m5.xlarge</instanceType><availabilityZone>{zone}</availabilityZone>"
        f"<timestamp>2030-05-17T{hour:02}:00:00.000Z</timestamp>"
        f"<spotPrice>{dollars}</spotPrice></item>"
    )


def history(bench: Any, *found: str, token: str = "") -> Any:
    inner = f"<spotPriceHistorySet>{''.join(found)}</spotPriceHistorySet>"
    return bench.line.ec2("DescribeSpotPriceHistory", f"{inner}<nextToken>{token}</nextToken>")


def prices(bench: Any, *types: str) -> Any:
    return bench.aws.capacity.prices(types or ["m5.xlarge"], NOON - timedelta(hours=3), NOON)


def test_all_pages_in_the_order_of_their_moments(bench: Any) -> None:
    bench.line.on(
        ASK,
        history(bench, price(11), price(8, "0.1", "us-east-1b"), token="a"),
        history(bench, price(6, "1")),
    )
    assert prices(bench, "m5.xlarge", "m5.xlarge") == (
        SpotPrice(type="m5.xlarge", zone="us-east-1a", at=NOON.replace(hour=6), dollars=1.0),
        SpotPrice(type="m5.xlarge", zone="us-east-1b", at=NOON.replace(hour=8), dollars=0.1),
        SpotPrice(type="m5.xlarge", zone="us-east-1a", at=NOON.replace(hour=11), dollars=0.0712),
    )
    first, second = bench.line.params(ASK)
    assert first == {
        "InstanceTypes": ["m5.xlarge"],
        "ProductDescriptions": ["Linux/UNIX"],
        "StartTime": NOON - timedelta(hours=3),
        "EndTime": NOON,
        "MaxResults": 1000,
    }
    assert second["NextToken"] == "a"


def test_no_type_is_not_asked_for_as_all_types(bench: Any) -> None:
    assert bench.aws.capacity.prices([], NOON, NOON) == ()
    assert bench.line.calls == []


@pytest.mark.parametrize("dollars", ["", "free", "nan", "inf", "-1", "0x1", "1,5"])
def test_a_price_that_is_none_is_unreadable(bench: Any, dollars: str) -> None:
    bench.line.on(ASK, history(bench, price(11), price(8, dollars)))
    with pytest.raises(Unreadable):
        prices(bench)


@pytest.mark.parametrize(
    "item",
    [
        "<item/>",
        price(11).replace("<availabilityZone>us-east-1a</availabilityZone>", ""),
        price(11).replace("2030-05-17T11:00:00.000Z", "noon"),
        price(11).replace("<spotPrice>0.071200</spotPrice>", ""),
    ],
)
def test_a_price_with_a_part_missing_is_unreadable(bench: Any, item: str) -> None:
    bench.line.on(ASK, history(bench, item))
    with pytest.raises(Unreadable):
        prices(bench)


@pytest.mark.parametrize(
    ("code", "status", "expected"),
    [
        ("InvalidParameterValue", 400, Invalid),
        ("UnauthorizedOperation", 403, Denied),
        ("RequestLimitExceeded", 503, Transient),
    ],
)
def test_a_refusal_is_no_price(
    bench: Any, code: str, status: int, expected: type[AwsError]
) -> None:
    bench.line.on(ASK, bench.line.error(ASK, code, status=status))
    with pytest.raises(expected):
        prices(bench)


def specification(price: str = "", weight: str = "") -> str:
    return (f"<spotPrice>{price}</spotPrice>" if price else "") + (
        f"<weightedCapacity>{weight}</weightedCapacity>" if weight else ""
    )


def launches(*each: str) -> str:
    items = "".join(f"<item>{one}</item>" for one in each)
    return f"<launchSpecifications>{items}</launchSpecifications>"


def templates(*overrides: str) -> str:
    items = "".join(f"<item>{one}</item>" for one in overrides)
    return (
        "<launchTemplateConfigs><item><launchTemplateSpecification/>"
        f"<overrides>{items}</overrides></item></launchTemplateConfigs>"
    )


WHOLE = "<spotPrice>0.20</spotPrice>"


@pytest.mark.parametrize(
    ("more", "bid"),
    [
        ("", None),
        (WHOLE, 0.2),
        (WHOLE + launches(specification()), 0.2),
        (WHOLE + launches(specification(price="0.05"), specification(price="0.07")), 0.07),
        (WHOLE + launches(specification(price="0.05"), specification()), 0.2),
        (WHOLE + launches(specification(weight="4.0"), specification(weight="2.0")), 0.8),
        (launches(specification(price="0.05", weight="4.0")), 0.2),
        (launches(specification(price="0.05"), specification()), None),
        (launches(specification(price="0.05")) + templates(), None),
        (WHOLE + launches(specification(price="0.05")) + templates(), 0.2),
        (WHOLE + templates(specification(price="0.50"), specification()), 0.5),
        ("<spotPrice>cheap</spotPrice>", None),
        ("<spotPrice>-3</spotPrice>", None),
        (WHOLE + launches(specification(price="nan")), None),
    ],
)
def test_the_most_that_a_machine_may_cost_an_hour(bench: Any, more: str, bid: float | None) -> None:
    bench.line.on(DESCRIBE, fleets(bench, entry(more=more)))
    assert bench.aws.capacity.describe([FLEET])[FLEET].bid == pytest.approx(bid)
