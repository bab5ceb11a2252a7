"""Announcements: opened, updated and resolved by agents; told by mail to whoever follows them.

An update is a row; mails about it are planned afterwards, by a loop that looks for updates that
were not told yet. Each mail is planned once under a name of its own, so a loop that dies half-way
tells nobody twice.
"""

import uuid
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Final

from django.conf import settings
from django.core.signing import BadSignature, Signer
from django.db import transaction
from django.db.models import Q
from django.utils.translation import gettext as _

from plazo.agreements.document import AgreementDocument
from plazo.agreements.queries import version_in_force
from plazo.core import localtime
from plazo.core.actor import Actor
from plazo.core.errors import NotVisible
from plazo.core.search import vector
from plazo.core.search.analyser import joined
from plazo.helpcenter.errors import AlreadyResolved, NothingWritten
from plazo.helpcenter.models import (
    Announcement,
    AnnouncementKind,
    AnnouncementUpdate,
    Follower,
    Impact,
)
from plazo.notifications import planning, rendering
from plazo.notifications.models import MailKind, OutboundMail

LONGEST_WORDS: Final = 5_000
# Asked for and not confirmed: the address was somebody else's, or nobody read it.
FORGET_UNCONFIRMED: Final = timedelta(days=3)
_SIGNER: Final = Signer(salt="plazo.helpcenter.follow")

Texts = Mapping[str, str]


def _tidy(texts: Texts, *, required: bool = True) -> dict[str, str]:
    """Return texts by language without empty ones. Raises: NothingWritten without a Spanish one."""
    kept = {
        language: text.replace("\r\n", "\n").replace("\x00", "").strip()[:LONGEST_WORDS]
        for language, text in texts.items()
        if text.strip()
    }
    if required and "es" not in kept:
        raise NothingWritten
    return kept


@transaction.atomic
def open_announcement(
    *,
    kind: str,
    impact: str,
    services: Sequence[str],
    title: Texts,
    text: Texts,
    starts_at: datetime,
    ends_at: datetime | None = None,
    next_update_at: datetime | None = None,
    actor: Actor,
    now: datetime,
) -> Announcement:
    """Tell all clients of something: it stands on every page while it goes on.

    Units: texts by language; Spanish is needed, and stands in where another is missing. No
        `services` means all of them.
    Raises: NothingWritten.
    """
    announcement = Announcement.objects.create(
        kind=AnnouncementKind(kind),
        impact=Impact(impact),
        services=list(dict.fromkeys(services)),
        title={language: words[:160] for language, words in _tidy(title).items()},
        starts_at=starts_at,
        ends_at=ends_at,
        next_update_at=next_update_at,
        created_at=now,
    )
    _say(announcement, text, actor, now, resolves=False)
    return announcement


@transaction.atomic
def update_announcement(
    *,
    announcement_id: int,
    text: Texts,
    impact: str | None = None,
    next_update_at: datetime | None = None,
    ends_at: datetime | None = None,
    resolves: bool = False,
    actor: Actor,
    now: datetime,
) -> AnnouncementUpdate:
    """Say what is new, or that it is over. Raises: AlreadyResolved; NothingWritten."""
    announcement = Announcement.objects.select_for_update().get(pk=announcement_id)
    if announcement.resolved_at is not None:
        raise AlreadyResolved
    if impact is not None:
        announcement.impact = Impact(impact)
    announcement.next_update_at = None if resolves else next_update_at
    announcement.ends_at = ends_at or announcement.ends_at
    if resolves:
        announcement.resolved_at = max(now, announcement.starts_at)
    announcement.save()
    return _say(announcement, text, actor, now, resolves=resolves)


def _say(
    announcement: Announcement, text: Texts, actor: Actor, now: datetime, *, resolves: bool
) -> AnnouncementUpdate:
    update = AnnouncementUpdate.objects.create(
        announcement=announcement,
        text=_tidy(text),
        resolves=resolves,
        author_name=actor.name[:120],
        at=now,
    )
    updates = list(announcement.updates.all())
    vectors = {
        language: vector(
            [
                ("A", announcement.headline(language)),
                ("D", joined(said.words(language) for said in updates)),
            ],
            language,
        )
        for language in ("es", "en")
    }
    Announcement.objects.filter(pk=announcement.pk).update(
        search_es=vectors["es"], search_en=vectors["en"]
    )
    return update


def announcement_by_id(public_id: uuid.UUID) -> Announcement:
    """Return an announcement with all that was said. Raises: NotVisible."""
    found = Announcement.objects.prefetch_related("updates").filter(public_id=public_id).first()
    if found is None:
        raise NotVisible
    return found


# ── Following ─────────────────────────────────────────────────────────────────────────────────


@transaction.atomic
def ask_to_follow(
    *,
    email: str,
    language: str,
    services: Sequence[str] = (),
    announcement: Announcement | None = None,
    confirmed: bool = False,
    now: datetime,
) -> Follower:
    """Let an address hear of announcements: of one, or of all about some services.

    Units: `confirmed` says that the address is known to be the asker's, since they signed in.
    Edges: anyone can type anyone's address, so it is asked by mail first, at most once an hour;
        nothing on the page says whether an address follows already.
    """
    address = email.strip().lower()
    follower, made = Follower.objects.select_for_update().get_or_create(
        email=address,
        announcement=announcement,
        defaults={"language": language, "asked_at": now, "services": list(services)},
    )
    if confirmed:
        follower.confirmed_at = follower.confirmed_at or now
        follower.language, follower.services = language, list(services)
        follower.save()
        return follower
    if follower.confirmed_at is None:
        if not made:
            follower.language, follower.services = language, list(services)
            follower.save(update_fields=["language", "services"])
        planning.plan(
            kind=MailKind.FOLLOW,
            recipient=address,
            language=language,
            about={"follower": follower.pk},
            once=f"follow:{follower.pk}:{now:%Y%m%d%H}",
            now=now,
        )
    return follower


def follow_token(follower: Follower) -> str:
    """Return the token by which an address's owner confirms, changes or ends following."""
    return _SIGNER.sign(follower.public_id.hex)


def follower_by_token(token: str) -> Follower:
    """Return the follower that a token names. Raises: NotVisible."""
    try:
        public_id = uuid.UUID(_SIGNER.unsign(token))
    except (BadSignature, ValueError):
        raise NotVisible from None
    found = Follower.objects.select_related("announcement").filter(public_id=public_id).first()
    if found is None:
        raise NotVisible
    return found


def confirm_following(follower: Follower, *, now: datetime) -> None:
    """Note that the address's owner wants to hear."""
    Follower.objects.filter(pk=follower.pk, confirmed_at=None).update(confirmed_at=now)


def stop_following(follower: Follower) -> None:
    """Forget an address. Nothing of it is kept."""
    follower.delete()


def follows(email: str) -> Follower | None:
    """Return how an address follows all announcements, if it does."""
    return Follower.objects.filter(
        email=email.lower(), announcement=None, confirmed_at__isnull=False
    ).first()


# ── Telling ───────────────────────────────────────────────────────────────────────────────────


def tell_followers(*, now: datetime) -> int:
    """Plan the mails about updates that were not told yet; return how many were planned.

    Edges: one update at a time, whole or not at all; two loops at once share the work.
    """
    planned = 0
    while True:
        with transaction.atomic():
            update = (
                AnnouncementUpdate.objects.select_for_update(skip_locked=True, of=("self",))
                .select_related("announcement")
                .filter(told_at=None)
                .order_by("at", "pk")
                .first()
            )
            if update is None:
                return planned
            for follower in _followers_of(update.announcement):
                mail = planning.plan(
                    kind=MailKind.ANNOUNCEMENT,
                    recipient=follower.email,
                    language=follower.language,
                    about={"update": update.pk, "follower": follower.pk},
                    once=f"announcement:{update.pk}:{follower.email}"[:160],
                    now=now,
                )
                planned += mail is not None
            AnnouncementUpdate.objects.filter(pk=update.pk).update(told_at=now)


def _followers_of(announcement: Announcement) -> Iterator[Follower]:
    """Yield who hears of an announcement: its own followers first, then those of its services."""
    of_all = Q(announcement=None)
    if announcement.services:
        of_all &= Q(services=[]) | Q(services__overlap=announcement.services)
    wanted = Q(announcement=announcement) | of_all
    seen: set[str] = set()
    rows = Follower.objects.filter(wanted, confirmed_at__isnull=False)
    for follower in rows.order_by("announcement", "pk").iterator():
        if follower.email not in seen:
            seen.add(follower.email)
            yield follower


def told(announcement: Announcement) -> dict[int, int]:
    """Return how many followers each update was mailed to, by the update's key. One query."""
    updates = [update.pk for update in announcement.updates.all()]
    planned = Q(pk=None)
    for pk in updates:  # each is a range of the index on their names
        planned |= Q(once__startswith=f"announcement:{pk}:")
    mails = OutboundMail.objects.filter(planned, kind=MailKind.ANNOUNCEMENT)
    counted = Counter(mails.values_list("about__update", flat=True))
    return {pk: counted[pk] for pk in updates}


def forget_unconfirmed(*, now: datetime) -> int:
    """Delete addresses that nobody confirmed; return how many."""
    deleted, _rows = Follower.objects.filter(
        confirmed_at=None, asked_at__lt=now - FORGET_UNCONFIRMED
    ).delete()
    return deleted


# ── The words of the mails ────────────────────────────────────────────────────────────────────


def register_letters() -> None:
    """Say how the mails of this module are written."""
    planning.register(
        MailKind.ANNOUNCEMENT, planning.Letter(_render_announcement, _unsubscribe_headers)
    )
    planning.register(MailKind.FOLLOW, planning.Letter(_render_follow))


def _document(mail: OutboundMail) -> AgreementDocument:
    return version_in_force(mail.created_at).document


def _status_url(mail: OutboundMail) -> str:
    return f"{settings.PLAZO.base_url}/hc/{mail.language}/status/"


def _service_names(document: AgreementDocument, services: Sequence[str], language: str) -> str:
    return ", ".join(document.service_name(key, language) for key in services)


def _render_announcement(mail: OutboundMail) -> rendering.Rendered | None:
    update = (
        AnnouncementUpdate.objects.select_related("announcement")
        .filter(pk=mail.about["update"])
        .first()
    )
    follower = Follower.objects.filter(pk=mail.about["follower"]).first()
    if update is None or follower is None:
        return None  # they have stopped following since
    announcement, document = update.announcement, _document(mail)
    title = announcement.headline(mail.language)
    kind = str(_("Resolved") if update.resolves else announcement.get_kind_display())
    about = _service_names(document, announcement.services, mail.language)
    words = rendering.Words(
        above=f"{kind} · {about}" if about else kind,
        headline=title,
        paragraphs=[update.words(mail.language)],
        button=_("See the announcement"),
        button_url=f"{_status_url(mail)}{announcement.public_id}/",
        small=[_next_update(announcement, document, mail)],
        why=_("You receive this mail because you follow the announcements of %(name)s.")
        % {"name": document.name.in_language(mail.language)},
        stop_url=f"{_status_url(mail)}follow/{follow_token(follower)}/",
    )
    desk = document.name.in_language(mail.language)
    return rendering.plain_letter(mail, f"{kind}: {title}", words, desk_name=desk)


def _next_update(
    announcement: Announcement, document: AgreementDocument, mail: OutboundMail
) -> str:
    at = announcement.next_update_at
    if at is None:
        return ""
    zone = document.calendars[document.support_calendar].zone
    return _("Next update %(moment)s (%(zone)s).") % {
        "moment": localtime.by_date(at, zone),
        "zone": localtime.zone_label(at, zone),
    }


def _render_follow(mail: OutboundMail) -> rendering.Rendered | None:
    follower = (
        Follower.objects.select_related("announcement").filter(pk=mail.about["follower"]).first()
    )
    if follower is None or follower.confirmed_at is not None:
        return None
    document = _document(mail)
    desk = document.name.in_language(mail.language)
    what = (
        _("Somebody asked us to send this address the updates of an announcement.")
        if follower.announcement
        else _("Somebody asked us to send this address our announcements.")
    )
    services = _service_names(document, follower.services, mail.language)
    words = rendering.Words(
        headline=_("Do you want to hear of our announcements?"),
        paragraphs=[what, services, _("If it was not you, do nothing: we will not write again.")],
        button=_("Yes, write to me"),
        button_url=f"{_status_url(mail)}follow/{follow_token(follower)}/",
        why=desk,
    )
    return rendering.plain_letter(mail, words.headline, words, desk_name=desk)


def _unsubscribe_headers(mail: OutboundMail) -> dict[str, str]:
    """Return what lets a mail program stop following with one click. Source: RFC 8058 §3.1."""
    follower = Follower.objects.filter(pk=mail.about["follower"]).first()
    if follower is None:
        return {}
    base = f"{settings.PLAZO.base_url}/hc/{mail.language}/status/follow/{follow_token(follower)}"
    return {
        "List-Unsubscribe": f"<{base}/stop/>",
        "List-Unsubscribe-Post": "List-Unsubscribe=One-Click",
    }
