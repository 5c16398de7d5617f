"""The classifier of a data set, its file, and the commands that train it and measure with it."""

import csv
import json

import numpy as np
import pytest
import torch
import yaml
from half_bright import FewPixels, half_bright
from lightning.pytorch import Trainer

from chaos_lightning import MNISTDataModule
from chaos_lightning.commands import main
from chaos_lightning.commands.compare import command as compare_command
from chaos_lightning.commands.compare import run as compared
from chaos_lightning.data.batches import TrainingBatches
from chaos_lightning.features import ImageClassifier, classifier_path, load_classifier, save_classifier
from chaos_lightning.metrics.catalogue import FEATURE_MEASURES

TINY = ["--data", "half_bright.FewPixels", "--data.num_validation", "40"]
FIT = [
    "fit", *TINY, "--data.batch_size", "20", "--model.visible_units", "25", "--model.hidden_units", "7",
    "--model.dt", "5", "--model.sampling_time", "20", "--trainer.max_steps", "4", "--trainer.val_check_interval", "4",
    "--trainer.accelerator", "cpu", "--pictures.num_images", "4", "--trainer.logger.name", "run",
]  # fmt: skip


@pytest.fixture
def cached(tmp_path, monkeypatch, capsys):
    """A folder of caches with the classifier of small images: the file, and what the command printed."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    main(["classifier", "--data", "half_bright.FewPixels", "--steps", "60"])
    (path,) = (tmp_path / "cache" / "chaos_lightning" / "classifiers").iterdir()
    return path, capsys.readouterr().out


@pytest.mark.parametrize("shape", [(1, 28, 28), (3, 13, 7), (2, 1, 1), (3, 32, 32)])
def test_a_classifier_reads_images_of_any_shape(shape, tmp_path):
    classifier = ImageClassifier(shape, 5, seed=1).eval()
    images = torch.rand(3, *shape, generator=torch.Generator().manual_seed(0)) * 2 - 1
    assert classifier(images).shape == (3, 128)
    assert classifier.logits(classifier(images)).shape == (3, 5)
    save_classifier(classifier, tmp_path / "file.safetensors")
    loaded = load_classifier(tmp_path / "file.safetensors")
    assert not loaded.training
    assert torch.equal(loaded(images), classifier(images))


def test_the_seed_alone_says_what_is_learned():
    def trained(seed):
        torch.manual_seed(17)
        quiet = dict.fromkeys(("logger", "enable_checkpointing", "enable_progress_bar", "enable_model_summary"), False)
        classifier = ImageClassifier((1, 5, 5), 2, seed=seed)
        trainer = Trainer(max_steps=3, accelerator="cpu", **quiet)
        trainer.fit(classifier, TrainingBatches(half_bright(60, 5, 0), 20, seed=seed))
        return classifier.body[0].weight

    assert torch.equal(trained(0), trained(0))
    assert not torch.equal(trained(0), trained(1))


def test_a_data_set_has_a_file_of_its_own(monkeypatch, tmp_path):
    pixels, labels = half_bright(10, 5, 0).pixels, half_bright(10, 5, 0).labels
    changed = pixels.clone()
    changed[3, 0, 2, 2] += 1
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    path = classifier_path("Few", pixels, labels)
    assert path.parent == tmp_path / "chaos_lightning" / "classifiers"
    others = [classifier_path("Few", changed, labels), classifier_path("Few", pixels, 1 - labels)]
    assert len({path, *others, classifier_path("Few", pixels.clone(), labels)}) == 3
    assert classifier_path("Few", pixels, labels, "~/here").parent.name == "here"
    monkeypatch.setenv("XDG_CACHE_HOME", "relative")  # which the standard says to ignore
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    assert classifier_path("Few", pixels, labels).is_relative_to(tmp_path / "home" / ".cache")


def test_digits_are_read_after_some_seconds(tmp_path, capsys):
    main(["classifier", "--steps", "150", "--cache_dir", str(tmp_path)])
    printed = capsys.readouterr().out
    accuracy = float(printed.partition(" % of 1,000 test images")[0].rpartition(" ")[2])
    assert accuracy > 90
    (path,) = tmp_path.iterdir()
    assert f"classifier  {path}" in printed
    test = MNISTDataModule().test
    classifier = load_classifier(path)
    with torch.no_grad():
        right = classifier.logits(classifier(test.images)).argmax(1) == test.labels
    assert 100 * float(right.double().mean()) == pytest.approx(accuracy, abs=0.006)


def measured(path):
    with path.open() as file:
        return {row["measure"]: row for row in csv.DictReader(file) if float(row["sampling_time"]) in (0, 20)}


def test_validation_and_test_measure_in_the_features_of_the_cached_classifier(cached, tmp_path, capsys):
    main([*FIT, "--features.network", "classifier"])
    run = tmp_path / "logs" / "run" / "version_0"
    rows = measured(run / "measures.csv")
    for name in (*FEATURE_MEASURES, "roughness", "manifold_precision", "manifold_recall"):
        assert np.isfinite(float(rows[name]["value"]))
        assert np.isfinite(float(rows[name]["floor"]))
    # real images are nearer to real images, and the classifier is as sure of them as it can be
    assert float(rows["feature_frechet_distance"]["floor"]) < float(rows["feature_frechet_distance"]["value"])
    checkpoint = torch.load(run / "checkpoints" / "last.ckpt", weights_only=True)
    assert not [name for name in checkpoint["state_dict"] if "features" in name]

    capsys.readouterr()
    arguments = ["test", *TINY, "--ckpt_path", str(run / "checkpoints" / "last.ckpt"), "--trainer.accelerator", "cpu"]
    main([*arguments, "--features.network", str(cached[0])])
    assert "Fréchet distance of features" in capsys.readouterr().out
    main(arguments)
    assert "Fréchet" not in capsys.readouterr().out
    main([*arguments, "--features.network", "torch.nn.Flatten"])
    printed = capsys.readouterr().out
    assert "Fréchet" in printed
    assert "classifier is sure" not in printed


def test_measure_measures_in_features(cached, tmp_path, capsys):
    for name, seed in (("real", 1), ("generated", 2), ("training", 3)):
        np.savez(f"{name}.npz", images=half_bright(30, 5, seed).pixels.squeeze(1).numpy())
    sides = [text for name in ("real", "generated", "training") for text in (f"--{name}", f"{name}.npz")]
    main(["measure", *sides, "--features", str(cached[0])])
    measures = json.loads((tmp_path / "measures" / "measures.json").read_text())["measures"]
    assert 0 < measures["feature_frechet_distance"]["value"] < 100
    assert measures["feature_precision"]["floor"] is not None
    assert measures["confident_share"]["value"] <= 1


def test_sweep_and_compare_have_columns_of_features(cached, tmp_path, monkeypatch):
    base = {
        "model": {"class_path": "chaos_lightning.TwoLayer", "init_args": {"visible_units": 25, "hidden_units": 7}},
        "data": {"class_path": "half_bright.FewPixels", "init_args": {"batch_size": 20, "num_validation": 40}},
        "trainer": {"max_steps": 2, "val_check_interval": 2, "accelerator": "cpu"},
        "pictures": {"num_images": 4},
        "features": {"network": "classifier"},
    }
    (tmp_path / "base.yaml").write_text(yaml.safe_dump(base))
    wirings = [None, [{"lower": 0, "upper": 1, "gain_down": 0.5}, {"lower": 1, "upper": 1, "learned": False}]]
    sweep = {"base": "base.yaml", "grid": {"model.init_args.wiring": wirings}, "seeds": [0], "folder": "swept"}
    (tmp_path / "sweep.yaml").write_text(yaml.safe_dump({**sweep, "workers": 1}))
    main(["sweep", "--config", "sweep.yaml", "--model.dt", "5", "--model.sampling_time", "20"])
    with (tmp_path / "swept" / "table.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 2
    for row in rows:
        assert all(np.isfinite(float(row[name])) for name in ("roughness", *FEATURE_MEASURES))

    monkeypatch.setattr(compare_command, "do_run", compared.train_and_measure)
    vae = {"model": "chaos_lightning.baselines.VariationalAutoencoder", "model.init_args.visible_units": 25}
    real = {"model": "chaos_lightning.baselines.HeldOutImages", "model.init_args.visible_units": 25}
    settings = {
        **{"data": "half_bright.FewPixels", "data.init_args.num_validation": 40, "data.init_args.batch_size": 20},
        **{"trainer.accelerator": "cpu", "pictures.num_images": 4, "features.network": "classifier"},
    }
    comparison = {"contestants": {"vae": {"settings": vae}, "real": {"settings": real}}, "settings": settings}
    comparison |= {"seeds": [0], "budget": 0.1, "num_samples": 30, "folder": "compared"}
    (tmp_path / "comparison.yaml").write_text(yaml.safe_dump(comparison))
    main(["compare", "--config", "comparison.yaml"])
    with (tmp_path / "compared" / "compare.csv").open() as file:
        rows = {row["contestant"]: row for row in csv.DictReader(file)}
    distances = [float(rows[name]["feature_frechet_distance"]) for name in ("real", "vae")]
    assert 0 < distances[0] < distances[1]
    assert "| roughness | feature FD |" in (tmp_path / "compared" / "compare.md").read_text()


class Unlabelled(FewPixels):
    """Such images without labels."""

    def read_image_sets(self):
        return tuple(type(each)(each.pixels, 0 * each.labels) for each in super().read_image_sets())


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([*FIT, "--features.network", "classifier"], "there is no classifier of Few"),
        ([*FIT, "--features.network", "torch.nn.Functional"], "is no network of features"),
        ([*FIT, "--features.network", "torch.nn.Linear"], "must be made without arguments"),
        ([*FIT, "--features.network", "torch.nn.LSTMCell"], "must be made without arguments"),
        ([*FIT, "--features.network", "absent.safetensors"], "there is no file absent.safetensors"),
        ([*FIT, "--features.network", "broken.safetensors"], "holds no classifier"),
        ([*FIT, "--features.network", "digits.safetensors"], "the classifier reads images of (1, 28, 28), but these"),
        (["measure", "--real", "real.npz", "--generated", "real.npz", "--features", "classifier"], "not known here"),
        (["classifier", "--data", "test_classifier.Unlabelled"], "have no labels"),
        (["classifier", "--data", "half_bright.FewPixels", "--steps", "0"], "steps must be at least 1"),
        (["classifier", "--data", "half_bright.FewPixels", "--seed", "-1"], "seed must be 0 or more"),
    ],
)
def test_bad_input_ends_with_one_sentence_before_work_starts(tmp_path, monkeypatch, capsys, arguments, message):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    (tmp_path / "broken.safetensors").write_text("a text")
    save_classifier(ImageClassifier((1, 28, 28), 10), tmp_path / "digits.safetensors")
    np.savez("real.npz", images=half_bright(30, 5, 1).pixels.squeeze(1).numpy())
    with pytest.raises(SystemExit) as exit_:
        main(arguments)
    assert exit_.value.code == 1
    assert message in capsys.readouterr().err
