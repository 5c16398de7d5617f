"""Weights leave the program and come back."""

import json
import shutil

import numpy as np
import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from chaos_lightning import ChaoticGenerator, OneLayer, TwoLayer
from chaos_lightning.commands import main

TINY = [
    *("--model.hidden_units", "13", "--model.dt", "5", "--model.gain", "1.25", "--model.measure_times", "[]"),
    *("--data.batch_size", "200", "--data.num_eval_images", "31", "--pictures.num_images", "4"),
    *("--trainer.max_steps", "3", "--trainer.enable_progress_bar", "false", "--trainer.enable_model_summary", "false"),
]
CHECKPOINT = "logs/runs/version_0/checkpoints/last.ckpt"


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A folder with a trained network and its exported weights."""
    folder = tmp_path_factory.mktemp("trained")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        main(["fit", *TINY])
        main(["export", "--ckpt_path", CHECKPOINT, "--output", "out/weights"])
    return folder


@pytest.fixture
def here(trained, monkeypatch):
    monkeypatch.chdir(trained)


def test_weights_and_settings_come_back(here):
    original, loaded = (ChaoticGenerator.load_from_checkpoint(path) for path in (CHECKPOINT, "out/weights.safetensors"))
    assert type(loaded) is TwoLayer
    assert (loaded.dt, loaded.network.layer_sizes) == (5.0, (784, 13))
    for name, weight in original.state_dict().items():
        assert torch.equal(loaded.state_dict()[name], weight), name
    assert torch.equal(original.sample(5, seed=2), loaded.sample(5, seed=2))
    assert torch.equal(
        TwoLayer.load_from_checkpoint("out/weights.safetensors").sample(5, seed=2), loaded.sample(5, seed=2)
    )


def test_other_programs_can_read_weights_and_settings(here):
    weights = torch.load(CHECKPOINT, weights_only=True)["state_dict"]
    assert all(torch.equal(tensor, weights[name]) for name, tensor in load_file("out/weights.safetensors").items())
    with safe_open("out/weights.safetensors", framework="pt") as file:
        settings = json.loads(file.metadata()["chaos_lightning"])
    assert settings["chaos_lightning"]["architecture"] == "TwoLayer"
    assert settings["hyper_parameters"]["gain"] == 1.25
    assert settings["global_step"] == 3


def test_the_command_line_takes_exported_weights(here, capsys):
    for path, output in ((CHECKPOINT, "a"), ("out/weights.safetensors", "b")):
        main(["predict", "--ckpt_path", path, "--num_samples", "7", "--seed", "1", "--output", output])
    assert (np.load("a.npz")["images"] == np.load("b.npz")["images"]).all()
    main(["validate", "--ckpt_path", "out/weights.safetensors", "--data.num_eval_images", "31"])
    assert "after 3 training steps" in " ".join(capsys.readouterr().out.split())


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["fit", *TINY, "--ckpt_path", "out/weights.safetensors"], "cannot go on from exported weights"),
        (["predict", "--model", "OneLayer", "--ckpt_path", "out/weights.safetensors"], "holds a TwoLayer network"),
        (["predict", "--ckpt_path", "cut.safetensors"], "cut.safetensors cannot be read as weights"),
        (["predict", "--ckpt_path", "foreign.safetensors"], "not written by chaos_lightning"),
        (["predict", "--ckpt_path", "future.safetensors"], "format 99"),
        (["predict", "--ckpt_path", "cut.ckpt"], "cut.ckpt cannot be read as a checkpoint"),
        (["predict", "--ckpt_path", "text.ckpt"], "text.ckpt cannot be read as a checkpoint"),
        (["predict", "--ckpt_path", "future.ckpt"], "format 99"),
        (["fit", *TINY, "--ckpt_path", "cut.ckpt"], "cut.ckpt cannot be read as a checkpoint"),
        (["export", "--ckpt_path", "nowhere.ckpt", "--output", "x"], "there is no checkpoint at nowhere.ckpt"),
        (["export", "--ckpt_path", CHECKPOINT, "--output", "text.ckpt/x"], "text.ckpt"),
    ],
)
def test_what_cannot_be_used_is_refused_in_one_sentence(here, capsys, arguments, message):
    make_bad_files()
    with pytest.raises(SystemExit) as exit_:
        main(arguments)
    assert exit_.value.code == 1
    (error,) = [line for line in capsys.readouterr().err.splitlines() if line.startswith("error:")]
    assert message in error


def make_bad_files():
    for suffix, path in ((".safetensors", "out/weights.safetensors"), (".ckpt", CHECKPOINT)):
        with open(path, "rb") as file:
            content = file.read()
        with open(f"cut{suffix}", "wb") as file:
            file.write(content[: len(content) // 2])
    with open("text.ckpt", "w") as file:
        file.write("no checkpoint at all\n")
    save_file({"a": torch.zeros(2)}, "foreign.safetensors")
    checkpoint = torch.load(CHECKPOINT, weights_only=True)
    checkpoint["chaos_lightning"]["format"] = 99
    torch.save(checkpoint, "future.ckpt")
    weights = load_file("out/weights.safetensors")
    save_file(weights, "future.safetensors", metadata={"chaos_lightning": '{"chaos_lightning": {"format": 99}}'})


def test_checkpoints_do_not_depend_on_where_the_data_were(tmp_path, monkeypatch, full_data):
    monkeypatch.chdir(tmp_path)
    data = tmp_path / "data"
    shutil.copytree(f"{full_data}/MNIST", data / "MNIST")
    main(["fit", *TINY, "--data.data_dir", str(data)])
    data.rename(tmp_path / "elsewhere")
    main(["predict", "--ckpt_path", CHECKPOINT, "--num_samples", "3"])
    main(["validate", "--ckpt_path", CHECKPOINT, "--data.data_dir", "elsewhere", "--data.num_eval_images", "31"])
    main(["fit", *TINY, "--trainer.max_steps", "4", "--data.data_dir", "elsewhere", "--ckpt_path", "last"])
    assert torch.load(CHECKPOINT, weights_only=True)["global_step"] == 4


def test_another_architecture_is_refused_in_python_too(here):
    with pytest.raises(ValueError, match="holds a TwoLayer network, but OneLayer"):
        OneLayer.load_from_checkpoint("out/weights.safetensors")
