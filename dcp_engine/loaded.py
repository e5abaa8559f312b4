"""The settings as they were read from all their places, and what else stands beside them."""

from collections.abc import Mapping
from pathlib import Path

import msgspec

from dcp_engine.defaults import Settings


class Selection(msgspec.Struct, frozen=True, kw_only=True):
    """Which plugins a person wants, and what was said of each.

    `only` names installed plugins and paths of files, None means every installed one; `disabled`
    are left out whatever they are. `tables` are by plugin, from the file `config`.
    """

    only: tuple[str, ...] | None = None
    disabled: tuple[str, ...] = ()
    tables: Mapping[str, Mapping[str, object]] = {}
    config: Path | None = None


class Loaded(msgspec.Struct, frozen=True, kw_only=True):
    """The settings, and what else the file says; None where it is silent.

    `db` is where the database is, `region` and `profile` are AWS's. Flags and variables for these
    three are the command line's business and go before the file.
    """

    settings: Settings = Settings()
    db: Path | None = None
    region: str | None = None
    profile: str | None = None
    plugins: Selection = Selection()
