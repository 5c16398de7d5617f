"""Networks that injected noise drives."""

import pytest
import torch
from lightning.pytorch import Trainer

from chaos_lightning import MNISTDataModule, TwoLayer
from chaos_lightning.report import report

SMALL = {"hidden_units": 13, "dt": 5.0, "sampling_time": 20.0}


def trained(noise, max_steps=3):
    model = TwoLayer(**SMALL, gain=0, noise=noise)
    quiet = dict.fromkeys(("logger", "enable_checkpointing", "enable_progress_bar", "enable_model_summary"), False)
    trainer = Trainer(accelerator="cpu", max_steps=max_steps, limit_val_batches=0, **quiet)
    trainer.fit(model, datamodule=MNISTDataModule(batch_size=100))
    return model, trainer


def test_noise_acts_in_training_and_in_sampling_and_is_drawn_by_chain(tmp_path):
    quiet, noisy, again = (trained(noise)[0] for noise in (0.0, 0.5, 0.5))
    for plain, driven, repeated in zip(quiet.trainable(), noisy.trainable(), again.trainable(), strict=True):
        assert not torch.equal(plain, driven)
        assert torch.equal(driven, repeated)
    whole = noisy.sample(60, seed=1)
    torch.testing.assert_close(noisy.sample(60, seed=1, chains_at_once=23), whole, rtol=0, atol=1e-6)
    # noise in hidden units alone reaches the pixels by way of them
    noisy.noise_layers = [1]
    hidden_alone = noisy.sample(60, seed=1)
    assert not torch.equal(hidden_alone, whole)
    noisy.noise_layers = None
    # noise that is cut out leaves other images of the same weights and starts
    noisy.noise = 0.0
    assert not torch.equal(noisy.sample(60, seed=1), whole)


def test_bad_noise_and_a_report_on_noise_are_refused(tmp_path):
    with pytest.raises(ValueError, match="noise must be 0 or more, but is -1"):
        TwoLayer(noise=-1)
    with pytest.raises(ValueError, match=r"noise_layers names layers from 0, the visible one, to 1, but is \[2\]"):
        TwoLayer(noise=1.0, noise_layers=[2])
    with pytest.raises(ValueError, match="but there is none: set noise"):
        TwoLayer(noise_layers=[1])
    _, trainer = trained(0.5, 1)
    trainer.save_checkpoint(tmp_path / "noisy.ckpt")
    with pytest.raises(ValueError, match=r"noise=0\.5 is injected"):
        report(str(tmp_path / "noisy.ckpt"), MNISTDataModule())
