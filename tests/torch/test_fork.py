"""A child that was forked while another thread was in the middle of a step."""

import os
import threading

import pytest
import torch

import steepest


@pytest.mark.filterwarnings("ignore:.*multi-threaded, use of fork:DeprecationWarning")  # Python 3.12 warns; we test it
def test_its_optimizers_are_not_locked():
    p = torch.nn.Parameter(torch.ones(3))
    optimizer = steepest.SGD([p], lr=0.5)
    inside, done = threading.Event(), threading.Event()

    def hold() -> None:
        with optimizer._one_at_a_time:  # as a step in that thread would
            inside.set()
            done.wait()

    thread = threading.Thread(target=hold)
    thread.start()
    inside.wait()
    child = os.fork()
    if child == 0:
        p.grad = torch.ones(3)
        stepped = threading.Thread(target=optimizer.step, daemon=True)
        stepped.start()
        stepped.join(timeout=20)
        os._exit(0 if p.tolist() == [0.5, 0.5, 0.5] else 1)
    done.set()
    thread.join()
    assert os.waitpid(child, 0)[1] == 0
