"""Sessions: AWS's own configuration, renewed on request, and never a secret in sight."""

import hashlib
import random
import threading
from datetime import timedelta
from pathlib import Path
from typing import Any

import botocore.session
import pytest

from dcp_engine.aws.cloud import BotoCloud
from dcp_engine.aws.session import Sessions
from dcp_engine.defaults import Settings
from dcp_engine.errors import Credentials, Invalid, Transient

TIMEOUT = timedelta(seconds=7)
SSO = """
[default]
region = eu-west-1
[profile lab]
sso_session = institute
sso_account_id = 123456789012
sso_role_name = Analyst
[profile old]
sso_start_url = https://example.awsapps.com/start
[profile analysis]
role_arn = arn:aws:iam::123456789012:role/analysis
source_profile = lab
[profile two words]
sso_session = institute
[profile web]
login_session = arn:aws:sts::123456789012:assumed-role/x/y
[profile keys]
region = us-east-1
[profile loop]
source_profile = pool
[profile pool]
source_profile = loop
"""


def sessions(
    profile: str | None = None,
    region: str | None = None,
    to_fetch: timedelta = timedelta(seconds=60),
) -> Sessions:
    return Sessions(profile, region, timeout=TIMEOUT, to_fetch=to_fetch)


def keys(monkeypatch: pytest.MonkeyPatch, key: str = "AKIAONE") -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", key)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "very-secret")


def test_clients_never_retry_by_themselves_and_time_out(
    aws_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    keys(monkeypatch)
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "9")
    config = sessions().client("sqs", "us-east-1").meta.config
    assert config.retries["total_max_attempts"] == 1
    assert (config.connect_timeout, config.read_timeout) == (7, 7)


def test_clients_are_kept_per_service_and_region_until_forgotten(
    aws_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    keys(monkeypatch)
    source = sessions()
    first = source.client("sqs", "us-east-1")
    assert source.client("sqs", "us-east-1") is first
    assert source.client("sqs", "eu-west-1") is not first
    source.forget()
    assert source.client("sqs", "us-east-1") is not first


def test_an_endpoint_in_the_environment_is_honoured(
    aws_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    keys(monkeypatch)
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    assert sessions().client("ecs", "us-east-1").meta.endpoint_url == "http://127.0.0.1:9"


def test_the_region_comes_from_flag_environment_or_profile(
    aws_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert sessions().region() is None
    (aws_home / "config").write_text(SSO)
    assert sessions().region() == "eu-west-1"
    assert sessions(profile="keys").region() == "us-east-1"
    monkeypatch.setenv("AWS_DEFAULT_REGION", "ap-south-1")
    assert sessions().region() == "ap-south-1"
    assert sessions(region="us-west-2").region() == "us-west-2"


def test_one_client_for_many_threads(aws_home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    keys(monkeypatch)
    source = sessions()
    found: list[Any] = []
    threads = [
        threading.Thread(target=lambda: found.append(source.client("sts", "us-east-1")))
        for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 8
    assert len(set(map(id, found))) == 1


def test_the_fingerprint_tells_keys_apart_and_nothing_about_them(
    aws_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    keys(monkeypatch)
    source = sessions()
    first = source.key_fingerprint()
    assert first == hashlib.sha256(b"AKIAONE").hexdigest()[:16]
    keys(monkeypatch, "AKIATWO")
    assert source.key_fingerprint() == first
    source.forget()
    assert source.key_fingerprint() != first


def test_no_credentials_is_said_at_once(aws_home: Path) -> None:
    with pytest.raises(Credentials, match="logs in"):
        sessions().key_fingerprint()


def test_half_the_credentials(aws_home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIAHALFAKIAHALFAKIA")
    with pytest.raises(Credentials) as caught:
        sessions().key_fingerprint()
    assert "AKIAHALF" not in str(caught.value)


def test_an_expired_login_is_a_matter_of_credentials(aws_home: Path) -> None:
    (aws_home / "config").write_text(
        "[profile lab]\nsso_start_url = https://example.awsapps.com/start\nsso_region = us-east-1\n"
        "sso_account_id = 123456789012\nsso_role_name = Analyst\n"
    )
    with pytest.raises(Credentials):
        sessions(profile="lab").key_fingerprint()


def test_credentials_that_never_come_end_the_waiting_and_block_nobody(
    aws_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    keys(monkeypatch)
    source = sessions(to_fetch=timedelta(milliseconds=50))
    asked, hangs = threading.Event(), threading.Event()

    def fetch(_: botocore.session.Session) -> None:
        if not asked.is_set():
            asked.set()
            hangs.wait(60)

    monkeypatch.setattr(botocore.session.Session, "get_credentials", fetch)
    try:
        with pytest.raises(Transient, match="credential_process"):
            source.key_fingerprint()
        assert source.client("sqs", "us-east-1") is not None
    finally:
        hangs.set()


@pytest.mark.parametrize(
    ("service", "method"),
    [
        ("sts", "assume_role"),
        ("sts", "assume_role_with_web_identity"),
        ("sso", "get_role_credentials"),
        ("sso-oidc", "create_token"),
        ("signin", "create_o_auth2_token"),
    ],
)
def test_what_botocore_calls_to_fetch_credentials_is_there(
    aws_home: Path, monkeypatch: pytest.MonkeyPatch, service: str, method: str
) -> None:
    keys(monkeypatch)
    session: Any = sessions(region="us-east-1")._current()
    assert callable(getattr(session.create_client(service), method))


@pytest.mark.parametrize("ask", ["region", "key_fingerprint"])
def test_a_profile_that_does_not_exist(aws_home: Path, ask: str) -> None:
    with pytest.raises(Credentials, match="ProfileNotFound"):
        getattr(sessions(profile="nobody"), ask)()


@pytest.mark.parametrize(
    ("profile", "command"),
    [
        ("lab", "aws sso login --profile lab"),
        ("old", "aws sso login --profile old"),
        ("analysis", "aws sso login --profile lab"),
        ("two words", "aws sso login --profile 'two words'"),
        ("web", "aws login --profile web"),
        ("keys", "aws configure --profile keys"),
        ("loop", "aws configure --profile loop"),
        ("nobody", "aws configure list-profiles   (and give one of them)"),
        (None, "aws configure"),
    ],
)
def test_the_command_that_renews_the_login(
    aws_home: Path, profile: str | None, command: str
) -> None:
    (aws_home / "config").write_text(SSO.replace("[profile two words]", '[profile "two words"]'))
    assert sessions(profile=profile).login_command() == command


def test_the_profile_in_the_environment_counts(
    aws_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (aws_home / "config").write_text(SSO)
    monkeypatch.setenv("AWS_PROFILE", "lab")
    assert sessions().login_command() == "aws sso login --profile lab"


def test_keys_in_the_environment_are_exported_anew(
    aws_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    keys(monkeypatch)
    command = sessions().login_command()
    assert command.startswith("export AWS_ACCESS_KEY_ID=")
    assert "AKIAONE" not in command
    assert "very-secret" not in command
    (aws_home / "config").write_text(SSO)
    assert sessions(profile="lab").login_command() == "aws sso login --profile lab"


def test_a_broken_configuration_still_gives_a_command(aws_home: Path) -> None:
    (aws_home / "config").write_text("no section\n")
    assert sessions().login_command() == "aws configure"


def cloud(profile: str | None = None, region: str | None = None) -> BotoCloud:
    return BotoCloud(
        profile=profile,
        region=region,
        settings=Settings(),
        clock=FixedClock(),
        rng=random.Random(1),
    )


class FixedClock:
    """Never moves."""

    def now(self) -> Any:
        raise AssertionError("nobody needs the time here")

    def monotonic(self) -> float:
        return 0.0

    def sleep(self, seconds: float) -> None:
        raise AssertionError("nobody waits here")


def test_a_cloud_is_built_without_looking_at_any_configuration(aws_home: Path) -> None:
    (aws_home / "config").write_text("no section\n")
    built = cloud(profile="nobody")
    assert built.login_command() == "aws configure --profile nobody"


def test_logging_in_meanwhile_is_noticed(
    bench: Any, aws_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    built = cloud(region="us-east-1")
    aws = built.bind(lambda: bench.run, lambda: (), deadline=60.0, guard=lambda: None)
    with pytest.raises(Credentials):
        aws.identity.key_fingerprint()
    keys(monkeypatch)
    built.forget_credentials()
    assert aws.identity.key_fingerprint() == hashlib.sha256(b"AKIAONE").hexdigest()[:16]


def test_the_runs_region_is_asked_not_the_configured_one(
    bench: Any, aws_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    keys(monkeypatch)
    built = cloud(region="eu-west-1")
    aws = built.bind(lambda: bench.run, lambda: (), deadline=60.0, guard=lambda: None)
    urls: list[str] = []

    def stop(request: Any, **_: Any) -> None:
        urls.append(request.url)
        raise Invalid("sqs:GetQueueUrl", "Stop", "far enough")

    client = built._sessions.client("sqs", bench.run.region)
    client.meta.events.register("before-send", stop)
    with pytest.raises(Invalid):
        aws.queue.look(None)
    assert urls == ["https://sqs.us-east-1.amazonaws.com/"]
    assert built.region == "eu-west-1"
