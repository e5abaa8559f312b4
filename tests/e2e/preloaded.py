"""Everything that a command may load, loaded; nothing of it has begun to work."""

import pkgutil
from contextlib import ExitStack
from importlib import import_module
from typing import Any

import boto3

import dcp_engine
from dcp_engine.simulation.short_cuts import models_read_once

_NOT_OF_A_COMMAND = ("dcp_engine.simulation", "dcp_engine.testing", "dcp_engine.__main__")
_SERVICES = ("sqs", "ec2", "ecs", "cloudwatch", "logs", "s3", "sts", "iam")

for _module in pkgutil.walk_packages(dcp_engine.__path__, "dcp_engine."):
    if not _module.name.startswith(_NOT_OF_A_COMMAND):
        import_module(_module.name)
for _name in ("sqlite_utils", "rich.text"):
    import_module(_name)

# What botocore knows of the services is read here, once for all who are forked.
_for_good = ExitStack()
_for_good.enter_context(models_read_once())
_session: Any = boto3.Session("testing", "testing", region_name="us-east-1")
for _service in _SERVICES:
    _session.client(_service)
