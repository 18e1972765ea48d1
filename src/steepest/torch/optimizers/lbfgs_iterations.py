"""The iterations of one step of L-BFGS, and what they leave in the state for the next."""

from typing import Any

from torch import Tensor

from steepest.rules.lbfgs import History, Trial, direction, first_step, remember, strong_wolfe, trial
from steepest.torch.optimizers.vector import Function

MEMORY = ("d", "t", *History._fields, "prev_flat_grad", "prev_loss")
"""What one step leaves for the next, in the order in which torch writes it."""


class Iterations:
    """The iterations of one call of `step`."""

    def __init__(self, function: Function, group: dict[str, Any], state: dict[str, Any]) -> None:
        self.function, self.group, self.state = function, group, state
        self.memory: dict[str, Any] = {name: state.get(name) for name in MEMORY}
        lr = group["lr"]  # a copy of a tensor: the memory keeps it, while schedulers write into the group's
        self.lr = lr.detach().clone().squeeze() if isinstance(lr, Tensor) else lr

    def run(self, loss: float, g: Tensor) -> None:
        """Iterate from here, where loss and gradient are these."""
        done = 0
        while done < self.group["max_iter"]:
            done += 1
            self.state["n_iter"] += 1
            d, t = self._aim(g)
            self.memory.update(d=d, t=t, prev_flat_grad=g, prev_loss=loss)
            start = trial(0, loss, g, d)
            if not start.slope <= -self.group["tolerance_change"]:  # nor where it is no number
                return
            is_last = done == self.group["max_iter"]
            reached = self._search(start, d, t) if self.group["line_search_fn"] else self._go(start, d, t, is_last)
            self.memory["t"] = reached.t
            if is_last or self._is_enough(reached, start, d):
                return
            loss, g = reached.loss, reached.g

    def _aim(self, g: Tensor) -> tuple[Tensor, Any]:
        """The next direction, and the first step length to try."""
        if self.state["n_iter"] == 1 or self.memory["d"] is None:
            nothing = History([], [], [], 1)
            self.memory.update(nothing._asdict())
            return direction(g, nothing)[0], first_step(g, self.lr)
        y, s = g - self.memory["prev_flat_grad"], self.memory["d"] * self.memory["t"]
        size = self.group["history_size"]
        history = remember(History(*(self.memory[name] for name in History._fields)), y, s, size)
        self.memory.update(history._asdict())
        d, alphas = direction(g, history)
        self.state["al"] = alphas + [None] * (size - len(alphas))
        return d, self.lr

    def _go(self, start: Trial, d: Tensor, t: Any, is_last: bool) -> Trial:
        """Step without a search; after the last step nobody asks what the loss has become."""
        self.function.move(t, d)
        if is_last:
            return start._replace(t=t)
        _, loss, g = self.function()
        return Trial(t, loss, g, None)

    def _search(self, start: Trial, d: Tensor, t: Any) -> Trial:
        budget = self.group["max_eval"] - self.function.evaluations
        try:
            found = strong_wolfe(self.function.along(d), start, t, d, budget)
        except BaseException:  # the parameters are where they were: as if this iteration had not begun
            self.memory["t"] = 0
            self.state["n_iter"] -= 1
            raise
        self.function.move(found.t, d)
        return found

    def _is_enough(self, reached: Trial, start: Trial, d: Tensor) -> bool:
        tolerance = self.group["tolerance_change"]
        return bool(
            self.function.evaluations >= self.group["max_eval"]
            or not is_worth_a_step(reached.g, self.group["tolerance_grad"])
            or (d * reached.t).abs().max() <= tolerance
            or abs(reached.loss - start.loss) < tolerance
        )


def is_worth_a_step(g: Tensor, tolerance: float) -> bool:
    return g.numel() > 0 and tolerance < float(g.abs().max()) < float("inf")
