"""What CloudWatch has measured (Amazon CloudWatch API Reference, GetMetricData)."""

from datetime import timedelta

from dcp_engine.aws import operations as op
from dcp_engine.ports import MetricQuery
from dcp_engine.series import start_of
from tests.contract.calls import calls
from tests.contract.scene import Scene

FIVE_MINUTES = timedelta(minutes=5)


@calls(op.GET_METRIC_DATA)
def test_what_was_put_is_summed_up_by_whole_periods(scene: Scene) -> None:
    namespace = f"Lab/{scene.names.app_name}"
    end = start_of(scene.backend.now(), FIVE_MINUTES) - FIVE_MINUTES
    for minutes, value in ((1, 5.0), (6, 1.0), (7, 2.0)):
        scene.client("cloudwatch").put_metric_data(
            Namespace=namespace,
            MetricData=[
                {
                    "MetricName": "Done",
                    "Dimensions": [{"Name": "Of", "Value": "us"}],
                    "Timestamp": end - timedelta(minutes=minutes),
                    "Value": value,
                }
            ],
        )
    ours = MetricQuery(
        namespace=namespace, metric="Done", dimensions=(("Of", "us"),), statistic="Sum"
    )
    theirs = MetricQuery(namespace=namespace, metric="Done", dimensions=(("Of", "them"),))
    odd = timedelta(seconds=100)
    found = scene.aws.metrics.data([ours, theirs], end - 2 * FIVE_MINUTES, end + odd, FIVE_MINUTES)
    assert found == {
        ours: ((end - 2 * FIVE_MINUTES, 3.0), (end - FIVE_MINUTES, 5.0)),
        theirs: (),
    }
