"""Images from files of any program."""

import numpy as np
import pytest
import torch
from torchvision.io import write_png

from chaos_lightning.data import DataError, read_images

LEVELS = torch.randint(0, 256, (7, 5, 3), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
RATES = LEVELS.double() / 127.5 - 1


def write(folder, kind):
    if kind == "npz":
        np.savez_compressed(folder / "a.npz", images=LEVELS.numpy(), labels=np.arange(7), settings=np.array("{}"))
        return folder / "a.npz"
    if kind == "npz of one float array":
        np.savez(folder / "b.npz", anything=RATES.numpy())
        return folder / "b.npz"
    if kind == "pt":
        torch.save(RATES.float(), folder / "c.pt")
        return folder / "c.pt"
    if kind == "pt dict":
        torch.save({"images": LEVELS, "labels": torch.arange(7)}, folder / "d.pt")
        return folder / "d.pt"
    (folder / "pngs").mkdir()
    for index, image in enumerate(LEVELS):
        write_png(image.unsqueeze(0), str(folder / "pngs" / f"{index}.png"))
    return folder / "pngs"


@pytest.mark.parametrize("kind", ["npz", "npz of one float array", "pt", "pt dict", "png"])
def test_images_are_read_as_rates(tmp_path, kind):
    images, labels = read_images(write(tmp_path, kind))
    assert images.dtype == torch.float32
    torch.testing.assert_close(images.reshape(7, 5, 3), RATES.float(), rtol=0, atol=1e-6)
    if kind in ("npz", "pt dict"):
        assert labels.tolist() == list(range(7))
    else:
        assert labels is None


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda folder: folder / "nothing", "there are no images at"),
        (lambda folder: (folder / "empty").mkdir() or folder / "empty", "no PNG images"),
        (lambda folder: (folder / "a.txt").write_text("x") and folder / "a.txt", "neither a .npz or .pt file"),
        (lambda folder: (folder / "a.npz").write_bytes(b"PK\x03\x04junk") and folder / "a.npz", "cannot be read"),
        (lambda folder: (folder / "a.pt").write_bytes(b"junk") and folder / "a.pt", "cannot be read"),
        (lambda folder: (folder / "a.png").write_bytes(b"junk") and folder, "cannot be read as a PNG"),
        (lambda folder: np.savez(folder / "a.npz", x=[1], y=[2]) or folder / "a.npz", "no array named 'images'"),
        (lambda folder: np.savez(folder / "a.npz", images=np.zeros(3)) or folder / "a.npz", r"shape \(3,\)"),
        (
            lambda folder: np.savez(folder / "a.npz", images=np.zeros((3, 2, 2), np.int64)) or folder / "a.npz",
            "type torch.int64",
        ),
        (
            lambda folder: (
                np.savez(folder / "a.npz", images=np.zeros((3, 2, 2)), labels=np.zeros(2)) or folder / "a.npz"
            ),
            "labels of shape",
        ),
        (
            lambda folder: np.savez(folder / "a.npz", images=np.full((3, 2, 2), 255.0)) or folder / "a.npz",
            r"a\.npz has pixels from 255 to 255, outside \[-1, 1\]: rescale",
        ),
        (
            lambda folder: np.savez(folder / "a.npz", images=np.full((3, 2, 2), np.nan)) or folder / "a.npz",
            r"a\.npz has 12 NaN or infinite values",
        ),
    ],
)
def test_what_cannot_be_read_is_named(tmp_path, make, message):
    with pytest.raises(DataError, match=message):
        read_images(make(tmp_path))


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_floating_pixels_of_which_none_is_below_0_are_from_0_to_1_and_that_is_said(tmp_path, dtype):
    unit = (LEVELS.numpy() / 255).astype(dtype)
    for name, pixels in (("unit", unit), ("rounded", unit - dtype(1e-7))):
        np.savez(tmp_path / f"{name}.npz", images=pixels)
        with pytest.warns(
            UserWarning, match=rf"{name}\.npz has floating pixels and none below 0.* 0 is black and 1 is"
        ):
            images, _ = read_images(tmp_path / f"{name}.npz")
        torch.testing.assert_close(images.squeeze(1), RATES.float(), rtol=0, atol=1e-3)


@pytest.mark.parametrize("kind", ["npz", "npz of one float array", "pt", "pt dict", "png"])
def test_other_pixels_are_not_warned_of(tmp_path, kind, recwarn):
    read_images(write(tmp_path, kind))
    np.savez(tmp_path / "bright.npz", images=np.full((2, 3, 3), 200, np.uint8))  # 8 bits leave no doubt
    read_images(tmp_path / "bright.npz")
    assert not [warning for warning in recwarn if "none below 0" in str(warning.message)]


def test_no_code_runs_on_reading(tmp_path):
    class Evil:
        def __reduce__(self):
            return (print, ("ran",))

    torch.save({"images": Evil()}, tmp_path / "evil.pt")
    np.savez(tmp_path / "evil.npz", images=np.array([Evil()], dtype=object))
    for name in ("evil.pt", "evil.npz"):
        with pytest.raises(DataError):
            read_images(tmp_path / name)
