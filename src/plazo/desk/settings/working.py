"""The agreement as it is being worked on: its draft, or the version that one would begin from."""

from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.contrib import messages
from django.http import HttpRequest
from django.utils.translation import gettext as _

from plazo.accounts.models import Agent
from plazo.agreements import drafting
from plazo.agreements.changes import changes
from plazo.agreements.document import AgreementDocument
from plazo.agreements.edits import Edit
from plazo.agreements.models import AgreementDraft, AgreementVersion
from plazo.agreements.queries import draft_of, newest_version
from plazo.core.errors import PlazoError
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
        return self.draft.revision if self.draft else drafting.NONE


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


def edited(request: HttpRequest, edit: Edit, revision: int) -> str:
    """Put an edit into the draft; return why not, or "" and a message that it is kept."""
    try:
        kept = drafting.change_draft(
            key=settings.PLAZO.agreement, edit=edit, revision=revision, **by(request)
        )
    except PlazoError as error:
        return error.user_message()
    if kept is None or kept.revision == revision:
        messages.info(request, _("Nothing is different."))
    else:
        messages.success(request, _("Kept in the draft. It holds once it is published."))
    return ""


def frame_of(request: HttpRequest, found: Working) -> dict[str, Any]:
    """Return the context that the screens of the agreement share."""
    language = getattr(request, "LANGUAGE_CODE", "es")
    agent = agent_of(request)
    return {"base": found.base} | about_draft(found, agent, language)
