"""Which plugins a person wants."""

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Final

from dcp_engine.errors import BadInput
from dcp_engine.loaded import Selection
from dcp_engine.options import variable
from dcp_engine.text_input import kind, line, quoted

PLUGINS_VARIABLE: Final = "DCP_ENGINE_PLUGINS"


class Choice:
    """What was said of plugins so far."""

    def __init__(self, installed: Callable[[], Iterable[str]]) -> None:
        self.only: tuple[str, ...] | None = None
        self.disabled: tuple[str, ...] = ()
        self.tables: dict[str, Mapping[str, object]] = {}
        self._installed = installed

    def has(self, name: str) -> bool:
        """Whether it is the variable of a plugin that there is, or may be."""
        names = {*self.tables, *map(name_of, self.only or ()), *self.disabled}
        return any(map(name.startswith, map(variable, names))) or any(
            map(name.startswith, map(variable, self._installed()))
        )

    def selection(self, config: Path | None) -> Selection:
        """All of it."""
        return Selection(only=self.only, disabled=self.disabled, tables=self.tables, config=config)


def is_path(wanted: str) -> bool:
    """Whether a person means a plugin's file and not an installed plugin's name."""
    return wanted.endswith(".py") or "/" in wanted


def name_of(wanted: str) -> str:
    """The name of the plugin that is meant: a file's is the file's without `.py`."""
    return Path(wanted).stem if is_path(wanted) else wanted


def absolute(wanted: str, folder: Path) -> str:
    """A file's path that is given in the configuration file starts at that file's folder."""
    if not is_path(wanted):
        return wanted
    try:
        return str(folder / Path(wanted).expanduser())
    except RuntimeError as error:
        raise BadInput(f"{quoted(wanted)}: there is no such home directory") from error


def names_of(text: str) -> tuple[str, ...]:
    """The names and paths in a variable, which commas separate; a path starts where we are.

    Raises BadInput.
    """
    return names_in([one for one in map(str.strip, text.split(",")) if one], Path().absolute())


def names_in(value: object, folder: Path) -> tuple[str, ...]:
    """The names and paths in a list, each once; a path starts at that folder. Raises BadInput."""
    if not isinstance(value, list):
        raise BadInput(f'it must be a list, like ["slack"], and is {kind(value)}')
    return tuple(dict.fromkeys(absolute(line(one), folder) for one in value))
