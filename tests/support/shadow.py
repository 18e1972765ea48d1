"""What one step must do, worked out beforehand on copies: by the rule in float64, parameter after parameter.

    error = step(optimizer)     # None, or what it was refused with; AssertionError if either was wrong

The copies share memory wherever the tensors do.  Gradients count as they were before their group was stepped.  No byte
changes but those of the parameters, states and step counts of a stepped group.  A group with a tensor that cannot be
used is refused as a whole: those before it were stepped, it and those behind it are as they were.
"""

from collections import Counter
from collections.abc import Iterable
from typing import Any

import numpy as np
import torch
from torch import Tensor

from steepest.compiler import branches, host
from steepest.compiler.program import Program, program
from steepest.kernels import reference
from support.inside import inside, placement
from support.refusal import in_memory, overlaps_itself, refusal
from support.wrappers import Wrapper

Group = dict[str, Any]
REFUSALS = (ValueError, RuntimeError, TypeError)
_INTEGER = {1: torch.int8, 2: torch.int16, 4: torch.int32, 8: torch.int64}


def step(optimizer: Any, others: Iterable[Tensor] = ()) -> Exception | None:
    """Take a step and compare it with its shadow.

    others: tensors beside the optimizer's own that it may not touch.
    """
    shadow, error = Shadow(optimizer, others), None
    try:
        optimizer.step()
    except REFUSALS as caught:
        error = caught
    shadow.check(error)
    return error


class Shadow:
    """An optimizer's tensors before a step, and what they must be after it."""

    def __init__(self, optimizer: Any, others: Iterable[Tensor]) -> None:
        self.optimizer = optimizer
        self.refusal = ""
        """Why the step must be refused."""
        self.unspecified = _shares_oddly(optimizer)
        """Whether nobody says what the step gives; it may still not touch other memory."""
        self._copies: dict[int, torch.UntypedStorage] = {}
        self._before: dict[int, tuple[torch.UntypedStorage, Tensor]] = {}
        self._results: dict[tuple[Tensor, str], tuple[Tensor, float, float]] = {}
        self._stepped: list[Tensor] = []
        self._names = {"step", *optimizer.rule.state}
        everything = [t for p, state in optimizer.state.items() for t in (p, *state.values())]
        self._written = [t for p, state in optimizer.state.items() for t in self._of_step(p, state)]
        for tensor in (*everything, *_gradients(optimizer), *others):
            self._remember(tensor)
        copied: dict[int, dict[str, Any]] = {}  # two parameters may have one dictionary
        self._state: dict[Tensor, dict[str, Any]] = {}
        for p, state in optimizer.state.items():
            self._state[p] = copied.setdefault(id(state), {name: self._copy(value) for name, value in state.items()})
        for group in optimizer.param_groups:
            if not self.refusal:
                self._step_group(group)

    def check(self, error: Exception | None) -> None:
        """Compare with what has become of the tensors."""
        if error is None:
            assert not self.refusal, f"not refused: {self.refusal}"
        else:
            assert self.refusal, f"refused without a reason: {error!r}"
            assert len(str(error)) > 20, f"not a sentence: {error!r}"
        self._check_bytes()
        if not self.unspecified:
            self._check_values()

    # --- before -------------------------------------------------------------------------------------------------------

    def _remember(self, tensor: Any) -> None:
        tensor = inside(tensor)
        if isinstance(tensor, Tensor) and tensor.device.type == "cpu":
            storage = tensor.untyped_storage()
            if storage.nbytes():
                self._before[storage._cdata] = storage, _bytes(storage).clone()

    def _of_step(self, p: Any, state: Any) -> list[Any]:
        """What a step writes; the states that wrappers add are theirs."""
        return [p, *(value for name, value in state.items() if name in self._names)]

    def _copy(self, value: Any) -> Any:
        """A plain tensor over a copy of its storage, the same copy for all tensors over it."""
        value = inside(value)
        if not isinstance(value, Tensor) or value.device.type != "cpu" or not in_memory(value):
            return value
        if value.is_sparse:
            values = self._copy(value._values())
            return torch.sparse_coo_tensor(value._indices(), values, value.shape, check_invariants=True).to_dense()
        if overlaps_itself(value):
            return value.detach().as_subclass(Tensor).clone(memory_format=torch.contiguous_format)
        storage = value.untyped_storage()
        copied = _cells(self._copies.setdefault(storage._cdata, storage.clone()), value, value.dtype)
        copied = copied.conj() if value.is_conj() else copied
        return torch._neg_view(copied) if value.is_neg() else copied  # pyright: ignore[reportPrivateImportUsage]

    def _step_group(self, group: Group) -> None:
        try:
            lines = program(self.optimizer.rule, group)
        except (TypeError, ValueError, RuntimeError) as error:  # an option of which nobody can say what it chooses
            self.refusal = str(error)
            return
        stepped = [p for p in group["params"] if p.grad is not None]
        self.refusal = refusal(self.optimizer, lines, group, stepped, self._state)
        if self.refusal:
            return
        self._stepped += stepped
        gradients = [(_values(self._copy(p.grad)), _touched(lines, p)) for p in stepped]
        for p, (g, touched) in zip(stepped, gradients, strict=True):
            self._step(lines, group, p, g, touched)

    def _step(self, lines: Program, group: Group, p: Tensor, g: np.ndarray, touched: np.ndarray | None) -> None:
        rule, state, copy = lines.rule, self._state.setdefault(p, {}), self._copy(p)
        if rule.counts:
            state["step"] = _number(state.get("step", 0.0), counts=True)
            state["step"] += 1
        there = [name for name in lines.kept if state.get(name) is not None]
        given = {name: float(state[name]) if name in lines.scalar_states else _values(state[name]) for name in there}
        options = _options(lines, group)
        old_p, count = _values(copy), float(state["step"]) if rule.counts else 1.0

        def result(real: type) -> dict[str, Any]:
            arrays = {n: value.astype(real) if isinstance(value, np.ndarray) else value for n, value in given.items()}
            with np.errstate(all="ignore"):
                new_p, new = reference.step(
                    rule, old_p.astype(real), g.astype(real), arrays, options,
                    step=count, maximize=bool(group["maximize"]),
                )  # fmt: skip
            return {"": new_p, **new}

        exact, rough = result(np.float64), result(np.float32)
        for name, value in exact.items():
            rounding = self._rounding(value, rough[name])
            if name in lines.scalar_states:
                state[name] = _number(state.get(name) if name in there else 0.0)
                self._write(p, name, state[name], value, rounding)
            elif name:
                state[name] = state[name] if name in there else torch.zeros_like(copy)
                before = given.get(name, np.zeros_like(old_p))
                self._write(p, name, state[name], _where(touched, value, before), rounding)
            else:
                self._write(p, name, copy, _where(touched, value, old_p), rounding)

    def _rounding(self, exact: Any, rough: Any) -> float:
        """What comes of rounding to float32: more than the operations where a difference is taken of the like."""
        if not np.array_equal(np.isfinite(exact), np.isfinite(rough)):
            self.unspecified = True
        with np.errstate(all="ignore"):
            difference = np.abs(np.asarray(exact, np.float64) - rough)
        return float(np.max(difference, where=np.isfinite(difference), initial=0.0))

    def _write(self, p: Tensor, name: str, copy: Tensor, value: Any, rounding: float) -> None:
        before = _largest(copy)
        value = torch.as_tensor(np.asarray(value))
        copy.copy_(torch.complex(value[..., 0], value[..., 1]) if copy.is_complex() else value)
        eps = torch.finfo(torch.promote_types(inside(p).dtype, torch.float32)).eps
        rounding *= eps / torch.finfo(torch.float32).eps
        _, earlier, more = self._results.get((p, name), (copy, 0.0, 0.0))
        self._results[p, name] = copy, before + earlier, rounding + more

    # --- after --------------------------------------------------------------------------------------------------------

    def _check_values(self) -> None:
        written = Counter(expected.untyped_storage()._cdata for expected, *_ in self._results.values())
        sharing = any(count > 1 for count in written.values())  # then one reads what another has rounded
        coarsest = max((torch.finfo(expected.dtype).eps for expected, *_ in self._results.values()), default=0.0)
        roughest = max((rounding for *_, rounding in self._results.values()), default=0.0)
        for (p, name), (expected, before, rounding) in self._results.items():
            actual = inside(self.optimizer.state[p][name] if name else p)
            assert actual.dtype == expected.dtype, f"{name or 'the parameter'} has changed its dtype"
            eps = coarsest if sharing else torch.finfo(torch.promote_types(inside(p).dtype, torch.float32)).eps
            largest = before + _largest(expected)  # of the values that 10 operations may have rounded, and storing
            bound = 10 * eps * max(largest, 1.0) + torch.finfo(expected.dtype).eps * largest
            bound = bound * written[expected.untyped_storage()._cdata] + 16 * (roughest if sharing else rounding)
            message = name or "parameter"
            found, wanted = _values(actual), _values(expected)
            if not np.array_equal(found, wanted):  # which is quick
                np.testing.assert_allclose(found, wanted, rtol=0, atol=bound, err_msg=message)
            if "step" in self._state[p]:
                assert float(self.optimizer.state[p]["step"]) == float(self._state[p]["step"]), "step count"

    def _check_bytes(self) -> None:
        """Nothing has changed but what lies in a parameter or a state that was stepped."""
        for storage, before in self._before.values():
            assert storage.nbytes() == before.numel(), "a storage was resized"
        now = {key: _bytes(storage) for key, (storage, _) in self._before.items()}
        changed = {key: now[key] != before for key, (_, before) in self._before.items() if not before.equal(now[key])}
        writable = [t for p in self._stepped for t in self._of_step(p, self.optimizer.state.get(p, {}))]
        for tensor in map(inside, [*writable, *(self._written if self.unspecified else ())]):
            if isinstance(tensor, Tensor) and in_memory(tensor) and tensor.numel():
                mask = changed.get(tensor.untyped_storage()._cdata)
                if mask is not None:
                    _cells(mask.untyped_storage(), tensor, _INTEGER[tensor.element_size()]).fill_(0)
        for mask in changed.values():
            assert not mask.any(), f"bytes {mask.nonzero().flatten().tolist()} of a storage were overwritten"


def _gradients(optimizer: Any) -> list[Tensor]:
    """The memory of parameters and gradients."""
    found: list[Tensor] = []
    for p in (p for group in optimizer.param_groups for p in group["params"]):
        found.append(p)
        if p.grad is not None:
            g = inside(p.grad)
            found += [g._indices(), g._values()] if g.is_sparse else [g]
    return found


def _shares_oddly(optimizer: Any) -> bool:
    """Whether a parameter shares memory with its own state: which is written last?

    Or a state that must be laid out anew shares memory with anything: in its new memory it does not.
    """
    if _is_hidden_and_shared(optimizer):
        return True
    everywhere = Counter(key for p, state in optimizer.state.items() for key in _storages(p, state))
    for p, state in optimizer.state.items():
        if max(Counter(_storages(p, state)).values(), default=0) > 1:
            return True
        odd = [inside(t) for t in state.values() if isinstance(t, Tensor) and t.dim() and _is_laid_out_anew(t, p)]
        if any(everywhere[t.untyped_storage()._cdata] > 1 for t in odd):
            return True
    return False


def _is_hidden_and_shared(optimizer: Any) -> bool:
    """Whether memory that lies in a wrapper is another tensor's too: nobody can see that."""
    parameters = {id(p): p for group in optimizer.param_groups for p in group["params"]}
    found = [t for p in parameters.values() for t in (p, p.grad, *optimizer.state.get(p, {}).values())]
    every = {id(t): t for t in found if isinstance(t, Tensor)}.values()
    memory = Counter(key for t in every for key in _storages(t, {}))
    return any(memory[key] > 1 for t in every if isinstance(t, Wrapper) for key in _storages(t, {}))


def _is_laid_out_anew(state: Tensor, p: Tensor) -> bool:
    return inside(state).stride() != inside(p).stride() or placement(state) != placement(p)


def _storages(p: Tensor, state: dict[str, Any]) -> list[int]:
    found = [t for t in map(inside, (p, *state.values())) if isinstance(t, Tensor)]
    return [(t._values() if t.is_sparse else t).untyped_storage()._cdata for t in found]


def _touched(lines: Program, p: Tensor) -> np.ndarray | None:
    """The elements that a lazy step moves; None for all."""
    g = p.grad
    if g is None or lines.rule.name != "sparse_adam":  # for SGD and Adagrad a gradient of zero is as good as none
        return None
    there = torch.sparse_coo_tensor(g._indices(), torch.ones(g._values().shape), g.shape, check_invariants=True)
    return _values(there.to_dense()) != 0


def _where(touched: np.ndarray | None, new: Any, old: Any) -> Any:
    return new if touched is None else np.where(touched, new, old)


def _cells(storage: torch.UntypedStorage, like: Tensor, dtype: torch.dtype) -> Tensor:
    """What lies where `like` lies, in another storage."""
    return torch.empty(0, dtype=dtype).set_(storage, like.storage_offset(), like.shape, like.stride())


def _bytes(storage: torch.UntypedStorage) -> Tensor:
    return torch.empty(0, dtype=torch.uint8).set_(storage)


def _values(tensor: Tensor) -> np.ndarray:
    """A copy in float64; complex numbers are two."""
    tensor = inside(tensor).detach().as_subclass(Tensor).resolve_neg().resolve_conj().cpu()
    real = torch.view_as_real(tensor) if tensor.is_complex() else tensor
    return real.to(torch.float64).clone().contiguous().numpy()


def _largest(tensor: Tensor) -> float:
    """The largest magnitude, infinities and NaN aside."""
    values = np.abs(_values(tensor))
    return float(values[np.isfinite(values)].max(initial=0.0))


_COUNT = (torch.float32, torch.float64, torch.int16, torch.int32, torch.int64)


def _number(value: Any, *, counts: bool = False) -> Tensor:
    """As it is where it can be counted up in place, a number of its own elsewhere."""
    if isinstance(value, Tensor) and (value.dtype in _COUNT if counts else value.is_floating_point()):
        return value
    dtype = value.dtype if isinstance(value, Tensor) and value.dtype is torch.float64 else torch.float32
    return torch.tensor(float(value), dtype=dtype)


def _options(lines: Program, group: Group) -> dict[str, Any]:
    """The hyperparameters that count; what chose the lines has only a truth, and may be anything."""
    rule = lines.rule
    chosen = {name: look(group[name]) for name, look in branches.deciding(rule)}
    counting = {name: _plain(group[name], default) for name, default in host.used(lines).items()}
    return {**rule.hyperparameters, **chosen, **counting}


def _plain(value: Any, default: Any) -> Any:
    """A hyperparameter without tensors."""
    if isinstance(default, tuple):
        return tuple(map(float, value))
    return bool(value) if isinstance(default, bool) else float(value)
