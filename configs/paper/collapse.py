"""When does the published rule collapse? Train at several rates, and compare with the largest stable rate.

``python configs/paper/collapse.py DIR`` reads MNIST from DIR, or the sample in the package without it, and writes
collapse.csv and collapse.png here.
"""

import csv
import sys
from pathlib import Path

import matplotlib.pyplot as plt
import torch
from torch.nn.functional import adaptive_avg_pool2d

from chaos_lightning import MNISTDataModule, OneLayer, TwoLayer
from chaos_lightning.dynamics import Stream, start_of
from chaos_lightning.learning import Phases, hebbian_difference, largest_stable_rate

HERE = Path(__file__).parent
RATES = (0.2, 0.4, 0.6, 0.8, 1.2, 2.4)  # k N
NETWORKS = [  # layers, side of the images, M
    *((1, 7, 100), (1, 14, 100), (1, 28, 100)),
    *((1, 14, 400), (2, 14, 100)),
]
STEPS = 400
SLOW = (0.2, 1200)  # k N and steps of the training that tells the largest stable rate


@torch.no_grad()
def train(model, images, rate, batch_size, num_steps=STEPS):
    """Take plain steps of the published rule; return the mean size of the Hebbian difference over the last 100."""
    generator = torch.Generator().manual_seed(0)
    sizes = []
    for step in range(num_steps):
        shown = images[torch.randint(len(images), (batch_size,), generator=generator)]
        starts = {
            stream: start_of(batch_size, seed=(0, stream, step)) for stream in (Stream.CLAMPED_PHASE, Stream.FREE_PHASE)
        }
        clamped, free = Phases(model.network, model.clock, shown, starts).clamped_and_free()
        couplings, biases = hebbian_difference(model.network.pairs, clamped.rates, free.rates)
        for weight, difference in zip(model.network.trainable(), [*couplings, *biases], strict=True):
            weight.add_(difference, alpha=rate)
        sizes.append(couplings[0].square().mean().sqrt())
    return float(torch.stack(sizes[-100:]).mean())


def measure(pixels):
    """Train all networks at all rates, and slowly, to where those at k N = 0.6 end, to know the largest stable one."""
    for layers, side, batch_size in NETWORKS:
        images = adaptive_avg_pool2d(pixels, side).flatten(1)

        def made(layers=layers, units=side**2):
            return (OneLayer, TwoLayer)[layers - 1](*[units] * layers, dt=1.0, sampling_time=100.0, measure_times=[])

        slow = made()
        train(slow, images, SLOW[0] / side**2, batch_size, SLOW[1])
        stable = largest_stable_rate(slow.network, slow.clock, images[:500]).rate
        for product in RATES:
            rate = product / side**2
            difference = train(made(), images, rate, batch_size)
            row = {"layers": layers, "pixels": side**2, "M": batch_size, "k": rate, "k N": product}
            yield row | {"difference": difference, "largest stable k": stable}


def draw(rows):
    """Draw the size of the Hebbian difference over k N, and the predictions as lines."""
    figure, axes = plt.subplots(figsize=(7, 4), layout="constrained")
    for number, (layers, side, batch_size) in enumerate(NETWORKS):
        mine = [row for row in rows if (row["layers"], row["pixels"], row["M"]) == (layers, side**2, batch_size)]
        name = f"{('one layer', 'two layers')[layers - 1]}, N = {side**2}, M = {batch_size}"
        axes.plot(
            [row["k N"] for row in mine], [row["difference"] for row in mine], "o-", color=f"C{number}", label=name
        )
        axes.axvline(mine[0]["largest stable k"] * side**2, color=f"C{number}", linestyle=":")
    axes.set(xscale="log", yscale="log", xlabel="learning rate, k N", ylabel="size of the Hebbian difference")
    axes.set_title("Above k = 2 / r, dotted, steps overshoot")
    axes.legend()
    figure.savefig(HERE / "collapse.png", dpi=110)


if __name__ == "__main__":
    data = MNISTDataModule(*sys.argv[1:])
    data.prepare_data()
    data.setup("fit")
    rows = []
    for row in measure(data.train.images):
        rows.append(row)
        print(*(f"{name} {value:.4g}" for name, value in row.items()), flush=True)
    with open(HERE / "collapse.csv", "w", newline="") as file:
        writer = csv.DictWriter(file, rows[0], lineterminator="\n")
        writer.writeheader()
        writer.writerows({name: f"{value:.4g}" for name, value in row.items()} for row in rows)
    draw(rows)
