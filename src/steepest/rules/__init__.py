"""The mathematics: every update rule, once, as a plain function.  Its signature is its specification.

    rule(p, g, *state, step, *, hyperparameters) -> (p, *state)

`p` is the parameter and `g` its gradient; the other positional names are the state, one array of the parameter's shape
each, or one number for a state that is made of numbers alone; `step` counts from 1.  State starts at zero, unless the
rule says `x if state is None else y` for its first step.
"""

from steepest.rules.adadelta import adadelta
from steepest.rules.adafactor import adafactor
from steepest.rules.adagrad import adagrad
from steepest.rules.adam import adam, adamax, adamw, nadam, radam, sparse_adam
from steepest.rules.asgd import asgd
from steepest.rules.muon import muon
from steepest.rules.rmsprop import rmsprop
from steepest.rules.sgd import sgd
from steepest.rules.sign import lion, rprop

__all__ = [
    "adadelta", "adafactor", "adagrad", "adam", "adamax", "adamw", "asgd", "lion", "muon", "nadam", "radam",
    "rmsprop", "rprop", "sgd", "sparse_adam",
]  # fmt: skip
