"""The public page of the agreement shows all that the version in force says."""

import re
from html import unescape

import pytest
import time_machine
from django.test import Client
from django.utils import translation

from plazo.agreements.page import sla_page
from plazo.core import localtime
from tests import factory
from tests.factory import TUESDAY


def words_of(page: str) -> str:
    """Return what a reader sees of a page, in one line."""
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", page.split("<main")[1])).split())


@pytest.mark.django_db
@pytest.mark.parametrize("language", ["es", "en"])
def test_every_fact_of_the_version_is_on_the_page(client: Client, language: str) -> None:
    """Severities, ladder, hours, scope, channels and texts: none is left out in either language."""
    version = factory.publish_iws()
    with time_machine.travel(TUESDAY, tick=False):
        shown = words_of(client.get(f"/hc/{language}/sla/").content.decode())
    with translation.override(language):
        page = sla_page(version, language, TUESDAY)
        facts = [*page.texts.values(), *page.services, page.zone_label]
        for severity in page.severities:
            facts += [severity.name, severity.description]
            facts += [localtime.span_words(severity.duration)] if severity.duration else []
        for step in page.ladder:
            facts += [f"{step.level} {step.role} {step.contact}"]
        for hours in page.hours:
            facts += [hours.days, hours.words]
        for clause in page.scope:
            facts += [clause.text, clause.route, clause.email or ""]
        for channel in page.channels:
            facts += [channel.name, channel.text]

    assert [fact for fact in facts if " ".join(fact.split()) not in shown] == []
