"""A plugin's own settings: its table in the configuration file and its variables, made one value.

Everything that is wrong is said at once, with its place, and never with what a secret holds.
"""

import re
import stat
import types
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any, Union, get_args, get_origin

import msgspec

from dcp_engine.durations import needs_unit, parse_duration
from dcp_engine.errors import BadInput
from dcp_engine.secret import Secret, hide
from dcp_engine.text_input import nearest, quoted, read_text, shown, yes_or_no

PREFIX = "DCP_ENGINE_"
_FILE = "_file"
_MANY = (list, tuple, set, frozenset)


class Given(msgspec.Struct, frozen=True, kw_only=True):
    """What a person said of one plugin: its table, its variables, and where the table stands."""

    table: Mapping[str, object] = {}
    variables: Mapping[str, str] = {}
    config: Path | None = None


def variable(plugin: str, key: str = "") -> str:
    """The variable for a key of a plugin, or what all of its variables begin with."""
    return f"{PREFIX}{re.sub('[^A-Z0-9]', '_', plugin.upper())}_{key.upper()}"


def variables_of(plugin: str, others: Iterable[str], environ: Mapping[str, str]) -> dict[str, str]:
    """The variables that are this plugin's and not those of another one with a longer name."""
    prefix = variable(plugin)
    longer = tuple(
        theirs
        for other in others
        if (theirs := variable(other)).startswith(prefix) and theirs != prefix
    )
    return {
        name: value
        for name, value in environ.items()
        if value and name.startswith(prefix) and not (longer and name.startswith(longer))
    }


def read(
    plugin: str,
    shape: type[msgspec.Struct],
    given: Given,
    keep: Callable[[Iterable[str]], object] = tuple,
) -> msgspec.Struct:
    """The plugin's options. Raises BadInput with everything that is wrong.

    `keep` is handed the secrets before the plugin sees them, since it may raise anything then.
    """
    reader = _Reader(plugin, shape, given)
    values = reader.values()
    keep(reader.secrets)
    if not reader.complaints:
        try:
            return shape(**values)
        except (ValueError, BadInput) as error:
            reader.complaints.append(hide(str(error), reader.secrets))
    raise BadInput("these settings of it cannot be used", reader.complaints)


def secrets_of(value: object) -> Iterator[str]:
    """What must never be shown of a plugin's options, those that it made itself among them."""
    if isinstance(value, Secret):
        yield value.reveal()
    elif isinstance(value, msgspec.Struct):
        yield from secrets_of(msgspec.structs.asdict(value))
    elif isinstance(value, Mapping):
        yield from secrets_of((*value, *value.values()))
    elif isinstance(value, _MANY):
        for item in value:
            yield from secrets_of(item)


class _Reader:
    """Reads the fields of one shape."""

    def __init__(self, plugin: str, shape: type[msgspec.Struct], given: Given) -> None:
        self._plugin = plugin
        self._fields = {field.name: field for field in msgspec.structs.fields(shape)}
        self._given = given
        self.complaints: list[str] = []
        self.secrets: set[str] = set()

    def values(self) -> dict[str, Any]:
        """The value of each field that was given."""
        known = [
            *self._fields,
            *(f"{name}{_FILE}" for name, field in self._fields.items() if _is_secret(field.type)),
        ]
        for key in self._given.table:
            if key not in known:
                self._unknown(self._place(key), key, known)
        variables = [variable(self._plugin, key) for key in known]
        for name in sorted(self._given.variables):
            if name not in variables:
                self._unknown(name, name, variables)
        found = {}
        for name, field in self._fields.items():
            try:
                if (value := self._value(name, field.type)) is not None:
                    found[name] = value[0]
                elif field.required:
                    self.complaints.append(
                        f"{name} is missing: write {name} = … under [{self._plugin}] in the "
                        f"configuration file, or set the variable {variable(self._plugin, name)}"
                    )
            except BadInput as error:
                self.complaints.append(error.what)
        return found

    def _value(self, name: str, wanted: Any) -> tuple[Any] | None:
        """The field's value in a tuple of its own, None where it was not given."""
        table, variables = self._given.table, self._given.variables
        secret = _is_secret(wanted)
        by_variable = variable(self._plugin, name)
        if secret and f"{name}{_FILE}" not in self._fields:
            self._refuse_both(name)
        if by_variable in variables:
            return (self._convert(variables[by_variable], wanted, by_variable, written=True),)
        if secret and (by_file := f"{by_variable}{_FILE.upper()}") in variables:
            return (self._from_file(variables[by_file], wanted, by_file, Path()),)
        if name in table:
            value = self._convert(table[name], wanted, self._place(name), written=False)
            if self._given.config is not None and any(secrets_of(value)):
                self._refuse_open_book(name, self._given.config, elsewhere=secret)
            return (value,)
        if secret and (key := f"{name}{_FILE}") in table:
            return (self._from_file(table[key], wanted, self._place(key), self._folder()),)
        return None

    def _refuse_both(self, name: str) -> None:
        """Of a value and of a file that holds it, nobody can tell which one is the newer."""
        by_file = f"{name}{_FILE}"
        by_variable = variable(self._plugin, name), variable(self._plugin, by_file)
        if self._given.variables.keys() >= {*by_variable}:
            raise BadInput(
                f"the variables {' and '.join(by_variable)} are both set; leave one of them out"
            )
        if self._given.table.keys() >= {name, by_file}:
            raise BadInput(f"{self._place(name)}: {by_file} is there too; leave one of the two out")

    def _convert(self, value: object, wanted: Any, place: str, *, written: bool) -> Any:
        """`written` is a variable's text, which can also mean a number or several things."""
        if written and isinstance(value, str) and _is_many(wanted):
            value = [part.strip() for part in value.split(",") if part.strip()]
        try:
            if _takes(wanted, timedelta):
                value = _span(value)
            elif _is_choice(wanted):
                value = _choice(value, wanted, written=written)
            return msgspec.convert(value, wanted, strict=not written, dec_hook=self._decode)
        except (msgspec.ValidationError, ValueError) as error:
            raise BadInput(f"{place}: {_in_words(error)}") from error
        except BadInput as error:
            raise BadInput(f"{place}: {error.what}") from error

    def _decode(self, wanted: type, value: object) -> Any:
        """What msgspec does not know."""
        if not isinstance(value, str):
            raise TypeError("it must be text in quotes")
        if wanted is Secret:
            if not value.strip():
                raise ValueError("it is empty")
            self.secrets.add(value)
            return Secret(value)
        if wanted is Path:
            return self._folder() / Path(value).expanduser()
        raise NotImplementedError(f"the plugin declares a field of the type {wanted.__name__}")

    def _from_file(self, path: object, wanted: Any, place: str, folder: Path) -> Any:
        if not isinstance(path, str):
            raise BadInput(f"{place}: it must be the path of a file, in quotes")
        if "://" in path:
            raise BadInput(f"{place}: it must be the path of a file, and is an address")
        try:
            file = folder / Path(path).expanduser()
            text = read_text(file)
        except BadInput as error:
            raise BadInput(f"{place}: {error.what}") from error
        except RuntimeError as error:
            raise BadInput(f"{place}: {quoted(path)}: there is no such home directory") from error
        if _others_may_read(file):
            raise BadInput(
                f"{place}: others may read {shown(file)}, which holds a secret: type `chmod 600 "
                f"{shown(file)}`"
            )
        lines = [line.strip() for line in text.splitlines() if line.strip()]
        if not lines:
            raise BadInput(f"{place}: {shown(path)} is empty")
        return self._convert(lines if _is_many(wanted) else lines[0], wanted, place, written=False)

    def _refuse_open_book(self, name: str, config: Path, *, elsewhere: bool) -> None:
        if _others_may_read(config):
            or_else = (
                f", or keep it in a file of its own ({name}{_FILE}) or in the variable "
                f"{variable(self._plugin, name)}"
            )
            raise BadInput(
                f"{self._place(name)} is a secret, and others may read that file: type `chmod 600 "
                f"{shown(config)}`{or_else if elsewhere else ''}"
            )

    def _folder(self) -> Path:
        return self._given.config.absolute().parent if self._given.config else Path()

    def _place(self, key: str) -> str:
        where = f" in {shown(self._given.config)}" if self._given.config else ""
        return f"{shown(key)} under [{self._plugin}]{where}"

    def _unknown(self, place: str, wrong: str, right: Iterable[str]) -> None:
        known = sorted(right)
        meant = nearest(wrong, known)
        hint = f"did you mean {meant}?" if meant else f"there are {', '.join(known) or 'none'}"
        self.complaints.append(f"{place}: the plugin has no such setting; {hint}")


def _others_may_read(path: Path) -> bool:
    try:
        return bool(path.stat().st_mode & (stat.S_IRGRP | stat.S_IROTH))
    except OSError:
        return False


def _parts(wanted: Any) -> tuple[Any, ...]:
    """The types that a field may have, without their restrictions."""
    origin = get_origin(wanted)
    if origin is Annotated:
        return _parts(get_args(wanted)[0])
    if origin in (Union, types.UnionType):
        return tuple(part for one in get_args(wanted) for part in _parts(one))
    return (wanted,)


def _takes(wanted: Any, kind: type) -> bool:
    return any(part is kind for part in _parts(wanted))


def _is_many(wanted: Any) -> bool:
    return any((get_origin(part) or part) in _MANY for part in _parts(wanted))


def _is_secret(wanted: Any) -> bool:
    return any(
        part is Secret or ((get_origin(part) in _MANY) and Secret in get_args(part))
        for part in _parts(wanted)
    )


def _is_choice(wanted: Any) -> bool:
    return _takes(wanted, bool) and all(part in {bool, types.NoneType} for part in _parts(wanted))


def _choice(value: object, wanted: Any, *, written: bool) -> object:
    if isinstance(value, bool) or (value is None and _takes(wanted, types.NoneType)):
        return value
    if not written:
        raise BadInput("it must be true or false, without quotes")
    chosen = yes_or_no(str(value))
    if chosen is None:
        raise BadInput("it must be yes or no (true or false, on or off, 1 or 0)")
    return chosen


def _span(value: object) -> object:
    if isinstance(value, str):
        return parse_duration(value)
    if isinstance(value, int | float) and not isinstance(value, bool):
        raise BadInput(needs_unit(value))
    return value


def _in_words(error: Exception) -> str:
    """What msgspec says, without its path: the place is said already."""
    return re.sub(r" - at `\$.*`$", "", str(error)).replace("Expected", "expected", 1)
