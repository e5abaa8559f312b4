"""What of botocore's models and parsers the engine needs: the rest of them costs time.

EC2's model has 700 operations, of which the engine calls a dozen, and an instance has 60 members,
of which it reads nine. Building the others takes as long as reading the whole model does, and
parsing them, for thousands of machines, is most of the CPU of a look at them. What is left out is
not asked for; what is kept is botocore's own, and means what it meant.
"""

from collections.abc import Mapping
from contextlib import suppress
from datetime import datetime
from typing import Any, Final

from botocore.session import Session
from botocore.utils import parse_timestamp

from dcp_engine.aws.operations import EVERY_OPERATION

READ: Final[Mapping[tuple[str, str], frozenset[str]]] = {
    ("ec2", "Instance"): frozenset(
        {
            "InstanceId",
            "State",
            "Tags",
            "InstanceType",
            "LaunchTime",
            "Placement",
            "BlockDeviceMappings",
            "StateReason",
            "StateTransitionReason",
        }
    ),
    ("ec2", "InstanceBlockDeviceMapping"): frozenset({"Ebs"}),
    ("ec2", "EbsInstanceBlockDevice"): frozenset({"VolumeId"}),
    ("ec2", "InstanceState"): frozenset({"Name"}),
    ("ec2", "Placement"): frozenset({"AvailabilityZone"}),
    ("ec2", "Reservation"): frozenset({"Instances"}),
    ("ec2", "StateReason"): frozenset({"Message"}),
}
"""The members that are read of a shape in an answer: (service, shape) → names.

Only of shapes that come by the thousand, and that are in answers alone: in a request a member that
the model does not have is refused.
"""

# botocore asks these itself, by clients of the same session, when it fetches the credentials of a
# role, or of a login by IAM Identity Center or in the console (its credentials.py and tokens.py).
_ASKED_FOR_CREDENTIALS: Final = frozenset({"signin", "sso", "sso-oidc", "sts"})


def make_lean(session: Session) -> None:
    """Have the session's clients made with what is used, and moments read by Python's own parser.

    The loader of models and the parser of moments are components of a session that may be set.
    """
    session.register_component("data_loader", LeanModels(session.get_component("data_loader")))
    factory: Any = session.get_component("response_parser_factory")
    factory.set_parser_defaults(timestamp_parser=moment)


def moment(value: Any) -> Any:
    """The moment in a part of an answer; what is no plain ISO 8601 is left to botocore."""
    if isinstance(value, str) and value[10:11] == "T":
        with suppress(ValueError):
            found = datetime.fromisoformat(value)
            if found.tzinfo is not None:
                return found
    return parse_timestamp(value)


class LeanModels:
    """botocore's loader of models, with what is not used taken out of each service's."""

    def __init__(self, loader: Any) -> None:
        self._loader = loader

    def __getattr__(self, name: str) -> Any:
        return getattr(self._loader, name)

    def load_service_model(
        self, service_name: str, type_name: str, api_version: str | None = None
    ) -> Any:
        """The same as the loader's, which remembers the whole one: this is a copy of its own."""
        model = self._loader.load_service_model(service_name, type_name, api_version=api_version)
        if type_name != "service-2" or service_name in _ASKED_FOR_CREDENTIALS:
            return model
        used = {each.name for each in EVERY_OPERATION if each.service == service_name}
        read = {name: kept for (service, name), kept in READ.items() if service == service_name}
        return {
            **model,
            "operations": {n: each for n, each in model["operations"].items() if n in used},
            "shapes": model["shapes"] | {n: _only(model["shapes"][n], read[n]) for n in read},
        }


def _only(shape: Mapping[str, Any], members: frozenset[str]) -> dict[str, Any]:
    kept = {name: what for name, what in shape["members"].items() if name in members}
    return {**shape, "members": kept}
