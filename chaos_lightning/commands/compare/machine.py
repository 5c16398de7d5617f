"""The machine that a run takes place on."""

import platform
import resource
from pathlib import Path

import torch


def describe_machine(device: torch.device) -> str:
    """Describe GPU, threads and processor, and the version of torch."""
    gpu = f"{torch.cuda.get_device_name(device)} and " if device.type == "cuda" else ""
    threads = torch.get_num_threads()
    return f"{gpu}{threads} thread{'s' * (threads > 1)} on {_processor()} with torch {torch.__version__}"


def peak_memory(device: torch.device) -> float:
    """Read the peak memory of this process, or its peak memory on its GPU, in MiB.

    ``resource`` is only the second choice: on Linux a new process begins with the peak of the process that started it.
    """
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device) / 2**20
    kibibytes = [int(line.split()[1]) for line in _lines("/proc/self/status") if line.startswith("VmHWM:")]
    return next(iter(kibibytes), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss) / 1024


def _processor() -> str:
    """Name the processor as the system does."""
    names = [line.partition(":")[2].strip() for line in _lines("/proc/cpuinfo") if line.startswith("model name")]
    return next(iter(names), platform.processor() or platform.machine())


def _lines(path: str) -> list[str]:
    """Read the lines of a file of the system; none if it is not there."""
    return Path(path).read_text().splitlines() if Path(path).exists() else []
