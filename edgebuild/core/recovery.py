"""How a model that was made smaller is trained again: fine-tuning and distillation."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from edgebuild.core.base import Frozen

Precision = Literal["f32", "bf16"]
ScoreName = Literal["top1", "agreement", "fidelity"]

_LEARNING_RATES = {"adamw": 1e-3, "sgd": 0.05}
_WEIGHT_DECAYS = {"adamw": 0.01, "sgd": 5e-4}


class Recovery(Frozen):
    """The settings of one recovery. The defaults suit a pruned convolutional net or transformer and a few epochs.

    The loss of a batch is ``soft_weight`` × soft targets + (1 − ``soft_weight``) × cross entropy with the labels
    + ``feature_weight`` × feature matching. Without labels the soft targets stand alone; without a teacher, the labels.

    Attributes:
        learn_from: the samples that are learned from: ``[data.training]``, or those that ranges are taken on, which are
            few, but far better than none.
        epochs: how often the whole training set is gone through, at most.
        batch_size: samples a step; what is left over at the end of an epoch waits for the next shuffle.
        optimizer: "adamw" (Loshchilov and Hutter 2019), or "sgd" with Nesterov momentum 0.9.
        learning_rate: the highest one, after the warm-up; default 0.001 for adamw and 0.05 for sgd. It falls along half
            a cosine to nothing (Loshchilov and Hutter 2017).
        weight_decay: on weights of two dimensions and more; default 0.01 for adamw and 0.0005 for sgd.
        warmup: the share of all steps in which the learning rate rises.
        clip_norm: gradients longer than this, all together, are shortened to it.
        temperature: what teacher's and student's class scores are divided by (Hinton et al. 2015).
        soft_weight: the weight of the soft targets against the labels.
        feature_weight: of matching what teacher and student compute on the way; 0 matches nothing.
        patience: training stops once so many epochs in a row were no better on the selection set; None: never.
        checkpoint_minutes: a kill loses at most so much work.
        precision: of the arithmetic; weights are always kept in f32. "auto" takes bf16 only where it was measured to
            be clearly faster on this machine.
        augmentation: of images: "crop" shifts them by up to an eighth, "flip-crop" also mirrors half of them.
        variants: so many moved forms there are of each image, one after the other over the epochs, and the teacher,
            which may be slower than the student by far, is asked once for each; None: every time a new one.
        batch_norm: whether batch normalization takes its statistics from each "batch" and updates the running ones, or
            "running" keeps those. "auto": batch, except where the running ones are exactly 0 and 1, which say that the
            model was trained without.
        seed: of the order of samples and the augmentation.
    """

    learn_from: Literal["training", "calibration"] = "training"
    epochs: Annotated[int, Field(ge=1, le=10_000)] = 10
    batch_size: Annotated[int, Field(ge=2, le=65_536)] = 128
    optimizer: Literal["adamw", "sgd"] = "adamw"
    learning_rate: Annotated[float, Field(gt=0, le=10)] | None = None
    weight_decay: Annotated[float, Field(ge=0, le=1)] | None = None
    warmup: Annotated[float, Field(ge=0, lt=1)] = 0.05
    clip_norm: Annotated[float, Field(gt=0)] = 5.0
    temperature: Annotated[float, Field(ge=0.1, le=100)] = 4.0
    soft_weight: Annotated[float, Field(ge=0, le=1)] = 0.7
    feature_weight: Annotated[float, Field(ge=0, le=1000)] = 0.0
    patience: Annotated[int, Field(ge=1)] | None = None
    checkpoint_minutes: Annotated[float, Field(ge=0, le=1440)] = 5.0
    precision: Literal["auto", "f32", "bf16"] = "auto"
    augmentation: Literal["none", "crop", "flip-crop"] = "none"
    variants: Annotated[int, Field(ge=1, le=1000)] | None = None
    batch_norm: Literal["auto", "batch", "running"] = "auto"
    seed: Annotated[int, Field(ge=0, lt=2**32)] = 0

    @property
    def peak_rate(self) -> float:
        """The learning rate after the warm-up."""
        return self.learning_rate or _LEARNING_RATES[self.optimizer]

    @property
    def decay(self) -> float:
        """The weight decay."""
        return _WEIGHT_DECAYS[self.optimizer] if self.weight_decay is None else self.weight_decay


class Distillation(Recovery):
    """How an int8 model is trained with its rounding, where calibration and correction do not hold.

    The teacher is the float model; samples are those of ``[data.training]``, or without it those of calibration, whose
    labels are not used. Parameters are counted in steps of their integers, and so is the learning rate.

    Attributes:
        always: whether it is tried even where int8 without it loses no more than it may.
        weight_rate: the learning rate of weights, as a share of that of biases and scales: a step of rounding is all
            or nothing, and a few samples tell little of which weight should take it; 0 trains no weights.
        feature_weight: of matching the float model's values behind layers at even distances.
    """

    always: bool = False
    weight_rate: Annotated[float, Field(ge=0, le=1)] = 0.01
    epochs: Annotated[int, Field(ge=1, le=10_000)] = 10
    batch_size: Annotated[int, Field(ge=2, le=65_536)] = 16
    patience: Annotated[int, Field(ge=1)] | None = 3
    learning_rate: Annotated[float, Field(gt=0, le=10)] | None = 0.02
    weight_decay: Annotated[float, Field(ge=0, le=1)] | None = 0.0
    temperature: Annotated[float, Field(ge=0.1, le=100)] = 1.0
    precision: Literal["auto", "f32", "bf16"] = "f32"


class EpochScore(Frozen):
    """What the selection set says of a student after an epoch.

    Attributes:
        value: the score, in percent; of fidelity, in decibels.
        loss: of the same kind as in training, without features; it decides between equal scores.
    """

    value: float
    loss: float

    @property
    def rank(self) -> tuple[float, float]:
        """The higher, the better."""
        return self.value, -self.loss
