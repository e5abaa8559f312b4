"""Each picture and its page are made once for all tests, which only look at them."""

import pytest

from dcp_engine.picture import Picture
from dcp_engine.report.page import as_html
from tests.unit.report import pictures
from tests.unit.report.markup import Page


@pytest.fixture(scope="package")
def week() -> Picture:
    return pictures.week()


@pytest.fixture(scope="package")
def week_page(week: Picture) -> Page:
    return Page(as_html(week))


@pytest.fixture(scope="package")
def small_page() -> Page:
    return Page(as_html(pictures.small()))


@pytest.fixture(scope="package")
def hostile_page() -> Page:
    return Page(as_html(pictures.hostile()))


@pytest.fixture(params=["small_page", "week_page", "hostile_page", "empty_page"])
def page(request: pytest.FixtureRequest) -> Page:
    """Every kind of page there is."""
    found: Page = request.getfixturevalue(request.param)
    return found


@pytest.fixture(scope="package")
def empty_page() -> Page:
    return Page(as_html(pictures.empty()))
