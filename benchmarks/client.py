"""A load generator: one thread, some kept-alive connections, each with one request under way.

Kept small so that it needs a fraction of a core where the server needs one, and so that the benchmarks need
no program of the system. Every answer must be a 200.
"""

from __future__ import annotations

import selectors
import socket
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Load:
    """What came back."""

    rate: float
    waits: list[float]
    bytes_each: float


class _Caller:
    """One connection."""

    def __init__(self, port: int, request: Callable[[], bytes]) -> None:
        self.request = request
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=10)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.got = b""
        self.sent_at = 0.0

    def ask(self) -> None:
        """Send the request."""
        self.got = b""
        self.sent_at = time.perf_counter()
        self.socket.sendall(self.request())

    def read(self) -> bool:
        """Read what has come; whether the answer is complete."""
        some = self.socket.recv(65536)
        if not some:
            raise ConnectionError("the server closed a connection")
        self.got += some
        head, end, body = self.got.partition(b"\r\n\r\n")
        if not end:
            return False
        length = int(head.lower().partition(b"content-length:")[2].split(None, 1)[0])
        if not head.startswith(b"HTTP/1.1 200"):
            raise RuntimeError(f"the server answered {self.got[:500]!r}")
        return len(body) >= length


def load(port: int, path: str, bodies: Sequence[bytes], seconds: float) -> Load:
    """Keep as many requests under way as there are bodies, one connection each."""
    requests = [_request(path, body) for body in bodies]
    return _loaded([_Caller(port, lambda request=request: request) for request in requests], seconds)


def load_anew(port: int, path: str, body: Callable[[], bytes], callers: int, seconds: float) -> Load:
    """The same with a body of its own for each request."""
    return _loaded([_Caller(port, lambda: _request(path, body())) for _ in range(callers)], seconds)


def _loaded(callers: Sequence[_Caller], seconds: float) -> Load:
    waits: list[float] = []
    received = 0
    with selectors.DefaultSelector() as selector:
        for caller in callers:
            selector.register(caller.socket, selectors.EVENT_READ, caller)
            caller.ask()
        began = time.perf_counter()
        now, end = began, began + seconds
        while now < end or len(waits) < len(callers):
            for key, _ in selector.select(1):
                caller = key.data
                if caller.read():
                    now = time.perf_counter()
                    waits.append(now - caller.sent_at)
                    received += len(caller.got)
                    caller.ask()
            now = time.perf_counter()
    for caller in callers:
        caller.socket.close()
    return Load(len(waits) / (now - began), waits, received / len(waits))


def _request(path: str, body: bytes) -> bytes:
    return (
        f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
        f"Content-Length: {len(body)}\r\n\r\n"
    ).encode() + body
