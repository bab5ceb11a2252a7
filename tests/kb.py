"""A knowledge base for tests, made by its commands as editors make it."""

from datetime import datetime, timedelta
from typing import Any

from plazo.accounts.access import actor_of_agent
from plazo.accounts.models import Agent, Organization, Requester, Role, User
from plazo.core.actor import Actor
from plazo.helpcenter import commands, lexicon
from plazo.helpcenter.access import Reader
from plazo.helpcenter.models import Audience, Edition, Section
from tests.factory import PASSWORD, TUESDAY, a_requester, an_agent

SYSTEM = Actor.system("tests")
STAFF = Reader(Audience.STAFF)
CLIENT = Reader(Audience.CLIENTS)


def an_editor() -> Agent:
    """Return somebody who may publish."""
    agent = an_agent(2)
    Agent.objects.filter(pk=agent.pk).update(role=Role.COORDINATOR)
    agent.refresh_from_db()
    return agent


def as_editor() -> Actor:
    return actor_of_agent(an_editor())


def a_section(key: str = "esd", audience: str | None = None) -> Section:
    """Return a section, made on first sight, in a category of its own kind."""
    category = commands.save_category(key="services", name={"es": "Servicios", "en": "Services"})
    found = Section.objects.filter(key=key).first()
    if found is not None and audience in (None, found.audience):
        return found
    names = {"esd": "Licencias ESD", "general": "General", "catalog": "Catálogo"}
    return commands.save_section(
        key=key,
        category_id=category.pk,
        name={"es": names.get(key, key.title()), "en": key.title()},
        description={"es": f"Todo sobre {key}.", "en": f"All about {key}."},
        service="esd" if key == "esd" else "",
        audience=audience or Audience.EVERYONE,
    )


def an_article(
    title: str = "La licencia no llega después de PlaceOrder",
    body: str = "Llame a `GetOrder` con su número.\n\n## Cuánto esperar\n\nQuince minutos.\n",
    *,
    section: str = "esd",
    language: str = "es",
    published: bool = True,
    summary: str = "",
    now: datetime = TUESDAY - timedelta(days=2),
    **choices: Any,
) -> Edition:
    """Write an article and, unless told otherwise, publish it."""
    edition = commands.create_article(
        section_id=a_section(section).pk,
        language=language,
        text=commands.Text(title=title, body=body, summary=summary),
        actor=SYSTEM,
        now=now,
        **choices,
    )
    return publish(edition, now=now) if published else edition


def publish(edition: Edition, *, now: datetime = TUESDAY - timedelta(days=2)) -> Edition:
    return commands.publish_edition(edition_id=edition.pk, actor=SYSTEM, now=now)


def translated(edition: Edition, title: str, body: str, *, published: bool = True) -> Edition:
    """Write an article's English edition."""
    other = commands.add_edition(
        article_id=edition.article_id,
        language="en",
        text=commands.Text(title=title, body=body),
        actor=SYSTEM,
        now=TUESDAY - timedelta(days=1),
    )
    return publish(other) if published else other


def counted() -> None:
    """Have the words counted, as the worker does some seconds after a publication."""
    lexicon.count_words()


def a_client(email: str = "compras@andina.example") -> Requester:
    """Return a requester of a company in production who can sign in."""
    requester = a_requester(email)
    company, _ = Organization.objects.get_or_create(
        slug="andina",
        defaults={
            "name": "Distribuidora Andina",
            "stage": "production",
            "services": ["esd", "catalog"],
        },
    )
    user = User.objects.filter(email=email).first() or User.objects.create_user(
        email, PASSWORD, name=requester.name
    )
    Requester.objects.filter(pk=requester.pk).update(
        user=user, organization=company, email_confirmed_at=TUESDAY - timedelta(days=30)
    )
    requester.refresh_from_db()
    return requester
