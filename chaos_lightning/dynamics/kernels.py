"""Kernels for GPUs, in Triton: a whole time step in one launch, and random numbers by chain.

What they compute is what :class:`EulerIntegrator` and :func:`draw_by_chain` say, and the tests hold them against these.
"""

from collections.abc import Mapping, Sequence
from functools import cache
from itertools import pairwise

import torch
import triton
import triton.language as tl
from torch import Tensor

from chaos_lightning.dynamics.rates import RATE_FUNCTIONS, RateFunction

TILE = 64
"""A tile of a product has so many chains, units that receive and units that send. Layers are padded to whole tiles."""


class FusedTimeSteps:
    """Time steps of all stepped layers at once, ``z_i <- keep z_i + sum_j r_j C_ij`` and ``r_i <- shape(z_i + s_i)``.

    One launch is one time step: a tile of chains and units sums its products on the matrix units, in float32, and makes
    its new rates while they are still in registers. All tiles read the rates of the step before and write to other
    memory, so all layers are updated from the same previous state.

    The layers lie side by side, padded to whole tiles, those at even places first: then the layers that drive one, its
    neighbours, always lie side by side too. What is padded has no couplings, and what it does reaches nobody.

    Args:
        couplings: layer to its ``(source layer, C)``, C of shape ``(units of source, units of layer)``, in the data
            type of the products, which rates get too: bfloat16, or float32 that is rounded to TF32 in the products.
        sizes: units of each of these layers.
        shift: s, ``(1 or chains, units)``, of these layers side by side in their own order, float32.
        keep: factor of z.
        rate: one of :data:`RATE_FUNCTIONS`.
        held: values of rates that are held, ``(chains, units)``, NaN for those that are not, of these layers side by
            side; None holds none.
    """

    def __init__(
        self,
        couplings: Mapping[int, Sequence[tuple[int, Tensor]]],
        sizes: Sequence[int],
        shift: Tensor,
        *,
        keep: float,
        rate: RateFunction,
        held: Tensor | None = None,
    ) -> None:
        self._keep = keep
        self._overlaps = launches_overlap(shift.device)
        self._is_tanh = rate == RATE_FUNCTIONS["tanh"]
        self._sizes = list(sizes)
        layers = list(couplings)
        widths = [_whole_tiles(size) for size in sizes]
        self._width = sum(widths)
        starts = [0] * len(layers)  # column where each layer starts
        in_order = [*range(0, len(layers), 2), *range(1, len(layers), 2)]
        for before, position in pairwise(in_order):
            starts[position] = starts[before] + widths[before]
        self._starts = starts
        (_, example), *_ = couplings[layers[0]]
        self._joined = example.new_zeros(self._width, self._width)
        first_sources, last_sources = [0] * (self._width // TILE), [0] * (self._width // TILE)
        for start, width, size, layer in zip(starts, widths, sizes, layers, strict=True):
            sources = [layers.index(source) for source, _ in couplings[layer]]
            for source, (_, coupling) in zip(sources, couplings[layer], strict=True):
                self._joined[starts[source] : starts[source] + sizes[source], start : start + size] = coupling
            for tile in range(start // TILE, (start + width) // TILE):
                first_sources[tile] = min(starts[source] for source in sources) // TILE
                last_sources[tile] = max(starts[source] + widths[source] for source in sources) // TILE
        self._sources = _on_device((*first_sources, *last_sources), example.device)
        self._shift = self._padded(shift, torch.float32)
        self._held = None if held is None else self._padded(held, torch.float32, rows=_whole_tiles(len(held)))

    def advance(self, shifted: Tensor, rates: Tensor, num_steps: int) -> None:
        """Step z and the rates of all chains, ``(chains, units)`` each, in place."""
        rows = _whole_tiles(len(shifted))
        z = self._padded(shifted, torch.float32, rows=rows)
        now = self._padded(rates, rates.dtype, rows=rows)
        shift = self._shift
        if len(shift) > 1 and len(shift) < rows:
            shift = torch.nn.functional.pad(shift, (0, 0, 0, rows - len(shift)))
        then = torch.empty_like(now)
        grid = (self._width // TILE, rows // TILE)
        launch = {"launch_pdl": True} if self._overlaps else {}
        # Tiles that are on their way while one is multiplied; more of four bytes do not fit everywhere.
        stages = 4 if now.element_size() == 2 else 2
        with torch.cuda.device_of(z):
            for _ in range(num_steps):
                _time_step[grid](
                    z,
                    shift,
                    0 if len(shift) == 1 else self._width,
                    now,
                    then,
                    self._joined,
                    self._sources,
                    now if self._held is None else self._held,
                    self._keep,
                    self._width,
                    IS_TANH=self._is_tanh,
                    HOLDS=self._held is not None,
                    OVERLAPS=self._overlaps,
                    SIZE=TILE,
                    num_warps=4,
                    num_stages=stages,
                    **launch,
                )
                now, then = then, now
        self._unpad(z, shifted)
        self._unpad(now, rates)

    def _padded(self, joined: Tensor, dtype: torch.dtype, *, rows: int | None = None) -> Tensor:
        """Layers side by side in their own order, laid out for the kernel, in new memory."""
        padded = joined.new_zeros(len(joined) if rows is None else rows, self._width, dtype=dtype)
        for start, layer in zip(self._starts, joined.split(self._sizes, dim=1), strict=True):
            padded[: len(joined), start : start + layer.shape[1]] = layer
        return padded

    def _unpad(self, padded: Tensor, joined: Tensor) -> None:
        """What :meth:`_padded` has done, undone, in place."""
        for start, layer in zip(self._starts, joined.split(self._sizes, dim=1), strict=True):
            layer.copy_(padded[: len(joined), start : start + layer.shape[1]])


def draw(origin: Tensor, num_units: int, num_chains: int, *, uniform: bool) -> Tensor:
    """Random numbers ``(num_chains, num_units)``, float32, each a function of seed, chain and unit alone.

    They come from Philox, a generator that is a function of a key and a counter (J. K. Salmon et al., Parallel random
    numbers: as easy as 1, 2, 3, SC11 (2011)): the key is the number made of the seed, the counter the unit and the
    chain.

    Args:
        origin: that number and the index of the first chain, ``(2,)``, int64, on the device.
        num_units: numbers of a chain.
        num_chains: number of chains.
        uniform: whether numbers are uniform in [0, 1) instead of N(0, 1).
    """
    drawn = torch.empty(num_chains, num_units, dtype=torch.float32, device=origin.device)
    if drawn.numel() == 0:
        return drawn
    units_at_once = 512
    grid = (num_chains, triton.cdiv(num_units, units_at_once))
    with torch.cuda.device_of(drawn):
        _draw_by_chain[grid](drawn, origin, num_units, UNIFORM=uniform, UNITS=units_at_once)
    return drawn


@cache
def launches_overlap(device: torch.device) -> bool:
    """Whether a launch can get ready while the one before it ends (programmatic dependent launch, from Hopper on)."""
    knows_how = hasattr(tl.extra, "cuda") and hasattr(tl.extra.cuda, "gdc_wait")
    return device.type == "cuda" and knows_how and torch.cuda.get_device_capability(device) >= (9, 0)


def _whole_tiles(size: int) -> int:
    return -(-size // TILE) * TILE


@cache
def _on_device(numbers: tuple[int, ...], device: torch.device) -> Tensor:
    """Copied once and kept: a graph that is captured cannot copy from the host, and knows only where they lie."""
    return torch.tensor(numbers, dtype=torch.int32, device=device)


@triton.jit
def _time_step(
    shifted,
    shift,
    shift_stride,
    rates,
    new_rates,
    couplings,
    sources,
    held,
    keep,
    width,
    IS_TANH: tl.constexpr,
    HOLDS: tl.constexpr,
    OVERLAPS: tl.constexpr,
    SIZE: tl.constexpr,
):
    tile = tl.program_id(0)
    first = tl.load(sources + tile)
    last = tl.load(sources + tl.num_programs(0) + tile)
    if OVERLAPS:  # all else is written by the launches before
        tl.extra.cuda.gdc_wait()
        tl.extra.cuda.gdc_launch_dependents()
    unit = tile * SIZE + tl.arange(0, SIZE)[None, :]
    chain = (tl.program_id(1) * SIZE + tl.arange(0, SIZE)[:, None]).to(tl.int64)
    field = tl.zeros((SIZE, SIZE), tl.float32)
    for block in range(first, last):
        source = block * SIZE + tl.arange(0, SIZE)
        sent = tl.load(rates + chain * width + source[None, :])
        coupling = tl.load(couplings + source[:, None].to(tl.int64) * width + unit)
        field = tl.dot(sent, coupling, field, input_precision="tf32")
    here = chain * width + unit
    moved = keep * tl.load(shifted + here) + field
    tl.store(shifted + here, moved)
    scaled = moved + tl.load(shift + chain * shift_stride + unit)
    if IS_TANH:  # noqa: SIM108  Triton compiles one branch only
        rate = 2 * tl.sigmoid(scaled) - 1
    else:
        rate = tl.minimum(tl.maximum(scaled, -1.0), 1.0)
    if HOLDS:
        value = tl.load(held + here)
        rate = tl.where(value == value, value, rate)  # NaN is not itself
    tl.store(new_rates + here, rate.to(new_rates.dtype.element_ty))


@triton.jit
def _draw_by_chain(drawn, origin, num_units, UNIFORM: tl.constexpr, UNITS: tl.constexpr):
    unit = tl.program_id(1) * UNITS + tl.arange(0, UNITS)
    row = tl.program_id(0)
    zero = unit * 0
    chain = (tl.load(origin + 1) + row).to(tl.int32)
    first, second, _, _ = tl.philox(tl.load(origin), unit, zero + chain, zero, zero)
    number = tl.uint_to_uniform_float(first)
    if not UNIFORM:
        number, _ = tl.pair_uniform_to_normal(number, tl.uint_to_uniform_float(second))
    tl.store(drawn + row.to(tl.int64) * num_units + unit, number, mask=unit < num_units)
