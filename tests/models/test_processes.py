"""Training on several processes is training on one."""

import os
from itertools import product
from math import log

import pytest
import torch
from forked import exit_code, forking_trainer, start
from half_bright import FewPixels
from lightning.pytorch import Callback

from chaos_lightning import (
    CentredHebbian,
    ContrastiveHebbian,
    MNISTDataModule,
    OneLayer,
    ThreeLayer,
    TwoLayer,
)
from chaos_lightning.dynamics import Stream, run_from

ARCHITECTURES = ("OneLayer", "TwoLayer", "ThreeLayer")
PRECISIONS = {"64-true": 1e-13, "32-true": 1e-5}
"""How far weights may differ: float32's rounding, and what chaos makes of it in 20 steps."""


class Result(Callback):
    def __init__(self, file):
        self.file = file

    def on_train_batch_start(self, trainer, model, batch, batch_idx):
        if batch_idx == 0:
            starts = [
                model.start(len(batch.images), seed=(model.seed, phase, 0), first_chain=batch.first_index)
                for phase in (Stream.CLAMPED_PHASE, Stream.FREE_PHASE)
            ]
            states = [run_from(model.network, 0.5, start, [0])[0] for start in starts]
            self.start = torch.cat([potentials for state in states for potentials in state.potentials], 1)

    def on_fit_end(self, trainer, model):
        result = {
            "start": self.start,
            "weights": {name: weight.detach() for name, weight in model.named_parameters()},
            "num_samples": model.evaluation.num_samples,
            "measures": model.evaluation.measures[50.0],
        }
        if (classes := model.evaluation.classes) is not None:
            result["classes"] = [figures.values for figures in (*classes.classes, classes.overall)]
        torch.save(result, f"{self.file}.{trainer.global_rank}")


def train(architecture, precision, devices, file):
    model = {
        "OneLayer": lambda **s: OneLayer(
            num_classes=2, held_label_share=0.25, held_pixel_share=0.25, rule=CentredHebbian(centering=0.1), **s
        ),
        "TwoLayer": lambda **s: TwoLayer(
            hidden_units=53, num_chains=100, rule=ContrastiveHebbian(reclamp=True), noise=0.1, **s
        ),
        "ThreeLayer": lambda **s: ThreeLayer(
            hidden_units=53,
            top_units=31,
            num_classes=2,
            label_repetitions=2,
            held_label_share=0.5,
            held_pixel_share=0.25,
            num_chains=40,
            rule=CentredHebbian(reclamp=True, bias_rate=3.0, l1=0.01),
            noise=0.1,
            coupling_dropout=0.1,
            hidden_dropout=0.1,
            **s,
        ),
    }[architecture](
        visible_units=25, dt=5.0, sampling_time=50.0, measure_times=[], optimizer=lambda p: torch.optim.Adam(p, lr=1e-3)
    )
    steps = {"max_steps": 20, "val_check_interval": 20, "check_val_every_n_epoch": None, "num_sanity_val_steps": 0}
    trainer = forking_trainer(devices, precision=precision, callbacks=[Result(file)], **steps)
    trainer.fit(model, datamodule=FewPixels(batch_size=60, num_validation=110, num_eval_images=101, eval_batch_size=40))


def train_each(folder, runs):
    """Further processes are forked from this one."""
    os.chdir(folder)
    for run in runs:
        train(*run, ",".join(map(str, run)))


RUNS = [*((architecture, "64-true", 4) for architecture in ARCHITECTURES), ("TwoLayer", "32-true", 2)]
FURTHER_RUNS = [run for run in product(ARCHITECTURES, PRECISIONS, (2, 4)) if run not in RUNS]


def train_all(folder, runs):
    """What each process of each run had at the end, and the one process of the same run alone."""
    runs = {*runs, *((architecture, precision, 1) for architecture, precision, _ in runs)}
    assert exit_code(start(train_each, folder, runs), seconds=240) == 0
    return {
        run: [torch.load(folder / f"{','.join(map(str, run))}.{rank}", weights_only=True) for rank in range(run[-1])]
        for run in runs
    }


@pytest.mark.parametrize("runs", [RUNS, pytest.param(FURTHER_RUNS, marks=pytest.mark.slow)], ids=["runs", "more"])
def test_several_processes_train_the_network_of_one(tmp_path, runs):
    results = train_all(tmp_path, runs)
    for architecture, precision, devices in runs:
        (alone,) = results[architecture, precision, 1]
        together = results[architecture, precision, devices]
        # A process starts the chains of its images: the clamped and the free ones of all are those of one process.
        assert torch.equal(torch.cat([process["start"] for process in together]), alone["start"])
        for process in together:
            assert process["num_samples"] == alone["num_samples"] == 101
            for name, weight in alone["weights"].items():
                assert torch.equal(process["weights"][name], together[0]["weights"][name]), name
                error = (process["weights"][name] - weight).norm() / weight.norm()
                assert error < PRECISIONS[precision], name
            if precision == "64-true":
                for name, value in alone["measures"].items():
                    assert process["measures"][name] == pytest.approx(value, rel=1e-6), name
                assert ("classes" in alone) == (architecture != "TwoLayer")  # the one without label units
                for of_one, of_all in zip(alone.get("classes", []), process.get("classes", []), strict=True):
                    assert of_all == pytest.approx(of_one, rel=1e-6, nan_ok=True)


class Couplings(Callback):
    """Keeps the learned couplings after each step."""

    def __init__(self, file):
        self.file, self.after = file, []

    def on_train_batch_end(self, trainer, model, *rest):
        self.after.append(model.network.connections[0].learned.detach().clone())

    def on_fit_end(self, trainer, model):
        torch.save(self.after, f"{self.file}.{trainer.global_rank}")


def train_as_published(folder, runs):
    """25 steps with the published settings, but fewer images."""
    os.chdir(folder)
    for precision, devices in runs:
        callbacks = [Couplings(f"{precision},{devices}")]
        trainer = forking_trainer(devices, precision=precision, max_steps=25, limit_val_batches=0, callbacks=callbacks)
        trainer.fit(OneLayer(), datamodule=MNISTDataModule(batch_size=60))


@pytest.mark.slow
def test_chaos_amplifies_the_rounding_of_several_processes_at_one_rate_in_every_precision(tmp_path):
    """Where float32 parts, float64 parts as fast, from its own rounding: it is no fault of the processes."""
    assert exit_code(start(train_as_published, tmp_path, list(product(PRECISIONS, (1, 4)))), seconds=600) == 0
    difference = {}
    for precision in PRECISIONS:
        alone, together = (torch.load(tmp_path / f"{precision},{devices}.0", weights_only=True) for devices in (1, 4))
        difference[precision] = [
            float((one - four).norm() / one.norm()) for one, four in zip(alone, together, strict=True)
        ]
    growth = {precision: log(differences[19] / differences[9]) for precision, differences in difference.items()}
    assert growth["64-true"] == pytest.approx(growth["32-true"], rel=0.3)
    assert growth["64-true"] > log(30)
    assert difference["64-true"][0] < 1e-14
    assert difference["64-true"][-1] < 1e-9
