"""Waiting for a board's ssh daemon, against real sockets."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from edgebuild.devices.board.greeting import Greeting

Answer = Callable[[socket.socket], None]


@contextmanager
def daemon(answer: Answer) -> Iterator[int]:
    """A port where every connection is answered in one way, and then held until the other side closes it."""
    server = socket.create_server(("127.0.0.1", 0))
    port: int = server.getsockname()[1]

    def serve() -> None:
        while True:
            line, _ = server.accept()
            with line:
                try:
                    answer(line)
                    if line.recv(1) == b"!":
                        return
                except OSError:
                    continue

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        yield port
    finally:
        with socket.create_connection(("127.0.0.1", port), timeout=60) as last:
            last.sendall(b"!")
            thread.join(60)
        server.close()
        assert not thread.is_alive()


def silent(line: socket.socket) -> None:
    """Say nothing."""


def test_a_greeting_is_heard() -> None:
    with daemon(lambda line: line.sendall(b"SSH-2.0-OpenSSH\r\n")) as port:
        assert Greeting(port, 60).came()


def test_a_silent_board_is_given_twice_the_time_at_each_look() -> None:
    with daemon(silent) as port:
        greeting = Greeting(port, 0.05)
        assert [(greeting.came(), greeting.patience_s) for _ in range(3)] == [(False, 0.1), (False, 0.2), (False, 0.4)]


def test_but_never_more_than_a_minute(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("edgebuild.devices.board.greeting._LONGEST_S", 0.06)
    with daemon(silent) as port:
        greeting = Greeting(port, 0.05)
        assert (greeting.came(), greeting.patience_s) == (False, 0.06)


@pytest.mark.parametrize("said", [b"", b"HTTP/1.1 400"])
def test_a_line_that_is_closed_or_says_something_else_is_looked_at_again_as_soon(said: bytes) -> None:
    def answer(line: socket.socket) -> None:
        line.sendall(said)
        line.shutdown(socket.SHUT_WR)

    with daemon(answer) as port:
        greeting = Greeting(port, 60)
        assert (greeting.came(), greeting.patience_s) == (False, 60)


def test_a_port_where_nobody_listens_is_looked_at_again_as_soon() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    greeting = Greeting(port, 60)
    assert (greeting.came(), greeting.patience_s) == (False, 60)
