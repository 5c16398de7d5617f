import pytest
import torch

from chaos_lightning.data import ImageSet


def test_images_stay_in_main_memory_when_the_gpu_is_full(monkeypatch):
    images = ImageSet(torch.zeros(11, 1, 28, 28, dtype=torch.uint8), torch.zeros(11, dtype=torch.int64))
    messages = []
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda device: (11 * 784, 2**30))
    monkeypatch.setattr("chaos_lightning.data.images.rank_zero_info", messages.append)
    assert images.to(torch.device("cuda:0")) is images
    assert "stay in main memory" in messages[0]


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_images_move_to_a_gpu_with_room():
    images = ImageSet(torch.zeros(11, 1, 28, 28, dtype=torch.uint8), torch.zeros(11, dtype=torch.int64))
    moved = images.to(torch.device("cuda:0"))
    assert moved.pixels.is_cuda
    assert moved.labels.is_cuda
