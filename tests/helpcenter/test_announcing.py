"""Announcements: said by agents, told by mail once, and only to who asked for it."""

import os
import signal
import subprocess
import sys
import threading
from datetime import timedelta

import pytest
from django.conf import settings as django_settings
from django.db import close_old_connections, connection
from django.utils import translation

from plazo.core.errors import NotVisible
from plazo.helpcenter import announcing, queries
from plazo.helpcenter.errors import AlreadyResolved, NothingWritten
from plazo.helpcenter.models import Announcement, AnnouncementUpdate, Follower
from plazo.notifications import rendering, sending
from plazo.notifications.models import MailKind, OutboundMail
from tests.database import database_url
from tests.factory import TUESDAY, as_agent, publish_iws

HOUR = timedelta(hours=1)
pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def agreement(db):
    """Mails name the desk of the agreement in force."""
    publish_iws()


def an_announcement(**choices):
    wanted = {
        "kind": "incident", "impact": "degraded", "services": ["esd"],
        "title": {"es": "Demoras en la entrega", "en": "Late deliveries"},
        "text": {"es": "Las llaves tardan hasta 40 minutos.", "en": "Keys take up to 40 minutes."},
        "starts_at": TUESDAY, "next_update_at": TUESDAY + HOUR, "actor": as_agent(), "now": TUESDAY,
    }  # fmt: skip
    return announcing.open_announcement(**wanted | choices)


def a_follower(email="sistemas@andina.example", **choices):
    wanted = {"language": "es", "confirmed": True, "now": TUESDAY - HOUR}
    return announcing.ask_to_follow(email=email, **wanted | choices)


def told():
    """Return the addresses that a mail about an announcement is planned for."""
    mails = OutboundMail.objects.filter(kind=MailKind.ANNOUNCEMENT)
    return sorted(mails.values_list("recipient", flat=True))


def written(mail):
    """Return a mail as it goes out."""
    with translation.override(mail.language):
        mail.subject, mail.body_text, mail.body_html = rendering.render(mail)
    return sending.build(mail)


# ── Said by agents ────────────────────────────────────────────────────────────────────────────


def test_an_announcement_goes_on_until_it_is_resolved():
    """Opened by any agent, said again, resolved; then it takes no more."""
    found = an_announcement()
    assert queries.active_announcements(now=TUESDAY) == [found]
    say = {"announcement_id": found.pk, "actor": as_agent(), "now": TUESDAY + HOUR}
    announcing.update_announcement(text={"es": "Mejora."}, impact="none", **say)
    announcing.update_announcement(text={"es": "Resuelto."}, resolves=True, **say)
    found.refresh_from_db()
    assert (found.impact, found.resolved_at, found.next_update_at) == ("none", TUESDAY + HOUR, None)
    assert queries.active_announcements(now=TUESDAY + HOUR) == []
    assert queries.past_announcements(now=TUESDAY + HOUR) == [found]
    with pytest.raises(AlreadyResolved):
        announcing.update_announcement(text={"es": "Otra vez."}, **say)


def test_what_is_planned_is_upcoming_until_it_begins():
    """A maintenance of tomorrow is no banner today, and is not over because its hour passed."""
    found = an_announcement(
        kind="maintenance", starts_at=TUESDAY + 24 * HOUR, ends_at=TUESDAY + 26 * HOUR
    )
    assert queries.upcoming_announcements(now=TUESDAY) == [found]
    assert queries.active_announcements(now=TUESDAY) == []
    assert queries.active_announcements(now=TUESDAY + 27 * HOUR) == [found]


def test_a_notice_ends_by_itself():
    """It says nothing that somebody must take back."""
    found = an_announcement(kind="notice", impact="none", ends_at=TUESDAY + HOUR)
    assert queries.active_announcements(now=TUESDAY + HOUR) == []
    assert queries.past_announcements(now=TUESDAY + HOUR) == [found]


def test_the_gravest_stands_first():
    """An outage before what is degraded before a notice, whatever their order in time."""
    notice = an_announcement(kind="notice", impact="none", starts_at=TUESDAY)
    outage = an_announcement(impact="outage", starts_at=TUESDAY - 2 * HOUR)
    slow = an_announcement(impact="degraded", starts_at=TUESDAY - HOUR)
    assert queries.active_announcements(now=TUESDAY) == [outage, slow, notice]


@pytest.mark.parametrize("texts", [{}, {"es": " "}, {"en": "Only English"}])
def test_nothing_is_said_without_spanish(texts):
    """Spanish stands in for the other language, so it must be there; nothing is kept otherwise."""
    with pytest.raises(NothingWritten):
        an_announcement(text=texts)
    with pytest.raises(NothingWritten):
        an_announcement(title=texts)
    assert not Announcement.objects.exists()


def test_an_unknown_announcement_is_a_404():
    """Nothing is told about what is not there."""
    import uuid

    with pytest.raises(NotVisible):
        announcing.announcement_by_id(uuid.uuid4())


# ── Following ─────────────────────────────────────────────────────────────────────────────────


def test_nobody_hears_who_did_not_say_so_by_mail():
    """A typed address gets one question and no news until its owner confirms."""
    follower = announcing.ask_to_follow(email=" Otra@Andina.example ", language="es", now=TUESDAY)
    an_announcement()
    announcing.tell_followers(now=TUESDAY)
    assert told() == []
    (question,) = OutboundMail.objects.filter(kind=MailKind.FOLLOW)
    assert question.recipient == "otra@andina.example"
    token = announcing.follow_token(follower)
    assert f"/hc/es/status/follow/{token}/" in written(question).body
    announcing.confirm_following(announcing.follower_by_token(token), now=TUESDAY)
    an_announcement()
    announcing.tell_followers(now=TUESDAY)
    assert told() == ["otra@andina.example"]


def test_asking_again_and_again_sends_one_question_an_hour():
    """Nobody can be flooded by typing their address."""
    for minutes in (0, 5, 7, 68):
        announcing.ask_to_follow(
            email="otra@andina.example", language="es", now=TUESDAY + timedelta(minutes=minutes)
        )
    assert OutboundMail.objects.filter(kind=MailKind.FOLLOW).count() == 2
    assert Follower.objects.count() == 1


def test_a_question_answered_meanwhile_is_not_asked():
    """A mail that waits while its address confirms in another way has nothing to say any more."""
    follower = announcing.ask_to_follow(email="otra@andina.example", language="es", now=TUESDAY)
    announcing.confirm_following(follower, now=TUESDAY)
    with translation.override("es"):
        assert rendering.render(OutboundMail.objects.get()) is None


def test_who_stops_is_forgotten():
    """The address is gone from the table, its token opens nothing, and a waiting mail is not sent."""
    follower = a_follower()
    token = announcing.follow_token(follower)
    an_announcement()
    announcing.tell_followers(now=TUESDAY)
    announcing.stop_following(follower)
    assert not Follower.objects.exists()
    with pytest.raises(NotVisible):
        announcing.follower_by_token(token)
    with translation.override("es"):
        assert rendering.render(OutboundMail.objects.get()) is None


@pytest.mark.parametrize("token", ["", "x", "x:y", "00000000000000000000000000000000:AAAA"])
def test_a_forged_token_opens_nothing(token):
    """Only what we signed names a follower."""
    a_follower()
    with pytest.raises(NotVisible):
        announcing.follower_by_token(token)


def test_addresses_that_nobody_confirmed_are_forgotten():
    """After three days; who confirmed stays, and so does who was asked just now."""
    announcing.ask_to_follow(email="vieja@andina.example", language="es", now=TUESDAY)
    announcing.ask_to_follow(email="nueva@andina.example", language="es", now=TUESDAY + 60 * HOUR)
    a_follower(now=TUESDAY)
    assert announcing.forget_unconfirmed(now=TUESDAY + 72 * HOUR) == 0
    assert announcing.forget_unconfirmed(now=TUESDAY + 73 * HOUR) == 1
    assert sorted(Follower.objects.values_list("email", flat=True)) == [
        "nueva@andina.example",
        "sistemas@andina.example",
    ]


# ── Telling ───────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("follows", "about", "hears"),
    [
        pytest.param([], ["esd"], True, id="all services hear of one"),
        pytest.param(["esd"], ["esd", "catalog"], True, id="one of the services is enough"),
        pytest.param(["catalog"], ["esd"], False, id="another service does not"),
        pytest.param(["catalog"], [], True, id="what is about all is about each"),
    ],
)
def test_who_hears_of_what(follows, about, hears):
    """A follower of some services hears of these and of what concerns all."""
    a_follower(services=follows)
    an_announcement(services=about)
    announcing.tell_followers(now=TUESDAY)
    assert bool(told()) == hears


def test_who_follows_one_announcement_hears_of_it_alone():
    """And who follows it and all announcements besides gets one mail, not two."""
    first, second = an_announcement(), an_announcement()
    announcing.tell_followers(now=TUESDAY)
    a_follower(announcement=first)
    a_follower("otra@andina.example")
    a_follower("otra@andina.example", announcement=first)
    for found in (first, second):
        announcing.update_announcement(
            announcement_id=found.pk, text={"es": "Sigue."}, actor=as_agent(), now=TUESDAY
        )
    announcing.tell_followers(now=TUESDAY)
    assert told() == ["otra@andina.example", "otra@andina.example", "sistemas@andina.example"]
    assert sorted(announcing.told(first).values()) == [0, 2]


def test_an_update_is_told_once():
    """Looking again finds nothing to do; the next update is told in its turn."""
    a_follower()
    found = an_announcement()
    assert [announcing.tell_followers(now=TUESDAY) for _ in range(3)] == [1, 0, 0]
    announcing.update_announcement(
        announcement_id=found.pk, text={"es": "Sigue."}, actor=as_agent(), now=TUESDAY
    )
    assert announcing.tell_followers(now=TUESDAY) == 1


@pytest.mark.django_db(transaction=True)
def test_two_loops_tell_each_follower_once():
    """Whoever takes an update tells all of it; the other goes on to the next."""
    for number in range(5):
        a_follower(f"persona{number}@andina.example")
    for _ in range(4):
        an_announcement()
    together, planned = threading.Barrier(2), []

    def loop():
        together.wait()
        planned.append(announcing.tell_followers(now=TUESDAY))
        close_old_connections()
        connection.close()

    loops = [threading.Thread(target=loop) for _ in range(2)]
    for thread in loops:
        thread.start()
    for thread in loops:
        thread.join()
    assert (sum(planned), len(told())) == (20, 20)


KILLED = """
import os, signal
import django; django.setup()
from datetime import datetime
from plazo.helpcenter import announcing
from plazo.notifications import planning
plan, planned = planning.plan, []
def die_at_the_third(**mail):
    planned.append(plan(**mail))
    if len(planned) == 3:
        os.kill(os.getpid(), signal.SIGKILL)
    return planned[-1]
planning.plan = die_at_the_third
announcing.tell_followers(now=datetime.fromisoformat("{now}"))
"""


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_killed_half_way_nobody_is_told_twice_and_nobody_is_left_out():
    """A process that dies between planning and noting leaves the update for the next one, whole."""
    for number in range(5):
        a_follower(f"persona{number}@andina.example")
    an_announcement()
    env = {
        "DATABASE_URL": database_url(),
        "PLAZO_DATA": str(django_settings.PLAZO.data_dir),
        "DJANGO_SETTINGS_MODULE": "plazo.config.settings",
        "PATH": os.environ["PATH"],
    }
    code = KILLED.format(now=TUESDAY.isoformat())
    died = subprocess.run([sys.executable, "-c", code], env=env, check=False, timeout=180)
    assert died.returncode == -signal.SIGKILL
    assert AnnouncementUpdate.objects.get().told_at is None
    assert announcing.tell_followers(now=TUESDAY) == 5
    assert told() == [f"persona{number}@andina.example" for number in range(5)]


# ── The words of the mails ────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("language", "subject", "words"),
    [
        ("es", "Incidente: Demoras en la entrega", ["Las llaves tardan", "Próxima novedad el martes 24 de noviembre antes de las 15:52 (EST).", "Ver aviso", "No recibir más estos correos"]),
        ("en", "Incident: Late deliveries", ["Keys take up to", "Next update on Tuesday 24 November by 15:52 (EST).", "See the announcement", "Stop these mails"]),
    ],
)  # fmt: skip
def test_the_mail_says_it_in_the_followers_language(language, subject, words):
    """Subject, both bodies, the hour with its zone, and a way out with one click."""
    follower = a_follower(language=language)
    found = an_announcement()
    announcing.tell_followers(now=TUESDAY)
    mail = written(OutboundMail.objects.get())
    assert mail.subject == subject
    html = mail.alternatives[0][0]
    for said in words:
        assert said in mail.body, said
        assert said.replace("'", "&#x27;") in html, said
    address = f"/hc/{language}/status/{found.public_id}/"
    assert address in mail.body
    stop = mail.extra_headers["List-Unsubscribe"]
    assert stop.endswith(f"/hc/{language}/status/follow/{announcing.follow_token(follower)}/stop/>")
    assert mail.extra_headers["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    assert mail.extra_headers["Auto-Submitted"] == "auto-generated"


def test_a_resolution_says_so_in_its_subject():
    """Whoever reads only subjects knows that it is over."""
    found = an_announcement()
    a_follower()
    announcing.tell_followers(now=TUESDAY)
    OutboundMail.objects.all().delete()
    announcing.update_announcement(
        announcement_id=found.pk,
        text={"es": "Ya llegan."},
        resolves=True,
        actor=as_agent(),
        now=TUESDAY,
    )
    announcing.tell_followers(now=TUESDAY)
    mails = [written(mail) for mail in OutboundMail.objects.all()]
    assert "Resuelto: Demoras en la entrega" in [mail.subject for mail in mails]


def test_what_is_typed_cannot_break_out_of_a_mail():
    """Markup in an announcement is text in the mail, and a line end stays out of the subject."""
    a_follower()
    an_announcement(
        title={"es": "Uno\nBcc: otra@evil.example"}, text={"es": "<script>alert(1)</script>"}
    )
    announcing.tell_followers(now=TUESDAY)
    mail = written(OutboundMail.objects.get())
    assert "\n" not in mail.subject
    assert "<script>" not in mail.alternatives[0][0]
