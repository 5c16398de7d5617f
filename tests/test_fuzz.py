"""Settings of any kind: a command does its work, or says in a sentence what was wrong with them."""

import contextlib
import io
import math
import os
import tempfile
import warnings

import pytest
import torch
import yaml
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from chaos_lightning import ChaoticGenerator
from chaos_lightning.commands import main
from chaos_lightning.dynamics import Stream
from chaos_lightning.learning import Phases, hebbian_difference

# Without shrinking: an example takes a second.
QUICK = settings(max_examples=4, deadline=None, derandomize=True, phases=[Phase.generate])
LONG = settings(QUICK, max_examples=300, derandomize=False)

ANY_NUMBER = st.one_of(st.integers(-3, 3), st.floats(width=32), st.sampled_from([1e-30, 1e30, 0.1, 10]))
ANY_WORD = st.sampled_from(["null", "true", "", "tanh", "hardtanh", "relu", "Adam", "[]", "{}", "28", "-1", "SGD", "ÿ"])
CHAOS_ABOVE = "[{lower: 0, upper: 1}, {lower: 1, upper: 1, gain_down: 2, learned: false}]"
SENSIBLE = {
    "model.hidden_units": st.integers(1, 5),
    "model.num_chains": st.integers(1, 9),
    "model.gain": st.floats(0, 5),
    "model.num_classes": st.just(10),
    "model.held_label_share": st.floats(0, 0.5),
    "model.held_pixel_share": st.floats(0, 0.5, exclude_max=True),
    "model.rule": st.sampled_from(["ContrastiveHebbian", "CentredHebbian"]),
    "model.rule.reclamp": st.booleans(),
    "model.rule.bias_rate": st.floats(0, 20, exclude_min=True),
    "model.rule.rate_unit": st.sampled_from(["1", "1/sqrt(N)", "1/N"]),
    "model.wiring": st.sampled_from(["null", "[{lower: 0, upper: 1, gain_down: 0}]", CHAOS_ABOVE]),
    "model.rate": st.sampled_from(["tanh", "hardtanh"]),
    "data.batch_size": st.sampled_from([1, 2, 7, 4000]),
    "data.num_eval_images": st.sampled_from([2, 3, 31]),
    "data.eval_batch_size": st.integers(1, 40),
    "data.num_validation": st.sampled_from([31, 40]),
    "trainer.max_steps": st.integers(0, 3),
    "trainer.max_epochs": st.integers(1, 2),
    "trainer.val_check_interval": st.integers(1, 3),
    "trainer.precision": st.sampled_from(["bf16-mixed", "64-true", "32-true"]),
    "trainer.log_every_n_steps": st.integers(0, 3),
    "pictures.num_images": st.integers(1, 5),
    "checkpoint.every_n_train_steps": st.integers(1, 3),
}
WILD = {name: st.one_of(ANY_NUMBER, ANY_WORD) for name in [*SENSIBLE, "model.dt", "model.tau", "model.sampling_time"]}
WILD |= {"model.seed": ANY_NUMBER, "seed_everything": ANY_NUMBER}
WILD |= dict.fromkeys(("model.optimizer", "model.lr_scheduler", "data.data_dir"), ANY_WORD)
WILD |= {"model.measure_times": st.lists(st.one_of(st.floats(-10, 100), st.sampled_from([5, 10, "x"]))).map(str)}


def is_little_work(chosen):
    """Whether settings do not ask for hours of work, which is no fault."""
    most = {"trainer.max_steps": 3, "trainer.max_epochs": 3, "pictures.num_images": 100, "model.hidden_units": 1000}
    most |= {"model.num_chains": 1000, "model.sampling_time": 1000}
    numbers = {name: value for name, value in chosen.items() if isinstance(value, (int, float))}
    endless = str(chosen.get("trainer.max_steps")) in ("-1", "-1.0") or 0 < numbers.get("model.dt", 1) < 0.01
    return not endless and not any(most.get(name, math.inf) < value < math.inf for name, value in numbers.items())


def outcome(arguments):
    """The exit status of a command that runs in an empty folder, and what it said."""
    before = os.getcwd()
    errors = io.StringIO()
    status = 0
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        os.chdir(folder)
        try:
            with contextlib.redirect_stderr(errors), contextlib.redirect_stdout(io.StringIO()):
                main(arguments)
        except SystemExit as exit_:
            status = exit_.code or 0
        finally:
            os.chdir(before)
            torch.set_grad_enabled(True)
            torch.set_default_dtype(torch.float32)
    return status, errors.getvalue()


def check(arguments):
    status, errors = outcome(arguments)
    assert status in (0, 1, 2), (status, errors)
    assert "Traceback" not in errors, errors
    assert status == 0 or "error:" in errors, errors


def fit(chosen):
    base = {
        "model.dt": 5, "model.sampling_time": 10, "model.measure_times": "[]", "data.batch_size": 1000,
        "data.num_eval_images": 5, "data.num_validation": 40, "pictures.num_images": 2, "trainer.max_steps": 2,
        "model.hidden_units": 3, "model.num_classes": 10, "model.rule": "ContrastiveHebbian",
        "trainer.accelerator": "cpu", "trainer.enable_progress_bar": "false",
        "trainer.enable_model_summary": "false",
    }  # fmt: skip
    return ["fit", *(f"--{name}={value}" for name, value in {**base, **chosen}.items())]


def sensible_settings_train(chosen):
    """One unit, batches of one image, of all images, a last batch that is not full: all of it works."""
    status, errors = outcome(fit(chosen))
    assert status == 0, errors


def any_settings_are_used_or_refused(chosen):
    if is_little_work(chosen):
        check(fit(chosen))


def any_file_is_used_or_refused(content):
    with tempfile.NamedTemporaryFile("w", suffix=".yaml") as file:
        file.write(content)
        file.flush()
        check(["fit", "--config", file.name, *fit({})[1:]])


some_sensible = st.fixed_dictionaries({}, optional=SENSIBLE)
some_wild = st.fixed_dictionaries({}, optional=WILD).flatmap(
    lambda chosen: (
        st.sets(st.sampled_from(sorted(chosen)), max_size=3).map(lambda names: {n: chosen[n] for n in names})
        if chosen
        else st.just({})
    )
)
plain = st.one_of(st.none(), st.booleans(), ANY_NUMBER, ANY_WORD)
sections = st.sampled_from(
    ["model", "data", "trainer", "checkpoint", "pictures", "alarms", "seed_everything", "nonsense"]
)
nested = st.recursive(
    plain,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(st.sampled_from(["class_path", "init_args", "gain", "batch_size", "max_steps", "x"]), inner),
    ),
    max_leaves=5,
)
files = st.one_of(st.text(max_size=40), st.dictionaries(sections, nested, max_size=3).map(yaml.safe_dump))

CASES = [
    (sensible_settings_train, some_sensible),
    (any_settings_are_used_or_refused, some_wild),
    (any_file_is_used_or_refused, files),
]


@pytest.mark.parametrize(("case", "strategy"), CASES, ids=[case.__name__ for case, _ in CASES])
@pytest.mark.parametrize("profile", [QUICK, pytest.param(LONG, marks=pytest.mark.slow)], ids=["quick", "long"])
def test_the_command_line(case, strategy, profile):
    # The decorators give the function its arguments, which pytest must not take for fixtures.
    profile(given(strategy)(case))()


@settings(QUICK, max_examples=40)
@given(
    layer_sizes=st.tuples(st.sampled_from([1, 4, 9]), st.lists(st.integers(1, 4), max_size=2)).map(
        lambda sizes: [sizes[0], *sizes[1]]
    ),
    num_images=st.integers(1, 4),
    num_chains=st.integers(1, 4),
    gain=st.floats(0, 100),
    num_steps=st.integers(1, 5),
)
def test_networks_of_any_size_run_and_learn(layer_sizes, num_images, num_chains, gain, num_steps):
    model = ChaoticGenerator(layer_sizes, gain=gain, dt=5.0, sampling_time=5.0 * num_steps)
    images = torch.rand(num_images, layer_sizes[0]) * 2 - 1
    starts = {
        Stream.CLAMPED_PHASE: model.start(num_images, seed=(0,)),
        Stream.FREE_PHASE: model.start(num_chains, seed=(1,)),
    }
    clamped, free = Phases(model.network, model.clock, images, starts).clamped_and_free()
    couplings, biases = hebbian_difference(model.network.pairs, clamped.rates, free.rates)
    for difference, parameter in zip([*couplings, *biases], model.network.trainable(), strict=True):
        assert difference.shape == parameter.shape
        assert difference.isfinite().all()
        assert difference.abs().max() <= 2
    assert model.sample(num_chains, seed=0).abs().max() <= 1
