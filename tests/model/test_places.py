from __future__ import annotations

import torch
from pytest import mark

from kgcv.model.places import Layout, find_places

SILENT = Layout(None, False)

# Four places, numbered row by row, in two channels of which the second is ten times the first.
GRID = torch.tensor([[[1.0, 2.0], [3.0, 4.0]], [[10.0, 20.0], [30.0, 40.0]]])
TOKENS = GRID.flatten(1).T


def with_prefix(count: int) -> torch.Tensor:
    return torch.cat([torch.full((count, 2), -1.0), TOKENS])[None]


@mark.parametrize(
    ("output", "num_channels", "layout"),
    [
        (GRID[None], 2, SILENT),
        (GRID.permute(1, 2, 0)[None], 2, Layout(None, True)),  # as tall as it has channels: what is declared decides
        (with_prefix(0), 2, Layout(0, False)),
        (with_prefix(1), 2, Layout(1, False)),
        (with_prefix(2), 2, Layout(2, False)),
        (with_prefix(5), 2, Layout(5, False)),  # 9 tokens, a square number with the prefix as well
        (with_prefix(0), 2, Layout(1, False)),  # the class token comes in later
        (with_prefix(1), 2, SILENT),
        (with_prefix(2), 2, SILENT),
    ],
)
def test_every_layout_becomes_channels_rows_and_columns(output, num_channels, layout):
    to_grid = find_places(tuple(output.shape), num_channels, layout)
    assert to_grid is not None
    assert torch.equal(to_grid(output), GRID)


def test_channels_are_told_by_their_number():
    shape = (1, 7, 7, 48)
    assert find_places(shape, 48, SILENT)(torch.zeros(shape)).shape == (48, 7, 7)  # type: ignore[misc]
    assert find_places((1, 48, 7, 7), 48, Layout(None, True))(torch.zeros(1, 48, 7, 7)).shape == (48, 7, 7)  # type: ignore[misc]


@mark.parametrize(
    "shape",
    [
        (1, 16),  # pooled
        (1, 16, 1, 1),  # a single place
        (1, 1, 1, 16),
        (1, 1, 16),
        (1, 2, 16),  # a class token and a single patch
        (1, 8, 16),  # no square number of tokens
        (1, 5, 7, 8),  # 16 channels nowhere
        (1, 16, 2, 3, 3),
    ],
)
def test_nothing_with_places(shape):
    assert find_places(shape, 16, SILENT) is None
