"""Data sets of torchvision, from small archives in their own layouts, fetched from a server on this machine."""

import bz2
import gzip
import hashlib
import io
import pickle
import tarfile
import zipfile
from functools import partial

import numpy as np
import pytest
import scipy.io
import torch
from torchvision import datasets

from chaos_lightning.data import (
    CIFAR10DataModule,
    ColouredMNISTDataModule,
    DataError,
    EMNISTDataModule,
    KMNISTDataModule,
    MNISTDataModule,
    ScaledMNISTDataModule,
    SVHNDataModule,
    USPSDataModule,
)

random = np.random.default_rng(0)
TRAIN, TEST = 23, 7


def md5(content):
    return hashlib.md5(content).hexdigest()


def cifar10(mirror, patch, encode_idx):
    """An archive of pickled batches: rows of all reds, all greens, all blues."""
    parts = {f"data_batch_{number}": count for number, count in zip(range(1, 6), (5, 5, 5, 4, 4), strict=True)}
    images, labels, files = [], [], {}
    for name, count in {**parts, "test_batch": TEST}.items():
        batch = random.integers(0, 256, (count, 3, 32, 32), dtype=np.uint8)
        classes = (np.arange(count) % 10).tolist()
        files[name] = pickle.dumps({"data": batch.reshape(count, -1), "labels": classes})
        images.append(batch)
        labels += classes
    files["batches.meta"] = pickle.dumps({"label_names": [str(number) for number in range(10)]})
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w:gz") as tar:
        for name, content in files.items():
            entry = tarfile.TarInfo(f"cifar-10-batches-py/{name}")
            entry.size = len(content)
            tar.addfile(entry, io.BytesIO(content))
    mirror.files["cifar.tar.gz"] = archive.getvalue()
    patch.setattr(datasets.CIFAR10, "url", f"{mirror.url}cifar.tar.gz")
    patch.setattr(datasets.CIFAR10, "tgz_md5", md5(archive.getvalue()))
    patch.setattr(datasets.CIFAR10, "train_list", [[name, md5(files[name])] for name in parts])
    patch.setattr(datasets.CIFAR10, "test_list", [["test_batch", md5(files["test_batch"])]])
    meta = {"filename": "batches.meta", "key": "label_names", "md5": md5(files["batches.meta"])}
    patch.setattr(datasets.CIFAR10, "meta", meta)
    return CIFAR10DataModule, np.concatenate(images), labels


def svhn(mirror, patch, encode_idx):
    """Matlab files with the number of the image last, and 10 for the digit 0."""
    images = random.integers(0, 256, (TRAIN + TEST, 3, 32, 32), dtype=np.uint8)
    labels = np.arange(TRAIN + TEST) % 10
    splits = {}
    for split, rows in (("train", slice(TRAIN)), ("test", slice(TRAIN, None))):
        file = io.BytesIO()
        digits = np.where(labels == 0, 10, labels)[rows].astype(np.uint8)[:, np.newaxis]
        scipy.io.savemat(file, {"X": images[rows].transpose(2, 3, 1, 0), "y": digits})
        name = f"{split}_32x32.mat"
        mirror.files[name] = file.getvalue()
        splits[split] = [f"{mirror.url}{name}", name, md5(file.getvalue())]
    patch.setattr(datasets.SVHN, "split_list", splits)
    return SVHNDataModule, images, labels


def usps(mirror, patch, encode_idx):
    """Lines of a label from 1 on and 256 values in [-1, 1]."""
    images = random.integers(0, 256, (TRAIN + TEST, 1, 16, 16), dtype=np.uint8)
    labels = np.arange(TRAIN + TEST) % 10
    splits = {}
    for split, name, rows in (("train", "usps.bz2", slice(TRAIN)), ("test", "usps.t.bz2", slice(TRAIN, None))):
        lines = [
            " ".join(
                [str(label + 1), *(f"{place}:{value / 127.5 - 1 + 1e-5:.6f}" for place, value in enumerate(row, 1))]
            )
            for label, row in zip(labels[rows], images[rows].reshape(-1, 256), strict=True)
        ]
        mirror.files[name] = bz2.compress("\n".join(lines).encode())
        splits[split] = [f"{mirror.url}{name}", name, md5(mirror.files[name])]
    patch.setattr(datasets.USPS, "split_list", splits)
    return USPSDataModule, images, labels


def idx_parts(encode_idx, first_label):
    images = random.integers(0, 256, (TRAIN + TEST, 28, 28), dtype=np.uint8)
    labels = (np.arange(TRAIN + TEST) % 10).astype(np.uint8)
    for split, rows in (("train", slice(TRAIN)), ("test", slice(TRAIN, None))):
        yield split, images[rows], (labels + first_label)[rows]


def emnist(mirror, patch, encode_idx):
    """Compressed files in an archive, images on their side, letters from 1 on."""
    archive, images, labels = io.BytesIO(), [], []
    with zipfile.ZipFile(archive, "w") as file:
        for split, pictures, numbers in idx_parts(encode_idx, 1):
            images.append(pictures)
            labels += (numbers - 1).tolist()
            for kind, values in (("images-idx3", pictures.transpose(0, 2, 1).copy()), ("labels-idx1", numbers)):
                content = gzip.compress(encode_idx(values))
                file.writestr(f"gzip/emnist-letters-{split}-{kind}-ubyte.gz", content)
    mirror.files["gzip.zip"] = archive.getvalue()
    patch.setattr(datasets.EMNIST, "url", f"{mirror.url}gzip.zip")
    patch.setattr(datasets.EMNIST, "md5", md5(archive.getvalue()))
    return (
        partial(EMNISTDataModule, split="letters"),
        np.concatenate(images)[:, None],
        labels,
    )


def kmnist(mirror, patch, encode_idx):
    """MNIST's files under another name."""
    images, labels, resources = [], [], []
    for split, pictures, numbers in idx_parts(encode_idx, 0):
        images.append(pictures)
        labels += numbers.tolist()
        prefix = "train" if split == "train" else "t10k"
        for name, values in ((f"{prefix}-images-idx3-ubyte.gz", pictures), (f"{prefix}-labels-idx1-ubyte.gz", numbers)):
            mirror.files[name] = gzip.compress(encode_idx(values))
            resources.append((name, md5(mirror.files[name])))
    patch.setattr(datasets.KMNIST, "mirrors", [mirror.url])
    patch.setattr(datasets.KMNIST, "resources", resources)
    return KMNISTDataModule, np.concatenate(images)[:, None], labels


@pytest.fixture(params=[cifar10, svhn, usps, emnist, kmnist], ids=lambda make: make.__name__)
def data_set(request, mirror, monkeypatch, idx_bytes):
    return request.param(mirror, monkeypatch, idx_bytes)


def test_a_data_set_is_fetched_once_and_read_as_it_is(data_set, mirror, tmp_path):
    make, images, labels = data_set
    folder = tmp_path / "new" / "data"
    with pytest.raises(DataError, match=r"prepare_data\(\) downloads it"):
        make(str(folder)).setup("fit")
    for _ in range(2):
        data = make(str(folder), batch_size=5, num_validation=3)
        data.prepare_data()
        asked, mirror.requests = mirror.requests, type(mirror.requests)()
    assert not asked  # the second time
    left = [path for path in tmp_path.rglob("*") if path.suffix in (".gz", ".zip", ".lock") or "download" in path.name]
    assert not left
    train, test = data.read_image_sets()
    np.testing.assert_array_equal(torch.cat([train.pixels, test.pixels]), images)
    assert torch.cat([train.labels, test.labels]).tolist() == list(labels)
    assert (len(train), len(test)) == (TRAIN, TEST)
    data.setup("fit")
    assert data.image_shape == images.shape[1:]
    assert data.num_classes == max(labels) + 1


def test_a_failed_download_leaves_nothing_behind_and_says_what_is_missing(data_set, mirror, tmp_path):
    make, _, _ = data_set
    mirror.files.clear()
    with pytest.raises(
        DataError, match=r"There is no .*MNIST|There is no intact .* in .*data, in the layout of torch"
    ) as error:
        make(str(tmp_path / "data")).prepare_data()
    assert "Downloading it failed: " in str(error.value)
    assert not list(tmp_path.iterdir())


def test_colours_can_be_left_out(mirror, monkeypatch, tmp_path, idx_bytes):
    make, images, _ = cifar10(mirror, monkeypatch, idx_bytes)
    data = make(str(tmp_path), colour=False)
    data.prepare_data()
    with pytest.warns(UserWarning, match="CIFAR10 holds images in colour, which are read as grey"):
        train, _ = data.read_image_sets()
    brightness = np.einsum("nchw,c->nhw", images[:TRAIN], [0.299, 0.587, 0.114])
    np.testing.assert_allclose(train.pixels.squeeze(1), brightness, atol=1.1)


def test_damaged_files_are_refused(data_set, tmp_path):
    make, _, _ = data_set
    data = make(str(tmp_path))
    data.prepare_data()
    for file in [path for path in tmp_path.rglob("*") if path.is_file()]:
        file.write_bytes(file.read_bytes()[:-30])
    with pytest.raises(DataError, match=r"Reading it failed|Put an intact copy"):
        make(str(tmp_path)).setup("fit")


def test_emnist_knows_its_splits(tmp_path):
    with pytest.raises(ValueError, match="split must be one of byclass, bymerge, balanced, letters, digits, mnist"):
        EMNISTDataModule(str(tmp_path), split="words")


def test_digits_get_colours_that_follow_from_seed_and_number():
    data, again, other = (ColouredMNISTDataModule(seed=seed).read_image_sets() for seed in (3, 3, 4))
    grey = MNISTDataModule().read_image_sets()
    for part in range(2):
        assert torch.equal(data[part].pixels, again[part].pixels)
        assert not torch.equal(data[part].pixels, other[part].pixels)
        assert torch.equal(data[part].labels, grey[part].labels)
        assert data[part].shape == (3, 28, 28)
        # The brightest channel has the grey levels, and full saturation leaves one channel black.
        assert torch.equal(data[part].pixels.amax(1, keepdim=True), grey[part].pixels)
        assert not data[part].pixels.amax(dim=(2, 3)).amin(1).any()
    # Every channel is full in a third of the hues, 0 in a third, and in between in the rest: 1/2 on average.
    strengths = data[0].pixels.amax(dim=(2, 3)) / grey[0].pixels.amax(dim=(1, 2, 3)).unsqueeze(1)
    torch.testing.assert_close(strengths.mean(0), torch.full([3], 0.5), atol=0.03, rtol=0)
    assert strengths[:500].sub(data[1].pixels[:500].amax(dim=(2, 3)) / 255).abs().max() > 0.5  # parts have their own


def test_digits_are_scaled_by_averages_of_pixels(data_dir):
    for folder in (None, str(data_dir)):
        grey = MNISTDataModule(folder).read_image_sets()[1].pixels.double()
        small, large = (ScaledMNISTDataModule(folder, side=side).read_image_sets()[1] for side in (14, 56))
        assert (small.shape, large.shape) == ((1, 14, 14), (1, 56, 56))
        means = torch.nn.functional.avg_pool2d(grey, 2)
        assert (small.pixels - means).square().mean().sqrt() < 0.2 * means.square().mean().sqrt()
        torch.testing.assert_close(large.pixels.double().mean(), grey.mean(), rtol=0.01, atol=0)
    with pytest.raises(ValueError, match="side must be at least 1"):
        ScaledMNISTDataModule(side=0)
