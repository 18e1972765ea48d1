"""A finished comparison, for a program to use."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from steepest.workbench.errors import WorkbenchError
from steepest.workbench.model.candidate import Candidate
from steepest.workbench.store.record import Record

if TYPE_CHECKING:
    import polars

    from steepest.workbench.analysis.results import Results


@dataclass
class Comparison:
    """A finished comparison.

    Args:
        folder: Of the study.
        candidates: The optimizers.
        numbers: All that the report says.
    """

    folder: Path
    candidates: list[Candidate]
    numbers: Results = field(repr=False)

    def summary(self) -> str:
        """The verdict and the table, as text."""
        from steepest.workbench.report.terminal import text

        return text(self.numbers)

    def save_html(self, path: str | Path) -> None:
        """Write the report to a file."""
        from steepest.workbench.report.page import page

        Path(path).write_text(page(self.numbers), encoding="utf-8")

    @property
    def runs(self) -> polars.DataFrame:
        """One row for each run."""
        with Record(self.folder) as record:
            return record.runs()

    def optuna_study(self, optimizer: str = "") -> Any:
        """The trials of the search of an optimizer, the best one's if none is named, as a study of Optuna in memory.

        Raises:
            WorkbenchError: Optuna is not installed.
        """
        from steepest.workbench.study.optuna_study import exported

        named = optimizer or self.numbers.rows[0].name
        with Record(self.folder) as record:
            return exported(record, next(one for one in self.candidates if one.name == named))

    def best(self) -> Best:
        """The recommended optimizer, rate and settings.

        Raises:
            WorkbenchError: No optimizer trained.
        """
        row = self.numbers.rows[0]
        if not row.trained:
            raise WorkbenchError(
                f"None of the optimizers trained on {self.numbers.task}, so there is no best; the report says how "
                "each of them failed."
            )
        candidate = next(c for c in self.candidates if c.name == row.name)
        return Best(candidate, row.rate, row.settings)


@dataclass(frozen=True)
class Best:
    """An optimizer at a rate, with the other hyperparameters that were searched."""

    candidate: Candidate
    rate: float
    settings: Mapping[str, float]

    def build(self, parameters: Iterable[Any]) -> Any:
        """A fresh optimizer for these parameters."""
        return self.candidate.build(parameters, self.rate, self.settings)

    def __str__(self) -> str:
        return self.candidate.call(self.settings).replace("RATE", f"{self.rate:g}")
