"""Damaged raw files: each is named, with what is wrong and what to do."""

import numpy as np
import pytest

from chaos_lightning.data import DataError, MNISTDataModule

IMAGES, LABELS = "train-images-idx3-ubyte", "train-labels-idx1-ubyte"
TEST_IMAGES, TEST_LABELS = "t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte"
HEADER_BYTES = {IMAGES: 16, LABELS: 8, TEST_IMAGES: 16, TEST_LABELS: 8}


@pytest.fixture
def raw(data_dir):
    return data_dir / "MNIST" / "raw"


def error_for(raw):
    data = MNISTDataModule(str(raw.parents[1]))
    data.prepare_data()
    with pytest.raises(DataError) as caught:
        data.setup("fit")
    message = str(caught.value)
    assert "Put an intact copy" in message
    return message


def test_intact_files_are_read(raw):
    data = MNISTDataModule(str(raw.parents[1]))
    assert data.test.pixels[:, 0, 0, 0].tolist() == [100, 101, 102, 103, 104, 105, 106]
    assert data.test.labels.tolist() == [0, 1, 2, 3, 4, 5, 6]
    together = np.sort(np.r_[data.train.pixels[:, 0, 0, 0], data.validation.pixels[:, 0, 0, 0]])
    assert together.tolist() == list(range(29))


@pytest.mark.parametrize("name", HEADER_BYTES)
@pytest.mark.parametrize("lost", [1, 5])
def test_truncated_file(raw, name, lost):
    content = (raw / name).read_bytes()
    (raw / name).write_bytes(content[:-lost])
    message = error_for(raw)
    assert f"{raw / name} has {len(content) - lost} bytes" in message
    assert f"{len(content)} bytes" in message


@pytest.mark.parametrize("content", [b"", b"\0\0", b"\0\0\x08\x03\0\0\0"])
def test_file_that_ends_in_the_header(raw, content):
    (raw / IMAGES).write_bytes(content)
    assert str(raw / IMAGES) in error_for(raw)


@pytest.mark.parametrize(("name", "place"), [(name, i) for name, size in HEADER_BYTES.items() for i in range(size)])
@pytest.mark.parametrize("flip", [0x01, 0x80, 0xFF])
def test_flipped_bits_anywhere_in_a_header(raw, name, place, flip):
    content = bytearray((raw / name).read_bytes())
    content[place] ^= flip
    (raw / name).write_bytes(content)
    assert str(raw / name) in error_for(raw)


def test_appended_bytes(raw):
    (raw / LABELS).write_bytes((raw / LABELS).read_bytes() + b"\0")
    assert str(raw / LABELS) in error_for(raw)


def test_swapped_files(raw):
    (raw / IMAGES).write_bytes((raw / LABELS).read_bytes())
    assert f"{raw / IMAGES} should hold images (IDX number 2051) but starts like labels (2049)" in error_for(raw)


def test_packed_file_under_the_unpacked_name(raw):
    (raw / IMAGES).write_bytes(b"\x1f\x8b\x08\0" + b"\0" * 99)
    assert "starts like something else" in error_for(raw)


def test_empty_data_set(raw, idx_bytes):
    (raw / IMAGES).write_bytes(idx_bytes(np.zeros((0, 28, 28), np.uint8)))
    assert str(raw / IMAGES) in error_for(raw)


@pytest.mark.parametrize("size", [(27, 27), (14, 56)])
def test_other_image_size(raw, size, idx_bytes):
    (raw / IMAGES).write_bytes(idx_bytes(np.zeros((29, *size), np.uint8)))
    message = error_for(raw)
    assert str(raw / IMAGES) in message
    assert f"{size[0]} x {size[1]} pixels, not 28 x 28" in message


def test_other_number_of_labels(raw, idx_bytes):
    (raw / LABELS).write_bytes(idx_bytes(np.zeros(31, np.uint8)))
    assert f"{raw / LABELS} holds 31 labels for the 29 images of {IMAGES}" in error_for(raw)


def test_label_that_is_no_class(raw, idx_bytes):
    (raw / LABELS).write_bytes(idx_bytes(np.full(29, 10, np.uint8)))
    assert f"{raw / LABELS} holds the label 10" in error_for(raw)


def test_labels_are_those_of_the_class_of_data(raw, idx_bytes):
    class LettersDataModule(MNISTDataModule):
        num_classes = 26

    (raw / LABELS).write_bytes(idx_bytes(np.full(29, 25, np.uint8)))
    assert LettersDataModule(str(raw.parents[1])).train.labels.unique().tolist() == [25]


def test_unreadable_file(raw):
    (raw / LABELS).unlink()
    (raw / LABELS).symlink_to(raw)  # a folder in its place
    with pytest.raises(DataError, match=LABELS):
        MNISTDataModule(str(raw.parents[1])).prepare_data()
