"""Normalizations that models are trained with: what a declaration may have to be.

Each maps ``u``, a value as a share of full scale (0 to 1, or -1 to 1 where samples are signed), to
``(u * gain - mean) / std``. Statistics: ImageNet's are torchvision's; CIFAR-10's and Fashion-MNIST's are their training
sets' own; MNIST's are the ones in PyTorch's example; CLIP's are OpenAI's; Caffe's are VGG's channel means.
"""

from __future__ import annotations

from dataclasses import dataclass

from edgebuild.core.array import Array
from edgebuild.core.input_check import Kind


@dataclass(frozen=True)
class Known:
    """A normalization in words and numbers; ``mean`` and ``std`` of one number are for all channels."""

    name: str
    gain: float = 1.0
    mean: tuple[float, ...] = (0.0,)
    std: tuple[float, ...] = (1.0,)

    @property
    def kind(self) -> Kind:
        """What is wrong where this is right."""
        return "mean and deviation" if len(self.mean) > 1 or self.name in _STATISTICS else "scale"

    def fits(self, channels: int) -> bool:
        """Whether a model with so many channels may want it."""
        wanted = max(len(self.mean), len(self.std))
        return channels == wanted if wanted > 1 else self.name not in _STATISTICS or channels == 1


_STATISTICS = ("MNIST's mean and deviation", "Fashion-MNIST's mean and deviation")

UNSIGNED = (
    Known("0..1"),
    Known("-1..1", mean=(0.5,), std=(0.5,)),
    Known("ImageNet's mean and deviation", mean=(0.485, 0.456, 0.406), std=(0.229, 0.224, 0.225)),
    Known("CIFAR-10's mean and deviation", mean=(0.4914, 0.4822, 0.4465), std=(0.2023, 0.1994, 0.2010)),
    Known("CLIP's mean and deviation", mean=(0.4815, 0.4578, 0.4082), std=(0.2686, 0.2613, 0.2758)),
    Known("MNIST's mean and deviation", mean=(0.1307,), std=(0.3081,)),
    Known("Fashion-MNIST's mean and deviation", mean=(0.2860,), std=(0.3530,)),
    Known("0..255", gain=255.0),
    Known("-128..127", gain=255.0, mean=(128.0,)),
    Known("Caffe's channel means taken from 0..255", gain=255.0, mean=(123.68, 116.779, 103.939), std=(1.0,) * 3),
    Known("-0.5..0.5", mean=(0.5,)),
)
"""In the order in which they are named where several do equally well."""

SIGNED = (Known("-1..1"), Known("-128..127", gain=128.0), Known("-32768..32767", gain=32768.0))

FULL_SCALES = (1.0, 16.0, 255.0, 1023.0, 4095.0, 65535.0)
"""What unsigned sensors and files count to."""
SIGNED_SCALES = (1.0, 128.0, 32768.0)


def full_scale_of(values: Array) -> float:
    """The full scale of samples, by all of them."""
    return full_scale(float(values.min()), float(values.max()))


def full_scale(low: float, high: float) -> float:
    """The full scale of samples that reach from ``low`` to ``high``: the least that holds them all."""
    reach = max(abs(low), abs(high))
    scales = SIGNED_SCALES if low < 0 else FULL_SCALES
    return next((scale for scale in scales if reach <= scale * 1.0001), reach)
