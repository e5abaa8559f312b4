"""All the code that seeing a run to its end may take, loaded at once.

A command that is soon over loads what it needs, when it needs it. A process that looks after runs
for days must not: a newer version may be installed under it meanwhile, and what it loaded then
would be of that one, and need not fit the rest.
"""

import pkgutil
from importlib import import_module
from typing import Final

_ROOMS: Final = ("aws", "builtin", "builtin.troubles", "report", "store")
# Of other packages, what is loaded late as well.
_OTHERS: Final = ("humanize", "tenacity")


def load_all() -> None:
    """Load it; again costs next to nothing."""
    for room in _ROOMS:
        package = import_module(f"{__package__}.{room}")
        for module in pkgutil.iter_modules(package.__path__, f"{package.__name__}."):
            import_module(module.name)
    for name in _OTHERS:
        import_module(name)
