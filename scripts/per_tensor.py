"""MobileNetV1 0.25 with one scale a tensor: what each method gives back, on the images that are reported."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from example_copy import copy_with_profile
from results_build import build_for

from edgebuild.core.artifact import Manifest, Quality
from edgebuild.store.bundle import open_bundle

TARGET = "stm32mp2-npu"
_EXAMPLE = "imagenet_mobilenet"
_DISTILL = """
[quantization.distill]
always = true
epochs = 6
"""
METHODS = {
    "rounded": ("equalize = false, correct_bias = false", ""),
    "bias correction": ("equalize = false, correct_bias = true", ""),
    "equalization": ("equalize = true, correct_bias = false", ""),
    "equalization and bias correction": ("equalize = true, correct_bias = true", ""),
    "both, and distillation": ("equalize = true, correct_bias = true", _DISTILL),
}
"""What is written of each in a profile: the only setting, and how it is trained. Nothing is refused: all are told."""
INTRODUCTION = f"""### One scale a tensor

MobileNetV1 0.25 on `{TARGET}`, whose NPU wants one scale a tensor: depthwise layers of few channels lose most by it.
What each method gives on the 300 evaluation images, in LiteRT on this machine, with ranges from the least to the
largest value; intervals are at 95 %. The SQNR is that of the outputs against float's. Distillation has its defaults and
6 epochs, on 400 images without labels: the 75 that calibrate, and 325 COCO images of 96 x 96, enlarged."""
_HEAD = "| method | top-1 | float | lost, won | SQNR |\n|---|---|---|---|---|"


def per_tensor(out: Path) -> tuple[int, str]:
    """Build by each method; the worst exit code, and the section as Markdown."""
    codes, lines = [0], [INTRODUCTION, "", _HEAD]
    for number, (name, (setting, distill)) in enumerate(METHODS.items()):
        profile = f'max_drop = 100.0\nsettings = [{{ ranges = "minmax", {setting} }}]\n{distill}'
        project = copy_with_profile(_EXAMPLE, out / "projects" / f"per_tensor_{number}", "method", profile)
        place = out / "per_tensor" / str(number)
        code, refusals = build_for(project / "edgebuild.toml", [TARGET], place, "method")
        codes.append(code)
        lines += [f"| {name} | not built: {why} | | | |" for why in refusals.values()]
        if not code:
            lines += [f"| {name} | {row} |" for row in _rows(open_bundle(place / TARGET).manifest, bool(distill))]
    return max(codes), "\n".join(lines)


def _rows(manifest: Manifest, trained: bool) -> Iterator[str]:
    """What the integer variant has on the evaluation set; that training was not kept, where it was not."""
    for variant in (variant for part in manifest.parts for variant in part.variants):
        if variant.precision == "int8" and variant.quality is not None:
            kept = not trained or (variant.setting or "").endswith("distilled")
            yield _row(variant.quality) + ("" if kept else " (not kept: no better on the selection set)")


def _row(quality: Quality) -> str:
    value = f"{quality.value:.1f} % [{quality.low:.1f}, {quality.high:.1f}]"
    return f"{value} | {quality.float_value:.1f} % | {quality.lost}, {quality.won} | {quality.sqnr_db:.1f} dB"
