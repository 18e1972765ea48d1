"""The command line: `new`, `lr-range`, `compare`, `report`, `list`, `show`; nothing heavy is imported early."""

import sys
from contextlib import redirect_stdout
from pathlib import Path
from typing import Annotated, Any, NoReturn

from steepest.workbench.errors import Interrupted, WorkbenchError, missing_extra

try:
    import typer
except ModuleNotFoundError as error:  # the package without its workbench extra
    raise SystemExit(missing_extra(error) or str(error)) from None

app = typer.Typer(
    help="Optimizers written once as plain functions; and a workbench that says which one to use.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)

USAGE = 2


def _print_version(wanted: bool) -> None:
    if wanted:
        import steepest

        print(f"steepest {steepest.__version__}")
        raise typer.Exit


@app.callback()
def program(
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version and end.")
    ] = False,
) -> None:
    """Optimizers written once as plain functions; and a workbench that says which one to use."""


@app.command()
def compare(
    problem: Annotated[
        str,
        typer.Argument(metavar="PROBLEM|FILE.py:FUNCTION", help="A built-in problem, or a task function of yours."),
    ],
    optimizers: Annotated[
        str | None,
        typer.Option(
            help="Names, separated by commas: ours, torch.NAME, FILE.py:NAME. By default sgd,momentum,rmsprop,adam."
        ),
    ] = None,
    budget: Annotated[
        str | None, typer.Option(help="Of each optimizer's search: trials=16 (the default), steps=1e6 or time=2h.")
    ] = None,
    seeds: Annotated[
        int | None, typer.Option(help="Fresh seeds for the best two settings of each; 5 by default.")
    ] = None,
    schedules: Annotated[
        str, typer.Option(help="Of the rate: constant, linear, cosine, warmup-cosine, wsd, one-cycle, inverse-sqrt.")
    ] = "constant",
    rates: Annotated[
        str | None, typer.Option(help="Try these with every optimizer: 0.1,0.01, or LOWEST:HIGHEST:COUNT.")
    ] = None,
    steps: Annotated[int | None, typer.Option(help="Length of a run; the problem's own if not given.")] = None,
    metric: Annotated[str | None, typer.Option(help="What decides; the problem's own if not given.")] = None,
    higher: Annotated[
        bool | None, typer.Option("--higher-is-better/--lower-is-better", help="The direction of --metric.")
    ] = None,
    controls: Annotated[
        bool, typer.Option(help="Also run AdamW with linear decay, usual rates, and an optimizer that does nothing.")
    ] = True,
    seed: Annotated[int, typer.Option(help="Of the search; the fresh seeds follow it.")] = 0,
    workers: Annotated[int, typer.Option(help="Processes that train at the same time.")] = 1,
    out: Annotated[Path | None, typer.Option(help="Folder for the results; runs/PROBLEM if not given.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Write events to stdout, one JSON object a line.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Write nothing but errors.")] = False,
    fresh: Annotated[bool, typer.Option("--fresh", help="Start over, discarding the study in the folder.")] = False,
) -> None:
    """Search each optimizer's settings at equal cost, try the best again with fresh seeds, and write a report.

    The same command goes on with a study that was interrupted.
    """
    from rich.console import Console

    from steepest.workbench.conducting.events import Events
    from steepest.workbench.conducting.progress import Line
    from steepest.workbench.conducting.watcher import Watcher
    from steepest.workbench.keeping.folder import command_line
    from steepest.workbench.report.terminal import announce
    from steepest.workbench.study import compare as conduct

    errors = Console(stderr=True)
    events = Events(sys.stdout)
    shown = Line(errors) if errors.is_terminal and not quiet else Watcher()
    watcher = events if as_json else shown
    chosen = None if optimizers is None else [name for name in optimizers.split(",") if name.strip()]
    options: dict[str, Any] = {"schedules": schedules, "rates": rates, "steps": steps, "seed": seed, "out": out}
    options |= {"metric": metric, "higher_is_better": higher, "controls": controls, "workers": workers, "fresh": fresh}
    try:
        with redirect_stdout(sys.stderr):  # what a task prints is not what this command says
            result = conduct(problem, chosen, budget, seeds, **options, command=command_line(), watcher=watcher)
    except KeyboardInterrupt:  # the second Ctrl-C, or one before the study began
        raise Interrupted(
            "Stopped at once. Runs that had ended are kept, and the same command, without --fresh, goes on from there."
        ) from None
    if as_json:
        events.result(result.numbers, str(result.folder))
    elif not quiet:
        announce(result.numbers, result.folder)


@app.command("lr-range")
def lr_range(
    problem: Annotated[
        str,
        typer.Argument(metavar="PROBLEM|FILE.py:FUNCTION", help="A built-in problem, or a task function of yours."),
    ],
    optimizers: Annotated[str, typer.Option(help="Names, separated by commas.")] = "sgd,momentum,rmsprop,adam",
    seeds: Annotated[int, typer.Option(help="Runs with a rising rate, for each optimizer.")] = 3,
    steps: Annotated[int | None, typer.Option(help="Length of a whole run; the problem's own if not given.")] = None,
    out: Annotated[Path | None, typer.Option(help="Draw the curves into this PNG, SVG or HTML file.")] = None,
) -> None:
    """Find between which learning rates to search, and with which to begin, in a few short runs."""
    from rich.console import Console

    from steepest.workbench.rates import lr_range as find
    from steepest.workbench.report import range_figure

    errors = Console(stderr=True)
    tell = (lambda said: errors.print(said, style="dim")) if errors.is_terminal else (lambda said: None)
    if out is not None:
        range_figure.check_name(out)
    tested = find(problem, [name for name in optimizers.split(",") if name.strip()], seeds, steps=steps, tell=tell)
    range_figure.show(tested, Console())
    if out is not None:
        tested.save(out)
        print(f"\nThe curves are in {out}")


@app.command()
def new(
    file: Annotated[Path, typer.Argument(metavar="FILE.py", help="The file to write; it must not be there yet.")],
) -> None:
    """Write a task to start from: it runs as it is, and says what to replace."""
    from steepest.workbench.template import write

    write(file)
    print(f"{file} is written. It runs as it is:\n  steepest lr-range {file}:task\n  steepest compare {file}:task")


@app.command()
def report(
    folders: Annotated[list[Path], typer.Argument(help="Folders that `steepest compare` has made; several as one.")],
    out: Annotated[
        Path | None, typer.Option(help="Where the report of several goes; beside the first, named after all.")
    ] = None,
    show: Annotated[bool, typer.Option("--open", help="Open the report in the browser.")] = False,
) -> None:
    """Write the report and its figures again, from the record; of several studies of one problem, one report."""
    from steepest.workbench.keeping.folder import existing
    from steepest.workbench.keeping.record import Record
    from steepest.workbench.report.terminal import announce
    from steepest.workbench.study import finish, report_together

    place = folders[0]
    if len(folders) == 1 and out is None:
        with Record(existing(place)) as record:
            announce(finish(record), place)
    else:
        place = out or place.parent / "+".join(folder.name for folder in folders)
        announce(report_together(folders, place), place)
    if show:
        typer.launch((place / "report.html").resolve().as_uri())


@app.command("list")
def list_() -> None:
    """List the rules and the built-in problems, each with its first line."""
    from steepest.show import in_columns, listing
    from steepest.workbench import problems

    print(f"rules (steepest show RULE)\n{listing()}\n\nproblems (steepest compare PROBLEM)")
    print(in_columns(problems.names()))


@app.command()
def show(
    rule: Annotated[
        str,
        typer.Argument(metavar="RULE|FILE.py:FUNCTION|schedule", help="A rule of `list`, or your own; or a schedule."),
    ],
    text: Annotated[
        str | None, typer.Argument(metavar="SCHEDULE", help='As in "warmup(100) then cosine(3e-4, 10_000)".')
    ] = None,
    form: Annotated[str, typer.Option("--as", help="summary, formula, or numba: what is compiled.")] = "summary",
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
        leave(str(error), USAGE)


def draw(text: str | None, steps: int | None, out: Path | None) -> None:
    """Draw a schedule in the terminal, or into a file."""
    from steepest import schedules
    from steepest.draw import DrawError, in_terminal, save

    if not text:
        names = ", ".join(name for name in schedules.__all__ if name not in ("Schedule", "parse"))
        leave(f'Say which: steepest show schedule "warmup(100) then cosine(3e-4, 10_000)". There are {names}.', USAGE)
    try:
        schedule = schedules.parse(text)
        if out is None:
            print(in_terminal(schedule, steps))
        else:
            save(schedule, out, steps)
            print(f"{schedule!r} is drawn in {out}")
    except (DrawError, ValueError) as error:
        leave(str(error), USAGE)


def main() -> None:
    """Run a command; every error that is not ours to repair is a sentence and an exit code."""
    try:
        app()
    except WorkbenchError as error:
        leave(str(error), error.exit_code)
    except ModuleNotFoundError as error:
        if not missing_extra(error):
            raise
        leave(missing_extra(error), 1)


def leave(message: str, code: int) -> NoReturn:
    """Say why, and end the process."""
    print(message, file=sys.stderr)
    raise SystemExit(code)


if __name__ == "__main__":
    main()
