"""The agreement as it is being worked on: its draft, or the version that one would begin from."""

from dataclasses import dataclass
from typing import Any

from django.contrib import messages
from django.http import HttpRequest
from django.utils.translation import gettext as _

from plazo.accounts.models import Agent
from plazo.agreements import drafting
from plazo.agreements.changes import changes
from plazo.agreements.document import AgreementDocument
from plazo.agreements.edits import Edit
from plazo.agreements.errors import DraftMoved
from plazo.agreements.models import AgreementDraft, AgreementVersion
from plazo.agreements.queries import draft_of, key_in_use, newest_version
from plazo.core.errors import PlazoError
from plazo.desk.settings.forms import Seen
from plazo.desk.settings.screens import agent_of, by
from plazo.sla import Agreement


@dataclass(frozen=True, slots=True)
class Working:
    """What the screens of the agreement show and change. Costs two queries."""

    base: AgreementVersion
    draft: AgreementDraft | None

    @property
    def document(self) -> AgreementDocument:
        return self.draft.document if self.draft else self.base.document

    @property
    def sla(self) -> Agreement:
        return self.draft.sla if self.draft else self.base.sla

    @property
    def revision(self) -> int:
        return drafting.seen_of(self.source)

    @property
    def source(self) -> str:
        return self.draft.source if self.draft else self.base.source

    def is_published(self, key: str) -> bool:
        """Say whether a service was published; one that was not can be removed."""
        return key in self.base.document.services


def working() -> Working:
    """Return the agreement as it is being worked on. Raises: NoAgreementInForce."""
    draft = draft_of()
    return Working(draft.base if draft else newest_version(), draft)


def about_draft(found: Working, agent: Agent, language: str) -> dict[str, Any]:
    """Return what every screen of the agreement says of the draft."""
    draft = found.draft
    if draft is None:
        return {"draft": None, "revision": found.revision}
    return {
        "draft": draft,
        "revision": found.revision,
        "draft_changes": len(changes(found.base.document, draft.document, language)),
        "draft_by_other": draft.changed_by_id != agent.pk,
    }


def pressed(request: HttpRequest, edit: Edit, done: str = "") -> None:
    """Put into the draft what a button does; say why not, or that it is `done`."""
    form = Seen(request.POST)
    if not form.is_valid():
        messages.error(request, _("Open the page again, and press it there."))
        return
    try:
        _change(request, edit, form.cleaned_data["revision"], done)
    except PlazoError as error:
        messages.error(request, error.user_message())


def kept(request: HttpRequest, form: Seen, edit: Edit, found: Working) -> bool:
    """Put what a form says into the draft; a refusal becomes its error, beside all that was typed.

    Edges: where somebody else was first, the form carries on from what the draft says now, and
        `form.moved` names what differs there: who sends it again has seen that.
    """
    try:
        _change(request, edit, form.cleaned_data["revision"])
    except DraftMoved as error:
        form.carry_on(found.revision)
        form.add_error(None, error.user_message())
    except PlazoError as error:
        form.add_error(None, error.user_message())
    else:
        return True
    return False


def _change(request: HttpRequest, edit: Edit, revision: int, done: str = "") -> None:
    draft = drafting.change_draft(key=key_in_use(), edit=edit, revision=revision, **by(request))
    if draft is None or drafting.seen_of(draft.source) == revision:
        messages.info(request, _("Nothing is different."))
    else:
        words = _("Kept in the draft. It holds once it is published.")
        messages.success(request, f"{done} {words}".strip())


def frame_of(request: HttpRequest, found: Working) -> dict[str, Any]:
    """Return the context that the screens of the agreement share."""
    language = getattr(request, "LANGUAGE_CODE", "es")
    agent = agent_of(request)
    return {"base": found.base} | about_draft(found, agent, language)
