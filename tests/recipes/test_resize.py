from __future__ import annotations

import signal
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from kgcv.config.schema import (
    Config,
    DataConfig,
    ModelConfig,
    ResizeConfig,
    StageConfig,
    TestSourceConfig,
    TrainSourceConfig,
)
from kgcv.data.originals import look_at_originals
from kgcv.data.resize import Store, StoreSpec, open_store, store_spec
from kgcv.data.samples import read_test_samples, read_train_samples
from kgcv.data.watch import Watch
from kgcv.errors import ConfigError, DataError, StopRequested
from kgcv.events import Message, Recorder, Silent, never_stop
from kgcv.recipes.resize import check_results, resize


@pytest.fixture
def config(tmp_path, tiny_images):
    root = tmp_path / "data"
    tiny_images(root / "train" / "cat", 3, size=(60, 40))
    tiny_images(root / "train" / "dog", ["a", "b"], size=(30, 50))
    tiny_images(root / "test", 2, size=(60, 40))
    return Config(
        data=DataConfig(root=str(root), train=TrainSourceConfig(), test=TestSourceConfig(images=("test",))),
        model=ModelConfig(name="resnet18"),
        stages=tuple(StageConfig(image_size=size, lr=(0.1,)) for size in (16, 16, 24)),
        resize=ResizeConfig(folder=str(tmp_path / "cache")),
    )


def open_samples(samples, spec: StoreSpec) -> Store:
    return open_store(look_at_originals(samples, spec.root), spec)


def run(config, **options):
    recorder = Recorder()
    return resize(config, Watch(recorder, never_stop), **options), recorder


def warnings(recorder):
    return [event.text for event in recorder.events if isinstance(event, Message) and event.level == "warning"]


def test_one_store_for_each_size_and_part(config):
    results, _recorder = run(config)
    found = [(result.part, result.image_size, result.edge, result.report.num_built) for result in results]
    assert found == [("train", 16, 20, 5), ("test", 16, 20, 2), ("train", 24, 31, 5), ("test", 24, 31, 2)]
    assert all(result.path.stat().st_size == result.report.num_bytes for result in results)
    assert all(result.seconds > 0 for result in results)
    check_results(results)
    train, test = read_train_samples(config.data, config.split), read_test_samples(config.data)
    assert open_samples(train, store_spec(config, "train", 24)).images.read(0).shape == (
        31,
        46,
        3,
    )  # 60 * 31 / 40 = 46.5
    assert open_samples(test, store_spec(config, "test", 16)).images.read(1).shape == (20, 30, 3)


def test_current_stores_are_skipped(config):
    run(config)
    results, _recorder = run(config)
    assert [result.report.num_built for result in results] == [0, 0, 0, 0]


def test_small_originals_are_told(config):
    _results, recorder = run(config)
    assert warnings(recorder) == [
        "2 of 5 train images are smaller than 31 pixels: stored as they are and enlarged when read "
        "(resize.enlarge: true stores them enlarged)"
    ]
    enlarging = replace(config, resize=replace(config.resize, enlarge=True))
    results, recorder = run(enlarging)
    assert warnings(recorder) == []
    assert results[2].report.num_small == 0


def test_without_test_images(config):
    config = replace(config, data=replace(config.data, test=None))
    results, _recorder = run(config)
    assert [result.part for result in results] == ["train", "train"]


def test_kind_of_store_can_be_overridden(config):
    results, _recorder = run(config, store="jpeg")
    assert (results[0].path / "train" / "cat" / "000.png.jpg").is_file()
    assert (results[1].path / "test" / "001.png.jpg").is_file()
    assert results[0].report.num_bytes > 0


def test_without_stores_nothing_is_left_out(config):
    with pytest.raises(ConfigError, match=r"--skip-bad: resize.store is none, and images are left out of stores alone"):
        run(replace(config, resize=replace(config.resize, store="none")), skip_bad=True)


def test_store_none_makes_nothing(config):
    results, recorder = run(replace(config, resize=replace(config.resize, store="none")))
    assert results == ()
    assert recorder.events == [
        Message("resize.store is none: the originals are read each time, there is nothing to make")
    ]


def test_failures_are_listed_after_all_stores(config, tmp_path):
    bad = tmp_path / "data" / "train" / "cat" / "001.png"
    bad.write_bytes(b"")
    results, _recorder = run(config)
    assert [result.report.is_final for result in results] == [False, True, False, True]
    with pytest.raises(DataError, match=rf"^cannot read 1 of the images: {bad} \(the file is empty.*--skip-bad"):
        check_results(results)


def test_skip_bad_leaves_them_out_and_says_so(config, tmp_path):
    (tmp_path / "data" / "train" / "cat" / "001.png").write_bytes(b"")
    (tmp_path / "data" / "test" / "000.png").write_bytes(b"")
    results, recorder = run(config, skip_bad=True)
    check_results(results)
    spec = store_spec(config, "train", 16)
    assert open_samples(read_train_samples(config.data, config.split), spec).left_out == {"cat/001.png"}
    told = warnings(recorder)
    assert f"1 of the train images left out, see {spec.beside('left_out.csv')}: training goes without them" in told
    assert any(text.endswith("a submission will lack them") for text in told)


def test_a_stop_ends_the_recipe(config):
    with pytest.raises(StopRequested) as stopped:
        resize(config, Watch(Silent(), lambda: signal.SIGINT))
    assert stopped.value.exit_code == 130


def test_workers_come_from_the_config(config):
    config = replace(config, train=replace(config.train, workers=1))
    results, _recorder = run(config)
    samples = read_train_samples(config.data, config.split)
    source = open_samples(samples, store_spec(config, "train", 16)).images
    assert len(results) == 4
    with Image.open(read_train_samples(config.data, config.split).paths[4]) as original:
        expected = original.resize((20, 33), Image.Resampling.BICUBIC)  # 50 * 20 / 30 = 33.3
    assert (source.read(4) == np.asarray(expected)).all()
