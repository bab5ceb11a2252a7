"""Demo data: an agreement, people by role, and a day's cases in every state.

Everything goes through the commands, as users do, with their own instants. The cases are placed by
open time before `now`, so whatever the hour at which the demo is started there is something late,
something at risk and something calm. Names are roles: nobody here exists.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.message import EmailMessage
from email.utils import format_datetime
from pathlib import Path

from django.db import transaction

from plazo.accounts.access import actor_of_agent, actor_of_requester
from plazo.accounts.commands import account_for, find_or_create_requester
from plazo.accounts.models import (
    Agent,
    Group,
    Organization,
    Requester,
    RequesterRole,
    Role,
    Stage,
    User,
)
from plazo.agreements.commands import publish_agreement
from plazo.agreements.models import AgreementVersion
from plazo.channels.email.ledger import accept
from plazo.config import demo_automation
from plazo.core.actor import Actor
from plazo.helpcenter.announcing import open_announcement, update_announcement
from plazo.helpcenter.commands import feature_search
from plazo.helpcenter.folder import import_articles
from plazo.helpcenter.loop import work_once
from plazo.helpcenter.models import AnnouncementKind, Article, Impact
from plazo.mailboxes.models import Mailbox, Source
from plazo.notifications import sending
from plazo.notifications.models import MailKind, OutboundMail
from plazo.sla import Calendar
from plazo.tickets import commands
from plazo.tickets.models import Ticket

ARTICLES = Path(__file__).resolve().parent / "demo_articles"
PASSWORD = "plazo-demo-2026"  # noqa: S105 - printed on purpose: it opens demo data only
SIGN_INS = (
    ("agente1@demo.example", "nivel 1 / level 1"),
    ("agente2@demo.example", "nivel 1 / level 1"),
    ("coordinacion@demo.example", "nivel 2 / level 2"),
    ("gerencia@demo.example", "nivel 3 / level 3"),
    ("admin@demo.example", "administración / administrator"),
    ("cliente.encargado@norte.example", "cliente, toda su empresa / client, whole company"),
    ("ingenieria@norte.example", "cliente, sus casos / client, own cases"),
)
_PEOPLE = (
    ("agente1@demo.example", "Especialista Uno", Role.AGENT, 1, "Especialista IWS", ("level1",)),
    ("agente2@demo.example", "Especialista Dos", Role.AGENT, 1, "Especialista IWS", ("level1",)),
    ("coordinacion@demo.example", "Coordinación", Role.COORDINATOR, 2, "Coordinación", ("level2",)),
    ("gerencia@demo.example", "Gerencia", Role.MANAGER, 3, "Manager", ("level2",)),
    ("admin@demo.example", "Administración", Role.ADMINISTRATOR, 1, "Administración", ()),
)
_ORGANIZATIONS = (
    ("Distribuidora Demo Norte", "demo-norte", Stage.PRODUCTION, ["esd", "physical", "catalog"]),
    ("Tienda Demo Digital", "demo-digital", Stage.PRODUCTION, ["esd", "whitelabel"]),
    ("Mayorista Demo Sur", "demo-sur", Stage.PRODUCTION, ["physical", "catalog"]),
    ("Integrador Demo Nuevo", "demo-nuevo", Stage.TESTING, ["esd"]),
)
# Clients who sign in: the others come by a link, or write mails.
_ACCOUNTS = (
    ("cliente.encargado@norte.example", RequesterRole.MANAGER),
    ("ingenieria@norte.example", RequesterRole.MEMBER),
)
_REQUESTERS = (
    ("ingenieria@norte.example", "Ingeniería Norte", "demo-norte"),
    ("cliente.encargado@norte.example", "Encargado Norte", "demo-norte"),
    ("plataforma@digital.example", "Plataforma Digital", "demo-digital"),
    ("sistemas@sur.example", "Sistemas Sur", "demo-sur"),
    ("desarrollo@nuevo.example", "Desarrollo Nuevo", "demo-nuevo"),
)


def agreement_file() -> Path:
    """Return the agreement that the demo runs: the repository's, or the one in the package."""
    here = Path(__file__).resolve()
    inside = here.parent.parent / "agreements" / "files" / "iws.toml"
    return inside if inside.exists() else here.parents[3] / "agreements" / "iws.toml"


def load(*, now: datetime, articles: Path | None = ARTICLES) -> str:
    """Load the agreement and the demo data once; return what was done, in a sentence.

    Units: `articles` is the folder of those that the knowledge base is filled with, if any.
    Edges: all in one transaction: killed half-way, the next start begins anew. A database that
        holds any ticket is left as it is.
    """
    now = now.replace(microsecond=0)  # figures that people can add up
    with transaction.atomic():
        if not AgreementVersion.objects.exists():
            publish_agreement(
                source=agreement_file().read_text(encoding="utf-8"),
                effective_at=datetime(
                    2026, 1, 1, 5, tzinfo=UTC
                ),  # midnight in the agreement's zone
                actor=Actor.system("demo"),
                now=now,
            )
        _people()
        if not Article.objects.exists():
            _knowledge(now, articles)
        if Ticket.objects.exists():
            return "The demo data was there already."
        demo_automation.load(now)
        _Story(now).tell()
    _mails(now)
    return f"Loaded the agreement and {Ticket.objects.count()} demo cases."


def _people() -> None:
    groups = {
        key: Group.objects.get_or_create(
            key=key, defaults={"name": name, "level": level, "email": f"{key}@demo.example"}
        )[0]
        for key, name, level in (("level1", "Nivel 1", 1), ("level2", "Nivel 2", 2))
    }
    for email, name, role, level, title, keys in _PEOPLE:
        user = User.objects.filter(email=email).first() or User.objects.create_user(
            email, PASSWORD, name=name, is_staff=role == Role.ADMINISTRATOR
        )
        agent, _made = Agent.objects.get_or_create(
            user=user, defaults={"role": role, "level": level, "title": title}
        )
        agent.groups.set([groups[key] for key in keys])
    Mailbox.objects.get_or_create(
        key="soporte",
        defaults={
            "name": "Soporte IWS",
            "address": "soporte@demo.example",
            "group": groups["level1"],
            "source": Source.PIPE,
            "is_default": True,
            "trusted_hosts": ["mx.demo.example"],
        },
    )
    for name, slug, stage, services in _ORGANIZATIONS:
        Organization.objects.get_or_create(
            slug=slug,
            defaults={
                "name": name,
                "stage": stage,
                "services": services,
                "representative_name": "Representante de ventas",
                "representative_email": f"ventas@{slug}.example",
            },
        )


def _accounts(now: datetime) -> None:
    """Give some clients accounts, as invitations do."""
    for email, role in _ACCOUNTS:
        user = account_for(email=email, now=now)
        if user is not None and not user.has_usable_password():
            user.set_password(PASSWORD)
            user.save(update_fields=["password"])
        Requester.objects.filter(email=email).update(role=role)


def _knowledge(now: datetime, articles: Path | None) -> None:
    """Fill the knowledge base, and say that one service is slow."""
    if articles is not None:
        import_articles(articles, actor=Actor.system("demo"), now=now)
    for language, words in _SEARCHES:
        feature_search(language=language, words=words)
    begun = now - timedelta(hours=2, minutes=12)
    announcement = open_announcement(
        kind=AnnouncementKind.INCIDENT,
        impact=Impact.DEGRADED,
        services=["esd"],
        title={
            "es": "Demoras intermitentes en PlaceOrder para licencias ESD",
            "en": "Intermittent delays in PlaceOrder for ESD licenses",
        },
        text={
            "es": "Algunas llamadas a PlaceOrder responden con error 504. Las órdenes se crean; la"
            " entrega de la licencia puede tardar hasta 20 minutos. No reenvíe la orden: consulte"
            " su estado.",
            "en": "Some calls to PlaceOrder answer with error 504. Orders are created; the license"
            " may take up to 20 minutes. Do not send the order again: ask for its state.",
        },
        starts_at=begun,
        next_update_at=now + timedelta(minutes=38),
        actor=Actor.system("demo"),
        now=begun,
    )
    update_announcement(
        announcement_id=announcement.pk,
        text={
            "es": "Identificamos la causa entre IWS y el proveedor de licencias. Activamos una ruta"
            " alterna y la estamos midiendo.",
            "en": "We found the cause between IWS and the license provider. We switched to another"
            " route and are measuring it.",
        },
        next_update_at=now + timedelta(minutes=38),
        actor=Actor.system("demo"),
        now=now - timedelta(minutes=47),
    )
    work_once(now)


_SEARCHES = (
    ("es", "error 401"),
    ("es", "reenviar licencia"),
    ("es", "precios desactualizados"),
    ("es", "límite de peticiones"),
    ("en", "error 401"),
    ("en", "resend license"),
    ("en", "outdated prices"),
    ("en", "rate limit"),
)
_MAILS: tuple[tuple[str, str, str, dict[str, str]], ...] = (
    (
        "Sistemas Sur <sistemas@sur.example>",
        "La factura 88213 no cuadra con la orden",
        "Buenos días:\n\nLa factura 88213 trae dos líneas de más.\n\n-- \nSistemas Sur",
        {"Cc": "Bodega Sur <bodega@sur.example>"},
    ),
    (
        "Plataforma Digital <plataforma@digital.example>",
        "Tokens whitelabel vencidos antes de tiempo",
        "Desde ayer duran diez minutos.\n\nEl 23/11/2026, Soporte escribió:\n> ¿Desde cuándo?\n",
        {},
    ),
    (
        "Ingeniería Norte <ingenieria@norte.example>",
        "Respuesta automática: fuera de la oficina",
        "Vuelvo el lunes.",
        {"Auto-Submitted": "auto-replied"},
    ),
)


def _mails(now: datetime) -> None:
    """Put some mails into the ledger; the worker takes them from there like any others."""
    mailbox = Mailbox.objects.get(key="soporte")
    for number, (sender, subject, body, headers) in enumerate(_MAILS):
        message = EmailMessage()
        domain = sender.rpartition("@")[2].rstrip(">")
        message["Authentication-Results"] = f"mx.demo.example; dmarc=pass header.from={domain}"
        message["From"], message["To"], message["Subject"] = sender, mailbox.address, subject
        message["Date"] = format_datetime(now)
        message["Message-ID"] = f"<demo-{number}@{domain}>"
        for name, value in headers.items():
            message[name] = value
        message.set_content(body)
        accept(message.as_bytes(), source=Source.PIPE, mailbox=mailbox, now=now)


@dataclass(frozen=True, slots=True)
class _Case:
    """One case, opened so much open time ago."""

    requester: str
    ago: timedelta
    service: str
    kind: str
    severity: str
    subject: str
    body: str
    environment: str = "production"


class _Story:
    """Tells the demo's cases in the order in which they happened."""

    def __init__(self, now: datetime) -> None:
        self.now = now
        version = AgreementVersion.objects.latest("effective_at")
        self.support: Calendar = version.sla.calendars[version.document.support_calendar]
        self.agents = {
            agent.user.email.split("@")[0]: actor_of_agent(agent)
            for agent in Agent.objects.select_related("user")
        }
        self.requesters: dict[str, Requester] = {}
        for email, name, slug in _REQUESTERS:
            requester = find_or_create_requester(email=email, name=name, now=now)
            Requester.objects.filter(pk=requester.pk).update(
                organization=Organization.objects.get(slug=slug), email_confirmed_at=now
            )
            requester.refresh_from_db()
            self.requesters[email] = requester
        _accounts(now)

    def before(self, open_time: timedelta) -> datetime:
        """Return the instant so much open time before now."""
        left = open_time
        for window in reversed(self.support.windows(self.now - timedelta(days=60), self.now)):
            if left <= window.length:
                return window.end - left
            left -= window.length
        return self.now - timedelta(days=60)

    def open(self, case: _Case) -> tuple[int, datetime]:
        """Open a case; return its key and its instant."""
        requester = self.requesters[case.requester]
        at = self.before(case.ago)
        ticket = commands.open_ticket(
            requester_id=requester.pk,
            subject=case.subject,
            body=case.body,
            service=case.service,
            environment=case.environment,
            request_type=case.kind,
            severity=case.severity,
            actor=actor_of_requester(requester),
            now=at,
        )
        # The receipt goes out at once, as it does where a worker runs: before anybody answers.
        for mail in OutboundMail.objects.filter(ticket=ticket, kind=MailKind.ACKNOWLEDGEMENT):
            sending.send(mail.pk, now=at)
        return ticket.pk, at

    def later(self, at: datetime, minutes: int) -> datetime:
        """Return an instant after `at`, never after now."""
        return min(at + timedelta(minutes=minutes), self.now)

    def tell(self) -> None:
        """Open and work the cases."""
        one, two = self.agents["agente1"], self.agents["agente2"]
        lead = self.agents["coordinacion"]
        self._solved(one)
        self._level_two(one, lead)
        self._waiting(two)
        pk, at = self.open(_LATE)
        commands.assign_ticket(ticket_id=pk, assignee_id=one.id, actor=one, now=self.later(at, 4))
        self.open(_AT_RISK)
        pk, at = self.open(_BILLING)
        commands.add_internal_note(
            ticket_id=pk,
            body="Parece de Crédito. Confirmo el alcance antes de responder.",
            actor=two,
            now=self.later(at, 3),
        )
        self.open(_DEVELOPMENT)
        self.open(_FRESH)

    def _solved(self, one: Actor) -> None:
        pk, at = self.open(_SOLVED)
        commands.assign_ticket(ticket_id=pk, assignee_id=one.id, actor=one, now=self.later(at, 5))
        commands.give_verdict(ticket_id=pk, in_scope=True, actor=one, now=self.later(at, 15))
        commands.reply_to_ticket(
            ticket_id=pk,
            body="El catálogo se publica cada noche a las **2:00**. La descarga de hoy ya incluye"
            " las fichas que faltaban:\n\n- vuelva a pedir `GetCatalog`\n- compare la fecha de la"
            " respuesta",
            then="solved",
            actor=one,
            now=self.later(at, 24),
        )

    def _level_two(self, one: Actor, lead: Actor) -> None:
        pk, at = self.open(_LEVEL_TWO)
        commands.give_verdict(ticket_id=pk, in_scope=True, actor=one, now=self.later(at, 12))
        commands.reply_to_ticket(
            ticket_id=pk,
            body="Confirmo que el caso está a nuestro alcance y que afecta a Producción. Lo paso a"
            " nivel 2 con severidad B, porque su operación continúa con degradación.\n\nMientras"
            " tanto, no reenvíe la orden: ya está aceptada y podría duplicarse.",
            actor=one,
            now=self.later(at, 18),
        )
        commands.add_internal_note(
            ticket_id=pk,
            body="Reproduje 4 de 10 llamadas con 504. El gateway corta a los 30 s.",
            actor=one,
            now=self.later(at, 21),
        )
        commands.enter_level(ticket_id=pk, level=2, severity="B", actor=one, now=self.later(at, 22))
        commands.assign_ticket(
            ticket_id=pk, assignee_id=lead.id, actor=lead, now=self.later(at, 25)
        )

    def _waiting(self, two: Actor) -> None:
        pk, at = self.open(_WAITING)
        commands.give_verdict(ticket_id=pk, in_scope=True, actor=two, now=self.later(at, 20))
        commands.enter_level(ticket_id=pk, level=2, severity="C", actor=two, now=self.later(at, 25))
        commands.assign_ticket(ticket_id=pk, assignee_id=two.id, actor=two, now=self.later(at, 26))
        commands.reply_to_ticket(
            ticket_id=pk,
            body="¿Nos envía el reporte de existencias por bodega de hoy? Con él comparamos las"
            " diferencias.",
            then="pending",
            waiting_for="requester",
            reason="Reporte de existencias por bodega",
            actor=two,
            now=self.later(at, 40),
        )


def _minutes(count: int) -> timedelta:
    return timedelta(minutes=count)


_SOLVED = _Case(
    "cliente.encargado@norte.example",
    _minutes(900),
    "catalog",
    "question",
    "C",
    "Fichas técnicas que faltan en el catálogo",
    "La descarga de ayer trae 214 productos sin ficha técnica. ¿Cuándo se vuelve a publicar?",
)
_LEVEL_TWO = _Case(
    "ingenieria@norte.example",
    _minutes(95),
    "esd",
    "incident",
    "B",
    "PlaceOrder devuelve 504 y la licencia no llega",
    "Desde hace una hora cerca de la mitad de las llamadas a PlaceOrder terminan con 504. La orden"
    " 4500917733 quedó en Processing y la llave no aparece en GetOrderTokens.",
)
_WAITING = _Case(
    "cliente.encargado@norte.example",
    _minutes(240),
    "physical",
    "incident",
    "C",
    "Diferencias de inventario entre bodegas",
    "GetInventory muestra existencias distintas según la bodega que se consulte primero.",
)
_LATE = _Case(
    "plataforma@digital.example",
    _minutes(82),
    "whitelabel",
    "incident",
    "B",
    "El portal no refleja los precios nuevos",
    "Actualizamos los precios anoche y la tienda sigue mostrando los anteriores.",
)
_AT_RISK = _Case(
    "ingenieria@norte.example",
    _minutes(52),
    "catalog",
    "incident",
    "B",
    "GetCatalog responde vacío para una marca",
    "Para una sola marca la respuesta llega con cero productos y estado 200.",
)
_BILLING = _Case(
    "plataforma@digital.example",
    _minutes(33),
    "esd",
    "billing",
    "C",
    "Cobro doble en una orden de licencias",
    "La orden 4500917102 aparece facturada dos veces este mes.",
)
_DEVELOPMENT = _Case(
    "desarrollo@nuevo.example",
    _minutes(21),
    "esd",
    "incident",
    "C",
    "Error 401 en el ambiente de pruebas",
    "Estamos integrando y el ambiente de pruebas rechaza la llave que nos dieron.",
    environment="development",
)
_FRESH = _Case(
    "sistemas@sur.example",
    _minutes(6),
    "physical",
    "incident",
    "A",
    "Ninguna llamada a IWS responde desde Producción",
    "Todas las llamadas terminan por tiempo desde hace diez minutos. No podemos vender.",
)
