"""What is answered before torch is imported, and which packages plain torch code does without."""

import subprocess
import sys

import pytest

import chaos_lightning
from chaos_lightning.commands import main
from chaos_lightning.commands.table import COMMANDS


def loaded_after(code, *names):
    """Those of the modules that a new process has imported after running code."""
    script = (
        f"import sys\ntry:\n    {code}\nexcept SystemExit:\n    pass\nprint([n for n in {names} if n in sys.modules])"
    )
    return eval(subprocess.check_output([sys.executable, "-c", script], text=True).splitlines()[-1])


@pytest.mark.parametrize("arguments", [["--help"], ["--version"], [], ["sweeep"], ["configs"]])
def test_answers_come_before_torch_is_imported(arguments):
    code = f"import chaos_lightning.commands; chaos_lightning.commands.main({arguments})"
    assert loaded_after(code, "torch", "lightning", "matplotlib", "scipy", "argparse") == ["argparse"]


def test_physics_and_measures_take_torch_alone():
    code = "import chaos_lightning.learning, chaos_lightning.functional, chaos_lightning.dynamics"
    heavy = ("lightning", "torchmetrics", "torchvision", "matplotlib", "scipy")
    assert loaded_after(code, "torch", *heavy) == ["torch"]


@pytest.mark.parametrize(("arguments", "status"), [(["--help"], 0), ([], 2)])
def test_all_commands_are_listed_with_a_line_each(capsys, arguments, status):
    with pytest.raises(SystemExit) as exit_:
        main(arguments)
    assert exit_.value.code == status
    printed = "".join(capsys.readouterr())
    for name, command in COMMANDS.items():
        assert [line.split(maxsplit=1) for line in printed.splitlines()].count([name, command.summary]) == 1
    assert ("error: a command is missing" in printed) == (status == 2)


def test_options_without_a_command_are_answered_like_a_missing_one(capsys):
    with pytest.raises(SystemExit) as exit_:
        main(["--trainer.max_steps", "3"])
    assert exit_.value.code == 2
    assert capsys.readouterr().err.endswith("error: a command is missing\n")


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_lies_where_the_table_says(name):
    command = COMMANDS[name]
    if command.kind == "trainer":
        assert name in command.attribute("ChaosCLI").subcommands()
    else:
        assert callable(command.attribute(name))
    if command.kind == "experiment":
        assert callable(command.attribute("main"))


def test_public_names_are_listed_and_found():
    assert set(chaos_lightning.__all__) <= set(dir(chaos_lightning))
    for name in chaos_lightning.__all__:
        assert getattr(chaos_lightning, name) is not None
    with pytest.raises(AttributeError, match="has no attribute 'FourLayer'"):
        _ = chaos_lightning.FourLayer
