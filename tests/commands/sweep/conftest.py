import pytest
import yaml


@pytest.fixture
def tiny(tmp_path, monkeypatch):
    """A folder with a base config for networks of 25 visible units, and a config of a sweep over it."""
    monkeypatch.chdir(tmp_path)
    base = {
        "model": {
            "class_path": "chaos_lightning.TwoLayer",
            "init_args": {
                "visible_units": 25,
                "hidden_units": 7,
                "dt": 5.0,
                "sampling_time": 20.0,
                "optimizer": {"class_path": "torch.optim.SGD", "init_args": {"lr": 0.05}},
            },
        },
        "data": {"class_path": "half_bright.FewPixels", "init_args": {"batch_size": 20, "num_validation": 30}},
        "trainer": {"max_steps": 10, "val_check_interval": 5, "accelerator": "cpu"},
        "pictures": {"num_images": 4},
        "checkpoint": {"every_n_train_steps": 5},
    }
    sweep = {"base": "base.yaml", "grid": {"model.init_args.gain": [0, 1.5]}, "seeds": [0, 1], "folder": "swept"}
    (tmp_path / "base.yaml").write_text(yaml.safe_dump(base))
    (tmp_path / "sweep.yaml").write_text(yaml.safe_dump(sweep))
    return tmp_path
