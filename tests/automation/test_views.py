"""Saved views: who writes and sees them, what they are made of, what is written down."""

import itertools
import json
from datetime import timedelta

import pytest
from django.test import Client
from django.urls import reverse
from hypothesis import example, given, settings
from hypothesis import strategies as st

from plazo.accounts.models import Agent, Group, Role, User
from plazo.automation import views
from plazo.automation.errors import BadView, OnlyCoordinatorsShare, TooManyViews
from plazo.automation.models import SavedView
from plazo.automation.views import Definition
from plazo.core.errors import NotVisible
from plazo.core.models import AuditEntry
from plazo.desk.wanted import compact, read_compact, wanted_by
from plazo.tickets import commands, filters, listing
from plazo.tickets.access import tickets_for_agent
from plazo.tickets.errors import BadFilter
from plazo.tickets.models import Ticket
from tests.factory import PASSWORD, TUESDAY, a_case, a_requester, an_agent, as_agent

pytestmark = pytest.mark.django_db
OPEN = {"field": "status", "op": "any_of", "value": ["new", "open"]}


def a_coordinator() -> Agent:
    user = User.objects.create_user("coordina@demo.example", PASSWORD, name="Coordina")
    return Agent.objects.create(user=user, role=Role.COORDINATOR, level=2)


def a_view(agent: Agent, name: str = "Mía", **how) -> SavedView:
    wanted = {
        "scope": "personal",
        "definition": Definition(filters.read([OPEN])),
        "actor": as_agent(),
        "now": TUESDAY,
    }
    return views.create_view(agent_id=agent.pk, name=name, **(wanted | how))


def test_a_view_keeps_what_it_was_made_of():
    """What is stored is read back as it was, in the one order of columns."""
    made = Definition(filters.read([OPEN]), "newest", "status", ("assignee", "severity"))
    view = a_view(an_agent(), definition=made)
    assert views.definition_of(SavedView.objects.get(pk=view.pk)) == made
    assert made.columns == ("severity", "assignee")
    assert view.filters_version == filters.VERSION


@pytest.mark.parametrize(
    "how",
    [
        pytest.param({"ordering": "pk"}, id="an order that is not declared"),
        pytest.param({"grouping": "requester__email"}, id="a group that is not declared"),
        pytest.param({"columns": ("password",)}, id="a column that is not declared"),
    ],
)
def test_only_what_is_declared_can_be_in_a_view(how):
    """An order, a group or a column that is not in the lists is refused when it is named."""
    with pytest.raises(BadView):
        Definition(**how)


def test_who_sees_and_who_writes_which_view():
    """A personal view is its owner's alone; the group's its members'; coordinators write what is
    shared, and nobody else finds another's."""
    agent, other, boss = an_agent(1), an_agent(2), a_coordinator()
    group = Group.objects.get(key="soporte")  # of `agent`
    own = a_view(agent)
    shared = a_view(boss, "De todos", scope="shared")
    grouped = a_view(boss, "Del grupo", scope="group", group_id=group.pk)
    table = [
        # view, who, sees it in the rail, may open it, may write it
        (own, agent, True, True, True),
        (own, other, False, False, False),
        (own, boss, False, False, False),
        (shared, agent, True, True, False),
        (shared, boss, True, True, True),
        (grouped, agent, True, True, False),
        (grouped, other, False, False, False),
        (grouped, boss, False, True, True),
    ]
    for view, who, rail, opens, writes in table:
        row = (view.name, str(who))
        assert (view in views.views_for(who)) == rail, row
        for fetch, allowed in ((views.view_for, opens), (views.view_to_write, writes)):
            try:
                assert fetch(who, view.key) == view
                assert allowed, row
            except NotVisible:
                assert not allowed, row
        client = Client()
        client.force_login(who.user)
        page = client.get(reverse("desk:queue"), {"view": view.key.hex})
        assert (page.status_code == 200) == opens, row
        change = client.post(reverse("desk:view_change", args=[view.key]), {"do": "up"})
        assert (change.status_code == 302) == writes, row


def test_an_agent_shares_nothing():
    """What all use is written by coordinators, whatever a form says."""
    agent = an_agent()
    view = a_view(agent)
    for scope in ("shared", "group"):
        with pytest.raises(OnlyCoordinatorsShare):
            a_view(agent, scope=scope, group_id=Group.objects.get(key="soporte").pk)
        with pytest.raises(OnlyCoordinatorsShare):
            views.change_view(
                view_id=view.pk, agent_id=agent.pk, name="x", scope=scope, definition=Definition(),
                actor=as_agent(), now=TUESDAY,
            )  # fmt: skip
    with pytest.raises(BadView):
        a_view(agent, name="  ")
    with pytest.raises(BadView):
        a_view(a_coordinator(), scope="group", group_id=10**15)


def test_what_is_done_to_a_shared_view_is_written_down():
    """Made, changed, moved, removed: each is in the trail; what is one's own is not."""
    boss = a_coordinator()
    by = {"actor": as_agent(), "now": TUESDAY}
    first, second = (a_view(boss, name, scope="shared") for name in ("Uno", "Dos"))
    views.move_view(view_id=second.pk, by=-1, **by)
    assert [view.name for view in views.views_for(boss)] == ["Dos", "Uno"]
    views.move_view(view_id=second.pk, by=-1, **by)  # it is first already
    views.change_view(
        view_id=first.pk, agent_id=boss.pk, name="Mía", scope="personal",
        definition=views.definition_of(first), **by,
    )  # fmt: skip
    views.remove_view(view_id=second.pk, **by)
    mine = a_view(boss, "Nadie lo ve")
    views.remove_view(view_id=mine.pk, **by)
    trail = AuditEntry.objects.filter(what__startswith="view.").order_by("pk")
    assert list(trail.values_list("what", "title")) == [
        ("view.created", "Uno"),
        ("view.created", "Dos"),
        ("view.moved", "Dos"),
        ("view.changed", "Mía"),
        ("view.removed", "Dos"),
    ]


def test_there_is_an_end_to_views(monkeypatch):
    """An agent keeps so many views; those of others do not count."""
    monkeypatch.setattr(views, "MOST_VIEWS", 2)
    agent = an_agent()
    a_view(an_agent(2))
    a_view(agent, "Uno")
    a_view(agent, "Dos")
    with pytest.raises(TooManyViews):
        a_view(agent, "Tres")


def test_counts_say_when_there_may_be_more(monkeypatch):
    """One walk counts every view; past the cap or its own end, it says that there may be more."""
    agent = an_agent()
    for severity in ("B", "B", "B", "A"):
        a_case(severity=severity)
    asked = {
        "all": filters.all_q(filters.read([OPEN]), filters.Context(TUESDAY, agent)),
        "none": filters.all_q(
            filters.read([{"field": "channel", "op": "any_of", "value": ["api"]}]),
            filters.Context(TUESDAY, agent),
        ),
    }
    tickets = tickets_for_agent(agent)
    assert listing.counts(asked, tickets=tickets) == {"all": (4, False), "none": (0, False)}
    assert listing.counts(asked, tickets=tickets, cap=3)["all"] == (3, True)
    monkeypatch.setattr(listing, "LOOKED_AT", 2)
    assert listing.counts(asked, tickets=tickets) == {"all": (3, True), "none": (0, True)}


@pytest.mark.parametrize(
    ("condition", "reaches"),
    [
        ({"field": "status", "op": "any_of", "value": ["open", "pending"]}, False),
        ({"field": "status", "op": "any_of", "value": ["open", "solved"]}, True),
        ({"field": "status", "op": "none_of", "value": ["solved", "closed"]}, False),
        ({"field": "status", "op": "none_of", "value": ["closed"]}, True),
        ({"field": "severity", "op": "any_of", "value": ["A"]}, True),
    ],
)
def test_what_reaches_into_the_ended(condition, reaches):
    """Only conditions on the status keep solved and closed tickets out for sure."""
    assert listing.reaches_ended(filters.read([condition])) is reaches


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=12),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3)
    ),
    max_leaves=6,
)
FIELD = st.sampled_from(
    [*filters.FIELDS, "pk", "requester__email", "password", "status__in"]
) | st.text(max_size=8)
OP = st.sampled_from([*filters.OPS, "exact", "gt", "regex", "in"])
VALUE = JSON | st.lists(
    st.sampled_from(
        ["me", "mine", "nobody", "none", "A", "open", "2", 10**30, -1, "\ud800", "\x00"]
    ),
    max_size=3,
)


@settings(max_examples=150, deadline=None)
@given(triples=st.lists(st.tuples(FIELD, OP, VALUE), max_size=3))
def test_whatever_an_address_holds_is_read_whole_or_refused(triples):
    """No text of a client reaches a lookup by name: what is read can be asked, all else is told."""
    agent = Agent(pk=1, level=1, is_active=True)
    agent.__dict__["group_keys"] = (1,)
    text = json.dumps(triples)
    try:
        conditions = read_compact(text)
    except BadFilter:
        wanted = wanted_by({"f": text}, agent)
        assert wanted.error
        assert wanted.view == "due"
        assert not wanted.filtered
        return
    assert {each.field for each in conditions} <= set(filters.FIELDS)
    assert read_compact(compact(conditions)) == conditions
    found = listing.tickets_that_meet(conditions, agent=agent, now=TUESDAY)
    assert listing.page(found).tickets == []
    listing.counts({"v": filters.all_q(conditions, filters.Context(TUESDAY, agent))}, tickets=found)


@example(after='2026-11-24T19:52:00+00:00~1~"x"')
@example(after="2026-11-24T19:52:00+00:00~1~99999999999999999999")
@example(after='2026-11-24T19:52:00+00:00~1~"\\ud800"')
@settings(max_examples=20, deadline=None)
@given(
    after=st.text(max_size=40)
    | st.builds(
        "{}~{}~{}".format,
        st.just("2026-11-24T19:52:00+00:00"),
        st.integers(),
        JSON.map(lambda v: json.dumps(v, default=str)),
    )
)
def test_whatever_stands_for_the_next_page_begins_somewhere(after):
    """A place that no page gave begins at the beginning, in every order and group."""
    for grouping in listing.GROUPINGS:
        assert listing.page(Ticket.objects.all(), grouping=grouping, after=after).tickets == []


def test_the_pages_of_every_order_and_group_hold_every_ticket_once():
    """Keyset paging leaves none out and shows none twice, whatever two rows share."""
    agent, requester, by = an_agent(), a_requester(), as_agent()
    for n in range(7):
        ticket = a_case(requester=requester, now=TUESDAY - timedelta(minutes=n // 2))
        if n % 3 == 0:
            commands.assign_ticket(ticket_id=ticket.pk, assignee_id=agent.pk, actor=by, now=TUESDAY)
        if n % 2:
            commands.set_status(ticket_id=ticket.pk, status="solved", actor=by, now=TUESDAY)
    for ordering, grouping in itertools.product(listing.ORDERINGS, listing.GROUPINGS):
        how = {"ordering": ordering, "grouping": grouping}
        seen, after = [], "the beginning"
        while after:
            page = listing.page(Ticket.objects.all(), **how, after=after, size=2)
            seen += [ticket.pk for ticket in page.tickets]
            after = page.next_after
        whole = listing.page(Ticket.objects.all(), **how)
        assert seen == [ticket.pk for ticket in whole.tickets], how
        assert len(set(seen)) == len(seen) == (3 if ordering == "solved" else 7), how
