"""A rule's lines as mathematics in plain text, printed from the rule itself.

square_avg ← α · square_avg + (1 − α) · g · g
"""

import ast

from steepest.compiler.branches import none_test
from steepest.compiler.program import Program

_GREEK = {"alpha": "α", "beta": "β", "eps": "ε", "rho": "ρ", "lr": "η", "weight_decay": "λ", "momentum": "μ"}
_SUBSCRIPTS = str.maketrans("0123456789", "₀₁₂₃₄₅₆₇₈₉")
_OPERATORS: dict[type[ast.AST], tuple[str, int]] = {
    ast.Add: (" + ", 1),
    ast.Sub: (" − ", 1),
    ast.Mult: (" · ", 2),
    ast.Div: (" / ", 2),
    ast.Pow: ("^", 4),
}
_COMPARISONS: dict[type[ast.AST], str] = {
    ast.Gt: ">", ast.GtE: "≥", ast.Lt: "<", ast.LtE: "≤", ast.Eq: "=", ast.NotEq: "≠",
}  # fmt: skip
_CALLS = {"sqrt": "√", "maximum": "max", "minimum": "min"}


def formula(program: Program) -> str:
    """The lines of a program, one a row."""
    lines = [(name.strip("()"), ast.parse(text, mode="eval").body) for name, text in program.lines]
    return "\n".join(f"{_names(name)} ← {_text(value)}" for name, value in lines)


def symbol(name: str) -> str:
    """How a hyperparameter is written in a formula: α for alpha, β₁ for beta1, its own name where it has no letter."""
    letters = name.rstrip("0123456789")
    return _GREEK.get(letters, letters) + name[len(letters) :].translate(_SUBSCRIPTS)


def _names(text: str) -> str:
    return ", ".join(symbol(name.strip()) for name in text.split(","))


def _text(node: ast.expr, inside: int = 0) -> str:  # noqa: PLR0911 - one for each kind
    """`inside`: how tightly the surrounding operator binds; looser text is put in parentheses."""
    match node:
        case ast.Name(id=name):
            return symbol(name)
        case ast.Constant(value=value):
            return f"{value:g}" if isinstance(value, float) else str(value)
        case ast.UnaryOp(operand=operand):
            return "−" + _text(operand, 3)
        case ast.BinOp(left=left, op=op, right=right):
            sign, binding = _OPERATORS[type(op)]
            tighter = binding + isinstance(op, (ast.Sub, ast.Div))
            text = _text(left, binding) + sign + _text(right, tighter)
            return f"({text})" if binding < inside else text
        case ast.Compare(left=left, ops=[op], comparators=[right]):
            return f"{_text(left)} {_COMPARISONS[type(op)]} {_text(right)}"
        case ast.Call(func=ast.Name(id=name), args=args):
            if name == "where":
                condition, first, second = (_text(argument) for argument in args)
                return f"({first} if {condition}, else {second})"
            return f"{_CALLS.get(name, name)}({', '.join(_text(argument) for argument in args)})"
        case ast.IfExp(test=test, body=body, orelse=orelse):
            return f"({_text(body)} {_when(test)}, else {_text(orelse)})"
        case _:
            return ast.unparse(node)


def _when(test: ast.expr) -> str:
    found = none_test(test)
    if found is None:
        return f"if {_text(test)}"
    _, is_none = found
    return "at the first step" if is_none else "after the first step"
