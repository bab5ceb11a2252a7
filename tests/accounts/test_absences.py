"""Absences: who is away, who stands in, and what cannot be planned."""

from datetime import datetime, timedelta

import pytest
from django.utils import translation

from plazo.accounts import absences
from plazo.accounts.models import Absence, Agent, User
from plazo.accounts.queries import standing_in_for
from plazo.core import localtime
from plazo.core.models import AuditEntry
from plazo.desk.away import until_words
from tests.factory import TUESDAY, an_agent, as_agent

pytestmark = pytest.mark.django_db
DAY = timedelta(days=1)


def by() -> dict[str, object]:
    return {"actor": as_agent(1), "now": TUESDAY}


def people(names: str) -> dict[str, Agent]:
    """Return agents by their letters."""
    return {
        name: Agent.objects.create(
            user=User.objects.create_user(f"{name.lower()}@demo.example", name=name)
        )
        for name in names
    }


@pytest.mark.parametrize(
    ("away", "heard_by"),
    [
        pytest.param("", "A", id="who is there hears it"),
        pytest.param("A", "A", id="without a substitute it stays"),
        pytest.param("A>B", "B", id="the substitute hears it"),
        pytest.param("A>B B>C", "C", id="a substitute who is away has their own"),
        pytest.param("A>B B>C C>D", "D", id="and so on"),
        pytest.param("A>B B>A", "A", id="two for each other: it stays"),
        pytest.param("A>B B>C C>B", "A", id="a circle further on: it stays"),
        pytest.param("A>B B", "A", id="a chain that ends with nobody: it stays"),
        pytest.param("B>C", "A", id="others' absences are nothing to who is there"),
        pytest.param("A>B x", "A", id="a substitute who left the team hears nothing"),
    ],
)
def test_who_stands_in(away, heard_by):
    """The table of who hears what is meant for A."""
    team = people("ABCD")
    for pair in away.split():
        if pair == "x":
            Agent.objects.filter(pk=team["B"].pk).update(is_active=False)
            continue
        who, _arrow, other = pair.partition(">")
        absences.plan_absence(
            agent_id=team[who].pk,
            begins_at=TUESDAY - DAY,
            ends_at=TUESDAY + DAY,
            substitute_id=team[other].pk if other else None,
            **by(),
        )
    assert str(standing_in_for(team["A"], TUESDAY)) == heard_by


def test_an_absence_begins_with_its_first_instant_and_ends_before_its_last():
    """Half open: at the end they are back."""
    team = people("AB")
    absences.plan_absence(
        agent_id=team["A"].pk,
        begins_at=TUESDAY,
        ends_at=TUESDAY + DAY,
        substitute_id=team["B"].pk,
        **by(),
    )
    instant = timedelta(microseconds=1)
    heard = [
        str(standing_in_for(team["A"], at))
        for at in (TUESDAY - instant, TUESDAY, TUESDAY + DAY - instant, TUESDAY + DAY)
    ]
    assert heard == ["A", "B", "B", "A"]


@pytest.mark.parametrize(
    ("begins", "ends", "substitute", "says"),
    [
        pytest.param(2, 1, "B", "termina antes de empezar", id="ends first"),
        pytest.param(1, 1, "B", "termina antes de empezar", id="no length"),
        pytest.param(-3, -2, "B", "ya terminó", id="over"),
        pytest.param(1, 2, "A", "otra persona", id="for oneself"),
        pytest.param(5, 7, "B", "Ya hay una ausencia", id="twice at once"),
    ],
)
def test_what_cannot_be_is_refused_with_what_to_do(begins, ends, substitute, says):
    """Nothing is kept of it, and nothing is written down."""
    team = people("AB")
    absences.plan_absence(
        agent_id=team["A"].pk, begins_at=TUESDAY + 6 * DAY, ends_at=TUESDAY + 9 * DAY, **by()
    )
    with translation.override("es"), pytest.raises(absences.AbsenceRefused, match=says):
        absences.plan_absence(
            agent_id=team["A"].pk,
            begins_at=TUESDAY + begins * DAY,
            ends_at=TUESDAY + ends * DAY,
            substitute_id=team[substitute].pk,
            **by(),
        )
    assert (Absence.objects.count(), AuditEntry.objects.count()) == (1, 1)


def test_back_early_keeps_what_was_and_a_plan_that_falls_through_goes():
    """One that runs ends now; one to come is removed; both are written down."""
    agent = an_agent(2)
    running = absences.plan_absence(
        agent_id=agent.pk, begins_at=TUESDAY - DAY, ends_at=TUESDAY + DAY, **by()
    )
    planned = absences.plan_absence(
        agent_id=agent.pk, begins_at=TUESDAY + 3 * DAY, ends_at=TUESDAY + 4 * DAY, **by()
    )
    absences.end_absence(absence_id=running.pk, **by())
    absences.end_absence(absence_id=planned.pk, **by())
    assert list(Absence.objects.values_list("ends_at", flat=True)) == [TUESDAY]
    written = list(AuditEntry.objects.order_by("pk").values_list("what", flat=True))
    assert written == [
        "absence.planned", "absence.planned", "absence.changed", "absence.removed"
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("ends", "words"),
    [
        ("2026-11-25 00:00", "ausente hasta hoy"),
        ("2026-11-24 18:00", "ausente hasta hoy, 18:00"),
        ("2026-11-26 00:00", "ausente hasta mañana"),
        ("2026-11-27 00:00", "ausente hasta el jueves 26"),
        ("2026-11-27 08:30", "ausente hasta el viernes 27, 8:30"),
        ("2026-12-15 00:00", "ausente hasta el 14 dic 2026"),
    ],
)
def test_until_when_in_words(ends, words):
    """An absence that ends at midnight lasts until the day before."""
    zone = "America/Panama"
    at = localtime.utc(datetime.fromisoformat(ends), zone)
    with translation.override("es"):
        assert until_words(Absence(begins_at=TUESDAY - DAY, ends_at=at), zone, TUESDAY) == words
