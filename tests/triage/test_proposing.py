"""What is proposed goes on record with the verdict, and can be measured."""

from datetime import timedelta

import pytest
from django.test import Client

from plazo.core.actor import Actor
from plazo.tickets import commands, events, queries
from plazo.tickets.errors import UnknownChoice
from plazo.triage.scope_report import proposals, rates
from plazo.triage.scope_suggesting import judge_scope, suggestion_of
from tests.factory import PASSWORD, TUESDAY, a_case, as_agent
from tests.people import a_person

pytestmark = pytest.mark.django_db
LATER = TUESDAY + timedelta(minutes=5)
BILLING = {"subject": "Factura 4477", "body": "Hay un cobro de más.", "request_type": "billing"}
VAGUE = {"subject": "Ayuda", "body": "¿Me pueden llamar?", "request_type": "commercial"}


def verdicts_of(ticket):
    """Return the payloads of its verdicts, the first one first."""
    kind = events.VerdictGiven.kind
    return [event.payload for event in queries.chain_of(ticket) if event.kind == kind]


def test_a_verdict_keeps_what_was_proposed():
    """By which rules, whether it was followed or not; a second one stands beside the first."""
    case, by = a_case(**BILLING), as_agent()
    judge_scope(ticket_id=case.pk, verdict="billing", actor=by, now=TUESDAY)
    judge_scope(ticket_id=case.pk, verdict="in_scope", why=" Es un 504\x00 ", actor=by, now=LATER)
    first, second = verdicts_of(case)
    evidence = ["form:request_type", "billing_words"]
    assert first == {
        "in_scope": False, "clause": "billing", "why": "", "suggested": "billing",
        "suggested_by": "rules", "evidence": evidence,
    }  # fmt: skip
    assert second == first | {"in_scope": True, "clause": None, "why": "Es un 504"}
    case.refresh_from_db()
    assert case.verdict == "in_scope"
    met = [clock for clock in case.clocks if clock["metric"] == "scope_verdict"]
    assert [clock["state"] for clock in met] == ["met"]


def test_a_verdict_without_a_proposal_says_so():
    """A rule of the team's own, or a case that says nothing, has none."""
    case = a_case(subject="Ayuda", body="Hola", request_type="incident", environment="production")
    commands.classify_ticket(
        ticket_id=case.pk, service="", environment="", request_type="",
        actor=as_agent(), now=TUESDAY,
    )  # fmt: skip
    case.refresh_from_db()
    assert suggestion_of(case, queries.chain_of(case)) is None
    judge_scope(ticket_id=case.pk, verdict="commercial", actor=as_agent(), now=TUESDAY)
    assert verdicts_of(case)[0]["suggested_by"] == ""


def test_a_verdict_by_no_clause_of_the_agreement_is_refused():
    """What is recorded can be explained."""
    with pytest.raises(UnknownChoice):
        judge_scope(ticket_id=a_case().pk, verdict="nothing", actor=as_agent(), now=TUESDAY)


def test_a_verdict_from_before_reads_as_it_was():
    """Old events have neither a why nor a proposal."""
    old = events.from_json("verdict.given", {"in_scope": False, "clause": "billing"})
    assert (old.why, old.suggested, old.suggested_by, old.evidence) == ("", "", "", [])


def test_why_is_for_the_team_alone():
    """The requester sees that it was decided, and never why."""
    case = a_case(requester=a_person(), **BILLING)
    why = "Lo de siempre con este cliente"
    judge_scope(ticket_id=case.pk, verdict="billing", why=why, actor=as_agent(), now=TUESDAY)
    requester = Client()
    requester.login(email="compras@andina.example", password=PASSWORD)
    page = requester.get(f"/hc/es/requests/{case.number}/").content.decode()
    assert case.subject in page
    assert why not in page
    agent = Client()
    agent.login(email="agente1@demo.example", password=PASSWORD)
    assert why in agent.get(f"/desk/tickets/{case.number}/").content.decode()


@pytest.mark.parametrize("body", ["Hay un cobro de más.", "Hay un cobro. " * 400])
def test_a_case_without_a_verdict_costs_the_same(body, django_assert_max_num_queries):
    """However long the request is: the body and the model, and the answers where there are any."""
    case = a_case(**BILLING | {"body": body})
    chain = queries.chain_of(case)
    case.organization  # noqa: B018 - at hand on the page
    with django_assert_max_num_queries(2):
        suggestion_of(case, chain)


def test_figures_of_scope_and_of_proposals():
    """By clause, by client; by who proposed, followed at once and right in the end."""
    by, people = as_agent(), {
        slug: a_person(f"ti@{slug}.example", company=slug) for slug in ("andina", "boreal")
    }  # fmt: skip
    given = [
        ("andina", BILLING, ["billing"]),
        ("andina", BILLING, ["billing", "in_scope"]),
        ("andina", {}, ["in_scope"]),
        ("boreal", BILLING, ["commercial"]),
        ("boreal", VAGUE, ["commercial"]),
        ("boreal", {}, []),
    ]
    for slug, words, decided in given:
        case = a_case(requester=people[slug], **words)
        for minute, verdict in enumerate(decided):
            now = TUESDAY + timedelta(minutes=minute)
            judge_scope(ticket_id=case.pk, verdict=verdict, actor=by, now=now)
    ruled = a_case(requester=people["boreal"], **BILLING)
    commands.give_verdict(
        ticket_id=ruled.pk, in_scope=False, clause="billing", actor=Actor.system("x"), now=TUESDAY
    )
    since = TUESDAY - timedelta(days=1)
    figures = rates(since, LATER)
    assert (figures.opened, figures.decided, figures.out, figures.percent) == (7, 6, 4, 67)
    assert figures.by_clause == [("billing", 2), ("commercial", 2)]
    assert [(c.name, c.decided, c.out) for c in figures.clients] == [
        ("Distribuidora Boreal", 3, 3),
        ("Distribuidora Andina", 3, 1),
    ]
    fared, changed = proposals(since, LATER)
    rules = fared["rules"]
    assert (rules.made, rules.followed, rules.held) == (5, 4, 3)
    assert (fared[""].made, fared["model"].made, changed) == (1, 0, 1)
    assert rates(LATER, LATER + timedelta(days=1)).decided == 0
