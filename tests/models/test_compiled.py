"""torch.compile changes nothing but the time."""

import pytest
import torch
from lightning.pytorch import Trainer

from chaos_lightning import MNISTDataModule, TwoLayer


@pytest.mark.slow
def test_compiled_and_eager_runs_agree_and_share_checkpoints(tmp_path):
    def train(compiled, steps, ckpt_path=None):
        model = TwoLayer(hidden_units=13, dt=5.0, sampling_time=10.0, measure_times=[])
        trainer = Trainer(
            accelerator="cpu", logger=False, enable_checkpointing=False, enable_progress_bar=False,
            enable_model_summary=False, max_steps=steps, limit_val_batches=0,
        )  # fmt: skip
        # Without code generation, which would need a C++ compiler: the wrapping is what breaks logs and names.
        trained = torch.compile(model, backend="eager") if compiled else model
        trainer.fit(trained, datamodule=MNISTDataModule(batch_size=1000), ckpt_path=ckpt_path)
        trainer.save_checkpoint(tmp_path / f"{compiled}_{steps}.ckpt")
        return {name: weight.detach().clone() for name, weight in model.network.named_parameters()}

    eager, compiled = train(False, 6), train(True, 6)
    train(True, 3)
    crossed = train(False, 6, tmp_path / "True_3.ckpt")
    names = [
        torch.load(tmp_path / f"{which}_6.ckpt", weights_only=True)["state_dict"].keys() for which in (True, False)
    ]
    assert names[0] == names[1]
    for name, weight in eager.items():
        assert torch.allclose(compiled[name], weight, rtol=1e-5, atol=1e-7), name
        assert torch.allclose(crossed[name], weight, rtol=1e-5, atol=1e-7), name
