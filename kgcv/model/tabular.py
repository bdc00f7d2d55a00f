"""The network for tables: an embedding for each category, then linear layers (Guo and Berkhahn 2016).

Shapes: B batch, K categories, M numbers, F units of the last hidden layer, O output units.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from kgcv.config.schema import ModelConfig
from kgcv.model.network import Network


@dataclass(frozen=True, slots=True)
class TableShape:
    """What goes into a network for tables."""

    cardinalities: tuple[int, ...]
    """For each category the number of its codes, 0 (missing or unseen) included."""
    embedding_sizes: tuple[int, ...]
    """For each category the length of its vectors."""
    num_numbers: int
    """M; standardised."""


class TableBody(nn.Module):
    """Embeddings and numbers, then hidden layers; all batch norms act.

    The course's own (fastai 0.7, `MixedInputModel`) stood still unless the whole model was unfrozen.
    """

    def __init__(self, shape: TableShape, config: ModelConfig) -> None:
        super().__init__()
        pairs = zip(shape.cardinalities, shape.embedding_sizes, strict=True)
        self.embeddings = nn.ModuleList(_embedding(cardinality, size) for cardinality, size in pairs)
        self.number_norm = nn.BatchNorm1d(shape.num_numbers) if shape.num_numbers else None
        dropouts = spread_dropout(config)
        self.embedding_dropout = nn.Dropout(dropouts[0])
        sizes = [sum(shape.embedding_sizes) + shape.num_numbers, *config.hidden]
        self.hidden = nn.Sequential(
            *(_hidden_layer(*pair) for pair in zip(sizes, sizes[1:], dropouts[1:], strict=False))
        )
        self.num_features = sizes[-1]

    def forward(self, codes: Tensor, numbers: Tensor) -> Tensor:
        """Features `(B, F)` of codes `(B, K)` int64 and numbers `(B, M)` float32."""
        parts = []
        if len(self.embeddings):
            columns = codes.unbind(dim=1)
            vectors = [embedding(column) for embedding, column in zip(self.embeddings, columns, strict=True)]
            parts.append(self.embedding_dropout(torch.cat(vectors, dim=1)))
        if self.number_norm is not None:
            parts.append(self.number_norm(numbers))
        return self.hidden(torch.cat(parts, dim=1))  # type: ignore[no-any-return]  # nn.Module returns Any


class TabularModel(Network):
    """Embeddings and hidden layers as the body, one linear layer as the head; three layer groups.

    Attributes:
        body: from codes and numbers to features.
        head: from features `(B, F)` to logits `(B, O)`, without the range.
        group_names: the embeddings; the hidden layers with their norms; the head.
        y_range: `(2,)` float32, least and greatest output of a regression, kept with the weights; None: any.
    """

    body: TableBody
    head: nn.Linear
    y_range: Tensor | None

    def __init__(
        self, shape: TableShape, config: ModelConfig, num_outputs: int, y_range: tuple[float, float] | None = None
    ) -> None:
        super().__init__()
        self.body = TableBody(shape, config)
        self.head = nn.Linear(self.body.num_features, num_outputs)
        nn.init.kaiming_normal_(self.head.weight)
        nn.init.zeros_(self.head.bias)
        self.register_buffer("y_range", None if y_range is None else torch.tensor(y_range))
        names = [name for name, _ in self.named_parameters()]
        embeddings = tuple(name for name in names if name.startswith("body.embeddings."))
        head = tuple(name for name in names if name.startswith("head."))
        self.group_names = (embeddings, tuple(name for name in names if name not in {*embeddings, *head}), head)

    def embedding_tables(self) -> list[np.ndarray]:
        """For each category its vectors, `(num_codes, size)` float32; row 0 is what is missing or unseen."""
        return [table.detach().cpu().numpy() for table in self.body.embeddings.parameters()]

    def forward(self, codes: Tensor, numbers: Tensor) -> Tensor:
        """Logits, or numbers within `y_range`, `(B, O)`, for codes `(B, K)` int64 and numbers `(B, M)` float32."""
        outputs = self.answer(self.body(codes, numbers))
        if self.y_range is None:
            return outputs
        low, high = self.y_range.unbind()
        return low + (high - low) * torch.sigmoid(outputs)


def build_tabular(
    shape: TableShape, config: ModelConfig, num_outputs: int, y_range: tuple[float, float] | None, seed: int
) -> TabularModel:
    """The network with random weights, the same for the same seed."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return TabularModel(shape, config, num_outputs, y_range)


def spread_dropout(config: ModelConfig) -> tuple[float, ...]:
    """The dropout before each linear layer; the first acts on the embeddings alone."""
    return config.dropout * (len(config.hidden) + 1) if len(config.dropout) == 1 else config.dropout


def _embedding(cardinality: int, size: int) -> nn.Embedding:
    """Vectors drawn evenly from +-2 / (size + 1), as in the course."""
    embedding = nn.Embedding(cardinality, size)
    bound = 2 / (size + 1)
    nn.init.uniform_(embedding.weight, -bound, bound)
    return embedding


def _hidden_layer(num_inputs: int, num_outputs: int, dropout: float) -> nn.Sequential:
    """Linear, ReLU, batch norm, dropout: the order of the course."""
    linear = nn.Linear(num_inputs, num_outputs)
    nn.init.kaiming_normal_(linear.weight)
    nn.init.zeros_(linear.bias)
    return nn.Sequential(linear, nn.ReLU(), nn.BatchNorm1d(num_outputs), nn.Dropout(dropout))
