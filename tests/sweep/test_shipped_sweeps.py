"""Every shipped sweep makes networks, and holds what its experiment is about."""

from pathlib import Path

import pytest
import yaml

from chaos_lightning.sweep import command, work

CONFIGS = Path(__file__).parents[2] / "configs"
SWEEPS = sorted([*(CONFIGS / "sweep").glob("*.yaml"), *(CONFIGS / "experiments").glob("*.yaml")])


@pytest.fixture
def plan_of(monkeypatch, tmp_path):
    """What a config's command would run, without running it."""
    monkeypatch.chdir(tmp_path)

    def read(path):
        plans = []
        monkeypatch.setattr(command, "check_runs", lambda *_: None)
        monkeypatch.setattr(command, "work", lambda plan, *_: plans.append(plan))
        command.main(["--config", str(path), "--data.data_dir", "null"])
        return plans[0]

    return read


@pytest.mark.parametrize("path", SWEEPS, ids=lambda path: path.stem)
def test_shipped_sweep_makes_networks_over_three_seeds(path, plan_of):
    plan = plan_of(path)
    runs = plan.runs()
    assert {run.seed for run in runs} == {0, 1, 2}
    work.check_runs(plan, [runs[0], runs[-1]])


@pytest.mark.parametrize("name", ["one_layer_mnist", "two_against_three_layers", "sampling_time"])
def test_experiments_keep_the_published_rule(name, plan_of):
    plan = plan_of(CONFIGS / "experiments" / f"{name}.yaml")
    base = yaml.safe_load(plan.base.read_text())
    assert plan.base.parent.name == "paper"
    # the base's rule, minibatch and time step are published ones, held by a test of their own
    assert not [setting for setting in plan.settings if "optimizer" in setting or "batch" in setting or "dt" in setting]
    assert base["model"]["init_args"]["optimizer"]["init_args"] == {"lr": 0.01}
