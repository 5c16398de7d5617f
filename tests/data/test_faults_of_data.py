"""Data that cannot be used end a command with one sentence that names the file."""

import re
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from torchvision import datasets

from chaos_lightning.commands import main
from chaos_lightning.data import DataError, IDXDataModule, ImageSet, MNISTDataModule

IMAGES, LABELS = "train-images-idx3-ubyte", "train-labels-idx1-ubyte"


def cut(raw, encode):
    content = (raw / IMAGES).read_bytes()
    (raw / IMAGES).write_bytes(content[:-1000])


def swap(raw, encode):
    images, labels = (raw / IMAGES).read_bytes(), (raw / LABELS).read_bytes()
    (raw / IMAGES).write_bytes(labels)
    (raw / LABELS).write_bytes(images)


def shrink(raw, encode):
    (raw / IMAGES).write_bytes(encode(np.zeros((29, 27, 27), np.uint8)))


def lose_labels(raw, encode):
    (raw / LABELS).unlink()


def lose_all(raw, encode):
    for path in raw.iterdir():
        path.unlink()


@pytest.mark.parametrize(
    ("break_", "named"),
    [(cut, IMAGES), (swap, IMAGES), (shrink, IMAGES), (lose_labels, LABELS), (lose_all, "MNIST/raw")],
)
def test_bad_files_end_fit_before_it_starts(data_dir, no_network, monkeypatch, capsys, idx_bytes, break_, named):
    monkeypatch.chdir(data_dir.parent)
    break_(data_dir / "MNIST" / "raw", idx_bytes)
    with pytest.raises(SystemExit) as exit_:
        main(["fit", "--data.data_dir", str(data_dir), "--data.batch_size", "5", "--trainer.max_steps", "2"])
    assert exit_.value.code == 1
    errors = capsys.readouterr().err
    assert "Traceback" not in errors
    (error,) = [line for line in errors.splitlines() if line.startswith("error:")]
    assert named in error
    assert not list(data_dir.parent.rglob("*.ckpt"))


def test_a_data_set_without_a_sample_asks_for_its_folder():
    class KMNISTDataModule(IDXDataModule):
        source = datasets.KMNIST

    data = KMNISTDataModule()
    data.prepare_data()
    with pytest.raises(DataError, match=r"no sample of KMNIST ships.*give data_dir.*KMNIST/raw"):
        data.setup("fit")


def dim(raw, encode):
    pixels = np.frombuffer((raw / IMAGES).read_bytes(), np.uint8, offset=16).reshape(29, 28, 28)
    (raw / IMAGES).write_bytes(encode(pixels // 4))


def test_raw_files_are_looked_at_as_any_images_are(data_dir, idx_bytes):
    """Values of 0 and 1 are black and white, and others that do not reach half of white are refused."""
    raw = data_dir / "MNIST" / "raw"
    dim(raw, idx_bytes)
    with pytest.raises(DataError, match=rf"{IMAGES} holds pixels up to 63 only, where 255 is white"):
        MNISTDataModule(str(data_dir)).setup("fit")
    drawing = np.random.default_rng(0).integers(0, 2, (29, 28, 28), dtype=np.uint8)
    (raw / IMAGES).write_bytes(idx_bytes(drawing))
    data = MNISTDataModule(str(data_dir), num_validation=0)
    with pytest.warns(UserWarning, match=rf"{IMAGES} holds pixels of 0 and 1 only"):
        data.setup()
    assert data.train.pixels.unique().tolist() == [0, 255]


@pytest.mark.parametrize(
    ("source", "difference"),
    [
        (datasets.EMNIST, "make a subclass of TorchvisionDataModule, as EMNISTDataModule is"),
        (datasets.QMNIST, r"read.data, read.targets\[:, 0\]"),
        (datasets.USPS, r"from_arrays\(images, labels\)"),
    ],
)
def test_data_sets_in_other_files_than_mnists_are_said_with_how_they_are_read(tmp_path, source, difference):
    data_module = type("OtherDataModule", (IDXDataModule,), {"source": source})
    with pytest.raises(DataError, match=f"keeps {source.__name__} in other files than MNIST's.*{difference}"):
        data_module(str(tmp_path))


def test_the_advice_on_qmnist_makes_images():
    """On what torchvision would have read."""
    targets = torch.arange(56).view(7, 8)
    read = SimpleNamespace(data=torch.randint(0, 256, (7, 28, 28), dtype=torch.uint8), targets=targets)
    with pytest.raises(DataError) as error:
        type("OtherDataModule", (IDXDataModule,), {"source": datasets.QMNIST})()
    advice = re.search(r"ImageSet.from_arrays\(.*\)(?= with)", str(error.value))[0]
    images = eval(advice, {"ImageSet": ImageSet, "read": read})
    assert torch.equal(images.pixels.squeeze(1), read.data)
    assert images.labels.tolist() == targets[:, 0].tolist()
