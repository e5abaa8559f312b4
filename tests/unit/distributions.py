"""Plugins as people have them: installed distributions, single files, and objects."""

import importlib
import types
from collections.abc import Callable
from pathlib import Path
from typing import Any

from dcp_engine.hookspecs import hookimpl
from dcp_engine.plugin_facts import PluginFailure
from dcp_engine.plugins import Plugins


def plugin(**hooks: Callable[..., Any]) -> types.ModuleType:
    """A plugin with these hooks."""
    module = types.ModuleType("made")
    for name, act in hooks.items():
        setattr(module, name, hookimpl(act))
    return module


def errors(found: Plugins) -> dict[str, str]:
    """What failed last, by plugin."""
    return {failure.plugin: failure.error for failure in found.failures}


def said(failure: PluginFailure | None) -> str:
    """What went wrong, in words; nothing where nothing did."""
    return failure.error if failure else ""


def module_of(site: Path, name: str) -> str:
    """The module of the plugin `name`, of which no other test has one."""
    unique = "".join(c if c.isalnum() else "_" for c in str(site))
    return f"fake_{name.replace('-', '_')}{unique}"


def install(
    site: Path, name: str, code: str, *, dist: str | None = None, metadata: bool = True
) -> None:
    """Lay out a distribution that offers one plugin, as pip would; `site` is on `sys.path`."""
    info = site / f"{(dist or f'fake-{name}').replace('-', '_')}-1.0.dist-info"
    info.mkdir(parents=True)
    if metadata:
        text = f"Metadata-Version: 2.1\nName: {dist or f'fake-{name}'}\nVersion: 1.0\n"
        (info / "METADATA").write_text(text)
    (info / "entry_points.txt").write_text(f"[dcp_engine]\n{name} = {module_of(site, name)}\n")
    (site / f"{module_of(site, name)}.py").write_text(code)
    importlib.invalidate_caches()


def write_plugin(path: Path, code: str) -> Path:
    """A plugin in a file of its own that nobody else can change."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(code)
    path.chmod(0o600)
    return path


TELLS = """
from dcp_engine.hookspecs import hookimpl

@hookimpl
def notify(run, event):
    pass
"""
"""A notifier that says that it told."""

WITH_SECRET = """
import msgspec
from dcp_engine.hookspecs import Secret, hookimpl

class Options(msgspec.Struct, frozen=True, kw_only=True):
    token: Secret
    room: str = "general"
    most: int = 3

@hookimpl
def options():
    return Options

@hookimpl
def notify(run, event, options):
    raise OSError(f"401 for https://chat.example/{options.token.reveal()}/send")
"""
"""A notifier whose library tells the secret in its errors."""
