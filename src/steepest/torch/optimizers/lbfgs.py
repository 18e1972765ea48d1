"""L-BFGS with torch.optim's interface, state and results, on the plain functions of `steepest.rules.lbfgs`."""

import inspect
import math
from collections.abc import Mapping
from numbers import Integral
from typing import Any, ClassVar

import torch
from torch import Tensor
from torch.optim import Optimizer

from steepest.hyperparameters.arguments import bind
from steepest.rules.lbfgs import History, Trial, direction, first_step, remember, strong_wolfe, trial
from steepest.torch.internals import hooked, never_traced
from steepest.torch.optimizers.scheduled import ScheduledOptimizer
from steepest.torch.optimizers.vector import Closure, Function, dtype, length
from steepest.torch.optimizers.writers import states_of_rules
from steepest.torch.state import checkpoint
from steepest.torch.state import schedules as scheduled

_MEMORY = ("d", "t", *History._fields, "prev_flat_grad", "prev_loss")
"""What one step leaves for the next, in the order in which torch writes it."""
_LISTS = ("old_dirs", "old_stps", "ro")


class LBFGS(ScheduledOptimizer):
    """Limited-memory BFGS on all parameters as one vector: x ← x - t H g, H from the last `history_size` changes of g.

    lr: the step length, or the first one that the line search tries.  max_iter, max_eval: the most iterations and
    evaluations of the closure in one `step`; max_eval is 5/4 max_iter if not given.  tolerance_grad: enough when no
    element of the gradient is larger.  tolerance_change: enough when neither an element of the parameters nor the loss
    changes by more; negative tolerances never stop.  line_search_fn: None or "strong_wolfe".

    All parameters form one group.  A step ends where the gradient is infinite or no number; the line search takes such
    points for too far.  Raises ValueError, or RuntimeError for an unknown line search.
    Nocedal and Wright, Numerical Optimization, 2006, algorithms 3.5, 3.6 and 7.4.
    """

    signature: ClassVar[inspect.Signature] = inspect.signature(torch.optim.LBFGS)
    __signature__ = signature

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        arguments = bind("LBFGS", self.signature, args, kwargs)
        params = arguments.pop("params")
        if arguments["max_eval"] is None:
            arguments["max_eval"] = arguments["max_iter"] * 5 // 4
        found = scheduled.given(arguments)
        scheduled.check("LBFGS", found, {"lr": 1.0})
        _check(scheduled.with_numbers(arguments))
        self._by_group = {}
        super().__init__(params, scheduled.with_schedules(arguments))

    @property
    def _params(self) -> list[Tensor]:
        """torch's name for them; the state of all lies with the first."""
        return self.param_groups[0]["params"]

    def _step(self, closure: Closure | None = None) -> Any:
        """Iterate until the tolerances, max_iter or max_eval say that it is enough; the loss at the beginning.

        closure: clears the gradients, computes the loss, calls backward() and returns the loss.
        """
        if closure is None:
            raise TypeError(
                "LBFGS evaluates the loss several times a step: pass a closure, `optimizer.step(closure)`, that calls "
                "zero_grad() and backward() and returns the loss."
            )
        _check_line_search(self.param_groups[0]["line_search_fn"])
        self._set_scheduled()
        with torch.no_grad():
            returned = self._iterate(closure)
        self._count_scheduled()
        return returned

    step = hooked(_step)  # type: ignore[assignment]

    def _iterate(self, closure: Closure) -> Any:
        group, state = self.param_groups[0], self.state[self._params[0]]
        state.setdefault("func_evals", 0)
        state.setdefault("n_iter", 0)

        def counted() -> Any:
            returned = closure()
            state["func_evals"] += 1
            return returned

        function = Function(counted, self._params)
        returned, loss, g = function()
        if _is_worth_a_step(g, group["tolerance_grad"]):
            iterations = _Iterations(function, group, state)
            try:
                iterations.run(loss, g)
            finally:  # an interrupted step too leaves a state that fits the parameters
                state.update(iterations.memory)
        return returned

    @never_traced
    def add_param_group(self, param_group: dict[str, Any]) -> None:
        """Add the one parameter group that there can be (ValueError for a second)."""
        super().add_param_group(param_group)
        if len(self.param_groups) > 1:
            self.param_groups.pop()
            raise ValueError(
                "LBFGS doesn't support per-parameter options (parameter groups): all parameters are one vector. "
                "Give all of them in one list, to a new optimizer."
            )
        _check(self.param_groups[0])
        self._find_schedules_of(self.param_groups[0])

    @never_traced
    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:  # type: ignore[override]
        """Take up a checkpoint, of this class or of torch.optim.LBFGS.

        Raises ValueError, and changes nothing, where it is another optimizer's or another model's.
        """
        given: dict[str, Any] = {}
        saved_groups: list[dict[str, Any]] = []

        def check_last(_: Optimizer, found: dict[str, Any]) -> None:
            """After every hook of the user's, which may turn a foreign checkpoint into one that fits."""
            _check_checkpoint(found, self._params)
            _check_order(self.param_groups, found["param_groups"])
            saved_groups.extend(map(dict, found["param_groups"]))
            given.update(found["state"].get(found["param_groups"][0]["params"][0], {}))

        def fit_first(_: Optimizer) -> None:
            """Before every hook of the user's: torch cast everything to the dtype of the first parameter."""
            like = torch.empty(0, dtype=dtype(self._params), device=self._params[0].device)
            for name, value in given.items():
                self.state[self._params[0]][name] = _loaded(value, like)

        last = self.register_load_state_dict_pre_hook(check_last)
        first = self.register_load_state_dict_post_hook(fit_first, prepend=True)
        schedules = self._found_schedules()
        with last, first:
            super().load_state_dict(dict(state_dict))
        self._resume_schedules(schedules, saved_groups)

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)
        for name in self.signature.parameters:
            if name in self.defaults:
                self.param_groups[0].setdefault(name, self.defaults[name])


def _loaded(value: Any, like: Tensor) -> Any:
    """A loaded state on the device of the parameters, vectors in their dtype; numbers stay what they are."""
    if isinstance(value, list):
        return [_loaded(element, like) for element in value]
    if isinstance(value, Tensor):
        return value.to(device=like.device, dtype=like.dtype if value.dim() else value.dtype)
    return value


class _Iterations:
    """The iterations of one call of `step`."""

    def __init__(self, function: Function, group: dict[str, Any], state: dict[str, Any]) -> None:
        self.function, self.group, self.state = function, group, state
        self.memory: dict[str, Any] = {name: state.get(name) for name in _MEMORY}
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
            or not _is_worth_a_step(reached.g, self.group["tolerance_grad"])
            or (d * reached.t).abs().max() <= tolerance
            or abs(reached.loss - start.loss) < tolerance
        )


def _is_worth_a_step(g: Tensor, tolerance: float) -> bool:
    return g.numel() > 0 and tolerance < float(g.abs().max()) < float("inf")


_AT_LEAST = {"max_iter": 0, "max_eval": 0, "history_size": 1}


def _check(arguments: Mapping[str, Any]) -> None:
    """Refuse what no step can work with, in torch's words where it has some."""
    lr = arguments["lr"]
    if isinstance(lr, Tensor) and lr.numel() != 1:
        raise ValueError("Tensor lr must be 1-element")
    if not lr >= 0.0:
        raise ValueError(f"Invalid learning rate: {lr}")
    for name, least in _AT_LEAST.items():
        if not arguments[name] >= least:
            raise ValueError(f"{name} must be at least {least}, not {arguments[name]}")
    if not isinstance(arguments["history_size"], Integral):
        raise ValueError(f"history_size must be a whole number of steps to remember, not {arguments['history_size']}")
    for name in ("tolerance_grad", "tolerance_change"):
        if math.isnan(arguments[name]):
            raise ValueError(f"{name} must be a number; one below 0 never stops a step")
    _check_line_search(arguments["line_search_fn"])


def _check_line_search(name: str | None) -> None:
    if name not in (None, "strong_wolfe"):
        raise RuntimeError(
            f"only 'strong_wolfe' is supported: line_search_fn is {name!r}. Pass None for steps of length lr."
        )


def _check_checkpoint(found: Mapping[str, Any], params: list[Tensor]) -> None:
    """Refuse, before anything is changed, what is not a checkpoint of LBFGS on a vector of this length (ValueError)."""
    groups = found["param_groups"]
    if [len(group["params"]) for group in groups] != [len(params)]:
        return  # torch's own message follows
    state = found["state"].get(groups[0]["params"][0], {})
    is_anothers = "n_iter" not in state and state.keys() & {*_MEMORY, *states_of_rules()}  # not a wrapper's alone
    if "history_size" not in groups[0] or is_anothers:
        names = sorted({*groups[0], *state} - {"params", "param_names", "lr"})
        raise ValueError(
            f"The checkpoint is of another optimizer than LBFGS: it holds {', '.join(names)}. "
            "Load it into that one, or start without it."
        )
    if state.get("d") is not None:
        _check_memory(state, length(params))


def _check_order(groups: list[dict[str, Any]], saved_groups: list[dict[str, Any]]) -> None:
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
    missing = [name for name in _MEMORY if state.get(name) is None or isinstance(state[name], list) != (name in _LISTS)]
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
