"""What a process keeps of the team, the views and the macros is never older than the database."""

import threading
from datetime import timedelta

import pytest
from django.db import connection, connections, transaction
from django.http import HttpResponse
from django.test import RequestFactory

from plazo.accounts import queries
from plazo.accounts.access import agent_of
from plazo.accounts.domains import domains_of
from plazo.accounts.models import Absence, Agent, Group, IdentityProvider, Organization, User
from plazo.agreements import queries as agreements
from plazo.automation import macros, views
from plazo.automation.models import Macro, SavedView
from plazo.core.kept import KeptReadsMiddleware, kept
from plazo.tickets import filters
from tests.factory import IWS, TUESDAY, an_agent, publish_iws

pytestmark = pytest.mark.django_db
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
CHANGED = f"{IWS.read_text(encoding='utf-8')}\n# Otra versión.\n"


def page(read, method="GET"):
    """Answer one request in which `read` is called; return what it found."""
    found = []

    def view(request):
        found.append(read())
        return HttpResponse()

    KeptReadsMiddleware(view)(RequestFactory().generic(method, "/"))
    return found[0]


def statements(read, method="GET"):
    """Return how many statements a request makes for a read."""
    with connection.execute_wrapper(counting := Counting()):
        page(read, method)
    return counting.made


class Counting:
    made = 0

    def __call__(self, execute, sql, params, many, context):
        self.made += "core_stamp" not in sql
        return execute(sql, params, many, context)


def absent(agent: Agent) -> Absence:
    return Absence.objects.create(agent=agent, begins_at=TUESDAY, ends_at=TUESDAY + DAY)


def a_macro(**changes) -> Macro:
    values = {"name": "Hola", "text_es": "Hola", "created_at": TUESDAY, "updated_at": TUESDAY}
    return Macro.objects.create(**values | changes)


def a_view() -> SavedView:
    return SavedView.objects.create(
        name="Urgentes", scope="shared", conditions=[], filters_version=filters.VERSION,
        columns=[], created_at=TUESDAY, changed_at=TUESDAY,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("read", "change"),
    [
        pytest.param(
            lambda: [agent.level for agent in queries.assignable_agents()],
            lambda: Agent.objects.update(level=2), id="an agent's level",
        ),
        pytest.param(
            lambda: queries.names_of_agents([an_agent().pk]),
            lambda: User.objects.update(name="Otro nombre"), id="a name",
        ),
        pytest.param(
            lambda: [str(group) for group in queries.all_groups()],
            lambda: Group.objects.create(key="otro", name="Otro"), id="a group",
        ),
        pytest.param(
            lambda: list(queries.absences_at(TUESDAY)),
            lambda: absent(an_agent()), id="an absence begins",
        ),
        pytest.param(
            lambda: agent_of(an_agent().user) is None,
            lambda: Agent.objects.update(is_active=False), id="an agent is let go",
        ),
        pytest.param(
            lambda: [macro.pk for macro in macros.offered(an_agent(), None)],
            a_macro, id="a macro",
        ),
        pytest.param(
            lambda: [view.pk for view in views.views_for(an_agent())],
            a_view, id="a shared view",
        ),
        pytest.param(
            lambda: [macro.pk for macro in macros.offered(an_agent(), None)],
            lambda: (
                a_macro(group=Group.objects.create(key="g", name="G")),
                an_agent().groups.add(Group.objects.get(key="g")),
            ),
            id="an agent comes into a group",
        ),
        pytest.param(
            lambda: agreements.version_in_force(TUESDAY).number,
            lambda: publish_iws(source=CHANGED, effective_at=TUESDAY - HOUR), id="a new agreement",
        ),
    ],
)  # fmt: skip
def test_a_change_shows_at_the_next_page_and_without_one_nothing_is_asked(read, change):
    """Kept while nothing changes; read anew after any change; and kept again."""
    an_agent(), an_agent(2), publish_iws()
    before = page(read)
    assert page(read) == before
    change()
    after = page(read)
    assert after != before
    assert page(read) == after


def test_a_page_asks_once_and_the_next_one_not_at_all():
    """What changes something asks each time: what it does must show at once."""
    an_agent()
    read = queries.assignable_agents
    page(read)
    assert [statements(read), statements(read, "POST"), statements(read)] == [0, 1, 0]


def test_a_sign_in_changes_nothing_that_is_kept():
    """Every agent's morning would otherwise empty every process."""
    agent = an_agent()
    page(queries.assignable_agents)
    agent.user.last_login = TUESDAY
    agent.user.save(update_fields=["last_login"])
    assert statements(queries.assignable_agents) == 0


def test_what_is_rolled_back_leaves_nothing_behind():
    """A number is never used twice: what was read in a transaction that failed is not believed."""
    agent = an_agent()
    names = lambda: page(lambda: queries.names_of_agents([agent.pk]))  # noqa: E731
    before = names()
    try:
        with transaction.atomic():
            User.objects.update(name="Nunca")
            assert names() == {agent.pk: "Nunca"}
            raise ZeroDivisionError
    except ZeroDivisionError:
        pass
    assert names() == before
    User.objects.update(name="Por fin")
    assert names() == {agent.pk: "Por fin"}


@pytest.mark.django_db(transaction=True)
def test_a_change_that_is_not_committed_is_nobody_elses():
    """A page that reads between a change and its commit keeps the old, and only until the commit."""
    agent = an_agent()
    before = str(agent)
    read = lambda: page(lambda: queries.names_of_agents([agent.pk])[agent.pk])  # noqa: E731
    changed, look = threading.Event(), threading.Event()

    def change():
        try:
            with transaction.atomic():
                User.objects.filter(pk=agent.user_id).update(name="Nuevo")
                changed.set()
                assert look.wait(20)
        finally:
            connections.close_all()

    thread = threading.Thread(target=change)
    thread.start()
    assert changed.wait(20)
    assert [read(), read()] == [before, before]
    look.set()
    thread.join(20)
    assert read() == "Nuevo"


def test_a_company_signs_in_by_another_domain():
    """The domains of a company's own sign-in are read again when they change."""
    publish_iws()
    company = Organization.objects.create(name="Andina")
    page(lambda: domains_of(company))
    provider = IdentityProvider.objects.create(
        key="x", organization=company, issuer="https://id.example", client_id="x",
        domains=["nueva.example"], created_at=TUESDAY,
    )  # fmt: skip
    assert "nueva.example" in page(lambda: domains_of(company))
    provider.delete()
    assert "nueva.example" not in page(lambda: domains_of(company))


def test_only_so_much_is_kept(monkeypatch):
    """The least asked for is forgotten first."""
    monkeypatch.setattr("plazo.core.kept.MOST", 2)
    an_agent()
    asked = []

    @kept("team")
    def read(key):
        asked.append(key)
        return key

    for key in (1, 2, 1, 3, 1, 2):
        assert page(lambda key=key: read(key)) == key
    assert asked == [1, 2, 3, 2]
