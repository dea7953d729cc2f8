"""What both database servers need: a free port, a child that dies with us, an end that is certain."""

from __future__ import annotations

import ctypes
import os
import pwd
import random
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

PR_SET_PDEATHSIG = 1


class ServerUnavailable(Exception):
    """The server cannot be had on this machine. The message says what to install."""


class ServerFailed(Exception):
    """The server is here and does not work. Never a reason to skip a test."""


def free_port(*, and_above: int = 0) -> int:
    """A port that nobody listens on, below the range from which the kernel serves outgoing connections.

    With `and_above` the port that many above it is free as well, and below that range, too.

    A killed server wants its port back at restart; one from that range could have become somebody's
    connection meanwhile. Random, because several test workers look at the same time.
    """
    for _ in range(100):
        port = random.randint(15_000, 32_000 - and_above)
        with socket.socket() as probe, socket.socket() as above:
            try:
                probe.bind(("127.0.0.1", port))
                if and_above:
                    above.bind(("127.0.0.1", port + and_above))
            except OSError:
                continue
        return port
    raise ServerFailed("no free port between 15000 and 32000 on 127.0.0.1")


@dataclass(frozen=True)
class RunAs:
    """The operating system's user of a server.

    Databases refuse to run as root, so a test run as root hands them to another user.
    """

    user: str
    group: int

    @classmethod
    def when_root(cls, *candidates: str) -> RunAs | None:
        """The first candidate that exists, or `None` (stay who we are) when we are not root."""
        if os.getuid() != 0:
            return None
        for name in candidates:
            try:
                return cls(name, pwd.getpwnam(name).pw_gid)
            except KeyError:
                continue
        raise ServerUnavailable(f"running as root, and none of the users {', '.join(candidates)} exists")

    def own(self, folder: Path) -> None:
        os.chown(folder, pwd.getpwnam(self.user).pw_uid, self.group)

    def options(self) -> dict[str, Any]:
        return {"user": self.user, "group": self.group, "extra_groups": []}


def run(command: Sequence[str], *, run_as: RunAs | None) -> None:
    """Run a set-up command to its end. A failure shows what the command said."""
    done = subprocess.run(
        list(command),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        cwd="/",
        env={**os.environ, "LC_ALL": "C", "TZ": "UTC"},
        **(run_as.options() if run_as else {}),
    )
    if done.returncode != 0:
        raise ServerFailed(f"{Path(command[0]).name} failed:\n{done.stdout}\n{done.stderr}")


def spawn(command: Sequence[str], *, log: Path, death_signal: int, run_as: RunAs | None) -> psutil.Popen:
    """Start a server that the kernel ends when this process ends, even by SIGKILL.

    Without that a test run that is killed leaves its servers behind, and on a small machine the next run
    meets them. Servers start in a session of their own, so Ctrl-C in a terminal reaches the tests first and
    the servers only through them.

    The kernel watches the thread that calls this, not the process: start servers from the main thread.
    """
    with log.open("ab") as output:
        return psutil.Popen(
            list(command),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            # Runs after the change of user, and must: a change of credentials clears the death signal. For
            # the same reason servers get no `--user` option of their own.
            preexec_fn=_end_with_parent(death_signal),
            cwd="/",
            env={**os.environ, "LC_ALL": "C", "TZ": "UTC"},
            **(run_as.options() if run_as else {}),
        )


def _end_with_parent(death_signal: int) -> Callable[[], None] | None:
    try:
        prctl = ctypes.CDLL(None, use_errno=True).prctl  # looked up before the fork: no allocation after it
    except AttributeError:
        return (
            None  # not Linux: the fixtures' finalizers still stop the server, only a killed test run does not
        )

    def end_with_parent() -> None:
        prctl(PR_SET_PDEATHSIG, death_signal, 0, 0, 0)

    return end_with_parent


def wait_until(ready: Callable[[], bool], *, process: psutil.Popen, log: Path, seconds: float = 60) -> None:
    """Poll until the server answers.

    A server that ended, or never answers, is reported with the tail of its log.
    """
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise ServerFailed(f"server ended with status {process.returncode}:\n{tail(log)}")
        if ready():
            return
        time.sleep(0.02)
    raise ServerFailed(f"server did not answer within {seconds:.0f} s:\n{tail(log)}")


def tail(log: Path, lines: int = 20) -> str:
    try:
        return "\n".join(log.read_text(errors="replace").splitlines()[-lines:])
    except OSError:
        return "(no log)"


def stop(process: psutil.Popen, polite: int, seconds: float = 15) -> None:
    """End the process by the `polite` signal, and by SIGKILL when it takes too long."""
    if process.poll() is None:
        process.send_signal(polite)
        try:
            process.wait(seconds)
        except psutil.TimeoutExpired:
            kill_tree(process)


def kill_tree(process: psutil.Popen) -> None:
    """SIGKILL for the server and all its children at once, as the kernel's out-of-memory killer or a power
    cut would.

    The parent is frozen first: a postmaster that sees a child die would start its own recovery while we are
    still killing.
    """
    if process.poll() is not None:
        return
    victims = []
    try:
        process.send_signal(signal.SIGSTOP)
        victims = [*process.children(recursive=True), process]
    except psutil.NoSuchProcess:
        return
    for victim in victims:
        try:
            victim.kill()
        except psutil.NoSuchProcess:
            continue
    process.wait(15)
    psutil.wait_procs(victims, timeout=15)
