"""Colours: kept where they are asked for, otherwise grey by their brightness, which is said."""

import numpy as np
import pytest
import torch
from png_files import COLOUR, COLOUR_ALPHA, png_bytes

from chaos_lightning.data import DataError, ImageFilesDataModule, ImageSet, read_images

COLOURS = np.random.default_rng(0).integers(0, 256, (7, 5, 6, 3), dtype=np.uint8)  # (N, H, W, 3)
BRIGHTNESS = COLOURS @ np.array([0.299, 0.587, 0.114])
LOSES_COLOURS = "in colour, .*which are read as grey by their brightness: set colour=true"


@pytest.fixture(params=["channels last", "channels first", "floating", "16 bits", "tensor", "PNG", "PNG, opaque"])
def path(request, tmp_path):
    if "PNG" in request.param:
        folder = tmp_path / "folder"
        folder.mkdir()
        for number, image in enumerate(COLOURS):
            opaque = np.concatenate([image, np.full_like(image[..., :1], 255)], axis=-1)
            content = png_bytes(opaque, COLOUR_ALPHA) if "opaque" in request.param else png_bytes(image, COLOUR)
            (folder / f"{number}.png").write_bytes(content)
        return folder
    first = np.moveaxis(COLOURS, 3, 1)
    if request.param == "tensor":
        torch.save(torch.from_numpy(first.copy()), tmp_path / "some.pt")
        return tmp_path / "some.pt"
    kinds = {
        "channels last": COLOURS,
        "channels first": first,
        "floating": (COLOURS / 127.5 - 1).astype(np.float32),
        "16 bits": COLOURS.astype(np.uint16) * 257,
    }
    np.savez(tmp_path / "some.npz", images=kinds[request.param])
    return tmp_path / "some.npz"


def test_colours_are_kept_where_they_are_asked_for_without_a_word(path, recwarn):
    images, _ = read_images(path, colour=True)
    np.testing.assert_allclose(images, np.moveaxis(COLOURS, 3, 1) / 127.5 - 1, atol=1e-6)
    assert not [warning for warning in recwarn if "colour" in str(warning.message)]


def test_colours_count_by_their_brightness_otherwise_and_that_is_said(path):
    with pytest.warns(UserWarning, match=LOSES_COLOURS):
        images, _ = read_images(path)
    assert images.shape == (7, 1, 5, 6)
    np.testing.assert_allclose((images.squeeze(1) + 1) * 127.5, BRIGHTNESS, atol=1.1)  # PNG levels are rounded down


def test_data_are_trained_on_as_they_are_measured(path):
    for colour in (True, False):
        other = path.with_name("other.npz")
        np.savez(other, images=COLOURS[:3])
        data = ImageFilesDataModule(str(path), str(other), colour=colour)
        train, test = data.read_image_sets()
        assert train.shape == test.shape == ((3, 5, 6) if colour else (1, 5, 6))
        torch.testing.assert_close(train.images, read_images(path, colour=colour)[0], atol=1.01 / 127.5, rtol=0)


@pytest.mark.filterwarnings("error")
def test_three_equal_channels_are_grey(tmp_path):
    grey = COLOURS[..., :1]
    np.savez(tmp_path / "grey.npz", images=grey.repeat(3, axis=3))
    images, _ = read_images(tmp_path / "grey.npz")
    np.testing.assert_allclose((images.squeeze(1) + 1) * 127.5, grey[..., 0], atol=1e-4)
    np.savez(tmp_path / "one.npz", images=grey)
    assert torch.equal(read_images(tmp_path / "one.npz", colour=True)[0], images.expand(-1, 3, -1, -1))


def test_a_folder_of_grey_and_colour_is_read_as_either(tmp_path):
    (tmp_path / "a.png").write_bytes(png_bytes(COLOURS[0, ..., 0]))
    (tmp_path / "b.png").write_bytes(png_bytes(COLOURS[1], COLOUR))
    images, _ = read_images(tmp_path, colour=True)
    assert torch.equal(images[0], images[0, :1].expand(3, -1, -1))
    np.testing.assert_allclose(images[1], np.moveaxis(COLOURS[1], 2, 0) / 127.5 - 1, atol=1e-6)
    with pytest.warns(UserWarning, match=r"holds 1 images in colour, as b\.png, which are read as grey"):
        assert read_images(tmp_path)[0].shape == (2, 1, 5, 6)


def test_channels_that_are_no_colours_are_refused(tmp_path):
    np.savez(tmp_path / "some.npz", images=np.zeros((7, 5, 6, 4), np.uint8))
    for colour in (True, False):
        with pytest.raises(DataError, match=r"images of 5 channels \(shape \(7, 5, 6, 4\)\).*Leave out transparency"):
            read_images(tmp_path / "some.npz", colour=colour)


def test_a_data_module_of_ones_own_may_have_any_number_of_channels():
    images = ImageSet.from_arrays(np.zeros((7, 2, 5, 6), np.uint8))
    assert images.shape == (2, 5, 6)


def test_where_a_shape_can_mean_two_things_the_one_taken_is_said(tmp_path):
    np.savez(tmp_path / "narrow.npz", images=np.moveaxis(COLOURS[:, :, :3], 3, 1))  # (7, 3, 5, 3)
    with pytest.warns(UserWarning, match="taken for 3 channels of 5 x 3 pixels"):
        images, _ = read_images(tmp_path / "narrow.npz", colour=True)
    assert images.shape == (7, 3, 5, 3)
