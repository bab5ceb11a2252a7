"""Mails about people: links to sign in, invitations, accounts, and who was added to a case.

A token goes into its mail sealed and is kept nowhere once the mail has gone.
"""

from datetime import datetime
from typing import Any, Final

from django.conf import settings
from django.db import transaction
from django.utils.translation import gettext as _

from plazo.accounts import invitations, links, team
from plazo.accounts.models import Agent, Invitation, Requester, RequesterRole, normal_email
from plazo.agreements.labels import metric_label
from plazo.agreements.queries import version_in_force
from plazo.core import audit, localtime, sealing
from plazo.core.actor import Actor
from plazo.core.limits import Limit, take
from plazo.notifications import brake, planning, rendering
from plazo.notifications.errors import TooManyLinks, TooManyMails
from plazo.notifications.models import MailKind, OutboundMail
from plazo.tickets import access

LINKS: Final = Limit("signin.address", burst=5, per_hour=5)
LINKS_OF_NETWORK: Final = Limit("signin.network", burst=60, per_hour=60)


def register_letters() -> None:
    """Say how the mails of this module are written."""
    planning.register(MailKind.SIGN_IN, planning.Letter(_render_link, forgets=True))
    planning.register(MailKind.INVITATION, planning.Letter(_render_invitation, forgets=True))
    planning.register(MailKind.ACCOUNT, planning.Letter(_render_account, forgets=True))
    planning.register(MailKind.JOINED, planning.Letter(_render_joined))
    planning.register(MailKind.CLIMBED, planning.Letter(_render_climbed))


def send_link(
    *, email: str, following: str = "", language: str, ip: str = "", now: datetime
) -> None:
    """Send a link to sign in to an address, if it is somebody's whom we know.

    Edges: what is charged and what comes back are the same for a stranger, so nobody learns from
        it whether an address is known.
    Raises: TooManyLinks.
    """
    network = brake.network_of(ip)
    if not (take(LINKS_OF_NETWORK, network, now=now) and take(LINKS, normal_email(email), now=now)):
        raise TooManyLinks
    if not links.is_known(email):
        return
    with transaction.atomic():
        link, token = links.make_link(email=email, following=following, now=now)
        planning.plan(
            kind=MailKind.SIGN_IN,
            recipient=link.email,
            language=language,
            about={"sealed": sealing.seal({"token": token})},
            now=now,
        )


@transaction.atomic
def invite(
    *,
    email: str,
    name: str = "",
    organization_id: int | None,
    role: str = RequesterRole.MEMBER,
    language: str = "es",
    ip: str = "",
    actor: Actor,
    now: datetime,
) -> Invitation:
    """Invite somebody into a company, and tell them by mail.

    Raises: TooManyMails; what `invitations.invite` raises.
    """
    invitation, token = invitations.invite(
        email=email,
        name=name,
        organization_id=organization_id,
        role=role,
        language=language,
        actor=actor,
        now=now,
    )
    require_budget(invitation.requester.email, ip=ip, now=now)
    planning.plan(
        kind=MailKind.INVITATION,
        recipient=invitation.requester.email,
        name=invitation.requester.name,
        language=language,
        about={"invitation": invitation.pk, "sealed": sealing.seal({"token": token})},
        now=now,
    )
    return invitation


def require_budget(email: str, *, ip: str = "", now: datetime) -> None:
    """Charge a mail that somebody has us send to another person. Raises: TooManyMails."""
    if brake.spend(brake.charges(address=email, network=brake.network_of(ip)), now=now):
        raise TooManyMails


def tell_about_account(
    *, what: str, email: str, name: str, language: str, url: str = "", now: datetime
) -> None:
    """Tell somebody of their account: `what` is one of the keys of `_account_words`.

    Edges: an address without an account hears so no more often than it could get a link.
    """
    if what == "unknown_account" and not take(LINKS, normal_email(email), now=now):
        return
    planning.plan(
        kind=MailKind.ACCOUNT,
        recipient=email,
        name=name,
        language=language,
        about={"what": what, "sealed": sealing.seal({"url": url})},
        now=now,
    )


@transaction.atomic
def invite_agent(*, actor: Actor, now: datetime, **who: Any) -> Agent:
    """Make an agent who has no password yet, and mail them a link to choose one.

    Raises: what `team.add_agent` raises.
    """
    agent = team.add_agent(**who, actor=actor, now=now)
    _mail_access(agent, now)
    return agent


@transaction.atomic
def invite_agent_again(*, agent_id: int, actor: Actor, now: datetime) -> None:
    """Mail an agent another link to choose their password: the last one may have run out."""
    agent = Agent.objects.select_related("user").get(pk=agent_id, is_active=True)
    _mail_access(agent, now)
    audit.record(
        "agent.invited_again",
        f"agent:{agent.pk}",
        title=str(agent),
        after={"email": agent.user.email},
        actor=actor,
        now=now,
    )


def _mail_access(agent: Agent, now: datetime) -> None:
    """Edges: who has a password already is led to the desk; nobody else can choose theirs."""
    user = agent.user
    known = user.has_usable_password()
    path = "/desk/" if known else team.password_path(user)
    tell_about_account(
        what="agent_known" if known else "agent_invited",
        email=user.email,
        name=str(user),
        language=user.language,
        url=f"{settings.PLAZO.base_url}{path}",
        now=now,
    )


# ── The words ─────────────────────────────────────────────────────────────────────────────────


def _secret(mail: OutboundMail, name: str) -> str:
    return str(sealing.unseal(mail.about["sealed"])[name])


def _desk_name(mail: OutboundMail) -> str:
    return version_in_force(mail.created_at).document.name.in_language(mail.language)


def _render_link(mail: OutboundMail) -> rendering.Rendered | None:
    if not mail.about:
        return None
    name = _desk_name(mail)
    minutes = int(links.GOOD_FOR.total_seconds() // 60)
    words = rendering.Words(
        headline=_("Your link to sign in"),
        paragraphs=[
            _("It opens your cases without a password, once, during the next %(minutes)s minutes.")
            % {"minutes": minutes}
        ],
        button=_("Sign in"),
        button_url=f"{settings.PLAZO.base_url}/accounts/link/{_secret(mail, 'token')}/",
        small=[_("If you did not ask for it, do nothing: without this mail nobody can sign in.")],
        why=_("You receive this mail because somebody asked %(name)s for a link with your address.")
        % {"name": name},
    )
    subject = _("%(name)s: your link to sign in") % {"name": name}
    return rendering.plain_letter(mail, subject, words, desk_name=name)


def _render_invitation(mail: OutboundMail) -> rendering.Rendered | None:
    found = (
        Invitation.objects.select_related("organization", "agent__user", "colleague")
        .filter(pk=mail.about.get("invitation"), accepted_at=None, withdrawn_at=None)
        .first()
    )
    if found is None:
        return None
    name = _desk_name(mail)
    company = found.organization.name
    if found.inviter:
        who = _("%(who)s invites you to the cases of %(company)s with %(name)s.") % {
            "who": found.inviter,
            "company": company,
            "name": name,
        }
    else:
        who = _("You are invited to the cases of %(company)s with %(name)s.") % {
            "company": company,
            "name": name,
        }
    what = (
        _("You will see the cases of the whole company, and may invite others.")
        if found.role == RequesterRole.MANAGER
        else _("You will see your cases, with the hour of every promise that we make you.")
    )
    words = rendering.Words(
        headline=_("Your invitation"),
        paragraphs=[who, what],
        button=_("Accept the invitation"),
        button_url=f"{settings.PLAZO.base_url}/accounts/invitation/{_secret(mail, 'token')}/",
        small=[
            _("It is good for %(days)s days and can be used once.")
            % {"days": invitations.GOOD_FOR.days}
        ],
        why=_("If you do not know why you get it, do nothing: we will not write again."),
    )
    subject = _("Invitation to the cases of %(company)s") % {"company": company}
    return rendering.plain_letter(mail, subject, words, desk_name=name)


def _account_words(what: str) -> dict[str, Any] | None:
    """Return headline, text and button of a message about an account, by its key."""
    not_you = _("If it was not you, choose another password now, and tell us.")
    return {
        "password_reset_key": {
            "headline": _("Choose a new password"),
            "paragraphs": [
                _("Somebody asked for a new password for this address. The link is good once.")
            ],
            "button": _("Choose a new password"),
            "small": [_("If it was not you, do nothing: your password stays as it is.")],
        },
        "agent_invited": {
            "headline": _("You are on the support team"),
            "paragraphs": [
                _("Choose your password within three days. Then you sign in with this address.")
            ],
            "button": _("Choose your password"),
            "small": [_("If you do not know what this is about, you need not do anything.")],
        },
        "agent_known": {
            "headline": _("You are on the support team"),
            "paragraphs": [_("You sign in with this address and the password that you have.")],
            "button": _("Open the desk"),
        },
        "unknown_account": {
            "headline": _("There is no account of this address"),
            "paragraphs": [
                _(
                    "Somebody asked for a new password for this address, and there is no account "
                    "of it here."
                ),
                _(
                    "If it was you, perhaps you sign in with another address. If it was not, there "
                    "is nothing to do."
                ),
                _("Who has a case with us needs no password: ask for a link to sign in."),
            ],
            "why": _("You receive this mail because somebody wrote this address at our sign-in."),
        },
        "password_changed": {
            "headline": _("Your password was changed"),
            "paragraphs": [_("From now on you sign in with the new one."), not_you],
        },
        "password_set": {
            "headline": _("Your account has a password now"),
            "paragraphs": [_("You can sign in with it, or with a link as before."), not_you],
        },
        "password_reset": {
            "headline": _("Your password was changed"),
            "paragraphs": [_("From now on you sign in with the new one."), not_you],
        },
    }.get(what)


def _render_account(mail: OutboundMail) -> rendering.Rendered | None:
    said = _account_words(mail.about.get("what", ""))
    if said is None:
        return None
    name = _desk_name(mail)
    why = _("You receive this mail because you have an account with %(name)s.") % {"name": name}
    words = rendering.Words(**{"why": why} | said, button_url=_secret(mail, "url"))
    return rendering.plain_letter(mail, f"{name}: {words.headline}", words, desk_name=name)


def _render_joined(mail: OutboundMail) -> rendering.Rendered | None:
    ticket, event = mail.ticket, mail.event
    if ticket is None or event is None:
        return None
    person = Requester.objects.filter(pk=event.payload["person"]).first()
    if person is None or not ticket.participants.filter(requester=person).exists():
        return None  # they were taken out again
    name = ticket.agreement_version.document.name.in_language(mail.language)
    token = access.link_token(ticket, person, mailed=True)
    who = Requester.objects.filter(pk=event.actor_id or 0).first()
    words = rendering.Words(
        above=f"{ticket.number} · {ticket.subject}",
        headline=_("You take part in a case"),
        paragraphs=[
            (
                _("%(who)s has added you to this case.") % {"who": who}
                if event.actor_kind == "requester" and who
                else _("We have added you to this case.")
            ),
            _("You get a copy of our answers, and can write in it."),
        ],
        button=_("See the case"),
        button_url=f"{settings.PLAZO.base_url}/hc/{mail.language}/requests/{token}/",
        small=[_("On its page you can also stop taking part.")],
        why=_("You receive this mail because a case with %(name)s names you.") % {"name": name},
    )
    subject = f"[{ticket.number}] {rendering.one_line(ticket.subject)}"
    return rendering.plain_letter(mail, subject, words, desk_name=name)


def _render_climbed(mail: OutboundMail) -> rendering.Rendered | None:
    ticket, event = mail.ticket, mail.event
    if ticket is None or event is None:
        return None
    agreement = ticket.agreement_version.sla
    zone = agreement.calendars[agreement.support_calendar].zone
    since = datetime.fromisoformat(event.payload["late_since"])
    late = ", ".join(metric_label(key.partition("#")[0]) for key in event.payload["keys"])
    said = rendering.message_of(mail)
    words = rendering.Words(
        above=f"{ticket.number} · {ticket.subject}",
        headline=_("The requester has escalated"),
        paragraphs=[
            _("Level 1 is late: %(late)s, due %(moment)s (%(label)s).")
            % {
                "late": late,
                "moment": localtime.at_words(since, zone, event.at),
                "label": localtime.zone_label(since, zone),
            },
            said.body_text if said is not None else "",
        ],
        button=_("Open the case"),
        button_url=f"{settings.PLAZO.base_url}/desk/tickets/{ticket.number}/",
        why=_("Notice for the support team."),
    )
    what = _("Escalated")
    subject = f"[{ticket.number}] {what}: {rendering.one_line(ticket.subject)}"
    name = ticket.agreement_version.document.name.in_language(mail.language)
    return rendering.plain_letter(mail, subject, words, desk_name=name)
