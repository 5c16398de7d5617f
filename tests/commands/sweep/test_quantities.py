"""Quantities of runs, against numbers worked out by hand, and their tables and plots."""

import csv

import pytest
from torchvision.io import read_image

from chaos_lightning.commands.sweep.plot import exponent_figure, sweep_figure, write_plots
from chaos_lightning.commands.sweep.quantities import run_quantities
from chaos_lightning.commands.sweep.table import print_table, write_table
from chaos_lightning.experiments.spread import sum_up
from chaos_lightning.metrics.catalogue import ERRORS

NOTED = {
    "sampling_time": 20.0, "seconds": 3.0, "lyapunov_before": 0.04, "lyapunov_after": 0.01, "cancelled_share": 0.6,
    "manifold_precision": 0.2, "manifold_recall": 0.3,
}  # fmt: skip
GAIN, MODEL = "model.init_args.gain", "model"


def write_measures(folder, values):
    """values: step -> sampling time -> E(2); the other measures are multiples of it."""
    with (folder / "measures.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["stage", "step", "sampling_time", "num_samples", "measure", "value", "floor", "ratio"])
        for step, at_times in values:
            for time, value in at_times.items():
                for factor, measure in enumerate([*ERRORS, "generated_accuracy"], 1):
                    writer.writerow(["val", step, time, 30, measure, factor * value, 0, ""])


def test_quantities_of_a_run(tmp_path):
    last = {10.0: 0.02, 20.0: 0.01, 40.0: 0.03}
    write_measures(tmp_path, [(5, {20.0: 0.5}), (10, {20.0: 0.05}), (10, {20.0: 0.05}), (15, {20.0: 0.07}), (20, last)])
    reached = run_quantities(tmp_path, NOTED, threshold=0.05)
    assert reached["steps_to_threshold"] == 10
    assert [reached[measure] for measure in ERRORS] == pytest.approx([0.01, 0.02, 0.03, 0.04])
    assert [reached[f"{measure}_at_2T_over_T"] for measure in ERRORS] == pytest.approx([3.0] * 4)
    assert [reached[f"{measure}_best_time"] for measure in ERRORS] == [20.0] * 4
    assert reached["generated_accuracy"] == pytest.approx(0.05)
    assert (reached["lyapunov_before"], reached["lyapunov_after"], reached["cancelled_share"]) == (0.04, 0.01, 0.6)
    assert (reached["manifold_precision"], reached["manifold_recall"], reached["seconds"]) == (0.2, 0.3, 3.0)


def test_what_was_not_reached_or_measured_is_left_out(tmp_path):
    write_measures(tmp_path, [(5, {20.0: 0.5})])
    reached = run_quantities(tmp_path, NOTED, threshold=0.05)
    assert "steps_to_threshold" not in reached
    assert not any("2T" in name or "best_time" in name for name in reached)


def test_table_file_and_screen_tell_what_few_runs_reached(tmp_path, capsys):
    runs = [
        ({GAIN: 1.5}, {"steps_to_threshold": 100.0, ERRORS[0]: 0.01}),
        ({GAIN: 1.5}, {"steps_to_threshold": 300.0, ERRORS[0]: 0.02}),
        ({GAIN: 1.5}, {ERRORS[0]: 0.03}),
        ({GAIN: 0}, {ERRORS[0]: 0.5}),
    ]
    results = sum_up(runs)
    write_table(tmp_path / "table.csv", results)
    with (tmp_path / "table.csv").open() as file:
        none, some = csv.DictReader(file)
    assert (none[GAIN], none["runs"], none["steps_to_threshold"], none["steps_to_threshold_runs"]) == (
        "0",
        "1",
        "",
        "0",
    )
    assert (some["steps_to_threshold"], some["steps_to_threshold_runs"], some["runs"]) == ("200.0", "2", "3")
    assert float(some[ERRORS[0]]) == pytest.approx(0.02)
    assert float(some[f"{ERRORS[0]}_deviation"]) == pytest.approx(0.01)
    assert (none[ERRORS[0]], none[f"{ERRORS[0]}_deviation"]) == ("0.5", "")
    print_table(results, 0.05)
    printed = capsys.readouterr().out
    assert "200 ± 100 (2)" in printed
    assert "0.02 ± 0.01" in printed


def test_plot_puts_numbers_on_an_axis_and_names_side_by_side(tmp_path):
    numbers = sum_up([({GAIN: gain, MODEL: name}, {ERRORS[0]: 0.1}) for gain in (0, 2.5) for name in ("a.B", "a.C")])
    axes = sweep_figure(numbers, 0.05).axes[1]
    assert axes.get_xlabel() == "gain"
    assert [text.get_text() for text in axes.get_legend().get_texts()] == ["model=B", "model=C"]
    assert [list(line.get_xdata()) for line in axes.get_lines() if len(line.get_xdata()) == 2][:1] == [[0, 2.5]]
    names = sum_up([({MODEL: name}, {ERRORS[0]: 0.1}) for name in ("a.B", "a.C")])
    axes = sweep_figure(names, 0.05).axes[1]
    assert [label.get_text() for label in axes.get_xticklabels()] == ["B", "C"]
    paths = write_plots(tmp_path, names, 0.05)
    assert [path.name for path in paths] == ["plot.png", "exponents.png"]
    for path in paths:
        assert read_image(str(path)).shape[1] > 500


def test_plot_of_several_grids_gives_each_combination_its_place(tmp_path):
    settings = [{}, {GAIN: 0}, {GAIN: 0, MODEL: "a.B"}, {"model.init_args.l1": 0.1}]
    results = sum_up([(each, {ERRORS[0]: value}) for value, each in enumerate(settings, 1)])
    panels = sweep_figure(results, 0.05).axes
    axes, lowest = panels[1], panels[7]  # of this column, the lowest alone has the texts
    assert [text.get_text() for text in lowest.get_xticklabels()] == ["base", "gain=0", "gain=0, model=B", "l1=0.1"]
    assert lowest.xaxis.get_tick_params()["labelbottom"]
    assert not axes.xaxis.get_tick_params()["labelbottom"]
    (points,) = (line.get_xydata().tolist() for line in axes.get_lines() if line.get_marker() == "o")
    assert points == [[0, 1], [1, 2], [2, 3], [3, 4]]
    write_table(tmp_path / "table.csv", results)
    with (tmp_path / "table.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [(row[GAIN], row[MODEL], row["model.init_args.l1"]) for row in rows] == [
        ("", "", ""), ("0", "", ""), ("0", "a.B", ""), ("", "", "0.1")
    ]  # fmt: skip


def test_roughness_is_drawn_always_and_features_where_they_were_measured():
    runs = [({GAIN: gain}, {ERRORS[0]: 0.1, "roughness": 1 + gain}) for gain in (0, 2)]
    titles = [axes.get_title() for axes in sweep_figure(sum_up(runs), 0.05).axes if axes.axison]
    assert titles[9:] == ["roughness (1 is right)"]
    runs = [(point, {**reached, "feature_frechet_distance": 7.0}) for point, reached in runs]
    panels = {axes.get_title(): axes for axes in sweep_figure(sum_up(runs), 0.05).axes}
    assert list(panels)[9:] == ["roughness (1 is right)", "Fréchet distance of features", "features"]
    for title, values in (("roughness (1 is right)", [1, 3]), ("Fréchet distance of features", [7, 7])):
        (points,) = (line.get_xydata() for line in panels[title].get_lines() if line.get_marker() == "o")
        assert points.tolist() == [[0, values[0]], [2, values[1]]]


def test_measures_are_drawn_over_the_exponents_before_and_after_training():
    runs = [
        ({GAIN: gain}, {ERRORS[0]: error, "lyapunov_before": before, "lyapunov_after": after})
        for gain, error, before, after in ((0, 0.5, -0.1, -0.2), (2, 0.1, 0.3, 0.1), (2, 0.3, 0.5, 0.1))
    ]
    axes, other, *_ = exponent_figure(sum_up(runs)).axes
    points = [tuple(xy[0] for xy in line.get_data()) for line in axes.get_lines() if line.get_marker() == "o"]
    assert points == [(-0.1, 0.5), (-0.2, 0.5), (0.4, 0.2), (0.1, 0.2)]
    assert not [line for line in other.get_lines() if line.get_marker() == "o"]  # of E(s) nothing is known
    (legend,) = axes.get_figure().legends
    assert [text.get_text() for text in legend.get_texts()] == ["gain=0", "gain=2"]
