"""Imported before anything else of torch: where it is missing, says what to type."""

try:
    import torch  # noqa: F401
except ModuleNotFoundError as error:
    if error.name != "torch":
        raise
    raise ImportError(
        "Optimizers for torch were asked for, but torch is not installed, and steepest does not bring it by itself. "
        "Type: pip install 'steepest[torch]'"
    ) from error
