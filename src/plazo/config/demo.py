"""Demo data: an agreement, people by role, and a day's cases in every state.

Everything goes through the commands, as users do, with their own instants. The cases are placed by
open time before `now`, so whatever the hour at which the demo is started there is something late,
something at risk and something calm. Names are roles: nobody here exists.
"""

from datetime import UTC, datetime, timedelta
from email.message import EmailMessage
from email.utils import format_datetime
from pathlib import Path

from django.db import transaction

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
from plazo.config.demo_process import set_up_ladder, tell_before, tell_now
from plazo.config.demo_telling import Case, Teller, minutes
from plazo.core.actor import Actor
from plazo.helpcenter.announcing import open_announcement, update_announcement
from plazo.helpcenter.commands import feature_search
from plazo.helpcenter.folder import import_articles
from plazo.helpcenter.loop import work_once
from plazo.helpcenter.models import AnnouncementKind, Article, Impact
from plazo.mailboxes.models import Mailbox, Source
from plazo.tickets import commands
from plazo.tickets.models import Ticket
from plazo.triage.commands import set_representative
from plazo.triage.scope_suggesting import judge_scope

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


def load(*, now: datetime, articles: Path | None = ARTICLES, process: bool = True) -> str:
    """Load the agreement and the demo data once; return what was done, in a sentence.

    Units: `articles` is the folder of those that the knowledge base is filled with, if any;
        without `process` it is a day's few cases, which is enough where one looks at a screen.
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
        _representatives(now)
        if process:
            set_up_ladder(now)
        _Story(now).tell(process=process)
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
            },
        )


def _representatives(now: datetime) -> None:
    """Say who of sales answers for each company; of one nobody has said it yet."""
    for company in Organization.objects.exclude(slug="demo-nuevo"):
        set_representative(
            organization_id=company.pk,
            name="Representante de ventas",
            email=f"ventas@{company.slug}.example",
            actor=Actor.system("demo"),
            now=now,
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


class _Story(Teller):
    """Tells the demo's cases in the order in which they happened."""

    def __init__(self, now: datetime) -> None:
        requesters: dict[str, Requester] = {}
        for email, name, slug in _REQUESTERS:
            requester = find_or_create_requester(email=email, name=name, now=now)
            Requester.objects.filter(pk=requester.pk).update(
                organization=Organization.objects.get(slug=slug), email_confirmed_at=now
            )
            requester.refresh_from_db()
            requesters[email] = requester
        _accounts(now)
        super().__init__(now, requesters)

    def tell(self, *, process: bool) -> None:
        """Open and work the cases; with the agreement's process, those that show it too."""
        if process:
            tell_before(self)
        self._day()
        if process:
            tell_now(self, solved=_SOLVED, level_two=_LEVEL_TWO, late=_LATE)

    def _day(self) -> None:
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
        judge_scope(ticket_id=pk, verdict="in_scope", actor=one, now=self.later(at, 15))
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
        judge_scope(ticket_id=pk, verdict="in_scope", actor=one, now=self.later(at, 12))
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
        judge_scope(ticket_id=pk, verdict="in_scope", actor=two, now=self.later(at, 20))
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


_SOLVED = Case(
    "cliente.encargado@norte.example",
    minutes(900),
    "catalog",
    "question",
    "C",
    "Fichas técnicas que faltan en el catálogo",
    "La descarga de ayer trae 214 productos sin ficha técnica. ¿Cuándo se vuelve a publicar?",
)
_LEVEL_TWO = Case(
    "ingenieria@norte.example",
    minutes(95),
    "esd",
    "incident",
    "B",
    "PlaceOrder devuelve 504 y la licencia no llega",
    "Desde hace una hora cerca de la mitad de las llamadas a PlaceOrder terminan con 504. La orden"
    " 4500917733 quedó en Processing y la llave no aparece en GetOrderTokens.",
)
_WAITING = Case(
    "cliente.encargado@norte.example",
    minutes(240),
    "physical",
    "incident",
    "C",
    "Diferencias de inventario entre bodegas",
    "GetInventory muestra existencias distintas según la bodega que se consulte primero.",
)
_LATE = Case(
    "plataforma@digital.example",
    minutes(82),
    "whitelabel",
    "incident",
    "B",
    "El portal no refleja los precios nuevos",
    "Actualizamos los precios anoche y la tienda sigue mostrando los anteriores.",
)
_AT_RISK = Case(
    "ingenieria@norte.example",
    minutes(52),
    "catalog",
    "incident",
    "B",
    "GetCatalog responde vacío para una marca",
    "Para una sola marca la respuesta llega con cero productos y estado 200.",
)
_BILLING = Case(
    "plataforma@digital.example",
    minutes(33),
    "esd",
    "billing",
    "C",
    "Cobro doble en una orden de licencias",
    "La orden 4500917102 aparece facturada dos veces este mes.",
)
_DEVELOPMENT = Case(
    "desarrollo@nuevo.example",
    minutes(21),
    "esd",
    "incident",
    "C",
    "Error 401 en el ambiente de pruebas",
    "Estamos integrando y el ambiente de pruebas rechaza la llave que nos dieron.",
    environment="development",
)
_FRESH = Case(
    "sistemas@sur.example",
    minutes(6),
    "physical",
    "incident",
    "A",
    "Ninguna llamada a IWS responde desde Producción",
    "Todas las llamadas terminan por tiempo desde hace diez minutos. No podemos vender.",
)
