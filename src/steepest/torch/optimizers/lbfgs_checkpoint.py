"""What a checkpoint of L-BFGS must have, looked at before anything is changed."""

from collections.abc import Mapping
from typing import Any

from torch import Tensor

from steepest.torch.optimizers.lbfgs_iterations import MEMORY
from steepest.torch.optimizers.vector import length
from steepest.torch.optimizers.writers import states_of_rules
from steepest.torch.sharded import whole
from steepest.torch.state import checkpoint

_LISTS = ("old_dirs", "old_stps", "ro")


def check_checkpoint(found: Mapping[str, Any], params: list[Tensor]) -> None:
    """Refuse, before anything is changed, what is not a checkpoint of LBFGS on a vector of this length (ValueError)."""
    groups = found["param_groups"]
    if [len(group["params"]) for group in groups] != [len(params)]:
        return  # torch's own message follows
    state = found["state"].get(groups[0]["params"][0], {})
    is_anothers = "n_iter" not in state and state.keys() & {*MEMORY, *states_of_rules()}  # not a wrapper's alone
    if "history_size" not in groups[0] or is_anothers:
        names = sorted({*groups[0], *state} - {"params", "param_names", "lr"})
        raise ValueError(
            f"The checkpoint is of another optimizer than LBFGS: it holds {', '.join(names)}. "
            "Load it into that one, or start without it."
        )
    if state.get("d") is not None:
        _check_memory(state, length(params))


def check_order(groups: list[dict[str, Any]], saved_groups: list[dict[str, Any]]) -> None:
    """Refuse parameters of other names, or in another order: all of them are one vector (ValueError)."""
    (saved,) = saved_groups
    (ours,) = checkpoint.matched(groups, saved_groups)
    if ours["params"] != saved["params"]:
        raise ValueError(
            f"The checkpoint has its parameters in another order, {', '.join(saved['param_names'])}, and LBFGS keeps "
            "them all in one vector. Give them to the optimizer in that order. Nothing was changed."
        )


def _check_memory(state: Mapping[str, Any], length: int) -> None:
    """Refuse a memory whose vectors have not this length, or whose parts do not fit each other."""
    missing = [name for name in MEMORY if state.get(name) is None or isinstance(state[name], list) != (name in _LISTS)]
    if missing or len({len(state[name]) for name in _LISTS}) > 1:
        raise ValueError(
            f"The checkpoint is damaged: {' and '.join(missing or _LISTS)} "
            f"{'missing or something else' if missing else 'of different lengths'}. Start without it."
        )
    for name in ("d", "prev_flat_grad", "old_dirs", "old_stps"):
        for vector in state[name] if name in _LISTS else [state[name]]:
            shape = tuple(vector.shape) if isinstance(vector, Tensor) else type(vector).__name__
            if shape != (length,):
                raise ValueError(
                    f"The state {name!r} of the checkpoint has the shape {shape}, but the parameters have {length} "
                    "real elements: it was made for another model. "
                    "Load the checkpoint that belongs to this model, or start without it."
                )


def loaded(value: Any, like: Tensor) -> Any:
    """A loaded state on the device of the parameters, vectors in their dtype; numbers stay what they are."""
    if isinstance(value, list):
        return [loaded(element, like) for element in value]
    if isinstance(value, Tensor):
        return whole(value).to(device=like.device, dtype=like.dtype if value.dim() else value.dtype)
    return value
