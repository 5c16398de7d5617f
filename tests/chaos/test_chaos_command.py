"""The command chaos: what its page and its file hold, and what it refuses."""

import base64
import json
import re

import matplotlib
import pytest
import torch
from half_bright import FewPixels
from small_networks import quiet_trainer

from chaos_lightning import ChaoticGenerator, TwoLayer
from chaos_lightning.chaos.comparison import Row, Value, disagreement
from chaos_lightning.chaos.sampling import SamplingRun
from chaos_lightning.commands import main
from chaos_lightning.dynamics import (
    ChaoticNetwork,
    FiniteTimeExponents,
    Stream,
    autocorrelations,
    chain_overlaps,
    lyapunov_spectrum,
    replica_divergence,
)
from chaos_lightning.theory import mean_field

FIGURES = ["long_run", "sampling", "pairs"]
SHORT = {"tau": 10.0, "dt": 5.0, "sampling_time": 40.0}


def numbers(folder):
    return json.loads((folder / "chaos.json").read_text())


@pytest.fixture(scope="module")
def untrained(tmp_path_factory):
    """Page of an untrained network, and what the command printed."""
    folder = tmp_path_factory.mktemp("untrained")
    before = dict(matplotlib.rcParams)
    clock = [word for name, value in SHORT.items() for word in (f"--{name}", str(value))]
    main(["chaos", "--sizes", "[43,31]", "--gain", "3", *clock, "--num_chains", "3", "--output", str(folder)])
    assert dict(matplotlib.rcParams) == before
    return folder


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """Page of a network that was trained for a moment, and its checkpoint."""
    folder = tmp_path_factory.mktemp("trained")
    model, trainer = TwoLayer(25, 13, gain=2.0, seed=3, **SHORT), quiet_trainer(max_steps=20)
    trainer.fit(model, datamodule=FewPixels(batch_size=40, num_validation=60, seed=3))
    trainer.save_checkpoint(folder / "some.ckpt")
    main(["chaos", "--ckpt_path", str(folder / "some.ckpt"), "--num_chains", "3", "--output", str(folder / "out")])
    return folder / "out", folder / "some.ckpt"


def test_the_page_needs_no_other_file_and_holds_every_figure(untrained, trained):
    for folder in (untrained, trained[0]):
        page = (folder / "index.html").read_text()
        assert not re.search(r"https?://|<script|<link|@import", page)
        embedded = re.findall(r'src="data:image/png;base64,([^"]+)"', page)
        assert [base64.b64decode(text) for text in embedded] == [
            (folder / f"{name}.png").read_bytes() for name in FIGURES
        ]
        links = set(re.findall(r'href="([^"]+)"', page))
        assert links == {path.name for path in folder.iterdir() if path.name != "index.html"}
        assert "mean-field theory" in page
    assert "20 training steps" in page
    assert "have decided for their class" in page
    assert "in the same class" in page


def test_numbers_of_the_long_run_are_those_of_theory_and_of_the_network(untrained):
    written, network = numbers(untrained), ChaoticNetwork([43, 31], gain=3.0, seed=0)
    clock = {"dt": 5.0, "tau": 10.0, "seed": (0, Stream.SAMPLING)}
    theory = mean_field([43, 31], gain=3.0, dt=5.0, tau=10.0)
    spectrum = lyapunov_spectrum(network, 3, duration=600, transient=400, **clock)
    curves = autocorrelations(network, 3, duration=1000, transient=500, longest_lag=200, **clock)
    rows = {row["quantity"]: row for row in written["comparison"]}
    row = rows["largest Lyapunov exponent λ₁ τ"]
    assert row["theory"] == pytest.approx(10 * theory.lyapunov_exponent)
    assert row["untrained"]["mean"] == pytest.approx(10 * float(spectrum.mean[0]))
    assert row["untrained"]["standard_error"] == pytest.approx(10 * float(spectrum.standard_error[0]))
    row = rows["variance of the potentials, hidden"]
    assert row["theory"] == pytest.approx(float(theory.variances[1]))
    assert row["untrained"]["mean"] == pytest.approx(float(curves.mean[1, 0]))
    assert rows["Kaplan-Yorke dimension"]["untrained"]["mean"] == pytest.approx(float(spectrum.dimension.mean()))
    assert sum(rows[f"share of chaos, {name}"]["untrained"]["mean"] for name in ("visible", "hidden")) == pytest.approx(
        1
    )
    assert written["untrained"]["lyapunov_spectrum"]["mean"] == pytest.approx(spectrum.mean.tolist())
    assert len(written["untrained"]["lyapunov_spectrum"]["mean"]) == 74  # all of so small a network
    eigenvalues = written["untrained"]["jacobian_eigenvalues"]
    assert list(eigenvalues) == ["40", "120"]
    assert all(len(values["real"]) == 74 for values in eigenvalues.values())


def test_numbers_of_sampling_are_those_of_the_samples(trained):
    written, model = numbers(trained[0])["trained"], ChaoticGenerator.load_from_checkpoint(trained[1])
    assert written["times"] == [5.0 * step for step in range(1, 25)]
    place = written["times"].index(40.0)
    samples = model.sample(100, seed=0).flatten(1)
    overlap = chain_overlaps([samples], normalised=True)
    assert written["overlap"]["mean"][place] == pytest.approx(float(overlap.mean), rel=1e-5)
    assert written["overlap_with_sampling_time"]["mean"][place] == pytest.approx(1)
    assert written["decided_share"][place] == 1
    assert written["decided_share"][: place + 1] == sorted(written["decided_share"][: place + 1])
    assert written["decided_share"][place:] == sorted(written["decided_share"][place:], reverse=True)
    pairs = replica_divergence(
        model.network.double(), 3, duration=120, relative_size=1e-6, dt=5.0, tau=10.0, seed=(0, Stream.SAMPLING)
    )
    distances = torch.tensor(written["pair_distances"])
    assert distances.shape == (25, 3)
    assert (distances <= pairs.distances * (38 / 25) ** 0.5 * 1.001).all()  # rates differ less than potentials
    assert distances[0].max() < 2e-6


def test_a_checkpoint_has_a_network_already(trained, capsys):
    with pytest.raises(SystemExit):
        main(["chaos", "--ckpt_path", str(trained[1]), "--gain", "2", "--tau", "5"])
    assert "leave out --gain, --tau, or --ckpt_path" in capsys.readouterr().err


def test_a_sample_has_decided_when_its_class_stays_until_t():
    times = torch.arange(1.0, 7.0)
    exponents = FiniteTimeExponents(times, *[torch.zeros(1)] * 4)
    labels = torch.tensor([[1, 2], [0, 2], [1, 2], [1, 0], [1, 0], [0, 0]])  # T is the second time, 3T the last
    nothing = torch.zeros(0)
    run = SamplingRun(exponents, [], (nothing,) * 2, (nothing,) * 2, labels, nothing, nothing, 1.0, None)
    assert run.place_of_sampling_time == 1
    assert run.decided.tolist() == [0.5, 1.0, 0.5, 0.0, 0.0, 0.0]


def test_disagreement_is_said_plainly():
    rows = [
        Row("exponent", 0.10, {"untrained": Value(0.080, 0.002)}),
        Row("variance", 2.0, {"untrained": Value(1.96, 0.01)}),
        Row("dimension", None, {"untrained": Value(20.0, 1.0)}),
    ]
    assert "differ by more than 5% in: exponent (0.0800 ± 0.0020 instead of 0.1)" in disagreement(rows)
    assert "agree to 5%" in disagreement(rows[1:])
    assert disagreement(rows[2:]) == ""


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--gain", "-1"], "gain must be a number, 0 or more, but is -1"),
        (["--layers", "4"], "layers must be 1, 2 or 3, or --sizes says the units of each, but is 4"),
        (["--layers", "3", "--sizes", "[7,5]"], "layers is 3, but sizes are of 2 layers"),
        (["--sizes", "[7,0]"], "at least one unit"),
        (["--dt", "10"], "dt must be positive and shorter than tau"),
        (["--sampling_time", "0.5"], "sampling_time must be at least one time step"),
        (["--num_chains", "1"], "num_chains must be at least 2"),
        (["--data", "MNISTDataModule"], "give --ckpt_path too, or leave --data out"),
        (["--ckpt_path", "nowhere.ckpt"], "there is no checkpoint at nowhere.ckpt"),
    ],
)
def test_bad_input_ends_with_one_sentence_and_writes_nothing(tmp_path, monkeypatch, capsys, arguments, message):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit) as exit_:
        main(["chaos", *arguments])
    assert exit_.value.code == 1
    errors = [line for line in capsys.readouterr().err.splitlines() if line.startswith("error:")]
    assert len(errors) == 1
    assert message in errors[0]
    assert not list(tmp_path.iterdir())
