"""The page as people, their browsers and their screen readers meet it."""

import re
from datetime import timedelta
from itertools import pairwise

import pytest
from msgspec.structs import replace

from dcp_engine.model import Outcome, State, Step
from dcp_engine.picture import Picture, picture
from dcp_engine.report import page as pages
from dcp_engine.report.page import GENERATOR, as_html
from tests.unit.report import pictures
from tests.unit.report.markup import Page, text
from tests.unit.report.pictures import NASTY
from tests.unit.runs import START

LINKS = ("href", "src", "srcset", "action", "data", "poster", "xlink:href")


def test_a_week_of_a_thousand_machines_is_a_small_file(week_page: Page) -> None:
    assert len(week_page.text.encode()) < 500_000
    assert "1,000 machines were seen" in text(week_page.section("machines"))


def test_however_much_happened_it_stays_small(week: Picture) -> None:
    long = "What AWS had to say. " * 100
    events = [
        pictures.event(START + n * timedelta(minutes=1), "problem", long, problem=f"p{n}")
        for n in range(5_000)
    ]
    many = replace(week, events=tuple(events), machines=week.machines * 2)
    assert len(as_html(many).encode()) < 1_000_000


def test_the_same_picture_makes_the_same_page(small_page: Page) -> None:
    assert as_html(pictures.small()) == small_page.text


def test_it_loads_nothing_from_anywhere(page: Page) -> None:
    for name, element in page.elements():
        assert name not in {"script", "iframe", "object", "embed", "img", "form", "base", "audio"}
        for attribute, value in element.attrib.items():
            assert not attribute.lower().startswith("on"), (name, attribute)
            if attribute in LINKS:
                assert value.startswith("#") or value == "data:,", (name, attribute, value)
            if attribute == "style":
                assert "url" not in value
    style = text(page.one("style"))
    assert "url(" not in style
    assert "@import" not in style
    assert "@font-face" not in style


def test_it_says_so_to_the_browser(page: Page) -> None:
    policy = page.one("meta", http_equiv="Content-Security-Policy").get("content", "")
    rules = dict(rule.strip().split(" ", 1) for rule in policy.split(";"))
    assert rules == {
        "default-src": "'none'",
        "style-src": "'unsafe-inline'",
        "img-src": "data:",
        "base-uri": "'none'",
        "form-action": "'none'",
    }
    assert page.one("meta", name="generator").get("content") == GENERATOR


def test_it_has_its_parts_and_headings_in_order(page: Page) -> None:
    assert page.root.get("lang") == "en"
    assert text(page.all("title")[0])
    for landmark in ("header", "nav", "main", "footer", "h1"):
        page.one(landmark)
    levels = [int(name[1]) for name, _ in page.elements() if re.fullmatch("h[1-6]", name)]
    assert levels[0] == 1
    assert all(after - before <= 1 for before, after in pairwise(levels))
    assert {link.get("href") for link in page.one("nav").iter() if link.get("href")} == {
        f"#{heading.get('id')}" for heading in page.all("h2") if heading.get("id") != "wrong"
    }


def test_every_id_is_there_once_and_every_link_leads_somewhere(page: Page) -> None:
    ids = [element.get("id") for _, element in page.elements() if element.get("id")]
    assert len(ids) == len(set(ids))
    wanted = [element.get("href", "")[1:] for element in page.all("a")]
    for _, element in page.elements():
        wanted += element.get("aria-labelledby", "").split()
    assert set(wanted) <= set(ids)


def test_the_first_link_skips_to_the_summary(page: Page) -> None:
    assert page.all("a")[0].get("href") == "#summary"


def test_every_drawing_has_words(page: Page) -> None:
    for drawing in page.all("svg"):
        hidden = any(drawing in list(list_.iter()) for list_ in page.all("ul", aria_hidden="true"))
        named = drawing.get("aria-label") or drawing.get("aria-labelledby")
        assert hidden or (drawing.get("role") == "img" and named)
    for figure in page.all("figure"):
        assert [e for e in figure.iter() if e.tag == "figcaption"]


def test_every_table_says_what_its_columns_are_and_scrolls_by_keyboard(page: Page) -> None:
    for box in page.all("div", class_="scroll"):
        assert (box.get("tabindex"), box.get("role")) == ("0", "region")
        assert box.get("aria-label")
    boxes = [e for box in page.all("div", class_="scroll") for e in box.iter() if e.tag == "table"]
    assert boxes == page.all("table")
    for table in page.all("table"):
        assert table[0].tag == "caption"
        assert text(table[0])
    for cell in page.all("th"):
        assert cell.get("scope") in {"col", "row"}


def test_none_of_its_own_markup_is_taken_for_text(page: Page, small_page: Page) -> None:
    assert not re.search(r" (class|style|open)=&#3[49];", page.text)
    assert len(small_page.all("tr", class_="move")) == 4
    assert {text(e) for e in small_page.all("span", class_="first")} == {"1 Jan, 12:30"}


def test_what_is_closed_on_a_screen_is_printed_but_for_hundreds_of_events(
    small_page: Page, week_page: Page
) -> None:
    (printed,) = re.findall(r"@media print \{(.*?)\n\}", small_page.text, re.DOTALL)
    shown = "details:not(.long)::details-content { content-visibility: visible;"
    assert shown in printed
    # Where a browser cannot show what is closed, it prints no heading of it either.
    assert re.findall(r"(.*)\n.*details[^{]*\{ display: none; \}", printed) == [
        "  @supports not selector(::details-content) {"
    ]
    assert not small_page.all("details", class_="long")
    (many,) = week_page.all("details", class_="long")
    assert "only printed if they are opened before" in text(many[0])


def test_hostile_texts_are_only_texts(hostile_page: Page) -> None:
    assert "<script" not in hostile_page.text
    assert "<img" not in hostile_page.text
    seen = text(hostile_page.one("main"))
    for nasty in NASTY:
        plain = " ".join(nasty.encode("utf-8", "backslashreplace").decode().split())
        for odd, shown in {"\x00": r"\x00", "\x1b": r"\x1b", "\u202e": r"\u202e"}.items():
            plain = plain.replace(odd, shown)
        assert plain in seen
    assert "49" not in re.findall(r"\b\d+\b", text(hostile_page.section("teardown")))


def test_what_turns_the_reading_direction_is_written_out(hostile_page: Page) -> None:
    assert not re.search(
        "[\u200e\u200f\u202a-\u202e\u2066-\u2069\x00-\x08\x0b-\x1f]", hostile_page.text
    )
    assert "اسم" in hostile_page.text


def test_what_is_not_known_is_called_so(empty_page: Page) -> None:
    facts = {text(fact[0]): text(fact[1]) for fact in empty_page.one("dl")}
    unknown = {"Jobs done", "Jobs left", "Dead letters", "Machines", "Machine-hours"}
    for name in unknown | {"Estimated cost", "Idle machines", "Saved by shrinking"}:
        assert facts[name].startswith("unknown"), name
    assert "The queue was never counted" in text(empty_page.section("jobs"))
    assert "its fleets were never seen" in text(empty_page.section("machines"))
    assert "Nothing was wrong" in text(empty_page.section("problems"))
    assert not empty_page.all("path", class_="line l1")


def test_a_gap_in_what_was_known_is_a_gap_in_the_line(small_page: Page) -> None:
    queue = small_page.one("svg", aria_labelledby="queue-title queue-said")
    lines = [e.get("d", "") for e in queue.iter() if e.get("class") == "line l1"]
    assert [path.count("M") for path in lines] == [2]
    unknown = [row for row in small_page.rows("jobs") if "unknown" in row]
    assert [row[0] for row in unknown] == [f"2030-01-01 13:{m}:00" for m in ("00", "10", "20")]


def test_a_run_that_lives_says_so_far_and_when(week_page: Page) -> None:
    head = text(week_page.one("header"))
    assert "so far It is RUNNING since 2030-01-01 12:04:00 UTC" in head
    assert "Made on 2030-01-08 12:00:00 UTC" in head
    assert week_page.one("time").get("datetime") == "2030-01-08T12:00:00Z"
    assert "so far" in text(week_page.all("title")[0])
    wrong = text(week_page.section("wrong"))
    assert wrong.startswith(
        "What is wrong now jobs-coming-back since 2030-01-08 09:00:00: Jobs of Exp1 come back"
    )


def test_a_run_that_has_ended_says_how(small_page: Page) -> None:
    head = text(small_page.one("header"))
    assert "ended completed with 3 dead letters, on 2030-01-01 16:00:00 UTC" in head
    assert "so far" not in head
    assert small_page.rows("states") == [
        ["PENDING", "2030-01-01 12:00:00", "2030-01-01 12:01:00", "1 minute", "registered"],
        [
            "RUNNING",
            "2030-01-01 12:01:00",
            "2030-01-01 15:45:00",
            "3 hours and 44 minutes",
            "jobs were seen in the queue",
        ],
        [
            "DRAINING",
            "2030-01-01 15:45:00",
            "2030-01-01 15:50:00",
            "5 minutes",
            "no job waits any more",
        ],
        [
            "TEARDOWN",
            "2030-01-01 15:50:00",
            "2030-01-01 16:00:00",
            "10 minutes",
            "the queue stayed empty",
        ],
        ["EXPORTED", "2030-01-01 16:00:00", "final", "", "every step has ended"],
    ]
    assert _problems(small_page) == [
        [
            "fleet-unreadable",
            "2030-01-01 13:30:00 to 2030-01-01 13:40:00, 10 minutes",
            "AWS could not be asked about the fleet.",
            "No longer so, after 10 minutes: AWS could not be asked about the fleet.",
        ]
    ]
    assert [row[:2] for row in small_page.rows("teardown")] == [
        ["fleets", "done"],
        ["logs", "done"],
        ["dashboard", "kept"],
        ["cluster", "waived"],
        ["last-look", "done"],
    ]
    endings = {row[0]: row[1] for row in small_page.rows("machines")}
    assert endings == {"teardown": "10", "spot interruption": "1", "idle alarm": "1"}
    assert "entry 17 was written" in text(small_page.one("dl"))


def test_a_released_run_tells_nothing_of_afterwards() -> None:
    end = START + timedelta(hours=2)
    run = pictures.ended_run(
        end, outcome=Outcome.RELEASED, steps=(), first_cancel_at=None, machines_ended_at=None
    )
    machine = pictures.machine(1, START)
    seen = picture(run, machines=[machine], events=[], numbers=[], now=end + timedelta(days=30))
    page = Page(as_html(seen))
    assert "machines may have gone on running" in text(page.section("summary"))
    assert page.rows("machines")[0][:2] == ["up when last seen", "1"]
    assert "2 machine-hours" in text(page.section("machines"))
    assert "Nothing was taken down" in text(page.section("teardown"))


def test_the_report_that_the_teardown_writes_says_that_it_is_not_the_last_word() -> None:
    steps = (*pictures.small().run.steps[:-1], Step(name="report"), Step(name="last-look"))
    run = pictures.ended_run(START + timedelta(hours=1), state=State.TEARDOWN, steps=steps)
    now = START + timedelta(hours=1)
    seen = picture(run, machines=[], events=[], numbers=[], now=now)
    page = Page(as_html(seen, at_the_end=True))
    head = text(page.one("header"))
    assert "taken down completed with 3 dead letters, on 2030-01-01 13:00:00 UTC" in head
    assert "as the last step of the teardown, when everything had ended but the last look;" in head
    assert "so far" not in page.text
    assert [row[:2] for row in page.rows("teardown")][-2:] == [
        ["report", "this report"],
        ["last-look", "comes next"],
    ]
    assert Page(as_html(seen)).rows("teardown")[-1][1] == "not yet"
    assert "The teardown is not over" in as_html(seen)


def test_thinned_out_bars_are_said_to_be(week: Picture) -> None:
    all_at_once = [replace(m, ended_at=None, launched_at=START) for m in week.machines]
    page = Page(as_html(replace(week, machines=tuple(all_at_once), numbers={})))
    section = text(page.section("machines"))
    assert "only one bar in 5 is drawn; the tables count all" in section
    assert page.rows("machines")[0][:2] == ["up when last seen", "1,000"]
    assert "The first 250 of 1,000 machines" in section


def test_left_out_events_and_problems_are_said_to_be() -> None:
    count = pages._MOST_EVENTS + 7
    events = [
        pictures.event(START + timedelta(minutes=n), "problem", f"trouble {n}", problem=f"p{n}")
        for n in range(count)
    ]
    page = Page(as_html(replace(pictures.small(), events=tuple(events))))
    assert f"{count} events in all. 7 older ones are left out here" in text(page.section("events"))
    assert len(page.rows("events")) == pages._MOST_EVENTS
    assert f"Only the last 100 of {count} are listed" in text(page.section("problems"))


def _problems(page: Page) -> list[list[str]]:
    (found,) = [e for e in page.section("problems").iter() if e.get("class") == "problems"]
    return [[text(part) for part in problem] for problem in found]


def test_what_is_wrong_has_the_whole_width_and_goes_on(week_page: Page) -> None:
    assert not [e for e in week_page.section("problems").iter() if e.tag == "table"]
    last = _problems(week_page)[-1]
    assert last[1] == "2030-01-08 09:00:00 to now: it goes on, 3 hours"
    assert last[2].startswith("Jobs of Exp1 come back to the queue: since 11:00 UTC 396 were")
    assert len(last) == 3


def _luminance(colour: str) -> float:
    parts = [int(colour[n : n + 2], 16) / 255 for n in (1, 3, 5)]
    red, green, blue = (p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def _contrast(one: str, other: str) -> float:
    """By WCAG 2.2, "contrast ratio"."""
    dark, light = sorted([_luminance(one), _luminance(other)])
    return (light + 0.05) / (dark + 0.05)


@pytest.mark.parametrize("theme", [0, 1], ids=["light", "dark"])
def test_everything_stands_out_from_what_is_behind_it(small_page: Page, theme: int) -> None:
    blocks = re.findall(r":root \{([^}]*--page[^}]*)\}", small_page.one("style").text or "")
    assert len(blocks) == 2
    colours = dict(re.findall(r"--([\w-]+): (#[0-9a-f]{6})", blocks[theme]))
    for behind in ("page", "raised"):
        for ink in ("text", "soft", "link"):
            assert _contrast(colours[ink], colours[behind]) >= 4.5, (ink, behind)
    for ink in ("text", "alarm"):
        assert _contrast(colours[ink], colours["alarm-page"]) >= 4.5, ink
    drawn = [
        name for name in colours if re.match(r"(l\d|e-|pending|running|draining|tear|exp)", name)
    ]
    assert len(drawn) == 16
    for name in (*drawn, "alarm"):
        assert min(_contrast(colours[name], colours[b]) for b in ("page", "raised")) >= 3, name
    for name in ("pending", "running", "draining", "teardown", "exported"):
        assert _contrast(colours["on-state"], colours[name]) >= 4.5, name
