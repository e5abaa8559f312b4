"""What held from when to when: the states and the problems of a run, by its events."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import msgspec
from msgspec.structs import replace

from dcp_engine.model import Event, Run, State


class StateSpan(msgspec.Struct, frozen=True, kw_only=True):
    """The run was in a state; `end` is None for the one it is in, `reason` why it came to it."""

    state: str
    start: datetime
    end: datetime | None
    reason: str


class ProblemSpan(msgspec.Struct, frozen=True, kw_only=True):
    """Something was wrong; `end` is None while it is, `text` how it was said last."""

    name: str
    text: str
    start: datetime
    end: datetime | None = None
    ended: str = ""


def states_of(run: Run, events: Sequence[Event]) -> list[StateSpan]:
    """The states in order, from the registration on."""
    begun = [(run.registered_at, State.PENDING.value, "registered")]
    for event in events:
        if event.kind == "state" and isinstance(state := event.data.get("to"), str):
            begun.append((event.at, state, event.text.partition(": ")[2].rstrip(".")))
    ends: list[datetime | None] = [at for at, _, _ in begun[1:]]
    return [
        StateSpan(state=state, start=at, end=end, reason=reason)
        for (at, state, reason), end in zip(begun, [*ends, None], strict=True)
    ]


def problems_of(run: Run, events: Sequence[Event]) -> list[ProblemSpan]:
    """Everything that was wrong, in the order in which it began."""
    found: list[ProblemSpan] = []
    open_now: dict[str, int] = {}
    for event in events:
        name = _problem(event.data)
        if name is None:
            continue
        if event.kind == "problem":
            # One that needs a person now is told again; it goes on all the same.
            if name not in open_now:
                open_now[name] = len(found)
                found.append(ProblemSpan(name=name, text=event.text, start=event.at))
            else:
                place = open_now[name]
                found[place] = replace(found[place], text=event.text)
        elif event.kind == "problem-over" and name in open_now:
            place = open_now.pop(name)
            text = event.data.get("text")
            last = text if isinstance(text, str) else found[place].text
            found[place] = replace(found[place], text=last, end=event.at, ended=event.text)
    for problem in run.problems:
        now = ProblemSpan(name=problem.name, text=problem.text, start=problem.since)
        if problem.name in open_now:
            found[open_now[problem.name]] = now
        else:
            found.append(now)
    return sorted(found, key=lambda span: span.start)


def _problem(data: dict[str, Any]) -> str | None:
    name = data.get("problem")
    return name if isinstance(name, str) else None
