"""Sub-commands of `plazo` about the team: `agents` and `groups`."""

import argparse
import getpass
import sys
from typing import Any


def add_commands(commands: Any) -> None:
    """Add `plazo agents add|list` and `plazo groups add|list`."""
    agents = commands.add_parser("agents", help="the people who work cases: add, list")
    parts = agents.add_subparsers(title="commands", metavar="COMMAND", required=True)
    add = parts.add_parser(
        "add", help="make an agent; the password is asked for, or read from a pipe"
    )
    add.add_argument("email", help="the address with which they sign in")
    add.add_argument("--name", required=True)
    add.add_argument(
        "--role",
        choices=["agent", "coordinator", "manager", "administrator"],
        default="agent",
        help="administrators set the desk up; the first agent should be one",
    )
    add.add_argument("--level", type=int, default=1, help="the support level they answer at")
    add.add_argument("--title", default="", help="what clients read beside their name")
    add.add_argument("--group", action="append", default=[], help="key of a group; repeatable")
    add.add_argument("--language", choices=["es", "en"], default="es")
    add.add_argument("--time-zone", default="", metavar="ZONE", help="such as America/Bogota")
    add.add_argument(
        "--invite",
        action="store_true",
        help="no password: mail them a link to choose one, or print it where no mail leaves",
    )
    add.set_defaults(run=_add_agent, needs="database")
    listed = parts.add_parser("list", help="the agents, with their roles and groups")
    listed.set_defaults(run=_list_agents, needs="database")

    groups = commands.add_parser("groups", help="agents who share a queue: add, list")
    parts = groups.add_subparsers(title="commands", metavar="COMMAND", required=True)
    add = parts.add_parser("add", help="make a group")
    add.add_argument("key", help="a short name without blanks, such as soporte")
    add.add_argument("--name", required=True)
    add.add_argument("--level", type=int, help="the support level whose cases it takes")
    add.add_argument("--email", default="", help="where notices to the whole group go")
    add.set_defaults(run=_add_group, needs="database")
    listed = parts.add_parser("list", help="the groups, with how many agents each has")
    listed.set_defaults(run=_list_groups, needs="database")


def _add_agent(arguments: argparse.Namespace) -> int:
    from django.conf import settings

    from plazo.accounts import team
    from plazo.core.actor import Actor
    from plazo.core.clock import read_clock

    password = None if arguments.invite else _password()
    if password == "":
        print(
            "plazo: without a password nobody can sign in; give one, or --invite", file=sys.stderr
        )
        return 1
    agent = team.add_agent(
        email=arguments.email,
        name=arguments.name,
        role=arguments.role,
        level=arguments.level,
        title=arguments.title,
        groups=arguments.group,
        language=arguments.language,
        time_zone=arguments.time_zone,
        password=password,
        actor=Actor.system("plazo agents"),
        now=read_clock(),
    )
    print(f"{agent} <{agent.user.email}> is there: {agent.role}, level {agent.level}.")
    if arguments.invite:
        return _invite(agent.user)
    print(f"They sign in at {settings.PLAZO.base_url}/desk/")
    return 0


def _password() -> str | None:
    """Ask for a password twice; from a pipe, read one line. None is for two that differ."""
    if not sys.stdin.isatty():
        return sys.stdin.readline().rstrip("\n")
    while True:
        first = getpass.getpass("Password: ")
        if first == getpass.getpass("Once more: "):
            return first
        print("They differ. Again:")


def _invite(user: Any) -> int:
    """Mail a link to choose a password, or print it where mail does not leave."""
    from smtplib import SMTPException

    from django.conf import settings

    from plazo.accounts import team

    link = f"{settings.PLAZO.base_url}{team.password_path(user)}"
    if not settings.PLAZO.mail_leaves and not settings.PLAZO.demo:
        print(
            "No mail leaves this installation yet. Hand this link over; it holds three days:\n"
            f"{link}"
        )
        return 0
    try:
        team.send_invitation(user, link)
    except (OSError, SMTPException) as error:
        print(
            f"plazo: the invitation could not be sent ({error}). Hand this link over:\n{link}",
            file=sys.stderr,
        )
        return 1
    print(f"An invitation is on its way to {user.email}. Its link holds three days.")
    return 0


def _list_agents(arguments: argparse.Namespace) -> int:
    from plazo.accounts.models import Agent

    for agent in Agent.objects.select_related("user").prefetch_related("groups"):
        groups = ", ".join(group.key for group in agent.groups.all()) or "no group"
        state = "" if agent.is_active and agent.user.is_active else "  not active"
        print(
            f"{agent.user.email:<36} {agent.role:<14} level {agent.level}  {groups}  {agent}{state}"
        )
    return 0


def _add_group(arguments: argparse.Namespace) -> int:
    from plazo.accounts import team
    from plazo.core.actor import Actor
    from plazo.core.clock import read_clock

    group = team.add_group(
        key=arguments.key,
        name=arguments.name,
        level=arguments.level,
        email=arguments.email,
        actor=Actor.system("plazo groups"),
        now=read_clock(),
    )
    print(f"The group {group.key} is there.")
    return 0


def _list_groups(arguments: argparse.Namespace) -> int:
    from django.db.models import Count

    from plazo.accounts.models import Group

    for group in Group.objects.annotate(people=Count("agents")):
        level = f"level {group.level}" if group.level else "no level"
        print(
            f"{group.key:<20} {level:<9} {group.people:>3} agents  {group.email:<36} {group.name}"
        )
    return 0
