import os
from pathlib import Path

import pytest
import torch

# Tests compare numbers and share two cores: one thread each is fastest and repeats exactly.
torch.set_num_threads(1)

DATA = Path(os.environ.get("CHAOS_LIGHTNING_DATA", Path(__file__).parents[2] / "shared" / "data"))


@pytest.fixture
def full_data() -> str:
    """Folder of the full data sets, in torchvision's layout."""
    if not (DATA / "MNIST" / "raw").is_dir():
        pytest.skip(f"the full data sets are not at {DATA}; CHAOS_LIGHTNING_DATA can say where they are")
    return str(DATA)
