"""The task that `steepest new` writes: a file that runs as it is, and whose comments say what to replace."""

from pathlib import Path

from steepest.workbench.errors import UsageError

TEMPLATE = Path(__file__).with_name("my_task.py")


def write(path: Path) -> None:
    """Write the template to a new file.

    Raises:
        UsageError: The name does not end in .py, there is such a file, or it cannot be written.
    """
    if path.suffix != ".py":
        raise UsageError(f"{path} is not the name of a Python file; write {path.with_suffix('.py')}.")
    text = TEMPLATE.read_text(encoding="utf-8").replace("my_task.py", path.as_posix())
    try:
        with path.open("x", encoding="utf-8") as file:  # never replaces a file
            file.write(text)
    except FileExistsError:
        raise UsageError(f"{path} exists already and is left as it is; give another name.") from None
    except OSError as error:
        raise UsageError(
            f"{path} cannot be written ({error.strerror}); give a file in a folder that is there."
        ) from None
