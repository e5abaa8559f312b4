"""What a message says and looks like."""

from collections.abc import Iterable, Mapping
from typing import Any, Final

from dcp_engine.model import Ended, Event, Outcome, Run, State
from dcp_engine_slack import topics
from dcp_engine_slack.text import escaped

# Slack's "Text object": 3000 characters; the rest is room for a mention and the like.
_A_BLOCK: Final = 2800
_A_HEADLINE: Final = 300
_A_LINE: Final = 600
_A_NOTICE: Final = 1000

_WELL: Final = frozenset({Outcome.COMPLETED, Outcome.COMPLETED_WITH_DEAD_LETTERS})
_ICONS: Final[Mapping[str, str]] = {
    topics.REGISTERED: "🔬",
    topics.RUNNING: "▶️",
    topics.DRAINING: "⏳",
    topics.TEARDOWN: "🧹",
    topics.MACHINES_ENDED: "🔌",
    topics.PROBLEM: "⚠️",
    topics.PROBLEM_LASTS: "⚠️",
    topics.PROBLEM_OVER: "👍",
    topics.TEST: "📨",
}


def body(run: Run, event: Event, mention: str | None, *, remark: str = "") -> dict[str, Any]:
    """The message as both of Slack's ways take it.

    `mention` is Slack's own code and goes in as it is; all else is escaped. `remark` is said in
    small print, before the event's id.
    """
    icon = _icon(run, event)
    headline = escaped(_headline(run, event), _A_HEADLINE)
    call = f"{mention} " if mention else ""
    told = _told(event)
    shown = f"{call}{icon} *{headline}*"
    if told:
        shown = f"{shown}\n{escaped(told, _A_BLOCK - len(shown))}"
    blocks = [_section(shown)]
    if event.kind == "state" and topics.topic_of(event) == topics.EXPORTED:
        blocks.append(_section(_lines(_summary(run, event))))
    small = [remark] if remark else []
    small.append(f"run {run.id} · account {run.account} · {run.region} · event {event.id}")
    blocks.append(
        {"type": "context", "elements": [_markdown(escaped(line, _A_NOTICE)) for line in small]}
    )
    return {
        # What a telephone shows before the message is opened.
        "text": f"{call}{icon} {headline}: {escaped(told, _A_NOTICE)}".removesuffix(": "),
        "blocks": blocks,
        "unfurl_links": False,
        "unfurl_media": False,
    }


def _icon(run: Run, event: Event) -> str:
    topic = topics.topic_of(event)
    if topic == topics.EXPORTED:
        return "✅" if run.outcome in _WELL else "⏹️"
    if topics.needs_person(run, event):
        return "🚨"
    return _ICONS.get(topic, "•")


def _headline(run: Run, event: Event) -> str:
    name = run.names.app_name
    topic = topics.topic_of(event)
    if topic == topics.EXPORTED:
        return f"{name} is at its end: {_ending(run)}"
    if topic == topics.RUNNING:
        return f"{name} {_running(topics.came_from(event))}"
    if topic == topics.PROBLEM:
        return f"{name} {_problem(run, event)}"
    if topic == topics.PROBLEM_LASTS:
        needed = " and still needs somebody" if topics.needs_person(run, event) else ""
        return f"{name}: a problem lasts{needed}"
    if topic == topics.PROBLEM_OVER:
        return f"{name}: a problem is over"
    said = {
        topics.REGISTERED: "is watched from now on",
        topics.DRAINING: _draining(run),
        topics.TEARDOWN: "is taken down",
        topics.MACHINES_ENDED: "has no machine any more; none is billed",
    }.get(topic)
    return f"{name} {said}" if said else name


def _draining(run: Run) -> str:
    if not run.jobs_seen:
        return "has no jobs so far"
    if run.reading is not None and run.reading.in_flight:
        return "has no job waiting; the last ones are being worked on"
    return "has no job waiting any more"


def _running(before: State | None) -> str:
    if before is State.DRAINING:
        return "has jobs waiting again"
    if before is State.TEARDOWN:
        return "goes on: jobs came late"
    return "has started"


def _problem(run: Run, event: Event) -> str:
    problem = topics.problem_of(run, event)
    if problem is not None and problem.advice:
        return "is fine; something to know"
    return "needs somebody" if topics.needs_person(run, event) else "has a problem"


def _told(event: Event) -> str:
    """The event's text; of a change of state only the reason, since the headline says the rest."""
    change = f"{event.data.get('from')} → {event.data.get('to')}: "
    if event.kind == "state" and event.text.startswith(change):
        reason = event.text.removeprefix(change)
        return reason[:1].upper() + reason[1:]
    return event.text


def _ending(run: Run) -> str:
    text = run.outcome.value if run.outcome else "how is not known"
    letters = run.dead_letters
    if not letters:
        return text
    count = f"{letters} dead letter{'s' if letters != 1 else ''}"
    if run.outcome is Outcome.COMPLETED_WITH_DEAD_LETTERS:
        return f"completed with {count}"
    return f"{text}, {count}"


def _summary(run: Run, event: Event) -> dict[str, str]:
    """What it is → what it came to. What other plugins say goes before what is said here."""
    given = event.data.get("summary")
    theirs = (
        {str(what): str(text) for what, text in given.items()} if isinstance(given, dict) else {}
    )
    taken = {what.casefold() for what in theirs}
    ours = {what: text for what, text in _known(run).items() if what.casefold() not in taken}
    return {**ours, **theirs}


def _known(run: Run) -> dict[str, str]:
    known = {
        "Outcome": run.outcome.value if run.outcome else "not known",
        "Dead letters": "not known" if run.dead_letters is None else str(run.dead_letters),
        "Machines": _machines(run),
        "Logs": _logs(run),
    }
    left = [
        f"{step.name} ({step.reason or step.ended})"
        for step in run.steps
        if step.ended not in {None, Ended.DONE} and step.name != "logs"
    ]
    if left:
        known["Left in AWS"] = "; ".join(left)
    return known


def _machines(run: Run) -> str:
    if run.machines_ended_at is not None:
        return f"all ended by {run.machines_ended_at:%Y-%m-%d %H:%M} UTC"
    if run.outcome is Outcome.RELEASED:
        return "left as they were; nobody watches them any more, and those that run are billed"
    return "not seen to end; look for them in the EC2 console, since those that run are billed"


def _logs(run: Run) -> str:
    step = run.step("logs")
    if step is None or step.ended is None:
        return "in CloudWatch still"
    if step.ended is Ended.DONE:
        return step.reason or f"{run.names.bucket}/exportedlogs"
    return f"in CloudWatch still ({step.reason or step.ended})"


def _lines(summary: Mapping[str, str]) -> str:
    """One line for each, as many as there is room for."""
    return "\n".join(_as_many_as_fit(summary))


def _as_many_as_fit(summary: Mapping[str, str]) -> Iterable[str]:
    room = _A_BLOCK
    for what, text in summary.items():
        line = f"*{escaped(what, 100)}:* {escaped(text, _A_LINE)}"
        room -= len(line) + 1
        if room < 0:
            return
        yield line


def _section(text: str) -> dict[str, Any]:
    return {"type": "section", "text": _markdown(text)}


def _markdown(text: str) -> dict[str, Any]:
    # Verbatim: names of channels and addresses in the text stay text.
    return {"type": "mrkdwn", "text": text, "verbatim": True}
