"""What README and results tell their reader to type exists and is taken by the command line."""

import contextlib
import functools
import io
import itertools
import re
import shlex

import pytest
from pages import PAGES, ROOT, blocks, commands_in_blocks, commands_in_text, name_of, spans

from chaos_lightning.commands import main
from chaos_lightning.commands.cli import ChaosCLI
from chaos_lightning.commands.compare import command as compare
from chaos_lightning.commands.shipped_configs import shipped_configs
from chaos_lightning.commands.sweep import command as sweep
from chaos_lightning.commands.sweep.run import check_runs

COMMANDS = sorted({command for page in PAGES for command in (*commands_in_blocks(page), *commands_in_text(page))})
OPTIONS = [span for span in spans(ROOT / "configs" / "RESULTS.md") if re.match(r"--[\w.]+ ", span)]
TRAINING = re.compile(r"chaos-lightning (fit|sweep|compare) .*--data.data_dir DIR")
WITH_DATA = [command for command in COMMANDS if TRAINING.match(command)]


@functools.cache
def help_of(subcommand):
    with contextlib.redirect_stdout(io.StringIO()) as printed, pytest.raises(SystemExit) as exit_:
        main([subcommand, "--help"])
    assert exit_.value.code == 0
    return printed.getvalue()


def test_commands_are_found():
    assert len(COMMANDS) > 35
    assert len(WITH_DATA) > 12
    text = " ".join((ROOT / "README.md").read_text().split())
    assert len(commands_in_text(ROOT / "README.md")) == text.count("`chaos-lightning ")


@pytest.mark.parametrize("command", COMMANDS)
def test_command_has_only_options_and_configs_that_exist(command):
    _, subcommand, *words = command.split()
    if subcommand.startswith("--"):
        assert subcommand in ("--help", "--version")
        return
    text = help_of(subcommand)
    if subcommand in ("sweep", "compare"):  # it hands on to fit what is not its own
        text += help_of("fit")
    for option in (word for word in words if word.startswith("--")):
        # settings of an architecture, a data set, a task or a logger follow from the class that is chosen
        known = option if option.split(".")[0] not in ("--model", "--data", "--task") else option.split(".")[0]
        known = re.sub(r"^--trainer.logger\..*", "--trainer.logger", known)
        assert f"{known} " in text or f"{known}]" in text, option
    for option, value in itertools.pairwise(words):
        if option == "--config":
            assert (ROOT / value).is_file() if value.startswith("configs/") else value in shipped_configs()


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_every_link_and_picture_of_a_page_leads_somewhere(page):
    links = re.findall(r"\]\(([^)]+)\)", page.read_text())
    for target, _, place in (link.partition("#") for link in links if not link.startswith("http")):
        found = (page.parent / target).resolve() if target else page
        assert found.exists(), target
        if place:
            titles = re.findall(r"^#+ (.+)$", found.read_text(), flags=re.MULTILINE)
            assert place in [re.sub(r"[^\w -]", "", title.lower()).replace(" ", "-") for title in titles], place


def test_pages_are_short():
    lines = {name_of(page): len(page.read_text().splitlines()) for page in PAGES}
    assert lines.pop("README.md") <= 190
    assert lines.pop("configs/RESULTS.md") <= 40
    assert {name: count for name, count in lines.items() if count > 130} == {}


def test_every_folder_of_configs_has_a_page():
    folders = {path.parent for path in (ROOT / "configs").rglob("*.yaml")} - {ROOT / "configs"}
    assert all(folder / "README.md" in PAGES for folder in folders)


@pytest.fixture
def typed_where_the_configs_are(monkeypatch, tmp_path):
    (tmp_path / "configs").symlink_to(ROOT / "configs")
    monkeypatch.chdir(tmp_path)


@pytest.mark.usefixtures("typed_where_the_configs_are")
@pytest.mark.parametrize("command", WITH_DATA)
def test_command_of_a_result_is_taken(command, monkeypatch):
    subcommand, *arguments = shlex.split(command.replace("--data.data_dir DIR", "--data.data_dir null"))[1:]
    if subcommand == "fit":
        ChaosCLI(arguments, run=False)
        return
    plans = []
    module = {"sweep": sweep, "compare": compare}[subcommand]
    monkeypatch.setattr(module, "work", lambda plan, *_: plans.append(plan))
    # All combinations and contestants would take long, and those shipped have tests of their own.
    monkeypatch.setattr(compare, "check", lambda plan: None)
    monkeypatch.setattr(sweep, "check_runs", lambda plan, runs: check_runs(plan, [runs[-1]]))
    number = ["--num_samples", "500"] if subcommand == "compare" else ["--data.num_eval_images", "1000"]
    # The sample in the package, which null stands for, has no more images, and no classifier yet.
    main([subcommand, *arguments, *number, "--features.network", "null"])
    assert plans


@pytest.mark.usefixtures("typed_where_the_configs_are")
@pytest.mark.parametrize("layers", ["two", "three"])
def test_options_of_the_results_are_taken(layers):
    options = [option for option in OPTIONS if ("top_units" in option) == (layers == "three")]
    assert options
    words = [word for option in options for word in option.split()]
    ChaosCLI(["--config", f"configs/fast/mnist_{layers}_layer.yaml", *words], run=False)


def test_the_config_of_a_sweep_makes_networks(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (config,) = blocks(ROOT / "configs" / "sweep" / "README.md", "yaml")
    (tmp_path / "sweep.yaml").write_text(config)
    (tmp_path / "configs").symlink_to(ROOT / "configs")
    plans = []
    monkeypatch.setattr(sweep, "work", lambda plan, *_: plans.append(plan))  # after a check of every combination
    sample = ["--data.data_dir", "null", "--data.num_eval_images", "1000"]  # which has no more
    sweep.main(["--config", "sweep.yaml", *sample])
    (plan,) = plans
    combinations = {
        (run.settings["model.init_args.rule.init_args.l1"], run.settings["model.init_args.gain"]) for run in plan.runs()
    }
    assert combinations == {(l1, gain) for l1 in (0, 0.001, 0.01) for gain in (0, 1.5)}
    assert len(plan.runs()) == 18
    assert plan.folder == tmp_path / "logs" / "sweep" / "l1_and_gain"
