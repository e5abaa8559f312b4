"""An examination from beginning to end: what is asked, and in which order it is told."""

from collections.abc import Callable, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Final

from msgspec.structs import replace

from dcp_engine import monitor_file
from dcp_engine.access import Caller
from dcp_engine.clock import Clock
from dcp_engine.defaults import Settings
from dcp_engine.doctor import credentials, judging, monitor
from dcp_engine.doctor.asking import Answers, Asking
from dcp_engine.doctor.computer import of_computer
from dcp_engine.doctor.finding import Finding, Verdict, sentence, unknown
from dcp_engine.doctor.memory import Memory
from dcp_engine.doctor.questions import Bound, about
from dcp_engine.doctor.subject import Subject, draft, nobody
from dcp_engine.errors import AwsError, BadInput, Credentials, Invalid, Unreachable
from dcp_engine.model import MonitorFile, Run
from dcp_engine.plugin_desk import PluginReport
from dcp_engine.ports import Cloud

LIMIT: Final = timedelta(seconds=20)
"""How long AWS and the plugins have for all answers together."""

# Whose the credentials are is asked first, and for no longer than this part of the time.
_FIRST: Final = 3


class Examination:
    """One examination; everything that it needs is handed in."""

    def __init__(
        self,
        *,
        cloud: Cloud,
        clock: Clock,
        settings: Settings,
        memory: Memory,
        plugins: Callable[[], Sequence[PluginReport]],
        asking: Asking,
        limit: timedelta = LIMIT,
        ignored_region: str | None = None,
    ) -> None:
        """`plugins` has each say what it lacks; `ignored_region` is what AWS_REGION says."""
        self._cloud = cloud
        self._clock = clock
        self._settings = settings
        self._memory = memory
        self._plugins = plugins
        self._asking = asking
        self._limit = limit
        self._ignored_region = ignored_region

    def of_run(self, known: Run) -> list[Finding]:
        """Examine a registered run. Raises StoreError where the database cannot be read."""
        subject = self._memory.subject(known, self._clock.now())
        return self._findings(known.region, lambda _: subject)

    def of_file(self, path: Path) -> list[Finding]:
        """Examine the run of a monitor file. Raises BadInput where there is no such file."""
        try:
            file = monitor_file.read(path)
        except BadInput as error:
            if not path.exists():
                raise
            return self._findings(self._region(), None, monitor.unusable(error))
        return self._findings(self._region(), lambda region: self._subject(file, path, region))

    def of_computer(self) -> list[Finding]:
        """Examine what does not depend on a run."""
        return self._findings(self._region(), None)

    def _findings(
        self,
        region: str | Credentials | None,
        subject_in: Callable[[str], Subject] | None,
        file: Finding | None = None,
    ) -> list[Finding]:
        """`subject_in` gives the run as it is in a region; `file` tells of a file that is none."""
        files = [] if file is None else [file]
        if isinstance(region, Credentials):
            refused = credentials.refused(region, self._cloud.login_command(), ())
            return [refused, *files, *self._computer()]
        seen_region = credentials.region(region, self._ignored_region)
        if region is None or seen_region.verdict is Verdict.WRONG:
            return [seen_region, *files, *self._computer()]
        subject = subject_in(region) if subject_in else None
        began = self._clock.monotonic()
        caller = self._caller(subject.run if subject else nobody(region, self._clock.now()))
        seen_clock = credentials.clock(caller, self._clock.now())
        clock = [] if seen_clock is None else [seen_clock]
        if isinstance(caller, Credentials | Unreachable):
            return [self._nobody_answers(caller), *clock, *files, *self._computer()]
        who = credentials.credentials(caller, subject.run if subject else None)
        if subject is None or who.verdict is Verdict.WRONG:
            return [who, seen_region, *clock, *files, *self._computer()]
        if isinstance(caller, Caller):
            subject = replace(subject, run=replace(subject.run, account=caller.account))
        left = self._limit - timedelta(seconds=self._clock.monotonic() - began)
        return self._of_subject(subject, caller, [who, seen_region, *clock], left)

    def _of_subject(
        self,
        subject: Subject,
        caller: Caller | AwsError,
        head: list[Finding],
        left: timedelta,
    ) -> list[Finding]:
        bound = Bound(self._cloud, self._clock, subject.run, left)
        known = caller if isinstance(caller, Caller) else None
        questions = {name: bound.question(ask) for name, ask in about(subject.run, known).items()}
        heard = self._asking({**questions, "plugins": self._plugins}, left)
        now = self._clock.now()
        answers, silent = self._without_the_silent(heard)
        for finding in silent:
            head = [finding, *(one for one in head if one.name != finding.name)]
        here = judging.nothing_here(subject, answers)
        if here is not None:
            head = [here if one.name == here.name else one for one in head]
            answers = judging.anywhere(answers)
        if subject.file is not None:
            head.append(monitor.monitor_file(subject, subject.file, now))
        store = self._memory.identity()
        of_run = judging.findings(subject, answers, self._settings, store, now)
        return [*head, *of_run, *of_computer(self._memory, heard)]

    def _caller(self, who_asks: Run) -> Caller | AwsError:
        limit = self._limit / _FIRST
        bound = Bound(self._cloud, self._clock, who_asks, limit)
        try:
            # Fetching the credentials may ask a person for a code, so it has its own time.
            bound.aws().identity.key_fingerprint()
        except AwsError as error:
            return error
        answers = self._asking({"caller": bound.question(lambda aws: aws.access.caller())}, limit)
        caller: Caller | AwsError = answers["caller"]
        return caller

    def _without_the_silent(self, heard: Answers) -> tuple[Answers, list[Finding]]:
        """The answers, and one finding for all questions that had none for one and the same reason.

        That is so where credentials run out in the middle, or the connection goes.
        """
        findings = []
        for kind in (Credentials, Unreachable):
            why = next((a for a in heard.values() if isinstance(a, kind)), None)
            if why is None:
                continue
            silent = [n for n, a in heard.items() if isinstance(a, kind) or _may_be_expiry(a)]
            findings.append(self._nobody_answers(why, silent))
            heard = {name: a for name, a in heard.items() if name not in silent}
        return heard, findings

    def _nobody_answers(self, error: AwsError, unasked: Sequence[str] = ()) -> Finding:
        if isinstance(error, Credentials):
            return credentials.refused(error, self._cloud.login_command(), unasked)
        rest = f" Not looked at because of that: {', '.join(unasked)}." if unasked else ""
        return unknown("aws", f"{sentence(error)}{rest}", "Look again when there is a connection.")

    def _region(self) -> str | Credentials | None:
        """The region that is set; Credentials where the profile that is named is none."""
        try:
            return self._cloud.region
        except Credentials as error:
            return error

    def _computer(self) -> list[Finding]:
        return of_computer(self._memory, self._asking({"plugins": self._plugins}, self._limit))

    def _subject(self, file: MonitorFile, path: Path, region: str) -> Subject:
        """The run of the file: the live one that it belongs to, or the one that it would be."""
        now = self._clock.now()
        fresh = draft(file, region, now)
        live = [one for one in self._memory.live_if_any() if one.region == region]
        known = [one for one in live if one.names == file.names and file.fleet_id in one.fleet_ids]
        if known:
            return self._memory.subject(known[0], now, path)
        others = [one for one in live if _in_the_way(one, fresh)]
        return Subject(run=fresh, file=path, others=others)


def _may_be_expiry(answer: object) -> bool:
    """HeadBucket has no body to tell why (Amazon S3 API Reference): 400 is all there is to see."""
    return isinstance(answer, Invalid) and answer.code == "400"


def _in_the_way(other: Run, fresh: Run) -> bool:
    """Whether the file would be refused because of that live run.

    The live run with the very same names is the one that gets the file's fleet as another one.
    """
    if other.names.app_name == fresh.names.app_name:
        return other.names != fresh.names
    return fresh.fleet_ids[0] in other.fleet_ids or other.names.queue == fresh.names.queue
