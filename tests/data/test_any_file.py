"""Whatever a file of images looks like, it is read as what it shows, or refused by name, or what was taken is said."""

import tempfile
import warnings
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from png_files import COLOUR, COLOUR_ALPHA, GREY, GREY_ALPHA, png_bytes

from chaos_lightning.data import DataError, read_images
from chaos_lightning.data.files import read_image_set

SIDE = 5

# Kind of pixels to how a program would save brightness, which is a multiple of 1/255 from 0 to 1.
PIXELS = {
    "8 bits": lambda shown: np.rint(shown * 255).astype(np.uint8),
    "16 bits": lambda shown: np.rint(shown * 65535).astype(np.uint16),
    "8 bits in 16": lambda shown: np.rint(shown * 255).astype(np.uint16),
    "12 bits in 16": lambda shown: np.rint(shown * 4095).astype(np.uint16),
    "4 bits": lambda shown: np.rint(shown * 15).astype(np.uint8),
    "percent": lambda shown: np.rint(shown * 100).astype(np.uint8),
    "truth values": lambda shown: shown >= 0.5,
    "0 and 1": lambda shown: (shown >= 0.5).astype(np.uint8),
    "whole numbers": lambda shown: np.rint(shown * 255).astype(np.int64),
    "signed": lambda shown: (np.rint(shown * 255) - 128).astype(np.int8),
    "0 to 1": lambda shown: shown,
    "0 to 1 of single precision": lambda shown: shown.astype(np.float32),
    "-1 to 1": lambda shown: 2 * shown - 1,
    "-1 to 1 of half precision": lambda shown: (2 * shown - 1).astype(np.float16),
    "0 to 255": lambda shown: shown * 255.0,
    "not a number": lambda shown: np.where(shown > 0.5, np.nan, shown),
}

# How far the pixels of a kind are from what is shown, at most. What two levels cannot show is not asked of them.
ROUNDING = {"4 bits": 0.04, "percent": 0.006, "truth values": 0.5, "0 and 1": 0.5, "-1 to 1 of half precision": 0.001}

SHAPES = {
    "(N, H, W)": lambda images: images,
    "(N, 1, H, W)": lambda images: images[:, np.newaxis],
    "(N, H, W, 1)": lambda images: images[..., np.newaxis],
    "(N, H, W, 3)": lambda images: np.stack([images] * 3, axis=-1),
    "(N, 3, H, W)": lambda images: np.stack([images] * 3, axis=1),
    "(N, H W)": lambda images: images.reshape(len(images), -1),
}

LABELS = {
    "none": lambda classes: None,
    "whole": lambda classes: classes,
    "8 bits": lambda classes: classes.astype(np.uint8),
    "column": lambda classes: classes[:, np.newaxis],
    "floating": lambda classes: classes.astype(np.float32),
    "numerals": lambda classes: classes.astype(str),
    "text": lambda classes: np.array(["cat", "dog", "cow"])[classes],
    "one-hot": lambda classes: np.eye(3)[classes],
    "too few": lambda classes: classes[1:],
    "objects": lambda classes: np.array([str(number) for number in classes], dtype=object),
    "less than 0": lambda classes: classes - 1,
}

IMAGE_NAMES = ["images", "x", "data", "train_images", "x_train"]
LABEL_NAMES = ["labels", "targets", "y", "label", "classes", "digit"]
PNG_KINDS = {
    "grey": (GREY, 1),
    "grey, alpha": (GREY_ALPHA, 2),
    "colour": (COLOUR, 3),
    "colour, alpha": (COLOUR_ALPHA, 4),
}


@st.composite
def shown_images(draw):
    """Brightness of a few images, (N, SIDE, SIDE), dark ones and bright ones among them."""
    count, darkest = draw(st.integers(2, 5)), draw(st.integers(0, 255))
    seed, brightest = draw(st.integers(0, 2**32 - 1)), draw(st.integers(darkest, 255))
    return np.random.default_rng(seed).integers(darkest, brightest + 1, (count, SIDE, SIDE)) / 255


@st.composite
def array_files(draw):
    """What is shown, its classes, how far pixels may be off, and how to write the file into a folder."""
    shown = draw(shown_images())
    kind, shape = draw(st.sampled_from(sorted(PIXELS))), draw(st.sampled_from(sorted(SHAPES)))
    images = SHAPES[shape](PIXELS[kind](shown))
    if draw(st.booleans()):
        images = images.astype(images.dtype.newbyteorder())
    classes = np.arange(len(shown)) % 3
    labels = LABELS[draw(st.sampled_from(sorted(LABELS)))](classes)
    arrays = {draw(st.sampled_from(IMAGE_NAMES)): images}
    if labels is not None:
        arrays[draw(st.sampled_from(LABEL_NAMES))] = labels
    extra = draw(st.sampled_from(["nothing", "settings", "a number each", "other images"]))
    if extra != "nothing":
        others = {
            "settings": np.array("{}"),
            "a number each": np.arange(len(shown)),
            "other images": np.ones((3, 2, 2)),
        }
        arrays["extra"] = others[extra]
    container = draw(st.sampled_from(["npz", "pt of NumPy", "pt", "pt of a pair"]))

    def write(folder):
        if container == "npz":
            np.savez(folder / "some.npz", **arrays)
            return folder / "some.npz"
        contents = arrays
        if container != "pt of NumPy":
            native = {name: array.astype(array.dtype.newbyteorder("=")) for name, array in arrays.items()}
            contents = {
                name: torch.from_numpy(array) if array.dtype.kind in "buif" else array.tolist()
                for name, array in native.items()
            }
        torch.save(tuple(contents.values()) if container == "pt of a pair" else contents, folder / "some.pt")
        return folder / "some.pt"

    return shown, None if labels is None else classes, ROUNDING.get(kind, 1e-6), write


@st.composite
def png_folders(draw):
    """As :func:`array_files`, without classes. Alpha is the drawing, or opaque."""
    shown = draw(shown_images())
    name, depth = draw(st.sampled_from(sorted(PNG_KINDS))), draw(st.sampled_from([1, 2, 4, 8, 16]))
    kind, channels = PNG_KINDS[name]
    depth = max(depth, 8) if kind != GREY else depth
    white = 2**depth - 1
    levels = np.rint(shown * white).astype(int)
    drawing_in_alpha = "alpha" in name and draw(st.booleans())
    ending = draw(st.sampled_from([".png", ".PNG", ".jpg"]))

    def write(folder):
        for place, image in enumerate(levels):
            values = np.stack([image] * channels, axis=-1)
            if "alpha" in name:
                values[..., -1] = white
            if drawing_in_alpha:
                values[..., :-1], values[..., -1] = 0, image
            content = png_bytes(values[..., 0] if channels == 1 else values, kind, depth)
            (folder / f"{place}{ending}").write_bytes(content)
        return folder

    if drawing_in_alpha:  # if that is opaque after all, it is black
        shown = np.zeros_like(shown)
    return shown[:, np.newaxis], None, 0.5 / white + 1e-6 if depth < 8 else 1e-6, write


def check(file):
    """Read a file, as rates and to train on, and hold it against what it shows."""
    shown, classes, rounding, write = file
    with tempfile.TemporaryDirectory() as folder:
        path = write(Path(folder))
        for read in (read_images, read_to_train):
            with warnings.catch_warnings(record=True) as warned:
                warnings.simplefilter("always")
                try:
                    images, labels = read(path, "train")
                    refusals = []
                except DataError as error:
                    refusals = [str(error)]
            said = [str(warning.message) for warning in warned] + refusals
            assert all(str(path) in message for message in said)
            if not said:
                found = (images.double().numpy().reshape(shown.shape) + 1) / 2
                np.testing.assert_allclose(found, shown, rtol=0, atol=rounding)
                assert classes is None or labels.tolist() == classes.tolist()


def read_to_train(path, part):
    images, _ = read_image_set(path, part, colour=False)
    return images.images, images.labels


@given(array_files() | png_folders())
@settings(max_examples=500, deadline=None, suppress_health_check=[HealthCheck.too_slow], database=None)
def test_a_file_is_read_as_what_it_shows_or_refused_or_what_was_taken_is_said(file):
    check(file)


@pytest.mark.slow
@given(array_files() | png_folders())
@settings(max_examples=10_000, deadline=None, suppress_health_check=[HealthCheck.too_slow], database=None)
def test_ten_thousand_files_are_read_as_what_they_show_or_refused_or_what_was_taken_is_said(file):
    check(file)
