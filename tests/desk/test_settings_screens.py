"""The settings screens: who sees which, and what they do without a script."""

import re
from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from django.db import transaction
from django.test import Client

from plazo.accounts import absences
from plazo.accounts.models import Absence, Agent, Group, Organization, Requester, Role
from plazo.agreements import drafting
from plazo.agreements.models import AgreementDraft, AgreementVersion
from plazo.agreements.queries import draft_of, newest_version
from plazo.config.wiring import connect_readers
from plazo.core import audit
from plazo.core.models import AuditEntry
from plazo.tickets import commands
from plazo.triage.models import ScopeLearning
from tests.database import queries_of
from tests.factory import PASSWORD, TUESDAY, a_case, an_agent, as_agent, publish_iws
from tests.mails import a_mailbox
from tests.people import a_company, a_person, path_in, read_mails

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def world(db):
    """The real agreement is in force, and it is Tuesday at 14:52."""
    connect_readers()
    publish_iws()
    with time_machine.travel(TUESDAY, tick=False):
        yield


def signed_in(role: str) -> Client:
    agent = an_agent(2)
    Agent.objects.filter(pk=agent.pk).update(role=role)
    client = Client()
    client.force_login(agent.user)
    return client


@pytest.fixture
def admin() -> Client:
    return signed_in(Role.ADMINISTRATOR)


A, C, M, R = Role.AGENT, Role.COORDINATOR, Role.MANAGER, Role.ADMINISTRATOR
EVERYONE, COORDINATES, ADMINISTERS = {A, C, M, R}, {C, M, R}, {R}
SCREENS = {
    "": EVERYONE,
    "absences/": EVERYONE,
    "agents/": ADMINISTERS,
    "agents/new/": ADMINISTERS,
    "agents/{agent}/": ADMINISTERS,
    "groups/": ADMINISTERS,
    "groups/new/": ADMINISTERS,
    "groups/soporte/": ADMINISTERS,
    "mailboxes/": ADMINISTERS,
    "mailboxes/soporte/": ADMINISTERS,
    "agreement/": COORDINATES,
    "services/": COORDINATES,
    "services/esd/": COORDINATES,
    "services/new/": COORDINATES,
    "calendars/new/?copy=support": COORDINATES,
    "fields/": COORDINATES,
    "fields/new/": COORDINATES,
    "fields/method/": COORDINATES,
    "calendars/": COORDINATES,
    "calendars/working/": COORDINATES,
    "calendars/always/": COORDINATES,
    "calendars/support/holidays/?country=CO&year=2026": COORDINATES,
    "absences/new/{agent}/": COORDINATES,
    "scope/": COORDINATES,
    "companies/": COORDINATES,
    "companies/new/": COORDINATES,
    "companies/boreal/": COORDINATES,
    "audit/": ADMINISTERS,
}


@pytest.mark.parametrize("role", [A, C, M, R])
def test_each_role_sees_its_screens_and_the_others_do_not_exist(role):
    """A screen is there for those whom it is for; the list names exactly those."""
    other = an_agent(1)
    a_mailbox()
    a_company("boreal")
    client = signed_in(role)
    for path, roles in SCREENS.items():
        answer = client.get("/desk/settings/" + path.format(agent=other.pk))
        assert answer.status_code == (200 if role in roles else 404), path
    listed = client.get("/desk/settings/").content.decode()
    for path in ("agents/", "groups/", "mailboxes/", "agreement/", "scope/", "audit/"):
        assert (f'href="/desk/settings/{path}"' in listed) is (role in SCREENS[path]), path


def test_who_of_sales_answers_for_a_company_is_set_and_stands_in_the_trail(admin):
    """From “nobody yet” to a name; what could not be written to is refused, and nothing is lost."""
    a_mailbox()
    company = a_company("boreal")
    list_, screen = "/desk/settings/companies/", "/desk/settings/companies/boreal/"
    page = admin.get(list_).content.decode()
    assert "Nadie todavía" in page
    assert "Solo sin representante de ventas (1)" in page
    page = admin.get(screen).content.decode()
    assert "están en la etapa «Producción»" in page
    assert 'href="/desk/companies/boreal/"' in page
    rest = {"name": company.name, "stage": company.stage, "services": company.services}
    who = rest | {
        "representative_name": "Representante Boreal",
        "representative_email": "ventas@boreal.example",
    }
    for email, why in (
        ("", "Escriba su dirección"),
        ("soporte@iws.example", "nuestra"),
        ("ventas@", "correo"),
    ):
        refused = admin.post(screen, who | {"representative_email": email})
        assert refused.status_code == 422, email
        assert why in refused.content.decode(), email
        assert "Representante Boreal" in refused.content.decode()
    assert admin.post(screen, who).url == list_
    page = admin.get(list_).content.decode()
    assert "ventas@boreal.example" in page
    assert "Nadie todavía" not in page
    assert "Representante Boreal" in admin.get("/desk/companies/boreal/").content.decode()
    trail = admin.get("/desk/settings/audit/", {"subject": f"organization:{company.pk}"})
    assert "Representante Boreal" in trail.content.decode()
    gone = admin.post(f"{screen}?from=company", rest)
    assert gone.url == "/desk/companies/boreal/"
    assert "Cambiar etapa, servicios o representante" in admin.get(gone.url).content.decode()
    assert [
        row.what for row in AuditEntry.objects.filter(subject=f"organization:{company.pk}")
    ] == ["organization.representative"] * 2
    plain = signed_in(A)
    assert "Cambiar etapa" not in plain.get(gone.url).content.decode()
    assert plain.post(screen, who).status_code == 404


def test_a_company_is_added_goes_on_and_contracts_and_its_people_are_placed(admin):
    """Its stage and services decide at once; a name is one company's; a person is of one company."""
    screen = "/desk/settings/companies/"
    new = {"name": "  Integrador   Nuevo ", "stage": "testing", "services": ["esd"]}
    assert admin.post(f"{screen}new/", new).url == screen
    company = Organization.objects.get()
    assert (company.name, company.slug) == ("Integrador Nuevo", "integrador-nuevo")
    again = admin.post(f"{screen}new/", new | {"name": "integrador nuevo"})
    assert again.status_code == 422
    assert "Ya hay una empresa que se llama integrador nuevo" in again.content.decode()
    assert admin.post(f"{screen}new/", new | {"services": ["nada"]}).status_code == 422

    person = a_person("alguien@nuevo.example", "Alguien", company=None)
    page = f"/desk/people/{person.pk}/"
    for wrong in ("", "0", "x"):
        refused = admin.post(f"{page}company/", {"company": wrong}, follow=True)
        assert "Elija una empresa de la lista" in refused.content.decode()
    placed = admin.post(f"{page}company/", {"company": company.pk}, follow=True)
    assert "Integrador Nuevo" in placed.content.decode()
    case = a_case(requester=Requester.objects.get(pk=person.pk), service="catalog")
    assert (
        "Sin derecho a soporte todavía"
        in admin.get(f"/desk/tickets/{case.number}/").content.decode()
    )

    done = new | {"name": company.name, "stage": "production", "services": ["esd", "catalog"]}
    assert admin.post(f"{screen}{company.slug}/", done).url == screen
    assert admin.post(f"{screen}{company.slug}/", done).url == screen
    assert (
        "Sin derecho a soporte" not in admin.get(f"/desk/tickets/{case.number}/").content.decode()
    )
    other = a_company("boreal")
    refused = admin.post(f"{page}company/", {"company": other.pk}, follow=True)
    assert "alguien@nuevo.example" in refused.content.decode()
    assert Requester.objects.get(pk=person.pk).organization_id == company.pk
    said = AuditEntry.objects.filter(subject=f"organization:{company.pk}").order_by("pk")
    assert [row.what for row in said] == [
        "organization.added",
        "organization.person_placed",
        "organization.changed",
    ]
    assert signed_in(A).post(f"{page}company/", {"company": other.pk}).status_code == 404


def test_companies_are_found_a_page_at_a_time_at_the_same_cost(admin):
    """By a part of the name, or those without one; each comes once; queries do not grow."""
    screen = "/desk/settings/companies/"
    a_company("boreal")
    few = queries_of(admin, screen)
    Organization.objects.bulk_create(
        Organization(name=f"Compañía {n:03}", slug=f"c-{n}", stage="production",
                     representative_email="v@x.example" if n % 2 else "")
        for n in range(120)
    )  # fmt: skip
    assert queries_of(admin, screen) == few
    shown, address = [], screen
    while address:
        page = admin.get(address).content.decode()
        shown += re.findall(r'data-walk href="/desk/settings/companies/([\w-]+)/"', page)
        more = re.search(r'rel="next" href="(.*?)"', page)
        address = screen + more[1] if more else ""
    assert len(shown) == len(set(shown)) == Organization.objects.count()
    page = admin.get(screen, {"q": "ñía 00", "show": "without"}).content.decode()
    assert len(re.findall(r"companies/c-\d+/", page)) == 5
    assert "Ninguna empresa" in admin.get(screen, {"q": "zzz"}).content.decode()


def test_learned_proposals_are_turned_off_and_asked_for_anew(admin):
    """Each is a form that posts, and stands in the trail in words."""
    page = admin.get("/desk/settings/scope/").content.decode()
    assert "Hacen falta 200 dictámenes" in page
    admin.post("/desk/settings/scope/switch/", {"on": "0"})
    assert "Está apagado" in admin.get("/desk/settings/scope/").content.decode()
    assert not ScopeLearning.objects.get().is_on
    admin.post("/desk/settings/scope/switch/", {"on": "1"})
    admin.post("/desk/settings/scope/learn/")
    assert ScopeLearning.objects.get().next_at is not None
    trail = admin.get("/desk/settings/audit/").content.decode()
    assert "Propuestas aprendidas encendidas o apagadas" in trail
    assert "Se pidió aprender de nuevo" in trail
    assert signed_in(C).get("/desk/settings/scope/?days=90").status_code == 200
    assert signed_in(A).post("/desk/settings/scope/switch/", {"on": "0"}).status_code == 404


def test_a_screen_costs_the_same_for_one_row_and_for_many(admin):
    """A fixed number of queries, whatever there is to show."""

    def costs() -> dict[str, int]:
        screens = ("absences/", "agents/", "groups/", "agreement/", "calendars/", "audit/")
        return {path: queries_of(admin, f"/desk/settings/{path}") for path in screens}

    an_agent(1)
    few = costs()
    for number in range(8):
        made = invited(admin, f"a{number}@demo.example")
        absences.plan_absence(
            agent_id=made.pk, begins_at=TUESDAY, ends_at=TUESDAY + timedelta(days=1),
            substitute_id=an_agent(1).pk, actor=as_agent(), now=TUESDAY,
        )  # fmt: skip
    assert costs() == few
    assert max(few.values()) <= 10


def invited(admin: Client, email: str, **other: object) -> Agent:
    values = {
        "email": email, "name": email.partition("@")[0], "role": A, "level": 1,
        "language": "es", "time_zone": "America/Bogota", "groups": ["soporte"],
    }  # fmt: skip
    answer = admin.post("/desk/settings/agents/new/", values | other)
    assert answer.status_code == 302, answer.content.decode()
    return Agent.objects.get(user__email=email)


def test_an_agent_is_invited_and_chooses_their_password(admin):
    """By the link in the mail, and only there: it stands in no setting and no trail."""
    an_agent(1)
    made = invited(admin, "nueva@demo.example", title="Especialista")
    assert [group.key for group in made.groups.all()] == ["soporte"]
    assert not made.user.has_usable_password()
    mail = read_mails("nueva@demo.example")[-1]
    path = path_in(mail, "/accounts/password/reset/key/")
    assert "tres días" in mail
    assert path not in str(AuditEntry.objects.values_list("after", flat=True))
    browser = Client()
    form = browser.get(path, follow=True)
    where = form.redirect_chain[-1][0]
    browser.post(where, {"password1": PASSWORD, "password2": PASSWORD})
    browser.post("/accounts/login/", {"login": "nueva@demo.example", "password": PASSWORD})
    assert browser.get("/desk/").status_code == 200
    again = admin.post("/desk/settings/agents/new/", {
        "email": "nueva@demo.example", "name": "Otra", "role": A, "level": 1, "language": "es",
        "time_zone": "America/Bogota",
    })  # fmt: skip
    assert again.status_code == 422
    assert "ya es agente" in again.content.decode()


def test_the_last_administrator_is_told_what_to_do_first(admin):
    """The form comes back with the sentence."""
    me = an_agent(2)
    answer = admin.post(f"/desk/settings/agents/{me.pk}/go/", {"cases_to": ""})
    assert answer.status_code == 422
    assert "Primero haga administrador a alguien más" in answer.content.decode()


def test_a_group_is_made_changed_and_kept_while_cases_belong_to_it(admin):
    """The refusal names the case."""
    member = an_agent(1)
    values = {"name": "Nocturno", "level": "", "email": "", "members": [member.pk]}
    admin.post("/desk/settings/groups/new/", values | {"key": "nocturno"})
    admin.post("/desk/settings/groups/nocturno/", values | {"level": 2})
    group = Group.objects.get(key="nocturno")
    assert (group.level, [a.pk for a in group.agents.all()]) == (2, [member.pk])
    ticket = a_case()
    commands.assign_ticket(
        ticket_id=ticket.pk, assignee_id=None, group_id=group.pk, actor=as_agent(), now=TUESDAY
    )
    refused = admin.post("/desk/settings/groups/nocturno/remove/", follow=True)
    assert ticket.number in refused.content.decode()
    assert Group.objects.filter(key="nocturno").exists()


def test_each_plans_their_own_absence_and_coordinators_anyones():
    """In the person's own zone; whose absence is not theirs to change does not exist."""
    agent, other = an_agent(1), an_agent(2)
    Agent.objects.filter(pk=other.pk).update(role=C)
    mine, theirs = Client(), Client()
    mine.force_login(agent.user)
    theirs.force_login(other.user)
    times = {"begins_at": "2026-11-24T08:00", "ends_at": "2026-11-27T00:00"}
    path = f"/desk/settings/absences/new/{agent.pk}/"
    assert mine.post(path, times | {"substitute": other.pk, "note": "Médico"}).status_code == 302
    absence = Absence.objects.get()
    assert absence.begins_at == datetime(2026, 11, 24, 13, tzinfo=UTC)
    page = mine.get("/desk/settings/absences/").content.decode()
    assert "ausente hasta el jueves 26" in page
    assert "Reemplaza Agente de nivel 2" in page
    assert mine.get(f"/desk/settings/absences/new/{other.pk}/").status_code == 404
    theirs.post(f"/desk/settings/absences/new/{other.pk}/", times)
    hers = Absence.objects.get(agent=other)
    assert mine.get(f"/desk/settings/absences/{hers.pk}/").status_code == 404
    assert mine.post(f"/desk/settings/absences/{hers.pk}/end/").status_code == 404
    assert theirs.post(f"/desk/settings/absences/{absence.pk}/end/").status_code == 302
    absence.refresh_from_db()
    assert absence.ends_at == TUESDAY


def test_a_case_of_somebody_who_is_away_offers_who_stands_in():
    """The ticket says until when, and one button gives it on."""
    agent, other = an_agent(1), an_agent(2)
    ticket = a_case()
    by = {"actor": as_agent(), "now": TUESDAY}
    commands.assign_ticket(ticket_id=ticket.pk, assignee_id=agent.pk, **by)
    absences.plan_absence(
        agent_id=agent.pk, begins_at=TUESDAY, ends_at=TUESDAY + timedelta(hours=50),
        substitute_id=other.pk, **by,
    )  # fmt: skip
    client = Client()
    client.force_login(other.user)
    page = client.get(f"/desk/tickets/{ticket.number}/").content.decode()
    assert page.count("ausente hasta el jueves 26, 16:52") == 3
    assert "Asignar a Agente de nivel 2, que reemplaza" in page
    client.post(f"/desk/tickets/{ticket.number}/assign/", {"assignee": other.pk})
    page = client.get(f"/desk/tickets/{ticket.number}/").content.decode()
    assert "que reemplaza" not in page


def test_the_trail_reads_in_words_and_is_filtered_and_paged(admin):
    """Who, what, from what to what, in the reader's language; one thing's own history."""
    agent = an_agent(1)
    subject = {"what": "agent.changed", "subject": f"agent:{agent.pk}", "title": "Ana"}
    for number in range(60):
        before, after = ({"role": A}, {"role": C}) if number % 2 else ({"role": C}, {"role": A})
        with transaction.atomic():
            audit.record(**subject, before=before, after=after, actor=as_agent(), now=TUESDAY)
    page = admin.get("/desk/settings/audit/").content.decode()
    assert page.count('<li>\n              <div class="trail__h">') == 50
    assert re.search(r"<del>Agente</del>.*<ins>Coordinador</ins>", page)
    older = re.search(r'href="(\?[^"]*before=[^"]+)"', page)
    assert older is not None
    second = admin.get("/desk/settings/audit/" + older[1].replace("&amp;", "&")).content.decode()
    assert 10 <= second.count('class="trail__h"') < 50
    one = admin.get(f"/desk/settings/audit/?subject=agent:{agent.pk}&about=agent")
    assert "Agente cambiado" in one.content.decode()
    for asked in ("about=group", "who=nadie", "until=2025-11-23", "subject=agent:0"):
        none = admin.get(f"/desk/settings/audit/?{asked}").content.decode()
        assert "Ningún cambio aquí" in none, asked


def test_a_mailboxs_secret_is_in_no_trail(admin):
    """That it was set is written down; what it is, is not."""
    admin.post("/desk/settings/mailboxes/new/", {
        "key": "ventas", "name": "Ventas", "address": "ventas@iws.example", "source": "imap",
        "imap_host": "imap.example", "imap_user": "ventas", "imap_password": "muy secreta",
        "language": "es", "is_active": "on",
    })  # fmt: skip
    entry = AuditEntry.objects.get(what="mailbox.added")
    assert entry.after["secrets_set"] == ["imap_password"]
    assert entry.after["imap_host"] == "imap.example"
    assert "secreta" not in str(entry.after)
    assert "sealed" not in entry.after


def seen() -> int:
    """Return what a page of the agreement carries that is opened now."""
    return drafting.seen_of((draft_of() or newest_version()).source)


def test_a_draft_of_the_agreement_from_the_first_edit_to_the_last_word(admin):
    """Without a script: hours, a holiday, a field; two editors; publishing; nothing before."""
    week: dict[str, object] = {f"day{n}": "7-20" if n < 5 else "" for n in range(7)}
    week |= {"revision": seen()}
    path = "/desk/settings/calendars/support/"
    assert admin.post(path + "week/", week | {"day0": "de sol a sol"}).status_code == 422
    assert admin.post(path + "week/", week).status_code == 302
    late = admin.post(path + "week/", week | {"day5": "9-12"})
    assert late.status_code == 422
    assert "Agente de nivel 2 cambió el borrador" in late.content.decode()
    assert f'name="revision" value="{seen()}"' in late.content.decode()
    query = "holidays/?country=CO&year=2026"
    page = admin.get(path + query).content.decode()
    assert "La Inmaculada Concepción" in page
    assert "13 h menos" in page.replace("\u00a0", " ")
    assert " checked" not in page
    admin.post(path + query, {"revision": seen(), "day": ["2026-12-08", "2026-12-25"]})
    accepted = AuditEntry.objects.filter(what="agreement.draft_changed").latest("pk")
    assert accepted.after["origin"] == "holidays 0.109, CO"
    assert "Uno ya está" not in admin.get(path + query).content.decode()
    assert "2 ya están en el calendario" in admin.get(path + query).content.decode()
    admin.post("/desk/settings/fields/sku/remove/", {"revision": seen()})
    trail = admin.get("/desk/settings/audit/?about=agreement").content.decode()
    assert "<del>sábado: 09:00-17:00; domingo: 09:00-17:00</del>" in trail.replace(
        "lunes: 06:00-22:00; martes: 06:00-22:00; miércoles: 06:00-22:00; jueves: 06:00-22:00;"
        " viernes: 06:00-22:00; ",
        "",
    )
    page = admin.get("/desk/settings/agreement/").content.decode()
    for words in ("Navidad", "65", "SKU de los productos", "Campo quitado"):
        assert words in page
    assert AgreementVersion.objects.count() == 1
    coordinator = signed_in(C)
    refused = coordinator.post(
        "/desk/settings/agreement/publish/", {"revision": seen(), "when": "now"}
    )
    assert refused.status_code == 404
    Agent.objects.update(role=R)
    past = {"revision": seen(), "when": "later", "effective_at": "2026-11-20T08:00"}
    assert admin.post("/desk/settings/agreement/publish/", past).status_code == 422
    later = past | {"effective_at": "2026-12-01T00:00"}
    assert admin.post("/desk/settings/agreement/publish/", later).status_code == 302
    version = AgreementVersion.objects.get(number=2)
    assert version.effective_at == datetime(2026, 12, 1, 5, tzinfo=UTC)
    assert "# el documento no nombra festivos" in version.source
    assert not AgreementDraft.objects.exists()
    assert version.published_by == "Agente de nivel 2"
