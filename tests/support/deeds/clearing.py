"""What is emptied or thrown away: state, single states, groups, gradients, parameters."""

from torch import Tensor

from support.deeds.choosing import choose, is_usable
from support.misuse import World


def clear_all_state(w: World, p: Tensor, how: int) -> None:
    """Of this optimizer or of all; or the dictionary of each parameter, which stays."""
    for optimizer in w.optimizers if how % 2 else [w.optimizer]:
        if how % 3:
            optimizer.state.clear()
        else:
            for state in optimizer.state.values():
                state.clear()


def clear_one_state_of_all(w: World, p: Tensor, how: int) -> None:
    """The same name of each parameter, which is taken away or None."""
    names = [*w.state(p)]
    if names:
        name = choose(names, how // 2)
        for q in w.parameters:
            if how % 2:
                w.state(q).pop(name, None)
            elif name in w.state(q):
                w.optimizer.state[q][name] = None


def clear_groups(w: World, p: Tensor, how: int) -> None:
    """A group has no parameters, or is gone, or all are."""
    groups = w.optimizer.param_groups
    if how % 8 == 7:
        groups.clear()
    elif groups and how % 2:
        groups.pop(how // 2 % len(groups))
    elif groups:
        choose(groups, how // 2)["params"].clear()


def fill_groups(w: World, p: Tensor, how: int) -> None:
    """Parameters that are in no group are added, as a group or to one."""
    groups = w.optimizer.param_groups
    listed = {id(q) for group in groups for q in group["params"]}
    missing = [q for q in w.parameters if id(q) not in listed]
    if missing and groups and how % 2:
        choose(groups, how // 2)["params"] += missing
    elif missing:
        w.optimizer.add_param_group({"params": missing})


def clear_gradients(w: World, p: Tensor, how: int) -> None:
    """To None or to zeros."""
    if all(
        q.grad is None or q.grad.is_sparse or is_usable(q.grad) for g in w.optimizer.param_groups for q in g["params"]
    ):
        w.optimizer.zero_grad(set_to_none=how % 2 == 0)


def forget_a_parameter(w: World, p: Tensor, how: int) -> None:
    """In the world and in every group; its state stays, or goes too and sets its memory free."""
    if len(w.parameters) > 1:
        w.parameters = [q for q in w.parameters if q is not p]
        for optimizer in w.optimizers:
            for group in optimizer.param_groups:
                group["params"] = [q for q in group["params"] if q is not p]
            if how % 3:
                optimizer.state.pop(p, None)
