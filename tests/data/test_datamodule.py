import re

import numpy as np
import pytest
import torch
from lightning.pytorch import LightningModule, Trainer
from lightning.pytorch.loggers import CSVLogger

from chaos_lightning.data import DataError, FashionMNISTDataModule, ImageDataModule, ImageSet, MNISTDataModule


def rows(images):
    """Row numbers that the tiny files hold in the first pixel of every image."""
    return torch.round((images[:, 0, 0, 0] + 1) * 127.5).to(torch.int64).tolist()


class Stripes(ImageDataModule):
    """Images of 3 x 3 pixels from memory, of classes 0 to 4; the first pixel is the row number."""

    test_side = 3

    def read_image_sets(self):
        sets = []
        for first, count, side in ((0, 29, 3), (100, 7, self.test_side)):
            pixels = torch.zeros(count, 1, side, side, dtype=torch.uint8)
            pixels[:, 0, 0, 0] = first + torch.arange(count)
            sets.append(ImageSet(pixels, torch.arange(count) % 5))
        return tuple(sets)


class Recorder(LightningModule):
    """Takes one optimiser step a minibatch and writes down which images it saw."""

    def __init__(self, seed=7):
        super().__init__()
        self.save_hyperparameters()
        self.automatic_optimization = False
        self.weight = torch.nn.Parameter(torch.zeros(1))
        self.trained_on = []
        self.evaluated_on = []

    def training_step(self, batch):
        self.weight.grad = torch.ones(1)
        self.optimizers().step()
        self.trained_on.append(rows(batch.images))

    def validation_step(self, batch):
        assert type(batch).__name__ == "EvaluationBatch"
        self.log("val/first", float(batch.first_index))
        self.evaluated_on += rows(batch.images)

    test_step = validation_step

    def configure_optimizers(self):
        return torch.optim.SGD(self.parameters(), lr=1.0)


def make_trainer(**settings):
    defaults = {
        "accelerator": "cpu",
        "logger": False,
        "enable_checkpointing": False,
        "enable_progress_bar": False,
        "enable_model_summary": False,
    }
    return Trainer(**(defaults | settings))


def test_splits_never_overlap(data_dir):
    data = MNISTDataModule(str(data_dir), num_validation=5)
    train, validation, test = (rows(split.images) for split in (data.train, data.validation, data.test))
    assert (len(train), len(validation), len(test)) == (24, 5, 7)
    assert sorted(train + validation) == list(range(29))
    assert test == list(range(100, 107))
    assert data.image_shape == data.train.images.shape[1:] == (1, 28, 28)


def test_one_method_makes_a_data_set():
    """Size and classes follow from its images, and splits and draws are those of any data set."""
    data = Stripes(batch_size=5, num_validation=6, seed=3)
    assert (data.image_shape, data.num_classes, data.name) == ((1, 3, 3), 5, "Stripes")
    train, validation, test = (rows(split.images) for split in (data.train, data.validation, data.test))
    assert (sorted(train + validation), len(validation), test) == (list(range(29)), 6, list(range(100, 107)))
    model, trainer = Recorder(), make_trainer(max_epochs=1)
    trainer.fit(model, datamodule=data)
    assert {row for batch in model.trained_on for row in batch} <= set(train)
    assert sorted(model.evaluated_on[-6:]) == sorted(validation)


def test_a_data_set_without_the_method_is_told_to_have_it():
    with pytest.raises(NotImplementedError, match="ImageDataModule needs a method read_image_sets"):
        ImageDataModule().setup()


def test_training_and_test_images_of_different_sizes_are_refused(monkeypatch):
    monkeypatch.setattr(Stripes, "test_side", 4)
    with pytest.raises(DataError, match="training images have 3 x 3 pixels, but the test images 4 x 4 pixels: make"):
        Stripes(batch_size=5).setup("fit")


def test_training_images_that_are_all_alike_are_refused(monkeypatch):
    """A single one is not: a network can be trained to make it."""
    grey = torch.full((29, 1, 3, 3), 200, dtype=torch.uint8)
    others = ImageSet.from_arrays(torch.arange(63, dtype=torch.uint8).view(7, 3, 3) + 100)
    monkeypatch.setattr(Stripes, "read_image_sets", lambda self: (ImageSet.from_arrays(grey), others))
    with pytest.raises(DataError, match=r"the 29 training images made by .*Stripes are all alike, .* from 200 to 200"):
        Stripes(batch_size=5).setup("fit")
    monkeypatch.setattr(Stripes, "read_image_sets", lambda self: (ImageSet.from_arrays(grey[:1]), others))
    Stripes(batch_size=1, num_validation=0).setup("fit")


def test_settings_of_a_loader_are_refused_with_the_reason(data_dir):
    """A misspelt setting is refused too, and a data module of a user's own can take such settings for itself."""
    for name, value in (("num_workers", 4), ("pin_memory", True), ("shuffle", True), ("persistent_workers", True)):
        for make in (Stripes, MNISTDataModule, ImageDataModule):
            with pytest.raises(TypeError, match=f"knows no {name}: leave it out. Settings of a DataLoader have no use"):
                make(**{name: value})
    with pytest.raises(
        TypeError, match=r"MNISTDataModule knows no shuffle, drop_last: leave them out.*follows from seed"
    ):
        MNISTDataModule(str(data_dir), shuffle=True, drop_last=True)
    with pytest.raises(TypeError, match=r"Stripes knows no batchsize: leave it out$"):
        Stripes(batchsize=5)

    class Own(Stripes):
        def __init__(self, num_workers, **settings):
            super().__init__(**settings)

    assert Own(3, batch_size=5).hparams["num_workers"] == 3


def test_classes_without_images_are_known(monkeypatch):
    assert Stripes(batch_size=5).empty_classes == []
    pixels = torch.arange(36 * 9, dtype=torch.int64).to(torch.uint8).view(36, 1, 3, 3)
    sets = ImageSet(pixels, torch.arange(36) % 3 + 1), ImageSet(pixels[:7], torch.tensor([1, 2, 3, 5, 1, 2, 3]))
    monkeypatch.setattr(Stripes, "read_image_sets", lambda self: sets)
    assert (Stripes(batch_size=5).num_classes, Stripes(batch_size=5).empty_classes) == (6, [0, 4])


def test_images_keep_their_labels(data_dir):
    data = MNISTDataModule(str(data_dir), batch_size=11)
    for batch in data.train_dataloader():
        assert [row % 10 for row in rows(batch.images)] == batch.labels.tolist()
    for batch in data.val_dataloader():
        assert [row % 10 for row in rows(batch.images)] == batch.labels.tolist()


def test_split_depends_on_the_seed_only(data_dir):
    def validation_rows(seed, batch_size=3):
        return rows(MNISTDataModule(str(data_dir), seed=seed, batch_size=batch_size).validation.images)

    assert validation_rows(0) == validation_rows(0, batch_size=5)
    assert validation_rows(0) != validation_rows(1)


def test_evaluation_draws(data_dir):
    data = MNISTDataModule(str(data_dir), num_validation=13, num_eval_images=11, eval_batch_size=4)

    def drawn(loader):
        batches = list(loader)
        return (
            rows(torch.cat([batch.images for batch in batches])),
            rows(torch.cat([batch.floor_images for batch in batches])),
        )

    images, floor = drawn(data.val_dataloader())
    assert len(set(images)) == len(images) == 11
    assert len(set(floor)) == len(floor) == 11
    assert set(images) <= set(rows(data.validation.images))
    assert set(floor) <= set(rows(data.train.images))
    assert drawn(data.val_dataloader()) == (images, floor)
    tested, _ = drawn(MNISTDataModule(str(data_dir)).test_dataloader())
    assert sorted(tested) == list(range(100, 107))
    assert tested != sorted(tested)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"batch_size": 0}, "batch_size=0 is not possible: it must be at least 1"),
        ({"batch_size": -3}, "batch_size=-3"),
        ({"eval_batch_size": 0}, "eval_batch_size=0"),
        ({"num_eval_images": 0}, "num_eval_images=0"),
        ({"num_validation": -1}, "num_validation=-1"),
        ({"seed": -1}, "seed=-1"),
    ],
)
def test_impossible_settings_are_refused_at_once(settings, message):
    with pytest.raises(ValueError, match=message):
        MNISTDataModule(**settings)


@pytest.mark.parametrize(
    ("stage", "settings", "message"),
    [
        ("fit", {"batch_size": 23}, "batch_size=23 is larger than the training set of 22 images"),
        ("fit", {"num_validation": 29}, "num_validation=29 leaves nothing to train on.* 29 training images"),
        ("validate", {"num_eval_images": 8}, "num_eval_images=8 .* only 7 held-out images"),
        ("test", {"num_eval_images": 8}, "num_eval_images=8 .* only 7 held-out images"),
        ("fit", {"batch_size": 3, "num_validation": 20}, "num_eval_images=20 .* only 9 training images"),
        ("validate", {"num_validation": 0}, "num_validation=0 leaves no images to validate with"),
    ],
)
def test_counts_beyond_the_files_are_refused_before_work_starts(data_dir, stage, settings, message):
    data = MNISTDataModule(str(data_dir), **settings)
    with pytest.raises(ValueError, match=message):
        data.setup(stage)


def test_batch_larger_than_the_training_set_never_ends_as_a_finished_run(data_dir):
    model, trainer = Recorder(), make_trainer(max_epochs=1)
    with pytest.raises(ValueError, match="batch_size=500 is larger than the training set of 22 images"):
        trainer.fit(model, datamodule=MNISTDataModule(str(data_dir)))
    assert trainer.global_step == 0
    assert model.evaluated_on == []


def test_fit_validate_and_test(data_dir):
    model, trainer = Recorder(), make_trainer(max_epochs=2, num_sanity_val_steps=0)
    data = MNISTDataModule(str(data_dir), batch_size=5, eval_batch_size=3)
    trainer.fit(model, datamodule=data)
    assert trainer.global_step == len(model.trained_on) == 8
    assert len(model.evaluated_on) == 14
    model.evaluated_on.clear()
    trainer.validate(model, datamodule=data, verbose=False)
    assert sorted(model.evaluated_on) == sorted(rows(data.validation.images))
    model.evaluated_on.clear()
    trainer.test(model, datamodule=data, verbose=False)
    assert sorted(model.evaluated_on) == list(range(100, 107))


def test_fit_without_validation_images(data_dir):
    model, trainer = Recorder(), make_trainer(max_epochs=1)
    trainer.fit(model, datamodule=MNISTDataModule(str(data_dir), batch_size=5, num_validation=0))
    assert trainer.global_step == 5
    assert model.evaluated_on == []


@pytest.mark.usefixtures("no_network")
def test_offline_fit_with_data_on_disk_runs_and_without_stops(data_dir, tmp_path):
    trainer = make_trainer(max_epochs=1)
    trainer.fit(Recorder(), datamodule=FashionMNISTDataModule(str(data_dir), batch_size=5))
    assert trainer.global_step == 4
    with pytest.raises(DataError, match="bundled sample"):
        make_trainer().fit(Recorder(), datamodule=MNISTDataModule(str(tmp_path / "absent")))
    assert not (tmp_path / "absent").exists()


def test_overfitting_repeats_the_same_minibatches(data_dir):
    model = Recorder()
    trainer = make_trainer(max_epochs=3, overfit_batches=2)
    trainer.fit(model, datamodule=MNISTDataModule(str(data_dir), batch_size=5))
    assert len(model.trained_on) == 6
    assert model.trained_on[:2] == model.trained_on[2:4] == model.trained_on[4:]


def test_gradient_accumulation_is_refused(data_dir):
    model = Recorder()
    model.automatic_optimization = True
    with pytest.raises(ValueError, match="accumulate_grad_batches must be 1"):
        make_trainer(accumulate_grad_batches=2).fit(model, datamodule=MNISTDataModule(str(data_dir), batch_size=5))


def test_hyperparameters_are_plain_and_do_not_clash_with_the_model(data_dir, tmp_path):
    data = MNISTDataModule(data_dir, batch_size=5, seed=3)
    assert type(data.hparams["data_dir"]) is str
    assert data.hparams["data_dir"] == str(data_dir)
    assert data.hparams["seed"] == 3
    trainer = make_trainer(max_epochs=1, logger=CSVLogger(tmp_path), log_every_n_steps=1)
    trainer.fit(Recorder(seed=7), datamodule=data)
    logged = trainer.logger.experiment.hparams
    assert logged["seed"] == 7
    assert logged["data/seed"] == 3
    assert logged["data/batch_size"] == 5


def test_data_of_a_checkpoint_are_found_from_any_folder(data_dir, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    data = MNISTDataModule(data_dir.name)
    monkeypatch.chdir(data_dir)
    assert len(MNISTDataModule(**data.hparams).test) == 7


@pytest.mark.parametrize("data_module", [MNISTDataModule, FashionMNISTDataModule])
class TestBundledSample:
    def test_counts_and_values(self, data_module):
        data = data_module()
        assert isinstance(data, ImageDataModule)
        assert (len(data.train), len(data.validation), len(data.test)) == (4000, 1000, 1000)
        assert data.train.images.min() == -1
        assert data.train.images.max() == 1
        for split in (data.train, data.validation, data.test):
            assert torch.bincount(split.labels, minlength=10).min() > len(split) * 0.07

    def test_no_image_is_in_two_splits(self, data_module):
        data = data_module()
        images = [
            {image.tobytes() for image in split.pixels.numpy()} for split in (data.train, data.validation, data.test)
        ]
        assert len(set.union(*images)) == sum(map(len, images))

    @pytest.mark.usefixtures("no_network")
    def test_needs_no_folder_and_no_network(self, data_module, tmp_path, monkeypatch):
        monkeypatch.chdir(tmp_path)
        data = data_module()
        data.prepare_data()
        data.setup("fit")
        assert list(tmp_path.iterdir()) == []

    def test_images_are_those_of_the_full_data_set(self, data_module, full_data_dir):
        full, sample = data_module(str(full_data_dir), num_validation=0), data_module(num_validation=0)

        def labelled(split):
            return {
                (image.tobytes(), label)
                for image, label in zip(split.pixels.numpy(), split.labels.tolist(), strict=True)
            }

        assert labelled(sample.train) <= labelled(full.train)
        assert labelled(sample.test) <= labelled(full.test)


@pytest.mark.parametrize("data_module", [MNISTDataModule, FashionMNISTDataModule])
@pytest.mark.usefixtures("no_network")
def test_full_data(data_module, full_data_dir):
    data = data_module(str(full_data_dir))
    data.prepare_data()
    data.setup("fit")
    assert (len(data.train), len(data.validation), len(data.test)) == (50_000, 10_000, 10_000)
    assert len(data.train_dataloader()) == 100
    assert sum(len(batch.images) for batch in data.test_dataloader()) == 10_000


@pytest.mark.parametrize(("data_module", "equal"), [(MNISTDataModule, (0, 0, 0)), (FashionMNISTDataModule, (12, 8, 2))])
def test_splits_of_the_full_data_share_as_many_images_as_the_documentation_says(full_data_dir, data_module, equal):
    data = data_module(str(full_data_dir))
    train, validation, test = (
        {image.tobytes() for image in split.pixels.numpy()} for split in (data.train, data.validation, data.test)
    )
    assert (len(train & validation), len(train & test), len(validation & test)) == equal
    said = "by default {} validation images .* {} of the 10,000 test images have one, and {} test images"
    if any(equal):
        assert re.search(said.format(*equal), " ".join(ImageDataModule.__doc__.split()))


def test_full_data_cut_by_a_thousand_bytes(full_data_dir, tmp_path):
    folder = tmp_path / "MNIST" / "raw"
    folder.mkdir(parents=True)
    for file in (full_data_dir / "MNIST" / "raw").iterdir():
        (folder / file.name).symlink_to(file)
    damaged = folder / "train-images-idx3-ubyte"
    content = np.fromfile(damaged, dtype=np.uint8)
    damaged.unlink()
    content[:-1000].tofile(damaged)
    with pytest.raises(DataError, match=r"train-images-idx3-ubyte has 47039016 bytes.* 47040016 bytes"):
        MNISTDataModule(str(tmp_path)).setup("fit")
