"""Sets arguments of a script's optimizers as they are made, for `steepest tune --set AdamW.lr=...`.

Python imports a module of this name before a script, from the first folder of PYTHONPATH that has one.  It needs
nothing but Python, as the script's own environment may not have this package.
"""

import functools
import importlib
import importlib.util
import json
import os
import sys

_BASE = "torch.optim.optimizer"
_WANTED = json.loads(os.environ.get("STEEPEST_SET", "{}"))
"""{"AdamW": {"lr": 0.01, "betas.0": 0.95}, "SGD#2": {"lr": null}}: null asks for the value that the script gives."""
_made: dict[str, int] = {}


class _WhenImported:
    """Changes torch's base class of optimizers when a script imports it; the script itself imports nothing earlier."""

    def find_spec(self, name, path=None, target=None):
        if name != _BASE:
            return None
        sys.meta_path.remove(self)
        spec = importlib.util.find_spec(name)
        if spec is None or spec.loader is None:
            return None
        run = spec.loader.exec_module

        def run_and_change(module):
            run(module)
            _change(module.Optimizer)

        spec.loader.exec_module = run_and_change
        return spec


def _change(base):
    original = base.__init__

    def changed(self, params, defaults):
        kind = type(self).__name__
        _made[kind] = _made.get(kind, 0) + 1
        _say(made=kind)
        for called in (kind, f"{kind}#{_made[kind]}"):
            if called in _WANTED:
                params, defaults = _with(_WANTED[called], called, params, defaults)
        original(self, params, defaults)

    base.__init__ = functools.wraps(original)(changed)


def _with(wanted, called, params, defaults):
    """Groups and defaults with the values that are wanted; a group's own value stays in proportion to the default."""
    given = [*params]
    are_groups = bool(given) and isinstance(given[0], dict)
    groups: list[dict] = [dict(group) for group in given] if are_groups else [{"params": given}]
    defaults = dict(defaults)
    for place, value in wanted.items():
        name, _, index = place.partition(".")
        before = _found(called, place, name, index, defaults)
        _say(set=f"{called}.{place}", before=before[int(index)] if index else before)
        if value is None:
            continue
        defaults[name] = new = _put(before, index, value)
        for group in groups:
            if name in group:
                group[name] = _put(group[name], index, value) if index else _in_proportion(group[name], before, new)
    return groups, defaults


def _found(called, place, name, index, defaults):
    """What the script gives for an argument; an error where the optimizer has none of this name."""
    kind = called.partition("#")[0]
    if name not in defaults:
        _fail(f"--set {called}.{place}: {kind} has no argument {name!r}. It has {', '.join(defaults)}.")
    before = defaults[name]
    if index and not (isinstance(before, (tuple, list)) and int(index) < len(before)):
        _fail(f"--set {called}.{place}: {name} of {kind} is {before!r}, which has no place {index}.")
    if not index and isinstance(before, (tuple, list)):
        _fail(f"--set {called}.{place}: {name} of {kind} is {before!r}; name a place of it, as in {called}.{name}.0.")
    return before


def _fail(sentence):
    _say(error=sentence)
    raise TypeError(sentence)


def _put(before, index, value):
    if not index:
        return value
    return type(before)(value if place == int(index) else one for place, one in enumerate(before))


def _in_proportion(own, before, new):
    """A group at a tenth of the default's rate stays at a tenth; one without decay stays without."""
    if own == before or isinstance(new, (str, bool)) or not isinstance(own, (int, float)):
        return new
    return new * (own / before) if before else (new if own else own)


def _say(**said):
    """One line for the process that waits for the script, whole, whoever else writes there."""
    place = os.environ.get("STEEPEST_REPORT")
    if place:
        line = json.dumps(said, default=lambda value: value.item() if hasattr(value, "item") else str(value))
        descriptor = os.open(place, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        try:
            os.write(descriptor, (line + "\n").encode())
        finally:
            os.close(descriptor)


def _the_next():
    """Run the module of this name that Python would have found without this folder, such as a coverage tool's."""
    here = os.path.dirname(os.path.abspath(__file__))
    sys.path[:] = [folder for folder in sys.path if os.path.abspath(folder or ".") != here]
    own = sys.modules.pop("sitecustomize", None)
    try:
        if importlib.util.find_spec("sitecustomize") is not None:
            importlib.import_module("sitecustomize")
    finally:
        if own is not None and "sitecustomize" not in sys.modules:
            sys.modules["sitecustomize"] = own


_the_next()
if _WANTED and _BASE in sys.modules:  # a tool of the script's environment has imported torch
    _change(sys.modules[_BASE].Optimizer)
elif _WANTED:
    sys.meta_path.insert(0, _WhenImported())
