"""Telling events: which, to whom, where, and none of them twice where that can be known."""

import logging
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

from dcp_engine.model import Event, Run
from dcp_engine_slack import message, topics
from dcp_engine_slack.connection import Bot, Webhook
from dcp_engine_slack.errors import NotSent, TooMany
from dcp_engine_slack.patience import Patience
from dcp_engine_slack.readiness import NO_THREADS, lacking
from dcp_engine_slack.thread import GONE, Thread, find, metadata

if TYPE_CHECKING:
    from dcp_engine_slack.settings import Options


class Teller:
    """Tells events through one set of options. What it remembers, Slack could tell it again."""

    def __init__(
        self,
        options: "Options",
        *,
        now: Callable[[], float],
        sleep: Callable[[float], None],
    ) -> None:
        """`now` is a monotonic clock in seconds."""
        self._options = options
        self._now = now
        self._sleep = sleep
        self._webhook = Webhook(options.webhook_url) if options.webhook_url else None
        self._bot = Bot(options.token, options.channel, options.api_url) if options.token else None
        self._threads: dict[str, Thread] = {}
        self._not_before = now()
        self._said_no_threads = False

    def tell(self, run: Run, event: Event) -> None:
        """Post a message if the event matters. Raises NotSent."""
        topic = topics.topic_of(event)
        if topic != topics.TEST and topic not in self._options.events:
            return
        if (left := self._not_before - self._now()) > 0:
            raise TooMany(left)
        try:
            if self._webhook:
                body = message.body(run, event, self._mention(run, event))
                self._webhook.post(body, self._patience())
            elif self._bot:
                self._tell_in_thread(self._bot, run, event)
        except TooMany as error:
            self._not_before = self._now() + error.retry_after
            raise

    def lacking(self) -> Iterable[str]:
        """What is missing, in words. A webhook answers no questions."""
        return lacking(self._bot, self._patience()) if self._bot else ()

    def _tell_in_thread(self, bot: Bot, run: Run, event: Event) -> None:
        patience = self._patience()
        thread = self._threads.get(run.id) or find(bot, run, patience)
        if topics.topic_of(event) == topics.TEST:
            # Whoever asked for it looks at the channel, and not into the thread of an earlier one.
            self._post(bot, run, event, Thread(told=set(), unseen=thread.unseen), patience)
            return
        self._threads[run.id] = thread
        if event.id in thread.told:
            return
        try:
            ts = self._post(bot, run, event, thread, patience)
        except NotSent as error:
            if not (thread.unseen or isinstance(error, TooMany)):
                # It may have arrived all the same: Slack is asked before it is sent again.
                del self._threads[run.id]
            raise
        thread.ts = thread.ts or ts or None
        thread.told.add(event.id)

    def _post(self, bot: Bot, run: Run, event: Event, thread: Thread, patience: Patience) -> str:
        mention = self._mention(run, event)
        body: dict[str, Any] = {
            **message.body(run, event, mention, remark=self._remark(event, thread)),
            "metadata": metadata(run.id, event.id),
            "parse": "none",
            "link_names": False,
        }
        if thread.ts is None:
            return bot.post(body, patience)
        # Who does not follow the thread hears of it too.
        loud = (
            mention is not None
            or topics.topic_of(event) == topics.EXPORTED
            or topics.needs_person(run, event)
        )
        try:
            return bot.post({**body, "thread_ts": thread.ts, "reply_broadcast": loud}, patience)
        except NotSent as error:
            if error.code not in GONE:
                raise
            thread.ts = None
            return bot.post(body, patience)

    def _remark(self, event: Event, thread: Thread) -> str:
        """What is lacking, once in the log and once in a run's first message."""
        if not thread.unseen:
            return ""
        if not self._said_no_threads:
            self._said_no_threads = True
            logging.getLogger(__name__).warning("%s", NO_THREADS)
        return NO_THREADS if topics.topic_of(event) in {topics.REGISTERED, topics.TEST} else ""

    def _mention(self, run: Run, event: Event) -> str | None:
        wanted = self._options.called_on
        asked_for = topics.topic_of(event) in wanted or (
            topics.NEEDS_PERSON in wanted and topics.needs_person(run, event)
        )
        return self._options.called if asked_for else None

    def _patience(self) -> Patience:
        return Patience(self._now, self._sleep)
