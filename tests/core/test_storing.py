"""Stored bytes: each file is whole or not there, whatever dies, and what is lost is found."""

import hashlib
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from django.core.files.base import ContentFile
from django.core.files.storage import FileSystemStorage, InMemoryStorage, default_storage

from plazo.core import storing

BYTES = b"PlaceOrder 504\n" * 5000


@pytest.fixture(autouse=True)
def folder(settings, tmp_path):
    """Each test stores in a folder of its own."""
    settings.STORAGES = {
        **settings.STORAGES,
        "default": {
            "BACKEND": "django.core.files.storage.FileSystemStorage",
            "OPTIONS": {"location": str(tmp_path)},
        },
    }
    return tmp_path


def read(sha256: str) -> bytes:
    with default_storage.open(storing.storage_path(sha256)) as stored:
        return bytes(stored.read())


def test_bytes_are_stored_once_under_their_digest(folder):
    """The same bytes again write nothing, and nothing unfinished stays behind."""
    sha256, size = storing.store(ContentFile(BYTES))
    assert (sha256, size) == (hashlib.sha256(BYTES).hexdigest(), len(BYTES))
    place = folder / storing.storage_path(sha256)
    before = place.stat()
    storing.store(ContentFile(BYTES))
    assert place.stat().st_ino == before.st_ino
    assert place.stat().st_mode & 0o777 == 0o600
    assert list((folder / storing.UNFINISHED).iterdir()) == []


def test_half_a_file_poisons_nothing(folder):
    """What an earlier kill -9 left under a digest is replaced by the next upload of those bytes:
    before, everybody who sent that file from then on got half of it back."""
    sha256 = hashlib.sha256(BYTES).hexdigest()
    place = folder / storing.storage_path(sha256)
    place.parent.mkdir(parents=True)
    place.write_bytes(BYTES[:4096])
    storing.store(ContentFile(BYTES))
    assert read(sha256) == BYTES


WRITER = """
import sys, time
from django.conf import settings
settings.configure(FILE_UPLOAD_PERMISSIONS=0o600, STORAGES={"default": {
    "BACKEND": "django.core.files.storage.FileSystemStorage", "OPTIONS": {"location": sys.argv[1]}}})
from plazo.core import storing

class Slow:
    def chunks(self):
        yield b"a" * 70000
        if self.written:
            print("half", flush=True)
            time.sleep(60)
        yield b"b" * 70000
    written = False
    def seek(self, _to):
        self.written = True

storing.store(Slow())
"""


def test_a_writer_that_is_killed_leaves_nothing_under_the_digest(folder):
    """Kill -9 in the middle of writing: the name of the bytes is not taken by half of them, and
    what was left beside is cleared away a day later."""
    writer = subprocess.Popen(
        [sys.executable, "-c", WRITER, str(folder)], stdout=subprocess.PIPE, text=True
    )
    assert writer.stdout is not None
    assert writer.stdout.readline() == "half\n"
    writer.send_signal(signal.SIGKILL)
    writer.wait()
    writer.stdout.close()
    whole = b"a" * 70000 + b"b" * 70000
    assert not (folder / storing.storage_path(hashlib.sha256(whole).hexdigest())).exists()
    (left,) = (folder / storing.UNFINISHED).iterdir()
    assert storing.clear_unfinished() == 0
    long_ago = time.time() - storing.UNFINISHED_SECONDS - 60
    os.utime(left, (long_ago, long_ago))
    assert storing.clear_unfinished() == 1
    sha256, _size = storing.store(ContentFile(whole))
    assert read(sha256) == whole


class Shelf(InMemoryStorage):
    """Stands for an object store: not the file system, and whole objects only."""


@pytest.mark.parametrize("before", [None, BYTES, BYTES[:100]])
def test_other_storages_are_used_through_djangos_interface(settings, before):
    """Object stores have no paths to move files between; half an object there is replaced too."""
    settings.STORAGES = {**settings.STORAGES, "default": {"BACKEND": f"{__name__}.Shelf"}}
    path = storing.storage_path(hashlib.sha256(BYTES).hexdigest())
    if before is not None:
        default_storage.save(path, ContentFile(before))
    sha256, _size = storing.store(ContentFile(BYTES))
    assert not isinstance(default_storage, FileSystemStorage)
    assert read(sha256) == BYTES
    assert default_storage.listdir(str(Path(path).parent))[1] == [sha256]
    assert storing.clear_unfinished() == 0


@pytest.mark.parametrize(
    ("harm", "found"),
    [
        pytest.param(lambda place: place.unlink(), "is missing", id="a file taken away"),
        pytest.param(lambda place: place.write_bytes(BYTES[:-1]), "is damaged", id="cut short"),
        pytest.param(lambda place: place.write_bytes(b"x" * len(BYTES)), "is damaged", id="other bytes of the same length"),
        pytest.param(lambda place: None, "has 75000 bytes instead of 3", id="a row that says another size"),
    ],
)  # fmt: skip
def test_verifying_reads_every_kept_file(folder, monkeypatch, harm, found):
    """Missing, cut, or changed behind our back: each is named with whose it is."""
    sha256, size = storing.store(ContentFile(BYTES))
    said = 3 if "instead" in found else size
    kept = [storing.Kept("IWS-20001", "log.txt", sha256, said)]
    monkeypatch.setattr(storing, "_keepers", {"tests": lambda: kept})
    harm(folder / storing.storage_path(sha256))
    tally = storing.FileTally()
    (fault,) = storing.verify(tally)
    assert fault.startswith("IWS-20001: the file “log.txt”")
    assert found in fault
    assert tally.files == 1
