"""The sections `model`, `augment`, `train` and `stages`: what is trained, and how."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

from annotated_types import Ge, Le, Lt, MinLen

from kgcv.config.bounds import (
    STRICT,
    AtLeastOne,
    BatchSize,
    Count,
    Fraction,
    NonNegative,
    Positive,
    Probability,
    Schedule,
    Seed,
    WrongKeysError,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelConfig:
    """Backbone and head."""

    __pydantic_config__ = STRICT

    name: str
    """Any classifier that timm knows: `resnet34`, `convnext_atto`, `vit_tiny_patch16_224`, ..."""
    pretrained: bool = True
    """Load timm's weights from its hub (or its local cache). Not read when `weights` is given."""
    weights: str | None = None
    """A `.safetensors` or `.pth` file, or a run folder, to start from instead."""
    channels: AtLeastOne = 3
    """1 grey, 2 grey and alpha, 3 RGB, 4 RGBA, more: the pages of a multi-page file."""
    pool: Literal["model", "concat"] = "model"
    """`model`: the backbone's own; `concat`: maximum beside average, batch norm before each linear layer."""
    hidden: tuple[AtLeastOne, ...] = ()
    """Units of the hidden layers (ReLU) between pooling and output; the course uses [512]."""
    dropout: Annotated[tuple[Probability, ...], MinLen(1)] = (0.0,)
    """One value for all linear layers of the head, or one each; the course uses [0.25, 0.5]."""
    binary_output: Literal["softmax", "sigmoid"] = "softmax"
    """`sigmoid`: two classes from one output unit, as the lesson's Keras comparison has it."""
    num_groups: Annotated[int, Ge(2)] = 3
    """Layer groups, the head included. For a resnet 3 means: stem to layer2, layer3 and layer4, head."""

    def __post_init__(self) -> None:
        if len(self.dropout) not in (1, len(self.hidden) + 1):
            text = (
                f"needs one value, or one for each of the {len(self.hidden) + 1} linear layers of the head "
                f"(hidden: {list(self.hidden)}), got {len(self.dropout)}"
            )
            raise WrongKeysError([("dropout", text)])


@dataclass(frozen=True, slots=True, kw_only=True)
class AugmentConfig:
    """Random changes to training images. Magnitudes are the course's."""

    __pydantic_config__ = STRICT

    preset: Literal["none", "basic", "side_on", "top_down"] = "none"
    """`basic`: rotate, zoom, shear, light; `side_on`: and flip; `top_down`: and the eight symmetries."""
    max_rotate: Annotated[float, Ge(0), Le(180)] = 10.0
    """Largest rotation, in degrees either way."""
    max_zoom: Annotated[float, Ge(1), Le(4)] = 1.0
    """Largest magnification; 1.1 in the course for photos, 1.05 for satellite images."""
    max_shear: Annotated[float, Ge(0), Lt(90)] = 0.0
    """Largest shear, in degrees either way."""
    max_lighting: Annotated[float, Ge(0), Lt(1)] = 0.05
    """Largest change of brightness, and of contrast."""
    affine_probability: Probability = 0.75
    """Chance that an image is rotated, and as independent draws zoomed and sheared."""
    mixup: NonNegative = 0.0
    """Alpha of mixup; 0 is off."""
    cutmix: NonNegative = 0.0
    """Alpha of cutmix; 0 is off. With both, each batch draws one of them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainConfig:
    """What holds for every stage."""

    __pydantic_config__ = STRICT

    batch_size: BatchSize = 64
    """Images in a training batch; a stage may have its own. `auto`: the most that fit into a GPU's memory."""
    total_batch_size: AtLeastOne | None = None
    """With `batch_size: auto`, which needs it: images of an optimizer step, over all batches that it adds up."""
    accumulate: AtLeastOne = 1
    """Batches whose gradients are added up to one optimizer step."""
    optimizer: str = "sgd"
    """A name that timm's optimizer factory knows: sgd (Nesterov), momentum, adamw, rmsprop, lamb, muon."""
    momentum: Annotated[float, Ge(0), Lt(1)] = 0.9
    """Momentum of optimizers that have one."""
    weight_decay: NonNegative = 0.0
    """Weight decay of weights; norms and biases have none unless `decay_norm_bias`."""
    decay_norm_bias: bool = False
    """Decay norms and biases too."""
    schedule: Schedule = "cosine"
    """`cosine` restarts, `one_cycle`, `flat_cosine` or `constant`; a stage may have its own."""
    metric: str = "auto"
    """The competition's metric; it chooses the best checkpoint. `auto`: accuracy, f2 or rmse, by task."""
    metric_file: str | None = None
    """A Python file with `score(solution, submission, row_id_column_name)`, as Kaggle publishes it; it runs."""
    metric_direction: Literal["maximize", "minimize"] | None = None
    """Which scores of `metric_file` are better; the file cannot tell."""
    loss: Literal["auto", "cross_entropy", "bce", "focal", "asymmetric", "l1", "mse", "smooth_l1"] = "auto"
    """`auto`: cross_entropy (single), bce (multi), l1 (regression). `focal`: single or multi; `asymmetric`: multi."""
    focal_gamma: NonNegative = 2.0
    """`focal`: how much easy samples are held down; 2 in the paper (Lin et al. 2017)."""
    pos_weight: Literal["none", "counts"] = "none"
    """`bce`, `focal` of several labels. `counts`: each tag weighs, where it is given, its missing per given images."""
    class_weights: Literal["none", "balanced"] = "none"
    """`balanced`: the loss of each class weighs 1 / its count among the training samples; the mean weight is 1."""
    sampler: Literal["shuffle", "class_balanced", "weighted"] = "shuffle"
    """`class_balanced`, `weighted`: draws with replacement, by rarity or by `data.train.weight_column`."""
    soft_targets: str | None = None
    """Predictions (a run's `oof.npz`) that are mixed into the training targets, by id."""
    soft_weight: Fraction = 0.3
    """Their share of the target; 0.3 in a winning solution of Plant Pathology 2020."""
    label_smoothing: Annotated[float, Ge(0), Lt(1)] = 0.0
    """Part of each target that is spread evenly over the classes; 0 is off."""
    clip_norm: NonNegative = 0.0
    """Largest global norm of the gradients; 0 is off."""
    ema_decay: Annotated[float, Ge(0), Lt(1)] = 0.0
    """Decay of the moving average of the weights, which is then what is validated and kept; 0 is off."""
    checkpoint_minutes: Positive = 10.0
    """Save the state at least this often, in minutes; at epochs' ends too, unless it took a hundredth of the time."""
    sync_batch_norm: bool = False
    """Of several processes on GPUs: batch norms see the images of all, as those of one process do."""
    early_stopping: Count = 0
    """End a stage after this many epochs without a better score; 0 is off."""
    seed: Seed = 42
    """Seed of every random draw but the split's."""
    device: str = "auto"
    """`auto` (a GPU if there is one), `cpu`, `cuda`, `cuda:1`, `mps`."""
    precision: Literal["auto", "float32", "bfloat16"] = "auto"
    """`auto`: bfloat16 where the device has it natively, float32 elsewhere, and for tables; heads are float32."""
    channels_last: Literal["auto", "yes", "no"] = "auto"
    """Memory format; `auto`: yes for convolutional models."""
    compile: bool = False
    """Run the model through torch.compile."""
    workers: Count = 0
    """Threads that read images; 0: one for each core, at most 8. Never changes a result."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StageConfig:
    """One stage of training."""

    __pydantic_config__ = STRICT

    image_size: AtLeastOne = 0
    """Side of the square the network sees, in pixels; required for images, and tables have none."""
    lr: Annotated[tuple[Positive, ...], MinLen(1)]
    """Largest learning rate: one for all layer groups, or one each, from the stem to the head."""
    batch_size: BatchSize | None = None
    """Overrides `train.batch_size`."""
    frozen: bool = False
    """Train only the head."""
    frozen_groups: Count | None = None
    """Number of leading layer groups that do not train; instead of `frozen`."""
    bn_frozen: bool = False
    """Keep the statistics of every batch norm still."""
    num_cycles: AtLeastOne = 1
    """Descents of the learning rate; schedules but `cosine` make one of num_cycles * cycle_len epochs."""
    cycle_len: AtLeastOne = 1
    """Epochs of the first cycle."""
    cycle_mult: AtLeastOne = 1
    """Each cycle is this many times as long as the one before."""
    schedule: Schedule | None = None
    """Overrides `train.schedule`."""
    augment: AugmentConfig | None = None
    """Replaces the whole section `augment` for this stage."""
    precompute: bool = False
    """Run the frozen body once and train the head on its outputs."""
    keep_optimizer: bool = False
    """Go on with the optimizer state of the stage before; otherwise every stage has a new optimizer."""
    keep_stage_weights: bool = False
    """Keep the weights at the end of this stage as `stageN.safetensors`."""
    may_shrink: bool = False
    """Allow an image size below that of the stage before."""

    def __post_init__(self) -> None:
        problems = []
        if self.frozen and self.frozen_groups is not None:
            problems.append(("frozen_groups", "give frozen: true or frozen_groups, not both"))
        if self.frozen_groups == 0:
            problems.append(("frozen_groups", "0 freezes nothing; leave it out to train every layer"))
        if self.precompute and not self.frozen:
            problems.append(("precompute", "needs frozen: true; only a frozen body can run just once"))
        if problems:
            raise WrongKeysError(problems)
