"""The run's spot fleets: whether they are alive, whose they are, and for how long."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from dcp_engine.doctor.finding import Finding, advice, fine, untold, wrong
from dcp_engine.doctor.subject import Subject
from dcp_engine.errors import AwsError, Denied
from dcp_engine.ports import FleetFacts, FleetTrouble
from dcp_engine.words import counted

_LIVE = frozenset({"submitted", "active", "modifying"})
_AGAIN = "Start the cluster again, and give dcp-engine the new monitor file."
_FORMAT = "%Y-%m-%d %H:%M UTC"

Facts = Mapping[str, FleetFacts | None]


def fleet(
    subject: Subject,
    facts: Facts | AwsError,
    owner: str | AwsError | None,
    machines: Sequence[str] | AwsError,
    troubles: Sequence[FleetTrouble] | AwsError,
) -> Finding:
    """Whether the fleets bring machines, and for this run.

    `owner` is whose names the machines of the newest fleet carry, None where they are the run's.
    """
    name = "fleet"
    if isinstance(facts, AwsError):
        return untold(name, f"The fleet {_newest(subject)}", facts)
    missing = [fleet_id for fleet_id, found in facts.items() if found is None]
    if missing:
        return wrong(
            name,
            f"AWS knows no spot fleet {' and no '.join(missing)} in {subject.run.region}. It "
            "forgets a fleet 48 hours after its end.",
            "Is it the right monitor file, and the right region (--region) and account "
            f"(--profile)? If the fleet is long over: {_AGAIN[0].lower()}{_AGAIN[1:]}",
        )
    live = [found for found in facts.values() if found and found.state in _LIVE]
    if not live:
        states = {found.state for found in facts.values() if found}
        return wrong(
            name,
            f"The fleet {_newest(subject)} is over ({', '.join(sorted(states))}): no machine comes "
            "any more.",
            _AGAIN,
        )
    if isinstance(owner, str):
        return wrong(
            name,
            f"The machines of fleet {live[-1].id} are named for {owner}, and none for "
            f"{subject.name}: it works for another run, and ending {subject.name} would end that "
            "work.",
            "Give the monitor file of this run.",
        )
    for untellable in (machines, troubles, owner):
        if isinstance(untellable, Denied):
            return untold(name, f"The machines of fleet {live[-1].id}", untellable)
    return _alive(name, live, machines, troubles)


def _alive(
    name: str,
    live: Sequence[FleetFacts],
    machines: Sequence[str] | AwsError,
    troubles: Sequence[FleetTrouble] | AwsError,
) -> Finding:
    asked = sum(found.target for found in live)
    ids = ", ".join(found.id for found in live)
    up = None if isinstance(machines, AwsError) else len(machines)
    if asked == 0:
        return wrong(
            name,
            f"The fleet {ids} asks for no machine at all (its requested capacity is 0), so no work "
            "is done.",
            "Raise its capacity in the EC2 console, under Spot Requests; dcp-engine never does.",
        )
    if not up and not isinstance(troubles, AwsError) and troubles:
        said = dict.fromkeys(trouble.text.rstrip(".") for trouble in troubles)
        return wrong(
            name,
            f"The fleet {ids} has no machine up; AWS says: {'; '.join(list(said)[-3:])}.",
            "AWS goes on trying. If it is the price or the capacity, a higher price or other "
            "machine types in the fleet's configuration may help; anything else, mend there. Then "
            "start the cluster again.",
        )
    state = f"{ids} is {live[-1].state}" if len(live) == 1 else f"{ids} are alive"
    are_up = "it is not known how many machines are up"
    if up is not None:
        are_up = f"{counted(up, 'machine')} of the newest up" if len(live) > 1 else _up(up)
    text = f"{state}: capacity {asked} requested, {are_up}."
    fixed = [found for found in live if found.type != "maintain"]
    if fixed:
        return advice(
            name,
            f"{text} It is of type `{fixed[-1].type}`: AWS does not replace machines that it takes "
            "back, and does not let the fleet be shrunk as work runs out.",
            "Nothing can be done for this one. For the next, set Type to `maintain` in the fleet's "
            "configuration.",
        )
    return fine(name, text)


def _up(machines: int) -> str:
    return f"{counted(machines, 'machine')} up"


def fleet_end(subject: Subject, facts: Facts, notice: timedelta, now: datetime) -> Finding | None:
    """Whether the fleet lasts for as long as the work does; None where no fleet is alive.

    `notice` is how long before its end date a fleet is a problem of a run that is watched.
    """
    live = [found for found in facts.values() if found and found.state in _LIVE]
    if not live:
        return None
    name = "fleet-end"
    lasting = max(live, key=lambda found: (found.valid_until is None, found.valid_until or now))
    end = lasting.valid_until
    if end is None:
        return fine(name, f"The fleet {lasting.id} has no end date.")
    when = f"The fleet {lasting.id} ends on {end:{_FORMAT}}"
    if end <= now:
        return wrong(name, f"{when}, which is over: no machine comes any more.", _AGAIN)
    if subject.ends is not None and end < subject.ends[1]:
        early, late = subject.ends
        text = (
            f"{when}, jobs left or not. As fast as the work goes now, it is over between "
            f"{early:{_FORMAT}} and {late:{_FORMAT}}."
        )
        what = "Start the cluster again before then, and give dcp-engine the new monitor file."
        return wrong(name, text, what) if end < early else advice(name, text, what)
    if end - now < notice:
        return advice(
            name,
            f"{when}, jobs left or not.",
            "If the work takes longer, start the cluster again before then.",
        )
    return fine(name, f"{when}.")


def _newest(subject: Subject) -> str:
    return subject.run.fleet_ids[-1]
