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
_WANTED = json.loads(os.environ.get("STEEPEST_SET", "{}"))  # {"AdamW": {"lr": 0.01, "betas.0": 0.95}}


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
        wanted = _WANTED.get(type(self).__name__)
        if wanted:
            params, defaults = _with(wanted, type(self).__name__, params, defaults)
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
        if name not in defaults:
            raise TypeError(f"--set {called}.{place}: {called} has no argument {name!r}. It has {', '.join(defaults)}.")
        before, new = defaults[name], _put(defaults[name], index, value)
        defaults[name] = new
        for group in groups:
            if name in group:
                group[name] = _put(group[name], index, value) if index else _in_proportion(group[name], before, new)
        _say(f"{called}.{place}")
    return groups, defaults


def _put(before, index, value):
    if not index:
        return value
    return tuple(value if place == int(index) else one for place, one in enumerate(before))


def _in_proportion(own, before, new):
    """A group at a tenth of the default's rate stays at a tenth; one without decay stays without."""
    if own == before or isinstance(new, (str, bool)) or not isinstance(own, (int, float)):
        return new
    return new * (own / before) if before else (new if own else own)


def _say(what):
    place = os.environ.get("STEEPEST_REPORT")
    if place:
        with open(place, "a", encoding="utf-8") as file:
            file.write(json.dumps({"set": what}) + "\n")


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
if _WANTED:
    sys.meta_path.insert(0, _WhenImported())
