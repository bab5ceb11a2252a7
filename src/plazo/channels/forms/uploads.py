"""Files that come with a form, kept through every try.

A file is stored as soon as it arrives and carried through a form that must be shown again as a
signed description, so a mistake in another field never costs an upload. Bytes that no message ever
points to are harmless: they are stored once, under their digest.
"""

from typing import Any

from django import forms
from django.core.files.storage import default_storage
from django.core.files.uploadedfile import UploadedFile
from django.core.signing import BadSignature, Signer
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from plazo.tickets.bodies import StoredUpload, store_upload

MOST_FILES = 10
_SIGNER = Signer(salt="plazo.forms.files")


class ManyFiles(forms.FileInput):
    """A file input that takes several."""

    allow_multiple_selected = True


class FilesField(forms.FileField):
    """Any number of files; the form says which of them are fit."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(required=False, widget=ManyFiles(), **kwargs)

    def clean(self, data: Any, initial: Any = None) -> "list[UploadedFile[Any]]":
        return [file for file in (data or []) if file]


class WithFiles(forms.Form):
    """A form with files: new ones, and those kept from the time before."""

    files = FilesField(label=gettext_lazy("Files"))  # type: ignore[assignment] # the stubs' own name

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._fit: list[UploadedFile[Any]] = []
        self._stored: list[StoredUpload] | None = None

    def clean_files(self) -> "list[UploadedFile[Any]]":
        """Set aside the fit ones: one that is empty, or one too many, costs only itself.

        Edges: their size needs no check here. The server takes no request beyond its limit, and
            the page's script says so before anything is sent.
        """
        problems = []
        room = MOST_FILES - len(self.kept())
        for file in self.cleaned_data["files"]:
            if not file.size:
                problems.append(_("“%(name)s” is empty.") % {"name": file.name})
            elif len(self._fit) == room:
                problems.append(
                    _("“%(name)s” is one too many: at most %(most)s files.")
                    % {"name": file.name, "most": MOST_FILES}
                )
            else:
                self._fit.append(file)
        if problems:
            raise forms.ValidationError(problems)
        return self._fit

    def kept(self) -> list[StoredUpload]:
        """Return the files of an earlier try that are still wanted.

        Edges: only descriptions that we signed count, so nobody attaches what they did not send.
        """
        found = []
        values = self.data.getlist("kept") if hasattr(self.data, "getlist") else []
        for value in values[:MOST_FILES]:
            upload = described(value)
            if upload is not None and default_storage.exists(
                upload.path
            ):  # it goes after days without a form
                found.append(upload)
        return found

    def store(self) -> list[StoredUpload]:
        """Store the new files that are fit, and return them after the kept ones. Once."""
        if self._stored is None:
            self._stored = self.kept() + [
                store_upload(file, name=file.name or "", content_type=file.content_type or "")
                for file in self._fit
            ]
        return self._stored

    def carry(self) -> list[tuple[str, StoredUpload]]:
        """Store what came, for a form that must be shown again: descriptions and files."""
        return [(describe(upload), upload) for upload in self.store()]


def describe(upload: StoredUpload) -> str:
    """Return a signed description of a stored file, for a field of a form."""
    return _SIGNER.sign_object(
        {
            "sha256": upload.sha256,
            "name": upload.name,
            "content_type": upload.content_type,
            "size": upload.size,
            "content_id": upload.content_id,
        }
    )


def described(value: str) -> StoredUpload | None:
    """Return what a signed description says, if we signed it."""
    try:
        return StoredUpload(**_SIGNER.unsign_object(value))
    except (BadSignature, TypeError, ValueError):
        return None
