"""Calls side by side: the same results in the same order, each on one thread."""

from __future__ import annotations

import os

import pytest
from joblib import delayed, parallel_config
from threadpoolctl import threadpool_info

from equiclust.processes import make_calls


def _where(number: int) -> tuple[int, int, int]:
    threads = max((pool["num_threads"] for pool in threadpool_info()), default=1)
    return number, os.getpid(), threads


def _nested(number: int) -> list[int]:
    return [pid for _, pid, _ in make_calls([delayed(_where)(number)] * 2, side_by_side=True)]


@pytest.mark.parametrize("n_jobs", [1, 2])
def test_results_come_in_order_and_each_call_has_one_thread(n_jobs: int) -> None:
    with parallel_config(n_jobs=n_jobs):
        results = make_calls([delayed(_where)(k) for k in range(9)], side_by_side=True)
    assert [number for number, _, _ in results] == list(range(9))
    assert {threads for _, _, threads in results} == {1}
    assert (os.getpid() in {pid for _, pid, _ in results}) == (n_jobs == 1)


def test_what_is_not_worth_a_process_stays_here() -> None:
    with parallel_config(n_jobs=2):
        results = make_calls([delayed(_where)(k) for k in range(3)], side_by_side=False)
    assert {pid for _, pid, _ in results} == {os.getpid()}


def test_a_process_starts_no_others() -> None:
    with parallel_config(n_jobs=2):
        pids = make_calls([delayed(_nested)(k) for k in range(2)], side_by_side=True)
    assert all(len(set(own)) == 1 for own in pids)


def test_nothing_to_call_is_an_empty_list() -> None:
    assert make_calls([], side_by_side=True) == []


def test_an_error_reaches_the_caller() -> None:
    with parallel_config(n_jobs=2), pytest.raises(ZeroDivisionError):
        make_calls([delayed(divmod)(1, 0), delayed(divmod)(1, 1)], side_by_side=True)
