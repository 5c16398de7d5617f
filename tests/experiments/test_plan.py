"""Runs of a sweep, and their names."""

import re

import pytest

from chaos_lightning.commands.sweep.command import sweep
from chaos_lightning.commands.sweep.grid import Sweep
from chaos_lightning.experiments.command import split_arguments
from chaos_lightning.experiments.plan import Run, labels

GAIN, RATE, MODEL = "model.init_args.gain", "model.init_args.optimizer.init_args.lr", "model"


def plan(folder, **parts):
    defaults = {
        "base": {"trainer": {"max_steps": 3}}, "settings": {}, "arguments": [], "grids": [{GAIN: [0, 1.5]}],
        "seeds": [0, 1], "folder": folder / "swept",
    }  # fmt: skip
    return Sweep(**{**defaults, **parts})


def test_every_combination_runs_with_every_seed_once(tmp_path):
    runs = plan(tmp_path, grids=[{GAIN: [0, 1.5, 1.5], MODEL: ["a.TwoLayer", "a.ThreeLayer"]}], seeds=[3, 5, 3]).runs()
    points = [(run.seed, run.settings[GAIN], run.settings[MODEL]) for run in runs]
    assert sorted(points) == sorted((s, g, m) for s in (3, 5) for g in (0, 1.5) for m in ("a.TwoLayer", "a.ThreeLayer"))
    assert [run.seed for run in runs] == [3] * 4 + [5] * 4
    assert all(list(run.settings) == [MODEL, GAIN] for run in runs)  # a class before its settings


def test_of_several_grids_each_is_done_and_nothing_twice(tmp_path):
    grids = [{}, {GAIN: [0, 1.5]}, {RATE: [0.1], MODEL: ["a.TwoLayer"]}, {GAIN: [1.5, 3]}]
    runs = plan(tmp_path, grids=grids, seeds=[3, 5]).runs()
    points = [{}, {GAIN: 0}, {GAIN: 1.5}, {MODEL: "a.TwoLayer", RATE: 0.1}, {GAIN: 3}]
    assert [(run.seed, run.settings) for run in runs] == [(seed, point) for seed in (3, 5) for point in points]
    assert len({run.name for run in runs}) == len(runs)


def test_a_wiring_is_named_by_its_connections():
    wiring = [{"lower": 0, "upper": 1, "gain_down": 0.8, "gain_up": 2.0}, {"lower": 1, "upper": 1, "learned": False}]
    assert labels({"model.init_args.wiring": wiring}) == {"wiring": "0-1 down 0.8 up 2, 1-1 fixed"}
    assert labels({"model.init_args.wiring": None}) == {"wiring": "null"}
    runs = [Run({"model.init_args.wiring": [{**wiring[0], "gain_down": gain}]}, 0) for gain in (0, 0.5, None)]
    assert len({run.name for run in runs}) == 3


def test_names_differ_and_fit_a_file_system():
    runs = [
        Run({GAIN: 0.5}, 1),
        Run({GAIN: 0.5}, 2),
        Run({GAIN: 1}, 1),
        Run({MODEL: "chaos_lightning.TwoLayer", RATE: 1e-4}, 1),
        Run({"model.init_args.measure_times": [1, 2]}, 1),
        Run({"model.init_args.measure_times": [1, 3]}, 1),
        Run({"model.init_args.measure_times": list(range(99))}, 1),
        Run({"data.init_args.data_dir": "~/some/where"}, 1),
        Run({"data.init_args.data_dir": "~/some_where"}, 1),
        Run({"a.lr": 1, "b.lr": 2}, 1),
        Run({"a.lr": 2, "b.lr": 1}, 1),
    ]
    names = [run.name for run in runs]
    assert len(set(names)) == len(names)
    assert all(re.fullmatch(r"[\w.=,+-]{1,100}", name) for name in names)
    assert names[0] == "gain=0.5,seed=1"
    assert names[3] == "model=TwoLayer,lr=0.0001,seed=1"


def test_what_says_where_a_run_takes_place_is_no_part_of_what_it_is(tmp_path):
    here = plan(tmp_path, arguments=["--data.data_dir", "/here", "--trainer.accelerator=cpu"])
    there = plan(tmp_path, arguments=["--data.data_dir=/there", "--trainer.devices", "1"])
    longer = plan(tmp_path, arguments=["--trainer.max_steps", "9"])
    assert here.identity() == there.identity() == plan(tmp_path).identity()
    assert here.identity() != longer.identity()
    for sample in (["--data.data_dir", "null"], ["--data.data_dir=null"]):  # the images of the package: other data
        assert plan(tmp_path, arguments=sample).identity() != here.identity()
    assert longer.identity() == plan(tmp_path, arguments=["--trainer.max_steps=9"]).identity()


@pytest.mark.parametrize("form", [["--data.data_dir", "d"], ["--data.data_dir=d"]])
def test_arguments_of_fit_are_told_from_those_of_the_sweep(form):
    own, others = split_arguments(sweep, ["--config", "c.yaml", *form, "--workers", "2", "--seeds+", "3"])
    assert own == ["--config", "c.yaml", "--workers", "2", "--seeds+", "3"]
    assert others == form
