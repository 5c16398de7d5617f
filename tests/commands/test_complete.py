"""The command that fills in the hidden part of images."""

import csv

import numpy as np
import pytest
import torch
from forked import TWO_PROCESSES
from lightning.pytorch import Trainer
from png_files import GREY_ALPHA, png_bytes
from torchvision.io import read_image, write_png

from chaos_lightning import ChaoticGenerator, FashionMNISTDataModule, MNISTDataModule, TwoLayer
from chaos_lightning.checkpoints import make_training_data
from chaos_lightning.commands import main
from chaos_lightning.commands.complete import complete

CHECKPOINT = "logs/runs/version_0/checkpoints/last.ckpt"


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A folder in which a network with label units was trained for a few steps."""
    folder = tmp_path_factory.mktemp("trained")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        main(
            [
                *("fit", "--model.hidden_units", "13", "--model.dt", "5", "--model.num_classes", "10"),
                *("--data.batch_size", "200", "--data.num_eval_images", "40", "--pictures.num_images", "4"),
                *("--model.measure_times", "[]", "--trainer.max_steps", "3", "--trainer.enable_progress_bar", "false"),
            ]
        )
    return folder


@pytest.fixture
def in_folder(trained, monkeypatch):
    monkeypatch.chdir(trained)


def test_settings_of_the_data_of_training_need_no_class(in_folder, tmp_path, capsys):
    (tmp_path / "complete.yaml").write_text(f"ckpt_path: {CHECKPOINT}\n")
    for arguments in (["--ckpt_path", CHECKPOINT], ["--config", str(tmp_path / "complete.yaml")]):
        arguments += ["--num_images", "2", "--num_samples", "2", "--output", str(tmp_path / "out")]
        # data_dir is one of MNIST, which not all data have
        for of_data in (["--data.data_dir", "null"], ["--data.data_dir=null"]):
            main(["complete", *of_data, *arguments])
            assert "Wrote 4 completions to" in capsys.readouterr().out


def test_completions_picture_and_figures_are_written(in_folder, trained, capsys):
    arguments = ["--ckpt_path", CHECKPOINT, "--mask", "left", "--num_images", "11", "--num_samples", "3"]
    main(["complete", *arguments, "--seed", "4", "--output", "out/left.npz"])
    printed = capsys.readouterr().out
    assert "11 images, 3 completions each, 392 hidden pixels" in " ".join(printed.split())
    assert "Wrote 33 completions to out/left.npz" in printed
    written = np.load("out/left.npz")
    hidden = written["hidden"]
    assert hidden[:, :14].all()
    assert not hidden[:, 14:].any()
    data = MNISTDataModule()
    rows = torch.randperm(1000, generator=torch.Generator().manual_seed(4))[:11]
    originals = data.test.take(rows)
    assert (written["images"] == originals.pixels.squeeze(1).numpy()).all()
    assert (written["completions"][..., ~hidden] == written["images"][:, None][..., ~hidden]).all()
    completions = ChaoticGenerator.load_from_checkpoint(CHECKPOINT).complete(
        originals.images, torch.from_numpy(hidden), 3, seed=4
    )
    levels = ((completions.squeeze(2) + 1) * 127.5).round()
    assert abs(levels.numpy() - written["completions"].astype(float)).max() <= 1
    # 10 of the 11 images, each with what is given, three completions and the original
    assert read_image("out/left.png").shape == (3, 10 * 30 + 2, 5 * 30 + 2)
    assert sorted(path.name for path in (trained / "out").iterdir()) == ["left.npz", "left.png"]


def test_figures_are_root_mean_squares_over_the_hidden_pixels(in_folder):
    values = complete(CHECKPOINT, "box", num_images=20, num_samples=2, output="box.npz")
    written = np.load("box.npz")
    images, completions = (written[name].astype(float) / 127.5 - 1 for name in ("images", "completions"))
    training = MNISTDataModule().train.images.squeeze(1).double().numpy()
    box = (..., slice(7, 21), slice(7, 21))
    errors = {
        "one_completion": completions[box] - images[:, None][box],
        "mean_completion": completions.mean(axis=1)[box] - images[box],
        "pixel_mean": training.mean(axis=0)[box] - images[box],
    }
    for name, error in errors.items():
        assert values[name] == pytest.approx(np.sqrt((error**2).mean()), abs=0.003), name
    between = completions[:, 0][box] - completions[:, 1][box]
    assert values["completion_difference"] == pytest.approx(np.sqrt((between**2).mean()), abs=0.005)
    assert values["image_difference"] == pytest.approx(np.sqrt(2 * training[box].var(axis=0, ddof=1).mean()), rel=1e-6)
    assert values["conditional_gaussian"] < values["nearest_neighbour"] < values["image_difference"]


def test_images_are_of_the_data_set_of_the_training(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    checkpoint = {"datamodule_hyper_parameters": {"_class_path": "chaos_lightning.FashionMNISTDataModule", "seed": 3}}
    data = make_training_data(checkpoint)
    assert isinstance(data, FashionMNISTDataModule)
    assert data.hparams["seed"] == 3
    for class_path in ("chaos_lightning.TwoLayer", "nowhere.Data"):
        with pytest.raises(ValueError, match=f"trained on {class_path}, which is not at hand: name --data"):
            make_training_data({"datamodule_hyper_parameters": {"_class_path": class_path}})
    trainer = Trainer(max_steps=1, accelerator="cpu", logger=False, enable_checkpointing=False, limit_val_batches=0)
    trainer.fit(TwoLayer(hidden_units=13, dt=5.0), datamodule=MNISTDataModule(batch_size=20))
    trainer.save_checkpoint("some.ckpt")
    checkpoint = torch.load("some.ckpt", weights_only=True)
    assert isinstance(make_training_data(checkpoint), MNISTDataModule)
    del checkpoint["datamodule_hyper_parameters"]  # as of a training with loaders instead of a data module
    torch.save(checkpoint, "some.ckpt")
    with pytest.raises(ValueError, match="name it with --data"):
        complete("some.ckpt")


def test_the_checkpoint_may_stand_in_a_config(in_folder, tmp_path):
    checkpoint = torch.load(CHECKPOINT, weights_only=True)
    checkpoint["datamodule_hyper_parameters"]["_class_path"] = "chaos_lightning.FashionMNISTDataModule"
    torch.save(checkpoint, tmp_path / "fashion.ckpt")
    (tmp_path / "complete.yaml").write_text(f"ckpt_path: {tmp_path / 'fashion.ckpt'}\nnum_images: 2\n")
    main(["complete", "--config", str(tmp_path / "complete.yaml"), "--output", str(tmp_path / "some"), "--seed", "4"])
    rows = torch.randperm(1000, generator=torch.Generator().manual_seed(4))[:2]
    expected = FashionMNISTDataModule().test.take(rows).pixels.squeeze(1).numpy()
    assert (np.load(tmp_path / "some.npz")["images"] == expected).all()


def test_images_and_mask_are_taken_from_files(in_folder):
    images = MNISTDataModule().validation.take(torch.arange(5))
    np.savez("own.npz", images=images.pixels.squeeze(1).numpy())
    values = complete(CHECKPOINT, "random", images="own.npz", num_images=3, num_samples=1, output="own_out")
    written = np.load("own_out.npz")
    assert (written["images"] == images.pixels[:3].squeeze(1).numpy()).all()
    assert written["hidden"].sum() == 392
    assert "completion_difference" not in values


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--mask", "middle"], "there is no mask middle: name one of top"),
        (["--num_samples", "0"], "num_samples must be at least 1"),
        (["--num_images", "0"], "num_images"),
        (["--images", "nowhere.npz"], "there are no images at nowhere.npz"),
        (["--images", "small.pt"], "images are of 3 x 3 pixels, but the network's of 28 x 28 pixels"),
        (["--images", "bright.pt"], "outside [-1, 1]"),
        (["--images", "long.pt"], "images are of 14 x 56 pixels, but the network's of 28 x 28 pixels"),
        (["--images", "dim.pt"], "dim.pt holds pixels up to 100 only"),
        (["--images", "drawings"], "drawings/some.png is transparent in places"),
        (["--mask", "drawings/some.png"], "drawings/some.png is transparent in places"),
        (["--mask", "all.png"], "hides every pixel"),
        (["--ckpt_path", "nowhere.ckpt"], "there is no checkpoint at nowhere.ckpt"),
    ],
)
def test_bad_requests_end_with_one_sentence_and_leave_nothing(trained, in_folder, capsys, arguments, message):
    torch.save(torch.zeros(5, 3, 3), "small.pt")
    torch.save(torch.full((5, 28, 28), 255.0), "bright.pt")
    torch.save(torch.rand(5, 14, 56) * 2 - 1, "long.pt")
    torch.save(torch.full((5, 28, 28), 100, dtype=torch.uint8), "dim.pt")
    (trained / "drawings").mkdir(exist_ok=True)
    drawing = np.stack([np.full((28, 28), 255), np.eye(28, dtype=int) * 255], axis=-1)
    (trained / "drawings" / "some.png").write_bytes(png_bytes(drawing, kind=GREY_ALPHA))
    write_png(torch.full((1, 28, 28), 255, dtype=torch.uint8), "all.png")
    checkpoint = [] if "--ckpt_path" in arguments else ["--ckpt_path", CHECKPOINT]
    with pytest.raises(SystemExit) as exit_:
        main(["complete", *checkpoint, *arguments, "--output", "bad/bad.npz"])
    assert exit_.value.code == 1
    (error,) = [line for line in capsys.readouterr().err.splitlines() if line.startswith("error:")]
    assert message in error
    assert not (trained / "bad").exists()


def test_predict_holds_the_labels_and_notes_them(in_folder, capsys):
    checkpoint = ["predict", "--ckpt_path", CHECKPOINT, "--trainer.logger", "false"]
    for name, labels in (("all", "all"), ("two", "[7, 3]"), ("one", "4")):
        main([*checkpoint, "--num_samples", "45", "--seed", "2", "--labels", labels, "--output", f"{name}.npz"])
    written = np.load("all.npz")
    assert written["labels"].tolist() == [sample % 10 for sample in range(45)]
    model = ChaoticGenerator.load_from_checkpoint(CHECKPOINT)
    levels = ((model.sample(45, seed=2, labels="all").squeeze(1) + 1) * 127.5).round()
    assert abs(levels.numpy() - written["images"].astype(float)).max() <= 1
    # a row a class, of as many images as every class has
    picture = read_image("all.png")
    assert picture.shape == (3, 10 * 30 + 2, 4 * 30 + 2)
    seventeenth = written["images"][17]  # the second of class 7
    assert (picture[0, 7 * 30 + 2 : 8 * 30, 30 + 2 : 60].numpy() == seventeenth).all()
    assert np.load("two.npz")["labels"].tolist() == [7, 3] * 22 + [7]
    assert set(np.load("one.npz")["labels"].tolist()) == {4}


def test_two_processes_predict_the_labels_of_one(in_folder):
    arguments = ["predict", "--ckpt_path", CHECKPOINT, "--trainer.logger", "false", "--num_samples", "33"]
    main([*arguments, "--labels", "[5, 6]", "--output", "alone.npz"])
    main([*arguments, "--labels", "[5, 6]", *TWO_PROCESSES, "--output", "together.npz"])
    alone, together = np.load("alone.npz"), np.load("together.npz")
    assert (alone["labels"] == together["labels"]).all()
    assert abs(alone["images"].astype(int) - together["images"].astype(int)).max() <= 1


def test_unknown_classes_are_refused_before_work(in_folder, trained, capsys):
    with pytest.raises(SystemExit) as exit_:
        main(["predict", "--ckpt_path", CHECKPOINT, "--labels", "10", "--output", "bad/bad.npz"])
    assert exit_.value.code == 1
    assert "there is no class 10: the network knows the classes 0 to 9" in capsys.readouterr().err
    assert not (trained / "bad").exists()


def test_test_prints_and_keeps_the_measures_of_each_class(in_folder, trained, capsys):
    main(
        [
            *("test", "--ckpt_path", CHECKPOINT, "--data.num_eval_images", "150", "--trainer.logger.name", "tested"),
            *("--trainer.enable_progress_bar", "false"),
        ]
    )
    printed = capsys.readouterr().out
    for heading in ("class found", "class read", "calibration error", "E(AAI)"):
        assert heading in printed
    with (trained / "logs" / "tested" / "version_0" / "classes.csv").open() as file:
        table = list(csv.DictReader(file))
    assert {row["class"] for row in table} == {*map(str, range(10)), "all"}
    of_all = {row["measure"]: row for row in table if row["class"] == "all"}
    assert of_all["accuracy"]["num_samples"] == "150"
    assert 0 <= float(of_all["class_agreement"]["value"]) <= 1
    # what the nearest of 4,000 training images can tell
    assert float(of_all["class_agreement"]["floor"]) > 0.85
    assert float(of_all["second_moment_error"]["floor"]) < float(of_all["second_moment_error"]["value"])
    assert sum(int(row["num_samples"]) for row in table if row["measure"] == "accuracy") == 300
