"""A TCP proxy in front of a server, for tests of what happens when the database is slow, silent or gone."""

from __future__ import annotations

import contextlib
import select
import socket
import struct
import threading
import time
from types import TracebackType
from typing import Self

_CHUNK = 65536
_TICK = 0.05


class TcpProxy:
    """Forwards connections to a server until told otherwise. All switches work on running connections, from
    any thread.

        with TcpProxy("127.0.0.1", server.port) as proxy:
            engine = create_engine(server.url("orders", port=proxy.port))
            proxy.cut()      # running connections end, new ones are refused
            proxy.heal()
            proxy.hold()     # connections stay open and new ones are accepted, but not a byte passes
            proxy.heal()
            proxy.latency(0.2)
            proxy.reset()    # running connections get a TCP reset; new ones work
            proxy.mute()     # what is asked arrives, no answer comes back
            proxy.heal()
            proxy.half_close()  # the server says goodbye on every connection, and goes on listening
            proxy.heal()

    The faults differ for a client: `cut` is a server that is down (refused at once), `hold` is a machine that
    is gone (silence until a time-out), `reset` is a restart in between, `mute` leaves it in doubt whether its
    transaction took place, `half_close` takes everything and answers nothing but the end.

    Args:
        listen_on: the address; in a network of its own the proxy is made, and healed after a cut, by a thread
            of that network.
    """

    def __init__(self, host: str, port: int, *, listen_on: str = "127.0.0.1") -> None:
        self.server = (host, port)
        self._lock = threading.Lock()
        self._links: set[_Link] = set()
        self._flowing = threading.Event()
        self._flowing.set()
        self._delay = 0.0
        self._muted = False
        self._half_closed = False
        self._closed = threading.Event()
        self._listener: socket.socket | None = None
        self.host = listen_on
        self.port = self._listen(0)

    def _listen(self, port: int) -> int:
        listener = socket.socket()
        # heal() must be able to bind the port that cut() has just closed.
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((self.host, port))
        listener.listen(128)
        listener.settimeout(_TICK)
        self._listener = listener
        threading.Thread(target=self._accept, args=(listener,), name="tcp-proxy", daemon=True).start()
        bound: int = listener.getsockname()[1]
        return bound

    def _accept(self, listener: socket.socket) -> None:
        while not self._closed.is_set():
            try:
                client, _ = listener.accept()
            except TimeoutError:
                continue
            except OSError:
                return  # cut() closed the listener
            threading.Thread(
                target=self._serve, args=(client, listener), name="tcp-proxy-link", daemon=True
            ).start()

    def _serve(self, client: socket.socket, listener: socket.socket) -> None:
        # While held, even the server does not learn of a new connection.
        while not self._flowing.wait(_TICK):
            if self._closed.is_set() or listener is not self._listener:
                client.close()
                return
        try:
            server = socket.create_connection(self.server, timeout=10)
        except OSError:
            client.close()
            return
        link = _Link(client, server)
        with self._lock:
            if listener is not self._listener:  # cut between accept and here
                link.close()
                return
            self._links.add(link)
        if self._half_closed:
            link.say_goodbye()
        try:
            link.pump(self)
        finally:
            link.close()
            with self._lock:
                self._links.discard(link)

    @property
    def connections(self) -> int:
        """How many connections run through the proxy now."""
        with self._lock:
            return len(self._links)

    def cut(self) -> None:
        """The server is down: running connections end, new ones are refused."""
        with self._lock:
            listener, self._listener = self._listener, None
        if listener is not None:
            # shutdown() wakes an accept() in progress; close() alone would leave the port listening until
            # that returns.
            with contextlib.suppress(OSError):
                listener.shutdown(socket.SHUT_RDWR)
            listener.close()
        self._end_all()

    def heal(self) -> None:
        """All is well again: connections are accepted, bytes pass at full speed.

        A connection that missed something ends.
        """
        missed = self._muted or self._half_closed
        self._delay, self._muted, self._half_closed = 0.0, False, False
        if missed:
            self._end_all()
        self._flowing.set()
        if self._listener is None and not self._closed.is_set():
            self._listen(self.port)

    def hold(self) -> None:
        """The machine is gone: connections stay open, new ones are accepted, nothing passes."""
        self._flowing.clear()

    def mute(self) -> None:
        """The way back is gone: the server gets what it is asked, and nobody gets its answers."""
        self._muted = True

    def half_close(self) -> None:
        """The server has ended its side of every connection, of new ones too; it still takes what is sent."""
        self._half_closed = True
        with self._lock:
            links = list(self._links)
        for link in links:
            link.say_goodbye()

    def latency(self, seconds: float) -> None:
        """Every piece of data waits this long, in each direction."""
        self._delay = seconds

    def reset(self) -> None:
        """Running connections end with a TCP reset, as when a server restarts; new ones work."""
        self._end_all(abruptly=True)

    def _end_all(self, *, abruptly: bool = False) -> None:
        with self._lock:
            links = list(self._links)
        for link in links:
            link.close(abruptly=abruptly)

    def close(self) -> None:
        self._closed.set()
        self.cut()
        self._flowing.set()

    @property
    def answers_pass(self) -> bool:
        """Whether what the server says reaches anybody."""
        return not (self._muted or self._half_closed)

    def wait_to_pass(self, link: _Link) -> bool:
        """Wait for as long as bytes are held back. False when the connection ended meanwhile."""
        arrived = time.monotonic()
        while (rest := arrived + self._delay - time.monotonic()) > 0:
            time.sleep(min(rest, _TICK))  # in short steps: after heal() nothing waits any more
        while not self._flowing.wait(_TICK):
            if link.closed or self._closed.is_set():
                return False
        return not link.closed

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class _Link:
    """One client and its connection to the server."""

    def __init__(self, client: socket.socket, server: socket.socket) -> None:
        self.client = client
        self.server = server
        self.closed = False
        for end in (client, server):
            end.settimeout(None)
            # Databases talk in small pieces: without this the proxy would add 40 ms to every one.
            end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def pump(self, proxy: TcpProxy) -> None:
        other = {self.client: self.server, self.server: self.client}
        try:
            while not self.closed:
                readable, _, _ = select.select(list(other), [], [], _TICK)
                for end in readable:
                    data = end.recv(_CHUNK)
                    if not data or not proxy.wait_to_pass(self):
                        return
                    if end is self.client or proxy.answers_pass:
                        other[end].sendall(data)
        except (OSError, ValueError):
            return  # an end was closed, by its owner or by cut() and reset()

    def say_goodbye(self) -> None:
        with contextlib.suppress(OSError):
            self.client.shutdown(socket.SHUT_WR)

    def close(self, *, abruptly: bool = False) -> None:
        self.closed = True
        for end in (self.client, self.server):
            try:
                if abruptly:
                    end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                else:
                    end.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
            end.close()
