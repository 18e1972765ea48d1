"""Laws of the signature and the lines."""

import torch

from steepest.compiler.program import program
from steepest.kernels.cpu import codegen
from steepest.testing.compare import Difference
from steepest.testing.law import law
from steepest.testing.subject import Subject, by_rule, problem


@law(cause="a line that no kernel can say, under another choice of the switches.")
def can_be_read(subject: Subject) -> None:
    """The function is a rule for every choice of its switches; else RuleError names the line."""
    for hyperparameters in subject.choices():
        if subject.rule.elementwise:
            codegen.text(program(subject.rule, hyperparameters))


@law(cause="the new value was given another name, or the state is left from an earlier version of the rule.")
def keeps_its_state(subject: Subject) -> None:
    """Every state of the signature is given a new value, for some choice of the switches."""
    made = _made_by_lines(subject) if subject.rule.elementwise else _made_by_steps(subject)
    for name in subject.rule.state:
        if name not in made:
            raise Difference(f"the state {name!r} is never given a new value.")


def _made_by_lines(subject: Subject) -> set[str]:
    lines = (line for chosen in subject.choices() for line in program(subject.rule, chosen).lines)
    return {target for line in lines for target in line.targets}


def _made_by_steps(subject: Subject) -> set[str]:
    """By steps on tensors of several shapes; the rule need not take all of them."""
    made: set[str] = set()
    for chosen in subject.choices():
        for shape in (subject.shape, (4,), (2, 6, 4)):
            try:
                (after,) = by_rule(Subject(subject.function, chosen), *problem(torch.float64, shape, steps=1))
                made |= after.keys()
            except Exception:
                if shape == subject.shape:
                    raise
    return made
