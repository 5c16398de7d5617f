"""Files of arrays as other programs write them: read if they have one meaning, or refused with what is in them."""

import warnings
import zipfile

import numpy as np
import pytest
import torch

from chaos_lightning import ImageFilesDataModule
from chaos_lightning.data import DataError, ImageSet, read_images

random = np.random.default_rng(0)
LEVELS = random.integers(0, 256, (7, 5, 5), dtype=np.uint8)
LEVELS[0, 0] = [0, 1, 127, 128, 255]
RATES = LEVELS / 127.5 - 1
CLASSES = np.arange(7) % 3


def npz(folder, **arrays):
    np.savez(folder / "some.npz", **arrays)
    return folder / "some.npz"


def pt(folder, contents):
    torch.save(contents, folder / "some.pt")
    return folder / "some.pt"


@pytest.fixture
def no_warning():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        yield


PIXELS = {
    "8 bits": LEVELS,
    "16 bits": LEVELS.astype(np.uint16) * 257,
    "16 bits in the other order of bytes": (LEVELS.astype(np.uint16) * 257).astype(">u2"),
    "from -1 to 1": RATES,
    "from -1 to 1 in the other order of bytes": RATES.astype(">f4"),
    "of more bits than torch knows": RATES.astype(np.longdouble),
    "in the order of Fortran": np.asfortranarray(RATES),
    "with a channel": RATES[:, np.newaxis],
    "with a channel at the end": LEVELS[..., np.newaxis],
}


@pytest.mark.usefixtures("no_warning")
@pytest.mark.parametrize("kind", PIXELS)
@pytest.mark.parametrize("write", [npz, lambda folder, **arrays: pt(folder, arrays)], ids=["npz", "pt of NumPy"])
def test_pixels_of_one_meaning_are_read(tmp_path, kind, write):
    if kind == "of more bits than torch knows" and np.longdouble(0).itemsize == 8:
        pytest.skip("this machine has no such numbers")
    path = write(tmp_path, images=PIXELS[kind], labels=CLASSES)
    images, labels = read_images(path)
    assert images.shape == (7, 1, 5, 5)
    torch.testing.assert_close(images.reshape(7, 5, 5), torch.from_numpy(RATES).float(), rtol=0, atol=1e-6)
    assert labels.tolist() == CLASSES.tolist()
    kept = ImageSet.from_arrays(PIXELS[kind], CLASSES)
    assert torch.equal(kept.pixels, torch.from_numpy(LEVELS).unsqueeze(1))


@pytest.mark.usefixtures("no_warning")
def test_truth_values_are_black_and_white(tmp_path):
    for path in (npz(tmp_path, images=LEVELS > 99), pt(tmp_path, {"images": torch.from_numpy(LEVELS > 99)})):
        assert torch.equal(read_images(path)[0].squeeze(1), torch.from_numpy(np.where(LEVELS > 99, 1.0, -1.0)).float())


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
def test_pixels_of_0_and_1_only_are_black_and_white_and_that_is_said(tmp_path, dtype):
    path = npz(tmp_path, images=(LEVELS > 99).astype(dtype))
    with pytest.warns(UserWarning, match=r"some\.npz .*0 is black and 1 is|some\.npz .*are taken for black and white"):
        images, _ = read_images(path)
    assert torch.equal(images.squeeze(1), torch.from_numpy(np.where(LEVELS > 99, 1.0, -1.0)).float())
    with pytest.warns(UserWarning, match="mine"):
        kept = ImageSet.from_arrays((LEVELS > 99).astype(dtype), name="mine")
    assert torch.equal(kept.pixels.squeeze(1), torch.from_numpy(LEVELS > 99) * torch.tensor(255, dtype=torch.uint8))


DARK = {
    "8 bits up to 16": (LEVELS // 16 + 1, "up to 16 only, where 255 is white: multiply them by 15.9375 and save"),
    "8 bits up to 127": (LEVELS // 2, "up to 127 only, where 255 is white"),
    "8 bits in 16": (LEVELS.astype(np.uint16), "up to 255 only, where 65535 is white"),
    "12 bits in 16": (LEVELS.astype(np.uint16) * 16, "up to 4080 only, where 65535 is white"),
    "0 and 1 of 255": ((LEVELS > 99) / 255, "up to 0.00392157 only, where 1 is white"),
}


@pytest.mark.filterwarnings("ignore:.*none below 0")
@pytest.mark.parametrize("kind", DARK)
def test_pixels_that_do_not_reach_half_of_white_are_refused_but_for_generated_ones(tmp_path, kind):
    images, message = DARK[kind]
    path = npz(tmp_path, images=images)
    with pytest.raises(DataError, match=rf"some\.npz holds pixels {message}"):
        read_images(path)
    with pytest.raises(DataError, match=f"mine holds pixels {message}"):
        ImageSet.from_arrays(images, name="mine")
    with pytest.warns(UserWarning, match=r"some\.npz holds pixels .* are taken for dark"):
        read_images(path, may_be_dark=True)
    np.savez(tmp_path / "dark.npz", images=np.clip(RATES, -1, -0.5))
    assert read_images(tmp_path / "dark.npz")[0].max() == -0.5  # no doubt about these


@pytest.mark.usefixtures("no_warning")
@pytest.mark.parametrize(
    "labels",
    [
        CLASSES[:, np.newaxis],
        CLASSES.astype(np.uint16),
        CLASSES.astype(">i4"),
        CLASSES.astype(float),
        CLASSES.astype(str),
        CLASSES.astype("S"),
    ],
    ids=lambda labels: f"{labels.dtype.str}{labels.shape}",
)
def test_labels_of_one_meaning_are_read(tmp_path, labels):
    for path in (npz(tmp_path, images=LEVELS, labels=labels), pt(tmp_path, {"images": LEVELS, "labels": labels})):
        assert read_images(path)[1].tolist() == CLASSES.tolist()


@pytest.mark.usefixtures("no_warning")
@pytest.mark.parametrize("name", ["labels", "label", "targets", "target", "y"])
@pytest.mark.parametrize("images", ["images", "data", "x"])
def test_usual_names_are_known(tmp_path, images, name):
    """That of images is free: they are the only array of three dimensions."""
    arrays = {images: LEVELS, name: CLASSES, "settings": np.array("{}")}
    for path in (npz(tmp_path, **arrays), pt(tmp_path, {**arrays, name: CLASSES.tolist()})):
        found, labels = read_images(path)
        assert found.shape == (7, 1, 5, 5)
        assert labels.tolist() == CLASSES.tolist()


@pytest.mark.usefixtures("no_warning")
def test_the_files_of_torchvision_are_pairs_of_images_and_labels(tmp_path):
    pair = (torch.from_numpy(LEVELS), torch.from_numpy(CLASSES))
    for contents in (pair, list(pair), (LEVELS, CLASSES), (list(pair[0]), CLASSES.tolist())):
        images, labels = read_images(pt(tmp_path, contents))
        torch.testing.assert_close(images.squeeze(1), torch.from_numpy(RATES).float(), rtol=0, atol=1e-6)
        assert labels.tolist() == CLASSES.tolist()


def medmnist(folder, **arrays):
    return npz(
        folder,
        train_images=LEVELS,
        train_labels=CLASSES[:, np.newaxis],
        val_images=LEVELS[:3],
        val_labels=CLASSES[:3, np.newaxis],
        test_images=LEVELS[2:],
        test_labels=CLASSES[2:, np.newaxis],
        **arrays,
    )


def test_one_file_can_hold_the_training_and_the_test_images(tmp_path, recwarn):
    keras = tmp_path / "keras.npz"
    np.savez(keras, x_train=LEVELS, y_train=CLASSES, x_test=LEVELS[2:], y_test=CLASSES[2:])
    for path in (keras, medmnist(tmp_path)):
        data = ImageFilesDataModule(str(path), str(path), batch_size=2, num_validation=2)
        assert (len(data.train), len(data.validation), len(data.test)) == (5, 2, 5)
        assert torch.equal(data.test.pixels, torch.from_numpy(LEVELS[2:]).unsqueeze(1))
        assert data.test.labels.tolist() == CLASSES[2:].tolist()
        assert len(read_images(path, "train")[0]) == 7
    said = [str(warning.message) for warning in recwarn]
    assert all("some.npz also holds val_images, val_labels: left out" in message for message in said)
    assert said


def test_a_part_of_a_file_must_be_asked_for(tmp_path):
    with pytest.raises(DataError, match=r"some\.npz holds train_images and val_images and test_images, and which are"):
        read_images(medmnist(tmp_path))
    only_test = npz(tmp_path, test_images=LEVELS)
    with pytest.raises(DataError, match=r"some\.npz holds test_images, and which are train images is not said"):
        read_images(only_test, "train")


def test_what_looks_like_labels_and_is_not_read_is_said(tmp_path):
    for arrays, named in (
        ({"classes": CLASSES}, "classes"),
        ({"labels": CLASSES, "targets": CLASSES}, "targets"),
        ({"names": CLASSES.astype(str)}, "names"),
        ({"weights": np.ones((3, 3))}, "weights"),
        ({"completions": np.ones((7, 2, 5, 5))}, "completions"),
    ):
        for path in (npz(tmp_path, images=LEVELS, **arrays), pt(tmp_path, {"images": LEVELS, **arrays})):
            with pytest.warns(UserWarning, match=rf"{path.name} also holds {named}: left out"):
                read_images(path)


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        (
            {"labels": np.array(["cat", "dog"] * 3 + ["cat"])},
            "array labels, holds values of type <U3, not numbers: save",
        ),
        ({"labels": np.array([None] * 7)}, "array labels, holds values of type object, not numbers"),
        ({"labels": CLASSES * 1j}, "array labels, holds values of type complex128"),
        ({"labels": np.eye(7)}, r"labels of shape \(7, 7\): save one number for each image, labels.argmax\(1\)"),
        ({"targets": CLASSES[:6]}, r"7 images, but labels of shape \(6,\)"),
        ({"y": -CLASSES}, "labels that are not whole numbers from 0 on"),
        ({"y": CLASSES, "targets": CLASSES}, "has targets and y: name those that are the labels 'labels'"),
        ({"images": LEVELS.astype(int)}, r"type torch.int64: they must be .* save images.astype\(.uint8.\)"),
        ({"images": LEVELS.astype(np.int8)}, "type torch.int8"),
        ({"images": LEVELS * 1j}, "array images, holds values of type complex128, not numbers"),
        ({"images": LEVELS.reshape(7, 25)}, r"images has shape \(7, 25\).* reshape\(len\(images\), height, width\)"),
        ({"images": LEVELS[:0]}, r"holds no images: its array images has shape \(0, 5, 5\)"),
        ({"images": LEVELS.astype(float)}, "from 0 to 255, outside"),
    ],
)
def test_what_has_no_meaning_is_refused_with_file_array_and_remedy(tmp_path, arrays, message):
    np.savez(tmp_path / "some.npz", **{"images": LEVELS, **arrays})
    with pytest.raises(DataError, match=rf"some\.npz.*{message}"):
        read_images(tmp_path / "some.npz")


@pytest.mark.parametrize(
    ("contents", "message"),
    [
        ({"one": LEVELS, "two": LEVELS}, r"no array named 'images', but 'one' of shape \(7, 5, 5\), 'two' of shape"),
        ({}, "no array named 'images', but nothing"),
        ([LEVELS, CLASSES, LEVELS], r"holds a list of 3, of shapes \(7, 5, 5\), \(7,\), \(7, 5, 5\), not a pair"),
        ([LEVELS, LEVELS], "not a pair of images and labels: save a dict"),
        ("text", "array images, holds values of type <U4"),
        (torch.nn.Linear(2, 2), r"holds objects \(torch.nn.modules.linear.Linear\).* Save tensors, torch.save"),
        ({"images": LEVELS, "labels": np.array([None] * 7)}, "an array of NumPy holds values of type O8, not numbers"),
        (
            {"train": {"images": LEVELS}},
            r"array images, |no array named 'images'|array train, holds values of type object",
        ),
    ],
)
def test_files_of_tensors_that_hold_something_else_say_what(tmp_path, contents, message):
    with pytest.raises(DataError, match=rf"some\.pt.*({message})"):
        read_images(pt(tmp_path, contents))


def test_files_that_are_not_what_their_name_says_are_refused(tmp_path):
    with open(tmp_path / "some.npz", "wb") as file:
        np.save(file, LEVELS)
    with pytest.raises(DataError, match=r"some\.npz cannot be read as \.npz"):
        read_images(tmp_path / "some.npz")
    with zipfile.ZipFile(tmp_path / "some.npz", "w") as archive:
        archive.writestr("images.npy", b"no array")
    with pytest.raises(DataError, match=r"some\.npz"):
        read_images(tmp_path / "some.npz")
    np.save(tmp_path / "some.npy", LEVELS)
    with pytest.raises(DataError, match=r"some\.npy is neither a \.npz or \.pt file nor a folder .*: name a \.npz"):
        read_images(tmp_path / "some.npy")


@pytest.mark.usefixtures("no_warning")
def test_endings_may_be_in_capital_letters(tmp_path):
    for path in (npz(tmp_path, images=LEVELS), pt(tmp_path, LEVELS)):
        other = path.rename(path.with_suffix(path.suffix.upper()))
        assert len(read_images(other)[0]) == 7


def test_arrays_that_cannot_be_written_to_are_read_without_a_word(recwarn):
    pixels = np.frombuffer(LEVELS.tobytes(), np.uint8).reshape(LEVELS.shape)
    for images in (pixels, pixels[::-1][::-1], pixels[:, :, ::-1][:, :, ::-1]):
        assert torch.equal(ImageSet.from_arrays(images).pixels.squeeze(1), torch.from_numpy(LEVELS))
    assert torch.equal(ImageSet.from_arrays(LEVELS[:, ::-1]).pixels.squeeze(1), torch.from_numpy(LEVELS).flip(1))
    assert not recwarn
