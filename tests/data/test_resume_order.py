"""A run that goes on from a checkpoint sees the minibatches that the uninterrupted run would have seen."""

import pytest
import torch
from lightning.pytorch import LightningModule, Trainer
from lightning.pytorch.callbacks import ModelCheckpoint, OnExceptionCheckpoint

from chaos_lightning.data import MNISTDataModule

STEPS_PER_EPOCH = 4  # 22 training images in minibatches of 5
NUM_EPOCHS = 3
NUM_STEPS = NUM_EPOCHS * STEPS_PER_EPOCH


class Recorder(LightningModule):
    """Takes one optimiser step a minibatch and writes down which images it was trained on."""

    def __init__(self, fail_at=None):
        super().__init__()
        self.automatic_optimization = False
        self.weight = torch.nn.Parameter(torch.zeros(1))
        self.fail_at = fail_at
        self.seen = []

    def training_step(self, batch):
        if self.trainer.global_step == self.fail_at:
            raise ConnectionError("something broke in the middle of a step")
        self.weight.grad = torch.ones(1)
        self.optimizers().step()
        self.seen.append(batch.images[:, 0, 0, 0].tolist())

    def validation_step(self, batch):
        pass

    def configure_optimizers(self):
        return torch.optim.SGD(self.parameters(), lr=1.0)


def run(data_dir, length, ckpt_path=None, callbacks=(), fail_at=None, **settings):
    """Train and return the minibatches seen."""
    model = Recorder(fail_at)
    trainer = Trainer(
        accelerator="cpu",
        logger=False,
        enable_checkpointing=bool(callbacks),
        enable_progress_bar=False,
        enable_model_summary=False,
        callbacks=list(callbacks),
        **length,
        **settings,
    )
    data = MNISTDataModule(str(data_dir), batch_size=5, seed=1)
    try:
        trainer.fit(model, datamodule=data, ckpt_path=ckpt_path)
    except ConnectionError:
        assert fail_at is not None
    return model.seen


STEPS, EPOCHS = {"max_steps": NUM_STEPS}, {"max_epochs": NUM_EPOCHS}
lengths = pytest.mark.parametrize("length", [STEPS, EPOCHS], ids=["steps", "epochs"])


def test_uninterrupted_run_follows_the_order_of_every_epoch(data_dir):
    batches = MNISTDataModule(str(data_dir), batch_size=5, seed=1).train_dataloader()
    expected = [batch.images[:, 0, 0, 0].tolist() for _ in range(NUM_EPOCHS) for batch in batches]
    assert run(data_dir, STEPS) == expected
    assert run(data_dir, EPOCHS) == expected


@lengths
@pytest.mark.parametrize("settings", [{}, {"limit_train_batches": 3}, {"limit_val_batches": 0}], ids=str)
def test_resume_after_every_step(data_dir, tmp_path, length, settings):
    """Steps 4 and 8 end an epoch, the others are in the middle of one."""
    checkpoints = ModelCheckpoint(tmp_path / "steps", filename="{step}", save_top_k=-1, every_n_train_steps=1)
    whole = run(data_dir, length, callbacks=[checkpoints], **settings)
    for step in range(1, len(whole)):
        path = tmp_path / "steps" / f"step={step}.ckpt"
        assert whole[:step] + run(data_dir, length, path, **settings) == whole, f"resumed at step {step}"


@lengths
@pytest.mark.parametrize("settings", [{}, {"val_check_interval": 3}, {"val_check_interval": 0.5}], ids=str)
@pytest.mark.parametrize("at_epoch_end", [True, False], ids=["epoch_ends", "validations"])
def test_resume_from_epoch_ends_and_validations(data_dir, tmp_path, length, settings, at_epoch_end):
    checkpoints = ModelCheckpoint(tmp_path, filename="{step}", save_top_k=-1, save_on_train_epoch_end=at_epoch_end)
    whole = run(data_dir, length, callbacks=[checkpoints], **settings)
    paths = sorted(tmp_path.glob("step=*.ckpt"))
    assert len(paths) >= NUM_EPOCHS
    for path in paths:
        step = int(path.stem.removeprefix("step="))
        assert whole[:step] + run(data_dir, length, path, **settings) == whole, f"resumed at step {step}"


@lengths
@pytest.mark.parametrize("step", [2, 3, 4, 7])
def test_resume_after_a_failure_in_the_middle_of_a_step(data_dir, tmp_path, length, step):
    whole = run(data_dir, length)
    before = run(data_dir, length, callbacks=[OnExceptionCheckpoint(tmp_path, "failed")], fail_at=step)
    assert before == whole[:step]
    assert before + run(data_dir, length, tmp_path / "failed.ckpt") == whole


def test_resume_twice(data_dir, tmp_path):
    def part(max_steps, ckpt_path=None):
        checkpoint = ModelCheckpoint(tmp_path, filename="{step}", save_top_k=-1, every_n_train_steps=1)
        return run(data_dir, {"max_steps": max_steps}, ckpt_path, [checkpoint])

    parts = part(3) + part(9, tmp_path / "step=3.ckpt") + part(NUM_STEPS, tmp_path / "step=9.ckpt")
    assert parts == run(data_dir, STEPS)
