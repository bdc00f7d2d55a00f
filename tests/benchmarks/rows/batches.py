"""Batches of training images: uint8 on the CPU, each cut at a random place and every second one mirrored."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from tests.benchmarks.pictures import NUM_PHOTOS, photos, prepare_photos
from tests.benchmarks.row import Row

NUM_IMAGES = 4000
BATCH_SIZE = 64


def copies(folder: Path, edge: int) -> Path:
    return folder / f"copies-{edge}"


def prepare_copies(edge: int, number: int) -> Callable[[Path], None]:
    """JPEG copies and a packed store of `number` images whose shorter side is `edge`, both made by kgcv."""

    def make(folder: Path) -> None:
        from kgcv.data.images import Scaling, read_image, write_jpeg

        prepare_photos(folder)
        for index in range(number):
            path = copies(folder, edge) / f"class{index % 2}" / f"{index:06}.jpg"
            if not path.exists():
                source = photos(folder) / f"class{index % 2}" / f"{index % NUM_PHOTOS:06}.jpg"
                write_jpeg(path, read_image(source, 3, Scaling(edge)))
        open_packed(folder, edge, number)

    return make


def open_packed(folder: Path, edge: int, number: int) -> Any:
    """kgcv's packed store of the copies."""
    from kgcv.data.images import Scaling
    from kgcv.data.originals import look_at_originals
    from kgcv.data.resize import StoreSpec, ensure_store
    from kgcv.data.samples import SampleTable
    from kgcv.data.watch import Watch
    from kgcv.events import Silent, never_stop

    paths = tuple(sorted(copies(folder, edge).rglob("*.jpg")))[:number]
    samples = SampleTable(tuple(path.stem for path in paths), paths)
    spec = StoreSpec("packed", folder / f"store-{number}", "train", Scaling(edge), 3, copies(folder, edge))
    return ensure_store(look_at_originals(samples, spec.root), spec, Watch(Silent(), never_stop, 2)).images


def consume(batches: Iterable[Any], number: int) -> float:
    """Seconds from before the first to after the last batch, over `number` images."""
    start = time.perf_counter()
    count = sum(len(batch[0] if isinstance(batch, (tuple, list)) else batch) for batch in batches)
    seconds = time.perf_counter() - start
    assert count >= number - BATCH_SIZE, count
    return seconds * number / count


def open_originals(folder: Path) -> Any:
    """The photos themselves, decoded for each batch."""
    from kgcv.data.images import Scaling
    from kgcv.data.originals import OriginalImages

    return OriginalImages(tuple(sorted(photos(folder).rglob("*.jpg"))), 3, Scaling(64))


def kgcv_batches(open_source: Callable[[Path], Any], size: int, passes: int, workers: int) -> Callable[[Path], float]:
    """Seconds that an epoch of kgcv's batches takes for NUM_IMAGES, the median of some passes after the first."""

    def measure(folder: Path) -> float:
        import numpy as np
        import torch

        from kgcv.config.schema import AugmentConfig
        from kgcv.data.augment import NUM_DRAWS, draw_changes, find_symmetries, turn
        from kgcv.data.loader import BatchRequest, read_batches
        from kgcv.engine.inputs import split_rows
        from kgcv.engine.randomness import epoch_draws, epoch_order
        from kgcv.engine.runtime import keep_freed_memory

        keep_freed_memory()  # as every command that trains does
        torch.set_num_threads(1)  # as for the others: the readers are the threads
        source = open_source(folder)
        number = len(source)
        augment = AugmentConfig(preset="side_on", max_rotate=0, max_lighting=0)

        def batches(epoch: int) -> Iterator[Any]:
            order = epoch_order(42, 0, epoch, number)
            drawn = draw_changes(epoch_draws(42, 0, epoch, number, NUM_DRAWS)[order], augment)
            pieces = split_rows(order, BATCH_SIZE)
            changes = [drawn.rows(slice(start, start + BATCH_SIZE)) for start in range(0, number, BATCH_SIZE)]
            requests = (BatchRequest(p, c.offsets) for p, c in zip(pieces, changes, strict=True))
            for batch, change in zip(read_batches(source, size, requests, workers), changes, strict=True):
                yield turn(batch, find_symmetries(change.warps))

        consume(batches(0), number)
        seconds = np.median([consume(batches(epoch), number) for epoch in range(1, 1 + passes)])
        return float(seconds) * NUM_IMAGES / number

    return measure


def torchvision_folder(
    root: Callable[[Path], Path], size: int, workers: int, resize: bool = False
) -> Callable[[Path], float]:
    def measure(folder: Path) -> float:
        import torch
        from torch.utils.data import DataLoader, Subset
        from torchvision.datasets import ImageFolder
        from torchvision.transforms import v2

        torch.set_num_threads(1)
        steps = [v2.PILToTensor()]
        if resize:
            steps.append(v2.Resize(size, antialias=True))
        steps += [v2.RandomCrop(size), v2.RandomHorizontalFlip()]
        data = ImageFolder(str(root(folder)), v2.Compose(steps))
        number = min(len(data), 1500)
        chosen = Subset(data, torch.randperm(len(data), generator=torch.Generator().manual_seed(0))[:number].tolist())
        loader = DataLoader(chosen, BATCH_SIZE, shuffle=True, num_workers=workers, persistent_workers=workers > 0)
        consume(loader, number)
        return consume(loader, number) * NUM_IMAGES / number

    return measure


def webdataset_tar(edge: int, number: int) -> Callable[[Path], float]:
    """The copies in one tar, read in sequence and shuffled in a buffer."""

    def measure(folder: Path) -> float:
        import tarfile

        import torch
        import webdataset  # type: ignore[import-not-found]
        from torchvision.transforms import v2

        torch.set_num_threads(1)
        file = folder / f"copies-{edge}.tar"
        if not file.exists():
            with tarfile.open(file, "w") as tar:
                for path in sorted(copies(folder, edge).rglob("*.jpg"))[:number]:
                    tar.add(path, path.name)
        change = v2.Compose([v2.PILToTensor(), v2.RandomCrop(edge), v2.RandomHorizontalFlip()])
        data = webdataset.WebDataset(str(file), shardshuffle=False).shuffle(1000).decode("pil").to_tuple("jpg")
        batches = data.map_tuple(change).batched(BATCH_SIZE)
        consume(batches, number)
        return consume(batches, number) * NUM_IMAGES / number

    return measure


def ffcv_raw(edge: int, number: int) -> Callable[[Path], float]:
    def measure(folder: Path) -> float:
        import numpy as np
        from ffcv.fields import RGBImageField  # type: ignore[import-not-found]
        from ffcv.fields.decoders import RandomResizedCropRGBImageDecoder  # type: ignore[import-not-found]
        from ffcv.loader import Loader, OrderOption  # type: ignore[import-not-found]
        from ffcv.transforms import RandomHorizontalFlip, ToTensor  # type: ignore[import-not-found]
        from ffcv.writer import DatasetWriter  # type: ignore[import-not-found]
        from PIL import Image

        class Pictures:
            paths = sorted(copies(folder, edge).rglob("*.jpg"))[:number]

            def __len__(self) -> int:
                return len(self.paths)

            def __getitem__(self, index: int) -> tuple[np.ndarray]:
                return (np.array(Image.open(self.paths[index])),)

        file = folder / f"ffcv-{edge}.beton"
        if not file.exists():
            DatasetWriter(str(file), {"image": RGBImageField(write_mode="raw")}, num_workers=2).from_indexed_dataset(
                Pictures()
            )
        pipeline = [
            RandomResizedCropRGBImageDecoder((edge, edge), scale=(1, 1), ratio=(1, 1)),
            RandomHorizontalFlip(),
            ToTensor(),
        ]
        loader = Loader(
            str(file),
            batch_size=BATCH_SIZE,
            num_workers=2,
            order=OrderOption.RANDOM,
            os_cache=True,
            pipelines={"image": pipeline},
        )
        consume(loader, number)
        return consume(loader, number) * NUM_IMAGES / number

    return measure


def fastai_originals(folder: Path) -> float:
    from fastai.vision.all import FlipItem, ImageDataLoaders, Resize  # type: ignore[import-not-found]

    loaders = ImageDataLoaders.from_folder(
        photos(folder), valid_pct=0.01, item_tfms=[Resize(64), FlipItem(0.5)], bs=BATCH_SIZE, num_workers=2
    )
    number = len(loaders.train) * BATCH_SIZE
    consume(loaders.train, number)
    return consume(loaders.train, number) * NUM_IMAGES / number


def _packed_rows(size: int, target: float) -> tuple[Row, Row]:
    """Beside torchvision on one core; beside FFCV on two, for on one it hangs."""
    number = NUM_IMAGES if size < 200 else 1000

    def source(folder: Path) -> Any:
        return open_packed(folder, size, number)

    work = f"uint8 batches of 64 at {size} px from copies of that size, cut at random and mirrored"
    one = Row(
        name=f"batches-{size}",
        work=f"{work}, one core",
        contenders={
            "kgcv": kgcv_batches(source, size, passes=5, workers=1),
            "torchvision": torchvision_folder(lambda folder: copies(folder, size), size, workers=0),
            "webdataset": webdataset_tar(size, number),
        },
        targets={"torchvision": target},
        prepare=prepare_copies(size, number),
        amount=NUM_IMAGES,
        unit="images/s",
        cores=1,
    )
    contenders = {
        "kgcv": kgcv_batches(source, size, passes=5, workers=2),
        "ffcv raw": ffcv_raw(size, number),
    }
    two = replace(
        one,
        name=f"batches-{size}-ffcv",
        work=f"{work}, two cores",
        contenders=contenders,
        targets={"ffcv raw": 1.5},
        cores=2,
    )
    return one, two


ROWS = (
    *_packed_rows(64, 12),
    *_packed_rows(128, 8),
    *_packed_rows(224, 8),
    Row(
        name="originals-64",
        work="batches of 64 at 64 px from photos of 500 x 375, decoded each time, two workers",
        contenders={
            "kgcv": kgcv_batches(open_originals, 64, passes=2, workers=2),
            "torchvision": torchvision_folder(photos, 64, workers=2, resize=True),
            "fastai": fastai_originals,
        },
        targets={"torchvision": 2.5, "fastai": 3.5},
        prepare=prepare_photos,
        amount=NUM_IMAGES,
        unit="images/s",
    ),
)
