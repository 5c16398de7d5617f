"""Spectra of real and generated images over their rank."""

from collections.abc import Mapping

import torch
from matplotlib.figure import Figure
from torch import Tensor

from chaos_lightning.pictures.style import DATA, FLOOR, SAMPLES, new_figure

LEAST_EIGENVALUE = 1e-3
"""Smaller eigenvalues of the data are left out: few images decide them, so that real images do not agree on them."""


def spectra_figure(real: Tensor, generated: Tensor) -> Figure:
    """Draw singular values of real and generated images, on two logarithmic axes.

    Args:
        real: Singular values over the root of the number of images, descending, ``(D,)``.
        generated: Singular values of the generated images, ``(D,)``.
    """
    figure = Figure(figsize=(5, 4))
    axes = figure.add_axes((0.15, 0.13, 0.82, 0.84))  # a layout that is worked out takes most of a second
    for name, spectrum, style in (("real", real, "k-"), ("generated", generated, "C1--")):
        ranks = torch.arange(1, len(spectrum) + 1)
        axes.loglog(ranks.numpy(), spectrum.clamp(min=1e-6).numpy(), style, label=name)
    axes.set(xlabel="rank", ylabel="singular value / sqrt(N)", ylim=(1e-3, None))
    axes.minorticks_off()  # drawing them takes longer than all else
    axes.legend()
    return figure


def eigenvalues_figure(spectra: Mapping[str, Tensor], num_images: int) -> Figure:
    """Draw the eigenvalues of covariances, and their ratio to the eigenvalues of held-out images.

    Args:
        spectra: Eigenvalues, descending, of ``held_out``, ``training`` and ``samples``.
        num_images: Images a side; a covariance of N images has N - 1 eigenvalues at most.
    """
    looks = {
        "held_out": ("held-out images", DATA, "-"),
        "training": ("training images", FLOOR, "--"),
        "samples": ("samples at T", SAMPLES, "-"),
    }
    count = min(len(spectra["held_out"]), num_images - 1)
    count = max(1, min(count, int((spectra["held_out"] > LEAST_EIGENVALUE).sum())))
    ranks = torch.arange(1, count + 1).numpy()
    figure = new_figure(3.4)
    left, right = figure.subplots(1, 2)
    highest = 1.0
    for name, (label, color, dashes) in looks.items():
        left.loglog(ranks, spectra[name][:count].numpy(), dashes, color=color, label=label)
        if name != "held_out":
            ratios = spectra[name][:count] / spectra["held_out"][:count]
            highest = max(highest, float(ratios.max()))
            right.semilogx(ranks, ratios.numpy(), dashes, color=color, label=label)
    right.axhline(1, color=DATA, linewidth=0.9)
    left.set(xlabel="rank", ylabel="eigenvalue of the covariance", ylim=(spectra["held_out"][count - 1] / 3, None))
    right.set(xlabel="rank", ylabel="ratio to held-out images")
    if highest > 3:  # noise has far more variance than images in most directions
        right.set_yscale("log")
    else:
        right.set_ylim(bottom=0)
    left.legend(loc="lower left")
    return figure
