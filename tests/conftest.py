import os
from pathlib import Path

# Test processes share the cores: one thread each is fastest. Before NumPy and torch are loaded, for all they start too.
for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(variable, "1")

import pytest  # noqa: E402
import torch  # noqa: E402

torch.set_num_threads(1)
if not torch.cuda.is_available():
    os.environ.setdefault("TRITON_INTERPRET", "1")  # kernels for GPUs run on the CPU; before they are imported

DATA = Path(os.environ.get("CHAOS_LIGHTNING_DATA", Path(__file__).parents[2] / "shared" / "data"))


@pytest.fixture
def full_data() -> str:
    """Folder of the full data sets, in torchvision's layout."""
    if not (DATA / "MNIST" / "raw").is_dir():
        pytest.skip(f"the full data sets are not at {DATA}; CHAOS_LIGHTNING_DATA can say where they are")
    return str(DATA)
