"""One's own data as a ZIP, written while it is sent: no copy of it is kept anywhere."""

import json
import zipfile
from collections.abc import Iterator
from datetime import datetime
from typing import Any

from django.core.files.storage import default_storage

from plazo.accounts.models import Requester
from plazo.core.localtime import iso
from plazo.core.storing import storage_path
from plazo.tickets.export import cases_of, profile_of

CHUNK = 256 * 1024

ABOUT = """\
perfil.json / profile: lo que sabemos de usted. What we know of you.
casos/ / cases: cada caso suyo, o en el que participa, con sus mensajes. Each case of yours, or in
which you take part, with its messages.
files/: los archivos de esos casos. The files of those cases.
"""


class _Pipe:
    """What zipfile writes into: the bytes wait here until they are taken."""

    def __init__(self) -> None:
        self._waiting: list[bytes] = []

    def write(self, data: bytes) -> int:
        self._waiting.append(bytes(data))
        return len(data)

    def flush(self) -> None:
        """Do nothing: whoever reads takes what there is."""

    def close(self) -> None:
        """Do nothing: what waits is still to be taken."""

    def taken(self) -> bytes:
        data, self._waiting = b"".join(self._waiting), []
        return data


def archive_of(person: Requester, *, now: datetime) -> Iterator[bytes]:
    """Yield a ZIP of a person's profile, cases, messages and files, piece by piece.

    Edges: a file whose bytes are gone is named in its case and missing here.
    """
    pipe = _Pipe()
    with zipfile.ZipFile(pipe, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("LEAME-README.txt", ABOUT)
        archive.writestr("perfil.json", _json({"exported_at": iso(now)} | profile_of(person)))
        for case, files in cases_of(person):
            archive.writestr(f"casos/{case['number']}.json", _json(case))
            for file in files:
                yield from _put(archive, pipe, file.path, file.sha256)
            yield pipe.taken()
    yield pipe.taken()


def _put(archive: zipfile.ZipFile, pipe: _Pipe, path: str, sha256: str) -> Iterator[bytes]:
    try:
        stored = default_storage.open(storage_path(sha256))
    except FileNotFoundError:
        return
    with stored, archive.open(path, "w") as place:
        while chunk := stored.read(CHUNK):
            place.write(chunk)
            yield pipe.taken()


def _json(values: Any) -> str:
    return json.dumps(values, ensure_ascii=False, indent=2)
