"""Processes started in every way that the README names. (What starts machines is played by this one.)"""

import csv
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest
import torch

pytestmark = pytest.mark.slow

TINY = [
    *("fit", "--model.hidden_units", "13", "--model.dt", "5", "--model.measure_times", "[]"),
    *("--data.batch_size", "200", "--data.num_eval_images", "31", "--pictures.num_images", "4"),
    *("--trainer.max_steps", "6", "--trainer.accelerator", "cpu", "--trainer.precision", "64-true"),
    *("--trainer.enable_progress_bar", "false", "--trainer.enable_model_summary", "false"),
]
MODULE = ["-m", "chaos_lightning"]
CHECKPOINT = "logs/runs/version_0/checkpoints/last.ckpt"


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return str(probe.getsockname()[1])


def finish(folder, commands):
    """Run commands, each with its variables, together; all must succeed."""
    folder.mkdir(exist_ok=True)
    processes = [
        subprocess.Popen(
            command, cwd=folder, env={**os.environ, "OMP_NUM_THREADS": "1", **variables},
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        )
        for command, variables in commands
    ]  # fmt: skip
    try:
        outputs = [process.communicate(timeout=400)[0] for process in processes]
    finally:
        for process in processes:
            process.kill()
    for process, output in zip(processes, outputs, strict=True):
        assert process.returncode == 0, output
    return outputs


def launches():
    torchrun = [str(Path(sys.executable).with_name("torchrun"))]
    python, port = [sys.executable], free_port()
    two = ["--trainer.devices", "2"]
    nodes = ["--trainer.devices", "1", "--trainer.num_nodes", "2"]
    address = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port}
    slurm = {
        "SLURM_JOB_ID": "77", "SLURM_JOB_NAME": "train", "SLURM_NTASKS": "2", "SLURM_NTASKS_PER_NODE": "2",
        "SLURM_NODELIST": "127.0.0.1", "SLURM_NODEID": "0", **address,
    }  # fmt: skip
    return {
        "devices": [([*python, *MODULE, *TINY, *two], {})],
        "torchrun": [([*torchrun, "--standalone", "--nproc-per-node", "2", *MODULE, *TINY, *two], {})],
        "torchrun_on_two_nodes": [
            (
                [
                    *(*torchrun, "--nnodes", "2", "--node-rank", str(node), "--nproc-per-node", "1"),
                    *("--master-addr", "127.0.0.1", "--master-port", port, *MODULE, *TINY, *nodes),
                ],
                {},
            )
            for node in range(2)
        ],
        "num_nodes": [
            ([*python, *MODULE, *TINY, *nodes], {**address, "NODE_RANK": str(node), "WORLD_SIZE": "2"})
            for node in range(2)
        ],
        "slurm": [
            ([*python, *MODULE, *TINY, *two], {**slurm, "SLURM_PROCID": str(rank), "SLURM_LOCALID": str(rank)})
            for rank in range(2)
        ],
    }


@pytest.fixture(scope="module")
def alone(tmp_path_factory):
    folder = tmp_path_factory.mktemp("alone")
    finish(folder, [([sys.executable, *MODULE, *TINY], {})])
    return folder


def rows(folder):
    with next(folder.rglob("measures.csv")).open() as file:
        return [(row["step"], row["num_samples"], row["measure"], float(row["value"])) for row in csv.DictReader(file)]


@pytest.mark.parametrize("way", launches())
def test_every_way_trains_the_network_of_one_process(tmp_path, alone, way):
    finish(tmp_path, launches()[way])
    assert [path.name for path in (tmp_path / "logs" / "runs").iterdir()] == ["version_0"]
    weights, expected = (
        torch.load(folder / CHECKPOINT, weights_only=True)["state_dict"] for folder in (tmp_path, alone)
    )
    for name, weight in expected.items():
        assert (weights[name] - weight).norm() <= 1e-9 * weight.norm(), name
    for (*what, value), (*same, one) in zip(rows(tmp_path), rows(alone), strict=True):
        assert what == same
        assert value == pytest.approx(one, rel=1e-6)


def test_two_processes_run_a_command_again_go_on_and_test(tmp_path, alone):
    command = [sys.executable, *MODULE, *TINY, "--trainer.devices", "2"]
    for _ in range(2):
        finish(tmp_path, [(command, {})])
    assert {path.name for path in (tmp_path / "logs" / "runs").iterdir()} == {"version_0", "version_1"}
    finish(tmp_path, [([*command, "--trainer.max_steps", "8", "--ckpt_path", "last"], {})])
    assert {path.name for path in (tmp_path / "logs" / "runs").iterdir()} == {"version_0", "version_1"}
    newest = tmp_path / "logs" / "runs" / "version_1" / "checkpoints" / "last.ckpt"
    assert torch.load(newest, weights_only=True)["global_step"] == 8
    test = [sys.executable, *MODULE, "test", "--data.num_eval_images", "31", "--trainer.accelerator", "cpu"]
    test += ["--trainer.precision", "64-true", "--ckpt_path", str(tmp_path / CHECKPOINT)]
    tables = []
    for number, name in ((1, "one"), (2, "two")):
        finish(tmp_path, [([*test, "--trainer.devices", str(number), "--trainer.logger.name", name], {})])
        tables.append(rows(tmp_path / "logs" / name))
    for (*what, value), (*same, one) in zip(*tables, strict=True):
        assert what == same
        assert value == pytest.approx(one, rel=1e-6)
