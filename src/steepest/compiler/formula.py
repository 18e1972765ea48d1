"""A rule's lines as mathematics in plain text, printed from the program.

square_avg ← α · square_avg + (1 − α) · g · g
"""

from steepest.compiler.expression import Constant, Expression, FirstStep, Name, Operation
from steepest.compiler.program import Program
from steepest.compiler.python import text

GREEK = {"alpha": "α", "beta": "β", "eps": "ε", "rho": "ρ", "lr": "η", "weight_decay": "λ", "momentum": "μ"}
"""The letters of hyperparameters on which papers agree."""
_SUBSCRIPTS = str.maketrans("0123456789", "₀₁₂₃₄₅₆₇₈₉")
_SIGN, _POWER = 3, 4
_OPERATORS = {"add": (" + ", 1), "sub": (" − ", 1), "mul": (" · ", 2), "truediv": (" / ", 2), "pow": ("^", _POWER)}
"""The sign, and how tightly it binds."""
COMPARISONS = {"gt": ">", "ge": "≥", "lt": "<", "le": "≤", "eq": "=", "ne": "≠"}
_FUNCTIONS = {"sqrt": "√", "maximum": "max", "minimum": "min"}


def formula(program: Program) -> str:
    """The lines of a program, one a row."""
    return "\n".join(f"{', '.join(map(symbol, line.targets))} ← {_text(line.value)}" for line in program.lines)


def symbol(name: str) -> str:
    """How a hyperparameter is written in a formula: α for alpha, β₁ for beta1, its own name where it has no letter."""
    letters = name.rstrip("0123456789")
    return GREEK.get(letters, letters) + name[len(letters) :].translate(_SUBSCRIPTS)


def _text(node: Expression, inside: int = 0) -> str:  # noqa: PLR0911 - one for each kind
    """`inside`: how tightly the surrounding operator binds; looser text is put in parentheses."""
    match node:
        case Name(name=name):
            return symbol(name)
        case Constant(value=value):
            return f"{value:g}" if isinstance(value, float) else str(value)
        case Operation(name="neg", arguments=(operand,)):
            return "−" + _text(operand, _SIGN)
        case Operation(name=name, arguments=(left, right)) if name in _OPERATORS:
            sign, binding = _OPERATORS[name]
            tighter = binding + (name in ("sub", "truediv"))
            written = _text(left, binding) + sign + _text(right, tighter)
            return f"({written})" if binding < inside else written
        case Operation(name=name, arguments=(left, right)) if name in COMPARISONS:
            return f"{_text(left)} {COMPARISONS[name]} {_text(right)}"
        case Operation(name="where", arguments=(test, first, second)):
            return f"({_text(first)} if {_text(test)}, else {_text(second)})"
        case Operation(name="if_else", arguments=(FirstStep(), first, later)):
            return f"({_text(first)} at the first step, else {_text(later)})"
        case Operation(name="tuple" | "and_" | "or_" | "invert"):
            return text(node)
        case Operation(name=name, arguments=arguments):
            return f"{_FUNCTIONS.get(name, name)}({', '.join(map(_text, arguments))})"
    return text(node)
