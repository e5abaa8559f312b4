"""Keeps a person's own AWS out of a rehearsal: credentials, profiles, proxies, settings."""

import contextlib
import os
from collections.abc import Iterator, Mapping

_PREFIXES = ("AWS_", "DCP_ENGINE_", "MOTO_")
_NAMES = frozenset({"boto_config", "http_proxy", "https_proxy", "all_proxy"})


def without_own_aws(environ: Mapping[str, str]) -> dict[str, str]:
    """The variables without those that lead to an AWS account, or to settings of dcp-engine.

    Proxies go too: what is on this machine is not reached through one.
    """
    return {
        name: value
        for name, value in environ.items()
        if not name.startswith(_PREFIXES) and name.lower() not in _NAMES
    }


@contextlib.contextmanager
def no_own_aws() -> Iterator[None]:
    """Have this process see nobody's AWS until the block ends, moto and boto3 included.

    boto3 and moto read the process's environment and the files in the home directory wherever
    they like, so the environment itself is changed, and put back.
    """
    before = dict(os.environ)
    clean = without_own_aws(before)
    clean["AWS_CONFIG_FILE"] = clean["AWS_SHARED_CREDENTIALS_FILE"] = os.devnull
    clean["AWS_EC2_METADATA_DISABLED"] = "true"
    _become(clean)
    try:
        yield
    finally:
        _become(before)


def _become(environ: Mapping[str, str]) -> None:
    for name in set(os.environ) - set(environ):
        del os.environ[name]
    os.environ.update(environ)
