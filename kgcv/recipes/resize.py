"""Makes the stores of smaller copies that the stages of a config read."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from kgcv.config.schema import Config
from kgcv.data.originals import Originals, look_at_originals
from kgcv.data.resize import StoreReport, StoreSpec, build_store, store_spec, unreadable
from kgcv.data.samples import read_test_samples, read_train_samples
from kgcv.data.watch import Watch
from kgcv.errors import ConfigError
from kgcv.events import Message, Reporter


@dataclass(frozen=True, slots=True)
class StoreResult:
    """One store, made now or found current."""

    part: str
    """`train` or `test`."""
    image_size: int
    edge: int
    """Shortest edge of a copy, in pixels."""
    path: Path
    """The packed file, or the folder of the JPEG tree."""
    seconds: float
    report: StoreReport


def resize(
    config: Config, watch: Watch, store: Literal["packed", "jpeg"] | None = None, skip_bad: bool = False
) -> tuple[StoreResult, ...]:
    """Make a store for every image size of the stages, of training and of test images, unless it is current.

    Unreadable images do not hold up the other stores; `check_results` raises for them afterwards.

    Args:
        config: The config; `resize.store: none` needs no stores.
        watch: Hears about progress, small originals and images left out; is asked for a stop between two images.
        store: Kind of store instead of `resize.store`.
        skip_bad: Finish stores without the images that cannot be read.

    Raises:
        ConfigError: images are to be left out, and there are no stores.
        DataError: images, labels and ids do not fit together, or a store cannot hold the images.
        StopRequested: a signal asked for an end; the next run goes on from there.
    """
    if store is not None:
        config = replace(config, resize=replace(config.resize, store=store))
    if config.resize.store == "none":
        if skip_bad:
            raise ConfigError(["--skip-bad: resize.store is none, and images are left out of stores alone"])
        text = "resize.store is none: the originals are read each time, there is nothing to make"
        watch.reporter.report(Message(text))
        return ()
    results = []
    for originals, spec, image_size in _wanted_stores(config):
        start = time.perf_counter()
        report = build_store(originals, spec, watch, skip_bad)
        seconds = time.perf_counter() - start
        results.append(StoreResult(spec.part, image_size, spec.scaling.edge, spec.path, seconds, report))
        _warn(spec, report, watch.reporter)
    return tuple(results)


def check_results(results: Sequence[StoreResult]) -> None:
    """Tell whether all stores are complete.

    Raises:
        DataError: images could not be read and were not left out by choice; the text lists them.
    """
    failures = {
        failure.path: failure for result in results if not result.report.is_final for failure in result.report.failures
    }
    if failures:
        raise unreadable(tuple(failures.values()), "images")


def _wanted_stores(config: Config) -> Iterator[tuple[Originals, StoreSpec, int]]:
    parts = {"train": read_train_samples(config.data, config.split)}
    if config.data.test is not None:
        parts["test"] = read_test_samples(config.data)
    originals = {part: look_at_originals(samples, Path(config.data.root)) for part, samples in parts.items()}
    for image_size in dict.fromkeys(stage.image_size for stage in config.stages):
        for part in parts:
            yield originals[part], store_spec(config, part, image_size), image_size


def _warn(spec: StoreSpec, report: StoreReport, reporter: Reporter) -> None:
    if report.num_small:
        found = f"{report.num_small} of {report.num_images} {spec.part} images are smaller than {spec.scaling.edge}"
        effect = "pixels: stored as they are and enlarged when read (resize.enlarge: true stores them enlarged)"
        reporter.report(Message(f"{found} {effect}", level="warning"))
    if report.is_final and report.failures:
        found = f"{len(report.failures)} of the {spec.part} images left out, see {spec.beside('left_out.csv')}"
        effect = "a submission will lack them" if spec.part == "test" else "training goes without them"
        reporter.report(Message(f"{found}: {effect}", level="warning"))
