"""The tables at the head of the page: settings, and measures at T."""

import platform
from typing import Any

import torch

from chaos_lightning.metrics.catalogue import MEASURES, printed_ratio
from chaos_lightning.report.curves import Curves
from chaos_lightning.report.page import table
from chaos_lightning.report.subject import Subject
from chaos_lightning.version import __version__


def settings_table(subject: Subject) -> str:
    """Write the settings of network, training and report as HTML."""
    model, settings, data = subject.model, subject.settings, subject.data
    optimizer = settings.get("optimizer", "not noted in the checkpoint")  # a function, given in Python, is not
    count = f"{len(subject.held_out):,}"
    rows = [
        ("checkpoint", f"{subject.ckpt_path}, after {subject.step:,} training steps"),
        ("network", f"{type(model).__name__}, layers of {', '.join(map(str, model.network.layer_sizes))} units"),
        ("gain g, rate", f"{settings.get('gain', 1.5):g}, {settings.get('rate', 'tanh')}"),
        ("tau, dt, T", f"{model.tau:g}, {model.dt:g}, {model.sampling_time:g}"),
        ("seed of the training", str(model.seed)),
        ("optimiser", _optimizer_text(optimizer)),
        ("data", f"{data.name}, {data.origin}, {len(data.train):,} training images"),
        ("compared with", f"{count} {subject.split} images, drawn at random (seed {data.hparams['seed']})"),
        ("samples", f"{count}, seed {subject.seed}"),
        ("made by", f"chaos_lightning {__version__}, torch {torch.__version__}, Python {platform.python_version()}"),
    ]
    return table(rows)


def measures_table(curves: Curves, sampling_time: float) -> str:
    """Write the measures at T with heading and explanation as HTML."""
    place = curves.times.index(sampling_time)
    rows = []
    for name in (name for name in MEASURES if name in curves.values):
        value, floor = curves.values[name][place], curves.floors[name]
        label = " ".join(MEASURES[name].label.split())
        rows.append((label, f"{value:.3g}", f"{floor:.3g}", printed_ratio(name, value, floor)))
    heading = "<h2>Measures at T</h2>"
    explanation = (
        "<p>0 is perfect unless said otherwise; the floor is what real training images reach against the same "
        "held-out images.</p>"
    )
    return "\n".join([heading, explanation, table(rows, header=("measure", "value", "floor", "ratio"), numbers=True)])


def _optimizer_text(optimizer: Any) -> str:
    """Write class and settings, without the settings that are off."""
    if not isinstance(optimizer, dict):
        return str(optimizer)
    settings = [f"{name} = {value}" for name, value in optimizer.get("init_args", {}).items() if value]
    return ", ".join([optimizer["class_path"], *settings])
