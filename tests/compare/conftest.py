import sys
from pathlib import Path

import pytest
import torch
import yaml
from lightning.pytorch import Trainer

from chaos_lightning.baselines import VariationalAutoencoder

HERE = Path(__file__).parent
BASELINES = HERE.parent / "baselines"

SIZES = {"visible_units": 25, "hidden_units": 7}


@pytest.fixture
def small(tmp_path, monkeypatch):
    """A folder with a comparison of generators of 25 pixels, one of them loaded from a checkpoint."""
    # Processes that a comparison starts find the images by the same path.
    monkeypatch.setattr(sys, "path", [str(BASELINES), *sys.path])
    monkeypatch.chdir(tmp_path)
    from few_pixels import FewPixels

    quiet = dict.fromkeys(("logger", "enable_checkpointing", "enable_progress_bar", "enable_model_summary"), False)
    trainer = Trainer(accelerator="cpu", max_steps=3, limit_val_batches=0, **quiet)
    trainer.fit(VariationalAutoencoder(**SIZES), datamodule=FewPixels(batch_size=20, num_validation=40))
    trainer.save_checkpoint(tmp_path / "trained.ckpt")

    chaotic = {
        "model": {
            "class_path": "chaos_lightning.TwoLayer",
            "init_args": {
                **SIZES,
                "dt": 5.0,
                "sampling_time": 20.0,
                "measure_times": [],
                "optimizer": {"class_path": "torch.optim.SGD", "init_args": {"lr": 0.05}},
            },
        },
        "trainer": {"accelerator": "cpu"},
    }
    vae = "chaos_lightning.baselines.VariationalAutoencoder"
    comparison = {
        "contestants": {
            "chaotic": {"base": "chaotic.yaml"},
            "vae": {"settings": {"model": vae, **{f"model.init_args.{name}": size for name, size in SIZES.items()}}},
            "loaded": {"checkpoint": "trained.ckpt"},
            "real": {
                "settings": {"model": "chaos_lightning.baselines.HeldOutImages", "model.init_args.visible_units": 25}
            },
        },
        "settings": {
            "data": "few_pixels.FewPixels",
            "data.init_args.batch_size": 20,
            "data.init_args.num_validation": 40,
            "trainer.accelerator": "cpu",
            "pictures.num_images": 4,
        },
        "seeds": [0, 1],
        "budget": 0.3,
        "num_samples": 30,
        "folder": "compared",
    }
    (tmp_path / "configs").mkdir()
    (tmp_path / "trained.ckpt").rename(tmp_path / "configs" / "trained.ckpt")
    (tmp_path / "configs" / "chaotic.yaml").write_text(yaml.safe_dump(chaotic))
    (tmp_path / "configs" / "comparison.yaml").write_text(yaml.safe_dump(comparison, sort_keys=False))
    torch.set_num_threads(1)
    return tmp_path
