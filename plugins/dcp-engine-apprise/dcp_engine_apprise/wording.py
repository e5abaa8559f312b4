"""What a message says, for somebody who reads it on a telephone between two experiments."""

from collections.abc import Mapping

import msgspec
from apprise import NotifyType

from dcp_engine.model import Event, Outcome, Problem, Run, State

_ELLIPSIS = "…"


class Message(msgspec.Struct, frozen=True, kw_only=True):
    """A title, the text, more lines about it, and the mark that tells a repeat from news."""

    title: str
    text: str
    details: str
    mark: str
    importance: NotifyType

    def body(self, room: int) -> str:
        """All of it in so many characters: where that is too much without the details, or cut."""
        whole = f"{self.text}\n\n{self.details}\n{self.mark}"
        if len(whole) <= room:
            return whole
        end = f"\n{self.mark}"
        left = max(room - len(end), 1)
        text = self.text if len(self.text) <= left else self.text[: left - 1] + _ELLIPSIS
        return text + end


def message_about(run: Run, event: Event) -> Message:
    """The message that tells an event of a run."""
    return Message(
        title=" ".join(f"{run.names.app_name}: {_headline(run, event)}".split()),
        text=_text(event),
        details="\n".join(
            (
                f"Run {run.names.app_name} ({run.id}), account {run.account}, {run.region}",
                f"At {event.at:%Y-%m-%d %H:%M} UTC",
            )
        ),
        mark=f"Event {event.id}",
        importance=_importance(run, event),
    )


def _headline(run: Run, event: Event) -> str:
    if event.kind == "state":
        return _of_state(run, event)
    problem = str(event.data.get("problem", "")).replace("-", " ")
    match event.kind:
        case "problem":
            known = _problem(run, event)
            return f"{'needs you' if known and known.needs_person else 'a problem'}: {problem}"
        case "problem-lasts":
            return f"still a problem: {problem}"
        case "problem-over":
            return f"no longer a problem: {problem}"
        case other:
            return other.replace("-", " ")


def _of_state(run: Run, event: Event) -> str:
    before = event.data.get("from")
    match event.data.get("to"):
        case State.RUNNING:
            return "running" if before == State.PENDING else "jobs are waiting again"
        case State.DRAINING:
            return "no more jobs are waiting"
        case State.TEARDOWN:
            return "being taken down"
        case State.EXPORTED:
            return f"ended, {run.outcome}" if run.outcome else "ended"
        case other:
            return str(other)


def _text(event: Event) -> str:
    summary = event.data.get("summary")
    if not isinstance(summary, Mapping) or not summary:
        return event.text
    return "\n".join((event.text, "", *(f"{what}: {line}" for what, line in summary.items())))


def _importance(run: Run, event: Event) -> NotifyType:
    if event.kind in {"problem", "problem-lasts"}:
        known = _problem(run, event)
        if known and known.advice:
            return NotifyType.INFO
        return NotifyType.FAILURE if known and known.needs_person else NotifyType.WARNING
    if event.kind == "problem-over":
        return NotifyType.SUCCESS
    if event.kind == "state" and event.data.get("to") == State.EXPORTED:
        return NotifyType.SUCCESS if run.outcome is Outcome.COMPLETED else NotifyType.WARNING
    return NotifyType.INFO


def _problem(run: Run, event: Event) -> Problem | None:
    """The problem as it is now; it may be over by the time its beginning is told."""
    return run.problem(str(event.data.get("problem", "")))
