"""The world of the tests: the agreement in force and a few people, made as users make them."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from plazo.accounts.access import actor_of_agent
from plazo.accounts.commands import confirm_address, find_or_create_requester
from plazo.accounts.models import Agent, Group, Requester, User
from plazo.agreements.commands import publish_agreement
from plazo.agreements.models import AgreementVersion
from plazo.core.actor import Actor, ActorKind
from plazo.tickets import commands
from plazo.tickets.models import Ticket

IWS = Path(__file__).resolve().parent.parent / "agreements" / "iws.toml"

# Tuesday 24 November 2026, 14:52 in the agreement's zone: the moment that the design shows.
TUESDAY = datetime(2026, 11, 24, 19, 52, tzinfo=UTC)


def publish_iws(
    *, effective_at: datetime = datetime(2026, 1, 1, tzinfo=UTC), source: str | None = None
) -> AgreementVersion:
    """Put the real agreement in force."""
    return publish_agreement(
        source=source or IWS.read_text(encoding="utf-8"),
        effective_at=effective_at,
        actor=Actor.system("tests"),
        now=effective_at,
    )


def a_requester(email: str = "compras@andina.example", name: str = "Compras Andina") -> Requester:
    """Return a requester, made on first sight, whose address is known to be theirs."""
    requester = find_or_create_requester(email=email, name=name, language="es", now=TUESDAY)
    confirm_address(requester_id=requester.pk, now=TUESDAY - timedelta(days=30))
    requester.refresh_from_db()
    return requester


PASSWORD = "una clave larga"


def an_agent(level: int = 1) -> Agent:
    """Return the agent of a level, in the group of that level."""
    names = {1: ("soporte", "Agente de nivel 1"), 2: ("coordinacion", "Agente de nivel 2")}
    key, name = names[level]
    group, _ = Group.objects.get_or_create(
        key=key, defaults={"name": f"Nivel {level}", "level": level}
    )
    email = f"agente{level}@demo.example"
    user = User.objects.filter(email=email).first() or User.objects.create_user(
        email, PASSWORD, name=name
    )
    agent, _ = Agent.objects.get_or_create(
        user=user, defaults={"level": level, "title": name, "undo_seconds": 0}
    )
    agent.groups.add(group)
    return agent


def as_agent(level: int = 1) -> Actor:
    """Return the actor that the agent of a level is."""
    return actor_of_agent(an_agent(level))


def a_case(*, now: datetime = TUESDAY - timedelta(minutes=20), **choices: Any) -> Ticket:
    """Open a case as the request form does, under the agreement in force."""
    requester = choices.pop("requester", None) or a_requester()
    wanted: dict[str, Any] = {
        "subject": "PlaceOrder devuelve 504 y la licencia no llega",
        "body": "Desde las 12:40 cerca de la mitad de las llamadas a PlaceOrder terminan con 504.",
        "service": "esd",
        "environment": "production",
        "request_type": "incident",
        "severity": "B",
    }
    return commands.open_ticket(
        requester_id=requester.pk,
        actor=Actor(ActorKind.REQUESTER, requester.pk, str(requester)),
        now=now,
        **wanted | choices,
    )
