"""What RESULTS tells its reader to type to get its figures is taken by the command line."""

import re
import shlex
from pathlib import Path

import pytest

from chaos_lightning.commands import main
from chaos_lightning.commands.cli import ChaosCLI
from chaos_lightning.commands.compare import command as compare
from chaos_lightning.commands.sweep import command as sweep
from chaos_lightning.commands.sweep.run import check_runs
from tests.test_readme import help_of

ROOT = Path(__file__).parents[1]
RESULTS = re.sub(r"```.*?```", "", (ROOT / "configs" / "RESULTS.md").read_text(), flags=re.DOTALL)
SPANS = [" ".join(span.split()) for span in re.findall(r"`([^`]+)`", RESULTS)]
OPTIONS = sorted({span for span in SPANS if re.match(r"--[\w.]+ ", span)})
PLACEHOLDERS = {"DIR": "null", "S": "0.5", "R": "0.2", "N": "5", "CKPT": "last.ckpt"}
OF_A_CHECKPOINT = {"test", "validate", "report"}


def commands():
    for span in sorted(set(SPANS)):
        if span.startswith("chaos-lightning "):
            words = [PLACEHOLDERS.get(word, word) for word in span.split()[1:]]
            for data_and_layers in ("mnist_one_layer", "fashion_mnist_three_layer") if "DATA_LAYERS" in span else ("",):
                yield " ".join(words).replace("DATA_LAYERS", data_and_layers)


@pytest.fixture(autouse=True)
def typed_where_the_configs_are(monkeypatch, tmp_path):
    (tmp_path / "configs").symlink_to(ROOT / "configs")
    monkeypatch.chdir(tmp_path)


def test_every_command_is_found():
    found = sum(span.startswith("chaos-lightning ") for span in SPANS)
    assert found == len(re.findall(r"`chaos-lightning\s", RESULTS)) > 20


@pytest.mark.parametrize("command", commands())
def test_command_is_taken(command, monkeypatch):
    subcommand, *arguments = shlex.split(command)
    if subcommand == "fit":
        ChaosCLI(arguments, run=False)
    elif subcommand in OF_A_CHECKPOINT:
        assert all(f"{word} " in help_of(subcommand) for word in arguments if word.startswith("--"))
    else:
        plans = []
        module = {"sweep": sweep, "compare": compare}[subcommand]
        monkeypatch.setattr(module, "work", lambda plan, *_: plans.append(plan))
        # All combinations and contestants would take long, and those shipped have tests of their own.
        monkeypatch.setattr(compare, "check", lambda plan: None)
        monkeypatch.setattr(sweep, "check_runs", lambda plan, runs: check_runs(plan, [runs[-1]]))
        number = ["--num_samples", "500"] if subcommand == "compare" else ["--data.num_eval_images", "1000"]
        main([subcommand, *arguments, *number])  # the sample in the package, which null stands for, has no more
        assert plans


def config_for(options):
    if re.search("held_|label", options):
        return "configs/conditional/mnist.yaml"
    return f"configs/fast/mnist_{'three' if 'top_units' in options else 'two'}_layer.yaml"


@pytest.mark.parametrize("config", sorted(set(map(config_for, OPTIONS))))
def test_options_are_taken(config):
    arguments = [word for options in OPTIONS if config_for(options) == config for word in options.split()]
    ChaosCLI(["--config", config, *arguments], run=False)
