"""The command that measures images of any generator."""

import json
import zlib

import numpy as np
import pytest
import scipy.spatial
import torch
from png_files import GREY_ALPHA, png_bytes
from torchvision.io import read_image

from chaos_lightning import MNISTDataModule
from chaos_lightning.commands import main


@pytest.fixture
def files(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    data = MNISTDataModule()
    sets = {"real": data.test, "generated": data.validation, "training": data.train}
    for name, images in sets.items():
        labels = {"labels": images.labels.numpy()} if name == "training" else {}
        np.savez(f"{name}.npz", images=images.pixels.squeeze(1).numpy(), **labels)
    return tmp_path


def test_table_json_and_plots_hold_every_measure(files, capsys):
    arguments = ["--real", "real.npz", "--generated", "generated.npz", "--training", "training.npz"]
    main(["measure", *arguments, "--num_samples", "400", "--output", "out"])
    printed = capsys.readouterr().out
    for label in ("E(2)", "E(s)", "E(R)", "E(AAI)", "precision", "recall", "inverted", "near-copies", "covered"):
        assert label in printed
    written = json.loads((files / "out" / "measures.json").read_text())
    assert written["num_samples"] == 400
    measures = written["measures"]
    assert len(measures) == 14
    # held-out real images pass for samples: no worse than a few times the floor, all classes, hardly a copy
    assert measures["second_moment_error"]["ratio"] < 2
    assert measures["adversarial_accuracy_indicator"]["value"] < 0.01
    assert measures["class_coverage"]["value"] == 10
    assert measures["near_copy_share"]["value"] < 0.05
    # training images are the floor images, and would find themselves
    for name in ("near_copy_share", "class_balance_error", "class_coverage"):
        assert measures[name]["floor"] is None
    for picture in ("spectra.png", "measures.png"):
        assert read_image(str(files / "out" / picture)).shape[1] > 100


def test_values_agree_with_numpy_and_scipy_on_all_images(files):
    main(["measure", "--real", "real.npz", "--generated", "generated.npz", "--output", "out"])
    measures = json.loads((files / "out" / "measures.json").read_text())["measures"]
    levels = [np.load(f"{name}.npz")["images"].reshape(1000, 784) for name in ("real", "generated")]
    real, generated = (array / 127.5 - 1 for array in levels)

    covariances = [np.cov(images.T, bias=True) for images in (real, generated)]
    above = np.triu_indices(784, 1)
    second_moment = ((covariances[0] - covariances[1])[above] ** 2).mean()
    assert measures["second_moment_error"]["value"] == pytest.approx(second_moment, rel=1e-4)
    singular = [np.linalg.svd(x - x.mean(axis=0), compute_uv=False) / 1000**0.5 for x in (real, generated)]
    spectrum = ((singular[0] - singular[1]) ** 2).mean()
    assert measures["spectrum_error"]["value"] == pytest.approx(spectrum, rel=1e-4)

    within = [scipy.spatial.distance.cdist(x, x) + np.diag(np.full(1000, np.inf)) for x in (real, generated)]
    across = scipy.spatial.distance.cdist(real, generated)
    real_accuracy = (within[0].min(axis=1) < across.min(axis=1)).mean()
    generated_accuracy = (within[1].min(axis=1) < across.min(axis=0)).mean()
    assert measures["real_accuracy"]["value"] == pytest.approx(real_accuracy, abs=1e-3)
    assert measures["generated_accuracy"]["value"] == pytest.approx(generated_accuracy, abs=1e-3)

    # images are drawn in random order and compress a little differently in another
    sizes = [len(zlib.compress(array.tobytes(), 6)) for array in levels]
    assert measures["entropy_ratio"]["value"] == pytest.approx(sizes[1] / sizes[0] - 1, abs=0.01)


def test_labelled_images_are_measured_by_the_class_of_their_neighbours(files):
    """A quarter of the labels is wrong."""
    data = MNISTDataModule()
    asked, real = data.validation.take(torch.arange(300)), data.test.take(torch.arange(300))
    labels = torch.where(torch.arange(300) % 4 == 0, (asked.labels + 1) % 10, asked.labels)
    np.savez("asked.npz", images=asked.pixels.squeeze(1).numpy(), labels=labels.numpy())
    np.savez("held_out.npz", images=real.pixels.squeeze(1).numpy(), labels=real.labels.numpy())
    files = ["--real", "held_out.npz", "--generated", "asked.npz", "--training", "training.npz"]
    main(["measure", *files, "--output", "out"])
    with open("out/measures.json") as file:
        measured = json.load(file)["measures"]["class_agreement"]
    training = data.train.pixels.flatten(1).double().numpy()
    for name, images, expected in (("value", asked, labels), ("floor", real, real.labels)):
        nearest = scipy.spatial.distance.cdist(images.pixels.flatten(1).double().numpy(), training).argmin(axis=1)
        agreement = (data.train.labels[nearest] == expected).double().mean().item()
        assert measured[name] == pytest.approx(agreement, abs=1e-12), name
    assert 0.6 < measured["value"] < 0.76 < 0.85 < measured["floor"]


def test_classes_are_those_of_the_drawn_images(tmp_path, monkeypatch):
    """Of two classes of 5 pixels, an image knows by its brightness whether its label is right."""
    monkeypatch.chdir(tmp_path)
    generator = torch.Generator().manual_seed(0)
    labels = torch.arange(2).repeat(30)
    images = (labels.view(-1, 1, 1) * 128 + torch.randint(120, (60, 1, 5), generator=generator)).to(torch.uint8)
    wrong = torch.rand(60, generator=generator) < 0.5
    np.savez("training.npz", images=images, labels=labels)
    np.savez("asked.npz", images=images, labels=torch.where(wrong, 1 - labels, labels))
    arguments = ["--real", "asked.npz", "--generated", "asked.npz", "--training", "training.npz", "--seed", "3"]
    main(["measure", *arguments, "--num_samples", "13", "--output", "out"])
    measured = json.loads((tmp_path / "out" / "measures.json").read_text())["measures"]["class_agreement"]
    drawing = torch.Generator().manual_seed(3)
    drawn = [~wrong[torch.randperm(60, generator=drawing)[:13]] for _ in ("real", "generated")]
    shares = [float(right.double().mean()) for right in drawn]
    assert [measured["floor"], measured["value"]] == shares
    assert float((~wrong).double().mean()) not in shares  # of all images another share is right


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (
            [],
            "it takes 20 other real images and only 0 are left of the real ones: give --training or lower "
            "--num_samples to 10.",
        ),
        (["--num_samples", "11"], "it takes 11 other real images and only 9 are left of the real ones: give"),
        (
            ["--training", "few.npz"],
            "takes 20 other real images and only 7 are in the training images: give more of "
            "these or lower --num_samples to 7.",
        ),
        (["--num_samples", "10"], None),
        (["--training", "few.npz", "--num_samples", "7"], None),
        (["--training", "real.npz"], None),
    ],
)
def test_a_missing_floor_is_explained(tmp_path, monkeypatch, capsys, arguments, sentence):
    monkeypatch.chdir(tmp_path)
    for name, count in (("real", 20), ("generated", 20), ("few", 7)):
        np.savez(name, images=np.random.default_rng(count).integers(256, size=(count, 3, 3), dtype=np.uint8))
    main(["measure", "--real", "real.npz", "--generated", "generated.npz", "--output", "out", *arguments])
    printed = capsys.readouterr().out
    assert printed.count("There is no floor") == (sentence is not None)
    assert sentence is None or sentence in printed
    floor = json.loads((tmp_path / "out" / "measures.json").read_text())["measures"]["second_moment_error"]["floor"]
    assert (floor is None) == (sentence is not None)


def test_images_that_seem_to_have_0_for_black_are_warned_of(tmp_path, monkeypatch):
    """Both files, each by its name."""
    monkeypatch.chdir(tmp_path)
    for seed, name in enumerate(("real", "generated")):
        torch.save(torch.rand(11, 3, 3, generator=torch.Generator().manual_seed(seed)), f"{name}.pt")
    with pytest.warns(UserWarning, match="none below 0") as warned:
        main(["measure", "--real", "real.pt", "--generated", "generated.pt"])
    named = [str(warning.message).split()[0] for warning in warned if "none below 0" in str(warning.message)]
    assert named == ["real.pt", "generated.pt"]


def dim(count, *shape):
    """Pixels of 8 bits from 0 to 99."""
    pixels = 37 * torch.arange(count * torch.Size(shape).numel(), dtype=torch.int32) % 100
    return pixels.to(torch.uint8).view(count, *shape)


def test_each_option_takes_its_part_of_one_file(files):
    """MedMNIST's names; the figures are those of the parts in files of their own."""
    real, training = np.load("real.npz")["images"], np.load("training.npz")
    names = {"train_images": training["images"], "train_labels": training["labels"][:, None], "test_images": real}
    np.savez("both.npz", **names)
    written = []
    for real_file, training_file in (("real.npz", "training.npz"), ("both.npz", "both.npz")):
        chosen = ["--real", real_file, "--training", training_file, "--generated", "generated.npz"]
        main(["measure", *chosen, "--num_samples", "50", "--output", "out"])
        written.append((files / "out" / "measures.json").read_text())
    assert written[0] == written[1]
    with pytest.raises(SystemExit):
        main(["measure", "--real", "real.npz", "--generated", "both.npz"])


def test_generated_images_may_be_dark_but_that_is_said(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    torch.save(dim(20, 3, 3) + 150, "real.pt")
    torch.save(dim(20, 3, 3), "dark.pt")
    with pytest.warns(UserWarning, match=r"dark\.pt holds pixels up to 99 only, where 255 is white"):
        main(["measure", "--real", "real.pt", "--generated", "dark.pt"])
    for files in (("dark.pt", "real.pt", "real.pt"), ("real.pt", "real.pt", "dark.pt")):
        with pytest.raises(SystemExit):
            main(["measure", *(word for pair in zip(OPTIONS, files, strict=True) for word in pair)])
        assert "error: dark.pt holds pixels up to 99 only" in capsys.readouterr().err


OPTIONS = ("--real", "--generated", "--training")


@pytest.mark.parametrize("option", OPTIONS)
def test_transparent_images_are_refused_on_every_side(files, capsys, option):
    (files / "drawings").mkdir()
    drawing = np.stack([np.full((28, 28), 255), np.eye(28, dtype=int) * 255], axis=-1)
    (files / "drawings" / "a.png").write_bytes(png_bytes(drawing, kind=GREY_ALPHA))
    chosen = {name: f"{name.removeprefix('--')}.npz" for name in OPTIONS} | {option: "drawings"}
    with pytest.raises(SystemExit):
        main(["measure", *(word for pair in chosen.items() for word in pair)])
    assert "error: drawings/a.png is transparent in places" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("real", "message"),
    [
        (torch.rand(5, 14, 56) * 2 - 1, "the generated images are of 28 x 28 pixels, but the real ones of 14 x 56"),
        (torch.zeros(5, 3, 3), "the generated images are of 28 x 28 pixels, but the real ones of 3 x 3 pixels"),
        (torch.full((5, 28, 28), 255.0), "[-1, 1]"),
        (torch.zeros(1, 28, 28), "num_samples must be from 2 to 1"),
        (torch.full((5, 28, 28), float("nan")), "NaN"),
    ],
)
def test_bad_images_end_with_one_sentence(files, capsys, real, message):
    torch.save(real, "bad.pt")
    with pytest.raises(SystemExit) as exit_:
        main(["measure", "--real", "bad.pt", "--generated", "generated.npz", "--output", "out"])
    assert exit_.value.code == 1
    assert message in capsys.readouterr().err
    assert not (files / "out").exists()
