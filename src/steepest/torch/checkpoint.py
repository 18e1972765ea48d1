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

from steepest import rules
from steepest.rule import Rule, read
from steepest.torch.state import number

Group = dict[str, Any]
State = dict[Any, Any]

IMPLEMENTATION = ("foreach", "fused", "capturable", "differentiable")
"""Arguments that say how a step is taken, not what it computes: they belong to the run, not to its checkpoint."""

_WRAPPERS = ("module.", "_orig_mod.")  # what DistributedDataParallel and torch.compile put before a name


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
    names, saved_names = list(map(_bare, group["param_names"])), list(map(_bare, saved["param_names"]))
    keys = dict(zip(saved_names, saved["params"], strict=True))
    missing, unknown = [n for n in names if n not in keys], [n for n in saved_names if n not in names]
    if missing or unknown:
        raise ValueError(
            f"In parameter group {index} the checkpoint has {_listed(unknown)} where this optimizer has "
            f"{_listed(missing)}: it is of another model, or its groups were divided otherwise. Build the optimizer "
            "as it was when the checkpoint was written. Nothing was changed."
        )
    return saved | {"params": [keys[name] for name in names], "param_names": list(group["param_names"])}


def _bare(name: str) -> str:
    for wrapper in _WRAPPERS:
        name = name.removeprefix(wrapper)
    return name


def _listed(names: Sequence[str]) -> str:
    if not names:
        return "nothing"
    more = f" and {len(names) - 3} more" if len(names) > 3 else ""
    return ", ".join(map(repr, names[:3])) + more


def check_optimizer(called: str, rule: Rule, saved_groups: Sequence[Group], state: Mapping[Any, State]) -> None:
    """Refuse what another optimizer wrote (ValueError)."""
    others = [read(getattr(rules, name)) for name in rules.__all__ if name != rule.name]
    foreign_state = {name for other in others for name in other.state} - {*rule.state, "step"}
    foreign_options = {name for other in others for name in other.hyperparameters} - {*rule.hyperparameters}
    found = sorted({name for one in state.values() if isinstance(one, dict) for name in one} & foreign_state)
    options = sorted({name for group in saved_groups for name in group} & foreign_options - _also(rule))
    if found or options:
        raise ValueError(
            f"This checkpoint is of another optimizer: it holds {_listed([*found, *options])}, which {called} does not "
            "have. Load it into the optimizer that wrote it, or start this one without it. Nothing was changed."
        )


def _also(rule: Rule) -> set[str]:
    """What torch keeps in the groups of an optimizer beside its own arguments."""
    return {"decoupled_weight_decay"} if rule.name == "adamw" else set()


def which(saved: Group, position: int) -> str:
    """A parameter of a saved group, as a message calls it."""
    names = saved.get("param_names")
    return f"parameter {names[position]!r}" if names else f"parameter {saved['params'][position]}"


def merged(groups: Sequence[Group], saved_groups: Sequence[Group]) -> list[Group]:
    """Our groups with the hyperparameters that were saved."""
    return [
        copy.deepcopy({name: value for name, value in saved.items() if name not in ("params", *IMPLEMENTATION)})
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
    for key, p in zip(keys, parameters, strict=True):
        if key in saved:
            ours = current.get(p, {})
            state[p] = {name: _put(ours.get(name), value, p) for name, value in saved[key].items()}
            if rule.counts and "step" in state[p]:
                state[p]["step"] = number(state[p]["step"])
    for key in saved.keys() - set(keys):
        state[key] = saved[key]
    return state


def _put(ours: Any, value: Any, p: Tensor) -> Any:
    """The saved value in our own tensor, or in one that is a copy on the parameter's device."""
    if not isinstance(value, Tensor):
        return copy.deepcopy(value)
    if isinstance(ours, Tensor) and (ours.shape, ours.dtype, ours.layout) == (value.shape, value.dtype, value.layout):
        with torch.no_grad():
            return ours.copy_(value)
    return value.detach().clone() if value.dim() == 0 else value.detach().to(p.device, copy=True)
