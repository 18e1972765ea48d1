"""Trees of tensors."""

import importlib
import importlib.util
from collections.abc import Callable
from typing import Any

from steepest.torch import fallbacks

_TREES = "torch.utils._pytree"
_trees: Any = importlib.import_module(_TREES) if importlib.util.find_spec(_TREES) else None


def map_tree(function: Callable[..., Any], tree: Any, *others: Any) -> Any:
    """The function of each leaf of a tree of dictionaries, lists and tuples, and of what others have at that place.

    Raises ValueError where another has no such place.
    """
    if _trees is None:
        return fallbacks.map_tree(function, tree, *others)
    leaves, structure = _trees.tree_flatten(tree)
    at_places = zip(leaves, *map(structure.flatten_up_to, others), strict=True)
    return _trees.tree_unflatten([function(*parts) for parts in at_places], structure)
