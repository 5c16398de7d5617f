"""Baselines learn the same on two processes as on one."""

import os

import numpy as np
import pytest
import torch
from forked import TWO_PROCESSES, exit_code, forking_trainer, start
from lightning.pytorch import Callback

from chaos_lightning import MNISTDataModule
from chaos_lightning.baselines import (
    Baseline,
    GenerativeAdversarialNetwork,
    RestrictedBoltzmannMachine,
    VariationalAutoencoder,
)
from chaos_lightning.commands import main

BASELINES = [
    # The contract of all generators has the quick version.
    pytest.param("RestrictedBoltzmannMachine", marks=pytest.mark.slow),
    pytest.param("VariationalAutoencoder", marks=pytest.mark.slow),
    pytest.param("GenerativeAdversarialNetwork", marks=pytest.mark.slow),
]


class Result(Callback):
    def __init__(self, file):
        self.file = file

    def on_fit_end(self, trainer, model):
        trainer.save_checkpoint(f"{self.file}.ckpt")
        state = {name: tensor.clone() for name, tensor in model.state_dict().items()}
        measures = model.evaluation.measures[0.0]
        torch.save((state, model.evaluation.num_samples, measures), f"{self.file}.{trainer.global_rank}")


def train(name, devices):
    model = {
        "VariationalAutoencoder": lambda: VariationalAutoencoder(hidden_units=13, latent_units=3),
        "GenerativeAdversarialNetwork": lambda: GenerativeAdversarialNetwork(hidden_units=13, latent_units=3),
        "RestrictedBoltzmannMachine": lambda: RestrictedBoltzmannMachine(
            hidden_units=13, num_chains=11, gibbs_steps=2, sampling_steps=3
        ),
    }[name]()
    steps = {"max_steps": 5, "val_check_interval": 5, "check_val_every_n_epoch": None, "num_sanity_val_steps": 0}
    trainer = forking_trainer(devices, precision="64-true", callbacks=[Result(f"{name}.{devices}")], **steps)
    trainer.fit(model, datamodule=MNISTDataModule(batch_size=60, num_eval_images=101, eval_batch_size=40))


def train_and_predict(folder, name):
    """Further processes are forked from this one."""
    os.chdir(folder)
    train(name, 1)
    train(name, 2)
    samples = ["--num_samples", "23", "--chains_at_once", "7", "--output", name, "--trainer.precision", "64-true"]
    main(["predict", "--ckpt_path", f"{name}.1.ckpt", *samples, *TWO_PROCESSES])


@pytest.fixture(scope="module", params=BASELINES)
def name(request):
    return request.param


@pytest.fixture(scope="module")
def folder(name, tmp_path_factory):
    """The files that one process and two have left."""
    folder = tmp_path_factory.mktemp("processes")
    assert exit_code(start(train_and_predict, folder, name), seconds=240) == 0
    return folder


def test_two_processes_train_the_generator_of_one(folder, name):
    state, num_samples, measures = torch.load(folder / f"{name}.1.0", weights_only=True)
    for rank in range(2):
        state_of_two, num_samples_of_two, measures_of_two = torch.load(folder / f"{name}.2.{rank}", weights_only=True)
        for key, tensor in state.items():
            error = (state_of_two[key] - tensor).norm() / tensor.norm()
            assert error < 1e-7, key
        assert num_samples_of_two == num_samples == 101
        assert measures_of_two == pytest.approx(measures, rel=1e-6)


def test_two_processes_predict_the_samples_of_one(folder, name):
    samples = Baseline.load_from_checkpoint(folder / f"{name}.1.ckpt").double().sample(23, seed=0)
    images = np.load(folder / f"{name}.npz")["images"]
    assert len(np.unique(images, axis=0)) == 23
    # another split into batches may round other digits, by a level at most
    np.testing.assert_allclose(images, ((samples.squeeze(1) + 1) * 127.5).round(), rtol=0, atol=1)
