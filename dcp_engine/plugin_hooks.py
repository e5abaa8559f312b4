"""The hooks of one plugin, as far as this version knows them."""

import inspect
import types
from typing import Any

import pluggy

from dcp_engine.errors import Refused
from dcp_engine.hookspecs import PROJECT, VERSION, Hooks


def new_manager() -> pluggy.PluginManager:
    """A manager that knows the hooks and no plugin."""
    manager = pluggy.PluginManager(PROJECT)
    manager.add_hookspecs(Hooks)
    return manager


def hooks_of(name: str, plugin: object, trial: pluggy.PluginManager) -> types.ModuleType:
    """The plugin's hooks alone, so that nothing else of it is looked at or compared later.

    They are registered with `trial`, a manager that knows of no plugin. Raises Refused for a
    version, a hook or an argument that is not ours, and where there is no hook at all: pluggy would
    leave what it does not know unused, in silence. Raises whatever the plugin does when it is
    looked at.
    """
    _check_version(plugin)
    hooks = types.ModuleType(name)
    found: list[tuple[str, str]] = []
    for attribute in _names(plugin):
        marked = trial.parse_hookimpl_opts(plugin, attribute)
        if marked is None:
            continue
        hook = marked.get("specname") or attribute
        if hook not in vars(Hooks):
            if marked.get("optionalhook"):
                continue
            raise Refused(
                f"it has a hook {hook} that this version of dcp-engine does not know; a newer "
                "dcp-engine may, or its name is misspelt"
            )
        if marked.get("wrapper") or marked.get("hookwrapper"):
            raise Refused(
                f"its hook {hook} is made to wrap those of other plugins, and each plugin is "
                "called by itself here; mark it with `@hookimpl` alone"
            )
        act = getattr(plugin, attribute)
        if inspect.iscoroutinefunction(act) or inspect.isasyncgenfunction(act):
            raise Refused(
                f"its hook {hook} is an `async` function, and dcp-engine calls plain ones: write "
                "`def`, with `asyncio.run(…)` in it where that is needed"
            )
        setattr(hooks, attribute, act)
        found.append((hook, attribute))
    if not found:
        raise Refused(
            "it has no hook: mark each function that dcp-engine is to call with `@hookimpl`, after "
            f"`from dcp_engine.hookspecs import hookimpl`{_unmarked(plugin)}"
        )
    try:
        trial.register(hooks, name)
    except pluggy.PluginValidationError as error:
        complaints = [_strange_arguments(hook, getattr(hooks, own)) for hook, own in found]
        raise Refused("; ".join(filter(None, complaints)) or " ".join(str(error).split())) from None
    return hooks


def _names(plugin: object) -> list[str]:
    """Of what may be hooks: in a module most is imported, and pluggy is slow to look at each."""
    if not isinstance(plugin, types.ModuleType):
        return dir(plugin)
    there = vars(plugin)
    # By its own type: a proxy may say that it is of another one, or raise when it is asked.
    return [n for n in dir(plugin) if not issubclass(type(there.get(n)), type | types.ModuleType)]


def _strange_arguments(hook: str, act: Any) -> str | None:
    """A hook is called with those of its own arguments that a function names, by their names."""
    known = [name for name in inspect.signature(getattr(Hooks, hook)).parameters if name != "self"]
    strange = [
        name
        for name, parameter in inspect.signature(act).parameters.items()
        if name not in known and parameter.default is parameter.empty
    ]
    if not strange:
        return None
    return (
        f"its hook {hook} takes {', '.join(strange)}, and there is no such argument: it may take "
        f"{', '.join(known)}, and need not take all of them"
    )


def _unmarked(plugin: object) -> str:
    """Which functions may have been meant."""
    hooks = [name for name in vars(Hooks) if not name.startswith("_")]
    meant = [name for name in hooks if callable(getattr(plugin, name, None))]
    return f". Its {' and '.join(meant)} may be meant" if meant else ""


def _check_version(plugin: object) -> None:
    wanted = getattr(plugin, "dcp_engine_hooks", 1)
    if not isinstance(wanted, int) or isinstance(wanted, bool):
        raise Refused(
            f"its dcp_engine_hooks is {wanted!r:.40}, and must be a number: {VERSION} for the "
            "hooks of this dcp-engine"
        )
    if wanted != VERSION:
        raise Refused(
            f"it is written for version {wanted} of the hooks, and this dcp-engine has version "
            f"{VERSION}; install another version of the plugin, or of dcp-engine"
        )
