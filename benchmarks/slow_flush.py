"""A disk that needs a millisecond for a flush, under databases that have no setting for one.

Each ``fsync`` and ``fdatasync`` of a program that is started meanwhile sleeps for a millisecond afterwards:
a few lines of C, compiled here and loaded before the program's own libraries. The data should lie in memory,
where the flush itself is free.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.servers import ServerUnavailable

_SOURCE = """
#define _GNU_SOURCE
#include <dlfcn.h>
#include <time.h>

static int slowly(const char *name, int file) {
    int (*real)(int) = (int (*)(int)) dlsym(RTLD_NEXT, name);
    struct timespec wait = {0, 1000000};
    int answer = real(file);
    nanosleep(&wait, 0);
    return answer;
}

int fsync(int file) { return slowly("fsync", file); }
int fdatasync(int file) { return slowly("fdatasync", file); }
"""


@contextmanager
def slow_flush() -> Iterator[None]:
    """Programs that are started meanwhile flush slowly, for as long as they run.

    Raises:
        ServerUnavailable: no C compiler is here, or this system loads nothing before a program's libraries.
    """
    compiler = shutil.which("cc") or shutil.which("gcc")
    if compiler is None or os.uname().sysname != "Linux":
        raise ServerUnavailable("a slow flush needs Linux and a C compiler")
    with tempfile.TemporaryDirectory(prefix="seatguard-flush-") as folder:
        Path(folder).chmod(0o755)  # a server runs as another user
        library = Path(folder) / "slow_flush.so"
        subprocess.run(
            [compiler, "-shared", "-fPIC", "-x", "c", "-o", str(library), "-", "-ldl"],
            input=_SOURCE.encode(),
            check=True,
            timeout=60,
        )
        before = os.environ.get("LD_PRELOAD")
        os.environ["LD_PRELOAD"] = str(library)
        try:
            yield
        finally:
            if before is None:
                del os.environ["LD_PRELOAD"]
            else:
                os.environ["LD_PRELOAD"] = before
