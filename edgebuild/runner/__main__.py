"""``python runner.pyz REQUEST.json RESPONSE.json``: one run, in this process, answered in one file.

``python runner.pyz --turns SEED REQUEST RESPONSE REQUEST RESPONSE``: two runs by turns, in a process each.
"""

# mypy: disable-error-code="import-not-found"
from __future__ import annotations

import sys

from runner.answer import main

if sys.argv[1:2] == ["--turns"] and len(sys.argv) == 7:
    from runner.turns import take_turns

    sys.exit(take_turns(sys.argv[2], sys.argv[3:5], sys.argv[5:7]))
sys.exit(main(sys.argv[1:]))
