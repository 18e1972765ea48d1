"""How a command ends that cannot do what was asked."""

import sys
from typing import NoReturn

USAGE_ERROR = 2


def leave(message: str, code: int) -> NoReturn:
    """Print the message, and end the process with the exit code."""
    print(message, file=sys.stderr)
    raise SystemExit(code)
