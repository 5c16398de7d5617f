"""Grids and spectra: what is drawn where."""

import numpy as np
import torch

from chaos_lightning.pictures.grids import grid_figure, image_grid, rows_figure
from chaos_lightning.pictures.spectra import eigenvalues_figure, spectra_figure


def drawn(axes):
    return np.ma.filled(axes.images[0].get_array(), np.nan)


def test_a_picture_holds_the_images_row_after_row():
    images = torch.stack([torch.full((1, 3, 3), value) for value in (-1.0, 0.0, 1.0, -1.0, 1.0)])
    picture = image_grid(images, images_per_row=2)
    assert picture.shape == (3, 2 + 3 * (3 + 2), 2 + 2 * (3 + 2))
    assert [picture[0, 3, 3], picture[0, 3, 8], picture[0, 8, 3], picture[0, 13, 3]] == [0, 0.5, 1, 1]


def test_a_figure_leaves_gaps_between_images_and_none_around_them():
    images = torch.linspace(-1, 1, 3).view(3, 1, 1, 1).expand(3, 1, 5, 5)
    colours, opacity = np.split(drawn(grid_figure(images, images_per_row=2).axes[0]), [3], axis=-1)
    pixels = np.where(opacity[..., 0] > 0, 2 * colours[..., 0] - 1, np.nan)
    assert pixels.shape == (11, 11)
    assert np.isnan(pixels[5]).all()
    assert np.isnan(pixels[:, 5]).all()
    assert (pixels[0, 0], pixels[0, 10], pixels[10, 0]) == (-1, 0, 1)
    assert np.isnan(pixels[10, 10])


def test_each_name_has_its_row():
    images = {"first": np.arange(3 * 5 * 7, dtype=np.uint8).reshape(3, 5, 7), "second": np.zeros((2, 5, 7), np.uint8)}
    axes = rows_figure(images).axes
    assert [each.get_ylabel() for each in axes] == list(images)
    np.testing.assert_array_equal(drawn(axes[0]), np.hstack(images["first"]))


def test_colours_are_drawn_in_colour_and_other_channels_below_one_another():
    red = torch.tensor([1.0, -1.0, -1.0]).view(1, 3, 1, 1).expand(2, 3, 5, 7)
    assert image_grid(red)[:, 3, 3].tolist() == [1, 0, 0]
    assert drawn(grid_figure(red).axes[0])[0, 0].tolist() == [1, 0, 0, 1]
    pair = torch.stack([torch.full((5, 7), -1.0), torch.full((5, 7), 1.0)]).unsqueeze(0)
    assert drawn(grid_figure(pair).axes[0])[[0, 5], 0, 0].tolist() == [0, 1]
    stored = np.zeros((2, 5, 7, 3), np.uint8)
    stored[..., 1] = 255
    assert drawn(rows_figure({"green": stored}).axes[0]).shape == (5, 14, 3)
    assert drawn(rows_figure({"pair": stored[..., :2]}).axes[0])[[0, 5], 0].tolist() == [0, 255]


def test_spectra_are_drawn_over_their_rank():
    real, generated = torch.tensor([3.0, 2.0, 0.0]), torch.tensor([2.0, 1.0, 0.5])
    lines = spectra_figure(real, generated).axes[0].lines
    assert lines[0].get_xdata().tolist() == [1, 2, 3]
    assert lines[1].get_ydata().tolist() == generated.tolist()
    assert lines[0].get_ydata()[2] > 0  # an axis of logarithms has no place for 0


def test_eigenvalues_that_few_images_decide_are_left_out():
    held_out = torch.tensor([4.0, 2.0, 1.0, 1e-4])
    spectra = {"held_out": held_out, "training": held_out, "samples": held_out / 2}
    left, right = eigenvalues_figure(spectra, num_images=100).axes
    assert left.lines[0].get_ydata().tolist() == [4, 2, 1]
    assert right.lines[1].get_ydata().tolist() == [0.5] * 3
    assert eigenvalues_figure(spectra, num_images=3).axes[0].lines[0].get_ydata().tolist() == [4, 2]
