"""A library that lacks some names, for one module alone."""

import builtins
from types import ModuleType
from typing import Any


def pretend(module: ModuleType, missing: set[str]) -> None:
    """Have a module, before it is run, find no attribute of these names: it asks these functions for them."""

    def getattr_(thing: Any, name: str, *default: Any) -> Any:
        return default[0] if name in missing and default else builtins.getattr(thing, name, *default)

    def vars_(thing: Any) -> dict[str, Any]:
        return {name: value for name, value in builtins.vars(thing).items() if name not in missing}

    builtins.vars(module).update(
        getattr=getattr_, hasattr=lambda thing, name: name not in missing and hasattr(thing, name), vars=vars_
    )
