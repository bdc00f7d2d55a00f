from __future__ import annotations

import signal
import tracemalloc
from dataclasses import dataclass, field, replace

import numpy as np
import pytest
import torch

from kgcv.config.schema import AugmentConfig, ModelConfig
from kgcv.engine.inference import Predictor
from kgcv.engine.inputs import FeatureInputs, ImageInputs
from kgcv.engine.runtime import Runtime
from kgcv.engine.tta import PLAIN, AnyView, View, build_views, view_weights
from kgcv.errors import DataError, StopRequested
from kgcv.events import Recorder, TaskAdvanced
from kgcv.model.heads import Objective
from kgcv.model.vision import Normalization, VisionModel, build_model

NUM = 11
ROWS = np.array([4, 0, 10, 7, 2, 2, 9])
CPU = Runtime(torch.device("cpu"), bfloat16=False, channels_last=False, workers=2)
AUGMENT = AugmentConfig(preset="top_down", max_zoom=1.2)


@dataclass
class Source:
    """Images of noise; notes which rows were read."""

    reads: list[int] = field(default_factory=list)

    def __len__(self) -> int:
        return NUM

    def read(self, row: int) -> np.ndarray:
        self.reads.append(row)
        if row >= NUM:
            raise DataError(f"{row}.jpg: cannot be read")
        return np.random.default_rng(row).integers(0, 256, (20, 24, 3), dtype=np.uint8)


@pytest.fixture(scope="module")
def model() -> VisionModel:
    return build_model(ModelConfig(name="test_resnet", pool="concat", dropout=(0.5,)), 3, seed=1)


@pytest.fixture
def source() -> Source:
    return Source()


@pytest.fixture
def predictor(model: VisionModel, source: Source) -> Predictor:
    inputs = ImageInputs(source, 20, 16, Normalization((0.5,) * 3, (0.25,) * 3), CPU)
    return Predictor(model, Objective("single", 3), inputs, batch_size=3, runtime=CPU)


def views_of(name: str) -> tuple[AnyView, ...]:
    return build_views(name, AUGMENT, seed=1, num_samples=NUM)


def test_predictions_are_probabilities_in_the_order_of_the_rows(predictor):
    values = predictor.predict(ROWS)
    assert values.shape == (7, 3)
    assert values.dtype == np.float32
    assert values.sum(axis=1) == pytest.approx(np.ones(7))
    assert len({row.tobytes() for row in values}) == 6  # row 2 is there twice
    assert np.array_equal(values[4], values[5])
    for position, row in enumerate(ROWS):
        assert predictor.predict(np.array([row]))[0] == pytest.approx(values[position], abs=1e-6)


def test_predictions_are_the_models(predictor, model, source):
    """One image by hand: the middle square, scaled, normalised, body, head, softmax."""
    middle = torch.from_numpy(source.read(4)[:, 2:22].copy()).permute(2, 0, 1)[None] / 255
    grid = torch.nn.functional.affine_grid(torch.eye(2, 3)[None], [1, 3, 16, 16], align_corners=False)
    pixels = torch.nn.functional.grid_sample(middle, grid, align_corners=False)
    with torch.no_grad():
        expected = torch.softmax(model.eval()((pixels - 0.5) / 0.25), dim=1)
    assert predictor.predict(np.array([4]))[0] == pytest.approx(expected[0].numpy(), abs=1e-6)


def test_the_model_is_evaluated_and_gets_no_gradients(predictor, model):
    model.train()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    first, second = predictor.predict(ROWS), predictor.predict(ROWS)
    assert np.array_equal(first, second)  # the dropout would show
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
    assert all(parameter.grad is None for parameter in model.parameters())


def test_neither_batch_size_nor_workers_matter(predictor):
    values = predictor.predict(ROWS)
    for batch_size in (1, 2, 7, 100):
        assert replace(predictor, batch_size=batch_size).predict(ROWS) == pytest.approx(values, abs=1e-6)
    alone = replace(predictor.inputs, runtime=replace(CPU, workers=1))
    assert np.array_equal(replace(predictor, inputs=alone).predict(ROWS), values)


def test_one_identity_view_is_the_plain_prediction_to_the_bit(predictor):
    views = views_of("identity")
    assert np.array_equal(predictor.predict(ROWS, views, view_weights(1, None)), predictor.predict(ROWS))


@pytest.mark.parametrize("name", ["flip", "dihedral", "crops", "random:3"])
@pytest.mark.parametrize("plain_weight", [None, 0.4])
def test_views_are_averaged_by_their_weights(predictor, name, plain_weight):
    views = views_of(name)
    weights = view_weights(len(views), plain_weight)
    alone = [predictor.predict(ROWS, (view,), (1.0,)) for view in views]
    assert not np.allclose(alone[0], alone[1], atol=1e-4)
    expected = sum(weight * values for weight, values in zip(weights, alone, strict=True))
    assert predictor.predict(ROWS, views, weights) == pytest.approx(expected, abs=1e-6)


def test_probabilities_are_averaged_not_logits(model, source, predictor):
    """For several labels: the mean of the sigmoid outputs."""
    multi = replace(predictor, objective=Objective("multi", 3))
    views = views_of("flip")
    alone = [multi.predict(ROWS, (view,), (1.0,)) for view in views]
    both = multi.predict(ROWS, views, (0.5, 0.5))
    assert both == pytest.approx((alone[0] + alone[1]) / 2, abs=1e-6)
    assert both.min() >= 0
    assert both.max() <= 1


def test_numbers_are_averaged_as_they_are(predictor):
    numbers = replace(predictor, objective=Objective("regression", 3))
    views = views_of("flip")
    alone = [numbers.predict(ROWS, (view,), (1.0,)) for view in views]
    assert numbers.predict(ROWS, views, (0.5, 0.5)) == pytest.approx((alone[0] + alone[1]) / 2, abs=1e-5)


def test_views_of_the_same_squares_are_read_once(predictor, source):
    predictor.predict(ROWS, views_of("dihedral"), view_weights(8, None))
    assert sorted(source.reads) == sorted(ROWS)


def test_views_of_other_squares_are_read_again_at_their_own_place(predictor, source):
    views = (PLAIN, View("left", offset=0.0), View("again"), *views_of("random:2")[1:])
    values = predictor.predict(ROWS, views, (0.0, 1.0, 0.0, 0.0, 0.0))
    assert len(source.reads) == 4 * len(ROWS)
    assert np.array_equal(values, predictor.predict(ROWS, (View("left", offset=0.0),), (1.0,)))
    assert not np.allclose(values, predictor.predict(ROWS), atol=1e-4)


def test_no_rows_give_no_predictions(predictor):
    assert predictor.predict(np.array([], dtype=np.int64)).shape == (0, 3)


def test_progress_counts_images_by_view(predictor):
    recorder = Recorder()
    listened = replace(predictor, reporter=recorder)
    listened.predict(ROWS, views_of("flip"), (0.5, 0.5))
    amounts = [event.amount for event in recorder.events if isinstance(event, TaskAdvanced)]
    assert len(recorder.events) == len(amounts)
    assert amounts == [3, 3, 3, 3, 1, 1]


def test_a_signal_ends_it_between_two_batches(predictor):
    asked = iter([None, None, signal.SIGTERM])
    recorder = Recorder()
    stopping = replace(predictor, should_stop=lambda: next(asked), reporter=recorder)
    with pytest.raises(StopRequested, match="what was finished before is kept") as caught:
        stopping.predict(ROWS)
    assert caught.value.exit_code == 143
    assert len(recorder.events) == 2


def test_an_unreadable_image_is_named(predictor):
    with pytest.raises(DataError, match=rf"{NUM}\.jpg: cannot be read"):
        predictor.predict(np.array([1, NUM]))


def peak_memory(model: VisionModel, views: list[AnyView]) -> int:
    """Bytes that numpy held at most while 20,000 samples of three values were predicted."""
    inputs = FeatureInputs(torch.zeros(20_000, 192), CPU)
    predictor = Predictor(model, Objective("single", 3), inputs, batch_size=2000, runtime=CPU)
    rows = np.arange(20_000)
    tracemalloc.start()
    try:
        predictor.predict(rows, views, view_weights(len(views), None))
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("offsets", [(0.5,), (0.0, 0.25, 0.5, 0.75, 1.0)])
def test_memory_does_not_grow_with_the_views(model, offsets):
    views: list[AnyView] = [View("view", offset=offset) for offset in offsets for _ in range(20 // len(offsets))]
    result = 20_000 * 3 * 4
    assert peak_memory(model, views) < peak_memory(model, views[:1]) + result / 4
