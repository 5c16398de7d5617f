"""Checks of a network's settings, before anything is made from them."""

from collections.abc import Mapping, Sequence
from typing import Any

MOVED = {
    "centering": "CentredHebbian",
    "reclamp": "CentredHebbian, or ContrastiveHebbian without centring,",
    "bias_rate": "CentredHebbian, or ContrastiveHebbian without centring,",
    "l1": "ContrastiveHebbian, or CentredHebbian,",
}
"""Learning rules that now have settings of version 0.1.0, by the names of the settings."""


def refuse_old_settings(settings: Mapping[str, Any]) -> None:
    """Refuse settings of earlier versions.

    Raises:
        ValueError: if there is one, with the new spelling.
    """
    for name, rules in MOVED.items():
        if name in settings:
            raise ValueError(f"{name} is a setting of the learning rule now: give rule={rules} with this setting")


def check_settings(
    *,
    num_layers: int,
    num_classes: int,
    num_chains: int | None,
    noise: float,
    noise_layers: Sequence[int] | None,
    dropouts: Mapping[str, float],
    shares: Mapping[str, float],
) -> None:
    """Refuse numbers outside their range.

    Args:
        num_classes: number of classes that the network has label units for.
        num_layers: number of layers.
        num_chains: number of chains of the free phase; None takes one per image.
        noise: strength of injected noise.
        noise_layers: layers that get noise; None gives it to all.
        dropouts: probabilities of dropping couplings and hidden units, by the names of the settings.
        shares: shares of the free phase's chains that hold labels or pixels, by the names of the settings.

    Raises:
        ValueError: if a number is outside its range; the message gives the setting, its range and its value.
    """
    if num_chains is not None and num_chains < 1:
        raise ValueError(f"num_chains must be at least 1, but is {num_chains}; leave it out for one chain an image")
    if not 0 <= noise < float("inf"):
        raise ValueError(f"noise must be 0 or more, but is {noise}; 0 switches it off")
    if noise_layers is not None and (not noise_layers or not {*noise_layers} <= {*range(num_layers)}):
        raise ValueError(
            f"noise_layers names layers from 0, the visible one, to {num_layers - 1}, but is {noise_layers}; leave it "
            "out to give all of them noise"
        )
    if noise_layers is not None and noise == 0:
        raise ValueError(f"noise_layers={noise_layers} says where noise goes, but there is none: set noise")
    for name, dropout in dropouts.items():
        if not 0 <= dropout < 1:
            raise ValueError(f"{name} is a probability from 0 to below 1, but is {dropout}; 0 switches it off")
    if dropouts["hidden_dropout"] > 0 and num_layers == 1:
        raise ValueError("hidden_dropout needs a hidden layer, and this network has none: use coupling_dropout")
    for name, share in shares.items():
        if not 0 <= share < 1:
            raise ValueError(f"{name} is a share of the chains, from 0 to below 1, but is {share}")
    if any(shares.values()) and not num_classes:
        held = ", ".join(name for name, share in shares.items() if share)
        raise ValueError(f"{held} makes chains hold labels or pixels in turn, which takes label units: set num_classes")
    if sum(shares.values()) >= 1:
        given = " and ".join(f"{name}={share}" for name, share in shares.items())
        raise ValueError(f"{given} leave no chains free, from which free samples are learnt: lower one of them")
