"""Several processes for a test, forked from one server that has imported torch once."""

from __future__ import annotations

import socket
from collections.abc import Callable
from multiprocessing import get_context

from torch.multiprocessing import start_processes

__all__ = ["free_port", "together"]

# Fresh processes would each import these again, which takes longer than most tests need.
get_context("forkserver").set_forkserver_preload(["torch", "pytest", "affectrep.objectives"])


def together(work: Callable[..., None], *arguments: object, world: int) -> None:
    """Call ``work(rank, *arguments)`` in ``world`` processes at once; raise what one of them does.

    They see the environment as it was at the first call in this session.
    """
    start_processes(work, arguments, nprocs=world, start_method="forkserver")


def free_port() -> int:
    """Return a port of this machine that nobody listens on."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])
