"""From what the user names (a name, a class, a rule, FILE.py:NAME) to candidates; and the candidates with a name."""

import inspect
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import Any

from steepest.workbench.errors import UsageError, nearest
from steepest.workbench.model.candidate import Candidate, name_of
from steepest.workbench.model.dimension import LOG, Dimension
from steepest.workbench.model.schedules import with_schedules
from steepest.workbench.model.user_code import from_file

# The least number of trials with which a hyperparameter is searched: Godbole, Dahl, Gilmer, Shallue, Nado, "Deep
# Learning Tuning Playbook", 2023 ("fewer than 10 trials: only the learning rate; 10 to 25: beta1 too; 25 and more:
# epsilon; many more: beta2").  Weight decay comes before beta1: of the spread of 512 settings of AdamW on `digits-mlp`
# the rate explains 54 %, the decay 32 %, beta1 0.1 %.  The ranges are ours: they lie around the usual value, on a
# logarithmic scale.  AlgoPerf searches the decoupled decay from 5e-3 to 1 (Dahl et al., 2023).
# How far a search may go on where the best lies at an end (`grows`): below the lower bound of a decay there is only
# none at all; 1 - beta stays between 1e-6 and 0.9.
_NONE_TO_100 = (0.0, 100.0)
_BELOW_ONE = (1e-6, 0.9)
_DECAY = Dimension("weight_decay", 1e-6, 1e-2, scale=LOG, trials=10, grows=_NONE_TO_100)
_DECOUPLED_DECAY = Dimension("weight_decay", 1e-3, 1.0, scale=LOG, trials=10, grows=_NONE_TO_100)
_BETA1 = Dimension("beta1", 0.03, 0.3, scale=LOG, option="betas", trials=10, place=0, from_one=True, grows=_BELOW_ONE)
_BETA2 = Dimension("beta2", 3e-4, 0.03, scale=LOG, option="betas", trials=100, place=1, from_one=True, grows=_BELOW_ONE)
_EPS = Dimension("eps", 1e-10, 1e-4, scale=LOG, trials=26, grows=(1e-16, 1.0))
_MOMENTUM = Dimension("momentum", 0.01, 0.3, scale=LOG, trials=10, from_one=True, grows=_BELOW_ONE)
_ALPHA = Dimension("alpha", 0.003, 0.3, scale=LOG, trials=10, from_one=True, grows=_BELOW_ONE)
_OF_ADAM = (_DECAY, _BETA1, _EPS, _BETA2)

_HEAVY_BALL = "a tenth of plain SGD's: at momentum 0.9 a steady gradient moves ten times as far"
_KNOWN = [
    Candidate(
        "sgd",
        "SGD",
        0.1,
        "Goodfellow, Bengio, Courville, Deep Learning, 2016, section 11.4.1: 0.1 to 1e-6",
        space=(_DECAY,),
    ),
    Candidate("momentum", "SGD", 0.01, _HEAVY_BALL, {"momentum": 0.9}, space=(_DECAY, _MOMENTUM)),
    Candidate("nesterov", "SGD", 0.01, _HEAVY_BALL, {"momentum": 0.9, "nesterov": True}, space=(_DECAY, _MOMENTUM)),
    Candidate("rmsprop", "RMSprop", 0.001, "Hinton, 2012, lecture 6e: 0.001", space=(_DECAY, _ALPHA, _EPS)),
    Candidate("adagrad", "Adagrad", 0.01, "the default of torch.optim", space=(_DECAY, _EPS)),
    Candidate("adam", "Adam", 0.001, "Kingma and Ba, 2015, algorithm 1: 0.001", space=_OF_ADAM),
    Candidate(
        "adamw", "AdamW", 0.001, "Loshchilov and Hutter, 2019: Adam's 0.001", space=(_DECOUPLED_DECAY, *_OF_ADAM[1:])
    ),
    Candidate("amsgrad", "Adam", 0.001, "Adam's, of which it is a variant", {"amsgrad": True}, space=_OF_ADAM),
]
KNOWN = {candidate.name: candidate for candidate in _KNOWN}
DEFAULT_OPTIMIZERS = ("sgd", "momentum", "rmsprop", "adam")
NOT_COMPARABLE = {"LBFGS", "Optimizer", "SparseAdam"}
"""Classes that a task of one loss a step and dense gradients cannot use."""


def reference(steps: int) -> Candidate:
    """The candidate to which every comparison compares: AdamW whose rate falls linearly to zero."""
    return with_schedules([KNOWN["adamw"]], "linear", steps)[0]


def nothing(parameters: Iterable[Any], lr: float) -> Any:
    """The control: an optimizer that leaves the parameters as they are."""
    import torch

    return torch.optim.SGD(parameters, lr=0.0)


NOTHING = Candidate("nothing", nothing, 1.0, "the control")


YARDSTICK = replace(KNOWN["adam"], name="untuned adam")
"""What everybody tries first, untuned: with controls it runs with the fresh seeds of every study."""


def is_yardstick(described: Mapping[str, Any]) -> bool:
    """Whether an optimizer, as the record describes it, is the yardstick under another name: its usual rate runs."""
    mine = replace(YARDSTICK, space=()).described()  # whose space is read from the class: 3 s to import torch
    return all(described.get(name) == mine[name] for name in ("cls", "options", "centre", "schedule"))


def choose(named: str | Iterable[str | Candidate | Callable[..., Any]]) -> list[Candidate]:
    """The candidates for names, candidates, optimizer classes, or rules.

    Raises:
        UsageError: There is no such optimizer, it is named twice, or none is named.
    """
    chosen = [_candidate(each) for each in (named.split(",") if isinstance(named, str) else named)]
    twice = {candidate.name for candidate in chosen if [c.name for c in chosen].count(candidate.name) > 1}
    if twice:
        raise UsageError(
            f"Named twice: {', '.join(sorted(twice))}. Name each optimizer once, or give a Candidate another name."
        )
    if not chosen:
        raise UsageError(f"No optimizer was named, so there is nothing to compare; choose from {', '.join(KNOWN)}.")
    return chosen


def _candidate(named: str | Candidate | Callable[..., Any]) -> Candidate:
    if isinstance(named, Candidate):
        return named
    if callable(named):
        return _of_class(_class_of_rule(named) if _is_rule(named) else named)
    if not isinstance(named, str):
        raise UsageError(f"{named!r} is not an optimizer; give a name, an optimizer class, a rule, or a Candidate.")
    name = named.strip()
    if name.lower() in KNOWN:
        return KNOWN[name.lower()]
    return _in_a_file(name) if ".py:" in name else _of_torch(name) if name.startswith("torch.") else _of_ours(name)


def _in_a_file(name: str) -> Candidate:
    file, _, attribute = name.rpartition(":")
    found = from_file(file, attribute)
    return found if isinstance(found, Candidate) else _candidate(found)


def _of_torch(name: str) -> Candidate:
    import torch

    classes = _classes_of(torch.optim)
    cls = classes.get(name.rpartition(".")[2].lower())
    if cls is None:
        known = [f"torch.{one.__name__}" for one in classes.values()]
        raise UsageError(f"torch.optim has no {name!r}{nearest(name, known)}; it has {', '.join(sorted(known))}.")
    twin = next((one for one in _KNOWN if one.cls == cls.__name__ and not one.options), None)
    made = replace(twin, cls=cls) if twin else _of_class(cls)
    return replace(made, name=f"torch.{cls.__name__}")


def _of_ours(name: str) -> Candidate:
    import steepest

    classes = _classes_of(steepest)
    if name.lower() in classes:
        cls = classes[name.lower()]
        return replace(_of_class(cls), name=name.lower(), cls=cls.__name__)
    known = [*KNOWN, *sorted(set(classes) - set(KNOWN))]
    raise UsageError(
        f"There is no optimizer called {name!r}{nearest(name, known)}; choose from {', '.join(known)}; or "
        "torch.NAME for one of torch.optim, FILE.py:NAME for one of yours."
    )


def _classes_of(module: Any) -> dict[str, Any]:
    names = getattr(module, "__all__", None) or dir(module)
    found = {name: getattr(module, name) for name in names if name[:1].isupper() and name not in NOT_COMPARABLE}
    return {name.lower(): cls for name, cls in found.items() if inspect.isclass(cls) and hasattr(cls, "step")}


def _is_rule(function: Callable[..., Any]) -> bool:
    return inspect.isfunction(function) and list(inspect.signature(function).parameters)[:2] == ["p", "g"]


def _class_of_rule(rule: Callable[..., Any]) -> Callable[..., Any]:
    import steepest

    return steepest.optimizer(rule)


def _of_class(cls: Callable[..., Any]) -> Candidate:
    name = name_of(cls)
    lr = inspect.signature(cls).parameters.get("lr")
    if lr is None:
        raise UsageError(f"{name} takes no argument `lr`, so its rate cannot be searched; wrap it in one that does.")
    known = isinstance(lr.default, int | float) and not isinstance(lr.default, bool)
    source = "its own default" if known else "no default of its own, so the commonest"
    return Candidate(name, cls, float(lr.default) if known else 0.001, source, space=_space_of_class(cls))


def _space_of_class(cls: Callable[..., Any]) -> tuple[Dimension, ...]:
    """The decay, where there is one.  A decay that is not zero by itself does not go through the gradient."""
    decay = inspect.signature(cls).parameters.get("weight_decay")
    if decay is None:
        return ()
    return (_DECOUPLED_DECAY,) if isinstance(decay.default, int | float) and decay.default > 0 else (_DECAY,)
