"""The metrics of chains: against NumPy, in batches, merged, pickled, and on two processes."""

import copy
import math
import pickle

import matplotlib
import numpy as np
import pytest
import torch
from gloo import on_two_processes
from torchmetrics import MetricCollection

from chaos_lightning import dynamics, functional
from chaos_lightning.functional import SampleCountError
from chaos_lightning.functional.activity import REST_TOLERANCE
from chaos_lightning.metrics import LyapunovExponent, ParticipationRatio, RestingFraction

matplotlib.use("Agg")
NUM_UNITS = 13
COUNT = 53


def numbers(*shape, seed):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


RATES = torch.tanh(numbers(COUNT, NUM_UNITS, seed=1) * torch.linspace(0.1, 2, NUM_UNITS))
SPEEDS = 10 ** (numbers(COUNT, seed=2) - 3)
EXPONENTS = 0.01 * numbers(COUNT, seed=3) + 0.02

METRICS = {
    "lyapunov": (LyapunovExponent, EXPONENTS, lambda values: values.double().mean()),
    "participation": (lambda: ParticipationRatio(NUM_UNITS), RATES, functional.participation_ratio),
    "resting": (RestingFraction, SPEEDS, functional.resting_fraction),
}


@pytest.fixture(params=METRICS)
def name(request):
    return request.param


@pytest.fixture
def metric(name):
    return METRICS[name][0]()


@pytest.fixture
def data(name):
    return METRICS[name][1]


@pytest.fixture
def expected(name):
    _, data, function = METRICS[name]
    return function(data)


def feed(metric, data, batch=COUNT):
    for part in data.split(batch):
        metric.update(part)
    return metric


def collection():
    return MetricCollection([LyapunovExponent(), ParticipationRatio(NUM_UNITS), RestingFraction()])


# Values


def test_values_agree_with_numpy():
    lyapunov = feed(LyapunovExponent(), EXPONENTS, batch=7)
    assert lyapunov.compute().item() == pytest.approx(EXPONENTS.double().numpy().mean(), rel=1e-12)
    standard_error = EXPONENTS.double().numpy().std(ddof=1) / COUNT**0.5
    assert lyapunov.standard_error.item() == pytest.approx(standard_error, rel=1e-12)

    eigenvalues = np.linalg.eigvalsh(np.cov(RATES.double().numpy(), rowvar=False, bias=True))
    ratio = feed(ParticipationRatio(NUM_UNITS), RATES, batch=7).compute()
    assert ratio.item() == pytest.approx(eigenvalues.sum() ** 2 / (eigenvalues**2).sum(), rel=1e-10)

    resting = feed(RestingFraction(0.002), SPEEDS, batch=7).compute()
    assert resting.item() == (SPEEDS.numpy() < 0.002).mean()
    assert 0 < resting < 1


def test_one_chain_has_an_exponent_without_an_error():
    metric = LyapunovExponent()
    metric.update(torch.tensor([0.25]))
    assert metric.compute() == 0.25
    assert metric.standard_error.isnan()


def test_rates_that_do_not_vary_fill_no_direction():
    metric = ParticipationRatio(5)
    for _ in range(11):
        metric.update(torch.full((1, 5), 0.1))
    assert metric.compute() == 0


def test_default_tolerance_is_that_of_the_dynamics():
    assert RestingFraction().tolerance == REST_TOLERANCE


def test_two_tolerances_fit_into_one_collection():
    collection = MetricCollection({"fine": RestingFraction(1e-3), "coarse": RestingFraction(1e-1)})
    for speeds in ([1.0, 1.0], [0.01, 0.01]):  # equal states after the first
        collection.update(speeds=torch.tensor(speeds))
    assert collection.compute() == {"fine": 0.0, "coarse": 0.5}


def test_measures_of_a_network_in_batches_of_chains():
    """From chains to metrics, all in one collection: strong symmetric couplings bring a network to rest."""
    network = dynamics.ChaoticNetwork([NUM_UNITS, 11], gain=0.5, seed=1)
    metrics = collection()
    for first_chain in (0, 5):
        state = dynamics.run_chains(network, 0.1, 5, [1000], seed=[1], first_chain=first_chain)[0]
        run = dynamics.lyapunov_exponents(network, 5, duration=500, transient=500, seed=[1], first_chain=first_chain)
        speeds = dynamics.chain_speeds(network, state.potentials)
        metrics.update(rates=state.rates[0], speeds=speeds, exponents=run.exponents)
    values = metrics.compute()
    assert values["LyapunovExponent"] < 0
    assert values["RestingFraction"] == 1
    assert values["ParticipationRatio"] == 0


# What every metric must do


@pytest.mark.parametrize("batch", [COUNT, 6, 1])
def test_batches_of_any_size_agree_with_the_function(metric, data, expected, batch):
    value = feed(metric, data, batch).compute()
    assert value.dtype == torch.float64
    assert value.shape == ()
    torch.testing.assert_close(value, expected, rtol=1e-10, atol=0)


def test_forward_returns_the_value_so_far(metric, name, data, expected):
    torch.testing.assert_close(metric(data[:29]), METRICS[name][2](data[:29]), rtol=1e-10, atol=0)
    torch.testing.assert_close(metric(data[29:]), expected, rtol=1e-10, atol=0)
    metric(data[:0])
    torch.testing.assert_close(metric.compute(), expected, rtol=1e-10, atol=0)


def test_forward_is_nan_while_there_are_too_few(metric, data, expected):
    assert metric(data[:0]).isnan()
    value = metric(data[:1])
    assert value.isnan() == isinstance(metric, ParticipationRatio)
    metric(data[1:])
    torch.testing.assert_close(metric.compute(), expected, rtol=1e-10, atol=0)


def test_a_refused_batch_leaves_what_was_there(metric, data, expected):
    feed(metric, data)
    with pytest.raises(ValueError, match="NaN"):
        metric(data * torch.nan)
    torch.testing.assert_close(metric.compute(), expected, rtol=1e-10, atol=0)


def test_merged_states_agree_with_one_metric(metric, data, expected):
    other = copy.deepcopy(metric)
    feed(other, data[:29])
    feed(metric, data[29:]).compute()
    metric.merge_state(other)
    torch.testing.assert_close(metric.compute(), expected, rtol=1e-10, atol=0)


def test_reset_forgets_everything(metric, data, expected):
    feed(metric, data[:7]).compute()
    metric.reset()
    assert getattr(metric, "standard_error", None) is None
    with pytest.raises(SampleCountError, match="needed, got 0"), pytest.warns(UserWarning, match="before"):
        metric.compute()
    torch.testing.assert_close(feed(metric, data).compute(), expected)


def test_pickle_clone_and_device(metric, data, expected):
    feed(metric, data)
    for again in (pickle.loads(pickle.dumps(metric)), metric.clone(), copy.deepcopy(metric), metric.to("cpu")):
        torch.testing.assert_close(again.compute(), expected)
    assert all(state.is_meta for state in metric.to("meta").metric_state.values())


def test_state_dict(metric, name, data, expected):
    assert not metric.state_dict()
    metric.persistent(True)
    feed(metric, data)
    again = METRICS[name][0]()
    again.persistent(True)
    again.load_state_dict(metric.state_dict())
    again.update(data[:0])
    torch.testing.assert_close(again.compute(), expected)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
def test_other_floating_dtypes(metric, name, data, dtype):
    value = feed(metric.half(), data.to(dtype)).compute()
    torch.testing.assert_close(value, METRICS[name][2](data.to(dtype).float()), rtol=1e-6, atol=0)


def test_inference_mode_and_autocast_change_nothing(metric, data, expected):
    with torch.inference_mode(), torch.autocast("cpu", dtype=torch.bfloat16):
        feed(metric, data[:29])
    torch.testing.assert_close(feed(metric, data[29:]).compute(), expected, rtol=1e-10, atol=0)


def test_plot(metric, data):
    figure, _ = feed(metric, data).plot()
    matplotlib.pyplot.close(figure)


# Errors


@pytest.mark.parametrize(
    ("make", "bad", "message"),
    [
        (LyapunovExponent, torch.zeros(3, 1), r"\(chains,\), got \(3, 1\)"),
        (LyapunovExponent, torch.tensor([0.1, -torch.inf]), "infinite"),
        (RestingFraction, torch.tensor(0.1), r"\(chains,\), got \(\)"),
        (RestingFraction, torch.tensor([0.1, -0.2]), "0 or more"),
        (lambda: ParticipationRatio(5), torch.zeros(3, 7), "7 units"),
        (lambda: ParticipationRatio(5), torch.zeros(5), "shape"),
        (lambda: ParticipationRatio(5), torch.full((3, 5), 1.5), "the potentials"),
    ],
)
def test_bad_values_are_refused(make, bad, message):
    with pytest.raises(ValueError, match=message):
        make().update(bad)


@pytest.mark.parametrize("bad", [torch.zeros(3, dtype=torch.long), [0.1, 0.2]])
def test_what_is_no_floating_tensor_is_refused(metric, bad):
    with pytest.raises(TypeError):
        metric.update(bad)


def test_one_sample_has_no_covariance():
    metric = ParticipationRatio(NUM_UNITS)
    metric.update(RATES[:1])
    with pytest.raises(SampleCountError, match="at least 2 samples needed, got 1"):
        metric.compute()


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: ParticipationRatio(0), "num_units"),
        (lambda: RestingFraction(0.0), "tolerance"),
        (lambda: RestingFraction(math.nan), "tolerance"),
    ],
)
def test_bad_arguments_are_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()


# Two processes, joined by gloo


def work(rank):
    """19 chains on rank 0 and 34 on rank 1; then all on rank 0."""
    values = []
    for first_share in (19, COUNT):
        share = slice(0, first_share) if rank == 0 else slice(first_share, COUNT)
        metrics = collection()
        metrics.update(rates=RATES[share], speeds=SPEEDS[share], exponents=EXPONENTS[share])
        values.append({name: value.item() for name, value in metrics.compute().items()})
        values[-1]["standard_error"] = metrics["LyapunovExponent"].standard_error.item()
    return values


def test_two_processes_agree_with_one():
    metrics = collection()
    metrics.update(rates=RATES, speeds=SPEEDS, exponents=EXPONENTS)
    alone = {name: value.item() for name, value in metrics.compute().items()}
    alone["standard_error"] = metrics["LyapunovExponent"].standard_error.item()
    for by_share in on_two_processes(work):
        for values in by_share:
            assert values == pytest.approx(alone, rel=1e-10, abs=0)
