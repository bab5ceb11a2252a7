"""The agreement file and its page say what the client's document says, row by row."""

import hashlib
import tomllib
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from django.utils import translation

from plazo.agreements.lint import check
from plazo.agreements.page import opening_now, promised_first_reply, sla_page
from plazo.sla import Metric
from tests.factory import IWS, TUESDAY, publish_iws

FACTS = tomllib.loads((Path(__file__).parent / "data" / "facts.toml").read_text(encoding="utf-8"))
HOUR = timedelta(hours=1)
pytestmark = pytest.mark.django_db


@pytest.fixture
def version():
    """The client's agreement, published."""
    return publish_iws()


@pytest.fixture
def page(version):
    """Its public page, in the document's own language."""
    with translation.override("es"):
        return sla_page(version, "es", TUESDAY)


def test_the_file_is_sound():
    """The linter finds nothing, not even a warning."""
    assert check(IWS.read_text(encoding="utf-8")) == []


@pytest.mark.parametrize("number", range(4))
def test_services(page, number):
    """§1: the four kinds of client."""
    assert FACTS["services"][number].lower() in page.services[number].lower()


@pytest.mark.parametrize("number", range(5))
def test_considerations(page, number):
    """§2: each consideration, what it is about and where it goes."""
    fact, row = FACTS["considerations"][number], page.scope[number]
    for words in fact["about"]:
        assert words.lower() in row.text.lower()
    for words in fact["goes_to"]:
        assert words.lower() in f"{row.text} {row.route} {row.area}".lower()


def test_the_integrations_mailbox_is_the_documents(page):
    """§2: development and testing go to a real address."""
    assert page.scope[0].email == FACTS["integrations_mailbox"]


def test_only_the_last_stage_is_entitled(version):
    """§2: production, with production testing behind."""
    stages = version.document.stages
    assert stages.entitled == FACTS["stage"] == stages.order[-1]
    assert stages.order.index("production_testing") < stages.order.index("production")


def test_level_one_has_two_promises_of_an_hour(version):
    """§4: first reply within one hour, and in it the verdict on scope; in support hours."""
    for metric, name in (
        (Metric.FIRST_REPLY, "first_reply_hours"),
        (Metric.SCOPE_VERDICT, "verdict_hours"),
    ):
        target = version.document.target(metric)
        assert target.duration == FACTS["level_1"][name] * HOUR
        assert target.calendar == "support"


@pytest.mark.parametrize("number", range(3))
def test_ladder(page, number):
    """§4: level, role and contacts; any of the two coordinators will do."""
    fact, row = FACTS["ladder"][number], page.ladder[number]
    assert row.level == fact["level"]
    assert fact["role"].lower() in row.role.lower()
    assert [hashlib.sha256(name.encode()).hexdigest() for name in row.contacts] == fact["contacts"]
    if len(row.contacts) > 1:
        with translation.override("es"):
            assert " o " in row.contact


@pytest.mark.parametrize("number", range(3))
def test_severities(page, number):
    """§4: the letter, the impact in the document's words, the hours, and how they count."""
    fact, row = FACTS["severities"][number], page.severities[number]
    assert row.letter == fact["letter"]
    for words in fact["impact"]:
        assert words.lower() in row.description.lower()
    assert row.duration == fact["hours"] * HOUR
    assert row.manages_escalation == fact["escalation"]
    assert row.always_open != fact["working_hours_only"]


@pytest.mark.parametrize("number", range(2))
def test_hours(page, number):
    """§5: the team's hours, in EST."""
    fact, row = FACTS["hours"][number], page.hours[number]
    assert (row.days, row.words) == (fact["days"], fact["open"])
    assert page.zone_label == "EST"


def test_the_support_hours_have_no_holidays(version):
    """Decision 7: the document names none, so on Christmas Day level 1's hour counts."""
    support = version.sla.calendars["support"]
    christmas = datetime(2026, 12, 25, 17, 0, tzinfo=UTC)
    assert support.holidays == ()
    assert support.between(christmas, christmas + HOUR) == HOUR


def test_self_service_is_always_open(page):
    """§3 and §5: knowledge base, form and mailbox, 24x7."""
    assert [channel.always for channel in page.channels] == [True, True, True, False]


def test_the_page_is_whole_in_english_too(version):
    """The same rows, in the other language, without a word left in Spanish."""
    with translation.override("en"):
        page = sla_page(version, "en", TUESDAY)
    assert [row.letter for row in page.severities] == ["A", "B", "C"]
    assert [(row.days, row.words) for row in page.hours] == [
        ("Monday to Friday", "from 6:00 to 22:00"),
        ("Saturday and Sunday", "from 9:00 to 17:00"),
    ]


def test_the_badge_and_the_promise_come_from_the_calendar(version):
    """“We are open until 22:00”, and by when a case opened now is answered."""
    support = version.sla.calendars["support"]
    now = opening_now(support, TUESDAY)
    assert (now.is_open, now.changes_at - TUESDAY) == (True, timedelta(hours=7, minutes=8))
    night = opening_now(support, TUESDAY + timedelta(hours=8))
    assert (night.is_open, night.changes_at) == (False, TUESDAY + timedelta(hours=15, minutes=8))
    assert promised_first_reply(version, TUESDAY) == TUESDAY + HOUR
