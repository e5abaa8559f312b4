"""Spot prices (Amazon EC2 API Reference, DescribeSpotPriceHistory)."""

from datetime import timedelta

import pytest

from dcp_engine.aws import operations as op
from dcp_engine.aws import spot
from tests.contract.calls import calls
from tests.contract.scene import Scene


@calls(op.DESCRIBE_SPOT_PRICES)
def test_there_is_one_for_each_zone_from_the_beginning(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(spot, "_PAGE", 2)
    end = scene.backend.now()
    start = end - timedelta(hours=12)
    prices = scene.aws.capacity.prices(["m5.xlarge", "c5.large", "m5.xlarge"], start, end)
    assert {price.type for price in prices} == {"m5.xlarge", "c5.large"}
    assert all(0 < price.dollars < 10 for price in prices)
    assert list(prices) == sorted(prices, key=lambda price: price.at)
    assert all(price.at <= end for price in prices)
    for key in {(price.type, price.zone) for price in prices}:
        own = [price for price in prices if (price.type, price.zone) == key]
        assert own[0].at <= start
        assert all(start < price.at for price in own[1:])
