"""`tune_script`: the same search over the arguments of a script, which is changed in no line."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from pathlib import Path

from steepest.workbench import executors
from steepest.workbench.errors import UsageError
from steepest.workbench.model.machines import ray_cluster
from steepest.workbench.model.plan import NO_PRUNING
from steepest.workbench.progress.watcher import Watcher
from steepest.workbench.scripts.command import ScriptCommand
from steepest.workbench.scripts.pattern import Pattern
from steepest.workbench.scripts.recipe import ScriptRecipe
from steepest.workbench.scripts.trainer import ScriptTrainer
from steepest.workbench.search import STAGED
from steepest.workbench.search.budget import parsed_budget, seconds_of
from steepest.workbench.study.chosen import check_numbers, check_strategy
from steepest.workbench.study.comparison import Comparison
from steepest.workbench.study.study import Study
from steepest.workbench.study.watching import Watching

BUDGET, SEEDS = "trials=32", 5
OUTPUT = "output"
"""The folder, in that of the study, with what each run prints."""
_LOWER = re.compile(
    r".*(?:loss|err|mse|mae|nll|perplexity|ppl|bpb|bpc|bpd|elbo_neg|wer|cer|fid|regret).*", re.IGNORECASE
)
_HIGHER = re.compile(
    r".*(?:acc|auc|f1|bleu|rouge|iou|map|precision|recall|reward|return|score|r2|psnr).*", re.IGNORECASE
)


def tune_script(
    script: str,
    arguments: Sequence[str] = (),
    budget: str | int = BUDGET,
    seeds: int | None = None,
    *,
    metric: str,
    higher_is_better: bool | None = None,
    settings: Sequence[str] = (),
    pattern: str = "",
    timeout: str | float | None = None,
    strategy: str = STAGED,
    prune: str = NO_PRUNING,
    seed: int = 0,
    workers: int | None = None,
    ray: str | None = None,
    cpus_per_run: int = 1,
    gpus_per_run: float = 0.0,
    out: str | Path | None = None,
    fresh: bool = False,
    command: Sequence[str] = (),
    watcher: Watcher | None = None,
    log_to: str | Sequence[str] = (),
    live: bool = False,
    dry_run: bool = False,
) -> Comparison:
    """Tune numbers of a script; continue what is in the folder, if it is the same study.

    The metric comes back by `steepest.report(step, val_loss=...)` in the script, by a pattern, or, without either, from
    lines with the metric's name and a number behind it.

    Args:
        script: A Python file, or any program: `torchrun`.
        arguments: Its arguments, with places for what is searched: `["--lr", "{lr:1e-4..1e-1:log}", "--seed",
            "{seed}"]`; a value that is used today may stand behind a range, `{lr:1e-4..1e-1:log=1e-3}`.
        budget: `trials=32`, or `time=2h`: no run of the search begins after the runs before took so long in all.
        seeds: The number of fresh seeds for the best two settings, and for the script as it is.
        metric: The one that decides: its last value in a run.
        higher_is_better: Its direction; where None, its name must tell it.
        settings: Arguments of the script's optimizers that are searched from outside: `["AdamW.lr=1e-4..1e-1:log"]`.
        pattern: A regular expression for a line that the script prints, with a group for each metric.
        timeout: After which a run is ended: seconds, or `30min`, `2h`.
        strategy: As for `tune`.
        prune: Which runs of the search end early: none, or median, as for `compare`; their processes are ended.
        seed: Of the search; the fresh seeds follow it.
        workers: Runs at the same time, which share the processors and the GPUs of this machine; with `ray` as many as
            there is room for if None.
        ray: The Ray cluster on whose machines it runs, as for `compare`.
        cpus_per_run: Processors of a run on a cluster, which `OMP_NUM_THREADS` tells it.
        gpus_per_run: GPUs of a run on a cluster; a part of one where several runs share it.
        out: The folder; `runs/` and the script's name if None.
        fresh: Start over, discarding the study in the folder.
        command: What the user typed.
        watcher: Is told how the study gets on.
        log_to: Where the study is written down too, as for `compare`.
        live: Whether a page on this machine shows the report as it grows.
        dry_run: Only say how many runs it would be; then None is returned.

    Raises:
        UsageError: An argument cannot be used.
        TaskError: The first three runs failed.  They are recorded, and made again when the call is repeated.
        WorkbenchError: The folder cannot be used.
        Interrupted: Ctrl-C or SIGTERM.  Runs under way are ended, and made again later.
    """
    check_strategy(strategy, prune)
    check_numbers(seeds=seeds, seed=seed, workers=workers)
    search_budget = parsed_budget(budget)
    if search_budget.kind == "steps":
        raise UsageError(
            f"The budget {budget} needs the steps of a run, which only the script knows; give trials=N, or time=T such "
            "as time=2h."
        )
    cluster = ray_cluster(ray, cpus_per_run, gpus_per_run)
    called = ScriptCommand(script, tuple(map(str, arguments)), tuple(settings))
    folder = Path(out) if out is not None else Path("runs") / called.folder
    direction, looked_for = _direction(metric, higher_is_better), Pattern(pattern, metric) if pattern else None
    recipe = ScriptRecipe(called, metric, direction, looked_for, _seconds(timeout))
    trainer = ScriptTrainer(recipe, folder=folder / OUTPUT, seed=seed, slots=workers or 1)
    watching, executor = Watching(watcher, log_to, live), executors.start_for_scripts(workers, cluster)
    try:
        executor.prepare(trainer)
        study = Study(
            trainer,
            search_budget,
            (),
            SEEDS if seeds is None else seeds,
            watcher=watcher or Watcher(),
            command=command,
            out=folder,
            sampler=strategy,
            pruner=prune,
            stacked=False,
        )
        return watching.conduct(study, executor, fresh, dry_run)
    finally:
        executor.close()


def _direction(metric: str, given: bool | None) -> bool:
    if given is not None:
        return given
    higher, lower = _HIGHER.fullmatch(metric), _LOWER.fullmatch(metric)
    if bool(higher) == bool(lower):
        raise UsageError(
            f"Is a higher or a lower {metric} better?  Add --higher-is-better or --lower-is-better "
            "(higher_is_better=True or False)."
        )
    return bool(higher)


def _seconds(timeout: str | float | None) -> float:
    if timeout is None:
        return math.inf
    try:
        found = float(timeout) if not isinstance(timeout, str) or timeout.isdigit() else seconds_of(timeout)
    except ValueError:
        found = 0.0
    if not found > 0:
        raise UsageError(f"The timeout {timeout!r} cannot be used; give seconds, or a time such as 30min or 2h.")
    return found
