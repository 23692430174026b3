"""``python runner.pyz REQUEST.json RESPONSE.json``: one run, in this process, answered in one file."""

# mypy: disable-error-code="import-not-found"
from __future__ import annotations

import sys

from runner.answer import main

sys.exit(main(sys.argv[1:]))
