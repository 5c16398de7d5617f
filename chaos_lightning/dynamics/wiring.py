"""Wiring: which layers are connected, by which kinds of couplings."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import isfinite
from typing import Any


@dataclass(frozen=True)
class Connection:
    """Two connected layers, or one layer connected to itself (``lower == upper``).

    Frozen couplings run down (the paper's W, into the lower layer) and up (Wt, into the upper layer), independent of
    one another and each with a gain of its own. Learned couplings A serve both ways, as A and as its transpose. Within
    a layer there is one frozen matrix J, of gain ``gain_down``, and A is symmetric with zero diagonal.

    Attributes:
        lower: index of the lower layer; 0 is the visible one.
        upper: index of the upper layer.
        gain_down: gain of the frozen couplings into the lower layer; None takes the network's, 0 leaves them out.
        gain_up: gain of the frozen couplings into the upper layer; None takes the network's, 0 leaves them out. Within
            a layer it must be None.
        learned: whether the connection learns; if not, only its frozen couplings act.
    """

    lower: int
    upper: int
    gain_down: float | None = None
    gain_up: float | None = None
    learned: bool = True

    @property
    def is_recurrent(self) -> bool:
        """Whether the connection joins a layer with itself."""
        return self.lower == self.upper

    def gain_into(self, layer: int, gain: float) -> float:
        """Return the gain of the frozen couplings into one of the two layers, given the network's."""
        own = self.gain_down if layer == self.lower else self.gain_up
        return gain if own is None else own

    def acts_on(self, layer: int, gain: float) -> bool:
        """Return whether couplings of any kind run into a layer, given the network's gain."""
        return layer in (self.lower, self.upper) and (self.learned or self.gain_into(layer, gain) > 0)


Wiring = Sequence[Connection | Mapping[str, Any]]
"""Connections, or mappings from the names of their attributes to values, as in YAML and checkpoints."""


def neighbours(num_layers: int) -> tuple[Connection, ...]:
    """Connect each layer with the next, or a single layer with itself: the networks of arXiv:2405.10822."""
    if num_layers == 1:
        return (Connection(0, 0),)
    return tuple(Connection(layer, layer + 1) for layer in range(num_layers - 1))


def as_wiring(wiring: Wiring | None, num_layers: int, gain: float) -> tuple[Connection, ...]:
    """Return the connections of a network, after a check.

    Args:
        wiring: the connections; None connects neighbours.
        num_layers: number of layers.
        gain: gain of the frozen couplings for connections that give none.

    Raises:
        ValueError: if a connection does not fit the layers, is given twice, has a negative gain or no couplings, if a
            layer gets no input, or if no connection learns.
    """
    if wiring is None:
        return neighbours(num_layers)
    try:
        connections = tuple(each if isinstance(each, Connection) else Connection(**each) for each in wiring)
    except TypeError as error:
        raise ValueError(
            "a wiring is a list of connections with lower, upper and perhaps gain_down, gain_up and learned, but "
            f"{wiring!r} is not: {error}"
        ) from error
    pairs = [(each.lower, each.upper) for each in connections]
    for connection, pair in zip(connections, pairs, strict=True):
        _check(connection, num_layers, gain)
        if pairs.count(pair) > 1:
            raise ValueError(f"the wiring connects layers {pair[0]} and {pair[1]} twice: make it one connection")
    for layer in range(num_layers):
        if not any(each.acts_on(layer, gain) for each in connections):
            raise ValueError(f"nothing in the wiring runs into layer {layer}: connect it, or leave the layer out")
    if not any(each.learned for each in connections):
        raise ValueError("nothing in the wiring learns: leave learned out of at least one connection")
    return connections


def _check(connection: Connection, num_layers: int, gain: float) -> None:
    lower, upper = connection.lower, connection.upper
    if not 0 <= lower <= upper < num_layers:
        raise ValueError(
            f"a connection joins layers 0 to {num_layers - 1}, the lower one first, but the wiring has lower={lower} "
            f"and upper={upper}"
        )
    if connection.is_recurrent and connection.gain_up is not None:
        raise ValueError(f"layer {lower} has one frozen matrix within itself: give its gain as gain_down alone")
    for name in ("gain_down", "gain_up"):
        own = getattr(connection, name)
        if own is not None and not (own >= 0 and isfinite(own)):
            raise ValueError(f"{name} must be 0 or more, but is {own} between layers {lower} and {upper}")
    if not (connection.acts_on(lower, gain) or connection.acts_on(upper, gain)):
        raise ValueError(
            f"the connection of layers {lower} and {upper} has neither frozen nor learned couplings: leave it out"
        )
