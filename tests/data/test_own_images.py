"""Data sets from files of one's own and from arrays, in Python and through the commands."""

import csv

import numpy as np
import pytest
import torch
from half_bright import half_bright
from torchvision.io import write_png

from chaos_lightning import ImageFilesDataModule
from chaos_lightning.checkpoints import check_unseen, make_training_data
from chaos_lightning.commands import main
from chaos_lightning.data import DataError, ImageSet

SIDE = 14
TRAIN, TEST = half_bright(290, SIDE, 0), half_bright(110, SIDE, 1)
FILES = ("--data", "ImageFilesDataModule", "--data.train", "my_train.npz", "--data.test", "my_test.npz")
CHECKPOINT = "logs/runs/version_0/checkpoints/last.ckpt"


def arrays(images):
    return images.pixels.squeeze(1).numpy(), images.labels.numpy()


def save(train=TRAIN, test=TEST, labelled=("my_train", "my_test")):
    for name, images in (("my_train", train), ("my_test", test)):
        pixels, labels = arrays(images)
        np.savez(f"{name}.npz", images=pixels, **({"labels": labels} if name in labelled else {}))


def fit(*arguments):
    main(
        [
            *("fit", *FILES, "--data.batch_size", "23", "--model.visible_units", str(SIDE**2)),
            *("--model.hidden_units", "13", "--model.dt", "5", "--model.measure_times", "[]"),
            *("--pictures.num_images", "4", "--trainer.enable_progress_bar", "false", "--trainer.max_steps", "4"),
            *("--trainer.val_check_interval", "2", *arguments),
        ]
    )


def write(folder, kind, images):
    folder.mkdir()
    if kind == "png":
        for place, image in enumerate(images.pixels):
            write_png(image, str(folder / f"{place:03}.png"))
        return folder
    if kind == "pt":
        torch.save({"images": images.images, "labels": images.labels}, folder / "some.pt")
        return folder / "some.pt"
    np.savez(folder / "some.npz", images=images.pixels.numpy(), labels=images.labels.numpy().astype(float))
    return folder / "some.npz"


def labels_of_images(*splits):
    return {
        image.tobytes(): label
        for split in splits
        for image, label in zip(split.pixels.numpy(), split.labels.tolist(), strict=True)
    }


@pytest.mark.parametrize("kind", ["npz", "pt", "png"])
def test_files_of_every_kind_make_the_splits_of_any_data_set(tmp_path, kind):
    """8-bit with a channel, floating, or a folder, the last without labels: all are then of one class."""
    train, test = (write(tmp_path / name, kind, images) for name, images in (("train", TRAIN), ("test", TEST)))
    data = ImageFilesDataModule(train, test, batch_size=23, num_validation=31, seed=3)
    data.setup("fit")
    assert (len(data.train), len(data.validation), len(data.test)) == (259, 31, 110)
    assert (data.image_shape, data.num_classes) == ((1, SIDE, SIDE), 1 if kind == "png" else 2)
    assert (data.name, data.origin) == (train.name, f"from {train} and {test}")
    for splits, images in (((data.train, data.validation), TRAIN), ((data.test,), TEST)):
        expected = labels_of_images(images)
        assert labels_of_images(*splits) == (dict.fromkeys(expected, 0) if kind == "png" else expected)
    assert [batch.images.shape for batch in data.train_dataloader()] == [(23, 1, SIDE, SIDE)] * 11
    (batch,) = data.val_dataloader()
    assert torch.isin(batch.images, data.validation.images).all()


def test_arrays_of_numpy_and_torch_make_the_same_set():
    pixels, labels = arrays(TEST)
    for images in (
        ImageSet.from_arrays(pixels, labels),
        ImageSet.from_arrays(pixels / 127.5 - 1, labels.astype(np.uint8)),
        ImageSet.from_arrays(TEST.images, TEST.labels),
    ):
        assert torch.equal(images.pixels, TEST.pixels)
        assert torch.equal(images.labels, TEST.labels)


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A folder in which a network was trained on images without labels."""
    folder = tmp_path_factory.mktemp("trained")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        save(labelled=())
        fit()
    return folder


@pytest.fixture
def elsewhere(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_every_command_finds_the_images_of_a_training_from_another_folder(trained, elsewhere, capsys):
    checkpoint = ("--ckpt_path", str(trained / CHECKPOINT))
    main(["test", *checkpoint])
    assert "E(2)" in capsys.readouterr().out
    main(["predict", *checkpoint, "--num_samples", "5"])
    assert np.load("samples.npz")["images"].shape == (5, SIDE, SIDE)
    main(["complete", *checkpoint, "--num_images", "7", "--num_samples", "2"])
    completed = {image.tobytes() for image in np.load("completions.npz")["images"]}
    assert len(completed & set(labels_of_images(TEST))) == 7


@pytest.mark.slow
def test_a_report_names_the_files_and_leaves_out_labels_that_there_are_not(trained, elsewhere):
    main(["report", "--ckpt_path", str(trained / CHECKPOINT), "--num_samples", "20", "--num_chains", "2"])
    page = (elsewhere / "report" / "index.html").read_text()
    assert "TwoLayer network against my_train.npz" in page
    assert f"from {trained / 'my_train.npz'} and {trained / 'my_test.npz'}" in page
    with open("report/nearest.csv") as file:
        assert "label" not in next(csv.reader(file))


def test_moved_images_are_named_and_others_can_be_given(trained, elsewhere, capsys):
    checkpoint = torch.load(trained / CHECKPOINT, weights_only=True)
    checkpoint["datamodule_hyper_parameters"]["test"] = "/nowhere/my_test.npz"
    torch.save(checkpoint, "moved.ckpt")
    with pytest.raises(SystemExit):
        main(["test", "--ckpt_path", "moved.ckpt"])
    assert "error: there are no images at /nowhere/my_test.npz" in capsys.readouterr().err
    files = (str(trained / file) if file.endswith(".npz") else file for file in FILES)
    main(["test", "--ckpt_path", "moved.ckpt", *files])


def test_validation_images_that_were_trained_on_are_refused(trained, elsewhere):
    checkpoint = torch.load(trained / CHECKPOINT, weights_only=True)
    data = make_training_data(checkpoint)
    check_unseen(checkpoint, data)
    files = {name: data.hparams[name] for name in ("train", "test")}
    check_unseen(checkpoint, ImageFilesDataModule(**{**files, "train": "other.npz"}, seed=9))
    with pytest.raises(ValueError, match="drew its own with seed=0"):
        check_unseen(checkpoint, ImageFilesDataModule(**files, seed=9))
    # as many validation images are drawn as there are test images, so other ones
    with pytest.raises(ValueError, match=r"drew its own with test=.*my_test\.npz"):
        check_unseen(checkpoint, ImageFilesDataModule(**{**files, "test": "other.npz"}))


def test_label_units_take_the_classes_of_the_labels(elsewhere):
    save()
    fit("--model.num_classes", "2", "--trainer.max_steps", "1", "--trainer.limit_val_batches", "0")
    main(["predict", "--ckpt_path", CHECKPOINT, "--num_samples", "4", "--labels", "all"])
    assert np.load("samples.npz")["labels"].tolist() == [0, 1, 0, 1]


def test_classes_that_count_from_1_are_named_and_not_asked_for(elsewhere, capsys):
    counted = [ImageSet(images.pixels, images.labels + 1) for images in (TRAIN, TEST)]
    save(*counted)
    for num_classes in ("2", "3"):
        with pytest.raises(SystemExit):
            fit("--model.num_classes", num_classes)
        error = capsys.readouterr().err
        assert "there is no image of class 0: number the classes from 0 on without gaps" in error
        assert "set num_classes" not in error
    fit("--trainer.max_steps", "1", "--trainer.limit_val_batches", "0")  # without label units they do not matter


@pytest.mark.parametrize("option", ["--data.num_workers=4", "--data.init_args.pin_memory=true", "--config=own.yaml"])
def test_settings_of_a_loader_end_the_command_with_the_reason(elsewhere, capsys, option):
    save()
    (elsewhere / "own.yaml").write_text("data: {class_path: ImageFilesDataModule, init_args: {shuffle: true}}")
    with pytest.raises(SystemExit) as exit_:
        fit(option)
    assert exit_.value.code == 2
    name = "shuffle" if "config" in option else option.partition("=")[0].rpartition(".")[2]
    said = capsys.readouterr().err
    assert f"error: ImageFilesDataModule knows no {name}: leave it out. Settings of a DataLoader have no use" in said


def shaped(images):
    return ImageSet(torch.zeros(60, *images, dtype=torch.uint8), torch.zeros(60, dtype=torch.int64))


@pytest.mark.parametrize(
    ("images", "arguments", "message"),
    [
        ({"test": shaped((2, 5, 5))}, [], "my_test.npz holds images of 2 channels (shape (60, 2, 5, 5)), which are"),
        (
            {"test": shaped((1, 5, 7))},
            [],
            "training images have 14 x 14 pixels, but the test images 5 x 7 pixels",
        ),
        ({"train": half_bright(100, SIDE, 0)}, [], "num_validation=110 leaves nothing to train on: there are 100"),
        ({"train": half_bright(130, SIDE, 0)}, [], "batch_size=23 is larger than the training set of 20 images"),
        ({"labelled": ["my_train"]}, [], "my_train.npz holds labels, but .*my_test.npz none: put labels into both or"),
        ({"labelled": ["my_test"]}, [], "my_test.npz holds labels, but .*my_train.npz none"),
        ({}, ["--data.train", "absent.npz"], "there are no images at .*/absent.npz: name a .npz or .pt file, or"),
        ({}, ["--data.test", "./my_train.npz"], "train and test are both .*my_train.npz: test with"),
        ({}, ["--model.visible_units", "784"], "those of the data have 14 x 14 pixels: set visible_units=196"),
        ({"labelled": []}, ["--model.num_classes", "2"], "the network has label units for 2 classes, but the images"),
    ],
)
def test_what_cannot_be_trained_on_ends_fit_before_it_starts(elsewhere, capsys, images, arguments, message):
    save(**images)
    with pytest.raises(SystemExit) as exit_:
        fit(*arguments)
    assert exit_.value.code == 1
    (error,) = [line for line in capsys.readouterr().err.splitlines() if line.startswith("error:")]
    for part in message.split(".*"):
        assert part in error
    assert not list(elsewhere.rglob("*.ckpt"))


@pytest.mark.parametrize(
    ("images", "labels", "message"),
    [
        (np.zeros((0, 3, 3), np.uint8), None, r"must hold images.*\(0, 3, 3\)"),
        (np.zeros((7, 9), np.uint8), None, r"has shape \(7, 9\)"),
        (np.zeros((7, 3, 3, 3, 3), np.uint8), None, r"has shape \(7, 3, 3, 3, 3\)"),
        (np.zeros((7, 3, 3), np.int32), None, "pixels of type torch.int32"),
        (np.full((7, 3, 3), 255.0), None, "from 255 to 255, outside"),
        (np.zeros((7, 3, 3), np.uint8), np.zeros(6), r"7 images, but labels of shape \(6,\)"),
        (np.zeros((7, 3, 3), np.uint8), np.full(7, 0.5), "labels that are not whole numbers from 0 on"),
        (np.zeros((7, 3, 3), np.uint8), np.full(7, np.nan), "labels that are not whole numbers from 0 on"),
        (np.zeros((7, 3, 3), np.uint8), np.full(7, -1), "labels that are not whole numbers from 0 on"),
    ],
)
def test_arrays_that_are_no_images_are_refused_by_name(images, labels, message):
    with pytest.raises(DataError, match=f"mine .*{message}"):
        ImageSet.from_arrays(images, labels, "mine")


def test_own_images_that_seem_to_have_0_for_black_are_warned_of_by_name():
    with pytest.warns(UserWarning, match="mine has floating pixels and none below 0"):
        ImageSet.from_arrays(np.full((7, 3, 3), 0.5), name="mine")
