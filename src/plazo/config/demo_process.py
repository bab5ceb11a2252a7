"""The demo's cases of the agreement's process: areas, waits, promises, the ladder, the end."""

from datetime import datetime, time, timedelta
from typing import Final

from plazo.accounts.access import actor_of_requester
from plazo.accounts.models import Agent, Organization
from plazo.agreements.queries import version_in_force
from plazo.config.demo_telling import Case, Teller, minutes
from plazo.core import localtime
from plazo.core.actor import Actor
from plazo.escalation.settings import set_rota
from plazo.tickets import commands
from plazo.tickets.bodies import written_plain
from plazo.tickets.models import AreaAsk, Ticket
from plazo.triage.commands import Question, hand_off
from plazo.triage.scope_suggesting import judge_scope

HANDOVER: Final = time(8)
ROTAS: Final = {1: ("agente1", "agente2"), 2: ("coordinacion", "gerencia")}
MAIL: Final = Actor.system("mail")


def set_up_ladder(now: datetime) -> None:
    """Let level 1 and the coordinators be on call by weekly turns, from this week's Monday on."""
    zone = version_in_force(now).sla.calendars["support"].zone
    today = localtime.local(now - timedelta(hours=HANDOVER.hour), zone).date()
    agents = {a.user.email.split("@")[0]: a.pk for a in Agent.objects.select_related("user")}
    for step, names in ROTAS.items():
        set_rota(
            step=step,
            zone=zone,
            begins_on=today - timedelta(days=today.weekday()),
            hands_over_at=HANDOVER,
            agent_ids=[agents[name] for name in names],
            actor=Actor.system("demo"),
            now=now,
        )


def tell_before(t: Teller) -> None:
    """Tell what began days or hours ago, the oldest first."""
    _reminded(t)
    _outage(t)
    _invoice(t)
    _waiting_for_area(t)
    _broken(t)
    _moved(t)


def tell_now(t: Teller, *, solved: Case, level_two: Case, late: Case) -> None:
    """Tell how the day's cases went on, what has just come in and what rings; then let what falls
    due until now happen, and send the mails.
    """
    found = Ticket.objects.get(subject=solved.subject)
    commands.set_outcome(
        ticket_id=found.pk,
        cause="question",
        solution="explained",
        actor=t.agents["agente1"],
        now=t.later(found.opened_at, 26),
    )
    _promised(t, level_two)
    _climbed(t, late)
    t.open(_LICENSE)
    _down(t)
    for pk in Ticket.objects.order_by("pk").values_list("pk", flat=True):
        t.let_pass(pk, t.now)
        t.post(pk)


def _promised(t: Teller, case: Case) -> None:
    """A coordinator has promised an update within the hour."""
    found = Ticket.objects.get(subject=case.subject)
    promised = t.later(found.opened_at, 40)
    t.let_pass(found.pk, promised)
    commands.make_promise(
        ticket_id=found.pk,
        by=t.now + minutes(50),
        actor=t.agents["coordinacion"],
        now=promised,
    )


def _climbed(t: Teller, case: Case) -> None:
    """Level 1 is late, and the customer climbs: it rings at level 2."""
    found, climbed = Ticket.objects.get(subject=case.subject), t.before(minutes(9))
    t.let_pass(found.pk, climbed)
    commands.request_escalation(
        ticket_id=found.pk,
        words="Seguimos vendiendo con precios de ayer. Necesitamos que alguien lo tome.",
        actor=actor_of_requester(t.requesters[case.requester]),
        now=climbed,
    )


def _down(t: Teller) -> None:
    """The outage of now: at severity A, round the clock, so it is told in clock time."""
    one = t.agents["agente1"]
    pk, at = t.open(_DOWN, at=t.now - minutes(61))
    judge_scope(ticket_id=pk, verdict="in_scope", actor=one, now=t.later(at, 8))
    commands.reply_to_ticket(
        ticket_id=pk,
        body="Lo confirmamos: ninguna llamada de su tienda llega a IWS. Lo pasamos a nivel 2 con"
        " severidad A.",
        actor=one,
        now=t.later(at, 11),
    )
    commands.enter_level(
        ticket_id=pk,
        level=2,
        severity="A",
        impact="La tienda no vende: todas las llamadas a IWS terminan sin respuesta.",
        actor=one,
        now=t.later(at, 13),
    )


def _reminded(t: Teller) -> None:
    """A wait of five days for the requester, who was reminded twice and has said nothing."""
    two = t.agents["agente2"]
    pk, at = t.open(_IMAGES, at=t.support.next_open(t.now - timedelta(days=5)))
    judge_scope(ticket_id=pk, verdict="in_scope", actor=two, now=t.after(at, 9))
    commands.reply_to_ticket(
        ticket_id=pk,
        body="Para revisarlo necesitamos tres SKU de ejemplo y la hora de una de las descargas.",
        then="pending",
        waiting_for="requester",
        reason="Tres SKU de ejemplo y la hora de una descarga",
        actor=two,
        now=t.after(at, 18),
    )


def _outage(t: Teller) -> None:
    """Severity A of the day before: it rang, a coordinator had it, what was promised was kept, and
    it was solved with its cause and its solution.
    """
    one, lead = t.agents["agente1"], t.agents["coordinacion"]
    pk, at = t.open(_OUTAGE)
    judge_scope(ticket_id=pk, verdict="in_scope", actor=one, now=t.later(at, 5))
    commands.enter_level(
        ticket_id=pk,
        level=2,
        severity="A",
        impact="Ninguna orden entra; la venta en línea está detenida.",
        actor=one,
        now=t.later(at, 7),
    )
    t.let_pass(pk, t.later(at, 54))
    commands.answer_ladder(ticket_id=pk, by="link", actor=lead, now=t.later(at, 54))
    commands.assign_ticket(ticket_id=pk, assignee_id=lead.id, actor=lead, now=t.later(at, 55))
    commands.reply_to_ticket(
        ticket_id=pk,
        body="El proveedor de licencias dejó de responder. Activamos la ruta alterna y le contamos"
        " cómo va antes de la hora que indicamos.",
        promise_by=t.later(at, 120),
        actor=lead,
        now=t.later(at, 58),
    )
    commands.reply_to_ticket(
        ticket_id=pk,
        body="Las órdenes entran de nuevo por la ruta alterna, y las que quedaron en Processing ya"
        " tienen su llave. El proveedor confirmó que corrigió la falla.",
        then="solved",
        outcome=commands.Outcomes("third_party", "workaround"),
        actor=lead,
        now=t.later(at, 104),
    )
    requester = actor_of_requester(t.requesters[_OUTAGE.requester])
    t.post(pk)
    commands.confirm_solution(ticket_id=pk, actor=requester, now=t.later(at, 131))
    commands.rate_ticket(
        ticket_id=pk,
        score=5,
        words="Nos avisaron antes de que llamáramos.",
        actor=requester,
        now=t.later(at, 133),
    )


def _invoice(t: Teller) -> None:
    """An invoice: to the client's own representative, silent and reminded, and then answered."""
    two = t.agents["agente2"]
    pk, at = t.open(_INVOICE)
    company = Organization.objects.get(requesters__email=_INVOICE.requester)
    _hand_off(
        t,
        pk,
        at,
        two,
        clause="billing",
        question=Question(
            area="credit",
            route="representative",
            name=company.representative_name,
            email=company.representative_email,
            consent="yes",
            body="La factura 77120 cobra dos veces el envío de la orden 4500916004. ¿La revisa con"
            " Crédito y nos cuenta qué procede?",
        ),
        reply="Su solicitud es de facturación y la atiende el departamento de Crédito. La pasamos"
        " a su representante de ventas y seguimos el caso hasta que se resuelva.",
    )
    answered = t.before(minutes(16))
    t.let_pass(pk, answered)
    commands.record_area_answer(
        ask_id=AreaAsk.objects.get(ticket=pk).pk,
        written=written_plain(
            "Crédito confirma el cobro doble. La nota crédito sale hoy y la verán en su estado de"
            " cuenta mañana."
        ),
        actor=MAIL,
        now=answered,
    )


def _waiting_for_area(t: Teller) -> None:
    """A development environment: to Integrations, which was reminded before its answer is due."""
    one = t.agents["agente1"]
    pk, at = t.open(_SANDBOX)
    _hand_off(
        t,
        pk,
        at,
        one,
        clause="environment",
        question=Question(
            area="integrations",
            route="area",
            email=version_in_force(t.now).document.areas["integrations"].email or "",
            consent="yes",
            body="Las credenciales de prueba del cliente vencieron y no puede seguir con su"
            " integración. ¿Le generan unas nuevas?",
        ),
        reply="Su caso es del ambiente de desarrollo o pruebas, que atiende el equipo de"
        " Integraciones. Le trasladamos su solicitud y seguimos el caso hasta que se resuelva.",
    )


def _hand_off(
    t: Teller, pk: int, at: datetime, agent: Actor, *, clause: str, question: Question, reply: str
) -> None:
    commands.assign_ticket(ticket_id=pk, assignee_id=agent.id, actor=agent, now=t.after(at, 6))
    judge_scope(ticket_id=pk, verdict=clause, actor=agent, now=t.after(at, 10))
    hand_off(
        ticket_id=pk,
        question=question,
        clause=clause,
        reply=reply,
        waits=True,
        actor=agent,
        now=t.after(at, 12),
    )


def _broken(t: Teller) -> None:
    """A promise that was moved once, with its reason, and then broken."""
    one, lead = t.agents["agente1"], t.agents["coordinacion"]
    pk, at = t.open(_STOCK)
    judge_scope(ticket_id=pk, verdict="in_scope", actor=one, now=t.after(at, 14))
    commands.enter_level(
        ticket_id=pk,
        level=2,
        severity="C",
        impact="Los pedidos salen bien; el reporte de la bodega 3 llega con un día de atraso.",
        actor=one,
        now=t.after(at, 16),
    )
    commands.assign_ticket(ticket_id=pk, assignee_id=lead.id, actor=lead, now=t.after(at, 20))
    commands.reply_to_ticket(
        ticket_id=pk,
        body="Encontramos el proceso que se atrasa. Le contamos el avance a la hora indicada.",
        promise_by=t.after(at, 130),
        actor=lead,
        now=t.after(at, 45),
    )
    t.let_pass(pk, t.after(at, 118))
    commands.move_promise(
        ticket_id=pk,
        promise="update-1",
        by=t.after(at, 190),
        reason="La bodega cierra hoy su inventario y sin él no podemos comparar.",
        actor=lead,
        now=t.after(at, 118),
    )


def _moved(t: Teller) -> None:
    """A solution that was promised, and moved in time with its reason."""
    two, lead = t.agents["agente2"], t.agents["coordinacion"]
    pk, at = t.open(_SIGNATURE)
    judge_scope(ticket_id=pk, verdict="in_scope", actor=two, now=t.after(at, 11))
    commands.enter_level(
        ticket_id=pk,
        level=2,
        severity="B",
        impact="Una de cada veinte llamadas hay que repetirla.",
        actor=two,
        now=t.after(at, 13),
    )
    commands.assign_ticket(ticket_id=pk, assignee_id=lead.id, actor=lead, now=t.after(at, 15))
    commands.reply_to_ticket(
        ticket_id=pk,
        body="Uno de los servidores tiene la hora adelantada y rechaza firmas que son buenas. Lo"
        " corregimos hoy.",
        promise_by=t.now + minutes(30),
        promised="solution",
        actor=lead,
        now=t.after(at, 32),
    )
    commands.move_promise(
        ticket_id=pk,
        promise="solution-1",
        by=t.support.add(t.now, minutes(150)),
        reason="El cambio espera la ventana de mantenimiento del servidor.",
        actor=lead,
        now=t.after(at, 100),
    )


_IMAGES = Case(
    "sistemas@sur.example",
    minutes(0),
    "catalog",
    "question",
    "C",
    "Imágenes del catálogo con baja resolución",
    "GetCatalog devuelve las imágenes de algunos productos en 120 × 120. ¿Hay una versión mayor?",
)
_OUTAGE = Case(
    "ingenieria@norte.example",
    minutes(1300),
    "esd",
    "incident",
    "A",
    "Ninguna orden de licencias entra",
    "Todas las llamadas a PlaceOrder terminan con error 503 desde hace un cuarto de hora.",
)
_INVOICE = Case(
    "cliente.encargado@norte.example",
    minutes(700),
    "physical",
    "billing",
    "C",
    "La factura 77120 cobra dos veces el envío",
    "La factura 77120 trae dos veces el cobro del envío de la orden 4500916004.",
)
_SANDBOX = Case(
    "desarrollo@nuevo.example",
    minutes(440),
    "esd",
    "incident",
    "C",
    "Credenciales de prueba vencidas",
    "El sandbox responde error 401 desde hoy: las credenciales de prueba vencieron.",
    environment="development",
)
_STOCK = Case(
    "sistemas@sur.example",
    minutes(260),
    "physical",
    "incident",
    "C",
    "GetInventory de la bodega 3 llega con un día de atraso",
    "El método GetInventory muestra para la bodega 3 las existencias de ayer.",
)
_SIGNATURE = Case(
    "plataforma@digital.example",
    minutes(170),
    "whitelabel",
    "incident",
    "B",
    "Firmas rechazadas de forma intermitente",
    "Una de cada veinte llamadas con la misma firma devuelve error 401; al repetirla, pasa.",
)
_LICENSE = Case(
    "sistemas@sur.example",
    minutes(14),
    "esd",
    "question",
    "C",
    "Reasignar la licencia a otro equipo",
    "Nuestro cliente cambió de computador y quiere transferir la licencia que ya activó. ¿Cómo se"
    " reinstala?",
)
_DOWN = Case(
    "plataforma@digital.example",
    minutes(0),
    "whitelabel",
    "incident",
    "A",
    "La tienda no puede vender: IWS no responde",
    "Desde hace una hora toda llamada a PlaceOrder y GetInventory termina por tiempo de espera.",
)
