"""Training on two processes is training on one."""

import os
import subprocess
import sys

import pytest
import torch

SCRIPT = """
import sys
import torch
from lightning.pytorch import Trainer
from chaos_lightning import MNISTDataModule, OneLayer, ThreeLayer, TwoLayer

if __name__ == "__main__":
    architecture, devices, file = sys.argv[1], int(sys.argv[2]), sys.argv[3]
    torch.set_num_threads(1)
    model = {
        "OneLayer": lambda **s: OneLayer(**s),
        "TwoLayer": lambda **s: TwoLayer(hidden_units=53, **s),
        "ThreeLayer": lambda **s: ThreeLayer(hidden_units=53, top_units=31, **s),
    }[architecture](dt=5.0, sampling_time=50.0, measure_times=[], optimizer=lambda p: torch.optim.Adam(p, lr=1e-3))
    trainer = Trainer(
        accelerator="cpu", devices=devices, strategy="ddp" if devices > 1 else "auto", precision="64-true",
        max_steps=50, val_check_interval=50, check_val_every_n_epoch=None, num_sanity_val_steps=0, logger=False,
        enable_checkpointing=False, enable_progress_bar=False, enable_model_summary=False,
    )
    trainer.fit(model, datamodule=MNISTDataModule(batch_size=60, num_eval_images=101, eval_batch_size=40))
    evaluation = model.evaluation
    weights = {name: parameter.detach() for name, parameter in model.network.named_parameters()}
    result = {"weights": weights, "num_samples": evaluation.num_samples, "measures": evaluation.measures[50.0]}
    torch.save(result, f"{file}.{trainer.global_rank}")
"""


def train(folder, architecture, devices):
    script = folder / "script.py"
    script.write_text(SCRIPT)
    file = folder / f"{architecture}_{devices}"
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    subprocess.run(
        [sys.executable, str(script), architecture, str(devices), str(file)],
        check=True, timeout=150, capture_output=True, env=environment,
    )  # fmt: skip
    return [torch.load(f"{file}.{rank}", weights_only=True) for rank in range(devices)]


@pytest.mark.parametrize("architecture", ["OneLayer", "TwoLayer", "ThreeLayer"])
def test_two_processes_train_the_network_of_one(tmp_path, architecture):
    (alone,) = train(tmp_path, architecture, 1)
    first, second = train(tmp_path, architecture, 2)
    assert alone["num_samples"] == first["num_samples"] == second["num_samples"] == 101
    for name, weight in alone["weights"].items():
        assert torch.equal(first["weights"][name], second["weights"][name]), name
        error = (first["weights"][name] - weight).norm() / weight.norm()
        assert error < 1e-9, name
    for name, value in alone["measures"].items():
        assert first["measures"][name] == pytest.approx(value, rel=1e-6), name
