"""The numbers of a step, computed once on the host: a Python function made from the program."""

import functools
from collections.abc import Callable, Sequence
from typing import Any

from steepest import ops
from steepest.compiler.expression import Expression, Name, names_in
from steepest.compiler.program import Program
from steepest.compiler.python import assignment, text
from steepest.compiler.values import CONVERTED, conversion, number, several, truth

Scalars = Callable[..., tuple[float, ...]]


@functools.cache
def scalars(program: Program) -> Scalars:
    """`scalars(hyperparameters, step, uninitialized, scalar_states=())`: the slots, then the new scalar states.

    step: the number of the step, from 1.  uninitialized: names of the states that do not exist yet.  All in float64.
    """
    scope: dict[str, Any] = {name: getattr(ops, name) for name in ops.__all__}
    scope |= {"number": number, "truth": truth, "several": several}
    exec(source(program), scope)
    return scope[f"{program.rule.name}_scalars"]


def source(program: Program) -> str:
    """That function as text: it is run at every step, where walking through expressions would cost some 10 us."""
    lines = [f"{name} = {_read(name, default)}" for name, default in used(program).items()]
    lines += [f"{', '.join(program.scalar_states)}, = scalar_states"] if program.scalar_states else []
    lines += [assignment(line) for line in program.host]
    lines.append(f"return {_tuple([*program.slots, *program.results])}")
    head = f"def {program.rule.name}_scalars(h, step, uninitialized, scalar_states=()):\n"
    return head + "".join(f"    {line}\n" for line in lines)


@functools.cache
def used(program: Program) -> dict[str, Any]:
    """The hyperparameters that the numbers of a step are computed from, with their defaults."""
    read = {name for one in (*(line.value for line in program.host), *program.slots) for name in names_in(one)}
    return {name: default for name, default in program.rule.hyperparameters.items() if name in read}


def _tuple(values: Sequence[Expression | Name]) -> str:
    return f"({''.join(f'{text(value)}, ' for value in values)})"


def _read(name: str, default: Any) -> str:
    """Almost all that is read is what it should be: to ask that takes half the time of a conversion."""
    read, found = conversion(default), f"h[{name!r}]"
    wanted = CONVERTED.get(read)
    if wanted is None:
        return f"{read.__name__}({found})"
    return f"_given if type(_given := {found}) is {wanted.__name__} else {read.__name__}(_given)"
