"""The report of a trained network: what it holds, and that its numbers are right."""

import base64
import csv
import re

import matplotlib
import numpy as np
import pytest
import scipy.spatial
import torch
from lightning.pytorch import Trainer
from torchvision.io import read_image

from chaos_lightning import ChaoticGenerator, FashionMNISTDataModule, MNISTDataModule, ThreeLayer, TwoLayer
from chaos_lightning.commands import main
from chaos_lightning.data.draws import Draw, permutation
from chaos_lightning.dynamics import Stream, lyapunov_exponents, replica_divergence
from chaos_lightning.functional import adversarial_accuracy, entropy_ratio, second_moment_error, spectrum_error
from chaos_lightning.metrics.catalogue import ERRORS
from chaos_lightning.report.chaos import RELATIVE_SIZE
from chaos_lightning.report.curves import times_to_measure
from chaos_lightning.report.projection import principal_plane
from chaos_lightning.report.source import read_history

FIGURES = ["samples", "formation", "training", "sampling_time", "spectra", "nearest", "divergence", "trajectories"]
COUNT, PAIRS, SEED = 47, 3, 5


def fit(*arguments):
    main(
        [
            *("fit", *arguments, "--model.dt", "5", "--model.measure_times", "[]", "--model.optimizer", "Adam"),
            *("--data.batch_size", "20", "--data.num_eval_images", "31", "--pictures.num_images", "4"),
            *(
                "--trainer.max_steps",
                "4",
                "--trainer.val_check_interval",
                "2",
                "--trainer.enable_progress_bar",
                "false",
            ),
        ]
    )
    return "logs/runs/version_0/checkpoints/last.ckpt"


def make(checkpoint, output, *arguments):
    numbers = ("--num_samples", str(COUNT), "--num_chains", str(PAIRS), "--seed", str(SEED))
    main(["report", "--ckpt_path", str(checkpoint), "--output", str(output), *numbers, *arguments])


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A folder with a report of a short training, its checkpoint, and the trained model."""
    folder = tmp_path_factory.mktemp("report")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        arguments = ("--model.hidden_units", "29", "--model.top_units", "11", "--data", "FashionMNISTDataModule")
        checkpoint = folder / fit("--model", "ThreeLayer", *arguments)
        before = dict(matplotlib.rcParams)
        make(checkpoint, "out")
        assert dict(matplotlib.rcParams) == before
    return folder / "out", checkpoint, ChaoticGenerator.load_from_checkpoint(checkpoint)


def columns(path):
    with path.open(newline="") as file:
        rows = list(csv.DictReader(file))
    return {name: np.array([float(row[name]) for row in rows]) for name in rows[0]}


@pytest.fixture(scope="module")
def images():
    """Held-out and training images that the report draws, as rows."""
    data = FashionMNISTDataModule()
    drawn = data.validation.take(permutation(1000, Draw.EVALUATION_ROWS, 0)[:COUNT])
    floor = data.train.take(permutation(4000, Draw.FLOOR_ROWS, 0)[:COUNT])
    return drawn.images.flatten(1), floor.images.flatten(1), data.train


def test_the_page_needs_no_other_file_and_holds_every_figure(made):
    folder, checkpoint, _ = made
    page = (folder / "index.html").read_text()
    assert not re.search(r"https?://|<script|<link|@import", page)
    embedded = re.findall(r'src="data:image/png;base64,([^"]+)"', page)
    assert [base64.b64decode(text) for text in embedded] == [(folder / f"{name}.png").read_bytes() for name in FIGURES]
    for name in FIGURES:
        assert read_image(str(folder / f"{name}.png")).shape[2] >= 1400
    links = re.findall(r'href="([^"]+)"', page)
    assert sorted(links) == sorted(path.name for path in folder.iterdir() if path.name != "index.html")
    assert sum(link.endswith((".csv", ".npz")) for link in links) >= len(FIGURES)
    for text in (
        "ThreeLayer",
        "FashionMNIST",
        str(checkpoint),
        "after 4 training steps",
        f"seed {SEED}",
        "T = 100",
        "torch.optim.Adam, lr",
    ):
        assert text in page
    assert len(re.findall("<figcaption>[^<]{100}", page)) == len(FIGURES)


def test_measures_over_sampling_time_are_those_of_samples_drawn_time_by_time(made, images):
    folder, _, model = made
    real, floor, _ = images
    written = columns(folder / "sampling_time.csv")
    assert written["time"][0] == 0
    assert written["time"][-1] == 300
    for place in (0, list(written["time"]).index(100.0), -1):
        time = float(written["time"][place])
        samples = model.sample(COUNT, times=[time], seed=SEED)[time].flatten(1)
        for others, suffix in ((samples, ""), (floor, "_floor")):
            expected = {
                "second_moment_error": second_moment_error(real, others),
                "spectrum_error": spectrum_error(real, others),
                "relative_entropy_error": entropy_ratio(real, others) ** 2,
                "adversarial_accuracy_indicator": adversarial_accuracy(real, others)[0],
            }
            for name in ERRORS:
                assert written[name + suffix][place] == pytest.approx(float(expected[name]), rel=1e-6, abs=1e-12)


def test_measures_over_training_are_those_of_the_run(made):
    folder, checkpoint, _ = made
    written = columns(folder / "training.csv")
    assert list(written["step"]) == [2, 4]
    with (checkpoint.parent.parent / "measures.csv").open() as file:
        rows = [row for row in csv.DictReader(file) if row["sampling_time"] == "100.0"]
    for name in ERRORS:
        assert list(written[name]) == [float(row["value"]) for row in rows if row["measure"] == name]
        assert list(written[f"{name}_floor"]) == [float(row["floor"]) for row in rows if row["measure"] == name]


def test_spectra_are_eigenvalues_of_the_covariances(made, images):
    folder, _, model = made
    written = columns(folder / "spectra.csv")
    samples = model.sample(COUNT, seed=SEED).flatten(1)
    for name, rows in (("held_out", images[0]), ("training", images[1]), ("samples", samples)):
        expected = np.linalg.eigvalsh(np.cov(rows.double().numpy().T, bias=True))[::-1]
        assert written[name] == pytest.approx(expected, rel=1e-6, abs=1e-9 * expected.max())


def test_nearest_training_images_are_found(made, images):
    folder, _, model = made
    written = columns(folder / "nearest.csv")
    training = images[2].images.flatten(1).double().numpy()
    samples = model.sample(COUNT, seed=SEED).flatten(1).double().numpy()
    distances = scipy.spatial.distance.cdist(samples, training)
    assert list(written["training_image"]) == list(distances.argmin(axis=1))
    assert written["distance"] == pytest.approx(distances.min(axis=1), rel=1e-6)
    assert list(written["label"]) == list(images[2].labels.numpy()[distances.argmin(axis=1)])
    held_out = scipy.spatial.distance.cdist(images[0].double().numpy(), training).min(axis=1)
    assert written["held_out_distance"] == pytest.approx(held_out, rel=1e-6)


def test_divergence_before_training_is_that_of_a_network_that_was_never_trained(made):
    folder, _, model = made
    written = columns(folder / "divergence.csv")
    fresh = ThreeLayer(hidden_units=29, top_units=11).network
    networks = {"before": fresh, "after": model.network}
    for name, network in networks.items():
        clock = {"dt": 5.0, "tau": 10.0, "seed": (SEED, Stream.SAMPLING)}
        until_sampling = lyapunov_exponents(network, PAIRS, duration=100, transient=0, **clock)
        long_run = lyapunov_exponents(network, PAIRS, duration=1000, transient=500, **clock)
        assert written[f"exponent_until_T_{name}"][0] == pytest.approx(float(until_sampling.mean), rel=1e-3)
        assert written[f"exponent_long_run_{name}"][0] == pytest.approx(float(long_run.mean), rel=1e-3)
        error = float(long_run.standard_error)
        assert written[f"exponent_long_run_{name}_standard_error"][0] == pytest.approx(error, rel=1e-2)
        curve = replica_divergence(network.double(), PAIRS, duration=300, relative_size=RELATIVE_SIZE, **clock)
        network.float()
        assert written[f"distance_{name}_1"] == pytest.approx(curve.distances[:, 1].numpy(), rel=1e-3)
        geometric_mean = np.exp(np.log(curve.distances.numpy()).mean(axis=1))
        assert written[f"typical_distance_{name}"] == pytest.approx(geometric_mean, rel=1e-3)


def test_trajectories_are_projections_onto_the_principal_components(made, images):
    folder, _, model = made
    written = columns(folder / "trajectories.csv")
    rows = images[0].double().numpy()
    _, _, components = np.linalg.svd(rows - rows.mean(axis=0), full_matrices=False)
    at_sampling_time = model.sample(3, seed=SEED).flatten(1).double().numpy() - rows.mean(axis=0)
    place = list(written["time"]).index(100.0)
    for component in range(2):
        expected = at_sampling_time @ components[component]
        found = [written[f"chain_{chain}_component_{component + 1}"][place] for chain in range(3)]
        assert np.abs(found) == pytest.approx(np.abs(expected), rel=1e-5)
        assert (np.sign(found) == np.sign(found[0]) * np.sign(expected[0]) * np.sign(expected)).all()


def test_samples_are_those_of_predict_and_formation_goes_through_them(made):
    folder, _, model = made
    levels = ((model.sample(COUNT, seed=SEED).squeeze(1) + 1) * 127.5).round().numpy()
    assert abs(np.load(folder / "samples.npz")["images"].astype(float) - levels).max() <= 1
    formation = np.load(folder / "formation.npz")
    place = list(formation["times"]).index(100.0)
    assert abs(formation["images"][:, place].astype(float) - levels[:8]).max() <= 1
    assert formation["times"][0] == 0
    assert formation["times"][-1] == 300


@pytest.mark.parametrize(("sampling_time", "dt"), [(100.0, 1.0), (100.0, 5.0), (21.0, 3.0), (2.0, 2.0), (1.2, 0.1)])
def test_times_are_whole_steps_from_0_to_3T_with_T(sampling_time, dt):
    times = times_to_measure(TwoLayer(hidden_units=7, dt=dt, sampling_time=sampling_time))
    assert {0.0, sampling_time, 2 * sampling_time, 3 * sampling_time} <= set(times)  # to the last digit
    assert times == sorted(set(times))
    assert all(round(time / dt, 9).is_integer() for time in times)


def test_plane_keeps_the_distances_of_points_in_it():
    generator = torch.Generator().manual_seed(0)
    axes = torch.linalg.qr(torch.randn(13, 2, generator=generator, dtype=torch.float64)).Q
    points = torch.randn(50, 2, generator=generator, dtype=torch.float64) * torch.tensor([3.0, 1.0])
    plane = principal_plane(points @ axes.T + 0.5)
    found = scipy.spatial.distance.pdist(plane.project(points @ axes.T + 0.5).numpy())
    assert found == pytest.approx(scipy.spatial.distance.pdist(points.numpy()), rel=1e-9)
    assert float(plane.variance_shares.sum()) == pytest.approx(1)


def test_history_takes_the_newer_of_two_lines_of_a_step(tmp_path):
    lines = ["stage,step,sampling_time,num_samples,measure,value,floor,ratio"]
    for value in (1.0, 2.0):
        lines += [f"val,7,100.0,31,{name},{value},0.5,2" for name in ERRORS]
        lines += [f"val,7,50.0,31,{name},9,0.5,2" for name in ERRORS]
        lines += [f"test,7,100.0,31,{name},8,0.5,2" for name in ERRORS]
    (tmp_path / "measures.csv").write_text("\n".join(lines))
    history = read_history(tmp_path / "checkpoints" / "last.ckpt", 100.0)
    assert history.steps == [7]
    assert history.values == {name: [2.0] for name in ERRORS}
    assert read_history(tmp_path / "a" / "b" / "last.ckpt", 100.0) is None
    (tmp_path / "measures.csv").write_text("step\n1\n")
    with pytest.raises(ValueError, match="does not hold the measures of a run"):
        read_history(tmp_path / "last.ckpt", 100.0)


@pytest.fixture
def python_trained(tmp_path, monkeypatch):
    """Checkpoint of a training in Python."""
    monkeypatch.chdir(tmp_path)
    quiet = {"logger": False, "enable_progress_bar": False, "enable_model_summary": False, "limit_val_batches": 0}
    trainer = Trainer(max_steps=1, accelerator="cpu", enable_checkpointing=False, **quiet)
    trainer.fit(TwoLayer(hidden_units=13, dt=5.0), datamodule=MNISTDataModule(batch_size=20))
    trainer.save_checkpoint(tmp_path / "some.ckpt")
    return tmp_path / "some.ckpt"


def test_a_checkpoint_that_does_not_tell_its_data_must_be_told(python_trained, capsys):
    checkpoint = torch.load(python_trained, weights_only=True)
    del checkpoint["datamodule_hyper_parameters"]  # as of a training with loaders instead of a data module
    torch.save(checkpoint, python_trained)
    with pytest.raises(SystemExit):
        main(["report", "--ckpt_path", "some.ckpt"])
    assert "name it with --data" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--data", "MNISTDataModule", "--num_samples", "1001"], "there are only 1000"),
        (["--data", "MNISTDataModule", "--data.seed", "4"], "validation images were trained on"),
        (["--data", "MNISTDataModule", "--num_samples", "1"], "must be at least 2"),
        (["--data", "MNISTDataModule", "--num_chains", "1"], "must be at least 2"),
        (["--data", "MNISTDataModule", "--output", "some.ckpt"], "output is some.ckpt, which is a file: name a folder"),
        (["--ckpt_path", "nowhere.ckpt"], "there is no checkpoint at nowhere.ckpt"),
        (["--ckpt_path", "text.ckpt"], "text.ckpt cannot be read as a checkpoint: it is damaged, or something else"),
    ],
)
def test_bad_input_ends_with_one_sentence_and_writes_nothing(python_trained, capsys, arguments, message):
    python_trained.with_name("text.ckpt").write_text("no checkpoint")
    with pytest.raises(SystemExit) as exit_:
        main(["report", "--ckpt_path", "some.ckpt", *arguments])
    assert exit_.value.code == 1
    errors = [line for line in capsys.readouterr().err.splitlines() if line.startswith("error:")]
    assert len(errors) == 1
    assert message in errors[0]
    assert {path.name for path in python_trained.parent.iterdir()} == {"some.ckpt", "text.ckpt"}


def test_a_data_setting_alone_changes_the_data_of_the_training(made, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit):
        main(["report", "--ckpt_path", str(made[1]), "--data.num_validation", "60", "--num_samples", "61"])
    assert "these validation images were trained on" in capsys.readouterr().err
    arguments = ("--split", "test", "--data.data_dir", "nowhere", "--data.num_validation", "60")
    monkeypatch.setattr("chaos_lightning.data.mnist.ensure_raw_files", lambda *_: None)
    with pytest.raises(SystemExit):
        main(["report", "--ckpt_path", str(made[1]), *arguments])
    assert "nowhere" in capsys.readouterr().err


@pytest.mark.slow
@pytest.mark.parametrize("data", ["MNISTDataModule", "FashionMNISTDataModule"])
@pytest.mark.parametrize("architecture", ["OneLayer", "TwoLayer", "ThreeLayer"])
def test_all_architectures_and_data_sets_have_a_report(tmp_path, monkeypatch, architecture, data):
    """Also on test images, and away from the run's folder: the page then says that measures over training lack."""
    monkeypatch.chdir(tmp_path)
    checkpoint = tmp_path / fit("--model", architecture, "--data", data)
    lone = tmp_path / "elsewhere" / "deep" / "some.ckpt"
    lone.parent.mkdir(parents=True)
    checkpoint.rename(lone)
    make(lone, "out", "--split", "test")
    page = (tmp_path / "out" / "index.html").read_text()
    assert "Not shown: there is no measures.csv" in page
    assert f"{COUNT} test images" in page
    assert page.count("<img") == len(FIGURES) - 1
    assert not list((tmp_path / "out").glob("training.*"))
