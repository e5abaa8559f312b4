"""Asking many things at once: none waits for another, and none can keep the answers of others."""

import threading
from collections.abc import Callable, Mapping
from concurrent.futures import Future, wait
from datetime import timedelta
from typing import Any

from dcp_engine.errors import AwsError, OutOfTime

Question = Callable[[], object]
Answers = Mapping[str, Any]
"""By the question's name: what it returned, or the AwsError that it raised."""

Asking = Callable[[Mapping[str, Question], timedelta], Answers]
"""How questions are asked within a limit of time."""

Asked = Mapping[str, "Future[object]"]


def _for_as_long(asked: Asked, limit: timedelta) -> None:
    wait(asked.values(), limit.total_seconds())


def side_by_side(
    questions: Mapping[str, Question],
    limit: timedelta,
    waiting: Callable[[Asked, timedelta], None] = _for_as_long,
) -> Answers:
    """Each question in a thread of its own; whose answer is not there in time is OutOfTime.

    Python cannot end a thread, so what does not come back is left behind, and ends with the process
    at the latest. `waiting` lets the time pass. Raises what a question raises that is no AwsError:
    that is a defect of ours.
    """
    asked: dict[str, Future[object]] = {name: Future() for name in questions}
    for name, question in questions.items():
        threading.Thread(target=_answer, args=(question, asked[name]), daemon=True).start()
    waiting(asked, limit)
    return {
        name: future.result() if future.done() else OutOfTime(name, "OutOfTime", "no answer came")
        for name, future in asked.items()
    }


def one_after_another(questions: Mapping[str, Question], limit: timedelta) -> Answers:
    """Each question in its turn; for a clock that the questions themselves move."""
    return {name: _heard(question) for name, question in questions.items()}


def _heard(question: Question) -> object:
    try:
        return question()
    except AwsError as error:
        return error


def _answer(question: Question, future: "Future[object]") -> None:
    try:
        future.set_result(_heard(question))
    except BaseException as error:  # noqa: BLE001 - raised again where the answers are read
        future.set_exception(error)
