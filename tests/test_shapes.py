"""Samples of any shape go through all commands: coloured rectangles, a single row, and vectors that are no images."""

import csv
import json
from pathlib import Path

import numpy as np
import pytest
import torch
from torchvision.io import read_image

from chaos_lightning import ChaoticGenerator
from chaos_lightning.checkpoints import read_checkpoint
from chaos_lightning.commands import main
from chaos_lightning.shapes import Shape, described, is_image, num_values, setting_of, shape_of

SHAPES: dict[str, Shape] = {
    "colour": (3, 5, 7),
    "one row": (1, 1, 13),
    "vectors": (17,),
}
CHECKPOINT = "logs/runs/version_0/checkpoints/last.ckpt"


def patterned(count, shape, seed):
    """Samples in [-1, 1] that are one of two patterns, with noise."""
    generator = torch.Generator().manual_seed(seed)
    pattern = torch.randn(shape, generator=torch.Generator().manual_seed(99)).sign() * 0.7
    labels = torch.randint(2, (count,), generator=generator)
    signs = (2 * labels - 1).view(-1, *(1 for _ in shape))
    return pattern * signs + 0.3 * (2 * torch.rand(count, *shape, generator=generator) - 1), labels


@pytest.fixture(scope="module", params=SHAPES, ids=str)
def trained(request, tmp_path_factory):
    """Folder of a run on such samples, and their shape."""
    shape = SHAPES[request.param]
    folder = tmp_path_factory.mktemp("shape")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        for name, count in (("train", 90), ("test", 30)):
            samples, labels = patterned(count, shape, count)
            np.savez(f"{name}.npz", **{"images" if is_image(shape) else "vectors": samples}, labels=labels)
        fit("--trainer.max_steps", "4")
    return folder, shape


def fit(*arguments):
    shape = np.load("train.npz")
    shape = next(shape[name].shape[1:] for name in ("images", "vectors") if name in shape)
    main(
        [
            *("fit", "--model.visible_units", str(list(shape)), "--model.hidden_units", "19", "--model.dt", "5"),
            *("--data", "ImageFilesDataModule", "--data.train", "train.npz", "--data.test", "test.npz"),
            *(["--data.colour", "true"] if shape[0] == 3 else []),
            *("--data.batch_size", "20", "--data.num_validation", "30", "--pictures.num_images", "4"),
            *("--model.measure_times", "[]", "--model.num_classes", "2", "--checkpoint.every_n_train_steps", "2"),
            *("--trainer.val_check_interval", "2", "--trainer.enable_progress_bar", "false", *arguments),
        ]
    )


def measures_of(path):
    with open(path, newline="") as file:
        return {row["measure"]: float(row["value"]) for row in csv.DictReader(file)}


def test_training_leaves_measures_and_pictures_where_there_can_be_some(trained, monkeypatch):
    folder, shape = trained
    run = folder / "logs/runs/version_0"
    assert measures_of(run / "measures.csv").keys() >= {"second_moment_error", "adversarial_accuracy_indicator"}
    assert (run / "samples.png").exists() == is_image(shape)
    if is_image(shape):
        grid = read_image(str(run / "samples.png"))
        assert grid.shape == (3, shape[1] + 4, 2 + 4 * (shape[2] + 2))
        assert bool((grid != grid[:1]).any()) == (shape[0] == 3)  # only colours show colours


def test_checkpoint_and_weights_hold_the_shape_and_sample_the_same(trained, monkeypatch):
    folder, shape = trained
    monkeypatch.chdir(folder)
    main(["export", "--ckpt_path", CHECKPOINT, "--output", "weights.safetensors"])
    networks = [ChaoticGenerator.load_from_checkpoint(path) for path in (CHECKPOINT, "weights.safetensors")]
    samples = [network.sample(3, seed=5) for network in networks]
    assert samples[0].shape == (3, *shape)
    assert torch.equal(*samples)
    assert networks[1].layer_sizes == [num_values(shape) + 10, 19]
    assert networks[1].classify(samples[0]).shape == (3, 2)


def test_samples_come_back_from_their_file_and_are_measured(trained, monkeypatch):
    folder, shape = trained
    monkeypatch.chdir(folder)
    main(["predict", "--ckpt_path", CHECKPOINT, "--num_samples", "30", "--seed", "3", "--output", "out/samples.npz"])
    with np.load("out/samples.npz") as file:
        stored = file["images" if is_image(shape) else "vectors"]
    made = ChaoticGenerator.load_from_checkpoint(CHECKPOINT).sample(30, seed=3)
    if is_image(shape):
        assert stored.shape == (30, 5, 7, 3) if shape[0] == 3 else (30, *shape[1:])
        channels_first = np.moveaxis(stored.reshape(30, *shape[1:], shape[0]), -1, 1)
        np.testing.assert_allclose(channels_first / 127.5 - 1, made, atol=1 / 127, rtol=0)
    else:
        np.testing.assert_array_equal(stored, made)
    assert Path("out/samples.png").exists() == is_image(shape)
    colour = ["--colour", "true"] if shape[0] == 3 else []
    main(["measure", "--real", "test.npz", "--generated", "out/samples.npz", "--training", "train.npz", *colour])
    written = json.loads(Path("measures/measures.json").read_text())["measures"]
    values = {name: entry["value"] for name, entry in written.items()}
    assert ("roughness" in values) == (shape == SHAPES["colour"])  # which needs neighbours on all four sides
    real = np.load("test.npz")
    real = next(real[name] for name in ("images", "vectors") if name in real).reshape(30, -1)
    covariances = [np.cov(rows.T, bias=True) for rows in (real, made.flatten(1).double().numpy())]
    difference = (covariances[0] - covariances[1]) ** 2
    np.fill_diagonal(difference, 0)
    expected = difference.sum() / (difference.size - len(difference))
    np.testing.assert_allclose(values["second_moment_error"], expected, rtol=0.05)  # images have 8 bits


def test_hidden_parts_are_completed_in_all_channels(trained, monkeypatch, capsys):
    folder, shape = trained
    monkeypatch.chdir(folder)
    command = ["complete", "--ckpt_path", CHECKPOINT, "--num_images", "4", "--num_samples", "2", "--output", "done.npz"]
    if is_image(shape):
        main([*command, "--mask", "right"])
        assert Path("done.png").exists()
        with np.load("done.npz") as file:
            given = ~file["hidden"]
            assert given[:, : shape[2] // 2].all()
            difference = file["completions"].astype(int) - file["images"].astype(int)[:, np.newaxis]
            assert np.abs(difference[:, :, given]).max() <= 1  # 8 bits
        return
    with pytest.raises(SystemExit):
        main([*command, "--mask", "right"])
    assert "vectors that are no images have no part right: hide half of the units at random" in capsys.readouterr().err
    main([*command, "--mask", "random"])
    assert "and no picture, for vectors are no images" in " ".join(capsys.readouterr().out.split())
    with np.load("done.npz") as file:
        assert file["hidden"].sum() == 8
        given = ~file["hidden"]
        np.testing.assert_allclose(
            file["completions"][:, :, given], file["vectors"][:, np.newaxis, given].repeat(2, 1), atol=1e-6
        )


def test_a_report_draws_what_can_be_drawn(trained, monkeypatch):
    folder, shape = trained
    if shape == SHAPES["one row"]:
        return  # drawn as any other image
    monkeypatch.chdir(folder)
    main(["report", "--ckpt_path", CHECKPOINT, "--num_samples", "20", "--num_chains", "2", "--output", "report"])
    page = Path("report/index.html").read_text()
    assert Path("report/samples.png").exists() == Path("report/formation.png").exists() == is_image(shape)
    assert ("there are no pictures of them" in page) != is_image(shape)
    for name in ("sampling_time", "spectra", "nearest", "divergence", "trajectories"):
        assert Path(f"report/{name}.png").exists()


def test_training_goes_on_exactly_where_it_stopped(trained, tmp_path, monkeypatch):
    folder, _ = trained
    for name in ("train.npz", "test.npz"):
        (tmp_path / name).write_bytes((folder / name).read_bytes())
    monkeypatch.chdir(tmp_path)
    for steps in ("2", "4"):
        fit("--trainer.max_steps", steps, "--ckpt_path", "last")
    weights = [read_checkpoint(place / CHECKPOINT)["state_dict"] for place in (folder, tmp_path)]
    assert all(torch.equal(weights[0][name], value) for name, value in weights[1].items())


def test_data_of_another_shape_are_refused_with_the_setting_that_fits(trained, monkeypatch, capsys):
    folder, shape = trained
    monkeypatch.chdir(folder)
    with pytest.raises(SystemExit):
        fit("--trainer.max_steps", "1", "--model.visible_units", "784")
    assert f"have {described(shape)}: set visible_units={list(shape)}" in capsys.readouterr().err


@pytest.mark.parametrize("shape", [*SHAPES.values(), (1, 3, 11), (1, 28, 28), (2, 3, 3)])
def test_every_shape_comes_back_from_its_setting(shape):
    assert shape_of(setting_of(shape)) == shape
