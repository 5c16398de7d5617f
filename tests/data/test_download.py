"""The full data set on disk, absent, misplaced, or fetched from a server on this machine."""

import os
import time

import pytest
from forked import exit_code, start
from torchvision import datasets

from chaos_lightning.commands import main
from chaos_lightning.data import DataError, FashionMNISTDataModule, MNISTDataModule
from chaos_lightning.data.idx import FILE_NAMES


def everything_in(folder):
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))


def prepared(data_dir):
    data = MNISTDataModule(str(data_dir))
    data.prepare_data()
    data.setup("validate")
    return data


@pytest.mark.usefixtures("no_network")
def test_data_on_disk_needs_no_network(data_dir):
    before = everything_in(data_dir)
    assert len(prepared(data_dir).train) == 22
    assert everything_in(data_dir) == before


@pytest.mark.usefixtures("no_network")
@pytest.mark.parametrize("folder", ["", "absent", "absent/deeper"])
def test_no_data_and_no_network(tmp_path, folder):
    with pytest.raises(DataError) as caught:
        MNISTDataModule(str(tmp_path / folder)).prepare_data()
    message = str(caught.value)
    assert str(tmp_path / folder / "MNIST" / "raw") in message
    assert "leave data_dir out to use the bundled sample" in message
    assert "Network is unreachable" in message
    assert everything_in(tmp_path) == []


def test_reading_before_fetching_says_what_to_call(tmp_path):
    with pytest.raises(DataError, match=r"There is no MNIST in .*prepare_data\(\) downloads it"):
        MNISTDataModule(str(tmp_path)).setup("fit")


def test_download_once(tmp_path, mirror):
    folder = tmp_path / "new" / "data"
    data = prepared(folder)
    assert len(data.train) == 22
    prepared(folder)
    assert dict(mirror.requests) == {f"{name}.gz": 1 for name in FILE_NAMES}
    assert everything_in(folder) == [
        "MNIST",
        "MNIST/raw",
        *(f"MNIST/raw/{name}" for name in sorted(FILE_NAMES)),
    ]
    assert everything_in(tmp_path)[:2] == ["new", "new/data"]


def download(folder, url, resources, ready):
    datasets.MNIST.mirrors, datasets.MNIST.resources = [url], resources
    ready.touch()
    assert len(prepared(folder).train) == 22


def test_two_processes_download_together(tmp_path, mirror, tmp_path_factory):
    folder = tmp_path / "data"
    mirror.seconds_per_file = 0.1  # so that the second process comes while the first is at it
    ready = tmp_path_factory.mktemp("other") / "ready"
    other = start(download, folder, mirror.url, mirror.resources, ready)
    while other.is_alive() and not ready.exists():
        time.sleep(0.01)
    here = prepared(folder)
    assert exit_code(other) == 0
    assert len(here.train) == 22
    assert dict(mirror.requests) == {f"{name}.gz": 1 for name in FILE_NAMES}
    assert everything_in(tmp_path)[:3] == ["data", "data/MNIST", "data/MNIST/raw"]


def refused(mirror):
    del mirror.files["t10k-labels-idx1-ubyte.gz"]  # answers 403


def altered(mirror):
    mirror.files["train-labels-idx1-ubyte.gz"] = mirror.files["train-labels-idx1-ubyte.gz"][:-3]


@pytest.mark.parametrize("fault", [refused, altered])
def test_failed_download_leaves_nothing_behind(tmp_path, mirror, fault):
    fault(mirror)
    with pytest.raises(DataError, match="Downloading it failed"):
        prepared(tmp_path / "data")
    assert everything_in(tmp_path) == []


def test_a_command_whose_download_is_refused_ends_with_one_sentence(tmp_path, monkeypatch, mirror, capsys):
    refused(mirror)
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit) as exit_:
        main(["fit", "--data.data_dir", "data", "--trainer.logger", "false"])
    assert exit_.value.code == 1
    errors = capsys.readouterr().err
    assert "Traceback" not in errors
    (error,) = [line for line in errors.splitlines() if "error:" in line]
    folder = tmp_path / "data" / "MNIST" / "raw"
    assert f"error: There is no MNIST in {folder}. Pass a data_dir that holds MNIST/raw" in error
    assert "HTTP Error 403: Forbidden" in error
    assert everything_in(tmp_path) == []


def test_interrupted_download_leaves_nothing_behind(tmp_path, monkeypatch):
    def interrupt(self):
        os.makedirs(self.raw_folder)
        raise KeyboardInterrupt

    monkeypatch.setattr(datasets.MNIST, "download", interrupt)
    with pytest.raises(KeyboardInterrupt):
        prepared(tmp_path)
    assert everything_in(tmp_path) == []


@pytest.mark.usefixtures("mirror")
def test_remains_of_a_killed_download_are_cleared(tmp_path):
    (tmp_path / ".MNIST-download-x" / "MNIST").mkdir(parents=True)
    (tmp_path / "MNIST" / "raw").mkdir(parents=True)
    prepared(tmp_path)
    assert everything_in(tmp_path)[:2] == ["MNIST", "MNIST/raw"]


def test_slower_of_two_machines_keeps_what_is_there(tmp_path, mirror, data_dir, monkeypatch):
    """Without a working lock, another machine may finish first."""
    download = datasets.MNIST.download

    def download_and_lose(self):
        download(self)
        (tmp_path / "drive").mkdir()
        (data_dir / "MNIST").rename(tmp_path / "drive" / "MNIST")

    monkeypatch.setattr(datasets.MNIST, "download", download_and_lose)
    assert len(prepared(tmp_path / "drive").train) == 22
    assert everything_in(tmp_path / "drive")[:2] == ["MNIST", "MNIST/raw"]


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_folder_that_cannot_be_written_to(tmp_path):
    tmp_path.chmod(0o500)
    with pytest.raises(DataError, match="cannot be written to"):
        prepared(tmp_path / "data")


def test_data_dir_that_is_a_file(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(DataError, match="cannot be written to"):
        prepared(tmp_path / "file")


def test_incomplete_folder_is_named(data_dir):
    (data_dir / "MNIST" / "raw" / "train-labels-idx1-ubyte").unlink()
    with pytest.raises(DataError, match=r"MNIST/raw lacks train-labels-idx1-ubyte\. Put the missing files"):
        prepared(data_dir)


@pytest.mark.usefixtures("no_network")
@pytest.mark.parametrize("wrong", ["FashionMNIST", "FashionMNIST/raw"])
def test_data_dir_too_deep_suggests_the_right_one(data_dir, wrong):
    data = FashionMNISTDataModule(str(data_dir / wrong))
    for action in (data.prepare_data, data.setup):
        with pytest.raises(DataError) as caught:
            action()
        assert str(data_dir / wrong / "FashionMNIST" / "raw") in str(caught.value)
        assert f"pass data_dir={data_dir}." in str(caught.value)


@pytest.mark.usefixtures("no_network")
def test_raw_files_of_another_data_set(data_dir):
    with pytest.raises(DataError, match="move them, or pass another data_dir"):
        FashionMNISTDataModule(str(data_dir / "MNIST" / "raw")).prepare_data()
