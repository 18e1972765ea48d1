"""The commands that make studies, and what is written of them."""

import json
import sys
from collections.abc import Callable
from contextlib import redirect_stdout
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import typer

from steepest.cli import options, scripts
from steepest.workbench.errors import Interrupted, check_extra
from steepest.workbench.model.optimizers import DEFAULT_OPTIMIZERS
from steepest.workbench.model.schedules import CONSTANT

DEFAULT_NAMES = ",".join(DEFAULT_OPTIMIZERS)


def compare(
    problem: options.Problem,
    optimizers: options.Optimizers = None,
    budget: options.Budget = None,
    seeds: options.Seeds = None,
    schedules: options.Schedules = CONSTANT,
    rates: options.Rates = None,
    search: options.Search = "",
    prune: options.Prune = "none",
    steps: options.Steps = None,
    metric: options.Metric = None,
    higher: options.Higher = None,
    controls: options.Controls = True,
    seed: options.Seed = 0,
    workers: options.Workers = None,
    ray: options.Ray = None,
    cpus_per_run: options.CpusPerRun = 1,
    gpus_per_run: options.GpusPerRun = 0.0,
    stacked: options.Stacked = None,
    out: options.Out = None,
    as_json: options.Json = False,
    quiet: options.Quiet = False,
    fresh: options.Fresh = False,
    dry_run: options.DryRun = False,
    log_to: options.LogTo = None,
    live: options.Live = False,
) -> None:
    """Search each optimizer's settings at equal cost, run the best again with fresh seeds, and write a report.

    The same command continues a study that was interrupted.
    """
    from steepest.workbench.study.compare import compare as run_comparison

    chosen = None if optimizers is None else _names(optimizers)
    given: dict[str, Any] = {"schedules": schedules, "rates": rates, "steps": steps, "seed": seed, "out": out}
    given |= {"metric": metric, "higher_is_better": higher, "controls": controls, "workers": workers, "fresh": fresh}
    given["prune"] = prune
    given |= {"stacked": stacked, "ray": ray, "cpus_per_run": cpus_per_run, "gpus_per_run": gpus_per_run}
    given |= {"log_to": log_to or (), "live": live}
    _conduct(partial(run_comparison, problem, chosen, budget, seeds, search=search, **given), as_json, quiet, dry_run)


def tune(
    problem: options.Tunable,
    arguments: options.Arguments = None,
    optimizer: options.Tuned = "adamw",
    search: options.Search = "",
    budget: options.TuningBudget = "trials=32",
    seeds: options.Seeds = None,
    strategy: options.Strategy = "staged",
    prune: options.Prune = "none",
    from_outside: options.FromOutside = None,
    pattern: options.Pattern = "",
    timeout: options.Timeout = None,
    schedules: options.Schedules = CONSTANT,
    steps: options.Steps = None,
    metric: options.Metric = None,
    higher: options.Higher = None,
    seed: options.Seed = 0,
    workers: options.Workers = None,
    ray: options.Ray = None,
    cpus_per_run: options.CpusPerRun = 1,
    gpus_per_run: options.GpusPerRun = 0.0,
    stacked: options.Stacked = None,
    out: options.Out = None,
    as_json: options.Json = False,
    quiet: options.Quiet = False,
    fresh: options.Fresh = False,
    dry_run: options.DryRun = False,
    log_to: options.LogTo = None,
    live: options.Live = False,
) -> None:
    """Tune an optimizer and numbers of the task: the rate, then weight decay, then all by a model of the results.

    Or numbers of a script that you have, changed in no line:
    steepest tune train.py --metric val_loss -- --lr {lr:1e-4..1e-1:log} --seed {seed}

    The same command continues a study that was interrupted.
    """
    from steepest.workbench.study.tune import tune as run_tuning

    if scripts.is_script(problem, arguments, from_outside, pattern, timeout):
        own: dict[str, Any] = {"optimizer": optimizer, "search": search, "schedules": schedules, "steps": steps}
        asked: dict[str, Any] = {"metric": metric, "higher_is_better": higher, "pattern": pattern, "timeout": timeout}
        asked |= {"log_to": log_to or (), "live": live}
        asked |= {"settings": from_outside or [], "strategy": strategy, "seed": seed, "workers": workers}
        asked |= {"prune": prune, "ray": ray, "cpus_per_run": cpus_per_run, "gpus_per_run": gpus_per_run}
        made = scripts.script_study(problem, arguments or [], budget, seeds, own, out=out, fresh=fresh, **asked)
        _conduct(made, as_json, quiet, dry_run)
        return
    given: dict[str, Any] = {"schedules": schedules, "steps": steps, "seed": seed, "out": out, "workers": workers}
    given |= {"metric": metric, "higher_is_better": higher, "fresh": fresh, "search": search, "strategy": strategy}
    given["prune"] = prune
    given |= {"stacked": stacked, "ray": ray, "cpus_per_run": cpus_per_run, "gpus_per_run": gpus_per_run}
    given |= {"log_to": log_to or (), "live": live}
    _conduct(partial(run_tuning, problem, _names(optimizer), budget, seeds, **given), as_json, quiet, dry_run)


def lr_range(
    problem: options.Problem,
    optimizers: Annotated[str, typer.Option(help="Names, separated by commas.")] = DEFAULT_NAMES,
    seeds: Annotated[int, typer.Option(help="Runs with a rising rate, for each optimizer.")] = 3,
    steps: Annotated[int | None, typer.Option(help="Length of a whole run; the problem's own if not given.")] = None,
    workers: options.Workers = None,
    ray: options.Ray = None,
    cpus_per_run: options.CpusPerRun = 1,
    gpus_per_run: options.GpusPerRun = 0.0,
    out: Annotated[Path | None, typer.Option(help="Draw the curves into this PNG, SVG or HTML file.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Write the result to stdout as one JSON object.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Write nothing but errors.")] = False,
) -> None:
    """Find between which learning rates to search, and with which to begin, in a few short runs."""
    from rich.console import Console

    from steepest.workbench.report import range_table
    from steepest.workbench.study.lr_range import lr_range as run_range_test

    errors = Console(stderr=True)
    tells = errors.is_terminal and not quiet and not as_json
    tell = (lambda said: errors.print(said, style="dim")) if tells else (lambda said: None)
    if out is not None:
        from steepest.workbench.report.figures.range_test import check_name

        check_name(out)
    names = _names(optimizers)
    with redirect_stdout(sys.stderr):  # stdout is for the output of this command alone
        places: dict[str, Any] = {"workers": workers, "ray": ray}
        places |= {"cpus_per_run": cpus_per_run, "gpus_per_run": gpus_per_run}
        tested = run_range_test(problem, names, seeds, steps=steps, tell=tell, **places)
    if as_json:
        print(json.dumps(tested.as_data()))
    elif not quiet:
        range_table.show(tested.found, tested.metric, Console())
    if out is not None:
        tested.save(out)
        if not quiet and not as_json:
            print(f"\nThe curves are in {out}")


def new(
    file: Annotated[Path, typer.Argument(metavar="FILE.py", help="The file to write; it must not exist yet.")],
) -> None:
    """Write a task to start from.  It runs as it is, and its comments say what to replace."""
    from steepest.workbench.template import write

    write(file)
    print(f"{file} is written. It runs as it is:\n  steepest lr-range {file}:task\n  steepest compare {file}:task")


def report(
    folders: Annotated[list[Path], typer.Argument(help="Folders that `steepest compare` has made; several as one.")],
    out: Annotated[
        Path | None,
        typer.Option(
            help="Folder for the report of several studies; beside the first one, named after all, if not given."
        ),
    ] = None,
    show: Annotated[bool, typer.Option("--open", help="Open the report in the browser.")] = False,
) -> None:
    """Write the report and its figures again, from the record; one report for several studies of one problem."""
    from steepest.workbench.report.terminal import announce
    from steepest.workbench.store.folder import existing
    from steepest.workbench.store.record import Record
    from steepest.workbench.study.reports import report_together, write_report

    place = folders[0]
    if len(folders) == 1 and out is None:
        with Record(existing(place)) as record:
            announce(write_report(record), place)
    else:
        place = out or place.parent / "+".join(folder.name for folder in folders)
        announce(report_together(folders, place), place)
    if show:
        typer.launch((place / "report.html").resolve().as_uri())


def _names(typed: str) -> list[str]:
    return [name for name in typed.split(",") if name.strip()]


def _conduct(run: Callable[..., Any], as_json: bool, quiet: bool, dry_run: bool) -> None:
    """Make a study, and say what came out."""
    check_extra()
    from rich.console import Console

    from steepest.workbench.progress import watcher_of_command
    from steepest.workbench.progress.json_events import JsonEvents
    from steepest.workbench.report.terminal import announce
    from steepest.workbench.store.manifest import command_line

    events = JsonEvents(sys.stdout) if as_json else None
    watcher = watcher_of_command(Console(stderr=True), events, quiet)
    try:
        with redirect_stdout(sys.stderr):  # stdout is for the output of this command alone
            if dry_run:
                run(watcher=watcher, dry_run=True)
                return
            result = run(command=command_line(), watcher=watcher)
    except KeyboardInterrupt:  # the second Ctrl-C, or one before the study began
        raise Interrupted(
            "Stopped at once. Runs that had ended are kept; the same command, without --fresh, continues from there."
        ) from None
    if events is None and not quiet:
        announce(result.numbers, result.folder)
    if result.numbers.nothing_trained:
        raise typer.Exit(1)  # the report says why; a script must not go on with it
