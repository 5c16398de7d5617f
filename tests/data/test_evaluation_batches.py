import pytest
import torch

from chaos_lightning.data import EvaluationBatches, ImageSet


def numbered(num_images, first=0):
    pixels = torch.full((num_images, 1, 28, 28), first, dtype=torch.uint8)
    return ImageSet(pixels, torch.arange(first, first + num_images))


def on_all_processes(num_images, batch_size, world_size):
    held_out, floor = numbered(num_images), numbered(num_images, first=200)
    return [EvaluationBatches(held_out, floor, batch_size, rank=r, world_size=world_size) for r in range(world_size)]


def test_batch_contents():
    batch = next(iter(EvaluationBatches(numbered(11), numbered(11, first=200), 5)))
    assert batch.images.shape == batch.floor_images.shape == (4, 1, 28, 28)
    assert batch.images.unique().tolist() == [-1.0]
    torch.testing.assert_close(batch.floor_images.unique(), torch.tensor([200 / 127.5 - 1]))


def test_two_processes_share_101_images_without_padding():
    first, second = on_all_processes(101, 13, world_size=2)
    assert sum(len(batch.images) for batch in first) == 51
    assert sum(len(batch.images) for batch in second) == 50


@pytest.mark.parametrize("world_size", [1, 2, 3, 7])
@pytest.mark.parametrize("batch_size", [1, 2, 13, 50, 500])
@pytest.mark.parametrize("num_images", [7, 101])
def test_every_image_once_and_as_many_batches_on_every_process(num_images, batch_size, world_size):
    seen = []
    loaders = on_all_processes(num_images, batch_size, world_size)
    assert len({len(loader) for loader in loaders}) == 1
    for loader in loaders:
        batches = list(loader)
        assert len(batches) == len(loader)
        for batch in batches:
            assert 0 < len(batch.images) <= max(batch_size, 2)
            assert len(batch.floor_images) == len(batch.images)
            assert batch.first_index == batch.labels[0]
            seen += batch.labels.tolist()
    assert seen == list(range(num_images))


def test_fewer_images_than_processes_are_refused():
    with pytest.raises(ValueError, match="2 evaluation images cannot be shared by 3 processes"):
        on_all_processes(2, 5, world_size=3)
