"""The agreement's draft as its screens edit it, without a script: whole, and with nothing lost."""

import re
from datetime import timedelta

import pytest
import time_machine
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from plazo.accounts.models import Agent, Role
from plazo.agreements import drafting
from plazo.agreements.document import AgreementDocument
from plazo.agreements.models import AgreementDraft
from plazo.agreements.queries import draft_of, newest_version
from plazo.config.wiring import connect_readers
from plazo.core.models import AuditEntry
from plazo.tickets import commands
from plazo.tickets.commands import Guidance
from plazo.tickets.errors import UnknownChoice
from plazo.tickets.models import Ticket, TicketField
from tests.factory import TUESDAY, a_case, an_agent, as_agent, publish_iws

pytestmark = pytest.mark.django_db
AT = "/desk/settings/"
CLOUD = {
    "es": "Nube", "en": "Cloud", "key": "cloud", "icon": "layers", "hint_es": "Respaldo",
    "hint_en": "Backup", "clients_es": "De nube", "clients_en": "Of cloud",
    "asked": ["order_number"],
}  # fmt: skip
REGION = {
    "label_es": "Región", "label_en": "Region", "key": "region", "kind": "choice",
    "options": "Norte = North\nSur | South", "services": ["cloud"],
}  # fmt: skip
NIGHT = {"es": "Noche", "en": "Night", "key": "night", "zone": "America/Lima", "day0": "22-6"}


@pytest.fixture(autouse=True)
def world(db):
    """The real agreement is in force, and it is Tuesday at 14:52."""
    connect_readers()
    publish_iws()
    with time_machine.travel(TUESDAY, tick=False):
        yield


@pytest.fixture
def admin() -> Client:
    agent = an_agent(2)
    Agent.objects.filter(pk=agent.pk).update(role=Role.ADMINISTRATOR)
    client = Client(headers={"accept-language": "es"})
    client.force_login(agent.user)
    return client


def seen() -> int:
    """Return what a page of the agreement carries that is opened now."""
    return drafting.seen_of((draft_of() or newest_version()).source)


def now_says() -> AgreementDocument:
    """Return the agreement as it is being worked on."""
    return (draft_of() or newest_version()).document


def send(client: Client, path: str, values: dict[str, object] | None = None) -> str:
    """Send what a form or a button of a page that was just opened sends; return what is shown."""
    answer = client.post(AT + path, {"revision": seen()} | (values or {}), follow=True)
    return answer.content.decode()


def test_a_service_is_added_asked_ordered_published_and_only_then_offered(admin):
    """From nothing to the portal's form, and no case is about it before its version holds."""
    visitor = Client(headers={"accept-language": "es"})
    assert "Guardado en el borrador" in send(admin, "services/new/", CLOUD)
    send(admin, "fields/new/", REGION)
    shown = send(admin, "services/cloud/up/")
    assert "«Nube» es ahora el número 4 de 5" in shown
    assert re.search(r'autofocus aria-label="Subir «Nube»"', shown)
    send(admin, "fields/region/up/", {"service": "cloud"})
    assert [f.key for f in now_says().fields][-2:] == ["region", "invoice_number"]
    rehearsed = admin.get(AT + "agreement/?at=2026-11-24T15:00&service=cloud").content.decode()
    for words in ("El formulario preguntará sobre «Nube»", "hoy no se ofrece", "Norte, Sur"):
        assert words in rehearsed
    assert 'value="cloud"' not in _form(visitor)
    with pytest.raises(UnknownChoice):
        a_case(service="cloud")
    later = {"when": "later", "effective_at": "2026-11-25T00:00"}
    send(admin, "agreement/publish/", later)
    assert 'value="cloud"' not in _form(visitor)
    with time_machine.travel(TUESDAY + timedelta(days=1), tick=False):
        form = _form(visitor)
    assert form.index('value="whitelabel"') < form.index('value="cloud"')
    assert re.search(r'<select name="field_region".*?<option value="Sur">', form, re.DOTALL)


def _form(visitor: Client) -> str:
    return visitor.get("/hc/es/requests/new/").content.decode()


def test_a_service_is_retired_and_past_cases_keep_its_name(admin):
    """No new case is about it; it is never removed, and it can be offered again."""
    old = a_case(service="esd")
    send(admin, "services/esd/retire/")
    assert "Retirado" in admin.get(AT + "services/").content.decode()
    refused = send(admin, "services/esd/remove/")
    assert "Retírelo: así ningún caso nuevo puede tratar de él" in refused
    send(admin, "agreement/publish/", {"when": "now"})
    assert 'value="esd"' not in _form(Client())
    with pytest.raises(UnknownChoice):
        a_case(service="esd", now=TUESDAY)
    page = admin.get(f"/desk/tickets/{old.number}/").content.decode()
    assert "Licencias ESD" in page
    assert "Licencias ESD" in admin.get("/desk/").content.decode()
    for key in ("physical", "whitelabel"):
        send(admin, f"services/{key}/retire/")
    assert "Ofrezca primero otro" in send(admin, "services/catalog/retire/")
    send(admin, "services/esd/offer/")
    assert list(now_says().offered) == ["esd", "catalog"]


def test_a_calendar_is_added_used_and_kept_while_something_runs_on_it(admin):
    """From nothing or like another; what runs on it is named before it can go."""
    begun = admin.get(AT + "calendars/new/?copy=support").content.decode()
    assert begun.count('value="6:00–22:00"') == 5
    refused = send(admin, "calendars/new/", NIGHT | {"day0": ""})
    assert "Escriba las horas de un día al menos" in refused
    assert 'value="Noche"' in refused
    assert "America/Lima" in send(admin, "calendars/new/", NIGHT)
    warned = admin.get(AT + "agreement/").content.decode()
    assert "<b>Aviso</b>" in warned
    assert "nada corre con el calendario «night» (quítelo o úselo)" in warned
    english = admin.get(AT + "agreement/", headers={"accept-language": "en"}).content.decode()
    assert "nothing runs on the calendar &#x27;night&#x27; (remove it, or use it)" in english
    send(admin, "calendars/night/run/", {"what": ["promise:standard:first_reply:"]})
    assert now_says().policies[0].targets[0].calendar == "night"
    trail = admin.get(AT + "audit/?about=agreement").content.decode()
    assert "Primera respuesta" in trail
    refused = send(admin, "calendars/night/remove/")
    assert "«Primera respuesta» corre con él" in refused
    send(admin, "calendars/support/run/", {"what": ["promise:standard:first_reply:"]})
    send(admin, "calendars/night/remove/")
    assert "night" not in now_says().calendars
    send(
        admin, "calendars/support/names/", {"es": "Horario", "en": "Hours", "zone": "America/Lima"}
    )
    assert now_says().calendars["support"].name.es == "Horario"


@pytest.mark.parametrize(
    ("path", "values", "words"),
    [
        ("services/new/", CLOUD | {"key": "esd"}, "Elija otra clave"),
        ("services/new/", CLOUD | {"key": "new"}, "Elija otra clave"),
        ("services/new/", CLOUD | {"key": "Nube 1"}, "Empiece con una letra minúscula"),
        ("services/whitelabel/", CLOUD | {"asked": []}, "Quítelo primero, o dele otro servicio"),
        ("services/gone/", CLOUD, "ya no está en el acuerdo"),
        ("fields/new/", REGION | {"options": "Norte"}, "en los dos idiomas"),
        ("fields/new/", REGION | {"options": "Norte = North"}, "con una no hay qué elegir"),
        ("fields/new/", REGION | {"options": "a = b\na = c"}, "quite una"),
        ("fields/new/", REGION | {"options": f"{'a' * 121} = b\nc = d"}, "120 caracteres"),
        ("fields/new/", REGION | {"kind": "line"}, "deje vacías las opciones"),
        ("fields/gone/", REGION | {"key": "gone", "services": []}, "ya no está en el acuerdo"),
        ("calendars/new/", NIGHT | {"day0": "8-12, 11-14"}, "sepárelas o únalas"),
        ("calendars/new/", NIGHT | {"zone": "EST"}, "America/Bogota"),
        ("calendars/support/week/", {"day0": ""}, "Escriba las horas de un día al menos"),
        ("calendars/support/week/", {"day0": "22-6", "day1": "5-9"}, "Sepárelos o únalos"),
    ],
)  # fmt: skip
def test_what_is_refused_says_what_to_do_and_keeps_what_was_typed(admin, path, values, words):
    """The form comes back with the sentence, every word in it, and no draft."""
    answer = admin.post(AT + path, {"revision": seen()} | values)
    page = answer.content.decode().replace("&#x27;", "'")
    assert answer.status_code == 422
    assert words in page
    typed = [each for each in values.values() if isinstance(each, str) and each]
    assert [each for each in typed if each not in page] == []
    assert not AgreementDraft.objects.exists()


def test_who_comes_second_keeps_what_they_wrote_and_sees_what_the_draft_says_now(admin):
    """Two edit a service at once: nothing is overwritten unseen, and it is sent again as it is."""
    mine = {"revision": seen()} | CLOUD | {"es": "Mi nombre"}
    del mine["key"]
    theirs = mine | {"es": "Su nombre", "en": "ESD"}
    assert admin.post(AT + "services/esd/", theirs).status_code == 302
    answer = admin.post(AT + "services/esd/", mine)
    page = answer.content.decode()
    assert answer.status_code == 422
    assert 'value="Mi nombre"' in page
    assert "El borrador dice ahora otra cosa" in page
    assert re.search(r"<dt>Nombre en español</dt><dd[^>]*>Su nombre</dd>", page)
    assert now_says().services["esd"].name.es == "Su nombre"
    again = re.search(r'name="revision" value="(\d+)"', page)
    assert again is not None
    assert admin.post(AT + "services/esd/", mine | {"revision": again[1]}).status_code == 302
    assert now_says().services["esd"].name.es == "Mi nombre"
    gone = admin.post(AT + "fields/gone/", {"revision": 1} | REGION | {"services": []})
    page = gone.content.decode()
    assert 'action="/desk/settings/fields/new/"' in page
    assert 'value="gone"' in page
    moved = admin.post(AT + "services/esd/down/", {"revision": mine["revision"]}, follow=True)
    assert "cambió el borrador mientras tanto" in moved.content.decode()
    assert next(iter(now_says().services)) == "esd"


def test_a_screen_costs_the_same_for_few_and_for_many(admin):
    """A fixed number of queries, whatever the agreement has."""

    def costs() -> list[int]:
        found = []
        for path in ("services/", "fields/", "calendars/", "calendars/new/", "agreement/?at="):
            with CaptureQueriesContext(connection) as made:
                assert admin.get(AT + path).status_code == 200
            found.append(len(made))
        return found

    send(admin, "services/new/", CLOUD)
    costs()
    few = costs()
    for number in range(2):
        send(admin, "services/new/", CLOUD | {"key": f"c{number}"})
        send(admin, "fields/new/", REGION | {"key": f"f{number}"})
        send(admin, "calendars/new/", NIGHT | {"key": f"n{number}"})
    assert costs() == few


def test_an_answer_that_is_chosen_is_one_of_the_options_in_each_ones_language(admin):
    """The requester chose it in English; the agent reads it in Spanish, and can choose another."""
    send(admin, "fields/new/", REGION | {"services": []})
    send(admin, "agreement/publish/", {"when": "now"})
    ticket = a_case(now=TUESDAY, language="en", guidance=Guidance(fields={"region": "South"}))
    page = admin.get(f"/desk/tickets/{ticket.number}/").content.decode()
    assert re.search(r"<dt>Región</dt><dd[^>]*>Sur</dd>", page)
    assert '<option value="South" selected>Sur</option>' in page
    by = {"ticket_id": ticket.pk, "actor": as_agent(), "now": TUESDAY}
    with pytest.raises(UnknownChoice):
        commands.set_fields(values={"region": "Este"}, **by)
    commands.set_fields(values={"region": "North"}, **by)
    assert TicketField.objects.get(ticket=ticket).value == "North"


def test_each_edit_is_in_the_trail_in_words(admin):
    """What was added, in which order, and what was retired."""
    send(admin, "services/new/", CLOUD)
    send(admin, "services/cloud/up/")
    send(admin, "services/esd/retire/")
    send(admin, "services/cloud/remove/")
    entries = list(AuditEntry.objects.filter(what="agreement.draft_changed").order_by("pk"))
    assert [each.title.partition(" · ")[2] for each in entries] == [
        "Nube", "Nube", "Licencias ESD", "Nube",
    ]  # fmt: skip
    assert entries[0].before == {}
    assert entries[0].after["name"] == {"es": "Nube", "en": "Cloud"}
    assert entries[1].before["ordering"][-1] == entries[1].after["ordering"][-2] == "Nube"
    assert (entries[2].before, entries[2].after) == ({"retired": False}, {"retired": True})
    assert entries[3].after == {}
    page = admin.get(AT + "audit/?about=agreement").content.decode()
    for words in ("A quién se atiende", "Icono", "Orden", "Retirado"):
        assert words in page
    assert Ticket.objects.count() == 0
