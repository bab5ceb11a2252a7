"""What our own people can be told of: each kind of news, whom it concerns, and how by default."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

from django.db import models
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from plazo.notifications.models import MailKind, Preference


class Mail(models.TextChoices):
    """How a piece of news goes out by mail."""

    NOW = "now", _("at once")
    DIGEST = "digest", _("in the digest")
    NO = "no", _("no")


class Concern(StrEnum):
    """Why a piece of news is somebody's: it is about their own work, or about their group's."""

    OWN = "own"
    GROUP = "group"


@dataclass(frozen=True, slots=True)
class Ways:
    """By which ways a person is told of a piece of news."""

    desk: bool
    browser: bool
    mail: str

    @property
    def is_nothing(self) -> bool:
        return not self.desk and not self.browser and self.mail == Mail.NO


@dataclass(frozen=True, slots=True, kw_only=True)
class News:
    """One kind of news.

    `mail_kind` is the mail that tells it at once. What is `urgent` does not wait for anybody's
    hours at the highest severity (`quiet.lets_through`).
    """

    key: str
    label: str | Promise
    icon: str
    concern: Concern
    ways: Ways
    urgent: bool = False
    mail_kind: MailKind = MailKind.NEWS


_TOLD: Final = Ways(desk=True, browser=True, mail=Mail.NOW)
_SHOWN: Final = Ways(desk=True, browser=True, mail=Mail.NO)
_QUIETLY: Final = Ways(desk=True, browser=False, mail=Mail.NO)
_NOTHING: Final = Ways(desk=False, browser=False, mail=Mail.NO)

# In the order of the screen; of two that one event makes for a person, the first is told.
ALL: Final = (
    News(
        key="mentioned",
        label=_("Somebody mentions me in a note"),
        icon="text-quote",
        concern=Concern.OWN,
        ways=_TOLD,
    ),
    News(
        key="assigned",
        label=_("A case is assigned to me"),
        icon="user-round",
        concern=Concern.OWN,
        ways=_TOLD,
        mail_kind=MailKind.ASSIGNED,
    ),
    News(
        key="requester_wrote",
        label=_("The requester writes in my case"),
        icon="reply",
        concern=Concern.OWN,
        ways=_TOLD,
        mail_kind=MailKind.ANSWERED,
    ),
    News(
        key="agent_wrote",
        label=_("A colleague replies or leaves a note in my case"),
        icon="square-pen",
        concern=Concern.OWN,
        ways=_QUIETLY,
    ),
    News(
        key="not_sent",
        label=_("A reply of mine, or in my case, is refused after its seconds of undo"),
        icon="circle-alert",
        concern=Concern.OWN,
        ways=_TOLD,
        urgent=True,
    ),
    News(
        key="undelivered",
        label=_("A reply of mine, or in my case, does not arrive"),
        icon="circle-alert",
        concern=Concern.OWN,
        ways=_TOLD,
        urgent=True,
    ),
    News(
        key="area_answered",
        label=_("Another area answers in my case"),
        icon="messages-square",
        concern=Concern.OWN,
        ways=_TOLD,
    ),
    News(
        key="area_silent",
        label=_("An area that was asked in my case has not answered in its time"),
        icon="bell",
        concern=Concern.OWN,
        ways=_SHOWN,
    ),
    News(
        key="area_parked",
        label=_("An answer for another area was kept back: somebody else wrote it"),
        icon="messages-square",
        concern=Concern.OWN,
        ways=_SHOWN,
    ),
    News(
        key="area_unreached",
        label=_("A mail to another area does not arrive"),
        icon="circle-alert",
        concern=Concern.OWN,
        ways=_TOLD,
        urgent=True,
    ),
    News(
        key="promise_at_risk",
        label=_("A promised update in my case is at risk"),
        icon="triangle-alert",
        concern=Concern.OWN,
        ways=_TOLD,
        urgent=True,
        mail_kind=MailKind.AT_RISK,
    ),
    News(
        key="at_risk",
        label=_("A deadline of my case is at risk"),
        icon="triangle-alert",
        concern=Concern.OWN,
        ways=_TOLD,
        urgent=True,
        mail_kind=MailKind.AT_RISK,
    ),
    News(
        key="breached",
        label=_("A deadline of my case was missed"),
        icon="octagon-alert",
        concern=Concern.OWN,
        ways=_TOLD,
        urgent=True,
        mail_kind=MailKind.BREACHED,
    ),
    News(
        key="rung",
        label=_("The ladder rings for me (the mail for it always comes)"),
        icon="bell-ring",
        concern=Concern.OWN,
        ways=_SHOWN,
        urgent=True,
        mail_kind=MailKind.NEWS,
    ),
    News(
        key="climbed",
        label=_("The requester escalates my case"),
        icon="signal",
        concern=Concern.OWN,
        ways=_TOLD,
        urgent=True,
        mail_kind=MailKind.CLIMBED,
    ),
    News(
        key="group_climbed",
        label=_("The requester escalates a case to my group"),
        icon="signal",
        concern=Concern.GROUP,
        ways=_TOLD,
        urgent=True,
        mail_kind=MailKind.CLIMBED,
    ),
    News(
        key="group_at_risk",
        label=_("A deadline of a case that nobody has is at risk"),
        icon="triangle-alert",
        concern=Concern.GROUP,
        ways=_SHOWN,
        urgent=True,
        mail_kind=MailKind.AT_RISK,
    ),
    News(
        key="group_breached",
        label=_("A deadline of another case of my group was missed"),
        icon="octagon-alert",
        concern=Concern.GROUP,
        ways=_SHOWN,
        urgent=True,
        mail_kind=MailKind.BREACHED,
    ),
    News(
        key="group_raised",
        label=_("A case comes up to my group"),
        icon="trending-up",
        concern=Concern.GROUP,
        ways=_SHOWN,
        urgent=True,
    ),
    News(
        key="promise_missing",
        label=_("A case of my group at level 2 still lacks a promise"),
        icon="calendar-clock",
        concern=Concern.GROUP,
        ways=_SHOWN,
        urgent=True,
    ),
    News(
        key="promise_handed",
        label=_("I answer for a promise from here on"),
        icon="calendar-clock",
        concern=Concern.OWN,
        ways=_SHOWN,
    ),
    News(
        key="help_needed",
        label=_("The requester of my case still needs help, or reopens it"),
        icon="life-buoy",
        concern=Concern.OWN,
        ways=_TOLD,
    ),
    News(
        key="group_opened",
        label=_("A new case comes to my group"),
        icon="ticket",
        concern=Concern.GROUP,
        ways=_NOTHING,
    ),
)
BY_KEY: Final = {news.key: news for news in ALL}


def ways_of(news: News, preference: Preference | None) -> Ways:
    """Return by which ways a person is told: what they chose, else the default."""
    chosen: dict[str, Any] = preference.choices.get(news.key, {}) if preference else {}
    return Ways(
        desk=bool(chosen.get("desk", news.ways.desk)),
        browser=bool(chosen.get("browser", news.ways.browser)),
        mail=str(chosen.get("mail", news.ways.mail)),
    )


def group_mail_will_do(news: News, preference: Preference | None) -> bool:
    """Say whether a mail to the group's address stands for the one to this member.

    Edges: for whoever says that the group's mail reaches them, always; for the others only where
        the news is the group's, and they have not asked for a mail of their own.
    """
    if preference is not None and preference.reads_group_mail:
        return True
    chosen = preference.choices.get(news.key, {}) if preference else {}
    return news.concern is Concern.GROUP and "mail" not in chosen
