"""The cache: used when it is private, and whatever is wrong with it costs the cache and nothing else."""

import os
import stat
import subprocess
import sys

import pytest
import torch

import steepest
from steepest import cache
from steepest.kernels.cpu import native

PROGRAM = """
import sys, torch, steepest
from steepest.kernels.cpu import native
p = torch.nn.Parameter(torch.ones(33)); p.grad = torch.ones(33)
steepest.Adam([p], lr=0.5).step()
steepest.SGD([p], lr=0.5).step()
assert abs(p[0].item()) < 1e-6 and (p == p[0]).all()
print(native.compilations, "numba" in sys.modules)
"""
COLD, WARM = "3 True", "0 False"  # two kernels and what prepares their tables


def run(folder, environment=None, **options) -> str:
    """What the program prints: how many functions it compiled, and whether it imported Numba."""
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", PROGRAM],
        env=dict(os.environ) | {"STEEPEST_CACHE_DIR": str(folder)} | (environment or {}),
        capture_output=True, text=True, timeout=120, check=False, **options,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


@pytest.fixture(scope="module")
def first(tmp_path_factory):
    """The folder that a process has made and filled, below one that was not there either."""
    folder = tmp_path_factory.mktemp("filled") / "deep" / "cache"
    assert run(folder) == COLD
    return folder


@pytest.fixture
def filled(first):
    """What a cache contains that a process has filled."""
    return {path.name: path.read_bytes() for path in first.iterdir()}


def test_a_second_process_compiles_nothing_and_does_not_import_numba(first, filled):
    assert stat.S_IMODE(first.stat().st_mode) == 0o700
    assert len(filled) == 3
    assert run(first) == WARM


@pytest.mark.parametrize("mode", [0o777, 0o770, 0o707, 0o755, 0o722])
def test_a_folder_that_others_can_reach_is_not_used(tmp_path, monkeypatch, mode):
    tmp_path.chmod(0o700)
    monkeypatch.setenv("STEEPEST_CACHE_DIR", str(tmp_path))
    cache.store("key", b"content")
    assert cache.load("key") == b"content"
    tmp_path.chmod(mode)
    assert cache.folder() is None
    assert cache.load("key") is None
    cache.store("other", b"content")
    assert [path.name for path in tmp_path.iterdir()] == ["key"]


def test_another_users_folder_is_not_used(tmp_path, monkeypatch):
    monkeypatch.setenv("STEEPEST_CACHE_DIR", str(tmp_path))
    monkeypatch.setattr(os, "getuid", lambda: tmp_path.stat().st_uid + 1)
    assert cache.folder() is None


def test_a_world_writable_folder_costs_the_cache_only(tmp_path):
    tmp_path.chmod(0o777)
    assert run(tmp_path) == COLD
    assert not [*tmp_path.iterdir()]


DAMAGE = {
    "truncated": lambda content: content[: len(content) // 2],
    "empty": lambda content: b"",
    "one bit flipped": lambda content: content[:-9] + bytes([content[-9] ^ 1]) + content[-8:],
    "its digest alone": lambda content: content[:32],
    "something else": lambda content: b"\x80\x04\x95" * 100,
}


@pytest.mark.parametrize("damage", DAMAGE)
def test_a_damaged_entry_is_not_loaded(tmp_path, monkeypatch, damage):
    monkeypatch.setenv("STEEPEST_CACHE_DIR", str(tmp_path))
    tmp_path.chmod(0o700)
    cache.store("key", b"machine code" * 50)
    (tmp_path / "key").write_bytes(DAMAGE[damage]((tmp_path / "key").read_bytes()))
    assert cache.load("key") is None


def test_damaged_entries_are_compiled_and_written_anew(tmp_path, filled):
    tmp_path.chmod(0o700)
    for (name, content), damage in zip(filled.items(), ("truncated", "one bit flipped", "empty"), strict=True):
        (tmp_path / name).write_bytes(DAMAGE[damage](content))
    assert run(tmp_path) == COLD
    assert run(tmp_path) == WARM


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="only root can make a file system")
def test_a_full_disk_costs_the_cache_only(tmp_path):
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=4k,mode=700", "tmpfs", tmp_path], check=False).returncode:
        pytest.skip("this container may not mount a file system")
    try:
        (tmp_path / "full").write_bytes(b"x" * 4096)
        assert run(tmp_path) == COLD
        assert [path.name for path in tmp_path.iterdir()] == ["full"], "no half-written file is left"
    finally:
        subprocess.run(["umount", tmp_path], check=True)


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="only root can make a file system")
def test_a_read_only_folder_costs_writing_only(tmp_path, filled):
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "mode=700", "tmpfs", tmp_path], check=False).returncode:
        pytest.skip("this container may not mount a file system")
    try:
        read_only = ["mount", "-o", "remount,ro", tmp_path]
        subprocess.run(read_only, check=True)
        assert run(tmp_path) == COLD
        subprocess.run(["mount", "-o", "remount,rw", tmp_path], check=True)
        for name, content in filled.items():
            (tmp_path / name).write_bytes(content)
        subprocess.run(read_only, check=True)
        assert run(tmp_path) == WARM
    finally:
        subprocess.run(["umount", tmp_path], check=True)


def test_a_disk_that_refuses_is_no_error(tmp_path, monkeypatch):
    tmp_path.chmod(0o700)
    monkeypatch.setenv("STEEPEST_CACHE_DIR", str(tmp_path))

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", full)
    cache.store("key", b"content")
    assert not [*tmp_path.iterdir()]


def test_a_file_where_the_folder_should_be_costs_the_cache_only(tmp_path, monkeypatch):
    (tmp_path / "cache").write_text("")
    monkeypatch.setenv("STEEPEST_CACHE_DIR", str(tmp_path / "cache"))
    cache.store("key", b"content")
    assert cache.load("key") is None


def test_an_empty_name_turns_the_cache_off(monkeypatch):
    monkeypatch.setenv("STEEPEST_CACHE_DIR", "")
    assert cache.folder() is None


def test_a_user_without_a_home_has_no_cache_and_no_error(monkeypatch):
    """As a container that runs under a number that no account has."""
    from pathlib import Path

    def homeless():
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.delenv("STEEPEST_CACHE_DIR")
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.setattr(Path, "home", homeless)
    assert cache.folder() is None
    cache.store("key", b"content")
    assert cache.load("key") is None


@pytest.mark.structure
def test_the_second_step_and_a_change_of_numbers_compile_nothing(configuration):
    p = torch.nn.Parameter(torch.ones(33))
    optimizer = configuration.ours([p])
    p.grad = torch.ones(33)
    optimizer.param_groups[0]["weight_decay"] = 0.5  # its first value beside zero is another kernel
    optimizer.step()
    before = native.compilations
    changes = [("lr", 0.3), ("lr", torch.tensor(0.2)), ("weight_decay", 0.7), ("eps", 0.1), ("maximize", True)]
    for name, value in changes:
        optimizer.param_groups[0][name] = value
        optimizer.step()
    if "betas" in optimizer.param_groups[0]:
        optimizer.param_groups[0]["betas"] = (0.3, 0.4)
        optimizer.step()
    q = torch.nn.Parameter(torch.ones(7, 5))
    q.grad = torch.ones(7, 5)
    optimizer.add_param_group({"params": [q], "weight_decay": 0.5})
    optimizer.step()
    another = configuration.ours([q])
    another.param_groups[0]["weight_decay"] = 0.1
    another.step()
    assert native.compilations == before


def test_a_switch_compiles_once():
    p = torch.nn.Parameter(torch.ones(33))
    optimizer = steepest.optimizer(switched)([p])
    p.grad = torch.ones(33)
    counts = []
    for twice in (False, True, False, True):
        optimizer.param_groups[0]["twice"] = twice
        before = native.compilations
        optimizer.step()
        counts.append(native.compilations - before)
    assert counts[0] >= 1
    assert counts[1:] == [1, 0, 0]
    assert p[0].item() == pytest.approx(1 - 6 * 0.125)


def switched(p, g, *, lr=0.125, twice=False):
    """Once or twice."""
    p = p - lr * g
    if twice:
        p = p - lr * g
    return p
