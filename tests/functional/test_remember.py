import pytest
import torch

from chaos_lightning.functional.remember import RememberLast


@pytest.fixture
def summed():
    calls = []

    def total(values):
        calls.append(values)
        return values.sum()

    return RememberLast(total), calls


def test_the_same_values_are_taken_once_and_others_anew(summed):
    remembered, calls = summed
    values = torch.arange(6.0)
    assert [float(remembered(each)) for each in (values, values.clone(), values.view(2, 3).flatten())] == [15] * 3
    assert len(calls) == 1
    for other in (values[:5], values.double(), values.view(2, 3), values):
        assert remembered(other) == other.sum()
        assert remembered(other).dtype == other.dtype
    assert len(calls) == 5


def test_values_that_were_written_over_count_as_others(summed):
    remembered, calls = summed
    values = torch.ones(3)
    assert remembered(values) == 3
    values[1] = 5
    assert remembered(values) == 7
    assert len(calls) == 2


def test_what_is_no_number_is_never_taken_for_the_same(summed):
    remembered, calls = summed
    for _ in range(2):
        assert remembered(torch.tensor([1.0, torch.nan])).isnan()
    assert len(calls) == 2
