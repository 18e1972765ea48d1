"""Parameter groups, their options, and what stands in them."""

import torch
from torch import Tensor

from support.deeds.choosing import choose
from support.misuse import World


def edit_a_group(w: World, p: Tensor, how: int) -> None:
    if not w.optimizer.param_groups:
        w.optimizer.add_param_group({"params": [p]})
    group = choose(w.optimizer.param_groups, how // 5)
    listed = [q is p for q in group["params"]]
    way = how % 5
    if way == 0:
        group["params"].append(p)  # perhaps for a second time
    elif way == 1 and any(listed) and len(listed) > 1:
        del group["params"][listed.index(True)]
    elif way == 2:
        group["params"].reverse()
    elif way == 3:
        group["params"] = [*group["params"]]
    else:
        w.parameters.append(torch.nn.Parameter(w.tensor((3,))))
        w.optimizer.add_param_group({"params": [w.parameters[-1]]})


def edit_the_options(w: World, p: Tensor, how: int) -> None:
    if not w.optimizer.param_groups:
        return
    group, more = choose(w.optimizer.param_groups, how // 9), how // 2
    rates = (0.02, torch.tensor(0.03), torch.tensor([0.04], dtype=torch.float64), torch.tensor([0.1, 0.2]))
    options = {
        "lr": choose(rates, more),
        "betas": choose(((0.5, 0.6), (torch.tensor(0.9), torch.tensor(0.99))), more),
        "momentum": choose((0.0, 0.5), more),
        "weight_decay": choose((0.0, 0.1), more),
        "maximize": bool(more % 2),
        "amsgrad": bool(more % 2),
        "nesterov": bool(more % 2),
    }
    name = choose([name for name in options if name in group], how)
    group[name] = options[name]
