"""The task that `steepest new` writes: a file that runs as it is, and says what to replace."""

from pathlib import Path

from steepest.workbench.errors import UsageError

TEMPLATE = Path(__file__).with_name("my_task.py")


def write(path: Path) -> None:
    """Write the template to a new file.

    Raises:
        UsageError: The name is no Python file's, there is a file of that name, or it cannot be written.
    """
    if path.suffix != ".py":
        raise UsageError(f"{path} is no name of a Python file; write {path.with_suffix('.py')}.")
    text = TEMPLATE.read_text(encoding="utf-8").replace("my_task.py", path.as_posix())
    try:
        with path.open("x", encoding="utf-8") as file:  # never over what somebody wrote
            file.write(text)
    except FileExistsError:
        raise UsageError(f"{path} is there already and is left as it is; give another name.") from None
    except OSError as error:
        raise UsageError(
            f"{path} cannot be written ({error.strerror}); give a file in a folder that is there."
        ) from None
