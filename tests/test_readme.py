"""What README and the pages beside the configs say in Python, and the jobs for SLURM, run."""

import re
import subprocess

import numpy as np
import pytest
import yaml
from pages import ROOT, blocks, commands_in_blocks

from chaos_lightning import OneLayer, ThreeLayer, TwoLayer
from chaos_lightning.checkpoints import read_checkpoint
from chaos_lightning.commands import main
from chaos_lightning.commands.cli import ChaosCLI

README = (ROOT / "README.md").read_text()
OWN = ROOT / "configs" / "own"
CONDITIONAL = ROOT / "configs" / "conditional" / "README.md"
FIT, PREDICT = (command for command in commands_in_blocks(OWN / "README.md") if "my_physics" in command)
JOBS = ROOT / "configs" / "slurm"
JOB, SWEEP_JOB = (JOBS / "train.sh").read_text(), (JOBS / "sweep.sh").read_text()


def test_the_two_main_commands_are_there_and_ci_runs_the_tests_as_written():
    assert "pip install -e . && chaos-lightning fit --config configs/quickstart.yaml" in README
    assert "pip install -e '.[dev]' && pytest" in README
    assert "&& pytest\n" in (ROOT / ".ci" / "run").read_text()


def as_tiny(command):
    """The arguments of a command of the README, for a network that is trained in a moment on the sample."""
    arguments = [str(ROOT / word) if word.startswith("configs/") else word for word in command.split()[1:]]
    return [
        *(*arguments, "--model.hidden_units", "13", "--data.data_dir", "null", "--trainer.limit_val_batches", "0"),
        *("--trainer.max_steps", "2", "--trainer.precision", "32-true", "--trainer.accelerator", "cpu"),
        *("--data.num_eval_images", "20", "--trainer.enable_progress_bar", "false"),
    ]


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A folder with what the trainings leave that the pages' Python reads, made in a moment."""
    folder = tmp_path_factory.mktemp("trained")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        main(as_tiny("chaos-lightning fit --config configs/quickstart.yaml"))
        main(as_tiny("chaos-lightning fit --config configs/conditional/mnist.yaml"))
    return folder


def test_what_is_written_in_python_runs_from_top_to_bottom(trained, monkeypatch):
    """In a row and in one place, as a reader would type it, with less training and no full data."""
    monkeypatch.chdir(trained)
    pages = (ROOT / "README.md", CONDITIONAL, OWN / "README.md")
    python = "\n".join(block for page in pages for block in blocks(page, "python"))
    for written, instead in (
        ("max_steps=2500, val_check_interval=500", "max_steps=2, val_check_interval=2"),
        ("max_steps=100", "max_steps=2, limit_val_batches=0"),
        ("hidden_units=1000", "hidden_units=13"),
        ("MNISTDataModule(batch_size=50)", "MNISTDataModule(batch_size=50, num_eval_images=20)"),
        ('MNISTDataModule("~/data")', "MNISTDataModule()"),
    ):
        assert written in python
        python = python.replace(written, instead)
    pixels = np.random.default_rng(0).integers(0, 256, (180, 14, 14), dtype=np.uint8)
    images = {"train_images": pixels[:120], "test_images": pixels[120:]}
    names = {"__name__": "readme", **images, "train_labels": np.zeros(120), "test_labels": np.zeros(60)}
    exec(python, names)
    assert names["images"].shape == (100, 1, 28, 28)
    assert names["probabilities"].shape == (100, 10)
    assert names["completions"].shape == (100, 8, 1, 28, 28)
    assert list(names["as_they_form"]) == [0, 50, 100, 150]
    assert names["hidden_rates"].shape == (100, 1000)
    assert "inverted_share" in names["Watched"](9, 5).make_measures()
    assert np.load("real.npz")["images"].shape == (1000, 28, 28)


def test_physics_of_a_users_own_trains_and_is_found_again_by_every_command(tmp_path, monkeypatch):
    module = (OWN / "my_physics.py").read_text()
    assert len([line for line in module.splitlines() if line]) <= 60
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "my_physics.py").write_text(module)
    np.savez("real.npz", images=np.random.default_rng(0).integers(256, size=(30, 28, 28), dtype=np.uint8))
    tiny = [
        *("--model.lr_scheduler", "null", "--model.top_units", "7", "--model.dt", "5"),
        *("--model.sampling_time", "20", "--model.measure_times", "[]"),
    ]
    main([*as_tiny(FIT), *tiny])
    main([*as_tiny(FIT), *tiny, "--trainer.max_steps", "4", "--ckpt_path", "last"])
    checkpoint = read_checkpoint("logs/quickstart/version_0/checkpoints/last.ckpt")
    assert checkpoint["global_step"] == 4
    settings = checkpoint["hyper_parameters"]
    assert settings["rule"]["class_path"] == "my_physics.Averaged"
    assert settings["rule"]["init_args"]["decay"] == 0.002
    assert settings["rate"] == {"class_path": "my_physics.Softsign", "init_args": {}}
    assert [connection["gain_down"] for connection in settings["wiring"]] == [0.5, 2, None]
    main(PREDICT.split()[1:])
    halves, real = np.load("halves.npz")["images"], np.load("real.npz")["images"]
    assert "LeftHalf(file='real.npz')" in str(np.load("halves.npz")["task"])
    assert (halves[:30, :, :14] == real[:, :, :14]).all()
    assert (halves[:30, :, 14:] != real[:, :, 14:]).any()
    path = "logs/quickstart/version_0/checkpoints/last.ckpt"
    main(["report", "--ckpt_path", path, "--num_samples", "20", "--num_chains", "2", "--data.data_dir", "null"])
    main(["export", "--ckpt_path", path, "--output", "weights"])
    main(["predict", "--ckpt_path", "weights.safetensors", "--num_samples", "3"])
    assert np.load("samples.npz")["images"].shape == (3, 28, 28)


@pytest.mark.parametrize("network", [OneLayer(9), TwoLayer(9, 5), ThreeLayer(9, 5, 2)])
def test_the_table_of_weights_says_the_shape_of_each(network):
    page = (OWN / "README.md").read_text()
    table = dict(re.findall(r"^\| `(network\.\S+)` \|.*\| (.+) \|$", page, flags=re.MULTILINE))
    sizes = network.layer_sizes
    for name, tensor in network.state_dict().items():
        row, (index,) = re.sub(r"\d+", "i", name), re.findall(r"\d+", name)
        places = {"layer i": int(index), "layer i + 1": min(int(index) + 1, len(sizes) - 1)}
        assert tensor.shape == tuple(sizes[places[layer]] for layer in table[row].split(" x ")), name


def test_processes_of_the_job_share_the_minibatch_equally():
    job = dict(re.findall(r"--([\w.-]+)[= ](\S+)", JOB))
    nodes, tasks = int(job["nodes"]), int(job["ntasks-per-node"])
    assert (int(job["trainer.num_nodes"]), int(job["trainer.devices"])) == (nodes, tasks)
    assert int(job["gpus-per-node"]) == tasks
    config = yaml.safe_load((ROOT / job["config"]).read_text())
    assert config["data"]["init_args"]["batch_size"] % (nodes * tasks) == 0


def test_the_job_of_a_sweep_starts_one_command_a_node_for_all_its_gpus():
    job = dict(re.findall(r"--([\w.-]+)[= ](\S+)", SWEEP_JOB))
    assert job["ntasks-per-node"] == "1"
    assert int(job["gpus-per-node"]) > 1


@pytest.fixture
def run_job(tmp_path):
    """Runs the job's script with a given exit status of srun; gives its own and what SLURM was told."""

    def run(status):
        (tmp_path / "srun").write_text(f'#!/bin/sh\nprintf "%s\\n" "$@" > arguments\nexit {status}\n')
        (tmp_path / "scontrol").write_text('#!/bin/sh\necho "$*" >> told\n')
        for name in ("srun", "scontrol"):
            (tmp_path / name).chmod(0o755)
        (tmp_path / "told").write_text("")
        environment = {"PATH": f"{tmp_path}:/usr/bin:/bin", "SLURM_JOB_ID": "42"}
        job = subprocess.run(["bash", "-c", JOB], cwd=tmp_path, env=environment)
        return job.returncode, (tmp_path / "told").read_text()

    return run


@pytest.mark.parametrize(("status", "told"), [(0, ""), (1, ""), (143, "requeue 42\n")])
def test_the_job_ends_as_its_training_does_and_is_put_back_when_stopped(run_job, status, told):
    assert run_job(status) == (status, told)


def test_runs_of_the_job_have_its_number_in_their_name(run_job, tmp_path):
    run_job(0)
    command, subcommand, *arguments, option, which = (tmp_path / "arguments").read_text().splitlines()
    assert (command, subcommand, option, which) == ("chaos-lightning", "fit", "--ckpt_path", "last")
    arguments = [str(ROOT / argument) if argument.startswith("configs/") else argument for argument in arguments]
    here = ["--trainer.accelerator", "cpu", "--trainer.devices", "1", "--trainer.num_nodes", "1"]
    logger = ChaosCLI([*arguments, *here], run=False).trainer.logger
    assert (logger.save_dir, logger.name) == ("logs", "paper_mnist_two_layer_42")
