"""Every AWS operation the engine makes, declared in one table.

What is not declared here cannot be called: the gate, the retries and the list of permissions a
person has to grant are all derived from these declarations. OPERATIONS is what runs need.
"""

import msgspec


class Operation(msgspec.Struct, frozen=True, kw_only=True):
    """One operation of one service.

    `required` are the keys that AWS's answer always carries: without one of them the answer is
    not known (botocore parses an empty or foreign body to a dict with no keys). `permission` is
    the IAM action that allows it, None when everybody may. `token` is the paging token's key,
    called the same in the request and in the answer; None when the answer is one page. `purpose`
    tells apart two uses of one operation that are allowed at different times.

    A `dry` one is sent with DryRun: EC2 answers with an error that tells whether it would have
    been allowed, and does nothing (Amazon EC2 API Reference, "Common query parameters").
    """

    service: str
    name: str
    changes: bool = False
    required: tuple[str, ...] = ()
    permission: str | None
    token: str | None = None
    purpose: str = ""
    dry: bool = False

    @property
    def label(self) -> str:
        """The name people and logs use, like `sqs:GetQueueAttributes`."""
        return f"{self.service}:{self.name}"


def _read(
    service: str, name: str, *required: str, token: str | None = None, permission: str | None = None
) -> Operation:
    return Operation(
        service=service,
        name=name,
        required=required,
        permission=permission or f"{service}:{name}",
        token=token,
    )


def _change(service: str, name: str, *required: str, purpose: str = "") -> Operation:
    return Operation(
        service=service,
        name=name,
        changes=True,
        required=required,
        permission=f"{service}:{name}",
        purpose=purpose,
    )


def _dry(name: str) -> Operation:
    return Operation(
        service="ec2", name=name, permission=f"ec2:{name}", purpose="dry run", dry=True
    )


# AWS STS API Reference, GetCallerIdentity: "No permissions are required to perform this operation".
GET_CALLER_IDENTITY = Operation(
    service="sts", name="GetCallerIdentity", required=("Account",), permission=None
)

GET_QUEUE_URL = _read("sqs", "GetQueueUrl", "QueueUrl")
GET_QUEUE_ATTRIBUTES = _read("sqs", "GetQueueAttributes", "Attributes")
DELETE_QUEUE = _change("sqs", "DeleteQueue")

DESCRIBE_FLEETS = _read(
    "ec2", "DescribeSpotFleetRequests", "SpotFleetRequestConfigs", token="NextToken"
)
DESCRIBE_FLEET_INSTANCES = _read(
    "ec2", "DescribeSpotFleetInstances", "ActiveInstances", token="NextToken"
)
DESCRIBE_FLEET_HISTORY = _read(
    "ec2", "DescribeSpotFleetRequestHistory", "HistoryRecords", token="NextToken"
)
MODIFY_FLEET = _change("ec2", "ModifySpotFleetRequest", "Return")
CANCEL_FLEETS = _change("ec2", "CancelSpotFleetRequests")

DESCRIBE_INSTANCES = _read("ec2", "DescribeInstances", "Reservations", token="NextToken")
TERMINATE_INSTANCES = _change("ec2", "TerminateInstances", "TerminatingInstances")
END_UNJOINED = _change(
    "ec2", "TerminateInstances", "TerminatingInstances", purpose="a machine that never joined"
)
DESCRIBE_VOLUMES = _read("ec2", "DescribeVolumes", "Volumes", token="NextToken")
DESCRIBE_SPOT_PRICES = _read(
    "ec2", "DescribeSpotPriceHistory", "SpotPriceHistory", token="NextToken"
)
CREATE_TAGS = _change("ec2", "CreateTags")
LABEL_MACHINES = _change("ec2", "CreateTags", purpose="names of machines")
DELETE_TAGS = _change("ec2", "DeleteTags")

DESCRIBE_SERVICES = _read("ecs", "DescribeServices", "services")
UPDATE_SERVICE = _change("ecs", "UpdateService", "service")
DELETE_SERVICE = _change("ecs", "DeleteService", "service")
LIST_TASK_DEFINITIONS = _read("ecs", "ListTaskDefinitions", "taskDefinitionArns", token="nextToken")
DEREGISTER_TASK_DEFINITION = _change("ecs", "DeregisterTaskDefinition", "taskDefinition")
DESCRIBE_CLUSTERS = _read("ecs", "DescribeClusters", "clusters")
LIST_CONTAINER_INSTANCES = _read(
    "ecs", "ListContainerInstances", "containerInstanceArns", token="nextToken"
)
DESCRIBE_CONTAINER_INSTANCES = _read("ecs", "DescribeContainerInstances", "containerInstances")
DEREGISTER_CONTAINER_INSTANCE = _change("ecs", "DeregisterContainerInstance", "containerInstance")
DELETE_CLUSTER = _change("ecs", "DeleteCluster", "cluster")

DESCRIBE_ALARMS = _read("cloudwatch", "DescribeAlarms", "MetricAlarms", token="NextToken")
PUT_ALARM = _change("cloudwatch", "PutMetricAlarm")
DELETE_ALARMS = _change("cloudwatch", "DeleteAlarms")
GET_METRIC_DATA = _read("cloudwatch", "GetMetricData", "MetricDataResults", token="NextToken")
DISABLE_ALARM_ACTIONS = _change("cloudwatch", "DisableAlarmActions")
DELETE_DASHBOARDS = _change("cloudwatch", "DeleteDashboards")

DESCRIBE_LOG_GROUPS = _read("logs", "DescribeLogGroups", "logGroups", token="nextToken")
FILTER_LOG_EVENTS = _read("logs", "FilterLogEvents", "events", token="nextToken")
CREATE_EXPORT_TASK = _change("logs", "CreateExportTask", "taskId")
DESCRIBE_EXPORT_TASKS = _read("logs", "DescribeExportTasks", "exportTasks", token="nextToken")

# Amazon S3 API Reference, HeadObject: it needs s3:GetObject; its answer is headers only.
HEAD_OBJECT = _read("s3", "HeadObject", "LastModified", permission="s3:GetObject")
PUT_OBJECT = _change("s3", "PutObject", "ETag")
DELETE_OBJECT = _change("s3", "DeleteObject")

OPERATIONS: tuple[Operation, ...] = (
    GET_CALLER_IDENTITY,
    GET_QUEUE_URL,
    GET_QUEUE_ATTRIBUTES,
    DELETE_QUEUE,
    DESCRIBE_FLEETS,
    DESCRIBE_FLEET_INSTANCES,
    DESCRIBE_FLEET_HISTORY,
    MODIFY_FLEET,
    CANCEL_FLEETS,
    DESCRIBE_INSTANCES,
    TERMINATE_INSTANCES,
    END_UNJOINED,
    DESCRIBE_VOLUMES,
    DESCRIBE_SPOT_PRICES,
    CREATE_TAGS,
    LABEL_MACHINES,
    DELETE_TAGS,
    DESCRIBE_SERVICES,
    UPDATE_SERVICE,
    DELETE_SERVICE,
    LIST_TASK_DEFINITIONS,
    DEREGISTER_TASK_DEFINITION,
    DESCRIBE_CLUSTERS,
    LIST_CONTAINER_INSTANCES,
    DESCRIBE_CONTAINER_INSTANCES,
    DEREGISTER_CONTAINER_INSTANCE,
    DELETE_CLUSTER,
    DESCRIBE_ALARMS,
    PUT_ALARM,
    DELETE_ALARMS,
    GET_METRIC_DATA,
    DISABLE_ALARM_ACTIONS,
    DELETE_DASHBOARDS,
    DESCRIBE_LOG_GROUPS,
    FILTER_LOG_EVENTS,
    CREATE_EXPORT_TASK,
    DESCRIBE_EXPORT_TASKS,
    HEAD_OBJECT,
    PUT_OBJECT,
    DELETE_OBJECT,
)


# What only an examination by `dcp-engine doctor` asks; no run needs it.

# Amazon S3 API Reference, HeadBucket: it needs s3:ListBucket.
HEAD_BUCKET = _read("s3", "HeadBucket", permission="s3:ListBucket")
GET_BUCKET_POLICY = _read("s3", "GetBucketPolicy", "Policy")
# Amazon S3 API Reference, GetBucketEncryption.
GET_BUCKET_ENCRYPTION = _read(
    "s3",
    "GetBucketEncryption",
    "ServerSideEncryptionConfiguration",
    permission="s3:GetEncryptionConfiguration",
)
GET_DASHBOARD = _read("cloudwatch", "GetDashboard", "DashboardName")
GET_ROLE = _read("iam", "GetRole", "Role")
SIMULATE_POLICY = _read("iam", "SimulatePrincipalPolicy", "EvaluationResults", token="Marker")
DRY_DESCRIBE_FLEETS = _dry("DescribeSpotFleetRequests")
DRY_CANCEL_FLEETS = _dry("CancelSpotFleetRequests")
DRY_TERMINATE_INSTANCES = _dry("TerminateInstances")

EXAMINATION: tuple[Operation, ...] = (
    HEAD_BUCKET,
    GET_BUCKET_POLICY,
    GET_BUCKET_ENCRYPTION,
    GET_DASHBOARD,
    GET_ROLE,
    SIMULATE_POLICY,
    DRY_DESCRIBE_FLEETS,
    DRY_CANCEL_FLEETS,
    DRY_TERMINATE_INSTANCES,
)

EVERY_OPERATION: tuple[Operation, ...] = (*OPERATIONS, *EXAMINATION)
