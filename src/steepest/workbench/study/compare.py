"""`compare`: checks the arguments of a comparison, and makes it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Literal, overload

from steepest.workbench import executors
from steepest.workbench.errors import UsageError
from steepest.workbench.model.candidate import Candidate
from steepest.workbench.model.machines import ray_cluster
from steepest.workbench.model.optimizers import DEFAULT_OPTIMIZERS, choose
from steepest.workbench.model.plan import NO_PRUNING, Known, parsed_rates
from steepest.workbench.model.schedules import CONSTANT
from steepest.workbench.model.search_space import SearchNames, parsed_search
from steepest.workbench.problems import comparison_defaults
from steepest.workbench.progress.watcher import Watcher
from steepest.workbench.search import LEARNS, QUASI_RANDOM
from steepest.workbench.search.budget import parsed_budget
from steepest.workbench.study.chosen import check_numbers, check_strategy
from steepest.workbench.study.comparison import Comparison
from steepest.workbench.study.optuna_prior import known_trials
from steepest.workbench.study.study import Study
from steepest.workbench.study.watching import Watching
from steepest.workbench.task import TaskFunction
from steepest.workbench.training.recipe import Recipe
from steepest.workbench.training.trainer import Trainer

BUDGET, SEEDS = "trials=16", 5


OptimizerNames = Sequence[str | Candidate | Callable[..., Any]] | None
Given = str | int | None


@overload
def compare(
    task: str | TaskFunction, optimizers: OptimizerNames = None, budget: Given = None, seeds: int | None = None, *,
    dry_run: Literal[True], **options: Any,
) -> None: ...  # fmt: skip
@overload
def compare(
    task: str | TaskFunction, optimizers: OptimizerNames = None, budget: Given = None, seeds: int | None = None, *,
    dry_run: Literal[False] = False, **options: Any,
) -> Comparison: ...  # fmt: skip
def compare(  # pyright: ignore[reportInconsistentOverload] - the options are named here once
    task: str | TaskFunction,
    optimizers: Sequence[str | Candidate | Callable[..., Any]] | None = None,
    budget: str | int | None = None,
    seeds: int | None = None,
    *,
    schedules: str | Sequence[str] = CONSTANT,
    rates: str | Sequence[float] | None = None,
    steps: int | None = None,
    metric: str | None = None,
    higher_is_better: bool | None = None,
    search: SearchNames = (),
    strategy: str = QUASI_RANDOM,
    prune: str = NO_PRUNING,
    study: Any = None,
    controls: bool = True,
    has_reference: bool = True,
    seed: int = 0,
    workers: int | None = None,
    ray: str | None = None,
    cpus_per_run: int = 1,
    gpus_per_run: float = 0.0,
    stacked: bool | None = None,
    out: str | Path | None = None,
    fresh: bool = False,
    command: Sequence[str] = (),
    watcher: Watcher | None = None,
    log_to: str | Sequence[str] = (),
    live: bool = False,
    dry_run: bool = False,
) -> Comparison | None:
    """Compare optimizers on a task; continue what is in the folder, if it is the same study.

    Args:
        task: A built-in problem's name, `FILE.py:function`, or a function `task(seed)` that returns a `Task`.
        optimizers: Names (ours, `torch.NAME`, `FILE.py:NAME`), optimizer classes, rules, or `Candidate`s.
        budget: Of the search of each optimizer: `trials=16`, `steps=1e6` or `time=2h`.
        seeds: The number of fresh seeds for the best two settings of each.
        schedules: Of the rate: constant, linear, cosine, warmup-cosine, wsd, one-cycle, inverse-sqrt.  Every optimizer
            is tried with each of them.
        rates: To try with every optimizer, in place of a search: numbers, or LOWEST:HIGHEST:COUNT.
        steps: Length of a run; the task's own if None.
        metric: The number that decides, of those that the task's `evaluate` gives; the task's own if None.
        higher_is_better: The direction of `metric`.
        search: What is searched beside the rate and what each optimizer searches by itself: `Dimension`s, or as text
            `weight_decay,dropout=0..0.5,width=32|64|128`; arguments of the optimizers, or of the task function.
        strategy: Of the search: quasi-random, where every optimizer has the same points, each in its own ranges;
            staged, for which see `tune`; tpe (by Optuna), random or grid.
        study: A study of Optuna whose trials a search by staged or tpe knows from the start.
        prune: Which runs of the search end early: none; or median, which ends a run where more than half of the
            optimizer's runs before were better at the same step.
        controls: Whether AdamW with linear decay, each optimizer's usual rate, and one that does nothing run too.
        has_reference: Whether AdamW with linear decay is one of the controls.
        seed: Of the search; the fresh seeds follow it.  The same seed gives the same numbers.
        workers: Processes that train at the same time; if None one, or with `ray` as many as there is room for.
        ray: The address of a Ray cluster on whose machines the runs are made: `auto`, `HOST:6379`, or `local`, which is
            started on this machine and stopped after the study.
        cpus_per_run: Processors that a run takes of that cluster.
        gpus_per_run: GPUs that it takes; 0.25 where four runs share one.
        stacked: Whether runs of a small model that do not wait for each other's results are trained at once in a
            process: True where possible, False never; if None, where a trial says that it is faster and gives the same
            numbers, in a study of a minute or more.
        out: The folder; `runs/` and the task's name if None.
        fresh: Start over, discarding the study in the folder.
        command: What the user typed, for the manifest and for the line that says how to continue.
        watcher: Is told how the study gets on.
        log_to: Where the study is written down too: `tensorboard`, `mlflow`, `wandb`, or several; each may say where,
            as `mlflow:http://127.0.0.1:5000`.
        live: Whether a page on this machine shows the report as it grows.
        dry_run: Only say what it would cost: the watcher is told, nothing is written, and None is returned.

    Raises:
        UsageError: An argument cannot be used.
        TaskError: The task raised.  The runs before are kept.
        WorkbenchError: The folder cannot be used.
        Interrupted: Ctrl-C or SIGTERM.  Everything is saved.
    """
    if rates is not None and budget is not None:
        raise UsageError(f"The rates say already how many trials there are; leave out the budget {budget!r}.")
    check_strategy(strategy, prune)
    if study is not None and strategy not in LEARNS:
        raise UsageError(
            f"The strategy {strategy} learns from no results, so it has no use for a study; give {' or '.join(LEARNS)}."
        )
    if metric is None and higher_is_better is not None:
        raise UsageError("higher_is_better is the direction of `metric`; name the metric too.")
    search_budget = parsed_budget(BUDGET if budget is None else budget)
    check_numbers(seeds=seeds, steps=steps, seed=seed, workers=workers)
    watching = Watching(watcher, log_to, live)
    executor = executors.start(workers, ray_cluster(ray, cpus_per_run, gpus_per_run))
    try:
        defaults = comparison_defaults(task)
        if rates is None and budget is None:
            rates = defaults.get("rates")
        if rates and parsed_search(search):
            raise UsageError(
                "With rates that are given, or that the problem brings, nothing else is searched; leave out `rates`, "
                "and give a `budget`, or leave out `search`."
            )
        chosen = defaults.get("optimizers", DEFAULT_OPTIMIZERS) if optimizers is None else optimizers
        choose(chosen)
        recipe = Recipe(task, chosen, schedules, steps, controls, metric, higher_is_better, search, has_reference)
        trainer = Trainer(recipe, seed)
        executor.prepare(trainer)
        conducted = Study(
            trainer,
            search_budget,
            parsed_rates(rates),
            defaults.get("seeds", SEEDS) if seeds is None else seeds,
            watcher=watcher or Watcher(),
            command=command,
            out=out,
            sampler=strategy,
            pruner=prune,
            known=() if study is None else _known(study, trainer),
            stacked=stacked,
        )
        return watching.conduct(conducted, executor, fresh, dry_run)
    finally:
        executor.close()


def _known(study: Any, trainer: Trainer) -> Known:
    space = {one.name: one for candidate in trainer.candidates for one in candidate.space}
    return known_trials(study, space.values(), trainer.first_task.higher_is_better)
