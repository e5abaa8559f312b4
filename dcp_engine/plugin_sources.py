"""Where plugins come from: this package, installed distributions, and single files."""

import os
import stat
import sys
import types
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial
from importlib.metadata import Distribution, EntryPoint, distributions, entry_points
from pathlib import Path

import msgspec

from dcp_engine.errors import BadInput, Refused
from dcp_engine.text_input import read_text, shown

ENTRY_POINT_GROUP = "dcp_engine"
BUILT_IN = "built in"


class Source(msgspec.Struct, frozen=True, kw_only=True):
    """A plugin before it is loaded: its name, where it is from, and how to get it."""

    name: str
    origin: str
    version: str | None
    load: Callable[[], object]
    path: Path | None = None


def mark_of(source: Source) -> str | None:
    """What tells a plugin from another version of it, None where nothing does."""
    if source.path is None:
        return source.version
    try:
        return str(source.path.stat().st_mtime_ns)
    except OSError:
        return None


def from_package(modules: Mapping[str, str], version: str) -> list[Source]:
    """Our own, given as name → module; they are found as anybody's are."""
    return [
        Source(
            name=name,
            origin=BUILT_IN,
            version=version,
            load=EntryPoint(name, module, ENTRY_POINT_GROUP).load,
        )
        for name, module in modules.items()
    ]


def installed() -> list[Source]:
    """Every plugin that an installed distribution offers, by name; nothing of it is imported."""
    found = []
    for point in sorted(_points(), key=lambda point: point.name):
        name, version = _distribution(point)
        found.append(
            Source(name=point.name, origin=name or point.value, version=version, load=point.load)
        )
    return found


def _points() -> Iterable[EntryPoint]:
    try:
        return entry_points(group=ENTRY_POINT_GROUP)
    except Exception:  # noqa: BLE001 - reading all of them fails where any one is damaged
        return {
            (point.name, point.value): point for dist in distributions() for point in _of(dist)
        }.values()


def _of(dist: Distribution) -> Iterable[EntryPoint]:
    try:
        return dist.entry_points.select(group=ENTRY_POINT_GROUP)
    except Exception:  # noqa: BLE001 - a damaged distribution offers nothing
        return ()


def _distribution(point: EntryPoint) -> tuple[str | None, str | None]:
    """The name and version of a plugin's distribution, as far as it says them."""
    try:
        return (point.dist.name, point.dist.version) if point.dist else (None, None)
    except Exception:  # noqa: BLE001 - a damaged distribution may still be imported
        return None, None


def in_file(path: Path) -> Source:
    """The plugin that one file is, named as the file is. Loading it raises Refused, BadInput."""
    return Source(
        name=path.stem, origin=shown(path), version=None, load=partial(_execute, path), path=path
    )


def _execute(path: Path) -> types.ModuleType:
    if not path.name.removesuffix(".py").strip("."):
        raise BadInput(
            f"{shown(path)} cannot be a plugin: it is called as its file is, and that one has no "
            "name before the .py. Rename it."
        )
    try:
        real = path.resolve(strict=True)
    except (OSError, RuntimeError) as error:
        raise BadInput(f"{shown(path)} could not be read: {_reason(error)}.") from error
    _refuse_others(path.absolute())
    source = read_text(real)
    module = types.ModuleType(f"dcp_engine_plugin_{path.stem}")
    module.__file__ = str(real)
    # Dataclasses and msgspec look their own module up by its name.
    sys.modules[module.__name__] = module
    try:
        exec(compile(source, str(real), "exec"), module.__dict__)
    except BaseException:
        sys.modules.pop(module.__name__, None)
        raise
    return module


def _refuse_others(path: Path) -> None:
    """Raise Refused where somebody else can write the file, or put another one in its place."""
    try:
        found = [(place, place.lstat()) for place in _way(path)]
    except OSError as error:
        raise BadInput(f"{shown(path)} could not be read: {_reason(error)}.") from error
    for place, facts in found:
        loose = facts.st_mode & (stat.S_IWGRP | stat.S_IWOTH)
        # In a folder like /tmp nobody can touch what is somebody else's. The mode of a link says
        # nothing.
        guarded = stat.S_ISDIR(facts.st_mode) and facts.st_mode & stat.S_ISVTX
        if loose and not guarded and not stat.S_ISLNK(facts.st_mode):
            raise Refused(
                f"others can write {shown(place)}, and whoever can would run as you; type `chmod "
                f"go-w {shown(place)}`"
            )
        if facts.st_uid not in {0, os.geteuid()}:
            raise Refused(f"{shown(place)} belongs to another user, who could change it")


def _way(path: Path) -> Iterator[Path]:
    """Every folder and link on the way to a file that is there, and the file. Raises OSError."""
    for place in (*reversed(path.parents), path):
        yield place
        if place.is_symlink():
            yield from _way(place.parent.resolve() / place.readlink())


def _reason(error: Exception) -> str:
    return getattr(error, "strerror", None) or str(error)
