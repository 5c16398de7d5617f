"""Each alarm sounds in a training that has its failure, once, and not in a healthy one."""

import os
import re
import subprocess
import sys
import time
import warnings

import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from chaos_lightning import MNISTDataModule, TwoLayer
from chaos_lightning.callbacks import TrainingAlarms
from chaos_lightning.callbacks.alarms import IMAGES_LOOKED_AT
from chaos_lightning.callbacks.signatures import Reading, Thresholds, plateau
from chaos_lightning.commands import main
from chaos_lightning.commands.cli import ChaosCLI
from chaos_lightning.functional import class_coverage, nearest_labels
from chaos_lightning.metrics import WarningSigns
from chaos_lightning.metrics.catalogue import ERRORS
from chaos_lightning.models import TrainingDivergedError

TINY = [
    *("--model.hidden_units", "101", "--model.dt", "5", "--model.measure_times", "[]", "--data.batch_size", "20"),
    *("--data.num_eval_images", "100", "--pictures.num_images", "4", "--trainer.log_every_n_steps", "1"),
    *("--trainer.enable_progress_bar", "false", "--trainer.enable_model_summary", "false"),
]
ALARMS = ("are noise", "have collapsed", "are inverted", "on a plateau", "about to diverge")


def train(folder, monkeypatch, *arguments, prepare=None):
    """Run fit; the alarms that sounded, in order, and the command line object."""
    monkeypatch.chdir(folder)
    if prepare is not None:
        monkeypatch.setattr(TwoLayer, "on_fit_start", prepare, raising=False)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        cli = ChaosCLI(["fit", *TINY, *arguments])
    return [str(warning.message) for warning in caught if any(text in str(warning.message) for text in ALARMS)], cli


def scalars(folder, tag):
    events = EventAccumulator(str(folder / "logs" / "runs" / "version_0"))
    events.Reload()
    return {event.step: event.value for event in events.Scalars(tag)}


FROZEN = ("--model.optimizer", "SGD", "--model.optimizer.lr", "0")


def test_a_network_that_does_not_learn_makes_noise_and_a_plateau_and_says_each_once(tmp_path, monkeypatch):
    arguments = ("--trainer.max_steps", "6", "--trainer.val_check_interval", "1", "--alarms.plateau_patience", "3")
    said, _ = train(tmp_path, monkeypatch, *FROZEN, *arguments)
    assert len(said) == 2
    assert said[0].startswith("At step 2 the samples are noise: neighbouring pixels correlate by")
    assert said[1].startswith("At step 4 training is on a plateau: in the last 3 validations no measure came 2% below")
    assert all("learning rate (now 0)" in text for text in said)
    correlations = scalars(tmp_path, "signs/neighbour_correlation")
    assert len(correlations) == 6
    assert all(abs(value) < 0.05 for value in correlations.values())
    assert len(scalars(tmp_path, "signs/largest_potential")) == 6


def digit(model, sign):
    """Set a network to one image, whatever its start: no couplings, and a bias that makes the image."""
    image = MNISTDataModule().validation.images[0].flatten()
    for parameter in model.network.parameters():
        parameter.data.zero_()
    model.network.biases[0].data.copy_(sign * 3 * image)


def test_a_network_with_one_image_has_collapsed(tmp_path, monkeypatch):
    arguments = ("--trainer.max_steps", "2", "--trainer.val_check_interval", "1")
    said, _ = train(tmp_path, monkeypatch, *FROZEN, *arguments, prepare=lambda model: digit(model, 1))
    (text,) = said
    assert "At step 2 the samples have collapsed: 100% of the samples are nearly identical to another" in text
    assert "10% of the classes occur" in text
    assert "Lower the learning rate (now 0) or let it decay, raise the gain or the batch size" in text


def zeros(model):
    """Set a network to many images of a zero: a single time step makes random mixtures of some from hidden units."""
    data = MNISTDataModule().validation
    images = data.images[data.labels == 0].flatten(1)[:20]
    for parameter in model.network.parameters():
        parameter.data.zero_()
    model.network.biases[0].data.copy_(6 * images.mean(dim=0))
    model.network.connections[0].learned.data[:, :20] = 6 * (images - images.mean(dim=0)).T / 20**0.5


def test_a_network_with_one_class_has_collapsed_even_if_its_images_differ(tmp_path, monkeypatch):
    arguments = ("--trainer.max_steps", "2", "--trainer.val_check_interval", "1", "--model.sampling_time", "5")
    said, _ = train(tmp_path, monkeypatch, *FROZEN, *arguments, prepare=zeros)
    (text,) = said
    assert re.match(r"At step 2 the samples have collapsed: [1-4]0% of the classes occur \(limit 50%\)\. Lower", text)
    assert scalars(tmp_path, "signs/identical_share")[1] < 0.1


def test_a_network_with_a_negative_is_inverted(tmp_path, monkeypatch):
    arguments = ("--trainer.max_steps", "2", "--trainer.val_check_interval", "1")
    said, _ = train(tmp_path, monkeypatch, *FROZEN, *arguments, prepare=lambda model: digit(model, -1))
    (text,) = (text for text in said if "100% of the samples are inverted" in text)
    assert "Lower the learning rate (now 0)" in text
    assert scalars(tmp_path, "signs/inverted_share")[1] == 1


def test_a_learning_rate_that_is_too_high_is_said_before_training_diverges(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    arguments = ("--model.optimizer", "SGD", "--model.optimizer.lr", "5", "--trainer.val_check_interval", "1000")
    with (
        pytest.warns(UserWarning, match=r"about to diverge: the largest potential is .* \(limit 1000;.*now 5\)"),
        pytest.raises(TrainingDivergedError),
    ):
        ChaosCLI(["fit", *TINY, *arguments, "--trainer.max_steps", "1000"])


def test_an_alarm_that_is_over_says_so(tmp_path, monkeypatch, caplog):
    """The network starts with the collapsed state and is given back its chaos after two validations."""

    def recover(callback, trainer, model):
        if trainer.global_step == 3:
            model.network.load_state_dict(TwoLayer(hidden_units=101).network.state_dict())

    monkeypatch.setattr(TrainingAlarms, "on_validation_start", recover)
    with caplog.at_level("INFO"):
        arguments = ("--trainer.max_steps", "3", "--trainer.val_check_interval", "1")
        said, _ = train(tmp_path, monkeypatch, *FROZEN, *arguments, prepare=lambda model: digit(model, 1))
    assert [text for text in said if "collapsed" in text] == [said[0]]
    over = [record.getMessage() for record in caplog.records if "is over" in record.getMessage()]
    assert over == ["At step 3 the alarm about collapse is over."]


def test_what_one_validation_shows_may_pass(tmp_path, monkeypatch):
    def recover(callback, trainer, model):
        if trainer.global_step == 2:
            model.network.load_state_dict(TwoLayer(hidden_units=101).network.state_dict())

    monkeypatch.setattr(TrainingAlarms, "on_validation_start", recover)
    arguments = ("--trainer.max_steps", "2", "--trainer.val_check_interval", "1")
    said, _ = train(tmp_path, monkeypatch, *FROZEN, *arguments, prepare=lambda model: digit(model, 1))
    assert said == []
    assert scalars(tmp_path, "signs/identical_share")[1] == 1


def test_alarms_can_be_switched_off(tmp_path, monkeypatch):
    arguments = ("--trainer.max_steps", "2", "--trainer.val_check_interval", "1", "--alarms.enabled", "false")
    said, _ = train(tmp_path, monkeypatch, *FROZEN, *arguments, prepare=lambda model: digit(model, -1))
    assert said == []
    with pytest.raises(KeyError):
        scalars(tmp_path, "signs/inverted_share")


def test_too_few_images_raise_no_alarm(tmp_path, monkeypatch):
    arguments = ("--trainer.max_steps", "2", "--trainer.val_check_interval", "1", "--data.num_eval_images", "31")
    said, _ = train(tmp_path, monkeypatch, *FROZEN, *arguments, prepare=lambda model: digit(model, -1))
    assert said == []


def test_a_resumed_run_neither_repeats_an_alarm_nor_forgets_a_plateau(tmp_path, monkeypatch):
    common = ("--trainer.val_check_interval", "1", "--alarms.plateau_patience", "3", "--trainer.logger.version", "0")
    first, _ = train(tmp_path, monkeypatch, *FROZEN, *common, "--trainer.max_steps", "3")
    second, _ = train(tmp_path, monkeypatch, *FROZEN, *common, "--trainer.max_steps", "5", "--ckpt_path", "last")
    assert [text.split(":")[0] for text in first] == ["At step 2 the samples are noise"]
    assert [text.split(":")[0] for text in second] == ["At step 4 training is on a plateau"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--alarms.plateau_patience", "0"], "plateau_patience must be at least 1"),
        (["--alarms.most_inverted", "50"], "most_inverted must be a share from 0 to 1"),
    ],
)
def test_bad_settings_are_refused(tmp_path, monkeypatch, capsys, arguments, message):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit) as exit_:
        main(["fit", *arguments])
    assert exit_.value.code == 1
    assert message in capsys.readouterr().err


def reading(values, floor=1e-4):
    errors = [dict.fromkeys(ERRORS, value) for value in values]
    return Reading({}, errors, dict.fromkeys(ERRORS, floor), 0.1)


@pytest.mark.parametrize(
    ("values", "is_plateau"),
    [
        ([1.0, 1.0, 1.0], False),  # no validation before the last three
        ([1.0, 1.0, 1.1, 0.99], True),
        ([1.0, 0.97, 1.0, 1.0], False),
        ([1.0, 0.97, 1.0, 1.0, 1.0], True),
        ([1.5e-4, 1.5e-4, 1.5e-4, 1.5e-4], False),  # at the floor
    ],
)
def test_plateau_needs_some_validations_without_progress(values, is_plateau):
    thresholds = Thresholds(0.3, 0.5, 0.75, 0.5, plateau_patience=3, largest_potential=1e3)
    assert (plateau(reading(values), thresholds) is not None) == is_plateau


def test_signs_of_real_images_are_healthy_and_do_not_depend_on_batches():
    data = MNISTDataModule()
    real, labels, others = data.validation.images[:300], data.validation.labels[:300], data.test.images[:300]
    signs = {}
    for sizes in ([300], [1, 106, 193]):
        metric = WarningSigns((1, 28, 28))
        for parts in zip(*(rows.split(sizes) for rows in (real, labels, others)), strict=True):
            metric.update(*parts)
        signs[len(sizes)] = {name: float(value) for name, value in metric.compute().items()}
    assert signs[1] == signs[3]
    assert signs[1]["neighbour_correlation"] > 0.7
    assert signs[1]["identical_share"] < 0.05
    assert signs[1]["inverted_share"] < 0.02
    found = nearest_labels(others, real, labels)
    assert signs[1]["class_share"] == class_coverage(found.bincount(minlength=10), labels.bincount()) / 10


@pytest.mark.slow
def test_signs_cost_little_beside_the_measures():
    """Less than an eighth of the measures of 1,000 images at four times, which in turn are little beside training."""
    data = MNISTDataModule()
    model = TwoLayer(dt=5.0)
    images = model.sample(1000, times=model.measure_times, seed=0)
    start = time.perf_counter()
    model._start_measuring("val")
    model._stage_measures["val"].update(data.validation.images, images, data.train.images[:1000])
    model._stage_measures["val"].compute("val", 0, 100.0, 1000)
    measures = time.perf_counter() - start
    start = time.perf_counter()
    metric = WarningSigns((1, 28, 28))
    batch = (data.validation.images, data.validation.labels, images[100.0])
    metric.update(*(rows[:IMAGES_LOOKED_AT] for rows in batch))
    metric.compute()
    assert time.perf_counter() - start < measures / 8


@pytest.mark.slow
def test_two_processes_see_the_signs_of_one(tmp_path):
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    signs = {}
    for devices in ("1", "2"):
        folder = tmp_path / devices
        folder.mkdir()
        arguments = ("--trainer.max_steps", "1", "--trainer.val_check_interval", "1", "--data.num_eval_images", "1000")
        command = [sys.executable, "-m", "chaos_lightning", "fit", *TINY, *FROZEN, *arguments]
        command += ["--trainer.accelerator", "cpu", "--trainer.devices", devices]
        subprocess.run(command, cwd=folder, env=environment, check=True, timeout=120)
        names = ("neighbour_correlation", "class_share", "identical_share", "inverted_share")
        signs[devices] = [scalars(folder, f"signs/{name}")[1] for name in names]
    assert signs["2"] == pytest.approx(signs["1"], abs=2e-3)


QUICKSTART = [
    *("--data.num_eval_images", "500", "--model.measure_times", "[]"),
    *("--trainer.enable_progress_bar", "false"),
]


@pytest.mark.slow
@pytest.mark.parametrize("seed", ["0", "1"])
def test_a_healthy_quickstart_raises_no_alarm(tmp_path, monkeypatch, recwarn, request, seed):
    config = request.config.rootpath / "configs" / "quickstart.yaml"
    monkeypatch.chdir(tmp_path)
    main(["fit", "--config", str(config), *QUICKSTART, "--seed_everything", seed])
    assert not [str(warning.message) for warning in recwarn if any(text in str(warning.message) for text in ALARMS)]


@pytest.mark.slow
def test_by_the_published_rule_adam_with_its_default_eps_raises_the_alarms(tmp_path, monkeypatch, recwarn, request):
    config = request.config.rootpath / "configs" / "quickstart.yaml"
    monkeypatch.chdir(tmp_path)
    published_rule = ["--model.rule", "null", "--model.optimizer.lr", "2e-3"]
    main(["fit", "--config", str(config), *QUICKSTART, *published_rule, "--model.optimizer.eps", "1e-8"])
    said = [str(warning.message) for warning in recwarn]
    assert any("have collapsed" in text for text in said)
