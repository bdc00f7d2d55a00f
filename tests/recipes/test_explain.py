"""Evidence for what a trained run predicts."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from kgcv.config.load import dump_config
from kgcv.engine.randomness import Purpose, number_from
from kgcv.errors import ConfigError, DataError
from kgcv.files import hash_file
from kgcv.model.checkpoint import Geometry, WeightsCard, save_weights
from kgcv.model.vision import build_model
from kgcv.recipes.explain import Explanation, chosen_answers, explain_images
from kgcv.recipes.predict_one import OnePrediction, predict_images
from kgcv.recipes.run_folder import RunFolder

PHOTOS = [Path(f"data/test/{number}.png") for number in range(3)]
Untrained = Callable[..., RunFolder]


@pytest.fixture
def untrained(finished: RunFolder) -> Untrained:
    """`untrained(name, image_size, card={...})`: the run with a network of random weights in place of its own."""

    def build(name: str, image_size: int, **card: object) -> RunFolder:
        config = finished.read_config()
        stages = tuple(replace(stage, image_size=image_size) for stage in config.stages)
        model = replace(config.model, name=name, pool="model", hidden=(), dropout=(0.0,), num_groups=2)
        stages = tuple(replace(stage, lr=stage.lr[:1]) for stage in stages)
        config = replace(config, model=model, stages=stages)
        finished.config_file.write_text(dump_config(config))
        values = {"task": "single", "class_names": ("bright", "dark"), "stage": 1, "epoch": 0, "metric": "accuracy"}
        geometry = Geometry(image_size, image_size, 3)
        network = build_model(model, 2, number_from(1, Purpose.INIT))
        whole = WeightsCard(**{**values, "geometry": geometry, "score": None, **card})  # type: ignore[arg-type]
        save_weights(finished.fold(0).best_weights, network.state_dict(), whole)
        return finished

    return build


def hashes(folder: Path) -> dict[Path, str]:
    return {path: hash_file(path) for path in sorted(folder.rglob("*")) if path.is_file()}


def test_the_predictions_are_those_of_predict_one_and_the_run_stays_as_it_is(finished: RunFolder) -> None:
    before = hashes(finished.path)
    explained = list(explain_images(finished, PHOTOS))
    assert [one.prediction for one in explained] == list(predict_images(finished, PHOTOS, 0))
    assert hashes(finished.path) == before
    for one in explained:
        (heat_map,) = one.heat_maps
        assert heat_map.answer == next(iter(one.prediction.values))
        assert (one.pixels.shape, heat_map.heat.shape) == ((20, 20, 3), (20, 20))
        assert heat_map.heat.max() in (0.0, 1.0)
        assert one.first_layer is not None
        strengths = [channel.strength for channel in one.first_layer.channels]
        assert (len(strengths), strengths) == (8, sorted(strengths, reverse=True))


def test_the_image_is_shown_as_the_network_sees_it(finished: RunFolder, tmp_path: Path) -> None:
    """A grey image twice as wide as high: the middle square, its edge scaled to 25 and then 20 pixels."""
    pixels = np.full((25, 50), 200, np.uint8)
    pixels[:, :12] = pixels[:, 38:] = 0  # cut away
    Image.fromarray(pixels).save(tmp_path / "wide.png")
    (one,) = explain_images(finished, [tmp_path / "wide.png"])
    np.testing.assert_allclose(one.pixels, 200 / 255, atol=0.01)


def test_a_class_that_was_asked_for(finished: RunFolder) -> None:
    both = [next(explain_images(finished, PHOTOS[:1], answer=name)) for name in ("bright", "dark")]
    assert [one.heat_maps[0].answer for one in both] == ["bright", "dark"]
    assert both[0].prediction == both[1].prediction
    assert not np.array_equal(both[0].heat_maps[0].places, both[1].heat_maps[0].places)


@pytest.mark.parametrize(
    ("name", "image_size", "layer", "places"),
    [
        ("test_resnet", 64, "features", 2),
        ("test_mambaout", 64, "features", 2),
        ("test_vit2", 48, "features", 3),
        ("test_vit", 48, "covered squares", 14),  # its head reads the class token alone
    ],
)
def test_every_layout(untrained: Untrained, name: str, image_size: int, layer: str, places: int) -> None:
    for one in explain_images(untrained(name, image_size), PHOTOS[:2]):
        (heat_map,) = one.heat_maps
        assert (heat_map.layer, heat_map.places.shape) == (layer, (places, places))
        assert heat_map.heat.shape == (image_size, image_size)


def answers_of(explained: list[Explanation]) -> list[list[str]]:
    return [[heat_map.answer for heat_map in one.heat_maps] for one in explained]


def test_of_several_labels_the_tags_decided_on(untrained: Untrained) -> None:
    run = untrained("test_resnet", 64, task="multi")
    run.thresholds_file.unlink(missing_ok=True)
    (one,) = explain_images(run, PHOTOS[:1])
    assert answers_of([one]) == [list(one.prediction.values)[:1]]  # no rule yet: the most probable

    best_first = {"d": 0.9, "c": 0.8, "b": 0.4, "a": 0.3, "e": 0.1}
    assert chosen_answers(OnePrediction("x.png", best_first, ("a", "b")), "multi") == ["b", "a"]
    assert chosen_answers(OnePrediction("x.png", best_first, tuple("abcd")), "multi") == ["d", "c", "b"]
    assert chosen_answers(OnePrediction("x.png", best_first, ()), "multi") == ["d"]


def test_numbers_are_all_explained_in_their_own_order(untrained: Untrained) -> None:
    run = untrained("test_resnet", 64, task="regression", class_names=("width", "height"))
    assert answers_of(list(explain_images(run, PHOTOS[:1]))) == [["width", "height"]]


def test_what_cannot_be_explained(finished: RunFolder, tmp_path: Path) -> None:
    (tmp_path / "text.png").write_text("hello")
    with pytest.raises(DataError, match=r"nowhere\.png: no such file"):
        list(explain_images(finished, [tmp_path / "nowhere.png"]))
    with pytest.raises(DataError, match=r"text\.png"):
        list(explain_images(finished, [tmp_path / "text.png"]))
    with pytest.raises(ConfigError, match="--class cat: the run has no such class; it has bright, dark"):
        list(explain_images(finished, PHOTOS, answer="cat"))
    with pytest.raises(ConfigError, match="--fold 3: the split has folds 0 to 0"):
        list(explain_images(finished, PHOTOS, 3))
