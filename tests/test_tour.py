"""The notebook of the tour."""

import json
from pathlib import Path

import pytest

TOUR = Path(__file__).parents[1] / "configs" / "tour.ipynb"


def code_cells():
    return [cell for cell in json.loads(TOUR.read_text())["cells"] if cell["cell_type"] == "code"]


def test_the_tour_was_run_in_order_and_tells_no_folder_of_a_machine():
    assert [cell["execution_count"] for cell in code_cells()] == list(range(1, len(code_cells()) + 1))
    assert "site-packages" not in TOUR.read_text()


@pytest.mark.slow  # ten seconds of CPU
def test_the_tour_runs(tmp_path, monkeypatch):
    import matplotlib.pyplot as plt

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(plt, "show", lambda: plt.close())
    found = {}
    for cell in code_cells():
        exec(compile("".join(cell["source"]), str(TOUR), "exec"), found)
    assert float(found["floor"]) < float(found["after"]) < float(found["before"]) / 2
    assert found["completions"].shape == (6, 3, 1, 28, 28)
    given = ~found["hidden"]
    assert (found["completions"] - found["originals"].unsqueeze(1))[..., given].abs().max() < 1e-6
