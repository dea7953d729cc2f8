"""The scripts: one file a verb in ``lua/``, put behind what they share."""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files
from importlib.resources.abc import Traversable


@dataclass(frozen=True, slots=True)
class Script:
    """A script as the server is given it.

    Attributes:
        digest: by which it is called, in hexadecimal digits.
    """

    source: str
    digest: str


@functools.cache
def scripts() -> Mapping[str, Script]:
    """All scripts by the names of their files; a file beginning with ``_`` is a part of others.

    A folder has a slice's: ``rates/hit``. Where it has a part, that and the prelude stand in front of them.
    """
    folder = files(__package__) / "lua"
    texts = _texts(folder)
    prelude, writing = texts.pop("_prelude"), texts.pop("_writing")
    found = {}
    for name, text in sorted(texts.items()):
        needs_writing = "record(" in text or "may_write(" in text
        found[name] = _script(prelude + (writing if needs_writing else "") + text)
    for one in folder.iterdir():
        if one.is_dir():
            texts = _texts(one)
            parts = [texts.pop(name) for name in sorted(texts) if name.startswith("_")]
            front = "".join([prelude, *parts]) if parts else ""
            found |= {f"{one.name}/{name}": _script(front + text) for name, text in texts.items()}
    return found


def _texts(folder: Traversable) -> dict[str, str]:
    files_here = (one for one in folder.iterdir() if one.name.endswith(".lua"))
    return {one.name.removesuffix(".lua"): one.read_text("utf-8") for one in files_here}


def _script(source: str) -> Script:
    # Redis names a script by SHA-1; nothing here rests on its strength.
    return Script(source, hashlib.sha1(source.encode(), usedforsecurity=False).hexdigest())
