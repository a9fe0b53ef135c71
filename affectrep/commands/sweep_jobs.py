"""Several cells of a sweep at once: a process for each job, shared out over the GPUs there are."""

from __future__ import annotations

import multiprocessing
import os
import signal
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from multiprocessing.context import SpawnProcess
from types import FrameType
from typing import Any

import torch

from affectrep.commands.sweep_cells import Cell
from affectrep.commands.sweep_work import SweepWork

__all__ = ["Share", "jobs_of", "shares_of", "work_side_by_side"]


@dataclass(frozen=True)
class Share:
    """What a job has: a GPU by the name that CUDA_VISIBLE_DEVICES knows, or CPU threads."""

    gpu: str | None = None
    threads: int | None = None


def jobs_of(wanted: int | None) -> int:
    """Return how many cells run at once: as many as wanted, else one for each GPU.

    Raises:
        ValueError: if fewer than one is wanted.

    Example:
        >>> jobs_of(3)
        3
    """
    if wanted is None:
        return max(1, torch.cuda.device_count())
    if wanted < 1:
        raise ValueError(f"--jobs is {wanted}, expected at least 1.")
    return wanted


def shares_of(jobs: int, gpus: Sequence[str], cores: int) -> list[Share]:
    """Return what each job has: GPUs in turn, or an even share of the cores.

    Example:
        >>> [share.gpu for share in shares_of(3, ["0", "1"], 16)]
        ['0', '1', '0']
        >>> shares_of(2, [], 4)[0].threads
        2
    """
    if gpus:
        return [Share(gpu=gpus[job % len(gpus)]) for job in range(jobs)]
    return [Share(threads=max(1, cores // jobs)) for _ in range(jobs)]


def work_side_by_side(work: SweepWork) -> None:
    """Settle the cells in ``work.jobs`` processes, and note in ``work`` what each became.

    Each cell goes to one of them. Those that another sweep has in hand, or whose process died,
    are not settled by this. After SIGINT or SIGTERM every process saves what it has in hand.

    Raises:
        KeyboardInterrupt: after a signal, once every process has ended.
    """
    context = multiprocessing.get_context("spawn")
    shares = shares_of(min(work.jobs, len(work.left)), _gpus(), os.cpu_count() or 1)
    taken = context.Value("i", 0)
    jobs: list[_Job] = []
    old = signal.signal(signal.SIGTERM, _interrupt)
    try:
        for share in shares:
            ours, theirs = context.Pipe(duplex=False)
            process = context.Process(target=_run_job, args=(work, share, taken, theirs))
            process.start()
            theirs.close()
            jobs.append(_Job(process, ours))
        _collect(work, jobs)
    except KeyboardInterrupt:
        for job in jobs:
            job.process.terminate()  # the trainer finishes its step and saves
        _collect(work, jobs)
        raise
    finally:
        signal.signal(signal.SIGTERM, old)


@dataclass(frozen=True)
class _Job:
    """A process, and the end of the pipe on which it tells what it settled."""

    process: SpawnProcess
    tells: Connection


def _collect(work: SweepWork, jobs: Sequence[_Job]) -> None:
    """Take over what the processes tell, until each has ended."""
    running = {job.tells: job.process for job in jobs if not job.tells.closed}
    while running:
        for ready in wait(list(running)):
            assert isinstance(ready, Connection)
            try:
                number, outcome, words = ready.recv()
            except EOFError:
                ready.close()
                running.pop(ready).join()
            else:
                work.note(work.cells[number], outcome, words)


def _run_job(work: SweepWork, share: Share, taken: Any, tells: Connection) -> None:
    """Settle cells until none is left; tell of each its number, outcome and words.

    Args:
        work: as it was before any job began.
        share: what the job has.
        taken: how many of the cells that were left the jobs have taken.
        tells: end of the pipe.
    """
    signal.signal(signal.SIGTERM, _interrupt)
    if share.gpu is not None:
        os.environ["CUDA_VISIBLE_DEVICES"] = share.gpu
    if share.threads is not None:
        torch.set_num_threads(share.threads)
    with suppress(KeyboardInterrupt):
        for cell in _next(work.left, taken):
            if work.settle(cell):
                tells.send((work.cells.index(cell), *work.outcome(cell)))


def _next(cells: Sequence[Cell], taken: Any) -> Iterator[Cell]:
    while True:
        with taken.get_lock():
            number = taken.value
            taken.value += 1
        if number >= len(cells):
            return
        yield cells[number]


def _interrupt(number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def _gpus() -> list[str]:
    """Return the names of the visible GPUs, as CUDA_VISIBLE_DEVICES gives them."""
    count = torch.cuda.device_count()
    named: Any = os.environ.get("CUDA_VISIBLE_DEVICES", "")
    names = [name.strip() for name in named.split(",") if name.strip()]
    return (names or [str(number) for number in range(count)])[:count]
