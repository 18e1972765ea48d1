"""What a checkpoint must be before an optimizer takes it: torch's own form, and state that fits the parameters."""

from collections.abc import Mapping
from typing import Any

from torch import Tensor

from steepest.rule import Rule
from steepest.torch.state import State, check_shape, step_tensor


def check(rule: Rule, groups: list[dict[str, Any]], checkpoint: Mapping[str, Any]) -> None:
    """Refuse a checkpoint whose state does not fit, before anything is changed (ValueError).

    groups: the optimizer's parameter groups.  checkpoint: what `state_dict()` returned, here or in torch.optim.
    """
    saved = checkpoint["param_groups"]
    if [len(group["params"]) for group in groups] != [len(group["params"]) for group in saved]:
        return  # torch's own message follows
    for group, saved_group in zip(groups, saved, strict=True):
        names = group.get("param_names") or saved_group.get("param_names")
        for position, (p, key) in enumerate(zip(group["params"], saved_group["params"], strict=True)):
            which = f"parameter {names[position]!r}" if names else f"parameter {key}"
            state = checkpoint["state"].get(key, {})
            for name in rule.state:
                if state.get(name) is not None:
                    check_shape(name, state[name], p, which)
            if rule.counts and "step" in state:
                _check_step(state["step"], which)


def _check_step(step: Any, which: str) -> None:
    one_number = step.numel() == 1 if isinstance(step, Tensor) else isinstance(step, (int, float))
    if not one_number:
        raise ValueError(
            f"The step count of {which} is {step!r}, not a number: the checkpoint is damaged or of something else. "
            "Load the checkpoint that belongs to this model, or start without it."
        )


def own(rule: Rule, loaded: State, given: Mapping[str, Any]) -> None:
    """Make a loaded state this optimizer's own: torch hands over the checkpoint's very tensors, to be written to."""
    for name, value in loaded.items():
        if isinstance(value, Tensor) and value is given.get(name):
            loaded[name] = value.clone()
    if rule.counts and "step" in loaded:
        loaded["step"] = step_tensor(loaded["step"])
