"""SQS where moto is quicker, or more exact, than AWS.

Source: SQS API reference, DeleteQueue (up to 60 seconds; 60 seconds before the name may return)
and GetQueueAttributes (counts are approximate).
"""

from collections.abc import Mapping
from typing import Any

from dcp_engine.simulation.call import Call, Handler
from dcp_engine.simulation.queues import sent_at
from dcp_engine.simulation.service_error import AwsError


def _name(call: Call) -> str:
    return str(call.params["QueueUrl"]).rpartition("/")[2]


def create_queue(call: Call) -> dict[str, Any]:
    """Refused for a name that was deleted less than a minute ago."""
    if call.world.queues.held(call.region, call.params["QueueName"]):
        raise AwsError(
            "QueueDeletedRecently",
            "You must wait 60 seconds after deleting a queue before you can create another with "
            "the same name.",
        )
    answer = call.moto()
    call.world.queues.created(call.region, call.params["QueueName"])
    return answer


def delete_queue(call: Call) -> dict[str, Any]:
    """Takes effect later; until then the queue answers."""
    name = _name(call)
    if name not in call.backend().queues:
        raise AwsError("QueueDoesNotExist", "The specified queue does not exist.")
    call.world.queues.delete(call.region, name)
    return {}


def get_queue_attributes(call: Call) -> dict[str, Any]:
    """moto's counts, unless a test has bent the next reading; dates in whole seconds."""
    attributes = _attributes(call)
    for name in ("CreatedTimestamp", "LastModifiedTimestamp"):
        if name in attributes:
            attributes[name] = str(int(float(attributes[name])))
    for name, value in call.world.queues.next_bent_reading(_name(call)).items():
        if name in attributes:
            attributes[name] = value
    return {"Attributes": attributes} if attributes else {}


def _attributes(call: Call) -> dict[str, str]:
    """What is asked for of what moto knows.

    moto works all of a queue's attributes out anew, message by message, several times for each
    one that is asked for; once will do.
    """
    wanted = set(call.params.get("AttributeNames", []))
    queue = call.backend().queues.get(_name(call))
    known = {} if queue is None else queue.attributes
    if queue is None or not wanted <= {"All", *known}:
        return dict(call.moto().get("Attributes", {}))
    return {
        name: str(value)
        for name, value in known.items()
        if value is not None and (name in wanted or "All" in wanted)
    }


def send_message(call: Call) -> dict[str, Any]:
    """As moto does it; counted."""
    answer = call.moto()
    call.world.queues.sent(call.region, _name(call))
    return answer


def send_message_batch(call: Call) -> dict[str, Any]:
    """As moto does it; counted."""
    answer = call.moto()
    call.world.queues.sent(call.region, _name(call), len(answer.get("Successful", [])))
    return answer


def receive_message(call: Call) -> dict[str, Any]:
    """Never waits: a long poll would hold up the whole simulated world."""
    answer = call.moto(WaitTimeSeconds=0)
    call.world.queues.received(call.region, _name(call), len(answer.get("Messages", [])))
    return answer


def delete_message(call: Call) -> dict[str, Any]:
    """As moto does it; counted."""
    queue = call.backend().queues.get(_name(call))
    before = [] if queue is None else list(queue._messages)
    answer = call.moto()
    left = set() if queue is None else {id(each) for each in queue._messages}
    for message in before:
        if id(message) not in left:
            call.world.queues.deleted(call.region, _name(call), sent_at(message))
    return answer


OPERATIONS: Mapping[str, Handler] = {
    "sqs:CreateQueue": create_queue,
    "sqs:DeleteQueue": delete_queue,
    "sqs:GetQueueAttributes": get_queue_attributes,
    "sqs:SendMessage": send_message,
    "sqs:SendMessageBatch": send_message_batch,
    "sqs:ReceiveMessage": receive_message,
    "sqs:DeleteMessage": delete_message,
}
