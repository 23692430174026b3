"""Libraries that come with an extra of edgebuild: what a missing one means, and how it is installed."""

from __future__ import annotations

from edgebuild.core.errors import BuildError, ConfigError, EdgebuildError

_EXTRAS = {
    "torch": ("torch", "PIL", "safetensors", "scipy"),
    "onnxruntime": ("onnx", "onnxruntime", "onnxscript"),
    "litert": ("ai_edge_litert", "ai_edge_quantizer", "litert_torch"),
    "openvino": ("nncf", "openvino"),
    "text": ("tokenizers",),
    "ethos-u": ("ethosu",),
    "qnn": ("onnxruntime_qnn",),
    "devices": ("asyncssh", "adbutils"),
    "sign": ("cryptography",),
    "report": ("jinja2",),
    "history": ("sqlalchemy", "plotille"),
    "postgresql": ("psycopg",),
    "ray": ("ray",),
}
_NO_BUILD = ("devices", "history", "postgresql", "ray", "report", "sign", "text")


def not_installed(error: BaseException, stage: str = "import") -> EdgebuildError | None:
    """The error for a library that an extra brings and that is missing; None for any other exception.

    Args:
        stage: what needed it, such as a target's name.
    """
    if not isinstance(error, ModuleNotFoundError):
        return None
    library = (error.name or "").partition(".")[0]
    extra = next((name for name, libraries in _EXTRAS.items() if library in libraries), None)
    if extra is None:
        return None
    found, fix = f"{library} is not installed", f'pip install "edgebuild[{extra}]"'
    return ConfigError(stage, found, fix=fix) if extra in _NO_BUILD else BuildError(stage, found, fix=fix)
