"""A hundred thousand steps: nothing grows, nothing slows down."""

import resource
import time
from pathlib import Path
from statistics import median

import pytest

from chaos_lightning import ChaoticGenerator
from chaos_lightning.cli import ChaosCLI

NUM_STEPS = 100_000
BLOCK = 10_000


class Gauge:
    """Notes processor time and memory every 10,000 training steps."""

    def __init__(self):
        self.seconds = 0.0
        self.blocks = []
        self.megabytes = []

    def begin(self, *args):
        self.start = time.process_time()

    def end(self, model, *args):
        self.seconds += time.process_time() - self.start
        if model.global_step % BLOCK == 0:
            self.blocks.append(self.seconds)
            self.seconds = 0.0
            pages = int(Path("/proc/self/statm").read_text().split()[1])
            self.megabytes.append(pages * resource.getpagesize() / 2**20)


@pytest.mark.slow
def test_a_hundred_thousand_steps(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    gauge = Gauge()
    monkeypatch.setattr(ChaoticGenerator, "on_train_batch_start", lambda model, *args: gauge.begin())
    monkeypatch.setattr(ChaoticGenerator, "on_train_batch_end", lambda model, *args: gauge.end(model))
    cli = ChaosCLI(
        [
            *("fit", "--model.hidden_units", "7", "--model.dt", "5", "--model.sampling_time", "10"),
            *("--model.measure_times", "[]", "--model.optimizer", "SGD", "--model.optimizer.lr", "1e-4"),
            *("--data.batch_size", "10", "--data.num_eval_images", "50", "--trainer.max_steps", str(NUM_STEPS)),
            *("--trainer.enable_progress_bar", "false", "--pictures.num_images", "4"),
        ]
    )
    assert cli.trainer.global_step == NUM_STEPS
    assert all(weight.isfinite().all() for weight in cli.model.parameters())
    log_bytes = sum(path.stat().st_size for path in Path("logs").rglob("*") if path.is_file())
    with capsys.disabled():
        print(f"\nseconds a block {gauge.blocks}, megabytes {gauge.megabytes}, log {log_bytes / 2**20:.2f} MiB")
    # Validations and the allocator make memory go up and down by a tenth; other programs disturb a single block.
    assert max(gauge.megabytes[-3:]) < 1.15 * max(gauge.megabytes[:3])
    assert log_bytes < 10 * 2**20
    assert median(gauge.blocks[-3:]) < 1.05 * median(gauge.blocks[:3])
