"""Data that cannot be used end a command with one sentence that names the file."""

import numpy as np
import pytest
from torchvision import datasets

from chaos_lightning.commands import main
from chaos_lightning.data import DataError, IDXDataModule

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
