"""CUDA graphs and parallel streams: on a GPU, launching hundreds of small kernels takes longer than running them."""

import warnings
from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cache, partial
from importlib.util import find_spec
from typing import Any, TypeVar
from weakref import WeakKeyDictionary

import torch
from torch import Tensor, nn

First = TypeVar("First")
Second = TypeVar("Second")

MOST_GRAPHS = 16
"""Number of graphs kept for one network, each with memory of its own. The graph unused for longest is dropped first."""

LOWEST_CAPABILITY = (8, 0)
"""Lowest compute capability of a GPU whose matrix units multiply bfloat16 and TF32."""


@cache
def has_kernels(device: torch.device) -> bool:
    """Return whether the kernels of :mod:`chaos_lightning.dynamics.kernels` run on a device.

    They are written in Triton, which comes with torch on Linux and needs a C compiler. They run on NVIDIA GPUs from
    Ampere on. Warns if Triton and such a GPU are present but the kernels fail, for example without a C compiler.
    """
    if device.type != "cuda" or torch.version.hip is not None or find_spec("triton") is None:
        return False
    if torch.cuda.get_device_capability(device) < LOWEST_CAPABILITY:
        return False
    from chaos_lightning.dynamics import kernels  # needs Triton

    try:
        kernels.try_out(device)
    except Exception as error:
        warnings.warn(
            f"Triton does not work here, so runs on {torch.cuda.get_device_name(device)} take several times as long as "
            f"they could; it needs a C compiler, and a whole GPU. It says: {error}",
            stacklevel=2,
        )
        return False
    return True


def multiplies_on_matrix_units(dtype: torch.dtype) -> bool:
    """Return whether a GPU multiplies a data type on its matrix units: bfloat16, and float32 where TF32 is allowed."""
    if dtype != torch.float32:
        return dtype == torch.bfloat16
    matmul = torch.backends.cuda.matmul
    precision = getattr(matmul, "fp32_precision", None)
    return bool(matmul.allow_tf32) if precision is None else bool(precision == "tf32")  # None: torch before 2.9


def replay(network: nn.Module, run: Callable[..., Any], *arguments: Any, key: Hashable, keep: bool = True) -> Any:
    """Return the results of ``run(*arguments)``; on a GPU, replay a captured graph of the run from the third call on.

    On a GPU the first call runs as usual, the second captures the run as a graph and replays it, and later calls only
    replay it. The graph reads the network's parameters where they lie in memory, so each replay uses their present
    values. A call within another run becomes part of that run. Where the kernels of :func:`has_kernels` do not run,
    nothing is captured, because torch's random starts cannot be captured.

    Args:
        network: module whose parameters the run reads.
        run: function to run; it must not wait for the GPU. Functions with the same qualified name and the same key
            must do the same work.
        *arguments: tensors, numbers and None, or tuples, lists and dicts of them. The run may depend on the numbers.
            Tensors may lie on the CPU if the run copies them to the GPU; a captured run finds them there already.
        key: everything else that the run depends on.
        keep: whether the results must last; if not, the next call may overwrite them.

    Returns:
        The results of ``run``: a tensor, or tuples, lists and dicts of tensors.
    """
    parameters = list(network.parameters())
    if _inside.get() or not has_kernels(parameters[0].device) or torch.cuda.is_current_stream_capturing():
        return run(*arguments)
    return _replay(network, parameters, run, arguments, (run.__qualname__, key), keep)


def side_by_side(
    device: torch.device, first: Callable[[], First], second: Callable[[], Second]
) -> tuple[First, Second]:
    """Run two independent functions and return both results; on a GPU they run at the same time.

    Time steps must wait for one another, and a single run of them leaves most of a GPU idle.

    Args:
        device: device on which both functions work.
        first: function to run on a stream of its own.
        second: function to run on the current stream.
    """
    if device.type != "cuda":
        return first(), second()
    current, beside = torch.cuda.current_stream(device), _stream(device, "beside")
    # After this wait the current stream has finished with any freed memory that the second stream may now be given.
    beside.wait_stream(current)
    with torch.cuda.stream(beside):
        one = first()
    other = second()
    current.wait_stream(beside)
    return one, other


_inside: ContextVar[bool] = ContextVar("inside", default=False)


@contextmanager
def _running_on(device: torch.device) -> Iterator[None]:
    token = _inside.set(True)
    try:
        with torch.cuda.device(device):
            yield
    finally:
        _inside.reset(token)


@torch.compiler.disable
def _replay(
    network: nn.Module,
    parameters: list[nn.Parameter],
    run: Callable[..., Any],
    arguments: Any,
    key: Hashable,
    keep: bool,
) -> Any:
    device = parameters[0].device
    runs = _RUNS.setdefault(network, _Runs())
    runs.belong_to((device, *((parameter.data_ptr(), parameter.dtype) for parameter in parameters)))
    leaves = list(_leaves(arguments))
    signature = (
        key,
        torch.is_autocast_enabled(device.type) and torch.get_autocast_dtype(device.type),
        multiplies_on_matrix_units(torch.float32),
        *((leaf.shape, leaf.dtype) if isinstance(leaf, Tensor) else leaf for leaf in leaves),
    )
    if not runs.knows(signature):
        with _running_on(device):
            results = run(*arguments)
        runs.note(signature, None)  # after the run, which has compiled and allocated all that a capture must not
        return results
    graph = runs.graphs[signature]
    if graph is None:
        with _running_on(device):
            graph = _Graph(run, arguments, device)
        runs.note(signature, graph)
    results = graph.replay([leaf for leaf in leaves if isinstance(leaf, Tensor)])
    # Never return the graph's own tensors: a caller who moves them, as modules move gradients, would take away the
    # memory into which the graph writes its results.
    return _mapped(Tensor.clone if keep else Tensor.detach, results)


class _Runs:
    """The runs of one network by signature, each with its graph; None for a run seen only once."""

    def __init__(self) -> None:
        self.graphs: OrderedDict[Hashable, _Graph | None] = OrderedDict()
        self._weights: Hashable = None

    def belong_to(self, weights: Hashable) -> None:
        """Forget all graphs if the weights have moved in memory."""
        if weights != self._weights:
            self.graphs.clear()
            self._weights = weights

    def knows(self, signature: Hashable) -> bool:
        if signature in self.graphs:
            self.graphs.move_to_end(signature)
        return signature in self.graphs

    def note(self, signature: Hashable, graph: "_Graph | None") -> None:
        self.graphs[signature] = graph
        if len(self.graphs) > MOST_GRAPHS:
            self.graphs.popitem(last=False)


_RUNS: WeakKeyDictionary[nn.Module, _Runs] = WeakKeyDictionary()


class _Graph:
    """A captured run, with the memory of its arguments and of its results."""

    def __init__(self, run: Callable[..., Any], arguments: Any, device: torch.device) -> None:
        with torch.inference_mode(False), torch.no_grad():
            inputs = _mapped(partial(Tensor.to, device=device, copy=True), arguments)
            self._inputs = [leaf for leaf in _leaves(inputs) if isinstance(leaf, Tensor)]
            self._graph = torch.cuda.CUDAGraph()
            # The stream is given because torch's default one belongs to a single device. The error mode lets other
            # threads, such as the threads of distributed training, do work that a capture forbids.
            with torch.cuda.graph(self._graph, stream=_stream(device, "capture"), capture_error_mode="thread_local"):
                self._results = run(*inputs)

    def replay(self, tensors: list[Tensor]) -> Any:
        for own, given in zip(self._inputs, tensors, strict=True):
            own.copy_(given, non_blocking=True)
        self._graph.replay()
        return self._results


# The next two functions replace torch's tree_flatten and tree_map, which take ten times as long: a tenth of a training
# step.


def _leaves(value: Any) -> Iterator[Any]:
    """Yield the contents of tuples, lists and dicts, perhaps nested."""
    if isinstance(value, (tuple, list)):
        for part in value:
            yield from _leaves(part)
    elif isinstance(value, dict):
        for name, part in value.items():
            yield name
            yield from _leaves(part)
    else:
        yield value


def _mapped(function: Callable[[Tensor], Tensor], value: Any) -> Any:
    """Apply a function to each tensor and return the results in the same tuples, lists and dicts."""
    if isinstance(value, Tensor):
        return function(value)
    if isinstance(value, dict):
        return {name: _mapped(function, part) for name, part in value.items()}
    if isinstance(value, list):
        return [_mapped(function, part) for part in value]
    if isinstance(value, tuple):
        parts = (_mapped(function, part) for part in value)
        return type(value)(*parts) if hasattr(value, "_fields") else tuple(parts)
    return value


@cache
def _stream(device: torch.device, use: str) -> torch.cuda.Stream:
    """Return a device's one stream for a use: to capture graphs on, or to run beside the current stream."""
    return torch.cuda.Stream(device)
