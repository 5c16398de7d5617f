"""The three architectures of arXiv:2405.10822: each is a short list of connections between its layers."""

from typing import Any

from chaos_lightning.dynamics import Connection
from chaos_lightning.models.base import ChaoticGenerator
from chaos_lightning.models.checks import refuse_old_settings


class OneLayer(ChaoticGenerator):
    """The unrestricted network: one visible layer coupled to itself, ``tau dv/dt = -v + (J + A) phi(v) + b``.

    Args:
        visible_units: pixels of a square grey image; or ``[channels, height, width]`` for other images, ``[units]`` for
            vectors that are no images.
        **settings: the settings of every architecture, see :class:`ChaoticGenerator`.
    """

    default_wiring = (Connection(0, 0),)

    def __init__(self, visible_units: int | list[int] = 784, **settings: Any) -> None:
        refuse_old_settings(settings)
        super().__init__([visible_units], **settings)


class TwoLayer(ChaoticGenerator):
    """The restricted network with one hidden layer.

    ``tau dv/dt = -v + (W + A) phi(h) + b`` and ``tau dh/dt = -h + (Wt + A^T) phi(v) + c``.

    Args:
        visible_units: pixels of a square grey image; or ``[channels, height, width]`` for other images, ``[units]`` for
            vectors that are no images.
        hidden_units: units of the hidden layer.
        **settings: the settings of every architecture, see :class:`ChaoticGenerator`.
    """

    default_wiring = (Connection(0, 1),)

    def __init__(self, visible_units: int | list[int] = 784, hidden_units: int = 500, **settings: Any) -> None:
        refuse_old_settings(settings)
        super().__init__([visible_units, hidden_units], **settings)


class ThreeLayer(ChaoticGenerator):
    """The restricted network with two hidden layers, each layer coupled to its neighbours.

    Args:
        visible_units: pixels of a square grey image; or ``[channels, height, width]`` for other images, ``[units]`` for
            vectors that are no images.
        hidden_units: units of the first hidden layer.
        top_units: units of the second hidden layer.
        **settings: the settings of every architecture, see :class:`ChaoticGenerator`.
    """

    default_wiring = (Connection(0, 1), Connection(1, 2))

    def __init__(
        self, visible_units: int | list[int] = 784, hidden_units: int = 500, top_units: int = 100, **settings: Any
    ) -> None:
        refuse_old_settings(settings)
        super().__init__([visible_units, hidden_units, top_units], **settings)
