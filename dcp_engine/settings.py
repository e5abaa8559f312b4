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
from dcp_engine.text_input import kind, line, nearest, quoted, read_text, shown

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


class _Rule(msgspec.Struct, frozen=True, kw_only=True):
    """A setting's meaning and limits, with the words why a value past a limit is refused."""

    meaning: str
    least: timedelta | int | bool = timedelta(0)
    too_little: str = "it cannot be negative"
    most: timedelta | int | bool = timedelta(days=7)
    too_much: str = "more than a week is more likely a slip of the unit, and machines are billed"


_RULES: Mapping[str, _Rule] = {
    "poll_interval": _Rule(
        meaning="pause between two looks at a run while `monitor` or `resume` drives it",
        least=timedelta(milliseconds=100),
        too_little="AWS would throttle the calls",
        most=timedelta(minutes=15),
        too_much=(
            "counts more than 30 minutes apart never confirm that the queue is empty, "
            "and one of them may fail"
        ),
    ),
    "alarm_sweep_interval": _Rule(meaning="pause between two clean-ups of dead machines' alarms"),
    "downscale_interval": _Rule(
        meaning="pause between two looks at whether the fleet asks for more than the jobs need"
    ),
    "cheapest_after": _Rule(
        meaning="time from engaging cheapest mode until the requested capacity becomes 1"
    ),
    "empty_readings": _Rule(
        meaning="consecutive counts of 0 jobs that confirm an empty queue",
        least=2,
        too_little="SQS counts are approximate, and one wrong 0 would stop working machines",
        most=100,
        too_much="each count is kept with the run",
    ),
    "empty_window": _Rule(meaning="time that these counts of 0 must span"),
    "first_job_grace": _Rule(meaning="how long a queue may stay without a first job"),
    "orphan_grace": _Rule(
        meaning="time left to machines that may still be working although the queue looks empty"
    ),
    "watch_interval": _Rule(
        meaning="pause between two looks at the machines: names, idle alarms, use, troubles"
    ),
    "ensure_alarms": _Rule(
        meaning="whether a machine that lacks its idle alarm is given it", least=False, most=True
    ),
    "join_grace": _Rule(
        meaning="how long a machine may be up before it has joined the ECS cluster",
        least=timedelta(minutes=5),
        too_little="machines take minutes to start",
    ),
    "end_unjoined": _Rule(
        meaning="whether a machine that has not joined the cluster by then is ended",
        least=False,
        most=True,
    ),
    "stalled_after": _Rule(
        meaning="how long no job may be done while machines run; three times a job's usual time "
        "where that is longer",
        least=timedelta(minutes=10),
        too_little="CloudWatch's numbers come up to 20 minutes late",
    ),
    "nothing_after": _Rule(
        meaning="how long jobs may wait for the first one to be taken while machines are up",
        least=timedelta(minutes=10),
        too_little="machines take minutes to start",
    ),
    "coming_back_percent": _Rule(
        meaning="percent of the jobs handed out that may come back to the queue",
        least=1,
        too_little="a job comes back now and then in any run",
        most=100,
        too_much="more cannot come back",
    ),
    "dead_letters_quiet": _Rule(
        meaning="how long no further job may have failed for good before that counts as over",
        least=timedelta(minutes=10),
        too_little="they are counted every ten minutes",
    ),
    "overfull_percent": _Rule(
        meaning="percent of the jobs that the machines usually hold that may be in flight",
        least=110,
        too_little="the counts are approximate",
        most=1000,
        too_much="that would never be noticed",
    ),
    "lost_capacity_after": _Rule(
        meaning="how long a fleet may have less than half of what it requests; and the time in "
        "which machines that AWS took back are counted together",
        least=timedelta(minutes=10),
        too_little="machines take minutes to come",
    ),
    "few_machines_wait": _Rule(
        meaning="the longest that the work may still take once cheapest mode has acted",
        most=timedelta(days=30),
        too_much="the queue drops its jobs before that",
    ),
    "fleet_end_notice": _Rule(
        meaning="how long before its end date a fleet is a problem",
    ),
    "machine_full_percent": _Rule(
        meaning="percent of a machine's disk or memory in use that count as full",
        least=50,
        too_little="half of it is free",
        most=100,
        too_much="more cannot be in use",
    ),
    "machine_log_interval": _Rule(
        meaning="pause between two looks into the machines' own logs",
        least=timedelta(minutes=10),
        too_little="it is a search through much text",
    ),
    "log_settle": _Rule(
        meaning="pause between the end of the machines and the export of their logs"
    ),
    "request_timeout": _Rule(
        meaning="how long AWS may keep one call waiting",
        least=timedelta(milliseconds=100),
        too_little="no answer could come in time",
        most=timedelta(minutes=5),
        too_much="a dead connection would hold up the tick",
    ),
    "tick_deadline": _Rule(
        meaning="the longest one look at a run may take, its actions included",
        least=timedelta(seconds=1),
        too_little="no look at a run would come to its end",
        most=timedelta(hours=1),
        too_much="a stuck tick would leave the run unwatched",
    ),
    "lease_ttl": _Rule(
        meaning="how long a driver that falls silent keeps others away from its run",
        least=timedelta(seconds=1),
        too_little="the driver would lose the run while it works",
        most=timedelta(days=1),
        too_much="after a crash nobody on another computer could take the run over for that long",
    ),
}


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
        for name, rule in _RULES.items()
    )


def of_plugins(environ: Mapping[str, str]) -> dict[str, str]:
    """The variables that may be a plugin's: `DCP_ENGINE_CHEAPEST_AFTER` is none of `cheapest`'s."""
    ours = {*map(_variable, _RULES), *RESERVED_VARIABLES}
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
            if key in _RULES:
                self._take(key, value, place)
            elif key in _FILE_ONLY:
                self._take_beside(key, value, place, path)
            elif key in _PLUGIN_LISTS:
                self._take_names(key, value, place, path)
            elif isinstance(value, dict):
                self.plugins.tables[key] = value
            else:
                self._unknown(place, key, (*_RULES, *_FILE_ONLY, *_PLUGIN_LISTS))

    def take_variables(self, environ: Mapping[str, str]) -> None:
        """Take over the settings of the environment."""
        settings = {_variable(name): name for name in _RULES}
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
            if name in _RULES:
                self._take(name, value, _flag(name))
            else:
                self._unknown(shown(_flag(name)), _flag(name), map(_flag, _RULES))

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


def _allowed(rule: _Rule) -> str:
    joint = "or" if isinstance(rule.least, bool) else "to"
    return f"{_written(rule.least)} {joint} {_written(rule.most)}"


def _value(name: str, value: object) -> timedelta | int:
    """The setting's value in its own type and within its limits; raises BadInput with words."""
    rule = _RULES[name]
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
    chosen = {"yes": True, "true": True, "1": True, "no": False, "false": False, "0": False}
    if isinstance(value, str) and value.lower() in chosen:
        return chosen[value.lower()]
    got = quoted(value) if isinstance(value, str) else kind(value)
    raise BadInput(f"it must be yes or no, and is {got}")


def _count(value: object) -> int:
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    if isinstance(value, str) and re.fullmatch("[0-9]{1,9}", value):
        return int(value)
    got = quoted(value) if isinstance(value, str) else kind(value)
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
