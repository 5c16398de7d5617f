"""Masks by name and from files."""

import pytest
import torch
from torchvision.io import write_png

from chaos_lightning.data import DataError, read_mask

SIZE = (8, 12)


def test_a_name_says_which_part_is_hidden():
    rows, columns = torch.meshgrid(torch.arange(8), torch.arange(12), indexing="ij")
    for name, hidden in {
        "top": rows < 4,
        "bottom": rows >= 4,
        "left": columns < 6,
        "right": columns >= 6,
        "box": (rows >= 2) & (rows < 6) & (columns >= 3) & (columns < 9),
    }.items():
        assert torch.equal(read_mask(name, SIZE), hidden), name


def test_the_random_mask_hides_half_and_follows_from_the_seed():
    mask = read_mask("random", SIZE, seed=3)
    assert mask.sum() == 48
    assert torch.equal(mask, read_mask("random", SIZE, seed=3))
    assert not torch.equal(mask, read_mask("random", SIZE, seed=4))


def test_bright_pixels_of_a_file_are_hidden(tmp_path):
    mask = read_mask("random", SIZE)
    write_png(mask.to(torch.uint8).mul(255).unsqueeze(0), str(tmp_path / "mask.png"))
    assert torch.equal(read_mask(str(tmp_path / "mask.png"), SIZE), mask)


def test_masks_that_cannot_be_read_are_refused(tmp_path):
    with pytest.raises(DataError, match="there is no mask middle: name one of top, bottom"):
        read_mask("middle", SIZE)
    write_png(torch.zeros(1, 5, 7, dtype=torch.uint8), str(tmp_path / "small.png"))
    with pytest.raises(DataError, match=r"\(5, 7\) pixels, but the images have \(8, 12\)"):
        read_mask(str(tmp_path / "small.png"), SIZE)
    (tmp_path / "broken.png").write_bytes(b"no picture")
    with pytest.raises(DataError, match="cannot be read as a PNG image"):
        read_mask(str(tmp_path / "broken.png"), SIZE)
