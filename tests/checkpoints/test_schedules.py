"""A run goes on with the schedule of the learning rate that it began with, and says so if another is asked for."""

import pytest
import torch
from small_networks import Loader, images, quiet_trainer
from torch.optim.lr_scheduler import (
    CosineAnnealingLR,
    CosineAnnealingWarmRestarts,
    ExponentialLR,
    LinearLR,
    MultiStepLR,
    OneCycleLR,
    PolynomialLR,
    SequentialLR,
    StepLR,
)

from chaos_lightning import OneLayer


def warm_up(optimizer, start=0.5, gamma=0.9):
    parts = [LinearLR(optimizer, start, total_iters=2), ExponentialLR(optimizer, gamma)]
    return SequentialLR(optimizer, parts, milestones=[2])


def run(schedule, max_steps, ckpt_path=None):
    model = OneLayer(visible_units=25, dt=5.0, sampling_time=10.0, measure_times=[], lr_scheduler=schedule)
    trainer = quiet_trainer(max_steps=max_steps)
    trainer.fit(model, Loader(images()), ckpt_path=ckpt_path)
    return trainer


def goes_on(folder, first, then, max_steps):
    run(first, 3).save_checkpoint(folder / "some.ckpt")
    return run(then, max_steps, folder / "some.ckpt")


SAME = {
    "none": None,
    "exponential": lambda o: ExponentialLR(o, 0.9),
    "steps": lambda o: StepLR(o, 2),
    "milestones": lambda o: MultiStepLR(o, [1, 4]),
    "restarts": lambda o: CosineAnnealingWarmRestarts(o, 2, eta_min=1e-4),
    "one cycle": lambda o: OneCycleLR(o, 0.1, total_steps=9),
    "several": warm_up,
}


@pytest.mark.parametrize("schedule", SAME.values(), ids=SAME)
def test_the_same_schedule_goes_on(tmp_path, schedule):
    resumed, whole = goes_on(tmp_path, schedule, schedule, 6), run(schedule, 6)
    rates = [trainer.optimizers[0].param_groups[0]["lr"] for trainer in (resumed, whole)]
    assert rates[0] == pytest.approx(rates[1], rel=1e-6)


OTHERS = {
    "setting": (lambda o: ExponentialLR(o, 0.9), lambda o: ExponentialLR(o, 0.5), "gamma=0.9, but gamma=0.5 was"),
    "class": (lambda o: ExponentialLR(o, 0.9), lambda o: StepLR(o, 2), "'gamma': 0.9.*, but schedule=StepLR was"),
    "none": (lambda o: ExponentialLR(o, 0.9), None, "schedule=a schedule, but schedule=none was"),
    "one": (None, lambda o: ExponentialLR(o, 0.9), "schedule=none, but schedule=ExponentialLR was"),
    "floor": (
        lambda o: CosineAnnealingLR(o, 9),
        lambda o: CosineAnnealingLR(o, 9, eta_min=1e-3),
        "eta_min=0.0, but eta_min=0.001 was",
    ),
    "end": (lambda o: CosineAnnealingLR(o, 9), lambda o: CosineAnnealingLR(o, 8), "T_max=9, but T_max=8 was"),
    "later end": (lambda o: PolynomialLR(o, 3), lambda o: PolynomialLR(o, 6), "total_iters=3, but total_iters=6 was"),
    "milestones": (lambda o: MultiStepLR(o, [1, 4]), lambda o: MultiStepLR(o, [1, 5]), "milestones="),
    "part of several": (warm_up, lambda o: warm_up(o, gamma=0.8), "gamma=0.9, but gamma=0.8 was"),
}


@pytest.mark.parametrize(("first", "then", "sentence"), OTHERS.values(), ids=OTHERS)
def test_another_schedule_is_refused(tmp_path, first, then, sentence):
    with pytest.raises(ValueError, match=sentence):
        goes_on(tmp_path, first, then, 6)


def test_a_decay_that_ends_with_training_may_be_left_before_its_end(tmp_path):
    trainer = goes_on(tmp_path, lambda o: CosineAnnealingLR(o, 9), lambda o: CosineAnnealingLR(o, 6), 6)
    assert trainer.optimizers[0].param_groups[0]["lr"] > 1e-3  # on its way to step 9
    assert torch.isfinite(next(trainer.lightning_module.parameters())).all()
