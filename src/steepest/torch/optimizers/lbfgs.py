"""L-BFGS with torch.optim's interface, state and results, on the plain functions of `steepest.rules.lbfgs`."""

import inspect
import math
from collections.abc import Mapping
from numbers import Integral
from typing import Any, ClassVar

import torch
from torch import Tensor
from torch.optim import Optimizer

from steepest.torch.internals import hooked, never_traced
from steepest.torch.optimizers import options
from steepest.torch.optimizers.lbfgs_checkpoint import check_checkpoint, check_order, loaded
from steepest.torch.optimizers.lbfgs_helpers import Helpers
from steepest.torch.optimizers.lbfgs_iterations import Iterations, is_worth_a_step
from steepest.torch.optimizers.vector import Closure, Function, dtype
from steepest.torch.state import schedules as scheduled
from steepest.torch.state.arrays import outlasting

_TORCHS = inspect.signature(torch.optim.LBFGS)
_KNOWN = (
    "params", "lr", "max_iter", "max_eval", "tolerance_grad", "tolerance_change", "history_size", "line_search_fn",
    "maximize",
)  # fmt: skip


def _signature() -> inspect.Signature:
    """torch's, with `maximize`, which torch has since 2.14."""
    maximize = inspect.Parameter("maximize", inspect.Parameter.KEYWORD_ONLY, default=False, annotation=bool)
    parameters = [*_TORCHS.parameters.values()]
    return inspect.Signature(parameters if "maximize" in _TORCHS.parameters else [*parameters, maximize])


class LBFGS(Helpers):
    """Limited-memory BFGS on all parameters as one vector: x ← x - t H g, H from the last `history_size` changes of g.

    lr: the step length, or the first one that the line search tries.  max_iter, max_eval: the most iterations and
    evaluations of the closure in one `step`; max_eval is 5/4 max_iter if not given.  tolerance_grad: enough when no
    element of the gradient is larger.  tolerance_change: enough when neither an element of the parameters nor the loss
    changes by more; negative tolerances never stop.  line_search_fn: None or "strong_wolfe".  maximize: the function
    instead of minimizing it.

    All parameters form one group.  A step ends where the gradient is infinite or no number; the line search takes such
    points for too far.  Raises ValueError, or RuntimeError for an unknown line search.
    Nocedal and Wright, Numerical Optimization, 2006, algorithms 3.5, 3.6 and 7.4.
    """

    signature: ClassVar[inspect.Signature] = _signature()
    __signature__ = signature
    unknown: ClassVar[dict[str, Any]] = options.defaults(torch.optim.LBFGS, _KNOWN)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        arguments = self._bound(args, kwargs)
        params = arguments.pop("params")
        if "maximize" not in _TORCHS.parameters:  # nor in torch's groups, and checkpoints of them
            self._maximize = arguments.pop("maximize")
        if arguments["max_eval"] is None:
            arguments["max_eval"] = arguments["max_iter"] * 5 // 4
        found = scheduled.given(arguments)
        scheduled.check("LBFGS", found, {"lr": 1.0})
        _check(scheduled.with_numbers(arguments))
        self._by_group = {}
        super().__init__(params, scheduled.with_schedules(arguments))

    options.with_init_signature(signature, __init__)

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
        are_frozen = any(p.is_inference() for p in self._params)  # then they are stepped in inference_mode, or never
        with torch.inference_mode(are_frozen and torch.is_inference_mode_enabled()), torch.no_grad():
            returned = self._iterate(closure)
        self._count_scheduled()
        return returned

    step: Any = hooked(_step)  # type: ignore[assignment]

    def _iterate(self, closure: Closure) -> Any:
        group, state = self.param_groups[0], self.state[self._params[0]]
        state.setdefault("func_evals", 0)
        state.setdefault("n_iter", 0)

        def counted() -> Any:
            returned = closure()
            state["func_evals"] += 1
            return returned

        function = Function(counted, self._params, self._sign)
        returned, loss, g = function()
        if is_worth_a_step(g, group["tolerance_grad"]):
            iterations = Iterations(function, group, state)
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
            check_checkpoint(found, self._params)
            check_order(self.param_groups, found["param_groups"])
            saved_groups.extend(map(dict, found["param_groups"]))
            given.update(found["state"].get(found["param_groups"][0]["params"][0], {}))

        def fit_first(_: Optimizer) -> None:
            """Before every hook of the user's: torch cast everything to the dtype of the first parameter."""
            like = torch.empty(0, dtype=dtype(self._params), device=self._params[0].device)
            with outlasting():
                for name, value in given.items():
                    self.state[self._params[0]][name] = loaded(value, like)

        last = self.register_load_state_dict_pre_hook(check_last)
        first = self.register_load_state_dict_post_hook(fit_first, prepend=True)
        schedules = self._found_schedules()
        with last, first:
            super().load_state_dict(dict(state_dict))
        self._resume_schedules(schedules, saved_groups)

    def __getstate__(self) -> dict[str, Any]:
        return {**super().__getstate__(), "_maximize": self._maximize}

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)
        for name in self.signature.parameters:
            if name in self.defaults:
                self.param_groups[0].setdefault(name, self.defaults[name])


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
