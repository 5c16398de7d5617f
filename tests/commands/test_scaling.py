"""The command that fits how cost and quality grow with the number of values of a sample."""

import csv
from pathlib import Path

import pytest
from torchvision.io import read_image

from chaos_lightning.commands import main
from chaos_lightning.commands.compare import command

CONFIG = Path(__file__).parents[2] / "configs" / "scaling" / "digits.yaml"
OTHER_SIZES = {
    "14": ["--data.side", "14", "--model.visible_units", "196"],
    "56": ["--data.side", "56", "--model.visible_units", "3136"],
    "colour": ["--data", "ColouredMNISTDataModule", "--model.visible_units", "[3,28,28]"],
}
COLUMNS = (
    *("contestant", "is_floor", "values_per_sample", "second_moment_error", "training_steps", "training_seconds"),
    "seconds_per_1000_samples",
)


def comparison(name, values, error, seconds_per_step):
    """The table of a comparison of a network and real images."""
    rows = [
        ("chaotic", 0, values, error, 50, 50 * seconds_per_step, 3.0 * values**0.1),
        ("held-out", 1, values, 1e-4, 1, 0.1, ""),
    ]
    folder = Path(name)
    folder.mkdir()
    with (folder / "compare.csv").open("w", newline="") as file:
        csv.writer(file).writerows([COLUMNS, *rows])
    return name


def test_power_laws_come_out_as_they_were_put_in(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    names = [comparison(f"size_{size}", size, 0.3 * size**-0.5, 1e-4 * size**1.25) for size in (196, 784, 3136)]
    other = comparison("colour", 2352, 7.0, 9.0)  # far off: it must not count
    folders = str(names).replace("'", "")
    main(
        [
            *("scaling", "--folders", folders, "--others", f"[{other}]", "--output", "out"),
            *("--predict_for", "[10000]"),
        ]
    )
    with open("out/scaling.csv", newline="") as file:
        rows = {(row["contestant"], row["quantity"]): row for row in csv.DictReader(file)}
    for quantity, exponent, factor in (
        ("second_moment_error", -0.5, 0.3),
        ("seconds_per_step", 1.25, 1e-4),
        ("seconds_per_1000_samples", 0.1, 3),
    ):
        row = rows["chaotic", quantity]
        assert float(row["exponent"]) == pytest.approx(exponent, abs=1e-9)
        assert float(row["factor"]) == pytest.approx(factor)
        assert float(row["10000"]) == pytest.approx(factor * 10_000**exponent)
        assert float(row["standard_error"]) == pytest.approx(0, abs=1e-6)
    assert float(rows["held-out", "second_moment_error"]["exponent"]) == pytest.approx(0, abs=1e-9)
    assert ("held-out", "seconds_per_step") not in rows  # it learns nothing
    printed = capsys.readouterr().out
    assert "-0.50 ± 0.00" in printed
    assert "1.25 ± 0.00" in printed
    assert "predicted for samples of 10,000 values" in printed
    assert read_image("out/scaling.png").shape[1] > 500


def test_what_cannot_be_fitted_ends_with_one_sentence(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    comparison("one", 196, 0.1, 0.1)
    old = Path(comparison("old", 784, 0.1, 0.1)) / "compare.csv"
    old.write_text(old.read_text().replace("values_per_sample", "something_else"))
    for folders, message in (
        ("[one]", "a power law needs two sizes of samples or more"),
        ("[one,absent]", "there is no comparison in absent: make it with compare --folder absent"),
        ("[one,old]", "old/compare.csv does not tell the size of samples: make the comparison anew"),
    ):
        with pytest.raises(SystemExit):
            main(["scaling", "--folders", folders, "--output", "out"])
        assert message in capsys.readouterr().err
    with pytest.raises(SystemExit):
        main(["scaling", "--folders", "[one]", "--predict_for", "[0]"])
    assert "predict_for holds numbers of values, 1 or more" in capsys.readouterr().err
    assert not Path("out").exists()


@pytest.mark.parametrize("size", OTHER_SIZES)
def test_the_commands_in_the_shipped_config_can_be_made(size, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    plans = []
    monkeypatch.setattr(command, "work", lambda plan, *_: plans.append(plan))
    arguments = OTHER_SIZES[size]
    assert " ".join(arguments).replace("[3,28,28]", '"[3,28,28]"') in CONFIG.read_text()
    main(["compare", "--config", str(CONFIG), "--data.data_dir", "null", "--num_samples", "500", *arguments])
    (plan,) = plans
    assert list(plan.contestants) == ["chaotic", "rbm", "vae", "gan", "held-out"]
    assert len(plan.runs()) == 10
