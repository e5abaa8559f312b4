"""Settings: defaults, overridden by the file, by DCP_ENGINE_* variables, by flags, in that order.

Everything that is wrong, wherever it stands, is said at once, with its place and what to write.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

import msgspec

from dcp_engine.crash import CRASH_VARIABLE
from dcp_engine.defaults import Settings
from dcp_engine.durations import format_duration, needs_unit, parse_duration
from dcp_engine.errors import BadInput
from dcp_engine.loaded import Loaded, Selection
from dcp_engine.selection import PLUGINS_VARIABLE, Choice, name_of, names_in, names_of
from dcp_engine.setting_rules import RULES, Rule
from dcp_engine.text_input import kind, line, nearest, quoted, read_text, shown, yes_or_no

__all__ = [
    "Described",
    "Loaded",
    "Selection",
    "describe",
    "format_duration",
    "load",
    "parse_duration",
]

PREFIX = "DCP_ENGINE_"
CONFIG_VARIABLE = "DCP_ENGINE_CONFIG"
RESERVED_VARIABLES = frozenset({CONFIG_VARIABLE, "DCP_ENGINE_DB", PLUGINS_VARIABLE, CRASH_VARIABLE})
"""Variables with the prefix that are not settings."""

_TO_START = timedelta(minutes=5)
_FILE_ONLY = ("db", "region", "profile")
_PLUGIN_LISTS = ("plugins", "disable")
_OF_A_PLUGIN = " (a plugin's variable is an error where that plugin is not installed)"


class Described(msgspec.Struct, frozen=True, kw_only=True):
    """A setting for a person: what it is called everywhere, what it does, what it may be."""

    name: str
    default: str
    allowed: str
    meaning: str
    flag: str
    variable: str


def load(
    *,
    flags: Mapping[str, object],
    environ: Mapping[str, str],
    config: Path | None = None,
    installed: Callable[[], Iterable[str]] = tuple,
) -> Loaded:
    """Settings from all their places.

    `flags` are by setting name, None for a flag that was not given; an empty variable counts as
    not set. `config` is the file to read, else DCP_ENGINE_CONFIG names it, else it is
    `dcp-engine/config.toml` in the user's configuration directory, if there is one. `installed`
    gives the names of the installed plugins, whose variables are none of ours; it is asked only
    where there is such a variable.

    Raises BadInput with everything that is wrong.
    """
    gathered = _Gathered(installed)
    path = _config_path(config, environ)
    if path:
        gathered.take_file(path)
    gathered.take_variables(environ)
    gathered.take_flags(flags)
    settings = gathered.settings()
    if gathered.complaints:
        raise BadInput(
            "These settings cannot be used. Nothing was started, and nothing in AWS was changed; "
            "runs that another process drives go on, and their machines are billed.",
            gathered.complaints,
        )
    return Loaded(settings=settings, plugins=gathered.plugins.selection(path), **gathered.beside)


def describe() -> tuple[Described, ...]:
    """Every setting, in the order in which people are shown them."""
    defaults = Settings()
    return tuple(
        Described(
            name=name,
            default=_written(getattr(defaults, name)),
            allowed=_allowed(rule),
            meaning=rule.meaning,
            flag=_flag(name),
            variable=_variable(name),
        )
        for name, rule in RULES.items()
    )


def of_plugins(environ: Mapping[str, str]) -> dict[str, str]:
    """The variables that may be a plugin's: `DCP_ENGINE_CHEAPEST_AFTER` is none of `cheapest`'s."""
    ours = {*map(_variable, RULES), *RESERVED_VARIABLES}
    return {name: text for name, text in environ.items() if name not in ours}


class _Gathered:
    """What has been said so far, where, and what is wrong with it."""

    def __init__(self, installed: Callable[[], Iterable[str]]) -> None:
        self.complaints: list[str] = []
        self.plugins = Choice(installed)
        self.beside: dict[str, Any] = {}
        self._values: dict[str, Any] = {}
        self._places: dict[str, str] = {}
        self._broken: set[str] = set()

    def take_file(self, path: Path) -> None:
        """Take over the file's settings, and what else it says into `beside`."""
        try:
            import tomllib  # noqa: PLC0415 - slow, and only where there is a file

            table = tomllib.loads(read_text(path))
        except BadInput as error:
            self.complaints.append(f"the configuration file: {error.what}")
            return
        except (ValueError, RecursionError) as error:
            self.complaints.append(f"{shown(path)} is not TOML: {error}")
            return
        for key, value in table.items():
            place = f"{shown(key)} in {shown(path)}"
            if key in RULES:
                self._take(key, value, place)
            elif key in _FILE_ONLY:
                self._take_beside(key, value, place, path)
            elif key in _PLUGIN_LISTS:
                self._take_names(key, value, place, path)
            elif isinstance(value, dict):
                self.plugins.tables[key] = value
            else:
                self._unknown(place, key, (*RULES, *_FILE_ONLY, *_PLUGIN_LISTS))

    def take_variables(self, environ: Mapping[str, str]) -> None:
        """Take over the settings of the environment."""
        settings = {_variable(name): name for name in RULES}
        if PLUGINS_VARIABLE in environ:
            try:
                self.plugins.only = names_of(environ[PLUGINS_VARIABLE])
            except BadInput as error:
                self.complaints.append(f"{PLUGINS_VARIABLE}: {error.what}")
        for variable in sorted(environ):
            if not variable.startswith(PREFIX) or variable in RESERVED_VARIABLES:
                continue
            if variable not in settings and self.plugins.has(variable):
                continue
            if variable not in settings:
                names = (*settings, *RESERVED_VARIABLES)
                self._unknown(shown(variable), variable, names, alike=PREFIX, more=_OF_A_PLUGIN)
            elif environ[variable]:
                self._take(settings[variable], environ[variable], variable)

    def take_flags(self, flags: Mapping[str, object]) -> None:
        """Take over the settings of the command line."""
        for name, value in flags.items():
            if value is None:
                continue
            if name in RULES:
                self._take(name, value, _flag(name))
            else:
                self._unknown(shown(_flag(name)), _flag(name), map(_flag, RULES))

    def settings(self) -> Settings:
        """The settings, once those that depend on one another were compared."""
        settings = Settings(**self._values)
        if not self._broken & {"request_timeout", "tick_deadline"} and (
            settings.request_timeout >= settings.tick_deadline
        ):
            self.complaints.append(
                f"{self._said('request_timeout', settings)} must be shorter than "
                f"{self._said('tick_deadline', settings)}: one silent call to AWS would use up "
                "the whole tick"
            )
        if not self._broken & {"lease_ttl", "tick_deadline"} and (
            settings.lease_ttl <= settings.tick_deadline
        ):
            self.complaints.append(
                f"{self._said('lease_ttl', settings)} must be longer than "
                f"{self._said('tick_deadline', settings)}: a second driver could take the run "
                "over in the middle of a tick"
            )
        if (
            not self._broken & {"end_unjoined", "join_grace"}
            and settings.end_unjoined
            and settings.join_grace < _TO_START
        ):
            self.complaints.append(
                f"{self._said('join_grace', settings)} must be at least "
                f"{format_duration(_TO_START)} where end_unjoined is set: machines take minutes to "
                "start, and would be ended before they could join the cluster"
            )
        return settings

    def _take(self, name: str, value: object, place: str) -> None:
        try:
            self._values[name] = _value(name, value)
            self._places[name] = place
        except BadInput as error:
            self._broken.add(name)
            self.complaints.append(f"{place}: {error.what}")

    def _take_beside(self, key: str, value: object, place: str, path: Path) -> None:
        try:
            text = line(value)
            self.beside[key] = _database(text, path) if key == "db" else text
        except BadInput as error:
            self.complaints.append(f"{place}: {error.what}")

    def _take_names(self, key: str, value: object, place: str, path: Path) -> None:
        try:
            names = names_in(value, path.absolute().parent)
        except BadInput as error:
            self.complaints.append(f"{place}: {error.what}")
            return
        if key == "disable":
            self.plugins.disabled = tuple(map(name_of, names))
        else:
            self.plugins.only = names

    def _unknown(
        self, place: str, wrong: str, right: Iterable[str], *, alike: str = "", more: str = ""
    ) -> None:
        """`alike` is what all of them begin with, which would make any two look similar."""
        known = {name.removeprefix(alike): name for name in sorted(right)}
        meant = nearest(wrong.removeprefix(alike), known)
        hint = (
            f"did you mean {known[meant]}?" if meant else f"there are {', '.join(known.values())}"
        )
        self.complaints.append(f"{place}: there is no such setting; {hint}{more}")

    def _said(self, name: str, settings: Settings) -> str:
        place = self._places.get(name, "the default")
        return f"{name} ({_written(getattr(settings, name))}, {place})"


def _config_path(config: Path | None, environ: Mapping[str, str]) -> Path | None:
    """The file to read: one that was named must be there, the user's own need not."""
    if config is not None:
        return config
    if environ.get(CONFIG_VARIABLE):
        return Path(environ[CONFIG_VARIABLE])
    import platformdirs  # noqa: PLC0415 - only needed where no file is named

    path = platformdirs.user_config_path("dcp-engine", appauthor=False) / "config.toml"
    return path if _may_exist(path) else None


def _may_exist(path: Path) -> bool:
    """False only where it is certain that there is no file; else reading it will tell."""
    try:
        path.lstat()
    except (FileNotFoundError, NotADirectoryError):
        return False
    except OSError:
        return True
    return True


def _allowed(rule: Rule) -> str:
    joint = "or" if isinstance(rule.least, bool) else "to"
    return f"{_written(rule.least)} {joint} {_written(rule.most)}"


def _value(name: str, value: object) -> timedelta | int:
    """The setting's value in its own type and within its limits; raises BadInput with words."""
    rule = RULES[name]
    if isinstance(rule.least, bool):
        return _choice(value)
    found = _count(value) if isinstance(rule.least, int) else _span(value)
    if _size(found) < _size(rule.least):
        raise BadInput(f"at least {_written(rule.least)} is needed: {rule.too_little}")
    if _size(found) > _size(rule.most):
        raise BadInput(f"{_written(rule.most)} is the most: {rule.too_much}")
    return found


def _span(value: object) -> timedelta:
    if isinstance(value, timedelta):
        return value
    if isinstance(value, str):
        return parse_duration(value)
    if isinstance(value, int | float) and not isinstance(value, bool):
        if value == 0:
            return timedelta(0)
        raise BadInput(needs_unit(value))
    raise BadInput(f"it must be a duration in quotes, like '10m', and is {kind(value)}")


def _choice(value: object) -> bool:
    if isinstance(value, bool):
        return value
    if isinstance(value, str) and (chosen := yes_or_no(value)) is not None:
        return chosen
    got = quoted(value) if isinstance(value, str) else kind(value)
    raise BadInput(f"it must be yes or no, and is {got}")


def _count(value: object) -> int:
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    if isinstance(value, str) and re.fullmatch("[0-9]{1,9}", value):
        return int(value)
    got = quoted(value) if isinstance(value, str) else kind(value)
    if isinstance(value, float):
        got = f"{value:g}"
    raise BadInput(f"it must be a whole number, like 3, and is {got}")


def _database(text: str, config: Path) -> Path:
    """Where the database is. A relative path starts at the configuration file's folder.

    Started from the working directory, every folder would have a database of its own, and two
    drivers of one run would not see each other.
    """
    try:
        return config.absolute().parent / Path(text).expanduser()
    except RuntimeError as error:
        raise BadInput(f"{quoted(text)}: there is no such home directory") from error


def _size(value: timedelta | int) -> float:
    return value.total_seconds() if isinstance(value, timedelta) else value


def _written(value: timedelta | int) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return format_duration(value) if isinstance(value, timedelta) else str(value)


def _flag(name: str) -> str:
    return f"--{name.replace('_', '-')}"


def _variable(name: str) -> str:
    return f"{PREFIX}{name.upper()}"
