"""Model files that somebody has damaged, or made to do harm; see tests/stress/hostile.py."""

from __future__ import annotations

import io
import json
import os
import pickle
import random
import struct
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from tests.stress.tally import Tally, limit_memory


class RunsCode:
    """What a hostile pickle does when it is loaded."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, (str(self.mark),)


def model_files(folder: Path, tally: Tally, draws: random.Random, inputs: int) -> None:
    """Starting weights, a run's weights, a state to go on from."""
    from kgcv.config.schema import ModelConfig
    from kgcv.model.checkpoint import load_weights, read_card, read_state
    from kgcv.model.vision import build_model
    from kgcv.model.weights import load_starting_weights

    model = build_model(ModelConfig(name="test_efficientnet", pretrained=False), 2, seed=0)
    good = {name: value.clone() for name, value in model.state_dict().items()}
    mark = folder / "code has run"
    limit_memory()
    for name, content in hostile_models(good, mark):
        path = folder / name
        path.write_bytes(content)
        weights = ModelConfig(name="test_efficientnet", weights=str(path))
        readers: dict[str, Callable[[], object]] = {
            "model.weights": lambda chosen=weights: load_starting_weights(model, chosen),  # type: ignore[misc]
            "last.pt": lambda path=path: read_state(path),  # type: ignore[misc]
            "card": lambda path=path: read_card(path),  # type: ignore[misc]
            "best.safetensors": lambda path=path: load_weights(path, model),  # type: ignore[misc]
        }
        for what, read in readers.items():
            refused = tally.outcomes["refused"]
            tally.try_one(f"{name} as {what}", read)
            if tally.outcomes["refused"] == refused and not name.startswith("good"):
                tally.faults.append(f"{name} as {what}: was taken")
        if mark.exists():
            tally.faults.append(f"{name}: its code has run")
            mark.rmdir()


def hostile_models(good: dict[str, Any], mark: Path) -> Iterator[tuple[str, bytes]]:
    """Names and contents."""
    import torch
    from safetensors.torch import save

    def saved(content: object, **options: Any) -> bytes:
        stream = io.BytesIO()
        torch.save(content, stream, **options)
        return stream.getvalue()

    first = next(name for name, value in good.items() if value.ndim == 4)
    whole = save(good)
    length = struct.unpack("<Q", whole[:8])[0]
    header = json.loads(whole[8 : 8 + length])
    for name, code in {"pickle": pickle.dumps(RunsCode(mark)), "torch": saved({first: RunsCode(mark)})}.items():
        yield f"code-{name}.pt", code
        yield f"code-{name}.safetensors", code
    yield "code-legacy.pt", saved({first: RunsCode(mark)}, _use_new_zipfile_serialization=False)
    changed = {
        "nan": torch.full_like(good[first], torch.nan),
        "infinity": torch.full_like(good[first], torch.inf),
        "shape": good[first][:1],
        "huge-view": torch.zeros(1).expand(10**12),
        "meta": good[first].to("meta"),
        "sparse": good[first].to_sparse(),
        "complex": good[first].to(torch.complex64),
        "text": "no tensor",
    }
    for name, value in changed.items():
        yield f"{name}.pt", saved({**good, first: value})
        if name in ("nan", "infinity", "shape"):
            yield f"{name}.safetensors", save({**good, first: value.contiguous()})
    yield "list.pt", saved([1, 2])
    yield "nested.pt", saved({"state_dict": {"state_dict": {"model": 1}}})
    packed = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(saved(good))) as source, zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as copy:
        for member in source.namelist():
            copy.writestr(member, source.read(member))
    yield "packed.pt", packed.getvalue()
    for name, size in (("zero", 0), ("short", length - 1), ("long", length + 1), ("huge", 1 << 62), ("all", 2**64 - 1)):
        yield f"header-{name}.safetensors", struct.pack("<Q", size) + whole[8:]
    entries: dict[str, dict[str, object]] = {
        "offsets-beyond": {"data_offsets": [0, 1 << 60]},
        "offsets-negative": {"data_offsets": [-4, 4]},
        "offsets-turned": {"data_offsets": [64, 0]},
        "shape-huge": {"shape": [1 << 40, 1 << 40]},
        "shape-negative": {"shape": [-1]},
        "dtype": {"dtype": "F12"},
        "no-offsets": {"data_offsets": None},
    }
    for name, entry in entries.items():
        text = json.dumps({**header, first: {**header[first], **entry}}).encode()
        yield f"{name}.safetensors", struct.pack("<Q", len(text)) + text + whole[8 + length :]
    cards = (
        "",
        "[]",
        "{}",
        "[" * 100_000,
        '{"format": 3}',
        '{"format": 3, "sha256": "0", "geometry": 1}',
        "\0",
        "null",
    )
    for number, card in enumerate(cards):
        yield f"card-{number}.safetensors", save({"other": good[first]}, {"kgcv": card})
    for size in (0, 1, 7, 8, 9, len(whole) // 2, len(whole) - 1):
        yield f"cut-{size}.safetensors", whole[:size]
        yield f"cut-{size}.pt", saved(good)[:size]
