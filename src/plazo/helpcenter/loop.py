"""What happens in the knowledge base by itself: each is found by its row, and done once.

Texts are published when their instant has come, words are counted after texts changed, followers
are told of announcements, and owners are asked to look at articles again.
"""

import threading
from datetime import datetime
from typing import Final

from django.conf import settings
from django.db import close_old_connections, transaction
from django.db.models import F, Q
from django.utils import timezone
from django.utils.translation import gettext as _

from plazo.agreements.errors import NoAgreementInForce
from plazo.agreements.queries import version_in_force
from plazo.helpcenter import announcing, commands, lexicon
from plazo.helpcenter.models import Article, ArticleEvent, Edition, VocabularyState
from plazo.notifications import planning, rendering
from plazo.notifications.models import MailKind, OutboundMail

PERIOD_SECONDS: Final = 5.0
BATCH: Final = 100


def run_forever(stop: threading.Event) -> None:
    """Look every few seconds, until `stop`."""
    while not stop.is_set():
        work_once(timezone.now())
        close_old_connections()
        stop.wait(PERIOD_SECONDS)


def work_once(now: datetime) -> None:
    """Do all that is due."""
    commands.publish_due(now=now)
    count_if_changed()
    announcing.tell_followers(now=now)
    remind_owners(now)


def count_if_changed() -> bool:
    """Count the words again if anything was done to an article since the last time."""
    newest = ArticleEvent.objects.order_by("-pk").values_list("pk", flat=True).first() or 0
    with transaction.atomic():
        state, _made = VocabularyState.objects.select_for_update().get_or_create(pk=1)
        if newest <= state.counted_event:
            return False
        lexicon.count_words()
        state.counted_event = newest
        state.save()
    return True


def remind_owners(now: datetime) -> int:
    """Plan a mail to the owner of each article that somebody must look at again; return how many.

    Edges: once for each date. Without an owner the editors' screen alone says it. The day is the
        one of the agreement's zone.
    """
    try:
        version = version_in_force(now)
    except NoAgreementInForce:
        return 0
    today = version.sla.calendars[version.document.support_calendar].civil_date(now)
    told = 0
    with transaction.atomic():
        due = (
            Article.objects.select_for_update(skip_locked=True, of=("self",))
            .select_related("owner__user")
            .filter(archived_at=None, review_by__lte=today, owner__isnull=False)
            .filter(Q(reminded_for=None) | ~Q(reminded_for=F("review_by")))
            .order_by("review_by")[:BATCH]
        )
        for article in due:
            assert article.owner is not None  # noqa: S101 - asked for above
            user = article.owner.user
            planning.plan(
                kind=MailKind.ARTICLE,
                recipient=user.email,
                name=user.name,
                language=user.language,
                about={"article": article.pk},
                once=f"article:{article.pk}:{article.review_by}",
                now=now,
            )
            article.reminded_for = article.review_by
            article.save(update_fields=["reminded_for"])
            told += 1
    return told


def register_letters() -> None:
    """Say how the reminder is written."""
    planning.register(MailKind.ARTICLE, planning.Letter(_render_reminder))


def _render_reminder(mail: OutboundMail) -> rendering.Rendered | None:
    edition = (
        Edition.objects.select_related("article", "newest")
        .filter(article=mail.about["article"], article__archived_at=None)
        .order_by("-published_at")
        .first()
    )
    if edition is None or edition.newest is None or edition.article.review_by is None:
        return None
    document = version_in_force(mail.created_at).document
    language, title = mail.language, edition.newest.title
    day = edition.article.review_by
    words = rendering.Words(
        headline=title,
        paragraphs=[
            _("You answer for this article, and it was to be looked at again by %(day)s.")
            % {"day": day.strftime("%d/%m/%Y")},
            _("Read it, correct what has changed, and say when it must be looked at next."),
        ],
        button=_("Look at the article"),
        button_url=f"{settings.PLAZO.base_url}/desk/articles/{edition.article.key}/"
        f"{edition.language}/",
        why=_("Notice for the owners of articles."),
    )
    subject = _("Please look at an article again: %(title)s") % {"title": title}
    desk = document.name.in_language(language)
    return rendering.plain_letter(mail, subject, words, desk_name=desk)
