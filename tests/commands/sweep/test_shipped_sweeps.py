"""Every shipped sweep makes networks, and holds what its experiment is about."""

import re
from pathlib import Path

import pytest
import yaml

from chaos_lightning.commands.sweep import command
from chaos_lightning.commands.sweep.run import check_runs

CONFIGS = Path(__file__).parents[3] / "configs"
EXPERIMENTS = sorted((CONFIGS / "experiments").glob("*.yaml"))
SWEEPS = sorted([*(CONFIGS / "sweep").glob("*.yaml"), *EXPERIMENTS])


@pytest.fixture
def plan_of(monkeypatch, tmp_path):
    """Reads the plan of a config's command without running it."""
    monkeypatch.chdir(tmp_path)

    def read(path, *arguments):
        plans = []
        monkeypatch.setattr(command, "check_runs", lambda *_: None)
        monkeypatch.setattr(command, "work", lambda plan, *_: plans.append(plan))
        sample = ["--data.data_dir", "null", "--data.num_eval_images", "1000"]  # which has no more
        sample += ["--features.network", "null"]  # there is no classifier yet
        command.main(["--config", str(path), *sample, *arguments])
        return plans[0]

    return read


@pytest.mark.parametrize("path", SWEEPS, ids=lambda path: path.stem)
def test_shipped_sweep_makes_networks_over_three_seeds(path, plan_of):
    plan = plan_of(path)
    runs = plan.runs()
    assert {run.seed for run in runs} == {0, 1, 2}
    check_runs(plan, [runs[0], runs[-1]])


@pytest.mark.parametrize("path", EXPERIMENTS, ids=lambda path: path.stem)
def test_the_command_in_the_head_of_an_experiment_makes_the_published_one(path, plan_of):
    head = " ".join(line.removeprefix("# ") for line in path.read_text().splitlines() if line.startswith("#"))
    base, further = re.search(r"--base configs/(\S+) (.*?) makes it the published", head).groups()
    plan = plan_of(path, "--base", str(CONFIGS / base), *further.split())
    # rule, minibatch and time step of the published configs are held by a test of their own
    assert base.startswith("paper/")
    assert plan.base == yaml.safe_load((CONFIGS / base).read_text())
    assert not [setting for setting in plan.settings if "optimizer" in setting or "batch" in setting]
    assert plan.settings.get("model.init_args.dt", 1.0) == 1.0
    settings = {f"model.init_args.{name}": value for name, value in plan.base["model"]["init_args"].items()}
    settings |= plan.settings
    rule = {"class_path": "chaos_lightning.ContrastiveHebbian", "init_args": {"rate_unit": "1/sqrt(N)"}}
    assert settings.get("model.init_args.rule") == rule
    assert settings.get("model.init_args.gain") in (None, 1.5)
    assert plan.arguments[plan.arguments.index("--trainer.max_steps") + 1] == "300000"
    check_runs(plan, plan.runs()[-1:])
