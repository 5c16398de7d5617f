"""A long training costs at its end what it cost at its beginning: time, memory, open files.

Time: other programs disturb a clock by more than the 5 % that are looked for. So the end of a long run takes turns with
the beginning of another run of the same kind, a hundredth of a stretch each, and their processor times are compared
turn by turn. Memory: what is in use is counted exactly, after a garbage collection, as objects of Python and as bytes
handed out by the C library; resident memory depends also on what the allocator gives back, and is looked at coarsely.
"""

import ctypes
import gc
import multiprocessing
import os
import resource
import sys
import threading
import time
from pathlib import Path
from statistics import median
from typing import NamedTuple

import pytest
import torch

from chaos_lightning import ChaoticGenerator
from chaos_lightning.commands.cli import ChaosCLI

STRETCHES = 10
"""Parts of the long run; its last is compared with one near the beginning of the other run, after things done once."""
VALIDATIONS = 4
"""Of a stretch."""
TURNS = 100
"""Of a stretch."""


class Footprint(NamedTuple):
    """What a process holds."""

    python_objects: int
    tensors: int
    c_bytes: int
    open_files: int
    threads: int
    resident_megabytes: float


class MallocInfo(ctypes.Structure):
    """glibc's ``struct mallinfo2``."""

    names = "arena ordblks smblks hblks hblkhd usmblks fsmblks uordblks fordblks keepcost"
    _fields_ = [(name, ctypes.c_size_t) for name in names.split()]


def footprint():
    gc.collect()
    c_library = ctypes.CDLL(None)
    c_library.mallinfo2.restype = MallocInfo
    allocated = c_library.mallinfo2()
    c_library.malloc_trim(0)
    return Footprint(
        python_objects=sys.getallocatedblocks(),
        tensors=sum(type(thing) is torch.Tensor for thing in gc.get_objects()),
        c_bytes=allocated.uordblks + allocated.hblkhd,
        open_files=len(os.listdir("/proc/self/fd")),
        threads=threading.active_count(),
        resident_megabytes=int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize() / 2**20,
    )


class Gauge:
    """Reads memory once a stretch; in the stretch after ``first_step`` goes on turn by turn, as the pipe says."""

    def __init__(self, pipe, stretch, first_step, burden):
        self.pipe, self.stretch, self.first_step, self.burden = pipe, stretch, first_step, burden
        self.footprints = []
        self.ballast = []

    def step(self, model):
        step = model.global_step
        if self.burden == "list":
            self.ballast.append(object())
        elif self.burden == "tensors" and step % 50 == 0:
            self.ballast.append(torch.zeros(2))
        elif self.burden == "work":
            sum(range(step * 1_200 // self.stretch))
        now = time.process_time()
        if step % self.stretch == 0:
            self.footprints.append(footprint())
        is_in_turns = self.first_step <= step <= self.first_step + self.stretch
        if is_in_turns and (step - self.first_step) % (self.stretch // TURNS) == 0:
            if step > self.first_step:
                self.pipe.send(now - self.turn_start)
            if step < self.first_step + self.stretch:
                self.pipe.recv()
            self.turn_start = time.process_time()


def train(folder, pipe, num_steps, first_step, burden):
    """Train a tiny network with Lightning's whole machinery, validations included."""
    os.chdir(folder)
    torch.set_num_threads(1)
    stretch = num_steps // STRETCHES
    gauge = Gauge(pipe, stretch, first_step, burden)
    ChaoticGenerator.on_train_batch_end = lambda model, *_: gauge.step(model)
    cli = ChaosCLI(
        [
            *("fit", "--model.hidden_units", "7", "--model.dt", "5", "--model.sampling_time", "10"),
            *("--model.measure_times", "[]", "--model.optimizer", "SGD", "--model.optimizer.lr", "1e-4"),
            *("--data.batch_size", "10", "--data.num_eval_images", "50", "--pictures.num_images", "4"),
            *("--trainer.max_steps", str(num_steps), "--trainer.val_check_interval", str(stretch // VALIDATIONS)),
            *("--trainer.enable_progress_bar", "false"),
        ]
    )
    log_bytes = sum(path.stat().st_size for path in Path("logs").rglob("*") if path.is_file())
    is_finite = all(bool(weight.isfinite().all()) for weight in cli.model.parameters())
    pipe.send((cli.trainer.global_step, gauge.footprints, log_bytes, is_finite))


def soak(folder, num_steps, burden=None):
    """Run both; returns the processor times of the turns of each, and what the long run has to say at its end."""
    context = multiprocessing.get_context("spawn")
    stretch = num_steps // STRETCHES
    runs = {}
    try:
        for name, first_step in (("long", num_steps - stretch), ("young", stretch // 2)):
            (folder / name).mkdir()
            ours, theirs = context.Pipe()
            process = context.Process(target=train, args=(folder / name, theirs, num_steps, first_step, burden))
            process.start()
            theirs.close()
            runs[name] = (process, ours, [])
        for _ in range(TURNS):
            for _, pipe, seconds in runs.values():
                pipe.send("your turn")
                seconds.append(pipe.recv())
        _, pipe, _ = runs["long"]
        return runs["young"][2], runs["long"][2], pipe.recv()
    finally:
        for process, *_ in runs.values():
            process.kill()
            process.join()


def slowdown(young, long):
    """By how much a turn of the long run takes longer; the median, since a turn may hold a validation."""
    return median(late / early for early, late in zip(young, long, strict=True)) - 1


def leaks(footprints):
    """What grew between a fifth of a run and its end, by more than validations may leave behind.

    Each validation leaves its measures, for the alarm about plateaus, and Matplotlib fills its caches meanwhile.
    """
    before, after = footprints[1], footprints[-1]
    growth = {name: getattr(after, name) - getattr(before, name) for name in Footprint._fields}
    validations = (STRETCHES - 2) * VALIDATIONS
    allowed = {"python_objects": 100 * validations, "c_bytes": 3_000 * validations, "resident_megabytes": 20}
    return {name: value for name, value in growth.items() if value > allowed.get(name, 0)}


@pytest.mark.slow
def test_a_hundred_thousand_steps(tmp_path, capsys):
    num_steps = 100_000
    young, long, (steps_taken, footprints, log_bytes, is_finite) = soak(tmp_path, num_steps)
    with capsys.disabled():
        print(f"\nslowdown {slowdown(young, long):.2%}: {sum(young):.1f} s at first and {sum(long):.1f} s at last")
        print(*footprints, f"log {log_bytes / 2**20:.2f} MiB", sep="\n")
    assert steps_taken == num_steps
    assert is_finite
    assert log_bytes < 10 * 2**20
    assert not leaks(footprints)
    assert slowdown(young, long) < 0.05


@pytest.mark.slow
@pytest.mark.parametrize("burden", ["list", "tensors", "work"])
def test_the_soak_finds_what_it_looks_for(tmp_path, burden):
    """A list that grows at every step, a tensor kept every 50 steps, a step that takes some tenth longer at last."""
    young, long, (_, footprints, *_) = soak(tmp_path, 10_000, burden)
    assert bool(leaks(footprints)) == (burden != "work")
    if burden == "work":  # turns are too short here to say that nothing slows down
        assert slowdown(young, long) > 0.05
