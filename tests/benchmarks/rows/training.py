"""Steps of training, precision, and test-time augmentation."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from tests.benchmarks.fastai_timer import training_timer
from tests.benchmarks.pictures import photos, prepare_photos
from tests.benchmarks.row import Row, timed

Batch = tuple[Any, Any]


def build(name: str, num_classes: int = 2) -> Any:
    """kgcv's model on a timm backbone, with random weights, or a tiny one: every contender trains this very module."""
    from kgcv.config.schema import ModelConfig
    from kgcv.model.vision import build_model

    if name == "tiny":
        return build_tiny(num_classes)
    return build_model(ModelConfig(name=name, pretrained=False), num_classes, seed=0)


def build_tiny(num_classes: int) -> Any:
    """Three small convolutions: what a step costs beside the network shows here."""
    from torch import Tensor, nn

    from kgcv.model.network import Network

    class Tiny(Network):
        def __init__(self) -> None:
            super().__init__()
            blocks = [
                (nn.Conv2d(inputs, outputs, 3, stride=2, padding=1, bias=False), nn.BatchNorm2d(outputs), nn.ReLU())
                for inputs, outputs in ((3, 16), (16, 32), (32, 64))
            ]
            layers = [layer for block in blocks for layer in block]
            self.body = nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten())
            self.head = nn.Linear(64, num_classes)
            names = [name for name, _ in self.named_parameters()]
            self.group_names = tuple(
                tuple(name for name in names if name.startswith(part)) for part in ("body", "head")
            )

        def forward(self, images: Tensor) -> Tensor:
            return self.head(self.body(images))  # type: ignore[no-any-return]

    return Tiny()


def draw_batches(number: int, size: int, batch_size: int) -> list[Batch]:
    """Batches that are ready for the model: `(B, 3, size, size)` float32 and `(B,)` int64."""
    import torch

    generator = torch.Generator().manual_seed(0)
    return [
        (
            torch.randn(batch_size, 3, size, size, generator=generator),
            torch.randint(0, 2, (batch_size,), generator=generator),
        )
        for _ in range(number)
    ]


def bare_loop(model: Any, batches: Iterable[Batch], optimizer: Any, channels_last: bool = False) -> None:
    """The loop that everybody writes first."""
    import torch
    import torch.nn.functional as F  # noqa: N812

    model.train()
    for images, targets in batches:
        if channels_last:
            images = images.contiguous(memory_format=torch.channels_last)  # noqa: PLW2901
        optimizer.zero_grad()
        loss = F.cross_entropy(model(images), targets)
        loss.backward()
        optimizer.step()
        loss.item()


def sgd(model: Any, fused: bool = False) -> Any:
    import torch

    return torch.optim.SGD(model.parameters(), lr=0.01, momentum=0.9, nesterov=True, fused=fused)


class FixedInputs:
    """kgcv's inputs, with batches that are there already: what is measured is the loop."""

    def __init__(self, batches: Sequence[Batch], runtime: Any) -> None:
        self.batches, self.runtime = batches, runtime

    def read(self, requests: Iterable[Any]) -> Iterator[Any]:
        for (images, _), _request in zip(self.batches, requests, strict=False):
            yield images

    def ready(self, batch: Any, changes: Any) -> Any:
        return self.runtime.place(batch)

    def logits(self, model: Any, ready: Any) -> Any:
        return model(ready)


def kgcv_epochs(model: Any, batches: Sequence[Batch], size: int, folder: Path) -> float:
    """Seconds of kgcv's second epoch over the batches; the first warms up."""
    import torch

    from kgcv.config.schema import AugmentConfig, TrainConfig

    targets = torch.cat([target for _, target in batches]).numpy()
    config = TrainConfig(batch_size=len(batches[0][1]))
    return train_twice(
        model, lambda runtime: FixedInputs(batches, runtime), targets, config, (size, AugmentConfig()), folder
    )


def train_twice(
    model: Any,
    make_inputs: Callable[[Any], Any],
    targets: Any,
    train: Any,
    stage: tuple[int, Any],
    folder: Path,
) -> float:
    """Seconds of the second epoch of kgcv's own trainer.

    Args:
        model: a Network.
        make_inputs: gives the Inputs for the Runtime that the config resolves to.
        targets: `(N,)` int64, all of them train.
        train: TrainConfig.
        stage: image size and AugmentConfig.
        folder: where the run's folder is made for the time being.
    """
    import tempfile

    import numpy as np

    from kgcv.config.schema import Config, DataConfig, ModelConfig, StageConfig
    from kgcv.engine.fold_folder import FoldFolder
    from kgcv.engine.plan import plan_stage
    from kgcv.engine.runtime import resolve_runtime
    from kgcv.engine.samples import Samples
    from kgcv.engine.trainer import Trainer
    from kgcv.events import EpochDone, Recorder, never_stop
    from kgcv.model.heads import Objective
    from kgcv.scoring.metrics import METRICS

    size, augment = stage
    config = Config(
        data=DataConfig(root="."),
        model=ModelConfig(pretrained=False, name="resnet18"),
        augment=augment,
        train=train,
        stages=(StageConfig(image_size=size, lr=(0.01,), cycle_len=2),),
    )
    rows = np.arange(len(targets))
    samples = Samples(targets, rows, rows[:0], ("a", "b"), tuple(map(str, rows)))
    runtime = resolve_runtime(config.train, model)
    inputs, recorder = make_inputs(runtime), Recorder()
    with tempfile.TemporaryDirectory(dir=folder) as run:
        trainer = Trainer(
            model,
            Objective("single", 2),
            config.train,
            samples,
            (METRICS["accuracy"],),
            runtime,
            FoldFolder(Path(run)),
            recorder,
            never_stop,
        )
        trainer.fit(plan_stage(config, 0, len(rows), model.num_groups), inputs, inputs)
    return [event.seconds for event in recorder.events if isinstance(event, EpochDone)][-1]


def fastai_epochs(model: Any, batches: Sequence[Batch]) -> float:
    """Seconds of fastai's second epoch, without a progress bar."""
    import fastai.callback.progress  # type: ignore[import-not-found]  # gives learners `no_bar`
    from fastai.data.core import DataLoaders  # type: ignore[import-not-found]
    from fastai.data.load import DataLoader  # type: ignore[import-not-found]
    from fastai.learner import Learner  # type: ignore[import-not-found]
    from fastai.losses import CrossEntropyLossFlat  # type: ignore[import-not-found]
    from fastai.optimizer import SGD  # type: ignore[import-not-found]

    assert fastai.callback.progress is not None
    train, valid = (DataLoader(list(part), bs=None, num_workers=0) for part in (batches, batches[:1]))
    timer = training_timer()
    learner = Learner(DataLoaders(train, valid), model, CrossEntropyLossFlat(), opt_func=SGD, lr=0.01, cbs=timer)
    with learner.no_bar(), learner.no_logging():
        learner.fit(2)
    return float(timer.seconds)


def lightning_epochs(model: Any, batches: Sequence[Batch]) -> float:
    """Seconds of Lightning's second epoch, with nothing but the loop switched on."""
    import lightning  # type: ignore[import-not-found]
    import torch.nn.functional as F  # noqa: N812
    from torch.utils.data import DataLoader

    class Module(lightning.LightningModule):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            self.model = model

        def training_step(self, batch: Batch, index: int) -> Any:
            return F.cross_entropy(self.model(batch[0]), batch[1])

        def configure_optimizers(self) -> Any:
            return sgd(self)

        def on_train_epoch_start(self) -> None:
            self.start = time.perf_counter()

        def on_train_epoch_end(self) -> None:
            self.seconds = time.perf_counter() - self.start

    module = Module()
    trainer = lightning.Trainer(
        max_epochs=2,
        accelerator="cpu",
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
    )
    trainer.fit(module, DataLoader(list(batches), batch_size=None))  # type: ignore[arg-type]
    return float(module.seconds)


def _step_row(row: str, model: str, shape: tuple[int, int, int], cores: int, targets: dict[str, float]) -> Row:
    steps, size, batch_size = shape

    def batches() -> list[Batch]:
        import torch

        torch.set_num_threads(cores)
        return draw_batches(steps, size, batch_size)

    def bare(folder: Path) -> float:
        net = build(model)
        optimizer, ready = sgd(net), batches()
        return timed(lambda: bare_loop(net, ready, optimizer))

    def limit(folder: Path) -> float:
        import torch

        from kgcv.engine.runtime import keep_freed_memory

        keep_freed_memory()
        net = build(model).to(memory_format=torch.channels_last)
        optimizer, ready = sgd(net, fused=True), batches()
        return timed(lambda: bare_loop(net, ready, optimizer, channels_last=True))

    return Row(
        name=row,
        work=f"{steps} steps of {model} at {size} px, batches of {batch_size}, {cores} thread(s), batches in memory",
        contenders={
            "kgcv": lambda folder: kgcv_epochs(build(model), batches(), size, folder),
            "bare loop": bare,
            "bare, kgcv's settings": limit,
            "fastai": lambda folder: fastai_epochs(build(model), batches()),
            "lightning": lambda folder: lightning_epochs(build(model), batches()),
        },
        targets=targets,
        amount=steps * batch_size,
        unit="images/s",
        cores=cores,
        limit=600,
    )


def _precision_row(size: int, batch_size: int, target: float) -> Row:
    def step(kgcv: bool) -> Callable[[Path], float]:
        def measure(folder: Path) -> float:
            import torch
            import torch.nn.functional as F  # noqa: N812

            from kgcv.config.schema import TrainConfig
            from kgcv.engine.runtime import resolve_runtime

            torch.set_num_threads(2)
            net = build("resnet34").train()
            ((images, targets),) = draw_batches(1, size, batch_size)
            if not kgcv:
                return timed(lambda: F.cross_entropy(net(images), targets).backward(), repeats=4)
            runtime = resolve_runtime(TrainConfig(), net)
            net = runtime.place_model(net)

            def work() -> None:
                with runtime.autocast():
                    loss = F.cross_entropy(net(runtime.place(images)), targets)
                loss.backward()

            return timed(work, repeats=4)

        return measure

    return Row(
        name=f"precision-{size}",
        work=f"forward and backward of resnet34 at {size} px, batches of {batch_size}, kgcv's precision and format",
        contenders={"kgcv": step(True), "plain float32": step(False)},
        targets={"plain float32": target},
        amount=batch_size,
        unit="images/s",
        limit=600,
    )


NUM_TTA = {64: 256, 224: 64}
"""Images, by their size: 224 px are twelve times the work."""


def _store(folder: Path, size: int) -> Any:
    from kgcv.data.images import Scaling
    from kgcv.data.originals import look_at_originals
    from kgcv.data.resize import StoreSpec, ensure_store
    from kgcv.data.samples import SampleTable
    from kgcv.data.watch import Watch
    from kgcv.events import Silent, never_stop

    paths = tuple(sorted(photos(folder).rglob("*.jpg")))[: NUM_TTA[size]]
    samples = SampleTable(tuple(path.stem for path in paths), paths)
    spec = StoreSpec("packed", folder / f"store-tta-{size}", "test", Scaling(size), 3, photos(folder))
    return ensure_store(look_at_originals(samples, spec.root), spec, Watch(Silent(), never_stop, 2)).images


def _tta_row(size: int) -> Row:
    number = NUM_TTA[size]

    def kgcv(folder: Path) -> float:
        import numpy as np

        from kgcv.config.schema import TrainConfig
        from kgcv.engine.inference import Predictor
        from kgcv.engine.inputs import ImageInputs
        from kgcv.engine.runtime import resolve_runtime
        from kgcv.engine.tta import VIEW_SETS
        from kgcv.model.heads import Objective
        from kgcv.model.vision import normalization

        net = build("resnet18")
        runtime = resolve_runtime(TrainConfig(), net)
        net = runtime.place_model(net)
        inputs = ImageInputs(_store(folder, size), size, size, normalization(net.body, 3), runtime)
        predictor = Predictor(net, Objective("single", 2), inputs, 64, runtime)
        return timed(lambda: predictor.predict(np.arange(number), VIEW_SETS["dihedral"], (1 / 8,) * 8))

    def limit(folder: Path) -> float:
        import torch

        from kgcv.config.schema import TrainConfig
        from kgcv.engine.runtime import resolve_runtime

        net = build("resnet18").eval()
        runtime = resolve_runtime(TrainConfig(), net)
        net = runtime.place_model(net)
        ready = [runtime.place(images) for images, _ in draw_batches(number // 64, size, 64)]

        def work() -> None:
            with torch.inference_mode(), runtime.autocast():
                for images in ready:
                    for _ in range(8):
                        net(images).softmax(1)

        return timed(work)

    def fastai(folder: Path) -> float:
        from fastai.learner import Learner
        from fastai.vision.all import (  # type: ignore[import-not-found]
            CrossEntropyLossFlat,
            DihedralItem,
            ImageDataLoaders,
            Resize,
            get_image_files,
        )

        files = sorted(get_image_files(photos(folder)))[:number]
        names = [file.parent.name for file in files]
        tfms = [Resize(size), DihedralItem(1.0)]
        loaders = ImageDataLoaders.from_lists(folder, files, names, valid_pct=0.2, item_tfms=tfms, bs=64, num_workers=2)
        learner = Learner(loaders, build("resnet18"), CrossEntropyLossFlat())
        loader = loaders.test_dl(files, with_labels=False)

        def work() -> None:
            with learner.no_bar():
                learner.tta(dl=loader, n=7)  # and the plain one

        return timed(work, warm_ups=0)

    return Row(
        name=f"tta-{size}",
        work=f"{number} images at {size} px, eight views, resnet18",
        contenders={"kgcv": kgcv, "eight forward passes": limit, "fastai": fastai},
        targets={"eight forward passes": 0.952, "fastai": 1.6},
        prepare=prepare_photos,
        amount=number * 8,
        unit="images/s",
        limit=600,
    )


ROWS = (
    _step_row("step-tiny", "tiny", (200, 32, 64), 1, {"bare loop": 0.952, "fastai": 1, "lightning": 1}),
    _step_row("step-resnet18", "resnet18", (8, 64, 64), 2, {"bare loop": 0.99, "fastai": 1, "lightning": 1}),
    _precision_row(64, 64, 1.5),
    _precision_row(128, 32, 1.9),
    _precision_row(224, 16, 2.2),
    _tta_row(64),
    _tta_row(224),
)
