"""A run's events as a story: by day and state, with what belongs together told once."""

import re
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import Final

import msgspec

from dcp_engine.model import Ended, Event, State
from dcp_engine.words import counted

PERSON, SOMEBODY, ENGINE = "a person", "somebody", "dcp-engine"
PROBLEM: Final = "PROBLEM"

_ASKED: Final = frozenset({"registered", "abort", "waive", "take-over", "try-again"})
_FOUND: Final = frozenset(
    {"target-raised", "altered-alarm", "fleet-added", "fleet-dropped", "fleet-not-adopted"}
)
# The steps that tell with their end where something is.
_TELLING: Final = frozenset({"logs", "report"})
_NAMED: Final = ("machines", "volumes")
# What there was one of: the number and all before it is told of.
_ONE: Final = re.compile(r"^(\D*[\d,]+ [a-z ]*?)(?= (?:that|of) )")
# So many events of one kind are told as one.
_SEVERAL: Final = 3


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """What was done, and by whom; or a problem, with an `until` of None while it lasts."""

    since: datetime
    until: datetime | None
    who: str
    text: str

    @property
    def problem(self) -> bool:
        return self.who == PROBLEM


class Chapter(msgspec.Struct, frozen=True, kw_only=True):
    """A state of the run, or a later day of it.

    `until` is when it was left, None where it has not been; `begun` is False on the later days.
    """

    day: datetime
    state: str
    since: datetime
    until: datetime | None
    reason: str
    begun: bool
    entries: tuple[Entry, ...]


def chapters(events: Sequence[Event]) -> list[Chapter]:
    """All of a run's events, in order."""
    problems = _Problems(events)
    found: list[Chapter] = []
    for spell in _spells(events):
        for number, day in enumerate(_days(spell.events)):
            entries = _entries([event for event in day if event.kind != "state"], problems)
            found.append(
                Chapter(
                    day=day[0].at,
                    state=spell.state,
                    since=spell.since,
                    until=spell.until,
                    reason=spell.reason,
                    begun=not number,
                    entries=tuple(entries),
                )
            )
    return found


class _Spell(msgspec.Struct, kw_only=True):
    """A time in one state, with its events, that which leads into it first."""

    state: str
    since: datetime
    reason: str = ""
    until: datetime | None = None
    events: list[Event] = []


def _spells(events: Sequence[Event]) -> list[_Spell]:
    spells: list[_Spell] = []
    for event in events:
        if event.kind == "state":
            if spells:
                spells[-1].until = event.at
            reason = event.text.partition(": ")[2] or event.text
            spells.append(_Spell(state=str(event.data.get("to")), since=event.at, reason=reason))
        elif not spells:
            spells.append(_Spell(state=State.PENDING.value, since=event.at))
        spells[-1].events.append(event)
    return spells


def _days(events: Sequence[Event]) -> list[list[Event]]:
    days: list[list[Event]] = []
    for event in events:
        if days and days[-1][0].at.astimezone().date() == event.at.astimezone().date():
            days[-1].append(event)
        else:
            days.append([event])
    return days


def _entries(events: Sequence[Event], problems: "_Problems") -> list[Entry]:
    """What is told of the events of one chapter, by when it began."""
    groups: dict[tuple[str, str], list[Event]] = {}
    done = _steps_done(events)
    for event in events:
        if event.kind in {"problem-over", "problem-lasts"} and problems.begun(event):
            continue
        if event.kind in done and event.data.get("step") is None:
            # That it is gone is told of the step.
            continue
        groups.setdefault(_belongs(event, done), []).append(event)
    told = [entry for group in groups.values() for entry in _told(group, problems)]
    return sorted(told, key=lambda entry: entry.since)


def _belongs(event: Event, done: frozenset[str]) -> tuple[str, str]:
    """What is told together has the same name."""
    if event.kind == "problem":
        return "problem", str(event.data.get("problem", event.text))
    if event.kind == "step":
        together = event.data.get("step") in done - _TELLING
        return "step", "" if together else event.id
    if event.kind in _ASKED | _FOUND:
        return event.kind, event.id
    return event.kind, str(event.data.get("fleet", ""))


def _steps_done(events: Sequence[Event]) -> frozenset[str]:
    """The steps of the teardown that are told in one line, because there is no more to say."""
    steps = [event.data for event in events if event.kind == "step"]
    return frozenset(str(s.get("step")) for s in steps if s.get("ended") == Ended.DONE.value)


def _told(group: Sequence[Event], problems: "_Problems") -> Iterator[Entry]:
    first = group[0]
    if first.kind == "problem":
        yield problems.told(group)
    elif first.kind == "step" and len(group) > 1:
        names = ", ".join(str(event.data.get("step")) for event in group)
        yield _entry(group, f"Done: {names}.")
    elif first.kind == "downscale" and len(group) > 1:
        yield _entry(group, _lowered(group))
    elif first.kind == "labels" and len(group) > 1:
        yield _entry(group, _named(group))
    elif len(group) > 1 and all(isinstance(event.data.get("count"), int) for event in group):
        yield _entry(group, _summed(group))
    elif len(group) >= _SEVERAL:
        yield _entry(group, f"{len(group)} times; the last time: {group[-1].text}")
    else:
        for event in group:
            yield _entry([event], event.text)


def _entry(group: Sequence[Event], text: str) -> Entry:
    return Entry(since=group[0].at, until=group[-1].at, who=_who(group[0]), text=text)


def _who(event: Event) -> str:
    if event.kind in _ASKED or (event.kind == "cheapest" and "target" not in event.data):
        return PERSON
    return SOMEBODY if event.kind in _FOUND else ENGINE


def _lowered(group: Sequence[Event]) -> str:
    first, last = group[0].data, group[-1].data
    return (
        f"Lowered the requested capacity of fleet {first.get('fleet')} {len(group)} times, from "
        f"{first.get('from')} to {last.get('to')}, as work ran out."
    )


def _named(group: Sequence[Event]) -> str:
    counts = [sum(int(event.data.get(what) or 0) for event in group) for what in _NAMED]
    things = " and ".join(
        counted(count, what.removesuffix("s")) for what, count in zip(_NAMED, counts, strict=True)
    )
    return f"Named {things} that had no name, in {counted(len(group), 'round')}."


def _summed(group: Sequence[Event]) -> str:
    """One text for several that differ in their number."""
    counts = [int(event.data["count"]) for event in group]
    most = group[counts.index(max(counts))]
    # What follows a colon are examples out of one of them.
    text = most.text.partition(": ")[0].rstrip(".")
    whole = sum(counts)
    said = text.replace(str(max(counts)), f"{whole:,}", 1)
    if max(counts) == 1 < whole:
        said = _ONE.sub(r"\1s", said).replace("a machine that is", "machines that are")
    return f"{said}, in {counted(len(group), 'round')}."


class _Problems:
    """When each problem was over, and in what words."""

    def __init__(self, events: Sequence[Event]) -> None:
        self._ends: dict[str, Event | None] = {}
        self._lasted: set[str] = set()
        begun: dict[str, list[str]] = {}
        for event in events:
            name = str(event.data.get("problem", event.text))
            if event.kind == "problem":
                begun.setdefault(name, []).append(event.id)
                self._ends[event.id] = None
            elif event.kind in {"problem-over", "problem-lasts"} and name in begun:
                self._lasted.add(event.id)
                if event.kind == "problem-over":
                    self._ends.update(dict.fromkeys(begun.pop(name), event))

    def begun(self, event: Event) -> bool:
        """Whether what goes on or is over had a beginning that is told."""
        return event.id in self._lasted

    def told(self, group: Sequence[Event]) -> Entry:
        """One problem, as often as it came within a chapter."""
        spells = [(event, self._ends[event.id]) for event in group]
        # One that called for a person only later was told twice, and is over once.
        ends = list(dict.fromkeys(end.id if end else "" for _, end in spells))
        last = spells[-1][1]
        name = group[0].data.get("problem")
        what = _gist(_last_words(group[-1], last)) if last else group[-1].text
        lasted = ""
        if len(ends) > 1:
            began = {end.id if end else "": event.at for event, end in reversed(spells)}
            whole = sum(
                (end.at - began[end.id] for end in _unlike([e for _, e in spells])), timedelta(0)
            )
            lasted = f"{len(ends)} times, {_span(whole)} in all"
        elif last is not None:
            lasted = _span(last.at - group[0].at)
        lead = ", ".join(str(part) for part in (name, lasted) if part)
        if last is not None and last.text.startswith("This does not matter"):
            what += " It was not mended; it did not matter any more."
        return Entry(
            since=group[0].at,
            until=last.at if last else None,
            who=PROBLEM,
            text=f"{lead}: {what}" if lead else what,
        )


def _last_words(begun: Event, over: Event) -> str:
    """What was wrong, as it was said last; the end of one of long ago does not tell."""
    said = over.data.get("text")
    return said if isinstance(said, str) else begun.text


def _unlike(ends: Sequence[Event | None]) -> list[Event]:
    return list({end.id: end for end in ends if end is not None}.values())


def _gist(text: str) -> str:
    """What was wrong, without the advice that went with it."""
    return re.split(r"(?<=[.:;]) ", text, maxsplit=1)[0].rstrip(".:;") + "."


def _span(span: timedelta) -> str:
    from humanize import naturaldelta  # noqa: PLC0415 - slow, and not every command needs it

    return naturaldelta(span)
