"""The tables of an optimizer's page: its arguments, its state, and the bytes of both."""

from collections.abc import Iterable, Sequence

from . import elements as el
from . import symbols
from .known import Optimizer
from .memory import ONE_NUMBER, Memory, State


def table(titles: Sequence[str], rows: Iterable[Sequence[str]], name: str = "") -> str:
    """A table; columns whose title ends in a colon are aligned to the right.  name: what `docs/style.css` calls it."""
    aligned = ["---:" if title.endswith(":") else "---" for title in titles]
    lines = [[title.rstrip(":") for title in titles], aligned, *rows]
    written = "\n".join(f"| {' | '.join(cell.replace('|', '&#124;') for cell in line)} |" for line in lines)
    return f'<div class="facts {name}" markdown>\n\n{written}\n\n</div>'


def arguments(one: Optimizer) -> str:
    """Name and letter, default, range and meaning of every hyperparameter."""
    rows = [[_named(each.name, one), f"`{each.default}`", each.range, each.meaning] for each in one.arguments]
    return table(["argument", "default", "range", "meaning"], rows, "arguments")


def _named(name: str, one: Optimizer) -> str:
    """A name as in the program, and its letters in the formula."""
    letters = (el.math(el.symbol(letter)) for letter in symbols.letters(name, one.rule))
    return f"`{name}` {', '.join(letters)}".rstrip()


def states(one: Optimizer) -> str:
    """The state of a parameter, and the options that need it."""
    kept: dict[str, tuple[State, Memory]] = {}
    for memory in one.memories:
        for state in memory.states:
            kept.setdefault(state.name, (state, memory))
    if not kept:
        return "None."
    has_options = len(one.memories) > 1
    rows = [_state(state, one) + [_when(memory)] * has_options for state, memory in kept.values()]
    return table(["state", "shape", "dtype", "bytes a parameter:", *["kept"] * has_options], rows)


def _state(state: State, one: Optimizer) -> list[str]:
    shape = f"{state.shape} ({state.of})" if state.of else state.shape
    return [_named(state.name, one), shape, state.dtype, state.bytes or "—"]


def _when(memory: Memory) -> str:
    return f"with {_options(memory)}" if memory.options else "always"


def _options(memory: Memory) -> str:
    return " and ".join(f"`{option}`" for option in memory.options) or "the defaults"


def bytes_moved(one: Optimizer) -> str:
    """What a step reads and writes, and how options change this."""
    usual = one.memories[0]
    if usual.moved is None:
        return (
            f"It keeps {usual.bytes} bytes for each float32 parameter. A step is several operations on whole tensors, "
            "not one pass over memory, so the bytes that it moves are not one number."
        )
    arrays = [f"`{state.name}`" for state in usual.states if state.shape != ONE_NUMBER]
    reads, writes = listed(["the parameter", "its gradient", *arrays]), listed(["the parameter", *arrays])
    rows = [[_options(memory), memory.bytes, str(memory.moved)] for memory in one.memories]
    return (
        f"A step is one pass over memory. With the defaults it reads {reads}, and writes {writes}: "
        f"{usual.moved} bytes for each float32 parameter.\n\n"
        + table(["with", "bytes of state:", "bytes moved:"], rows)
    )


def listed(words: Sequence[str]) -> str:
    """One, two and three."""
    return f"{', '.join(words[:-1])} and {words[-1]}" if len(words) > 1 else words[0]
