"""Filters: each condition keeps the tickets that its words say, and nothing else can be asked."""

from datetime import timedelta
from typing import Any

import pytest

from plazo.accounts.models import Organization
from plazo.tickets import commands, filters
from plazo.tickets.errors import BadFilter, BadTag, TooManyTags
from plazo.tickets.models import Tag, Ticket
from tests.factory import TUESDAY, a_case, a_requester, an_agent, as_agent
from tests.people import a_company, a_person

pytestmark = pytest.mark.django_db
NOW = TUESDAY


@pytest.fixture
def desk() -> dict[str, Ticket]:
    """Return two tickets that differ in all that can be asked."""
    agent, by = an_agent(), as_agent()
    mine = a_case(now=NOW - timedelta(hours=3), subject="Mía: error 504")
    other = a_case(
        now=NOW - timedelta(minutes=10),
        subject="Otra",
        service="physical",
        environment="development",
        requester=a_requester("otra@sur.example"),
    )
    commands.assign_ticket(ticket_id=mine.pk, assignee_id=agent.pk, actor=by, now=NOW)
    commands.set_severity(ticket_id=mine.pk, severity="B", actor=by, now=NOW)
    commands.change_tags(ticket_id=mine.pk, add=["Urgente", "pago 504"], actor=by, now=NOW)
    return {"mine": mine, "other": other}


@pytest.mark.parametrize(
    ("op", "value", "kept"),
    [
        ("any_of", ["entitled"], {"entitled", "unnamed"}),
        ("any_of", ["stage"], {"stage"}),
        ("any_of", ["service"], {"service"}),
        ("any_of", ["unknown"], {"unknown"}),
        ("any_of", ["stage", "service"], {"stage", "service"}),
        ("none_of", ["entitled"], {"stage", "service", "unknown"}),
        ("none_of", ["unknown", "stage"], {"entitled", "unnamed", "service"}),
    ],
)
def test_whether_a_client_is_entitled_can_be_asked(op, value, kept):
    """Stage and contracted services decide, now; each case is in one of four states."""
    a_company("boreal")
    Organization.objects.filter(slug="boreal").update(stage="testing")
    people = {slug: a_person(f"ti@{slug}.example", company=slug) for slug in ("andina", "boreal")}
    cases = {
        "entitled": a_case(requester=people["andina"]),
        "service": a_case(requester=people["andina"], service="whitelabel"),
        "stage": a_case(requester=people["boreal"]),
        "unknown": a_case(requester=a_requester("nadie@sur.example")),
        "unnamed": a_case(requester=people["andina"]),
    }
    commands.classify_ticket(
        ticket_id=cases["unnamed"].pk, service="", environment="", request_type="",
        actor=as_agent(), now=NOW,
    )  # fmt: skip
    condition = filters.Condition("entitlement", op, value)
    found = set(
        Ticket.objects.filter(condition.q(filters.Context(NOW))).values_list("pk", flat=True)
    )
    assert {name for name, case in cases.items() if case.pk in found} == kept
    for name, case in cases.items():
        row = Ticket.objects.select_related("organization").get(pk=case.pk)
        organization = row.organization
        said = row.agreement_version.document.entitlement(
            organization.stage if organization else None,
            organization.services if organization else (),
            row.service,
        )
        assert said == ("" if name in ("entitled", "unnamed") else name)


def test_an_entitlement_that_there_is_not_is_refused():
    """Nothing that a client sends is taken on trust."""
    with pytest.raises(BadFilter):
        filters.Condition("entitlement", "any_of", ["rich"]).q(filters.Context(NOW))


ROWS: list[tuple[str, str, Any, set[str]]] = [
    ("status", "any_of", ["new"], {"mine", "other"}),
    ("status", "none_of", ["new"], set()),
    ("severity", "any_of", ["B"], {"mine"}),
    ("severity", "unset", None, {"other"}),
    ("level", "any_of", ["1"], {"mine", "other"}),
    ("assignee", "any_of", ["me"], {"mine"}),
    ("assignee", "any_of", ["nobody"], {"other"}),
    ("assignee", "any_of", ["me", "nobody"], {"mine", "other"}),
    ("assignee", "none_of", ["me"], {"other"}),
    ("assignee", "none_of", ["nobody"], {"mine"}),
    ("group", "any_of", ["mine"], {"mine", "other"}),
    ("organization", "any_of", ["none"], {"mine", "other"}),
    ("service", "any_of", ["physical", "catalog"], {"other"}),
    ("environment", "none_of", ["development"], {"mine"}),
    ("channel", "any_of", ["form"], {"mine", "other"}),
    ("entitlement", "any_of", ["unknown"], {"mine", "other"}),
    ("entitlement", "none_of", ["unknown"], set()),
    ("tag", "any_of", ["urgente", "nada"], {"mine"}),
    ("tag", "all_of", ["urgente", "nada"], set()),
    ("tag", "all_of", ["urgente", "pago-504"], {"mine"}),
    ("tag", "none_of", ["urgente"], {"other"}),
    ("tag", "unset", None, {"other"}),
    ("has", "any_of", ["file", "note"], set()),
    ("has", "none_of", ["note"], {"mine", "other"}),
    ("subject", "contains", ["504"], {"mine"}),
    ("due", "overdue", None, {"mine"}),
    ("due", "within", 15, {"mine"}),
    ("due", "within", 60, {"mine", "other"}),
    ("due", "unset", None, set()),
    ("opened", "within", 60, {"other"}),
    ("opened", "before", 60, {"mine"}),
    ("opened", "since", "2026-11-24T14:30:00-05:00", {"other"}),
    ("opened", "until", "2026-11-24T14:30:00-05:00", {"mine"}),
    ("status_since", "within", 60, {"other"}),
    ("status_since", "before", 60, {"mine"}),
    ("solved", "unset", None, {"mine", "other"}),
    ("promise", "any_of", ["missing", "standing", "late"], set()),
    ("area", "unset", None, {"mine", "other"}),
    ("area_answer", "any_of", ["awaited", "late", "given"], set()),
    ("cause", "unset", None, {"mine", "other"}),
    ("solution", "none_of", ["fixed"], {"mine", "other"}),
]


@pytest.mark.parametrize(
    ("field", "op", "value", "expected"), ROWS, ids=[f"{f} {o} {v}" for f, o, v, _ in ROWS]
)
def test_a_condition_keeps_what_it_says(desk, field, op, value, expected):
    """Each row is one condition and the tickets that meet it."""
    condition = filters.Condition(field, op, value)
    assert filters.read([condition.to_json()]) == (condition,)
    q = condition.q(filters.Context(now=NOW, agent=an_agent()))
    names = {ticket.pk: name for name, ticket in desk.items()}
    assert {names[pk] for pk in Ticket.objects.filter(q).values_list("pk", flat=True)} == expected


def test_every_field_and_op_has_a_row():
    """Nobody adds a field without saying in a row what it means."""
    asked = {(field, op) for field, op, _, _ in ROWS}
    fields = {field for field, _ in asked}
    left = {"requester", "request_type", "language", "waiting_for", "verdict", "updated"}
    assert set(filters.FIELDS) - fields == left
    assert {op for _, op in asked} == set(filters.OPS)


BAD = [
    {"field": "requester__user__password", "op": "any_of", "value": ["x"]},
    {"field": "status", "op": "startswith", "value": ["n"]},
    {"field": "status", "op": "any_of", "value": []},
    {"field": "status", "op": "any_of", "value": ["a\x00"]},
    {"field": "assignee", "op": "any_of", "value": ["him"]},
    {"field": "has", "op": "any_of", "value": ["file", "A"]},
    {"field": "due", "op": "within", "value": -1},
    {"field": "due", "op": "within", "value": 10**30},
    {"field": "opened", "op": "since", "value": "2026-11-24T14:30:00"},
    {"field": "tag", "op": "any_of", "value": [str(n) for n in range(101)]},
    "status",
]


@pytest.mark.parametrize("bad", BAD, ids=str)
def test_what_is_not_declared_cannot_be_asked(bad):
    """Nothing from a client reaches a lookup by its name."""
    with pytest.raises(BadFilter):
        filters.read([bad])


def test_a_level_that_is_no_number_is_refused_and_no_fault():
    """A stored condition that makes no sense says so when it is asked."""
    with pytest.raises(BadFilter):
        filters.Condition("level", "any_of", ["x"]).q(filters.Context(now=NOW))


def test_tags_have_one_spelling():
    """Tags are found again however they were typed; the timeline says what changed."""
    ticket, by = a_case(now=NOW), as_agent()
    event = commands.change_tags(ticket_id=ticket.pk, add=["#VIP", "Pago atrás"], actor=by, now=NOW)
    again = commands.change_tags(ticket_id=ticket.pk, add=["vip"], remove=["x"], actor=by, now=NOW)
    ticket.refresh_from_db()
    assert ticket.tags == ["pago-atrás", "vip"]
    assert event is not None
    assert again is None
    assert set(Tag.objects.values_list("name", flat=True)) == {"vip", "pago-atrás"}
    commands.change_tags(ticket_id=ticket.pk, remove=["VIP"], actor=by, now=NOW)
    ticket.refresh_from_db()
    assert ticket.tags == ["pago-atrás"]


def test_a_tag_is_a_word_and_there_is_a_limit():
    """What cannot be a tag is refused with a sentence."""
    ticket, by = a_case(now=NOW), as_agent()
    for bad in ("", "a/b", "x" * 41, "<b>"):
        with pytest.raises(BadTag):
            commands.change_tags(ticket_id=ticket.pk, add=[bad], actor=by, now=NOW)
    with pytest.raises(TooManyTags):
        commands.change_tags(
            ticket_id=ticket.pk, add=[f"t{n}" for n in range(31)], actor=by, now=NOW
        )
