"""Whether a board's ssh daemon answers yet."""

from __future__ import annotations

import socket
from dataclasses import dataclass

_LONGEST_S = 60.0


@dataclass
class Greeting:
    """Looks for the daemon's greeting, and waits longer for it each time.

    A connection that is given up has cost the board a process already: on a busy host, one that is asked again and
    again after a fixed short time may never get to answer.
    """

    port: int
    patience_s: float = 2.0

    def came(self) -> bool:
        """QEMU takes the connection at once; only the greeting shows that the board is there."""
        try:
            with socket.create_connection(("127.0.0.1", self.port), timeout=self.patience_s) as line:
                return line.recv(8).startswith(b"SSH-2.0")
        except TimeoutError:
            self.patience_s = min(2 * self.patience_s, _LONGEST_S)
            return False
        except OSError:
            return False
