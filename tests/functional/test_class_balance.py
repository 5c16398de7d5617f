import pytest
import torch

from chaos_lightning.functional import SampleCountError, class_balance_error, class_coverage, nearest_labels


def test_labels_come_from_the_nearest_training_image():
    training = torch.tensor([[-1.0, 0.0], [1.0, 0.0], [0.0, 1.0]])
    images = torch.tensor([[0.9, 0.1], [0.1, 0.9], [-0.4, 0.1], [-0.6, -0.2]])
    assert nearest_labels(images, training, torch.tensor([5, 3, 7])).tolist() == [3, 7, 5, 5]


def test_labels_must_fit_the_training_images():
    with pytest.raises(ValueError, match="3 training images"):
        nearest_labels(torch.zeros(2, 5), torch.zeros(3, 5), torch.zeros(2, dtype=torch.int64))


@pytest.mark.parametrize(
    ("counts", "expected"), [([2, 3, 5], 0.0), ([20, 30, 50], 0.0), ([0, 0, 7], 0.5), ([5, 3, 2], 0.3)]
)
def test_balance(counts, expected):
    error = class_balance_error(torch.tensor(counts), torch.tensor([2, 3, 5]))
    torch.testing.assert_close(error, torch.tensor(expected, dtype=torch.float64))


def test_balance_with_a_class_the_data_lacks():
    assert class_balance_error(torch.tensor([0, 4]), torch.tensor([4, 0])) == 1


@pytest.mark.parametrize(("least_share", "expected"), [(0.1, 2), (0.3, 1), (0.0, 3)])
def test_coverage(least_share, expected):
    """Shares 0.9, 0.1 and 0 where 0.5, 0.4 and 0.1 are expected; the last class is unknown to the data."""
    counts, training = torch.tensor([90, 10, 0, 0]), torch.tensor([5, 4, 1, 0])
    assert class_coverage(counts, training, least_share) == expected


def test_nothing_to_count():
    for measure in (class_balance_error, class_coverage):
        with pytest.raises(SampleCountError, match="no generated"):
            measure(torch.zeros(3), torch.ones(3))
        with pytest.raises(SampleCountError, match="no training"):
            measure(torch.ones(3), torch.zeros(3))
