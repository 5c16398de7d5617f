"""When runs are captured and replayed, with graphs that only pretend to be: they run again, in memory of their own."""

from contextlib import nullcontext

import pytest
import torch
from torch import nn
from torch.utils._pytree import tree_flatten, tree_unflatten

from chaos_lightning.dynamics import cuda_graphs, replay


class PretendedGraph:
    """Leaves its results in the same tensors each time."""

    made = 0

    def __init__(self, run, arguments, device):
        PretendedGraph.made += 1
        leaves, self.structure = tree_flatten(arguments)
        self.run = run
        self.leaves = [leaf.clone() if isinstance(leaf, torch.Tensor) else leaf for leaf in leaves]
        self.results = run(*tree_unflatten(self.leaves, self.structure))

    def replay(self, tensors):
        own = [leaf for leaf in self.leaves if isinstance(leaf, torch.Tensor)]
        for mine, given in zip(own, tensors, strict=True):
            mine.copy_(given)
        with cuda_graphs._running_on(torch.device("cpu")):  # a graph would run none of this
            new = self.run(*tree_unflatten(self.leaves, self.structure))
        for mine, value in zip(tree_flatten(self.results)[0], tree_flatten(new)[0], strict=True):
            mine.copy_(value)
        return self.results


@pytest.fixture(autouse=True)
def pretended(monkeypatch):
    monkeypatch.setattr(cuda_graphs, "has_kernels", lambda device: True)
    monkeypatch.setattr(cuda_graphs, "_Graph", PretendedGraph)
    monkeypatch.setattr(torch.cuda, "device", lambda device: nullcontext())
    monkeypatch.setattr(torch.cuda, "is_current_stream_capturing", lambda: False)
    PretendedGraph.made = 0


def network():
    layer = nn.Linear(3, 2)
    layer.requires_grad_(False)
    return layer


def doubled(values, shift, factors=(1, None)):
    return [2 * values + shift, (values * factors[0],)]


def test_the_second_run_is_captured_and_the_third_replayed():
    layer = network()
    for count in range(4):
        values = torch.rand(5) + count
        results = replay(layer, doubled, values, 3, key="some")
        assert torch.equal(results[0], 2 * values + 3)
        assert torch.equal(results[1][0], values)
        assert PretendedGraph.made == (count > 0)


def test_whatever_the_run_depends_on_makes_it_another():
    layer = network()
    values = torch.rand(5)

    def other(values, shift, factors=(1, None)):
        return [values - shift]

    calls = [
        ((doubled, values, 3), "some"),
        ((doubled, values, 4), "some"),
        ((doubled, values, 3), "another"),
        ((doubled, values.double(), 3), "some"),
        ((doubled, values[:4], 3), "some"),
        ((doubled, values, 3, (2, None)), "some"),
        ((doubled, values, torch.ones(())), "some"),
        ((other, values, 3), "some"),
    ]
    for _ in range(3):
        for (run, *arguments), key in calls:
            results = replay(layer, run, *arguments, key=key)
            assert torch.equal(results[0], run(*arguments)[0])
    assert PretendedGraph.made == len(calls)
    with torch.autocast("cpu", torch.bfloat16):
        replay(layer, doubled, values, 3, key="some")
    assert PretendedGraph.made == len(calls)
    assert len(cuda_graphs._RUNS[layer].graphs) == len(calls) + 1


def test_results_last_unless_they_need_not_and_never_are_the_graphs_own():
    layer = network()
    kept = [replay(layer, doubled, torch.full((5,), float(count)), 0, key=1)[0] for count in range(4)]
    assert [float(result[0]) for result in kept] == [0, 2, 4, 6]
    passing = [replay(layer, doubled, torch.full((5,), float(count)), 0, key=2, keep=False)[0] for count in range(4)]
    assert [float(result[0]) for result in passing] == [0, 6, 6, 6]
    passing[-1].data = torch.zeros(5)  # as modules do with gradients that they move
    assert replay(layer, doubled, torch.ones(5), 0, key=2, keep=False)[0][0] == 2


def test_weights_that_lie_elsewhere_forget_all_graphs():
    layer = network()
    for _ in range(2):
        replay(layer, doubled, torch.rand(5), 0, key=1)
    layer.double()
    replay(layer, doubled, torch.rand(5), 0, key=1)
    assert list(cuda_graphs._RUNS[layer].graphs.values()) == [None]
    known = len(cuda_graphs._RUNS)
    del layer
    assert len(cuda_graphs._RUNS) == known - 1


def test_a_run_within_a_run_is_a_part_of_it():
    layer = network()

    def outer(values):
        return replay(layer, doubled, values, 1, key="inner")[0] + 1

    for count in range(3):
        assert torch.equal(
            replay(layer, outer, torch.full((2,), float(count)), key="outer"), torch.full((2,), 2.0 * count + 2)
        )
    assert len(cuda_graphs._RUNS[layer].graphs) == PretendedGraph.made == 1


def test_a_run_that_failed_is_not_known():
    layer = network()
    failures = iter([True, False, False, False])

    def fails_at_first(values):
        if next(failures):
            raise torch.OutOfMemoryError("no room")
        return values + 1

    with pytest.raises(torch.OutOfMemoryError):
        replay(layer, fails_at_first, torch.zeros(1), key=1)
    assert float(replay(layer, fails_at_first, torch.zeros(1), key=1)) == 1
    assert PretendedGraph.made == 0


def test_the_graph_that_was_not_used_for_longest_goes_first():
    layer = network()
    for size in range(1, cuda_graphs.MOST_GRAPHS + 1):
        for _ in range(2):
            replay(layer, doubled, torch.rand(size), 0, key=1)
    for size in (1, 40):
        replay(layer, doubled, torch.rand(size), 0, key=1)
    made = PretendedGraph.made
    replay(layer, doubled, torch.rand(1), 0, key=1)
    assert PretendedGraph.made == made
    replay(layer, doubled, torch.rand(2), 0, key=1)  # met for the first time again
    assert PretendedGraph.made == made
    assert len(cuda_graphs._RUNS[layer].graphs) == cuda_graphs.MOST_GRAPHS
