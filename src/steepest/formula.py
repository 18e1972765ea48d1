"""A rule's lines as mathematics in plain text, printed from the rule itself.

square_avg ← α · square_avg + (1 − α) · g · g
"""

import ast
import re

from steepest.program import Program

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
_FIRST_STEP = re.compile(r"'(\w+)' in fresh")


def formula(program: Program) -> str:
    """The lines of a program, one a row: first the numbers of a step, then what happens to every element."""
    slots = {f"c{i}_": text for i, text in enumerate(program.slots)}
    host = [(name.strip("()"), ast.parse(text, mode="eval").body) for name, text in program.host]
    lines = [*host, *program.elements]
    return "\n".join(f"{_names(name)} ← {_text(value, slots)}" for name, value in lines)


def symbol(name: str) -> str:
    """How a hyperparameter is written in a formula: α for alpha, β₁ for beta1, its own name where it has no letter."""
    letters = name.rstrip("0123456789")
    return _GREEK.get(letters, letters) + name[len(letters) :].translate(_SUBSCRIPTS)


def _names(text: str) -> str:
    return ", ".join(symbol(name.strip()) for name in text.split(","))


def _text(node: ast.expr, slots: dict[str, str], inside: int = 0) -> str:  # noqa: PLR0911 - one for each kind
    """`inside`: how tightly the surrounding operator binds; looser text is put in parentheses."""
    match node:
        case ast.Name(id=name) if name in slots:
            return _text(ast.parse(slots[name], mode="eval").body, slots, inside)
        case ast.Name(id=name):
            return symbol(name)
        case ast.Constant(value=value):
            return f"{value:g}" if isinstance(value, float) else str(value)
        case ast.UnaryOp(operand=operand):
            return "−" + _text(operand, slots, 3)
        case ast.BinOp(left=left, op=op, right=right):
            sign, binding = _OPERATORS[type(op)]
            tighter = binding + isinstance(op, (ast.Sub, ast.Div))
            text = _text(left, slots, binding) + sign + _text(right, slots, tighter)
            return f"({text})" if binding < inside else text
        case ast.Compare(left=left, ops=[op], comparators=[right]):
            return f"{_text(left, slots)} {_COMPARISONS[type(op)]} {_text(right, slots)}"
        case ast.Call(func=ast.Name(id=name), args=args):
            if name == "where":
                condition, first, second = (_text(argument, slots) for argument in args)
                return f"({first} if {condition}, else {second})"
            return f"{_CALLS.get(name, name)}({', '.join(_text(argument, slots) for argument in args)})"
        case ast.IfExp(test=test, body=body, orelse=orelse):
            return f"({_text(body, slots)} {_when(test, slots)}, else {_text(orelse, slots)})"
        case _:
            return ast.unparse(node)


def _when(test: ast.expr, slots: dict[str, str]) -> str:
    slot = slots.get(test.left.id, "") if isinstance(test, ast.Compare) and isinstance(test.left, ast.Name) else ""
    return "at the first step" if _FIRST_STEP.fullmatch(slot) else f"if {_text(test, slots)}"
