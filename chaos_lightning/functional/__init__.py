"""Measures as pure functions of tensors.

The paper's public summary names the four accuracy measures E(2), E(s), E(R) and E(AAI) without formulas. The
definitions here follow the literature that it cites, and are our reading. All four are 0 for a perfect
generator, up to a floor set by the number of samples. So put this floor beside every figure: the value of as
many real images against other real images.
"""

from chaos_lightning.functional.activity import participation_ratio, resting_fraction
from chaos_lightning.functional.adversarial_accuracy import (
    AdversarialAccuracy,
    adversarial_accuracy,
    adversarial_accuracy_indicator,
)
from chaos_lightning.functional.checks import SampleCountError
from chaos_lightning.functional.class_balance import class_balance_error, class_coverage, nearest_labels
from chaos_lightning.functional.completion import (
    completion_error,
    gaussian_completion,
    nearest_completion,
    pair_difference,
)
from chaos_lightning.functional.inversion import inverted_share
from chaos_lightning.functional.ising import energy_per_spin, magnetisation
from chaos_lightning.functional.manifold import manifold_precision, manifold_recall, share_on_manifold
from chaos_lightning.functional.memorisation import near_copy_share, training_distances
from chaos_lightning.functional.neighbours import Neighbours, nearest_neighbours
from chaos_lightning.functional.relative_entropy import deflated_size, entropy_ratio, relative_entropy_error
from chaos_lightning.functional.roughness import roughness, squared_laplacian
from chaos_lightning.functional.second_moment import second_moment_error
from chaos_lightning.functional.smoothness import neighbour_correlation
from chaos_lightning.functional.spectrum import spectrum_error

__all__ = [
    "AdversarialAccuracy",
    "Neighbours",
    "SampleCountError",
    "adversarial_accuracy",
    "adversarial_accuracy_indicator",
    "class_balance_error",
    "class_coverage",
    "completion_error",
    "deflated_size",
    "energy_per_spin",
    "entropy_ratio",
    "gaussian_completion",
    "inverted_share",
    "magnetisation",
    "manifold_precision",
    "manifold_recall",
    "near_copy_share",
    "nearest_completion",
    "nearest_labels",
    "nearest_neighbours",
    "neighbour_correlation",
    "pair_difference",
    "participation_ratio",
    "relative_entropy_error",
    "resting_fraction",
    "roughness",
    "second_moment_error",
    "share_on_manifold",
    "spectrum_error",
    "squared_laplacian",
    "training_distances",
]
