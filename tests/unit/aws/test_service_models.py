"""A service's models are found as by botocore's own loader, without looking at all the others."""

import json
import os
from pathlib import Path

import pytest
from botocore.exceptions import UnknownServiceError
from botocore.loaders import Loader, create_loader

from dcp_engine.aws.operations import EVERY_OPERATION
from dcp_engine.aws.service_models import service_models

SERVICES = sorted({each.service for each in EVERY_OPERATION} | {"sso", "sso-oidc"})


@pytest.mark.parametrize("kind", ["service-2", "endpoint-rule-set-1"])
@pytest.mark.parametrize("service", SERVICES)
def test_a_model_is_the_same(service: str, kind: str) -> None:
    ours, usual = service_models(None), create_loader()
    assert ours.load_service_model(service, kind) == usual.load_service_model(service, kind)


def test_no_other_service_is_looked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    looked: list[str] = []
    listdir = os.listdir

    def heard(path: str) -> list[str]:
        looked.append(Path(path).name)
        return listdir(path)

    monkeypatch.setattr(os, "listdir", heard)
    service_models(None).load_service_model("sqs", "service-2")
    assert looked == ["sqs"]


def test_a_service_that_does_not_exist_is_named_along_with_those_that_do() -> None:
    with pytest.raises(UnknownServiceError, match=r"'sqss'.*, sqs, "):
        service_models(None).load_service_model("sqss", "service-2")


def test_the_list_of_services_is_whole() -> None:
    assert list(service_models(None).list_available_services("service-2")) == (
        create_loader().list_available_services("service-2")
    )


def test_a_folder_of_models_that_a_person_named_goes_first(tmp_path: Path) -> None:
    folder = tmp_path / "sqs" / "2999-01-01"
    folder.mkdir(parents=True)
    (folder / "service-2.json").write_text(json.dumps({"metadata": {"theirs": True}}))
    found: Loader = service_models(str(tmp_path))
    assert found.load_service_model("sqs", "service-2")["metadata"]["theirs"]
    assert found.search_paths == create_loader(str(tmp_path)).search_paths
