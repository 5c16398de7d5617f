"""Files too large for memory: their images stay on disk, and nothing else changes."""

import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch

from chaos_lightning import ImageFilesDataModule
from chaos_lightning.commands import main
from chaos_lightning.data import DataError, read_images
from chaos_lightning.data.images import MappedImageSet
from chaos_lightning.data.mapped_files import mapped_npz, memory_bytes, stays_on_disk

GENERATOR = np.random.default_rng(0)
PIXELS = GENERATOR.integers(256, size=(300, 1, 5, 4), dtype=np.uint8)
LABELS = GENERATOR.integers(3, size=300)
SETTINGS = {"batch_size": 20, "num_validation": 60, "num_eval_images": 50, "seed": 3}


@pytest.fixture
def little_memory(monkeypatch):
    monkeypatch.setattr("chaos_lightning.data.mapped_files.memory_bytes", lambda: 1000)


def save(folder, kind, **arrays):
    """Save training and test images in files of a kind."""
    files = []
    for name, rows in (("train", slice(0, 220)), ("test", slice(220, 300))):
        files.append(str(folder / f"{name}.{kind.removesuffix('_compressed')}"))
        part = {key: array[rows] for key, array in arrays.items()}
        if kind == "pt":
            torch.save({key: torch.as_tensor(array) for key, array in part.items()}, files[-1])
        else:
            getattr(np, "savez" + kind.removeprefix("npz"))(files[-1], **part)
    return files


def seen(data):
    """All that training, validation and test read."""
    data.setup("fit")
    batches = [data.train_dataloader().minibatch(step) for step in (0, 1, 9)]
    images = [batch.images for batch in (*batches, *data.val_dataloader(), *data.test_dataloader())]
    return [
        *images,
        *(batch.labels for batch in batches),
        data.validation.images,
        data.train.take(torch.tensor([5])).images,
    ]


@pytest.mark.parametrize("kind", ["npz", "pt", "npz_compressed"])
@pytest.mark.parametrize("name", ["images", "vectors"])
def test_a_file_on_disk_gives_the_same_images_in_the_same_order(
    tmp_path, kind, name, little_memory, monkeypatch, caplog
):
    arrays = {"images": PIXELS, "vectors": (PIXELS.reshape(300, 20) / 127.5 - 1).astype(np.float32)}
    files = save(tmp_path, kind, **{name: arrays[name]}, labels=LABELS)
    on_disk = ImageFilesDataModule(*files, **SETTINGS)
    on_disk_sees = seen(on_disk)
    assert "too much for memory: its 220 samples stay on disk" in caplog.text
    assert isinstance(on_disk.train, MappedImageSet)
    assert on_disk.train.stored.data_ptr() == on_disk.validation.stored.data_ptr()
    assert (len(on_disk.train), on_disk.num_classes, on_disk.image_shape) == (160, 3, arrays[name].shape[1:])
    monkeypatch.setattr("chaos_lightning.data.mapped_files.memory_bytes", memory_bytes)
    in_memory = ImageFilesDataModule(*files, **SETTINGS)
    assert all(map(torch.equal, seen(in_memory), on_disk_sees))
    assert not isinstance(in_memory.train, MappedImageSet)


def test_images_on_disk_take_no_memory(tmp_path, little_memory):
    """As the system counts memory that is not of files."""
    status = Path("/proc/self/status")
    if not status.exists() or "RssAnon" not in status.read_text():
        pytest.skip("the system does not tell which memory is of files")

    def megabytes():
        (line,) = (line for line in status.read_text().splitlines() if line.startswith("RssAnon"))
        return int(line.split()[1]) / 1024

    pixels = np.zeros((80_000, 1, 28, 28), dtype=np.uint8)  # 60 MB, of which the test needs none but in the file
    pixels[::2, :, 3:9] = 255
    for name in ("train", "test"):
        np.savez(tmp_path / name, images=pixels)
    del pixels
    data = ImageFilesDataModule(
        str(tmp_path / "train.npz"), str(tmp_path / "test.npz"), batch_size=10, num_validation=10
    )
    before = megabytes()
    data.setup("fit")
    batches = data.train_dataloader()
    assert megabytes() - before < 25
    assert batches.minibatch(3).images.shape == (10, 1, 28, 28)


@pytest.mark.parametrize("version", [(1, 0), (2, 0)])
def test_arrays_are_mapped_as_they_were_saved(tmp_path, version):
    arrays = {"a": np.arange(12.0).reshape(3, 4), "b": np.asfortranarray(PIXELS[:, 0]), "c": np.array(3, ">i4")}
    path = tmp_path / "arrays.npz"
    with zipfile.ZipFile(path, "w") as archive:
        for name, array in arrays.items():
            with archive.open(f"{name}.npy", "w") as file:
                np.lib.format.write_array(file, array, version)
    mapped = mapped_npz(path)
    for name, array in arrays.items():
        np.testing.assert_array_equal(mapped[name], array)
        assert mapped[name].dtype == array.dtype
    mapped["a"][0] = 7  # for this process alone
    np.testing.assert_array_equal(np.load(path)["a"], arrays["a"])


@pytest.mark.parametrize(
    ("arrays", "form"),
    [
        ({"images": PIXELS[:, 0] / 127.5 - 1}, "8-bit pixels"),
        ({"images": PIXELS % 2}, "8-bit pixels"),
        ({"images": np.repeat(PIXELS, 3, 1)}, r".*\(N, 1, height, width\)"),
        ({"vectors": PIXELS.reshape(300, 20) / 127.5 - 1}, "float32"),
    ],
)
def test_what_would_have_to_be_converted_is_refused(tmp_path, arrays, form, little_memory):
    files = save(tmp_path, "npz", **arrays)
    with pytest.raises(DataError, match=f"is too large for memory.*save them as {form}.*numpy.savez or torch.save"):
        ImageFilesDataModule(*files, **SETTINGS).setup("fit")


def test_damaged_files_on_disk_end_in_one_sentence(tmp_path, little_memory):
    for name, content in (("a.npz", b"PK" + bytes(2000)), ("b.pt", bytes(2000)), ("c.npz", bytes(2000))):
        (tmp_path / name).write_bytes(content)
        with pytest.raises(DataError, match="cannot be read"):
            read_images(tmp_path / name)


def test_only_large_files_stay_on_disk(tmp_path, little_memory):
    for size, expected in ((250, False), (251, True)):
        (tmp_path / "file").write_bytes(bytes(size))
        assert stays_on_disk(tmp_path / "file") == expected
    assert not stays_on_disk(tmp_path)
    assert memory_bytes() > 2**28


def test_a_network_trains_on_images_that_stay_on_disk(tmp_path, monkeypatch, little_memory, capsys):
    monkeypatch.chdir(tmp_path)
    files = save(tmp_path, "npz", images=PIXELS)
    network = ["--model.visible_units", "[1,5,4]", "--model.hidden_units", "3", "--model.sampling_time", "5"]
    data = [
        "--data",
        "ImageFilesDataModule",
        "--data.train",
        files[0],
        "--data.test",
        files[1],
        "--data.batch_size",
        "20",
    ]
    main(
        [
            "fit",
            *network,
            *data,
            "--data.num_validation",
            "60",
            "--trainer.max_steps",
            "3",
            "--trainer.accelerator",
            "cpu",
        ]
    )
    assert "E(2)" in capsys.readouterr().out
