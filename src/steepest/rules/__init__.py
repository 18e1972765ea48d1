"""The mathematics: every update rule, once, as a plain function.  Its signature is its specification.

    rule(p, g, *state, step, *, hyperparameters) -> (p, *state)

`p` is the parameter and `g` its gradient; the other positional names are the state, one array of the parameter's shape
each; `step` counts from 1.  State starts at zero, unless the rule says `x if state is None else y` for its first step.
"""

from steepest.rules.adagrad import adagrad
from steepest.rules.adam import adam, adamw
from steepest.rules.rmsprop import rmsprop
from steepest.rules.sgd import sgd

__all__ = ["adagrad", "adam", "adamw", "rmsprop", "sgd"]
