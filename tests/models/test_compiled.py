"""torch.compile changes nothing but the time."""

import csv

import pytest
import torch
from lightning.pytorch import Trainer
from lightning.pytorch.loggers import CSVLogger

from chaos_lightning import MNISTDataModule, TwoLayer

STEPS, HALF = 6, 3


@pytest.mark.slow
def test_compiled_and_eager_runs_agree_and_share_checkpoints(tmp_path):
    def train(name, compiled, steps=STEPS, goes_on_from=None):
        model = TwoLayer(hidden_units=13, dt=5.0, sampling_time=10.0, measure_times=[])
        trainer = Trainer(
            accelerator="cpu", logger=CSVLogger(tmp_path, name, version=""), log_every_n_steps=1, max_steps=steps,
            val_check_interval=STEPS, check_val_every_n_epoch=None, num_sanity_val_steps=0, enable_checkpointing=False,
            enable_progress_bar=False, enable_model_summary=False,
        )  # fmt: skip
        # Without code generation, which would need a C++ compiler: the wrapping is what breaks logs and names.
        trained = torch.compile(model, backend="eager") if compiled else model
        data = MNISTDataModule(batch_size=1000, num_eval_images=101)
        trainer.fit(trained, datamodule=data, ckpt_path=goes_on_from and tmp_path / f"{goes_on_from}.ckpt")
        trainer.save_checkpoint(tmp_path / f"{name}.ckpt")

    def weights(name):
        return torch.load(tmp_path / f"{name}.ckpt", weights_only=True)["state_dict"]

    def logged(name, after=0):
        """Name and step of all that was logged to its value."""
        with (tmp_path / name / "metrics.csv").open() as file:
            rows = [(int(row.pop("step")), row) for row in csv.DictReader(file)]
        return {
            (name, step): float(value) for step, row in rows for name, value in row.items() if value and step > after
        }

    train("eager", False)
    train("compiled", True)
    for first, second in (("compiled", "eager"), ("eager", "compiled")):
        train(f"half {first}", first == "compiled", HALF)
        train(f"then {second}", second == "compiled", goes_on_from=f"half {first}")

    names = {name for name, _ in logged("eager")}
    assert {
        "train/hebbian_difference",
        "train/cancelled_share",
        "train/learning_rate",
        "val/spectrum_error",
        "val_floor/spectrum_error",
    } <= names
    assert {step for name, step in logged("eager") if name.startswith("train/")} == set(range(1, STEPS + 1))
    for run, after in (("compiled", 0), ("then eager", HALF), ("then compiled", HALF)):
        assert logged(run) == pytest.approx(logged("eager", after), rel=1e-5), run
        assert weights(run).keys() == weights("eager").keys()
        for name, weight in weights("eager").items():
            assert torch.allclose(weights(run)[name], weight, rtol=1e-5, atol=1e-7), (run, name)
