"""The arguments and options that commands share, each with its sentence."""

from pathlib import Path
from typing import Annotated

import typer

from steepest.workbench.model.optimizers import DEFAULT_OPTIMIZERS
from steepest.workbench.model.schedules import SCHEDULES

Problem = Annotated[
    str, typer.Argument(metavar="PROBLEM|FILE.py:FUNCTION", help="A built-in problem, or a task function of yours.")
]
Optimizers = Annotated[
    str | None,
    typer.Option(
        help=f"Names, separated by commas: ours, torch.NAME, FILE.py:NAME. By default {', '.join(DEFAULT_OPTIMIZERS)}."
    ),
]
Tuned = Annotated[
    str, typer.Option(help="What is tuned: ours, torch.NAME or FILE.py:NAME; several share nothing but the seeds.")
]
Budget = Annotated[
    str | None, typer.Option(help="For the search of each optimizer: trials=16 (the default), steps=1e6 or time=2h.")
]
TuningBudget = Annotated[str, typer.Option(help="For each optimizer: trials=32, steps=1e6 or time=2h.")]
Tunable = Annotated[
    str,
    typer.Argument(
        metavar="PROBLEM|FILE.py:FUNCTION|SCRIPT",
        help="A built-in problem, a task function of yours, or a script (a Python file, or a program as torchrun).",
    ),
]
Arguments = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="[-- ARGUMENTS OF THE SCRIPT]",
        help="With places for what is searched, and for the seed: --lr {lr:1e-4..1e-1:log} --seed {seed}; a value "
        "behind a range is what you use today, {lr:1e-4..1e-1:log=1e-3}.",
    ),
]
FromOutside = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        metavar="CLASS.ARGUMENT=RANGE",
        help="For a script: an argument of its optimizers that is searched from outside: AdamW.lr=1e-4..1e-1:log. "
        "Repeatable.",
    ),
]
Pattern = Annotated[
    str,
    typer.Option(
        help="For a script that does not report its metric: a regular expression for a line that it prints, "
        r"'val loss (?P<val_loss>\S+)'. Without it the metric's name with a number behind it is looked for."
    ),
]
Timeout = Annotated[str | None, typer.Option(help="For a script: a run is ended after this time, such as 30min.")]
Seeds = Annotated[
    int | None, typer.Option(help="Number of fresh seeds for the best two settings of each; 5 by default.")
]
Schedules = Annotated[str, typer.Option(help=f"Schedules of the rate, separated by commas: {', '.join(SCHEDULES)}.")]
Rates = Annotated[
    str | None,
    typer.Option(help="Rates to try with every optimizer, in place of a search: 0.1,0.01, or LOWEST:HIGHEST:COUNT."),
]
Search = Annotated[
    str,
    typer.Option(
        help="Also to be searched: arguments of the optimizers or of the task, weight_decay,dropout=0..0.5,"
        "eps=1e-10..1e-4:log,width=32|64|128."
    ),
]
Strategy = Annotated[
    str, typer.Option(help="staged; tpe (by Optuna); or quasi-random, random, grid, where trials depend on no results.")
]
Prune = Annotated[
    str,
    typer.Option(
        help="Which runs of the search end early: none, or median: where more than half of the optimizer's runs "
        "before were better at the same step."
    ),
]
Steps = Annotated[int | None, typer.Option(help="Length of a run; the problem's own if not given.")]
Metric = Annotated[str | None, typer.Option(help="The metric that decides; the problem's own if not given.")]
Higher = Annotated[
    bool | None,
    typer.Option("--higher-is-better/--lower-is-better", "--maximize/--minimize", help="The direction of --metric."),
]
Controls = Annotated[
    bool, typer.Option(help="Also run AdamW with linear decay, usual rates, and an optimizer that does nothing.")
]
Seed = Annotated[int, typer.Option(help="Seed of the search; the fresh seeds follow it.")]
Stacked = Annotated[
    bool | None,
    typer.Option(
        "--stacked/--serial",
        help="Train runs of a small model at once where possible, or never; if not given, where a trial is faster.",
    ),
]
Workers = Annotated[
    int | None,
    typer.Option(help="Processes that train at the same time: 1, or with --ray as many as there is room for."),
]
Ray = Annotated[
    str | None,
    typer.Option(help="Train on the machines of this Ray cluster: auto, HOST:6379, or local to start one here."),
]
CpusPerRun = Annotated[int, typer.Option(help="Processors, and threads, of a run on a Ray cluster.")]
GpusPerRun = Annotated[float, typer.Option(help="GPUs of a run on a Ray cluster; 0.25 where four runs share one.")]
Out = Annotated[Path | None, typer.Option(help="Folder for the results; runs/PROBLEM if not given.")]
Json = Annotated[bool, typer.Option("--json", help="Write events to stdout, one JSON object a line.")]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Write nothing but errors.")]
Fresh = Annotated[bool, typer.Option("--fresh", help="Start over, discarding the study in the folder.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Only say how many runs it would be, how long.")]
LogTo = Annotated[
    list[str] | None,
    typer.Option(
        metavar="NAME[:WHERE]",
        help="Write the study down in tensorboard, mlflow or wandb too; mlflow:http://127.0.0.1:5000 says where."
        " Repeatable.",
    ),
]
Live = Annotated[bool, typer.Option("--live", help="Show the report as it grows, on a page of this machine.")]
