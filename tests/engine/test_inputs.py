from __future__ import annotations

import numpy as np
import pytest
import torch

from kgcv.config.schema import AugmentConfig, ModelConfig
from kgcv.data.augment import NO_CHANGES, NUM_DRAWS, draw_changes, prepare
from kgcv.data.loader import BatchRequest, read_batch
from kgcv.engine.inputs import FeatureInputs, ImageInputs, TableInputs, split_rows
from kgcv.engine.runtime import Runtime
from kgcv.engine.tta import PLAIN
from kgcv.model.network import Network
from kgcv.model.vision import Normalization, build_model

NORMAL = Normalization((0.5, 0.25, 0.0), (0.5, 0.5, 1.0))


def runtime_of(workers: int = 2, channels_last: bool = False) -> Runtime:
    return Runtime(torch.device("cpu"), bfloat16=False, channels_last=channels_last, workers=workers)


class Source:
    """Images of noise, of different widths."""

    def __len__(self) -> int:
        return 9

    def read(self, row: int) -> np.ndarray:
        return np.random.default_rng(row).integers(0, 256, (10, 10 + row, 3), dtype=np.uint8)


def inputs_of(**runtime) -> ImageInputs:
    return ImageInputs(Source(), edge=10, image_size=8, normalization=NORMAL, runtime=runtime_of(**runtime))


def requests_of(*batches: list[int]) -> list[BatchRequest]:
    return [BatchRequest(np.array(rows), np.linspace(0, 1, len(rows))) for rows in batches]


def test_images_are_read_as_squares_in_order():
    requests = requests_of([3, 1], [8], [0, 2, 4])
    batches = list(inputs_of().read(requests))
    assert [batch.shape for batch in batches] == [(2, 3, 10, 10), (1, 3, 10, 10), (3, 3, 10, 10)]
    for batch, request in zip(batches, requests, strict=True):
        assert torch.equal(batch, read_batch(Source(), 10, request))


def test_images_are_made_ready_with_the_models_statistics():
    batch = next(iter(inputs_of().read(requests_of([0, 1, 2]))))
    changes = draw_changes(np.random.default_rng(1).random((3, NUM_DRAWS)), AugmentConfig(preset="top_down"))
    ready = inputs_of().ready(batch, changes)
    expected = prepare(batch, changes, 8, torch.tensor(NORMAL.mean), torch.tensor(NORMAL.std))
    assert ready.shape == (3, 3, 8, 8)
    assert ready.dtype == torch.float32
    assert torch.equal(ready, expected)


@pytest.mark.parametrize("channels_last", [True, False])
def test_ready_images_have_the_models_memory_format(channels_last):
    inputs = inputs_of(channels_last=channels_last)
    ready = inputs.ready(next(iter(inputs.read(requests_of([0, 1])))), PLAIN.changes(np.arange(2)))
    assert ready.is_contiguous(memory_format=torch.channels_last) is channels_last


def test_images_go_through_body_and_head_and_features_through_the_head_alone():
    model = build_model(ModelConfig(name="test_resnet", pool="concat"), 2, seed=1).eval()
    images = torch.randn(3, 3, 32, 32)
    with torch.no_grad():
        features = model.features(images)
        expected = model(images)
        assert torch.equal(inputs_of().logits(model, images), expected)
        assert torch.equal(FeatureInputs(features, runtime_of()).logits(model, features), expected)


def test_features_are_read_by_row_and_never_changed():
    features = torch.arange(20.0).reshape(10, 2)
    inputs = FeatureInputs(features, runtime_of())
    batches = list(inputs.read(requests_of([3, 0], [9])))
    assert [batch.tolist() for batch in batches] == [[[6, 7], [0, 1]], [[18, 19]]]
    changes = draw_changes(np.random.default_rng(1).random((2, NUM_DRAWS)), AugmentConfig(preset="top_down"))
    assert torch.equal(inputs.ready(batches[0], changes), batches[0])


@pytest.mark.parametrize(
    ("count", "batch_size", "expected"),
    [
        (0, 4, []),
        (3, 4, [[0, 1, 2]]),
        (4, 4, [[0, 1, 2, 3]]),
        (5, 4, [[0, 1, 2, 3], [4]]),
        (3, 1, [[0], [1], [2]]),
    ],
)
def test_rows_are_split_into_consecutive_pieces(count, batch_size, expected):
    assert [piece.tolist() for piece in split_rows(np.arange(count), batch_size)] == expected


def test_rows_of_a_table_are_gathered_from_memory():
    codes = torch.tensor([[0, 1], [2, 2], [3, 0]], dtype=torch.int32)
    numbers = torch.tensor([[0.5], [-1.0], [2.0]])
    inputs = TableInputs(codes, numbers, runtime_of())
    first, second = inputs.read(requests_of([2, 0], [1]))
    assert first.tolist() == [2, 0]

    class Seen(Network):
        def forward(self, codes, numbers):
            return torch.cat([codes.float(), numbers], dim=1)

    assert inputs.logits(Seen(), inputs.ready(first, NO_CHANGES)).tolist() == [[3, 0, 2.0], [0, 1, 0.5]]
    assert inputs.logits(Seen(), inputs.ready(second, NO_CHANGES)).tolist() == [[2, 2, -1.0]]
