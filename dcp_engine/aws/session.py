"""Sessions and clients, with botocore's own retries off.

They are botocore's: boto3 makes the same ones out of the same configuration, and adds resources
and transfers of files that nothing here uses, but every command would load.
"""

import hashlib
import os
import shlex
import threading
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import botocore.session
from botocore import exceptions as boto
from botocore.config import Config
from botocore.credentials import Credentials

from dcp_engine.aws.lean import make_lean
from dcp_engine.aws.one_write import write_at_once
from dcp_engine.aws.operations import GET_CALLER_IDENTITY
from dcp_engine.aws.plain_xml import LONG, PlainXml
from dcp_engine.aws.service_models import service_models
from dcp_engine.aws.taxonomy import translate
from dcp_engine.aws.time_limit import TimeIsUp, TimeLimit
from dcp_engine.aws.wire import check_body
from dcp_engine.errors import Transient


def plain_client(service: str, *, endpoint_url: str, region: str) -> Any:
    """A client for an emulator on this machine, with credentials that open nothing real.

    It is what the simulation's workers and launcher use; the engine never does.
    """
    import boto3  # noqa: PLC0415 - no command uses it

    session: Any = boto3.Session(
        aws_access_key_id="testing",
        aws_secret_access_key="testing",
        region_name=region,
    )
    config = Config(retries={"total_max_attempts": 1}, connect_timeout=5, read_timeout=30)
    return session.client(service, endpoint_url=endpoint_url, config=config)


_CONNECTIONS = 32
# A question for numbers has some sixty parts for each of thousands of machines, and botocore looks
# at each part before it sends them; CloudWatch says so, too, where one is wrong. Of the other
# services each request is looked at: to S3, one without a key would be about the whole bucket.
_MUCH_TO_CHECK = "cloudwatch"
# Fetching credentials may ask a person for the code of an MFA device, so they get longer than a
# call to AWS, and less than the deadline of a tick.
_TO_FETCH = timedelta(minutes=2)


class Sessions:
    """One session, built when it is first needed and again after `forget()`.

    Everything that AWS's own tools read is honoured: the AWS_* variables (AWS_ENDPOINT_URL
    included), ~/.aws/config and ~/.aws/credentials. Safe to use from several threads; building
    sessions and clients is not, which is why it happens under a lock (boto3 guide,
    "Multithreading or multiprocessing with clients").
    """

    def __init__(
        self,
        profile: str | None,
        region: str | None,
        *,
        timeout: timedelta,
        to_fetch: timedelta = _TO_FETCH,
        environ: Mapping[str, str] | None = None,
    ) -> None:
        """`timeout` holds for one try as a whole, and for connecting and each wait for data.

        `to_fetch` is the time for fetching the credentials, `environ` is for the hints.
        """
        self._profile = profile
        self._region = region
        self._environ = os.environ if environ is None else environ
        self._config = Config(
            retries={"total_max_attempts": 1},
            connect_timeout=timeout.total_seconds(),
            read_timeout=timeout.total_seconds(),
            # As many as `watch` looks at runs at once: a connection for which there is no room is
            # made anew for each call.
            max_pool_connections=_CONNECTIONS,
        )
        self._unchecked = self._config.merge(Config(parameter_validation=False))
        self._limit = TimeLimit(timeout)
        self._fetching = TimeLimit(to_fetch)
        self._lock = threading.RLock()
        self._session: botocore.session.Session | None = None
        self._lasting_key: str | None = None
        self._clients: dict[tuple[str, str | None], Any] = {}

    def client(self, service: str, region: str | None) -> Any:
        """The client of a service in a region, `None` for the configured one.

        Raises botocore's exceptions; `Edge` translates them.
        """
        with self._lock:
            key = service, region
            if key not in self._clients:
                session: Any = self._current()
                config = self._unchecked if service == _MUCH_TO_CHECK else self._config
                client = session.create_client(service, region_name=region, config=config)
                write_at_once(client)
                client.meta.events.register("before-parse", check_body)
                if service == LONG[0]:
                    # After that one: botocore calls those of a whole event last.
                    client.meta.events.register_last("before-parse", PlainXml())
                self._clients[key] = self._limit.around(client)
            return self._clients[key]

    def forget(self) -> None:
        """Build everything anew at the next use: somebody may have logged in meanwhile."""
        with self._lock:
            self._session = None
            self._lasting_key = None
            self._clients.clear()

    def region(self) -> str | None:
        """The configured region, if any. Raises Credentials when the profile does not exist."""
        try:
            with self._lock:
                region: str | None = self._current().get_config_variable("region")
                return region
        except boto.BotoCoreError as error:
            raise translate(GET_CALLER_IDENTITY, error) from None

    def key_fingerprint(self) -> str:
        """A one-way fingerprint of the access key id in use; refreshes temporary credentials.

        Raises Credentials when there are none, Transient when they could not be fetched.
        """
        try:
            with self._lock:
                session = self._current()
                key = self._lasting_key
            if key is None:
                key, lasts = self._fetching.run(GET_CALLER_IDENTITY, lambda: _access_key(session))
                with self._lock:
                    if lasts and session is self._session:
                        self._lasting_key = key
        except TimeIsUp:
            raise Transient(
                GET_CALLER_IDENTITY.label,
                "NoCredentialsYet",
                "what fetches the credentials (a credential_process, a login, or the instance's "
                "role) has not brought them in time",
            ) from None
        except Exception as error:  # noqa: BLE001 - credential providers raise anything
            raise translate(GET_CALLER_IDENTITY, error) from None
        return fingerprint(key)

    def login_command(self) -> str:
        """What to type to renew the credentials in use; never raises."""
        if self._no_such_profile():
            return "aws configure list-profiles   (and give one of them)"
        # botocore lets the key in the environment win unless a profile is named outright.
        if self._profile is None and self._environ.get("AWS_ACCESS_KEY_ID"):
            return (
                "export AWS_ACCESS_KEY_ID=… AWS_SECRET_ACCESS_KEY=… AWS_SESSION_TOKEN=…"
                "   (with fresh values; those in this environment are not accepted)"
            )
        try:
            session = botocore.session.Session(profile=self._profile)
            profiles, named = session.full_config.get("profiles", {}), session.profile
        except boto.BotoCoreError:
            profiles, named = {}, self._profile or self._environ.get("AWS_PROFILE")
        name, kind = _source(named or "default", profiles)
        option = "" if name == "default" else f" --profile {shlex.quote(name)}"
        return f"{kind}{option}"

    def _no_such_profile(self) -> bool:
        try:
            self._current()
        except boto.ProfileNotFound:
            return True
        except boto.BotoCoreError:
            return False
        return False

    def _current(self) -> botocore.session.Session:
        """Raises ProfileNotFound."""
        if self._session is None:
            session = botocore.session.Session(profile=self._profile)
            if self._region is not None:
                session.set_config_variable("region", self._region)
            models = service_models(session.get_config_variable("data_path"))
            session.register_component("data_loader", models)
            make_lean(session)
            self._session = session
        return self._session


def fingerprint(access_key_id: str) -> str:
    """What tells an access key from another one and does not give it away."""
    return hashlib.sha256(access_key_id.encode()).hexdigest()[:16]


def _access_key(session: botocore.session.Session) -> tuple[str, bool]:
    """The access key id, and whether it stays the same as long as the session.

    Credentials that are renewed are of a class of their own (botocore, RefreshableCredentials).
    """
    credentials = session.get_credentials()
    key = credentials.get_frozen_credentials().access_key if credentials else None
    if not key:
        raise boto.NoCredentialsError
    return key, type(credentials) is Credentials


def _source(name: str, profiles: Mapping[str, Any]) -> tuple[str, str]:
    """The profile where the credentials come from in the end, and the command that renews them."""
    seen: set[str] = set()
    while name not in seen:
        seen.add(name)
        profile = profiles.get(name, {})
        if any(key in profile for key in ("sso_session", "sso_start_url", "sso_account_id")):
            return name, "aws sso login"
        if "login_session" in profile:
            return name, "aws login"
        name = profile.get("source_profile", name)
    return name, "aws configure"
