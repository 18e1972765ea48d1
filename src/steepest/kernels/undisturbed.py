"""A call that no signal handler can break, while the waiting for it can be broken at once.

Python handles signals in the main thread only.  What a handler raises there (a Ctrl-C, a deadline of the user's) is
lost while a destructor or a callback of a weak reference runs, of which LLVM's objects and the import of Numba have
hundreds, and an Exception also in the `suppress(Exception)` of importlib.metadata.  Elsewhere it comes between lines of
the standard library that must not be parted, as in Thread.start().
"""

import _thread
import threading
from collections.abc import Callable


def undisturbed(function: Callable[[], object]) -> None:
    """Call it in a thread of its own and wait; if the waiting is interrupted, the call goes on and ends by itself."""
    if threading.get_ident() != threading.main_thread().ident:
        function()
        return
    errors: list[BaseException] = []
    done = _thread.allocate_lock()

    def call() -> None:
        try:
            function()
        except BaseException as error:
            errors.append(error)
        finally:
            done.release()

    done.acquire()
    try:
        _thread.start_new_thread(call, ())  # one call of C: Thread.start() and join() are Python, which can be broken
    except RuntimeError:  # no thread is to be had, as while Python ends
        function()
    else:
        done.acquire()
    if errors:
        raise errors[0]
