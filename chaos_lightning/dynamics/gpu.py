"""What is done otherwise on a GPU, where launching hundreds of small kernels takes longer than what they do."""

from collections import OrderedDict
from collections.abc import Callable, Hashable
from functools import cache
from importlib.util import find_spec
from typing import Any
from weakref import WeakKeyDictionary

import torch
from torch import Tensor, nn
from torch.utils._pytree import tree_flatten, tree_map_only, tree_unflatten

MOST_GRAPHS = 16
"""Graphs kept for a network; the one that was not used for longest goes first. Each has memory of its own."""

LOWEST_CAPABILITY = (8, 0)
"""Compute capability from which matrix units take bfloat16 and TF32."""

_RUNS: WeakKeyDictionary[nn.Module, OrderedDict[Hashable, "_Graph | None"]] = WeakKeyDictionary()


@cache
def has_kernels(device: torch.device) -> bool:
    """Whether the kernels of :mod:`chaos_lightning.dynamics.kernels` run there: Triton comes with torch on Linux."""
    if device.type != "cuda" or find_spec("triton") is None:
        return False
    return torch.cuda.get_device_capability(device) >= LOWEST_CAPABILITY


def multiplies_on_matrix_units(dtype: torch.dtype) -> bool:
    """Whether products of this type are made on a GPU's matrix units: bfloat16, and float32 where TF32 is allowed."""
    if dtype == torch.float32:
        return torch.get_float32_matmul_precision() != "highest"
    return dtype == torch.bfloat16


def replay(network: nn.Module, run: Callable[..., Any], *arguments: Any, key: Hashable, keep: bool = True) -> Any:
    """What ``run(*arguments)`` returns; on a GPU run the first time, captured as a graph the second, then replayed.

    The graph reads the network's parameters where they lie, so it sees them as they are when it is replayed. Within a
    run that is captured as a whole, others are a part of it.

    Args:
        network: whose parameters are read.
        run: what is done, without waiting for the GPU. It must do the same for the same key.
        *arguments: tensors, numbers and None, or tuples of them. The run may depend on the numbers; tensors on the CPU
            reach it on the GPU.
        key: what else the run depends on.
        keep: whether the results are to last; else the next call may overwrite them.

    Returns:
        What ``run`` returns: a tensor, or tuples of tensors.
    """
    device = next(network.parameters()).device
    if not has_kernels(device) or torch.cuda.is_current_stream_capturing():  # without, draws cannot be captured
        return run(*arguments)
    leaves, structure = tree_flatten(arguments)
    tensors = [leaf for leaf in leaves if isinstance(leaf, Tensor)]
    signature = (
        key,
        torch.is_autocast_enabled(device.type) and torch.get_autocast_dtype(device.type),
        torch.get_float32_matmul_precision(),
        *(parameter.data_ptr() for parameter in network.parameters()),
        *((leaf.shape, leaf.dtype) if isinstance(leaf, Tensor) else leaf for leaf in leaves),
    )
    graphs = _RUNS.setdefault(network, OrderedDict())
    is_new = signature not in graphs
    graph = graphs.setdefault(signature, None)
    graphs.move_to_end(signature)
    if len(graphs) > MOST_GRAPHS:
        graphs.popitem(last=False)
    with torch.cuda.device(device):
        if is_new:
            return run(*arguments)
        if graph is None:
            graph = graphs[signature] = _Graph(run, leaves, structure, device)
        results = graph.replay(tensors)
        return tree_map_only(Tensor, Tensor.clone, results) if keep else results


class _Graph:
    """A captured run with the memory that it reads its arguments from and leaves its results in."""

    def __init__(self, run: Callable[..., Any], leaves: list[Any], structure: Any, device: torch.device) -> None:
        with torch.inference_mode(False), torch.no_grad():
            inputs = [leaf.to(device, copy=True) if isinstance(leaf, Tensor) else leaf for leaf in leaves]
            self._inputs = [leaf for leaf in inputs if isinstance(leaf, Tensor)]
            self._graph = torch.cuda.CUDAGraph()
            # Other threads, such as those of distributed training, may go on with what a capture forbids.
            with torch.cuda.graph(self._graph, capture_error_mode="thread_local"):
                self._results = run(*tree_unflatten(inputs, structure))

    def replay(self, tensors: list[Tensor]) -> Any:
        for own, given in zip(self._inputs, tensors, strict=True):
            own.copy_(given, non_blocking=True)
        self._graph.replay()
        return self._results
