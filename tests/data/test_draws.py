import numpy as np
import pytest
import torch

from chaos_lightning.data.draws import Draw, permutation


def test_every_row_once():
    assert permutation(101, Draw.TRAINING_ORDER, seed=3, epoch=5).sort().values.tolist() == list(range(101))


@pytest.mark.parametrize(
    ("draw", "seed", "epoch"),
    [(Draw.TRAINING_ORDER, 1, 0), (Draw.TRAINING_ORDER, 0, 1), (Draw.VALIDATION_SPLIT, 0, 0)],
)
def test_draw_seed_and_epoch_each_change_the_order(draw, seed, epoch):
    assert not torch.equal(permutation(101, draw, seed, epoch), permutation(101, Draw.TRAINING_ORDER, 0, 0))


def test_global_generators_neither_matter_nor_change():
    torch.manual_seed(1)
    torch_state = torch.get_rng_state()
    first = permutation(101, Draw.TRAINING_ORDER, seed=3)
    assert torch.equal(torch.get_rng_state(), torch_state)
    torch.manual_seed(2)
    np.random.seed(2)  # noqa: NPY002
    assert torch.equal(permutation(101, Draw.TRAINING_ORDER, seed=3), first)


def test_order_is_the_same_for_ever():
    """Written down, so that a resumed run of an older version would see its order again."""
    assert permutation(7, Draw.TRAINING_ORDER, seed=0, epoch=0).tolist() == [3, 4, 2, 1, 6, 5, 0]


@pytest.mark.parametrize("num_rows", [0, 1, 60_000])
@pytest.mark.parametrize(
    "device",
    ["cpu", pytest.param("cuda", marks=pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no GPU"))],
)
def test_order_is_that_of_unsigned_random_numbers(num_rows, device):
    drawn = np.random.Philox(np.random.SeedSequence([3, Draw.TRAINING_ORDER, 5])).random_raw(num_rows)
    order = permutation(num_rows, Draw.TRAINING_ORDER, seed=3, epoch=5, device=device)
    assert order.device.type == device
    np.testing.assert_array_equal(order.cpu().numpy(), np.argsort(drawn, kind="stable"))
