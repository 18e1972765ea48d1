"""The command line in this process: importing torch in another one takes longer than what a test asks of it."""

import sys
from dataclasses import dataclass

import pytest

from steepest import cli


@dataclass(frozen=True)
class Done:
    """How a command ended."""

    code: int
    out: str
    err: str


def run_command(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], program: str, *arguments: str
) -> Done:
    """What the program prints, and what it exits with."""
    monkeypatch.setattr(sys, "argv", [program, *arguments])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    code = ended.value.code
    out, err = capsys.readouterr()
    return Done(code if isinstance(code, int) else 1 if code else 0, out, err)
