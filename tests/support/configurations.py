"""The table of optimizer configurations that laws are crossed with, and the few that stand for its shapes.

A law of arithmetic (equals the reference, equals torch) holds or fails for each formula by itself: it takes them all.
A law of structure (layouts, checkpoints, hooks, what is noticed between two steps) sees of a rule only which states it
keeps and how they begin.
"""

from dataclasses import dataclass
from typing import Any

import pytest
import torch

import steepest
from steepest.compiler.program import program
from steepest.compiler.rule import Rule
from support.lion import Lion

Params = Any


@dataclass(frozen=True)
class Configuration:
    """One optimizer with one choice of options."""

    name: str
    options: dict[str, Any]

    @property
    def id(self) -> str:
        """As pytest prints it."""
        return "-".join([self.name, *(k if v is True else f"{k}={v}" for k, v in self.options.items())])

    def ours(self, params: Params, **more: Any) -> Any:
        """Our optimizer."""
        return getattr(steepest, self.name)(params, **self.options, **more)

    def theirs(self, params: Params, **more: Any) -> Any:
        """torch's, one tensor at a time: the path that torch's own tests hold the others to."""
        theirs = Lion if self.name == "Lion" else getattr(torch.optim, self.name)
        return theirs(params, **self.options, **{"foreach": False, **more})

    @property
    def rule(self) -> Rule:
        """The rule behind it."""
        return getattr(steepest, self.name).rule

    @property
    def hyperparameters(self) -> dict[str, Any]:
        """Those of the rule, defaults included."""
        return self.rule.hyperparameters | {k: v for k, v in self.options.items() if k != "maximize"}

    @property
    def maximize(self) -> bool:
        """Whether the step goes up the gradient."""
        return self.options.get("maximize", False)

    @property
    def shape(self) -> tuple[Any, ...]:
        """All that a law of structure can see of its program.

        How many arrays it keeps, how many numbers beside them, whether steps are counted, whether the first step makes
        an array or a number in its own way, and whether the direction is a sign, whose last bits are none.
        """
        found = program(self.rule, self.hyperparameters)
        arrays, numbers = {*found.state}, {*found.scalar_states}
        return (
            len(arrays),
            len(numbers),
            self.rule.counts,
            bool(arrays.intersection(found.uninitialized)),
            bool(numbers.intersection(found.uninitialized)),
            "sign(" in self.rule.source,
        )


_OPTIONS: dict[str, list[dict[str, Any]]] = {
    "SGD": [
        {"lr": 0.01},
        {"lr": 0.01, "momentum": 0.9},
        {"lr": 0.01, "momentum": 0.9, "dampening": 0.3},
        {"lr": 0.01, "momentum": 0.9, "nesterov": True},
        {"lr": 0.01, "momentum": 0.9, "weight_decay": 0.1},
        {"lr": 0.01, "weight_decay": 0.1, "maximize": True},
    ],
    "RMSprop": [
        {"lr": 0.001},
        {"lr": 0.001, "centered": True},
        {"lr": 0.001, "momentum": 0.9},
        {"lr": 0.001, "momentum": 0.9, "centered": True},
        {"lr": 0.001, "alpha": 0.9, "weight_decay": 0.1},
        {"lr": 0.001, "maximize": True},
    ],
    "Adagrad": [
        {"lr": 0.01},
        {"lr": 0.01, "lr_decay": 0.1},
        {"lr": 0.01, "initial_accumulator_value": 0.5},
        {"lr": 0.01, "weight_decay": 0.1},
        {"lr": 0.01, "maximize": True},
    ],
    "Adam": [
        {"lr": 0.001},
        {"lr": 0.001, "amsgrad": True},
        {"lr": 0.001, "weight_decay": 0.1},
        {"lr": 0.001, "weight_decay": 0.1, "decoupled_weight_decay": True},
        {"lr": 0.001, "maximize": True},
        {"lr": 0.001, "betas": (0.5, 0.7), "eps": 1e-3},
        {"lr": 0.001, "betas": (0.0, 0.99)},
    ],
    "Adadelta": [{"lr": 0.5}, {"lr": 0.5, "rho": 0.5, "weight_decay": 0.1}, {"lr": 0.5, "maximize": True}],
    "Adamax": [{"lr": 0.002}, {"lr": 0.002, "weight_decay": 0.1, "betas": (0.5, 0.7)}, {"lr": 0.002, "maximize": True}],
    "NAdam": [
        {"lr": 0.002},
        {"lr": 0.002, "momentum_decay": 0.1, "weight_decay": 0.1},
        {"lr": 0.002, "weight_decay": 0.1, "decoupled_weight_decay": True},
        {"lr": 0.002, "maximize": True},
    ],
    "RAdam": [
        {"lr": 0.001},
        {"lr": 0.001, "weight_decay": 0.1},
        {"lr": 0.001, "weight_decay": 0.1, "decoupled_weight_decay": True},
        {"lr": 0.001, "betas": (0.5, 0.6), "maximize": True},
    ],
    "ASGD": [{"lr": 0.01}, {"lr": 0.01, "t0": 3, "lambd": 0.1, "weight_decay": 0.1}, {"lr": 0.01, "maximize": True}],
    "Rprop": [{"lr": 0.01}, {"lr": 0.01, "etas": (0.3, 2.0), "step_sizes": (0.005, 0.02), "maximize": True}],
    "Lion": [{"lr": 0.001}, {"lr": 0.001, "betas": (0.95, 0.98), "weight_decay": 0.1, "maximize": True}],
    "AdamW": [
        {"lr": 0.001, "weight_decay": 0.1},
        {"lr": 0.001, "amsgrad": True},
        {"lr": 0.001, "maximize": True},
    ],
}

NUMBERS = {"step", "mu_product", "eta", "mu"}
"""The states that are one number for a whole tensor."""

TABLE = [Configuration(name, options) for name, rows in _OPTIONS.items() for options in rows]

STANDS_FOR: dict[str, str] = {
    "SGD-lr=0.01": "no state at all, as torch keeps none",
    "SGD-lr=0.01-weight_decay=0.1-maximize": "no state, up the gradient",
    "SGD-lr=0.01-momentum=0.9-nesterov": "one array that its first step makes from the gradient; steps are not counted",
    "RMSprop-lr=0.001": "one array that begins with zeros; steps are counted",
    "Adagrad-lr=0.01-initial_accumulator_value=0.5": "one array that begins with a hyperparameter",
    "Adam-lr=0.001-amsgrad": "three arrays, and a pair of hyperparameters",
    "Adadelta-lr=0.5": "two arrays, without a pair",
    "Adamax-lr=0.002-maximize": "two arrays, up the gradient",
    "NAdam-lr=0.002-weight_decay=0.1-decoupled_weight_decay": "two arrays and a number; decoupled decay",
    "RAdam-lr=0.001-weight_decay=0.1": "two arrays, and a formula that changes with the number of the step",
    "ASGD-lr=0.01-t0=3-lambd=0.1-weight_decay=0.1": "an array and two numbers, one of which waits",
    "Rprop-lr=0.01-etas=(0.3, 2.0)-step_sizes=(0.005, 0.02)-maximize": "two arrays, one made from lr; signs",
    "Lion-lr=0.001": "one array, not counted, signs; no optimizer of torch's",
    "AdamW-lr=0.001-weight_decay=0.1": "a class of torch's that inherits from another",
}

REPRESENTATIVES = [row for row in TABLE if row.id in STANDS_FOR]
"""One or more of each shape in TABLE, and of each optimizer; tests/test_configurations.py holds them to that."""


def by_representatives(rows: list[Configuration]) -> list[Any]:
    """For a law of structure that is crossed with some rows only: those that do not stand for others are exhaustive."""
    return [row if row in REPRESENTATIVES else pytest.param(row, marks=pytest.mark.exhaustive) for row in rows]
