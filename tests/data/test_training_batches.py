import time
import warnings

import pytest
import torch

from chaos_lightning.data import ImageSet, TrainingBatches, batches


def numbered(num_images):
    """Images whose label is their row number and whose every pixel is `row % 256`."""
    rows = torch.arange(num_images)
    pixels = (rows % 256).to(torch.uint8).view(-1, 1, 1, 1).expand(-1, 1, 28, 28).contiguous()
    return ImageSet(pixels, rows)


def test_minibatch_contents():
    batch = next(iter(TrainingBatches(numbered(31), 7, seed=0)))
    assert batch.images.shape == (7, 1, 28, 28)
    assert batch.images.dtype == torch.float32
    assert batch.labels.dtype == torch.int64
    assert batch.first_index == 0
    torch.testing.assert_close(batch.images[:, 0, 27, 27], batch.labels / 127.5 - 1)


def test_an_epoch_takes_every_image_at_most_once_and_leaves_out_the_rest():
    batches = TrainingBatches(numbered(31), 7, seed=0)
    seen = torch.cat([batch.labels for batch in batches])
    assert len(batches) == 4
    assert len(seen) == len(set(seen.tolist())) == 28


def test_epochs_differ_and_repeat_for_the_same_seed():
    def two_epochs(seed):
        batches = TrainingBatches(numbered(31), 7, seed=seed)
        return [[batch.labels.tolist() for batch in batches] for _ in range(2)]

    first, second = two_epochs(seed=0)
    assert first != second
    assert two_epochs(seed=0) == [first, second]
    assert two_epochs(seed=1) != [first, second]


@pytest.mark.parametrize("images_at_once", [1, 6, 9, 20])
def test_minibatches_do_not_depend_on_how_many_are_gathered_together(images_at_once, monkeypatch):
    reference = TrainingBatches(numbered(31), 6, seed=0, rank=1, world_size=2)
    expected = [reference.minibatch(step) for step in range(15)]
    monkeypatch.setattr(batches, "BYTES_AT_ONCE", images_at_once * 28 * 28 * 4)
    steps = [*range(15), 3, 14, 2, 2, 7]
    other = TrainingBatches(numbered(31), 6, seed=0, rank=1, world_size=2)
    for step in steps:
        batch = other.minibatch(step)
        assert torch.equal(batch.labels, expected[step].labels)
        assert torch.equal(batch.images, expected[step].images)


def test_minibatches_follow_the_steps_taken():
    steps = iter([0, 5, 9])
    batches = TrainingBatches(numbered(31), 7, seed=0, step=lambda: next(steps))
    reference = TrainingBatches(numbered(31), 7, seed=0)
    for step, batch in zip([0, 5, 9], batches, strict=False):
        assert torch.equal(batch.labels, reference.minibatch(step).labels)


def test_resuming_in_another_order_is_noticed():
    batches = TrainingBatches(numbered(31), 7, seed=0)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        batches.load_state_dict(TrainingBatches(numbered(31), 7, seed=0).state_dict())
    with pytest.warns(UserWarning, match="batch_size was 5 and is 7, seed was 1 and is 0"):
        batches.load_state_dict(TrainingBatches(numbered(31), 5, seed=1).state_dict())


@pytest.mark.parametrize("world_size", [2, 3])
def test_processes_share_the_minibatch_of_one_process(world_size):
    alone = TrainingBatches(numbered(31), 12, seed=0)
    ranks = [TrainingBatches(numbered(31), 12, seed=0, rank=r, world_size=world_size) for r in range(world_size)]
    for whole, *parts in zip(alone, *ranks, strict=True):
        assert torch.equal(torch.cat([part.labels for part in parts]), whole.labels)
        assert torch.equal(torch.cat([part.images for part in parts]), whole.images)
        assert [part.first_index for part in parts] == [r * 12 // world_size for r in range(world_size)]


def test_batch_that_processes_cannot_share_is_refused():
    with pytest.raises(ValueError, match=r"batch_size=7 .*multiple of 2"):
        TrainingBatches(numbered(31), 7, seed=0, world_size=2)


def test_batch_larger_than_the_training_set_is_refused():
    with pytest.raises(ValueError, match=r"batch_size=32 .* 31 images"):
        TrainingBatches(numbered(31), 32, seed=0)
    assert len(TrainingBatches(numbered(31), 31, seed=0)) == 1


def test_feeding_takes_a_small_part_of_a_training_step():
    """A step of the two-layer network has 20 time steps of two products with a 784 x 500 matrix at least."""
    batches = TrainingBatches(numbered(60_000), 100, seed=0)
    state, coupling = torch.rand(100, 784), torch.rand(784, 500)

    def shortest(action):
        durations = []
        for _ in range(7):
            start = time.perf_counter()
            action()
            durations.append(time.perf_counter() - start)
        return min(durations)

    feeding = shortest(lambda: [batches.minibatch(step) for step in range(200)]) / 200  # gathered in two parts
    step = shortest(lambda: [state @ coupling for _ in range(40)])
    assert feeding < 0.05 * step
