"""The page of L-BFGS, which is not a rule: written by hand, except its arguments, its sources and its path."""

import steepest
from steepest.compiler.expression import Expression, Name, Operation
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


def _product(a: Expression, b: Expression) -> Expression:
    """The scalar product of two vectors."""
    return Operation("matmul", (Operation("transpose", (a,)), b))


def _over(a: Expression, b: Expression) -> Expression:
    return Operation("truediv", (a, b))


(STEP, CHANGE, G, G_BEFORE, Q, D, S_I, Y_I, ALPHA_I, T, LR, P) = map(
    Name, ("step", "change", "g", "g_before", "q", "d", "s_i", "y_i", "alpha_i", "t", "lr", "p")
)
_LINES: tuple[tuple[int, Name | None, Expression, str], ...] = (
    (0, STEP, T * D, "the step before this one"),
    (0, CHANGE, G - G_BEFORE, ""),
    (0, None, G, "remember both, unless yᵀs ≤ 1e-10, and at most m pairs"),
    (0, Q, -G, ""),
    (0, None, G, "for every pair, the newest first"),
    (1, ALPHA_I, _over(_product(S_I, Q), _product(Y_I, S_I)), ""),
    (1, Q, Q - ALPHA_I * Y_I, ""),
    (0, D, _over(_product(CHANGE, STEP), _product(CHANGE, CHANGE)) * Q, "the newest pair's scale"),
    (0, None, G, "for every pair, the oldest first"),
    (1, D, D + (ALPHA_I - _over(_product(Y_I, D), _product(Y_I, S_I))) * S_I, ""),
    (0, T, LR, "min(1, 1/|g|₁) η at the first step; or as far as the line search says"),
    (0, P, P + T * D, ""),
)
"""How far a line is indented, what is given which value, and a remark beside it, or alone where nothing is given."""


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
    return framed(block((depth, _line(printer, name, value, said)) for depth, name, value, said in _LINES))


def _line(printer: Printer, name: Name | None, value: Expression, said: str) -> str:
    if name is None:
        return el.math(el.words(said))
    beside = el.element("span", said, class_="aside") if said else ""
    return assigned(printer, name.name, value) + beside


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
