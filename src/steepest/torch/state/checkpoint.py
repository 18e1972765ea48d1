"""Taking up a checkpoint, torch's or our own: all of it is looked at before anything is changed.

Parameters are matched by name where both sides have names, else by position.  Values are copied into the state that is
there; state keeps the dtype that it was saved in.  What chooses an implementation stays as this optimizer was made.
"""

import copy
from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from steepest.compiler.rule import Rule
from steepest.hyperparameters.values import number_in_python
from steepest.torch.internals import COMPILED, storage_of
from steepest.torch.state.arrays import number

Group = dict[str, Any]
State = dict[Any, Any]

IMPLEMENTATION = ("foreach", "fused", "capturable", "differentiable")
"""Arguments that say how a step is taken, not what it computes: they belong to the run, not to its checkpoint."""

_PARALLEL = "module."  # what DistributedDataParallel puts before a name


def check_form(found: Mapping[str, Any]) -> None:
    """Refuse what is no optimizer's state_dict (ValueError)."""
    if not {"state", "param_groups"} <= found.keys():
        inside = [key for key, value in found.items() if isinstance(value, Mapping) and "param_groups" in value]
        hint = f"Give load_state_dict(checkpoint[{inside[0]!r}])" if inside else "Give what its state_dict() returned"
        raise ValueError(
            f"This is not the state_dict of an optimizer: it has {listed(list(found)[:9])}, and no 'state' and "
            f"'param_groups'. {hint}. Nothing was changed."
        )


def matched(groups: Sequence[Group], saved_groups: Sequence[Group]) -> list[Group]:
    """The saved groups, each with its parameters in the order of ours.

    Raises ValueError where the groups have other sizes, in torch's words, or other names.
    """
    if len(groups) != len(saved_groups):
        raise ValueError("loaded state dict has a different number of parameter groups")
    if [len(group["params"]) for group in groups] != [len(group["params"]) for group in saved_groups]:
        raise ValueError(
            "loaded state dict contains a parameter group that doesn't match the size of optimizer's group"
        )
    return [_in_our_order(index, *pair) for index, pair in enumerate(zip(groups, saved_groups, strict=True))]


def _in_our_order(index: int, group: Group, saved: Group) -> Group:
    if "param_names" not in group or "param_names" not in saved:
        return dict(saved)
    names, saved_names = _bare(group["param_names"]), _bare(saved["param_names"])
    keys = dict(zip(saved_names, saved["params"], strict=True))
    missing, unknown = [n for n in names if n not in keys], [n for n in saved_names if n not in names]
    if missing or unknown:
        raise ValueError(
            f"In parameter group {index} the checkpoint has {listed(unknown)} where this optimizer has "
            f"{listed(missing)}: it is of another model, or its groups were divided otherwise. Build the optimizer "
            "as it was when the checkpoint was written. Nothing was changed."
        )
    return saved | {"params": [keys[name] for name in names], "param_names": list(group["param_names"])}


def _bare(names: Sequence[str]) -> list[str]:
    """The names without what wrappers put before them, where they are as many then."""
    bare = [_unwrapped(name) for name in names]
    return bare if len(set(bare)) == len(set(names)) else list(names)


def _unwrapped(name: str) -> str:
    name = name.replace(COMPILED, "")  # torch.compile may wrap any module
    while name.startswith(_PARALLEL):
        name = name.removeprefix(_PARALLEL)
    return name


def listed(names: Sequence[str]) -> str:
    """The first few of them, quoted."""
    if not names:
        return "nothing"
    more = f" and {len(names) - 3} more" if len(names) > 3 else ""
    return ", ".join(map(repr, names[:3])) + more


def which(saved: Group, position: int) -> str:
    """A parameter of a saved group, as a message calls it."""
    names = saved.get("param_names")
    return f"parameter {names[position]!r}" if names else f"parameter {saved['params'][position]}"


def without_numpy(state_dict: dict[str, Any]) -> dict[str, Any]:
    """A checkpoint with Python's numbers for those of NumPy that a program set, which `weights_only` forbids."""
    for group in state_dict["param_groups"]:
        for name, value in group.items():
            if name not in ("params", "param_names"):
                group[name] = number_in_python(value)
    return state_dict


def merged(groups: Sequence[Group], saved_groups: Sequence[Group]) -> list[Group]:
    """Our groups with the hyperparameters that were saved."""
    return [
        copy.deepcopy(
            {name: number_in_python(v) for name, v in saved.items() if name not in ("params", *IMPLEMENTATION)}
        )
        | {name: group[name] for name in ("params", "param_names", *IMPLEMENTATION) if name in group}
        for group, saved in zip(groups, saved_groups, strict=True)
    ]


def filled(
    rule: Rule, current: Mapping[Any, State], groups: Sequence[Group], saved_groups: Sequence[Group], saved: Mapping
) -> defaultdict[Any, State]:
    """The state of every parameter with the saved values in it; state that is nobody's is kept as it is."""
    keys = [key for group in saved_groups for key in group["params"]]
    parameters = [p for group in groups for p in group["params"]]
    state: defaultdict[Any, State] = defaultdict(dict)
    overwritten: list[tuple[Tensor, Tensor]] = []
    for key, p in zip(keys, parameters, strict=True):
        for name, value in saved.get(key, {}).items():
            ours = current.get(p, {}).get(name) if name in (*rule.state, "step") else None  # others' may be anywhere
            if isinstance(ours, Tensor) and _can_hold(ours, value):
                overwritten.append((ours, value))
                state[p][name] = ours
            else:
                state[p][name] = _copied(value, p, name)
        if rule.counts and state.get(p, {}).get("step") is not None:
            state[p]["step"] = number(state[p]["step"])
    for key in saved.keys() - set(keys):
        state[key] = saved[key]
    _overwrite(overwritten)
    return state


def _can_hold(ours: Tensor, value: Any) -> bool:
    """Whether a saved value can be written into a tensor of ours; one number has any shape of one element."""
    if not isinstance(value, Tensor) or ours.is_inference():
        return False
    same_shape = ours.shape == value.shape or (ours.numel() == value.numel() == 1 and min(ours.dim(), value.dim()) == 0)
    return same_shape and (ours.dtype, ours.layout) == (value.dtype, value.layout)


def _copied(value: Any, p: Tensor, name: str = "") -> Any:
    """A value of state of our own, on the device of its parameter; a number stays where it was."""
    if isinstance(value, Tensor):
        is_number = value.dim() == 0 or (name == "step" and value.numel() == 1)
        return value.detach().clone() if is_number else value.detach().to(p.device, copy=True)
    if type(value) is dict:
        return {key: _copied(one, p) for key, one in value.items()}
    if type(value) in (list, tuple):
        return type(value)([_copied(one, p) for one in value])
    return copy.deepcopy(value)


def _overwrite(pairs: Sequence[tuple[Tensor, Tensor]]) -> None:
    """Write each saved value into ours; what lies in memory that is written, as in a live state_dict(), is copied."""
    written = {_storage(ours) for ours, _ in pairs}
    values = [value.clone() if _storage(value) in written else value for _, value in pairs]
    with torch.no_grad():
        for (ours, _), value in zip(pairs, values, strict=True):
            ours.copy_(value if value.shape == ours.shape else value.reshape(ours.shape))


def _storage(tensor: Tensor) -> Any:
    return id(tensor) if tensor.layout is not torch.strided else storage_of(tensor)
