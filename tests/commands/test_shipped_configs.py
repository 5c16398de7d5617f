"""Configs are found by name, a file of that name here comes first."""

import pytest

from chaos_lightning.commands import main
from chaos_lightning.commands.shipped_configs import FOLDER, shipped_configs, with_shipped_configs


def test_names_are_replaced_by_paths_and_files_come_first(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    path = str(FOLDER / "quickstart.yaml")
    assert with_shipped_configs(["fit", "--config", "quickstart"]) == ["fit", "--config", path]
    assert with_shipped_configs(["--config=fast/mnist_two_layer"]) == [
        f"--config={FOLDER / 'fast/mnist_two_layer.yaml'}"
    ]
    contents = ["--config", '{"model": "chaos_lightning.OneLayer"}', "--config"]
    assert with_shipped_configs(contents) == contents
    (tmp_path / "quickstart").write_text("model: chaos_lightning.OneLayer")
    assert with_shipped_configs(["--config", "quickstart"]) == ["--config", "quickstart"]


@pytest.mark.parametrize("command", ["fit", "sweep"])
def test_an_unknown_name_ends_in_a_sentence(command, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit):
        main([command, "--config", "quikstart"])
    said = capsys.readouterr().err
    assert "there is no file quikstart here" in said
    assert "did you mean quickstart?" in said


def test_every_config_is_listed_with_its_command_and_a_line(capsys):
    main(["configs"])
    listed = capsys.readouterr().out
    assert len(shipped_configs()) > 20
    assert all(name in listed for name in shipped_configs())
    assert "Two-layer network on the MNIST sample" in listed
