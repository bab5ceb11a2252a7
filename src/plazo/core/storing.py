"""Stored bytes: each file under its SHA-256, whole or not there at all.

Whoever keeps files registers how they are found, so that all of them can be verified.
"""

import hashlib
import os
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from django.conf import settings
from django.core.files.base import File
from django.core.files.storage import FileSystemStorage, default_storage

# Beside the files and on their disk, so that a finished one is moved in one step.
UNFINISHED: Final = "unfinished"
UNFINISHED_SECONDS: Final = 24 * 3600


def storage_path(sha256: str) -> str:
    """Return where the bytes of a digest are stored."""
    return f"{sha256[:2]}/{sha256[2:4]}/{sha256}"


def store(file: Any) -> tuple[str, int]:
    """Store a file's bytes once; return their SHA-256 and their number.

    Edges: bytes that are there already are left alone, unless their number differs: then they are
        half a file, which an earlier version or a full disk left, and are replaced.
    """
    digest, size = hashlib.sha256(), 0
    for chunk in file.chunks():
        digest.update(chunk)
        size += len(chunk)
    sha256 = digest.hexdigest()
    path = storage_path(sha256)
    if not _is_there(path, size):
        file.seek(0)
        if isinstance(default_storage, FileSystemStorage):
            _write(Path(default_storage.path(path)), file)
        else:
            _upload(path, file)
    return sha256, size


def _is_there(path: str, size: int) -> bool:
    return default_storage.exists(path) and default_storage.size(path) == size


def _write(place: Path, file: Any) -> None:
    """Write beside the place and move there: a process that dies leaves nothing half."""
    folder = Path(default_storage.path(UNFINISHED))
    for parent in (folder, place.parent):
        parent.mkdir(parents=True, exist_ok=True)
    descriptor, name = tempfile.mkstemp(dir=folder)
    try:
        with os.fdopen(descriptor, "wb") as stream:
            for chunk in file.chunks():
                stream.write(chunk)
            stream.flush()
            os.fsync(stream.fileno())
        Path(name).chmod(settings.FILE_UPLOAD_PERMISSIONS or 0o600)
        Path(name).replace(place)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
    for parent in (place.parent, *place.parent.parents[:2]):  # the move, and new folders
        _settle(parent)


def _settle(folder: Path) -> None:
    """Have the disk keep what a folder holds by now."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _upload(path: str, file: Any) -> None:
    """Store through Django's interface: an object is there whole, or not at all.

    Edges: a storage that does not overwrite gives another name when there is one already; that
        twin is of no use.
    """
    if default_storage.exists(path):
        default_storage.delete(path)
    stored = default_storage.save(path, File(file))
    if stored != path:
        default_storage.delete(stored)


def clear_unfinished() -> int:
    """Remove what writers that died left over a day ago; return how many files."""
    if not isinstance(default_storage, FileSystemStorage):
        return 0
    folder, removed = Path(default_storage.path(UNFINISHED)), 0
    for left in folder.iterdir() if folder.exists() else ():
        with suppress(FileNotFoundError):  # another worker was first
            if time.time() - left.stat().st_mtime > UNFINISHED_SECONDS:
                left.unlink()
                removed += 1
    return removed


# — verifying ———————————————————————————————————————————————————————————————————————————


@dataclass(frozen=True, slots=True)
class Kept:
    """A file that a row points to: whose it is, in words, and what its bytes must be."""

    owner: str
    name: str
    sha256: str
    size: int


_keepers: dict[str, Callable[[], Iterable[Kept]]] = {}


def register(keeper: Callable[[], Iterable[Kept]], *, name: str) -> None:
    """Let a package say which files it keeps. Registering a name again replaces it."""
    _keepers[name] = keeper


@dataclass(slots=True)
class FileTally:
    """How much was verified."""

    files: int = 0
    read_bytes: int = 0


def verify(tally: FileTally) -> Iterator[str]:
    """Yield every kept file that is missing, of another size, or not the bytes it was.

    Edges: each digest is read once, however many rows point to it.
    """
    found: dict[str, str | int] = {}
    for keeper in _keepers.values():
        for kept in keeper():
            tally.files += 1
            if kept.sha256 not in found:
                found[kept.sha256] = _look(kept.sha256, tally)
            state = found[kept.sha256]
            if isinstance(state, int):
                if state == kept.size:
                    continue
                state = f"has {state} bytes instead of {kept.size}"
            yield f"{kept.owner}: the file “{kept.name}” ({kept.sha256[:12]}) {state}"


def _look(sha256: str, tally: FileTally) -> str | int:
    """Return the number of a digest's bytes, or in words what is wrong with them."""
    digest, size = hashlib.sha256(), 0
    try:
        with default_storage.open(storage_path(sha256)) as stored:
            for chunk in stored.chunks():
                digest.update(chunk)
                size += len(chunk)
    except FileNotFoundError:
        return "is missing"
    except OSError as error:
        return f"cannot be read: {error.strerror or error}"
    tally.read_bytes += size
    return size if digest.hexdigest() == sha256 else f"is damaged ({size} bytes)"
