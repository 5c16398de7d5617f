"""Kernels for GPUs, in Triton: all time steps of a run in one launch, and random numbers by chain.

They do the work that :class:`EulerIntegrator` and :func:`draw_by_chain` describe, and the tests hold them to it.
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
"""Number of units in a tile, and number of its chains. Layers are padded to whole tiles."""

STAGES = 4
"""Stages of the pipeline of a product: while one part is multiplied, the next ones are loaded."""

TILE_MEMORY = STAGES * 2 * TILE * TILE * 2
"""Bytes of a multiprocessor's shared memory that the stages of a tile take: rates and couplings of two bytes from TILE
senders, or of four bytes from half as many."""


class FusedTimeSteps:
    """Time steps of all stepped layers: ``y_i <- keep y_i + sum_j r_j C_ij`` and ``r_i <- shape(scale y_i + s_i)``.

    One launch takes many time steps. A tile of units and chains keeps its y in registers, sums its products on the
    matrix units in float32, and computes its new rates there too. All tiles read the rates of the previous step and
    write new rates to other memory, so all layers are updated from the same previous state. Before the next step a tile
    waits until all tiles of its chains have written their rates. So a launch has only as many tiles as are sure to run
    side by side.

    The layers lie side by side, padded to whole tiles, with the layers at even places first. Then the neighbours of a
    layer, which drive it, lie side by side too. Padding has no couplings, so it influences no unit.

    Args:
        couplings: for each layer its pairs ``(source layer, C)``, with C of shape ``(units of source, units of
            layer)``. Its data type is the data type of the products and of the rates: bfloat16, or float32, which the
            products round to TF32.
        sizes: units of each of these layers.
        shift: s, ``(1 or chains, units)``, float32, with these layers side by side in their own order.
        summed: y at the start, ``(chains, units)``, float32, in the same order.
        rates: rates at the start, ``(chains, units)``, in the same order, in the data type of the products.
        keep: factor of the old y in each step.
        scale: factor of y in the rates.
        rate: one of :data:`RATE_FUNCTIONS`.
        held: rates to hold, ``(chains, units)``, float32, NaN for units that are not held; None holds none.
    """

    def __init__(
        self,
        couplings: Mapping[int, Sequence[tuple[int, Tensor]]],
        sizes: Sequence[int],
        shift: Tensor,
        summed: Tensor,
        rates: Tensor,
        *,
        keep: float,
        scale: float,
        rate: RateFunction,
        held: Tensor | None = None,
    ) -> None:
        self._keep, self._scale = keep, scale
        self._is_tanh = rate == RATE_FUNCTIONS["tanh"]
        self._num_chains = len(summed)
        self._steps_done = 0
        layers = list(couplings)
        widths = [_whole_tiles(size) for size in sizes]
        self._width = sum(widths)
        starts = [0] * len(layers)  # column where each layer starts
        in_order = [*range(0, len(layers), 2), *range(1, len(layers), 2)]
        for before, position in pairwise(in_order):
            starts[position] = starts[before] + widths[before]

        self._joined = rates.new_zeros(self._width, self._width)  # a row holds the couplings into a unit
        first_sources, last_sources = [0] * (self._width // TILE), [0] * (self._width // TILE)
        for start, width, size, layer in zip(starts, widths, sizes, layers, strict=True):
            sources = [layers.index(source) for source, _ in couplings[layer]]
            for source, (_, coupling) in zip(sources, couplings[layer], strict=True):
                self._joined[start : start + size, starts[source] : starts[source] + sizes[source]] = coupling.T
            for tile in range(start // TILE, (start + width) // TILE):
                first_sources[tile] = min(starts[source] for source in sources) // TILE
                last_sources[tile] = max(starts[source] + widths[source] for source in sources) // TILE
        self._sources = _on_device((*first_sources, *last_sources), rates.device)

        # Unit of each column, and column of each unit. Padding copies the numbers of unit 0, because they are finite.
        columns = [start + unit for start, size in zip(starts, sizes, strict=True) for unit in range(size)]
        units = [0] * self._width
        for unit, column in enumerate(columns):
            units[column] = unit
        self._units, self._columns = _on_device(tuple(units), rates.device), _on_device(tuple(columns), rates.device)

        rows = _whole_tiles(self._num_chains)
        self._summed = self._padded(summed, rows)
        self._shift = self._padded(shift, rows if len(shift) > 1 else 1)
        self._held = None if held is None else self._padded(held, rows)
        self._rates = rates.new_empty(2, rows, self._width)  # rates of even steps, rates of odd steps
        self._pad(rates, self._rates[0])

    def advance(self, num_steps: int) -> Tensor:
        """Take a number of further time steps and return y, ``(chains, units)``, in new memory."""
        tiles_of_chains, num_columns = len(self._summed) // TILE, self._width // TILE
        at_once = tiles_at_once(self._joined.device) // num_columns
        if at_once:
            arrived = torch.zeros(tiles_of_chains, 32, dtype=torch.int32, device=self._joined.device)
            for first in range(0, tiles_of_chains, at_once):
                tiles = slice(first, min(first + at_once, tiles_of_chains))
                self._launch(tiles, self._steps_done, num_steps, arrived, launch_cooperative_grid=True)
        else:
            for step in range(num_steps):
                self._launch(slice(0, tiles_of_chains), self._steps_done + step, 1, self._sources)
        self._steps_done += num_steps
        return self._summed[: self._num_chains].index_select(1, self._columns)

    def _launch(self, tiles: slice, steps_done: int, num_steps: int, arrived: Tensor, **how: bool) -> None:
        chains = slice(tiles.start * TILE, tiles.stop * TILE)
        rates = self._rates[:, chains]
        has_one_shift = len(self._shift) == 1
        with torch.cuda.device_of(rates):
            _time_steps[self._width // TILE, tiles.stop - tiles.start](
                self._summed[chains],
                self._shift if has_one_shift else self._shift[chains],
                0 if has_one_shift else self._width,
                rates,
                self._joined,
                self._sources,
                rates if self._held is None else self._held[chains],
                arrived[tiles.start :],
                self._keep,
                self._scale,
                self._width,
                self._rates.stride(0),
                steps_done,
                num_steps,
                IS_TANH=self._is_tanh,
                HOLDS=self._held is not None,
                SIZE=TILE,
                SENDERS=TILE * 2 // rates.element_size(),
                num_warps=4,
                num_stages=STAGES,
                **how,
            )

    def _padded(self, joined: Tensor, rows: int) -> Tensor:
        """Lay out for the kernel, in new memory, layers that lie side by side in their own order."""
        padded = joined.new_empty(rows, self._width)
        self._pad(joined, padded)
        return padded

    def _pad(self, joined: Tensor, out: Tensor) -> None:
        torch.index_select(joined, 1, self._units, out=out[: len(joined)])


def draw(origin: Tensor, num_units: int, num_chains: int, *, uniform: bool) -> Tensor:
    """Draw random numbers ``(num_chains, num_units)``, float32, each a function of seed, chain and unit alone.

    They come from Philox, a generator that is a function of a key and a counter (J. K. Salmon et al., Parallel random
    numbers: as easy as 1, 2, 3, SC11 (2011)). The key is a number made from the seed; the counter is the unit and the
    chain.

    Args:
        origin: the number made from the seed, and the index of the first chain, ``(2,)``, int64, on the device.
        num_units: numbers per chain.
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


def try_out(device: torch.device) -> None:
    """Launch every kernel once, on tiny inputs.

    Raises:
        Exception: the error of Triton or of the GPU if a kernel does not run there.
    """
    coupling = draw(torch.zeros(2, dtype=torch.int64, device=device), 1, 1, uniform=True)
    state, rate = torch.zeros_like(coupling), RATE_FUNCTIONS["hardtanh"]
    steps = FusedTimeSteps({0: [(0, coupling)]}, [1], state, state, state, keep=0.5, scale=0.5, rate=rate)
    if float(steps.advance(2)) != 0.0:
        raise RuntimeError("a network at rest does not stay there")


@cache
def tiles_at_once(device: torch.device) -> int:
    """Return the number of tiles sure to run side by side, so that they can wait for one another; 0 if none are."""
    if device.type != "cuda":
        return 0
    from triton.backends.nvidia.compiler import CUDAOptions

    # Triton before 3.3 has no cooperative launches, and would load rates for the next step before the wait.
    if not hasattr(CUDAOptions, "launch_cooperative_grid"):
        return 0
    properties = torch.cuda.get_device_properties(device)
    memory = getattr(properties, "shared_memory_per_multiprocessor", 0)
    return int(properties.multi_processor_count) * (2 if memory >= 2 * (TILE_MEMORY + 1024) else 1)


def _whole_tiles(size: int) -> int:
    return -(-size // TILE) * TILE


@cache
def _on_device(numbers: tuple[int, ...], device: torch.device) -> Tensor:
    """Return numbers on a device, copied once and kept.

    The capture of a graph cannot copy from the host, and its replays read the numbers where they lie in memory.
    """
    return torch.tensor(numbers, dtype=torch.int32, device=device)


@triton.jit(do_not_specialize=["steps_done"])
def _time_steps(
    summed,
    shift,
    shift_stride,
    rates,
    couplings,
    sources,
    held,
    arrived,
    keep,
    scale,
    width,
    rates_size,
    steps_done,
    num_steps,
    IS_TANH: tl.constexpr,
    HOLDS: tl.constexpr,
    SIZE: tl.constexpr,
    SENDERS: tl.constexpr,
):
    tile = tl.program_id(0)
    num_tiles = tl.num_programs(0)
    blocks_of_tile: tl.constexpr = SIZE // SENDERS
    first = tl.load(sources + tile) * blocks_of_tile
    last = tl.load(sources + num_tiles + tile) * blocks_of_tile
    arrived += tl.program_id(1) * 32  # a cache line for each tile of chains
    chain = (tl.program_id(1) * SIZE + tl.arange(0, SIZE)[:, None]).to(tl.int64)
    unit = tile * SIZE + tl.arange(0, SIZE)
    here = chain * width + unit[None, :]
    moved = tl.load(summed + here)
    offset = tl.load(shift + chain * shift_stride + unit[None, :])
    if HOLDS:
        value = tl.load(held + here)
    for step in range(steps_done, steps_done + num_steps):
        now = rates + (step % 2) * rates_size
        then = rates + (1 - step % 2) * rates_size
        field = tl.zeros((SIZE, SIZE), tl.float32)
        for block in range(first, last):
            sender = block * SENDERS + tl.arange(0, SENDERS)[None, :]
            sent = tl.load(now + chain * width + sender)
            coupling = tl.load(couplings + unit[:, None].to(tl.int64) * width + sender)
            field = tl.dot(sent, coupling.T, field, input_precision="tf32")
        moved = keep * moved + field
        scaled = scale * moved + offset
        if IS_TANH:  # noqa: SIM108  Triton compiles one branch only
            rate = 2 * tl.sigmoid(scaled) - 1
        else:
            rate = tl.minimum(tl.maximum(scaled, -1.0), 1.0)
        if HOLDS:
            rate = tl.where(value == value, value, rate)  # NaN is not itself
        tl.store(then + here, rate.to(rates.dtype.element_ty))
        if step + 1 < steps_done + num_steps:
            tl.debug_barrier()
            tl.atomic_add(arrived, 1, sem="release")
            while tl.atomic_add(arrived, 0, sem="acquire") < num_tiles * (step + 1 - steps_done):
                pass
            tl.debug_barrier()
    tl.store(summed + here, moved)


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
