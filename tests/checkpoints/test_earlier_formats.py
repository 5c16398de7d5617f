"""Checkpoints and exported weights of version 0.1.0: they load, sample the same images and go on to the same weights.

The files in ``version_0_1_0`` were made by that version, in float64: a checkpoint after 10 training steps and one after
20 of every kind of network, and images sampled after 20. The images of 25 pixels are made by ``half_bright.py``.
"""

from functools import partial
from pathlib import Path

import pytest
import torch
from half_bright import FewPixels
from lightning.pytorch import Trainer
from small_networks import quiet_trainer

from chaos_lightning import CentredHebbian, ContrastiveHebbian
from chaos_lightning.checkpoints import read_checkpoint
from chaos_lightning.models import ImageGenerator

FOLDER = Path(__file__).parent / "version_0_1_0"
CLOSE = {"rtol": 1e-10, "atol": 1e-12}  # processors round differently; on one the numbers are equal


def cosine(optimizer):
    return torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=20)


KINDS = {
    "one_layer": (ContrastiveHebbian(), {}),
    "two_layer_centred": (
        CentredHebbian(bias_rate=3.0, reclamp=True, l1=0.01, centering=0.1),
        {"optimizer": partial(torch.optim.Adam, lr=1e-3), "lr_scheduler": cosine},
    ),
    "two_layer_python": (CentredHebbian(), {"optimizer": partial(torch.optim.SGD, lr=1e-3)}),
    "three_layer_noise": (
        ContrastiveHebbian(bias_rate=2.0, reclamp=True),
        {"optimizer": partial(torch.optim.SGD, lr=3e-3, momentum=0.9)},
    ),
    "boltzmann_machine": (None, {}),
}
"""Name of the files to the learning rule that they must turn into, and settings to go on with."""


@pytest.fixture(scope="module")
def expected():
    return torch.load(FOLDER / "expected.pt", weights_only=True)


def loaded(file):
    return ImageGenerator.load_from_checkpoint(FOLDER / file).double()


@pytest.mark.parametrize("kind", KINDS)
def test_the_same_images_are_sampled(kind, expected):
    torch.testing.assert_close(loaded(f"{kind}_step_20.ckpt").sample(7, seed=1), expected[kind], **CLOSE)


@pytest.mark.parametrize("kind", [kind for kind in KINDS if KINDS[kind][0]])
def test_flat_settings_become_a_learning_rule(kind):
    assert loaded(f"{kind}_step_10.ckpt").rule == KINDS[kind][0]


@pytest.mark.parametrize("ending", ["ckpt", "safetensors"])
def test_every_task_is_done_as_before_also_with_exported_weights(ending, expected):
    kind = "two_layer_centred"
    model = loaded(f"{kind}_step_20.{ending}")
    images = FewPixels(num_validation=40).test.images[:5].double()
    mask = torch.zeros(5, 5, dtype=torch.bool)
    mask[3:] = True
    answers = {
        kind: model.sample(7, seed=1),
        f"{kind}_asked": model.sample(7, seed=1, labels=[1, 0]),
        f"{kind}_read": model.classify(images, num_samples=3, seed=2),
        f"{kind}_completed": model.complete(images, mask, num_samples=3, seed=2),
    }
    for name, answer in answers.items():
        torch.testing.assert_close(answer, expected[name], **CLOSE)


@pytest.mark.parametrize("kind", KINDS)
def test_a_run_goes_on_to_the_same_weights(kind):
    settings = {"seed": 3} if kind == "two_layer_python" else {}
    model = ImageGenerator.load_from_checkpoint(FOLDER / f"{kind}_step_10.ckpt", **KINDS[kind][1])
    with torch.no_grad():
        for parameter in model.trainable():
            parameter.zero_()  # the weights must come from the file once more
    data = FewPixels(batch_size=40, num_validation=40, **settings)
    trainer = quiet_trainer(max_steps=20, precision="64-true")
    trainer.fit(model, datamodule=data, ckpt_path=FOLDER / f"{kind}_step_10.ckpt")
    assert trainer.global_step == 20
    end = read_checkpoint(FOLDER / f"{kind}_step_20.ckpt")["state_dict"]
    assert end.keys() == model.state_dict().keys()
    for name, weight in end.items():
        torch.testing.assert_close(model.state_dict()[name], weight, **CLOSE)


def test_lightning_alone_reads_them_too():
    """Without the package's own reader of files, which a plain Trainer does not have."""
    model = loaded("one_layer_step_10.ckpt")
    Trainer(accelerator="cpu", logger=False, enable_progress_bar=False, precision="64-true").validate(
        model, datamodule=FewPixels(num_validation=40), ckpt_path=FOLDER / "one_layer_step_20.ckpt", verbose=False
    )
    end = read_checkpoint(FOLDER / "one_layer_step_20.ckpt")["state_dict"]
    assert torch.equal(model.network.biases[0], end["network.biases.0"])
