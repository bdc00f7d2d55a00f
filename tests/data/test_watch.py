from __future__ import annotations

import os
import threading
import time

import pytest

from kgcv.data.watch import in_threads, num_threads


def test_threads_are_the_cores_that_this_process_may_use(monkeypatch):
    monkeypatch.setattr(os, "sched_getaffinity", lambda _pid: set(range(64)), raising=False)
    assert [num_threads(workers) for workers in (0, 1, 20)] == [8, 1, 20]
    monkeypatch.setattr(os, "sched_getaffinity", lambda _pid: {3, 7, 9}, raising=False)
    assert num_threads(0) == 3


@pytest.mark.parametrize(("num_processes", "threads"), [(1, 8), (8, 8), (16, 4), (100, 1)])
def test_processes_share_the_cores(num_processes, threads, monkeypatch):
    monkeypatch.setattr(os, "sched_getaffinity", lambda _pid: set(range(64)), raising=False)
    assert num_threads(0, num_processes) == threads


def test_results_come_in_order_though_the_first_is_slow():
    def slowest_first(row):
        time.sleep(0.05 if row == 5 else 0)
        return row * row

    assert list(in_threads(slowest_first, [5, 1, 3], 3)) == [(5, 25), (1, 1), (3, 9)]


def test_threads_are_not_far_ahead():
    begun: list[int] = []
    results = in_threads(begun.append, range(1000), 2)
    assert next(results) == (0, None)
    assert len(begun) <= 8
    results.close()
    assert len(begun) <= 8


def test_nothing_is_left_running():
    before = threading.active_count()
    results = in_threads(str, range(1000), 4)
    next(results)
    results.close()
    assert threading.active_count() == before
