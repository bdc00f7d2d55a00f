"""Which places of an image speak for an answer: Grad-CAM (Selvaraju et al. 2017, arXiv:1610.02391).

The outputs of a late layer, weighted by the gradient of the answer's logit and added up over channels; what is below 0
speaks against the answer and is left out. The layer is the last one whose places the answer still depends on: where a
small image has shrunk to a single place, an earlier stage has more.

Maps have one weight a channel, its mean gradient, as in the paper. Tokens have one a channel and place, the gradient
there (HiResCAM, Draelos and Carin 2020, arXiv:2011.08891), for attention may read each place as much as it wants; where
places are averaged before the head both are the same. Only the body's own output is asked of tokens. A transformer that
reads its class token alone has no evidence there, and none that this can find before: its last block normalises each
place, and what does not change with a place's scale has a gradient at right angles to it. Of such networks squares are
covered instead (kgcv.model.covering).

Own code, 25 lines, not a library. pytorch-grad-cam 1.5.7 brings OpenCV, 153 MB, and 1.4 s of imports beyond torch and
timm; its user names the layer and writes down the layout. captum 0.9.0 brings tqdm, 4.5 MB and 0.3 s; its LayerGradCam
knows channels in the second dimension alone, neither tokens nor channels last. What is hard here, layers and layouts
(kgcv.model.watched, kgcv.model.places), neither does.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812  torch's own name for it
from torch import Tensor

from kgcv.model.vision import Body
from kgcv.model.watched import FEATURES, BodyMap, WatchedPass


@dataclass(frozen=True, slots=True)
class Evidence:
    """What speaks for an answer, by place."""

    layer: str
    """The part of the body whose output was asked."""
    places: np.ndarray
    """`(h, w)` float32, 0 and above; all 0 where nothing speaks for it."""


def find_evidence(passed: WatchedPass, score: Tensor) -> Evidence | None:
    """What speaks for a larger `score`, a scalar made of the logits of `passed`; None where it depends on no place."""
    outputs = [one.output for one in passed.maps]
    if not outputs:
        return None
    gradients = torch.autograd.grad(score, outputs, retain_graph=True, materialize_grads=True)
    pairs = zip(passed.maps, gradients, strict=True)
    reached = [(one, gradient) for one, gradient in pairs if _may_be_asked(one) and one.to_grid(gradient).any()]
    if not reached:
        return None
    chosen, gradient = reached[-1]
    return Evidence(chosen.layer, _weighted(chosen, gradient).cpu().numpy())


def _may_be_asked(one: BodyMap) -> bool:
    return not one.is_of_tokens or one.layer == FEATURES


def _weighted(chosen: BodyMap, gradient: Tensor) -> Tensor:
    outputs, weights = (chosen.to_grid(each.detach()).float() for each in (chosen.output, gradient))
    return weighted_places(outputs, weights if chosen.is_of_tokens else weights.mean(dim=(1, 2), keepdim=True))


def weighted_places(outputs: Tensor, weights: Tensor) -> Tensor:
    """`(h, w)`, 0 and above: the sum over channels of `outputs` `(C, h, w)` times `weights`, so or `(C, 1, 1)`."""
    return (weights * outputs).sum(dim=0).relu()


def spread(places: np.ndarray, side: int, image_size: int) -> np.ndarray:
    """`(S, S)` float32 in [0, 1], the largest 1: `places` `(h, w)` over `side` pixels, bilinear, cut to S."""
    wide = F.interpolate(torch.from_numpy(places)[None, None], size=(side, side), mode="bilinear", align_corners=False)
    heat: np.ndarray = wide[0, 0, :image_size, :image_size].numpy()
    return heat / (float(heat.max()) or 1.0)


def spread_evidence(places: np.ndarray, body: Body, image_size: int) -> np.ndarray:
    """`(S, S)` float32 in [0, 1]: `places` `(h, w)` over the whole image, bilinear, 1 where most speaks for the answer.

    A transformer's places are whole patches, to which images are padded on the right and below; that is cut off.
    """
    patch = getattr(getattr(body, "patch_embed", None), "patch_size", image_size)
    patch = int(patch[0] if isinstance(patch, tuple) else patch)
    is_padded = len(places) == -(-image_size // patch)
    side = len(places) * patch if is_padded else image_size
    return spread(places, side, image_size)
