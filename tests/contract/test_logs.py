"""Log groups and exports (Amazon CloudWatch Logs API Reference: the operations that are named)."""

from datetime import timedelta

import pytest

from dcp_engine.aws import operations as op
from dcp_engine.errors import Busy, Missing
from dcp_engine.simulation.launch import make_bucket
from tests.contract.backends import OnSimulation
from tests.contract.calls import calls
from tests.contract.scene import Scene


@calls(op.DESCRIBE_LOG_GROUPS)
def test_a_group_is_there_under_exactly_its_name(scene: Scene) -> None:
    logs, group = scene.client("logs"), scene.names.log_group
    assert not scene.aws.logs.group_seen_at(group)
    for similar in (f"{group}0", f"{group}_perInstance", group.upper(), f"a{group}"):
        logs.create_log_group(logGroupName=similar)
    assert not scene.aws.logs.group_seen_at(group)
    logs.create_log_group(logGroupName=group)
    assert scene.aws.logs.group_seen_at(group)
    logs.delete_log_group(logGroupName=group)
    assert not scene.aws.logs.group_seen_at(group)


@calls(op.DESCRIBE_LOG_GROUPS)
def test_a_group_is_found_behind_more_than_one_page_of_similar_ones(scene: Scene) -> None:
    logs, group = scene.client("logs"), scene.names.log_group
    for number in range(103):
        logs.create_log_group(logGroupName=f"{group}{number:03}")
    # The last by the alphabet, and the last to be made.
    assert scene.aws.logs.group_seen_at(f"{group}102")
    assert not scene.aws.logs.group_seen_at(group)
    assert scene.aws.logs.groups_seen_at([f"{group}102", group]).keys() == {f"{group}102"}


@calls(op.CREATE_EXPORT_TASK, op.DESCRIBE_EXPORT_TASKS)
def test_an_export_is_known_by_what_it_was_asked_for(scene: Scene) -> None:
    assert isinstance(scene.backend, OnSimulation)
    group, start, end = scene.names.log_group, scene.run.earliest_start, scene.backend.now()
    make_bucket(scene.backend.simulated, scene.names.bucket)
    prefix = f"exportedlogs/{group}"
    with pytest.raises(Missing):
        scene.aws.logs.start_export(group, start, end, prefix)
    for each in scene.names.log_groups:
        scene.client("logs").create_log_group(logGroupName=each)
    assert scene.aws.logs.find_export(group, start, end, prefix) is None
    task_id = scene.aws.logs.start_export(group, start, end, prefix)
    other = scene.names.log_groups[1]
    with pytest.raises(Busy):
        scene.aws.logs.start_export(other, start, end, f"exportedlogs/{other}")
    scene.backend.wait(300)
    facts = scene.aws.logs.export(task_id)
    assert facts is not None
    assert (facts.status, facts.group, facts.prefix) == ("COMPLETED", group, prefix)
    # Times are told in milliseconds.
    assert abs(facts.start - start) < timedelta(milliseconds=1)
    assert scene.aws.logs.find_export(group, start, end, prefix) == facts
    assert scene.aws.logs.find_export(group, start, end + timedelta(1), prefix) is None
    assert scene.aws.logs.export("00000000-0000-4000-8000-000000000000") is None


@calls(op.FILTER_LOG_EVENTS)
def test_lines_are_found_by_their_words_and_moments(scene: Scene) -> None:
    logs, group = scene.client("logs"), scene.names.log_groups[1]
    now = scene.backend.now().replace(microsecond=0)
    span = now - timedelta(minutes=10), now
    with pytest.raises(Missing):
        scene.aws.logs.search(group, '"High disk"', *span, most=5)
    logs.create_log_group(logGroupName=group)
    warning = "WARNING:__main__:WARNING: High disk usage."
    lines = {
        "a": ((20, warning), (5, warning), (5, "INFO: Root disk usage 20%.")),
        "b": ((9, warning),),
    }
    for stream, said in lines.items():
        logs.create_log_stream(logGroupName=group, logStreamName=stream)
        for minutes, text in said:
            at = int((now - timedelta(minutes=minutes)).timestamp() * 1000)
            events = [{"timestamp": at, "message": text}]
            logs.put_log_events(logGroupName=group, logStreamName=stream, logEvents=events)
    found = scene.aws.logs.search(group, '"High disk usage"', *span, most=5)
    assert [(line.stream, now - line.at, line.text) for line in found] == [
        ("b", timedelta(minutes=9), warning),
        ("a", timedelta(minutes=5), warning),
    ]
    assert scene.aws.logs.search(group, '"High disk usage"', *span, most=1) == found[:1]
    assert scene.aws.logs.search(group, '"High memory usage"', *span, most=5) == ()
