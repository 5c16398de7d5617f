"""Every shipped comparison can be made, with the contestants that its question is about."""

from pathlib import Path

import pytest

from chaos_lightning.commands import main
from chaos_lightning.commands.compare import command

CONFIGS = Path(__file__).parents[3] / "configs" / "compare"


@pytest.mark.parametrize("path", sorted(CONFIGS.glob("*.yaml")), ids=lambda path: path.stem)
def test_shipped_comparison_can_be_made(path, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    plans = []
    monkeypatch.setattr(command, "work", lambda plan, *_: plans.append(plan))
    sample = ["--data.data_dir", "null", "--num_samples", "500", "--features.network", "null"]  # with no classifier yet
    main(["compare", "--config", str(path), *sample])
    (plan,) = plans
    assert {run.seed for run in plan.runs()} == {0, 1, 2}
    chaotic_ones, others = (
        ["fast", "paper-wiring", "chaotic", "symmetric", "langevin"],
        ["rbm", "vae", "gan", "flow", "gaussian", "held-out"],
    )
    assert list(plan.contestants) == chaotic_ones + others
    fast, paper_wiring, chaotic, symmetric, langevin = (plan.contestants[name] for name in chaotic_ones)
    # the first learns as its config says
    assert fast.base == chaotic.base
    assert fast.settings == {"model.init_args.measure_times": []}
    # the second has the paper's wiring and learns by the same rule
    assert paper_wiring.base == fast.base
    assert paper_wiring.settings["model.init_args.visible_gain"] is None
    assert "model.init_args.rule" not in paper_wiring.settings
    # the paper's contrast: the same network, rule and schedule but for what moves the activity
    assert chaotic.base == symmetric.base == langevin.base
    gain, noise = ("model.init_args.gain", "model.init_args.noise")
    settings = {f"model.init_args.{name}": value for name, value in chaotic.base["model"]["init_args"].items()}
    settings |= chaotic.settings
    # as recorded: by the published rule, whatever the fast recipe does
    assert settings["model.init_args.rule"] is None
    assert settings.get(gain, 1.5) == 1.5
    assert symmetric.settings == {**chaotic.settings, gain: 0}
    tuned = {"mnist": 0.46, "fashion_mnist": 0.23}
    assert langevin.settings == {**symmetric.settings, noise: tuned[path.stem]}
