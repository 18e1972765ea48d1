"""The page of L-BFGS, which is not a rule: written by hand, except its arguments, its sources and its path."""

import ast

import steepest
from steepest.rules import lbfgs as functions

from . import elements as el
from . import valley
from .formula import assigned, block, framed
from .known import Optimizer, file_of, source
from .mathml import Printer
from .memory import ONE_NUMBER, Memory, State
from .words import SOURCES

_SUMMARY = (
    "Step along minus the gradient times an inverse Hessian, that of the last `history_size` changes of the gradient."
)

_LINES = (
    (0, "step = t * d", "the step before this one"),
    (0, "change = g - g_before", ""),
    (0, "", "remember both, unless yᵀs ≤ 1e-10, and at most m pairs"),
    (0, "q = -g", ""),
    (0, "", "for every pair, the newest first"),
    (1, "alpha_i = transpose(s_i) @ q / (transpose(y_i) @ s_i)", ""),
    (1, "q = q - alpha_i * y_i", ""),
    (0, "d = transpose(change) @ step / (transpose(change) @ change) * q", "the newest pair's scale"),
    (0, "", "for every pair, the oldest first"),
    (1, "d = d + (alpha_i - transpose(y_i) @ d / (transpose(y_i) @ s_i)) * s_i", ""),
    (0, "t = lr", "min(1, 1/|g|₁) η at the first step; or as far as the line search says"),
    (0, "p = p + t * d", ""),
)
"""How far a line is indented, its mathematics as Python, and a remark beside it or alone."""


def lbfgs() -> Optimizer:
    """The facts about LBFGS."""
    return Optimizer(
        name="LBFGS",
        rule="lbfgs",
        summary=_SUMMARY,
        cited=("Nocedal and Wright, 2006",),
        sources=SOURCES,
        meanings={},
        formula=_formula(),
        file=file_of(functions.direction),
        source=source(functions.remember, functions.direction, functions.strong_wolfe),
        memories=(_memory(),),
        paths=((_path(), []),),
    )


def _formula() -> str:
    printer = Printer("lbfgs")
    return framed(block((depth, _line(printer, line, said)) for depth, line, said in _LINES))


def _line(printer: Printer, line: str, said: str) -> str:
    if not line:
        return el.math(el.words(said))
    name, _, value = line.partition(" = ")
    beside = el.element("span", said, class_="aside") if said else ""
    return assigned(printer, name, ast.parse(value, mode="eval").body) + beside


def _memory() -> Memory:
    vectors, vector = "up to `history_size` vectors", "one vector"
    return Memory(
        (),
        (
            State("old_dirs", vectors, "float32", "4 · history_size"),
            State("old_stps", vectors, "float32", "4 · history_size"),
            State("d", vector, "float32", "4"),
            State("prev_flat_grad", vector, "float32", "4"),
            State("ro", "up to `history_size` numbers", "float32", ""),
            State("al", "up to `history_size` numbers", "float32", ""),
            State("H_diag", ONE_NUMBER, "float32", ""),
            State("t", ONE_NUMBER, "float32", ""),
            State("prev_loss", ONE_NUMBER, "float", ""),
            State("func_evals", ONE_NUMBER, "int", ""),
            State("n_iter", ONE_NUMBER, "int", ""),
        ),
        None,
        total="8 · history_size + 8",
        short="808",  # with the usual history of 100
    )


def _path() -> valley.Path:
    """One iteration for each step, with the usual rate."""
    options = {"max_iter": 1, "max_eval": 25, "line_search_fn": "strong_wolfe"}
    return valley.path(steepest.LBFGS, 1.0, options, valley.WALKS["LBFGS"])
