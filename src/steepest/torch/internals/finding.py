"""Where private names are looked up: once, when a file of this folder is imported."""

from typing import Any

import torch


def find(path: str, otherwise: Any = None) -> Any:
    """What this dotted path of torch leads to, or the other value."""
    found: Any = torch
    for name in path.split("."):
        found = getattr(found, name, None)
    return otherwise if found is None else found
