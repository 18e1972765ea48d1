"""The command line of the package.  It imports nothing heavy at its start."""

from typing import Annotated

from steepest.workbench.errors import WorkbenchError, missing_extra

try:
    import typer
except ModuleNotFoundError as error:  # the package without its workbench extra
    raise SystemExit(missing_extra(error) or str(error)) from None

from steepest.cli import studies, texts
from steepest.cli.ending import leave

app = typer.Typer(
    help="Optimizers written once as plain functions; and a workbench that says which one to use.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)


def _print_version(asked: bool) -> None:
    if asked:
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


app.command()(studies.compare)
app.command()(studies.tune)
app.command("lr-range")(studies.lr_range)
app.command()(studies.new)
app.command()(studies.report)
app.command("list")(texts.list_)
app.command()(texts.show)


def main() -> None:
    """Run a command.  An error that its user can repair becomes a message and an exit code."""
    try:
        app()
    except WorkbenchError as error:
        leave(str(error), error.exit_code)
    except ModuleNotFoundError as error:
        if not missing_extra(error):
            raise
        leave(missing_extra(error), 1)
