"""A draft of the agreement: nothing of it holds before it is published, and nobody is surprised."""

from datetime import UTC, date, datetime, timedelta

import pytest
from django.utils import translation

from plazo.agreements import drafting, national
from plazo.agreements.changes import changes
from plazo.agreements.document import parse
from plazo.agreements.edits import AddDays, RemoveField, SetService, SetWeek, SpecialDay
from plazo.agreements.errors import (
    DraftMoved,
    DraftOutdated,
    DraftRefused,
    TooEarly,
)
from plazo.agreements.models import AgreementDraft
from plazo.agreements.queries import draft_of, newest_version, version_in_force
from plazo.agreements.trying import trials
from plazo.core.actor import Actor
from plazo.core.models import AuditEntry
from tests.factory import IWS, TUESDAY, as_agent, publish_iws

SOURCE = IWS.read_text(encoding="utf-8")
SUPPORT = parse(SOURCE).calendars["support"]
DAY = timedelta(days=1)
CHRISTMAS = AddDays("support", (SpecialDay(date(2026, 12, 25), "Navidad", "Christmas"),))
NAMED = SetService("esd", "Licencias", "Licenses", "a", "a")


def seen() -> int:
    """Return what a page that is opened now carries."""
    return drafting.seen_of((draft_of("iws") or newest_version("iws")).source)


def change(edit, revision=None, **by):
    by = {"actor": as_agent(), "now": TUESDAY} | by
    revision = seen() if revision is None else revision
    return drafting.change_draft(key="iws", edit=edit, revision=revision, **by)


def publish(effective_at, revision=None, **by):
    by = {"actor": as_agent(), "now": TUESDAY} | by
    revision = seen() if revision is None else revision
    return drafting.publish_draft(key="iws", revision=revision, effective_at=effective_at, **by)


@pytest.mark.django_db
def test_a_draft_takes_edits_and_holds_from_its_hour_on():
    """Each edit is written down; until the hour comes, the version before it holds."""
    publish_iws()
    change(CHRISTMAS)
    change(NAMED)
    assert version_in_force(TUESDAY).number == 1
    version = publish(TUESDAY + DAY)
    assert not AgreementDraft.objects.exists()
    assert (version.number, version_in_force(TUESDAY).number) == (2, 1)
    assert version_in_force(TUESDAY + DAY).document.services["esd"].name.es == "Licencias"
    written = list(AuditEntry.objects.order_by("pk").values_list("what", flat=True))
    assert written == [
        "agreement.published", "agreement.draft_changed", "agreement.draft_changed",
        "agreement.published",
    ]  # fmt: skip


@pytest.mark.django_db
def test_nobody_changes_what_they_have_not_seen():
    """The second of two who began with the same page is told who was first."""
    publish_iws()
    first = seen()
    change(CHRISTMAS, actor=Actor.system("Ana"))
    second = seen()
    with translation.override("es"), pytest.raises(DraftMoved, match="Ana cambió el borrador"):
        change(NAMED, first)
    with pytest.raises(DraftMoved):
        publish(None, first)
    drafting.discard_draft(key="iws", revision=second, actor=as_agent(), now=TUESDAY)
    with translation.override("es"), pytest.raises(DraftMoved, match="se descartó o se publicó"):
        change(NAMED, second)
    change(NAMED, first)
    with pytest.raises(DraftMoved):  # as many changes as the discarded draft had, and others
        change(RemoveField("sku"), second)
    publish(None)
    with translation.override("es"), pytest.raises(DraftMoved, match="se descartó o se publicó"):
        change(CHRISTMAS, first)


@pytest.mark.django_db
def test_an_edit_that_cannot_run_is_refused_and_one_that_changes_nothing_begins_nothing():
    """A draft can always be run, so it can always be tried."""
    publish_iws()
    with translation.override("es"), pytest.raises(DraftRefused, match="no abre nunca"):
        change(SetWeek("support", ((),) * 7))
    service = parse(SOURCE).services["esd"]
    same = SetService("esd", service.name.es, service.name.en, service.hint.es, service.hint.en)
    assert change(same) is None
    assert not AgreementDraft.objects.exists()


@pytest.mark.django_db
def test_a_draft_does_not_undo_what_was_published_beside_it():
    """A version of the command line's meanwhile: the draft would take its changes back."""
    publish_iws()
    change(CHRISTMAS)
    publish_iws(source=NAMED.apply(SOURCE), effective_at=TUESDAY)
    with pytest.raises(DraftOutdated):
        publish(None)


@pytest.mark.django_db
def test_a_version_begins_neither_in_the_past_nor_before_the_one_that_it_follows():
    """What was promised does not change, and versions follow each other."""
    publish_iws()
    change(CHRISTMAS)
    with pytest.raises(TooEarly):
        publish(TUESDAY - DAY)
    publish(TUESDAY + 5 * DAY)
    change(RemoveField("sku"))
    with translation.override("es"), pytest.raises(TooEarly, match="versión 2"):
        publish(TUESDAY + DAY)
    assert publish(TUESDAY + 6 * DAY).number == 3


def test_what_changes_is_said_in_words():
    """Where, what, from what to what, and what it costs in hours."""
    week = (*[((timedelta(hours=7), timedelta(hours=20)),)] * 5, (), ())
    after = CHRISTMAS.apply(RemoveField("sku").apply(SetWeek("support", week).apply(SOURCE)))
    with translation.override("es"):
        said = [
            f"{c.where} | {c.what} | {c.before} | {c.after} | {c.note}".replace("\u00a0", " ")
            for c in changes(parse(SOURCE), parse(after), "es")
        ]
    assert said[0] == "Horario de soporte | Lunes | 6:00–22:00 | 7:00–20:00 | "
    assert said[5:] == [
        "Horario de soporte | Sábado | 9:00–17:00 | cerrado | ",
        "Horario de soporte | Domingo | 9:00–17:00 | cerrado | ",
        "Horario de soporte | Horas por semana | 96 h | 65 h | ",
        "Horario de soporte | Día especial: vie 25 dic 2026 |  | Navidad: cerrado | 16 h menos",
        "Campo «SKU de los productos» | Campo quitado |  |  | ",
    ]


@pytest.mark.django_db
def test_a_case_is_tried_on_the_draft_by_the_engine_itself():
    """On the last Thursday before a free Friday, the hour of level 1 moves to Saturday."""
    base = publish_iws()
    draft = change(CHRISTMAS)
    at = datetime(2026, 12, 25, 2, 30, tzinfo=UTC)  # Thursday 24, 21:30 in Panama
    tried = trials(draft.document, draft.sla, (base.document, base.sla), at)
    first = tried[0]
    assert first.before == datetime(2026, 12, 25, 11, 30, tzinfo=UTC)
    assert first.due == datetime(2026, 12, 26, 14, 30, tzinfo=UTC)
    assert [t.moves for t in tried if t.severity in ("A", "B")] == [False, False]


@pytest.mark.parametrize(
    ("code", "day", "es", "en"),
    [
        ("CO", date(2026, 7, 13), "Rosario de Chiquinquirá", "Rosary"),
        ("CO", date(2026, 7, 20), "Día de la Independencia", "Independence Day"),
        ("PA", date(2026, 11, 3), "Separación", "Separation"),
        ("MX", date(2026, 11, 16), "Revolución", "Revolution"),
        ("US", date(2026, 11, 26), "Thanksgiving", "Thanksgiving"),
    ],
)
def test_well_known_holidays_are_proposed(code, day, es, en):
    """The pinned package has them, named in both languages where it can."""
    found = {each[0]: each for each in national.named(code, "", (2026,), ("public",))}
    assert es in found[day][1]
    assert en in found[day][2]


def test_a_proposal_says_what_it_would_change_and_a_second_look_what_is_new():
    """A weekday costs its hours, a day that is there already is only named."""
    with_one = parse(CHRISTMAS.apply(SOURCE)).calendars["support"]
    found = national.proposals(with_one, code="CO", years=[2026], since=date(2026, 12, 1))
    said = [(p.day.day, p.loses, p.there, p.called) for p in found]
    assert said == [(8, timedelta(hours=16), False, ""), (25, timedelta(), True, "")]
    renamed = AddDays("support", (SpecialDay(date(2026, 12, 25), "Pascua", "Xmas"),))
    other = parse(renamed.apply(SOURCE)).calendars["support"]
    found = national.proposals(other, code="CO", years=[2026], since=date(2026, 12, 20))
    assert [p.called for p in found] == ["Pascua"]
    assert national.proposals(SUPPORT, code="CO", years=[2026], since=date(2027, 1, 1)) == []
