"""What the answers say of one run, thing by thing."""

from collections.abc import Iterator
from datetime import datetime

from dcp_engine.defaults import Settings
from dcp_engine.doctor import bucket, cluster, fleet, logs, queue, rights, watched
from dcp_engine.doctor.asking import Answers
from dcp_engine.doctor.finding import Finding, fine, wrong
from dcp_engine.doctor.subject import Subject
from dcp_engine.errors import AwsError, Missing
from dcp_engine.model import State

# What does not depend on what is there by the run's names.
_ANYWHERE = frozenset({"permissions", "plugins"})


def findings(
    subject: Subject, answers: Answers, settings: Settings, store: str | None, now: datetime
) -> Iterator[Finding]:
    """Each thing that was asked about, in the order in which a run comes to need it.

    What is not among the answers was not asked, and nothing is said of it. `store` is our mark on
    fleets.
    """
    if subject.run.state in {State.TEARDOWN, State.EXPORTED}:
        yield _over(subject)
    yield from _machines_and_jobs(subject, answers, settings, now)
    yield from _logs(subject, answers)
    if "permissions" in answers:
        yield rights.permissions(answers["permissions"], subject.given)
    if subject.run.live and (subject.registered or "fleet" in answers):
        yield watched.watched(subject, answers.get("fleet", {}), store, now)


def nothing_here(subject: Subject, answers: Answers) -> Finding | None:
    """One finding where nothing of the run is in this region and account; else None."""
    fleets = answers.get("fleet")
    gone = (
        isinstance(fleets, dict)
        and not any(fleets.values())
        and isinstance(answers.get("queue"), Missing)
        and "service" in answers
        and answers["service"] is None
    )
    if subject.registered or not gone:
        return None
    run, place = subject.run, answers.get("bucket")
    there = None if place is None or isinstance(place, AwsError) else place.region
    hint = (
        f" The bucket {run.names.bucket} is in {there}: the cluster may be there too."
        if there not in {None, run.region}
        else ""
    )
    return wrong(
        "region",
        f"Nothing of {subject.name} is in {run.region} of account {run.account}: no fleet "
        f"{run.fleet_ids[-1]}, no queue {run.names.queue}, no service {run.names.service}. The "
        f"monitor file does not say the region.{hint}",
        "Give the region that the cluster was started in with --region, or the profile of its "
        "account with --profile. If the run is over and taken down, there is nothing to do.",
    )


def anywhere(answers: Answers) -> Answers:
    """The answers that say something also where nothing of the run is here."""
    return {name: answer for name, answer in answers.items() if name in _ANYWHERE}


def _over(subject: Subject) -> Finding:
    run = subject.run
    if run.state is State.TEARDOWN:
        return fine("run", f"{subject.name} is being taken down; what is over is not looked at.")
    how = run.outcome.value if run.outcome else "not known how"
    return fine("run", f"{subject.name} has ended ({how}); nothing of it is looked at.")


def _machines_and_jobs(
    subject: Subject, answers: Answers, settings: Settings, now: datetime
) -> Iterator[Finding]:
    if "fleet" in answers:
        seen = answers["fleet"]
        owner, machines = answers.get("fleet-owner"), answers.get("fleet-machines", ())
        yield fleet.fleet(subject, seen, owner, machines, answers.get("fleet-history", ()))
        if not isinstance(seen, AwsError):
            yield from _if_any(fleet.fleet_end(subject, seen, settings.fleet_end_notice, now))
    if "queue" in answers:
        jobs = answers["queue"]
        yield queue.queue(subject, jobs, settings.first_job_grace)
        if not isinstance(jobs, AwsError):
            yield queue.dead_letters(jobs, answers.get("dead-letters"))
            yield from _if_any(queue.visibility_timeout(jobs))
    if "cluster" in answers:
        yield cluster.cluster(subject, answers["cluster"])
    if "service" in answers:
        yield cluster.service(subject, answers["service"])
    if "task-definition" in answers:
        service = answers.get("service")
        yield cluster.task_definition(subject, answers["task-definition"], service)


def _logs(subject: Subject, answers: Answers) -> Iterator[Finding]:
    if "bucket" in answers:
        yield bucket.bucket(subject, answers["bucket"])
    if "bucket-policy" in answers:
        yield from _if_any(bucket.bucket_policy(subject, answers["bucket-policy"]))
    if "bucket-encryption" in answers:
        yield from _if_any(bucket.bucket_encryption(subject, answers["bucket-encryption"]))
    if "log-groups" in answers:
        machines = answers.get("log-groups-of-machines")
        yield logs.log_groups(subject, answers["log-groups"], machines)
    if "dashboard" in answers:
        yield logs.dashboard(subject, answers["dashboard"])
    if "auto-monitor" in answers:
        yield logs.auto_monitor(subject, answers["auto-monitor"])


def _if_any(finding: Finding | None) -> list[Finding]:
    return [] if finding is None else [finding]
