"""Chaos over training: the file of the callback, and the plot of a sweep."""

import pytest
import torch
from half_bright import FewPixels
from lightning.pytorch.loggers import CSVLogger
from small_networks import quiet_trainer

from chaos_lightning import TwoLayer
from chaos_lightning.baselines import RestrictedBoltzmannMachine
from chaos_lightning.callbacks import ChaosFile
from chaos_lightning.callbacks.chaos import read_chaos
from chaos_lightning.commands.sweep.training_chaos import training_chaos_figure, write_training_chaos
from chaos_lightning.dynamics import spectrum_to_dimension
from chaos_lightning.experiments.spread import Result, Spread


def train(model, folder, steps, ckpt_path=None):
    logger = CSVLogger(folder, name="runs", version="one")
    trainer = quiet_trainer(
        max_steps=steps,
        logger=logger,
        callbacks=[ChaosFile(num_chains=2, steps=[3])],
        limit_val_batches=1,
        val_check_interval=2,
        check_val_every_n_epoch=None,
    )
    data = FewPixels(batch_size=40, num_validation=60, seed=3)
    trainer.fit(model, datamodule=data, ckpt_path=ckpt_path)
    return trainer


def test_chaos_is_measured_before_training_at_validation_and_after_given_steps(tmp_path):
    settings = {"gain": 3.0, "seed": 3, "tau": 10.0, "dt": 5.0, "sampling_time": 20.0, "measure_times": []}
    model = TwoLayer(25, 13, **settings)
    trainer = train(model, tmp_path, 4)
    folder = tmp_path / "runs" / "one"
    rows = read_chaos(folder)
    assert [row["step"] for row in rows] == [0, 2, 3, 4]
    for row, network in ((rows[0], model.network.untrained()), (rows[-1], model.network)):
        measured = spectrum_to_dimension(network, 2, duration=1000, transient=500, dt=5.0, tau=10.0, seed=(3,))
        assert row["exponent"] == pytest.approx(float(measured.mean[0]), rel=1e-9)
        assert row["exponent_standard_error"] == pytest.approx(float(measured.standard_error[0]), rel=1e-9)
        assert row["dimension"] == pytest.approx(float(measured.dimension.mean()), rel=1e-9)
    trainer.save_checkpoint(tmp_path / "four.ckpt")
    train(TwoLayer(25, 13, **settings), tmp_path, 6, tmp_path / "four.ckpt")
    assert [row["step"] for row in read_chaos(folder)] == [0, 2, 3, 4, 6]
    (picture,) = write_training_chaos(tmp_path, [({"gain": 3.0, "seed": 1}, folder), ({"gain": 2.0}, tmp_path)])
    assert picture.stat().st_size > 5_000
    assert write_training_chaos(tmp_path, [({"gain": 2.0}, tmp_path)]) == []
    results = [Result({"data": name, "gain": 3.0}, {"exponent 0": Spread(0.1, None, 1)}, 1) for name in ("one", "two")]
    figure = training_chaos_figure(results)
    assert [axes.get_title() for axes in figure.axes] == ["data = one", "data = two", "", ""]
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["gain = 3.0"]


def test_measuring_does_not_change_training(tmp_path):
    weights = []
    for callbacks in ([ChaosFile(num_chains=2)], []):
        model = TwoLayer(25, 13, gain=3.0, seed=3, dt=5.0, sampling_time=20.0)
        logger = CSVLogger(tmp_path, name="runs", version=str(len(callbacks)))
        trainer = quiet_trainer(max_steps=2, logger=logger, callbacks=callbacks)
        trainer.fit(model, datamodule=FewPixels(batch_size=40, num_validation=60, seed=3))
        weights.append(model.network.learned[0].detach().clone())
    assert torch.equal(*weights)


def test_what_has_no_chaos_is_refused(tmp_path):
    with pytest.raises(ValueError, match="at least 2"):
        ChaosFile(num_chains=1)
    for model, message in (
        (RestrictedBoltzmannMachine(25, 13), "is none: leave it out"),
        (TwoLayer(25, 13, noise=0.1, dt=5.0, sampling_time=20.0), "noise is injected"),
    ):
        with pytest.raises(ValueError, match=message):
            train(model, tmp_path, 2)
