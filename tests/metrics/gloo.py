"""Runs a function in two real processes, joined by gloo, of which none can hang for ever."""

import datetime
import os
import socket

import torch
import torch.distributed
from forked import context, exit_code, start

SECONDS = 30  # no collective call may take longer


def on_two_processes(function):
    """What ``function(rank)``, defined at the top of a module, returns on rank 0 and on rank 1."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    results = context.SimpleQueue()
    processes = [start(_work, function, rank, port, results) for rank in range(2)]
    codes = [exit_code(process, 2 * SECONDS) for process in processes]
    assert codes == [0, 0], "a process failed, see its traceback, or hung"
    by_rank = dict(results.get() for _ in processes)
    return by_rank[0], by_rank[1]


def _work(function, rank, port, results):
    os.environ.update(MASTER_ADDR="127.0.0.1", MASTER_PORT=str(port))
    timeout = datetime.timedelta(seconds=SECONDS)
    torch.distributed.init_process_group("gloo", rank=rank, world_size=2, timeout=timeout)
    results.put((rank, function(rank)))
    torch.distributed.destroy_process_group()
