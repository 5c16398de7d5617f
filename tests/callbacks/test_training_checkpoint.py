"""Going on from a checkpoint takes the steps and the validations that the uninterrupted run would have taken."""

from datetime import timedelta

import pytest
import torch
from lightning.pytorch import Callback, Trainer

from chaos_lightning import MNISTDataModule, TwoLayer
from chaos_lightning.callbacks import TrainingAlarms, TrainingCheckpoint

STEPS_PER_EPOCH = 4
NUM_STEPS = 12


class Diary(Callback):
    """Writes down what happens after which step."""

    def __init__(self):
        self.entries = []

    def on_train_batch_start(self, trainer, *args):
        self.entries.append(("step", trainer.global_step))

    def on_validation_end(self, trainer, *args):
        self.entries.append(("validation", trainer.global_step))


def run(folder, settings, ckpt_path=None, stop=None, **checkpoint):
    """Train and return what happened and the weights at the end."""
    torch.manual_seed(1)
    model = TwoLayer(
        hidden_units=13, dt=5.0, sampling_time=10.0, measure_times=[],
        optimizer=lambda parameters: torch.optim.Adam(parameters, lr=1e-3),
        lr_scheduler=lambda optimizer: torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=NUM_STEPS),
    )  # fmt: skip
    diary = Diary()
    trainer = Trainer(
        accelerator="cpu", logger=False, enable_progress_bar=False, enable_model_summary=False, num_sanity_val_steps=0,
        callbacks=[diary, TrainingCheckpoint(folder, "{step}", save_top_k=-1, save_last=True, **checkpoint)],
        **{**settings, **({} if stop is None else {"max_steps": stop})},
    )  # fmt: skip
    trainer.fit(model, datamodule=MNISTDataModule(batch_size=1000, num_eval_images=5), ckpt_path=ckpt_path)
    return diary.entries, {name: weight.detach().clone() for name, weight in model.network.named_parameters()}


LENGTHS = {
    "steps": {"max_steps": NUM_STEPS},
    "epochs": {"max_epochs": NUM_STEPS // STEPS_PER_EPOCH},
    # Lightning's own record of the loops makes this one stop too early when it goes on from the end of an epoch.
    "both": {"max_steps": NUM_STEPS, "max_epochs": 100},
}
VALIDATIONS = {
    "by_steps": {"val_check_interval": 3, "check_val_every_n_epoch": None},
    "by_epochs": {"check_val_every_n_epoch": 1},
}
SAVINGS = {"every_step": {"every_n_train_steps": 1}, "every_epoch": {"every_n_epochs": 1}}
QUICK = [
    ("steps", "by_steps", "every_step", (2, 3, 4)),
    ("epochs", "by_epochs", "every_epoch", (4, 8)),
    ("both", "by_epochs", "every_epoch", (8,)),
]
ALL = [(length, validation, saving, None) for length in LENGTHS for validation in VALIDATIONS for saving in SAVINGS]


@pytest.mark.parametrize(
    ("length", "validation", "saving", "steps"),
    [*QUICK, *(pytest.param(*case, marks=pytest.mark.slow) for case in ALL)],
)
def test_every_checkpoint_leads_to_the_same_end(tmp_path, length, validation, saving, steps):
    settings = {**LENGTHS[length], **VALIDATIONS[validation]}
    entries, weights = run(tmp_path / "whole", settings, **SAVINGS[saving])
    assert [step for what, step in entries if what == "step"] == list(range(NUM_STEPS))
    saved = sorted(int(path.stem.removeprefix("step=")) for path in (tmp_path / "whole").glob("step=*.ckpt"))
    assert saved
    for step in steps or saved[:-1]:
        checkpoint = tmp_path / "whole" / f"step={step}.ckpt"
        rest, same_weights = run(tmp_path / f"from_{step}", settings, checkpoint, **SAVINGS[saving])
        assert rest == entries[entries.index(("step", step)) :], step
        assert all(torch.equal(same_weights[name], weight) for name, weight in weights.items())


def test_stopping_at_the_end_of_every_epoch_and_going_on_loses_no_count(tmp_path):
    settings = {**LENGTHS["steps"], **VALIDATIONS["by_steps"]}
    entries, weights = run(tmp_path / "whole", settings, every_n_train_steps=100)
    parts, checkpoint = [], None
    for stop in (4, 8, 12):
        part, parts_weights = run(tmp_path / "parts", settings, checkpoint, stop, every_n_train_steps=4)
        parts += part
        checkpoint = tmp_path / "parts" / "last.ckpt"
    ends = [("validation", 4), ("validation", 8)]  # of the parts, which are validated as every end is
    assert [entry for entry in parts if entry not in ends] == entries
    assert all(torch.equal(parts_weights[name], weight) for name, weight in weights.items())


def test_best_checkpoints_hold_the_weights_that_were_scored(tmp_path):
    """Steps 2, 3, 4, ...: most checkpoints are due between validations, which come every 3 steps."""
    model = TwoLayer(hidden_units=13, dt=5.0, sampling_time=10.0, measure_times=[])
    best = TrainingCheckpoint(tmp_path, "{step}", "val/second_moment_error", save_top_k=3, every_n_train_steps=1)
    trainer = Trainer(
        accelerator="cpu", logger=False, enable_progress_bar=False, enable_model_summary=False, num_sanity_val_steps=0,
        callbacks=[best], max_steps=NUM_STEPS, **VALIDATIONS["by_steps"],
    )  # fmt: skip
    data = MNISTDataModule(batch_size=1000, num_eval_images=31)
    trainer.fit(model, datamodule=data)
    assert len(best.best_k_models) == 3
    for path, score in best.best_k_models.items():
        (measured,) = trainer.validate(TwoLayer.load_from_checkpoint(path), datamodule=data, verbose=False)
        assert measured["val/second_moment_error"] == score


def test_signs_of_earlier_weights_are_no_score_of_later_ones(tmp_path):
    model = TwoLayer(hidden_units=13, dt=5.0, sampling_time=10.0, measure_times=[])
    best = TrainingCheckpoint(tmp_path, "{step}", "signs/identical_share", save_top_k=-1, every_n_train_steps=1)
    trainer = Trainer(
        accelerator="cpu", logger=False, enable_progress_bar=False, enable_model_summary=False, num_sanity_val_steps=0,
        callbacks=[TrainingAlarms(), best], max_steps=NUM_STEPS, **VALIDATIONS["by_steps"],
    )  # fmt: skip
    trainer.fit(model, datamodule=MNISTDataModule(batch_size=1000, num_eval_images=100))
    assert {path.name for path in tmp_path.iterdir()} == {f"step={step}.ckpt" for step in (3, 6, 9, 12)}


def test_the_final_network_is_validated_whatever_the_interval(tmp_path):
    settings = {"max_steps": 7, **VALIDATIONS["by_steps"]}
    entries, _ = run(tmp_path, settings, every_n_train_steps=4)
    assert [step for what, step in entries if what == "validation"] == [3, 6, 7]
    assert torch.load(tmp_path / "last.ckpt", weights_only=True)["global_step"] == 7


def test_checkpoints_by_the_clock_are_refused_before_the_first_step(tmp_path):
    with pytest.raises(ValueError, match=r"train_time_interval .*every_n_train_steps"):
        run(tmp_path, LENGTHS["steps"], train_time_interval=timedelta(minutes=1))
    assert not list(tmp_path.iterdir())
