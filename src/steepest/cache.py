"""What takes seconds to make, kept on disk: compiled kernels, and the library of the reports.

The folder is one that only its owner can read or write.  What lies there is run as machine code, so a folder that
belongs to another user, or that others may write to, is not used.  One that is read-only, full or damaged costs the
cache and nothing else.
"""

import contextlib
import hashlib
import os
import stat
import sys
import tempfile
from pathlib import Path


def folder() -> Path | None:
    """The private cache folder, made if need be; None where there cannot be one.

    `STEEPEST_CACHE_DIR` names another place than the platform's own; set but empty it turns the cache off.
    """
    chosen = os.environ.get("STEEPEST_CACHE_DIR")
    if chosen == "":
        return None
    try:
        path = Path(chosen) if chosen else _platform_folder() / "steepest"
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
        return path if _is_private(path) else None
    except (OSError, RuntimeError):  # a user without a home has no folder either
        return None


def load(key: str) -> bytes | None:
    """What was stored under this key, if it is there and whole."""
    place = folder()
    if place is None:
        return None
    try:
        stored = (place / key).read_bytes()
    except OSError:
        return None
    digest, content = stored[:32], stored[32:]
    return content if hashlib.sha256(content).digest() == digest else None


def store(key: str, content: bytes) -> None:
    """Keep this under the key, whole or not at all; a disk that refuses is no error."""
    place = folder()
    if place is None:
        return
    with contextlib.suppress(OSError), _replacing(place / key) as file:
        file.write(hashlib.sha256(content).digest() + content)


@contextlib.contextmanager
def _replacing(path: Path):
    descriptor, temporary = tempfile.mkstemp(dir=path.parent)
    try:
        with os.fdopen(descriptor, "wb") as file:
            yield file
        os.replace(temporary, path)
    except BaseException:
        os.unlink(temporary)
        raise


def _is_private(path: Path) -> bool:
    if os.name == "nt":  # a user's own profile is private there; modes mean nothing
        return True
    status = path.stat()
    return status.st_uid == os.getuid() and not status.st_mode & (stat.S_IRWXG | stat.S_IRWXO)


def _platform_folder() -> Path:
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Caches"
    if os.name == "nt":
        return Path(os.environ.get("LOCALAPPDATA", Path.home() / "AppData" / "Local"))
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
