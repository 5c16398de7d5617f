"""Where pixels and labels lie in the visible layer."""

import pytest
import torch

from chaos_lightning.sampling import Complete, GenerateByClass, ReadClass, VisibleLayout, held_by, held_in_turn

LAYOUT = VisibleLayout((1, 1, 5), num_classes=3, label_repetitions=2)
PIXELS_ALONE = VisibleLayout((1, 1, 5), num_classes=0, label_repetitions=2)
IMAGES = torch.linspace(-1, 1, 10).reshape(2, 1, 1, 5)


def test_labels_follow_the_pixels_as_blocks_of_equal_units():
    rates = LAYOUT.rates_of(IMAGES, torch.tensor([2, 0]))
    assert rates[:, 5:].tolist() == [[-1, -1, -1, -1, 1, 1], [1, 1, -1, -1, -1, -1]]
    assert torch.equal(LAYOUT.images_of(rates), IMAGES)
    assert LAYOUT.num_units == rates.shape[1] == 11


def test_without_classes_the_visible_layer_is_the_pixels():
    assert PIXELS_ALONE.num_units == 5
    assert torch.equal(PIXELS_ALONE.rates_of(IMAGES, torch.tensor([2, 0])), IMAGES.flatten(1))


def test_probabilities_are_the_shares_of_units_that_say_yes():
    """Blocks with a mean rate of 1, 0 and -1 have probabilities in the ratio 2 : 1 : 0."""
    rates = torch.tensor([[0.3] * 5 + [1, 1, 0.5, -0.5, -1, -1], [0.3] * 5 + [-1] * 6])
    probabilities = LAYOUT.probabilities_of(rates)
    torch.testing.assert_close(probabilities, torch.tensor([[2 / 3, 1 / 3, 0], [1 / 3] * 3]), rtol=0, atol=1e-5)


def test_holding_labels_leaves_the_pixels_free_and_the_other_way_round():
    labels = held_by(GenerateByClass(), LAYOUT, LAYOUT.rates_of_labels(torch.tensor([1, 2])))
    pixels = held_by(ReadClass(), LAYOUT, LAYOUT.rates_of(IMAGES))
    assert labels.mask.tolist() == [False] * 5 + [True] * 6
    assert labels.values[:, 5:].tolist() == [[-1, -1, 1, 1, -1, -1], [-1, -1, -1, -1, 1, 1]]
    assert pixels.mask.tolist() == [True] * 5 + [False] * 6
    assert torch.equal(pixels.values[:, :5], IMAGES.flatten(1))
    given = torch.tensor([True, False, True, False, False])
    some = held_by(Complete(~given), LAYOUT, LAYOUT.rates_of(IMAGES))
    assert some.mask.tolist() == [*given.tolist(), *[False] * 6]


def test_some_chains_hold_labels_and_others_pixels():
    rates = LAYOUT.rates_of(IMAGES, torch.tensor([1, 2]))
    turns = torch.tensor([True, False]), torch.tensor([False, True])
    held = held_in_turn((GenerateByClass(), ReadClass()), turns, LAYOUT, rates)
    assert torch.equal(held.values, rates)
    assert held.mask.tolist() == [[False] * 5 + [True] * 6, [True] * 5 + [False] * 6]


@pytest.mark.parametrize(
    ("asked", "classes"),
    [(2, (2,)), ([2, 0], (2, 0)), ("all", (0, 1, 2)), (torch.tensor([1, 1]), (1, 1)), (torch.tensor(1), (1,))],
)
def test_classes_are_asked_for_alone_in_turn_or_all(asked, classes):
    assert LAYOUT.classes(asked) == classes


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        (3, "there is no class 3: the network knows the classes 0 to 2"),
        ([0, -1], "there is no class -1"),
        ([0.5], "there is no class 0.5"),
        ([], "labels is empty"),
        ("some", "'all', but is 'some'"),
    ],
)
def test_unknown_classes_are_refused(asked, message):
    with pytest.raises(ValueError, match=message):
        LAYOUT.classes(asked)


def test_a_network_without_labels_says_how_to_get_them():
    with pytest.raises(ValueError, match=r"no label units.*num_classes=10"):
        PIXELS_ALONE.classes(0)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"num_classes": -1, "label_repetitions": 2}, "num_classes must be 2 or more, or 0"),
        ({"num_classes": 1, "label_repetitions": 2}, "num_classes must be 2 or more, or 0"),
        ({"num_classes": 3, "label_repetitions": 0}, "label_repetitions must be at least 1"),
    ],
)
def test_numbers_that_make_no_layout_are_refused(settings, message):
    with pytest.raises(ValueError, match=message):
        VisibleLayout((1, 1, 5), **settings)


def test_a_mask_of_rows_and_columns_holds_for_all_channels():
    colours = VisibleLayout((3, 2, 5))
    mask = torch.arange(10).view(2, 5) % 3 == 0
    assert torch.equal(colours.hidden_pixels(mask), mask.flatten().repeat(3))
    one_channel = torch.zeros(3, 2, 5, dtype=torch.bool)
    one_channel[1] = mask
    assert torch.equal(colours.hidden_pixels(one_channel), one_channel.flatten())


@pytest.mark.parametrize(
    ("mask", "message"),
    [
        (torch.ones(5, dtype=torch.bool), "hides every pixel, so nothing is given: take samples instead"),
        (torch.zeros(5, dtype=torch.bool), "hides no pixel, so there is nothing to fill in"),
        (torch.ones(4, dtype=torch.bool), r"each of the 5 pixels.*but it has shape \(4,\)"),
        (torch.ones(5), "type torch.float32"),
    ],
)
def test_masks_that_ask_for_nothing_are_refused(mask, message):
    with pytest.raises(ValueError, match=message):
        LAYOUT.hidden_pixels(mask)
