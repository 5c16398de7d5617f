"""Compact weights, the networks that come with the package, and the way over the Hugging Face Hub."""

import json
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
import yaml
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from small_networks import quiet_trainer

from chaos_lightning import ChaoticGenerator, MNISTDataModule, OneLayer, ThreeLayer, TwoLayer
from chaos_lightning.checkpoints import compacted, read_checkpoint
from chaos_lightning.commands import main
from chaos_lightning.pretrained import pretrained_file, pretrained_names

QUIET = ["--trainer.logger", "false", "--trainer.enable_checkpointing", "false", "--trainer.limit_val_batches", "0"]
FAST = {"dt": 5.0, "measure_times": []}
ARCHITECTURES = [
    OneLayer(**FAST, seed=3),
    TwoLayer(**FAST, hidden_units=13, num_classes=10, gain=2.0),
    ThreeLayer(**FAST, hidden_units=13, top_units=7, seed=11),
]


def save(model, path, **data_settings):
    """A checkpoint of a network with learned couplings that are not 0."""
    generator = torch.Generator().manual_seed(1)
    for parameter in model.trainable():
        parameter.data = torch.randn(parameter.shape, generator=generator) / 50
    trainer = quiet_trainer(max_steps=1, limit_val_batches=0)
    trainer.fit(model, datamodule=MNISTDataModule(batch_size=20, num_eval_images=31, **data_settings))
    trainer.save_checkpoint(path)
    return path


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory):
    return save(TwoLayer(**FAST, hidden_units=13), tmp_path_factory.mktemp("saved") / "some.ckpt")


def compact_copy(checkpoint, folder):
    main(["export", "--ckpt_path", str(checkpoint), "--output", str(folder / "compact"), "--compact", "true"])
    return folder / "compact.safetensors"


@pytest.mark.parametrize("model", ARCHITECTURES, ids=lambda model: type(model).__name__)
def test_frozen_couplings_come_out_bit_for_bit_and_learned_ones_in_half_precision(model, tmp_path):
    path = compact_copy(save(model, tmp_path / "some.ckpt"), tmp_path)
    assert path.stat().st_size < 0.3 * (tmp_path / "some.ckpt").stat().st_size
    assert not any("frozen" in name for name in load_file(path))
    loaded = ChaoticGenerator.load_from_checkpoint(path)
    assert type(loaded) is type(model)
    for name, weight in model.state_dict().items():
        expected = weight.half().float() if name.endswith("learned") else weight
        assert torch.equal(loaded.state_dict()[name], expected), name


def altered(path, to, change):
    """The file with its notes on the frozen couplings changed."""
    with safe_open(path, framework="pt") as file:
        entries = json.loads(file.metadata()["chaos_lightning"])
    change(entries["frozen"])
    save_file(load_file(path), to, metadata={"chaos_lightning": json.dumps(entries)})
    return to


def test_another_rounding_of_the_frozen_couplings_is_told(checkpoint, tmp_path):
    def round_otherwise(noted):
        noted["sha256"] = "0" * 64
        noted["some"][3] += 1e-8

    path = altered(compact_copy(checkpoint, tmp_path), tmp_path / "other.safetensors", round_otherwise)
    with pytest.warns(UserWarning, match="this processor rounds the frozen couplings otherwise"):
        ChaoticGenerator.load_from_checkpoint(path)


def test_another_generator_of_the_frozen_couplings_is_refused(checkpoint, tmp_path):
    def draw_otherwise(noted):
        noted.update(sha256="0" * 64, some=noted["some"][::-1], torch="0.9")

    path = altered(compact_copy(checkpoint, tmp_path), tmp_path / "other.safetensors", draw_otherwise)
    with pytest.raises(ValueError, match=r"draws other frozen couplings .* than torch 0\.9"):
        ChaoticGenerator.load_from_checkpoint(path)


def test_couplings_that_are_not_those_of_the_seed_are_not_left_out(checkpoint):
    contents = read_checkpoint(checkpoint)
    contents["state_dict"]["network.couplings.0.frozen_up"][2, 3] += 1e-6
    with pytest.raises(ValueError, match="frozen_up are not those that seed and gain draw"):
        compacted(contents)


def test_couplings_beyond_half_precision_are_refused(checkpoint):
    contents = read_checkpoint(checkpoint)
    contents["state_dict"]["network.couplings.0.learned"][2, 3] = 7e4
    with pytest.raises(ValueError, match="beyond the range of half precision"):
        compacted(contents)


def test_the_folder_of_the_images_is_left_out_and_validation_images_are_then_refused(tmp_path, full_data, capsys):
    saved = save(TwoLayer(**FAST, hidden_units=13), tmp_path / "some.ckpt", data_dir=full_data, num_validation=40)
    path = compact_copy(saved, tmp_path)
    assert str(full_data).encode() not in path.read_bytes()
    with pytest.raises(SystemExit):
        main(["report", "--ckpt_path", str(path), "--output", str(tmp_path / "report")])
    assert "may have been trained on" in capsys.readouterr().err


# The networks that come with the package


def test_the_networks_of_the_package_are_small_and_tell_no_folder_of_a_machine():
    files = [pretrained_file(name) for name in pretrained_names()]
    assert sum(file.stat().st_size for file in files) < 12e6
    card = (files[0].parent / "README.md").read_text()
    for name, file in zip(pretrained_names(), files, strict=True):
        assert f"`{name}`" in card
        assert "data_dir" not in read_checkpoint(file)["datamodule_hyper_parameters"]


def test_a_network_of_the_package_draws_digits_by_its_name(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    main(["predict", "--ckpt_path", "pretrained:mnist", "--num_samples", "100", "--output", "digits"])
    images = torch.from_numpy(np.load("digits.npz")["images"]) / 127.5 - 1
    data = MNISTDataModule()
    real, noise = data.test.images[:100].flatten(1), torch.rand(100, 784) * 2 - 1
    nearest = [torch.cdist(each.flatten(1).float(), real).min(1).values.mean() for each in (images, noise)]
    among_real = torch.cdist(data.test.images[100:200].flatten(1), real).min(1).values.mean()
    assert nearest[0] < 1.15 * among_real < nearest[1]


@pytest.mark.parametrize("command", ["predict", "complete", "report", "test", "export"])
def test_an_unknown_network_is_answered_with_the_known_ones(command, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    output = ["--output", "x"] if command == "export" else []
    with pytest.raises(SystemExit):
        main([command, "--ckpt_path", "pretrained:mnits", *output])
    assert "there is no pretrained network mnits: " + ", ".join(pretrained_names()) in capsys.readouterr().err


def test_networks_are_loaded_by_name_and_by_path(checkpoint):
    by_name = ChaoticGenerator.from_pretrained("mnist")
    assert torch.equal(by_name.sample(2, seed=0), TwoLayer.from_pretrained("pretrained:mnist").sample(2, seed=0))
    assert ChaoticGenerator.from_pretrained(checkpoint).network.layer_sizes == (784, 13)
    assert ChaoticGenerator.from_pretrained(checkpoint, sampling_time=50.0).sampling_time == 50.0
    with pytest.raises(ValueError, match="there is no pretrained network mnits: "):
        ChaoticGenerator.from_pretrained("mnits")


# The Hub, in whose place stands a folder


@pytest.fixture
def hub(tmp_path, monkeypatch):
    """A stand-in for huggingface_hub: repositories are folders."""

    def upload_folder(repo_id, folder_path):
        for path in Path(folder_path).iterdir():
            (tmp_path / "hub" / repo_id / path.name).write_bytes(path.read_bytes())
        return f"https://hub/{repo_id}"

    def hf_hub_download(repo_id, filename, revision):
        path = tmp_path / "hub" / repo_id / filename
        if not path.exists():
            raise RuntimeError("404: nothing there\nfurther lines")
        return str(path)

    stand_in = SimpleNamespace(
        create_repo=lambda repo_id, exist_ok, private: (tmp_path / "hub" / repo_id).mkdir(parents=True),
        upload_folder=upload_folder,
        hf_hub_download=hf_hub_download,
    )
    monkeypatch.setitem(sys.modules, "huggingface_hub", stand_in)
    return tmp_path / "hub"


def test_a_network_goes_to_the_hub_with_its_measures_and_comes_back(hub, checkpoint, tmp_path):
    model = ChaoticGenerator.from_pretrained(checkpoint)
    with pytest.raises(ValueError, match="measure it first"):
        model.push_to_hub("someone/digits", licence="cc-by-sa-3.0")
    quiet_trainer().test(model, datamodule=MNISTDataModule(num_eval_images=31), verbose=False)
    assert model.push_to_hub("someone/digits", licence="cc-by-sa-3.0") == "https://hub/someone/digits"

    loaded = ChaoticGenerator.from_pretrained("someone/digits")
    assert all(torch.equal(weight, model.state_dict()[name]) for name, weight in loaded.state_dict().items())
    card = (hub / "someone/digits/README.md").read_text()
    head = yaml.safe_load(card.split("---")[1])
    assert (head["license"], head["library_name"]) == ("cc-by-sa-3.0", "chaos-lightning")
    assert "31 samples against as many test images" in card
    values, floors = model.evaluation.measures[model.sampling_time], model.evaluation.floors
    for name in ("second_moment_error", "adversarial_accuracy_indicator"):
        assert f"| {values[name]:.3g} | {floors[name]:.3g} |" in card
    (tmp_path / "config.yaml").write_text(card.split("```yaml\n")[1].split("```")[0])
    main(["fit", "--config", str(tmp_path / "config.yaml"), "--trainer.default_root_dir", str(tmp_path), *QUIET])


def test_what_the_hub_lacks_is_said_in_a_sentence(hub):
    with pytest.raises(OSError, match=r"cannot fetch someone/digits from .* 404: nothing there$"):
        ChaoticGenerator.from_pretrained("someone/digits")


def test_without_the_package_of_the_hub_its_name_is_said(monkeypatch):
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    with pytest.raises(ModuleNotFoundError, match=r"pip install chaos-lightning\[hub\]"):
        ChaoticGenerator.from_pretrained("someone/digits")
