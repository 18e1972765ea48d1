"""The commands that print and draw what there is: rules, problems, schedules."""

from pathlib import Path
from typing import Annotated

import typer

from steepest.cli.ending import USAGE_ERROR, leave


def list_() -> None:
    """List the rules and the built-in problems, each with its first line."""
    from steepest.show import in_columns, listing
    from steepest.workbench import problems

    print(f"rules (steepest show RULE)\n{listing()}\n\nproblems (steepest compare PROBLEM)")
    print(in_columns(problems.names()))


def show(
    rule: Annotated[
        str,
        typer.Argument(metavar="RULE|FILE.py:FUNCTION|schedule", help="A rule of `list`, or your own; or a schedule."),
    ],
    text: Annotated[
        str | None, typer.Argument(metavar="SCHEDULE", help='As in "warmup(100) then cosine(3e-4, 10_000)".')
    ] = None,
    form: Annotated[
        str, typer.Option("--as", help="summary, formula, numba or triton (what is compiled).")
    ] = "summary",
    settings: Annotated[
        list[str] | None, typer.Option("--with", help="A setting that chooses lines: amsgrad=true. Repeatable.")
    ] = None,
    steps: Annotated[int | None, typer.Option(help="Steps of a schedule that are drawn.")] = None,
    out: Annotated[Path | None, typer.Option(help="Draw the schedule into this PNG, SVG or HTML file.")] = None,
) -> None:
    """Print a rule: its formula, defaults and state, or the kernel made from it; or draw a schedule."""
    if rule == "schedule":
        draw(text, steps, out)
        return
    from steepest.compiler.rule import RuleError
    from steepest.show import ShowError
    from steepest.show import show as text_of

    try:
        print(text_of(rule, form, settings or []).rstrip())
    except (ShowError, RuleError) as error:
        leave(str(error), USAGE_ERROR)


def draw(text: str | None, steps: int | None, out: Path | None) -> None:
    """Draw a schedule in the terminal, or into a file."""
    from steepest import schedules
    from steepest.draw import DrawError, in_terminal, save

    if not text:
        names = ", ".join(name for name in schedules.__all__ if name not in ("Schedule", "parse"))
        leave(
            f'Say which: steepest show schedule "warmup(100) then cosine(3e-4, 10_000)". There are {names}.',
            USAGE_ERROR,
        )
    try:
        schedule = schedules.parse(text)
        if out is None:
            print(in_terminal(schedule, steps))
        else:
            save(schedule, out, steps)
            print(f"{schedule!r} is drawn in {out}")
    except (DrawError, ValueError) as error:
        leave(str(error), USAGE_ERROR)
