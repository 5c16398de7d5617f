"""Options of the commands of experiments, without any training."""

from collections.abc import Sequence

from chaos_lightning.experiments.command import run_command


def test_home_and_variables_are_expanded_on_the_command_line_and_in_files(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", "/home/me")
    monkeypatch.setenv("PLACE", "there")
    taken = []

    def command(folder: str = "logs", settings: dict | None = None, arguments: Sequence[str] = ()) -> None:
        """Do nothing."""
        taken.append((folder, settings, list(arguments)))

    (tmp_path / "some.yaml").write_text("folder: ~/$PLACE\nsettings:\n  data.data_dir: ~/data\n")
    run_command(command, ["--folder=~/x", "--trainer.max_steps", "3"])
    run_command(command, ["--config", str(tmp_path / "some.yaml")])
    assert taken[0] == ("/home/me/x", None, ["--trainer.max_steps", "3"])
    assert taken[1] == ("/home/me/there", {"data.data_dir": "/home/me/data"}, [])
