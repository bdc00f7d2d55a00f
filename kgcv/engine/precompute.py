"""Outputs of a frozen body, computed once and kept on disk as long as they are valid."""

from __future__ import annotations

import hashlib
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from kgcv.data.loader import BatchRequest
from kgcv.engine.inputs import FeatureInputs, ImageInputs, split_rows
from kgcv.engine.tta import PLAIN
from kgcv.errors import StopRequested
from kgcv.events import Reporter, StopCheck, TaskAdvanced, TaskDone, TaskStarted
from kgcv.files import hash_json
from kgcv.model.checkpoint import save_tensors
from kgcv.model.vision import VisionModel


@dataclass(frozen=True, slots=True)
class FeatureCache:
    """Where features are kept, and what the images behind them are."""

    folder: Path
    signature: str
    """Hash over the image files and the store's settings."""


def precompute_features(
    model: VisionModel,
    inputs: ImageInputs,
    rows: np.ndarray,
    cache: FeatureCache,
    reporter: Reporter,
    should_stop: StopCheck,
) -> FeatureInputs:
    """The pooled outputs of `model`'s body for the plain squares of `rows`, read from the cache where that is valid.

    The cache's key covers the body's weights, the images, the geometry, the normalisation, the rows and the
    precision; anything else is computed anew.

    Returns:
        Inputs whose row i holds the features of sample i; rows not asked for hold NaN.

    Raises:
        StopRequested: a signal arrived; nothing was written.
        DataError: an image cannot be read.
    """
    file = cache.folder / f"features-{_key(model, inputs, rows, cache.signature)[:24]}.safetensors"
    try:
        features = load_file(file)["features"]
    except (OSError, SafetensorError, KeyError):  # missing or damaged: the same as not yet computed
        features = _compute(model, inputs, rows, reporter, should_stop)
        save_tensors(file, {"features": features})
    return FeatureInputs(features, inputs.runtime)


def _key(model: VisionModel, inputs: ImageInputs, rows: np.ndarray, signature: str) -> str:
    weights = hashlib.sha256()
    for name, value in sorted(model.body.state_dict().items()):
        weights.update(name.encode())
        weights.update(value.detach().cpu().contiguous().numpy().tobytes())
    return hash_json(
        {
            "weights": weights.hexdigest(),
            "concat": model.pool is not None,
            "images": signature,
            "rows": hashlib.sha256(rows.tobytes()).hexdigest(),
            "geometry": [inputs.edge, inputs.image_size],
            "normalization": asdict(inputs.normalization),
            "bfloat16": inputs.runtime.bfloat16,
        }
    )


@torch.inference_mode()
def _compute(
    model: VisionModel, inputs: ImageInputs, rows: np.ndarray, reporter: Reporter, should_stop: StopCheck
) -> Tensor:
    """`(N, F)` float32 with the features of `rows`, NaN elsewhere."""
    reporter.report(TaskStarted("precompute features", len(rows)))
    model.eval()
    features: Tensor | None = None
    pieces = split_rows(rows, batch_size=64)
    batches = inputs.read(BatchRequest(piece, np.full(len(piece), 0.5)) for piece in pieces)
    for piece, batch in zip(pieces, batches, strict=True):
        if (signal := should_stop()) is not None:
            raise StopRequested(signal, "stopped while computing features; run the same command again")
        with inputs.runtime.autocast():
            outputs = model.features(inputs.ready(batch, PLAIN.changes(piece))).float().cpu()
        if features is None:
            features = torch.full((len(inputs.source), outputs.shape[1]), torch.nan)
        features[torch.from_numpy(piece)] = outputs
        reporter.report(TaskAdvanced(len(piece)))
    reporter.report(TaskDone("precompute features"))
    assert features is not None, "there is at least one row"
    return features
