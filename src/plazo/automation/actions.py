"""Actions: what macros and rules do to a ticket, as data, with one meaning wherever it is used.

Each runs one command of the tickets under the actor that it is given. What a command refuses is
an outcome and no fault: the other actions still run.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final, Literal

from django.db import transaction
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from plazo.accounts.models import Agent
from plazo.automation import telling
from plazo.automation.refusals import BadAction
from plazo.automation.rule_models import RuleRun
from plazo.core import audit
from plazo.core.actor import Actor
from plazo.core.errors import PlazoError, said_again
from plazo.tickets import commands, variables
from plazo.tickets.models import Status, Ticket, TicketEvent, WaitingFor
from plazo.tickets.tags import tag_of

MOST_ACTIONS: Final = 20
LONGEST_TEXT: Final = 20_000
LONGEST_LINE: Final = 300
For = Literal["macro", "rule"]
Values = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Doing:
    """One ticket, by whom and when; an agent for a macro, a run for a rule."""

    ticket_id: int
    actor: Actor
    now: datetime
    agent: Agent | None = None
    run: RuleRun | None = None

    def ticket(self) -> Ticket:
        """Return the ticket as it stands between two actions."""
        related = Ticket.objects.select_related(
            "requester", "organization", "assignee__user", "agreement_version"
        )
        return related.get(pk=self.ticket_id)

    def fill(self, text: str, language: str = "es") -> str:
        """Return Markdown with its variables filled in, in the agreement's own zone."""
        if "{{" not in text:
            return text
        ticket = self.ticket()
        sla = ticket.agreement_version.sla
        zone = sla.calendars[sla.support_calendar].zone
        return variables.fill(
            text, ticket=ticket, agent=self.agent, language=language, zone=zone, now=self.now
        )


@dataclass(frozen=True, slots=True)
class Names:
    """What keys are called, for sentences: agents, groups and clauses by their keys."""

    agents: Mapping[int, str] = field(default_factory=dict)
    groups: Mapping[int, str] = field(default_factory=dict)
    clauses: Mapping[str, str] = field(default_factory=dict)

    def whom(self, to: str) -> str:
        kind, _colon, key = to.partition(":")
        match kind:
            case "agent":
                return self.agents.get(int(key), _("an agent who left"))
            case "group":
                return self.groups.get(int(key), _("a group that is gone"))
            case "me":
                return _("whoever applies it")
            case "assignee":
                return _("whoever has the case")
            case _:
                return _("nobody")


@dataclass(frozen=True, slots=True)
class Need:
    """One thing that an action needs to know; `kind` says how it is asked for."""

    key: str
    label: str | Promise
    kind: Literal["status", "waiting", "severity", "level", "verdict", "to", "tags", "line", "text"]
    optional: bool = False


@dataclass(frozen=True, slots=True)
class ActionKind:
    """A declared action.

    `check` returns its values in the one form that is kept, `run` does it and returns the event
    or None where nothing was to be done, `already` says of a ticket that it would change nothing.
    """

    key: str
    label: str | Promise
    icon: str
    needs: tuple[Need, ...]
    check: Callable[[Values, For], dict[str, Any]]
    run: Callable[[Doing, Values], TicketEvent | bool | None]
    words: Callable[[Values, Names], str]
    already: Callable[[Values, Ticket], bool]
    only: For | None = None


@dataclass(frozen=True, slots=True)
class Action:
    """One action with its values. Make it with `read`, so that one that exists can be done."""

    kind: ActionKind
    values: dict[str, Any]

    def to_json(self) -> dict[str, Any]:
        """Return what `read` reads."""
        return {"action": self.kind.key, **self.values}

    def words(self, names: Names) -> str:
        """Return what it does, in a sentence."""
        return self.kind.words(self.values, names)


def read(actions: Iterable[Any], use: For) -> tuple[Action, ...]:
    """Return actions from stored or sent JSON. Raises: BadAction."""
    found = []
    for each in actions:
        kind = KINDS.get(str(each.get("action", ""))) if isinstance(each, dict) else None
        if kind is None or (kind.only is not None and kind.only != use):
            raise BadAction(action=str(kind.label) if kind else "?")
        try:
            found.append(Action(kind, kind.check(each, use)))
        except (TypeError, ValueError, PlazoError):
            raise BadAction(action=str(kind.label)) from None
    if len(found) > MOST_ACTIONS:
        raise BadAction(action=str(found[-1].kind.label))
    return tuple(found)


def perform(actions: Sequence[Action], doing: Doing) -> list[dict[str, Any]]:
    """Do one action after the other; return what became of each, as it is kept.

    Edges: each stands alone: what one refuses leaves nothing behind, and the others run.
    """
    outcomes = []
    for action in actions:
        outcome: dict[str, Any] = {**_kept(action), "result": "done"}
        try:
            with transaction.atomic():
                event = action.kind.run(doing, action.values)
        except PlazoError as error:
            outcome |= {"result": "refused", "code": error.code, "data": audit.plain(error.data)}
        else:
            if event is None:
                outcome["result"] = "nothing"
            elif isinstance(event, TicketEvent):
                outcome["event"] = event.sequence
        outcomes.append(outcome)
    return outcomes


def _kept(action: Action) -> dict[str, Any]:
    """Return an action as its outcome keeps it: long texts stand on the ticket, or in the rule."""
    values = action.to_json()
    return {key: _short(v) if isinstance(v, str) else v for key, v in values.items()}


def told(outcome: Mapping[str, Any], names: Names) -> str:
    """Return what an outcome says was to be done; the key alone for an action that is no more."""
    kind = KINDS.get(str(outcome.get("action")))
    try:
        return kind.words(outcome, names) if kind else str(outcome.get("action"))
    except (KeyError, ValueError):
        return str(kind.label) if kind else ""


def refusal(outcome: Mapping[str, Any]) -> str:
    """Return why a command refused, in the reader's language."""
    code = str(outcome.get("code", ""))
    return said_again(code, outcome.get("data", {})) or code


# ── The values ────────────────────────────────────────────────────────────────────────────────


def _line(values: Values, key: str, *, optional: bool = False, longest: int = LONGEST_LINE) -> str:
    text = str(values.get(key) or "").replace("\x00", "").replace("\r\n", "\n").strip()
    if (not text and not optional) or len(text) > longest:
        raise ValueError
    return text


def _to(values: Values, words: Sequence[str]) -> dict[str, Any]:
    to = str(values.get("to") or "")
    kind, _colon, key = to.partition(":")
    if to not in words and not (kind in ("agent", "group") and key.isascii() and key.isdigit()):
        raise ValueError
    return {"to": to}


def _check_status(values: Values, use: For) -> dict[str, Any]:
    status = Status(str(values.get("status")))
    if status is Status.NEW:
        raise ValueError
    if status is not Status.PENDING:
        return {"status": status.value}
    waiting_for = WaitingFor(str(values.get("waiting_for") or WaitingFor.REQUESTER))
    reason = " ".join(_line(values, "reason").split())
    return {"status": status.value, "waiting_for": waiting_for.value, "reason": reason}


def _check_severity(values: Values, use: For) -> dict[str, Any]:
    severity = _line(values, "severity", longest=1)
    return {"severity": severity}


def _check_level(values: Values, use: For) -> dict[str, Any]:
    level = int(values.get("level") or 0)
    if not 2 <= level <= 9:
        raise ValueError
    return {"level": level, "severity": _line(values, "severity", optional=True, longest=1)}


def _check_tags(values: Values, use: For) -> dict[str, Any]:
    tags = values.get("tags") or ""
    words = tags.replace(";", ",").split(",") if isinstance(tags, str) else list(tags)
    found = list(dict.fromkeys(tag_of(word) for word in words if str(word).strip()))
    if not found:
        raise ValueError
    return {"tags": found}


def _check_answer(values: Values, use: For) -> dict[str, Any]:
    texts = {
        key: _line(values, key, optional=True, longest=LONGEST_TEXT)
        for key in ("text_es", "text_en")
    }
    if not texts["text_es"]:
        raise ValueError
    return texts


# ── What each does ────────────────────────────────────────────────────────────────────────────


def _set_status(doing: Doing, values: Values) -> TicketEvent | None:
    wanted = {
        "status": values["status"],
        "waiting_for": values.get("waiting_for", ""),
        "reason": telling.as_plain(doing.fill(values.get("reason", ""))),
    }
    if doing.ticket().stands(**wanted):
        return None
    return commands.set_status(
        ticket_id=doing.ticket_id, **wanted, actor=doing.actor, now=doing.now
    )


def _assign(doing: Doing, values: Values) -> TicketEvent | None:
    kind, _colon, key = values["to"].partition(":")
    agent = doing.agent.pk if kind == "me" and doing.agent else None
    return commands.assign_ticket(
        ticket_id=doing.ticket_id,
        assignee_id=int(key) if kind == "agent" else agent,
        group_id=int(key) if kind == "group" else None,
        actor=doing.actor,
        now=doing.now,
    )


def _set_severity(doing: Doing, values: Values) -> TicketEvent | None:
    return commands.set_severity(
        ticket_id=doing.ticket_id, severity=values["severity"], actor=doing.actor, now=doing.now
    )


def _enter_level(doing: Doing, values: Values) -> TicketEvent | None:
    if doing.ticket().level >= values["level"]:
        return None
    return commands.enter_level(
        ticket_id=doing.ticket_id,
        level=values["level"],
        severity=values.get("severity", ""),
        actor=doing.actor,
        now=doing.now,
    )


def _add_tags(doing: Doing, values: Values) -> TicketEvent | None:
    return commands.change_tags(
        ticket_id=doing.ticket_id, add=values["tags"], actor=doing.actor, now=doing.now
    )


def _remove_tags(doing: Doing, values: Values) -> TicketEvent | None:
    return commands.change_tags(
        ticket_id=doing.ticket_id, remove=values["tags"], actor=doing.actor, now=doing.now
    )


def _add_note(doing: Doing, values: Values) -> TicketEvent | None:
    return commands.add_internal_note(
        ticket_id=doing.ticket_id,
        body=doing.fill(values["text"]),
        actor=doing.actor,
        now=doing.now,
    )


def _give_verdict(doing: Doing, values: Values) -> TicketEvent | None:
    verdict = values["verdict"]
    if doing.ticket().verdict == verdict:
        return None
    return commands.give_verdict(
        ticket_id=doing.ticket_id,
        in_scope=verdict == "in_scope",
        clause="" if verdict == "in_scope" else verdict,
        actor=doing.actor,
        now=doing.now,
    )


def _answer(doing: Doing, values: Values) -> TicketEvent | None:
    assert doing.run is not None  # noqa: S101 - only rules have it, which `read` sees to
    ticket = doing.ticket()
    text = values.get(f"text_{ticket.language}") or values["text_es"]
    telling.require_answerable(ticket, doing.run, now=doing.now)
    return commands.answer_automatically(
        ticket_id=ticket.pk,
        body=doing.fill(text, ticket.language),
        actor=doing.actor,
        now=doing.now,
    )


def _tell(doing: Doing, values: Values) -> bool | None:
    assert doing.run is not None  # noqa: S101 - only rules have it, which `read` sees to
    return telling.tell(doing.ticket(), doing.run, values["to"], values["text"], now=doing.now)


# ── What each says ────────────────────────────────────────────────────────────────────────────


def _status_words(values: Values, names: Names) -> str:
    status = Status(values["status"])
    if status is not Status.PENDING:
        return _("Set the status: %(status)s") % {"status": status.label}
    match values["waiting_for"]:
        case WaitingFor.REQUESTER:
            words = _("Wait for the requester: %(reason)s")
        case WaitingFor.AREA:
            words = _("Wait for another area: %(reason)s")
        case _:
            words = _("Wait for a third party: %(reason)s")
    return words % {"reason": values["reason"]}


def _level_words(values: Values, names: Names) -> str:
    if values.get("severity"):
        return _("Hand it to level %(level)s with severity %(severity)s") % values
    return _("Hand it to level %(level)s") % values


def _tags(values: Values) -> str:
    return ", ".join(values["tags"])


def _short(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= 90 else f"{line[:89].rstrip()}…"


def _verdict_words(values: Values, names: Names) -> str:
    verdict = values["verdict"]
    if verdict == "in_scope":
        return _("Give the verdict: within scope")
    return _("Give the verdict: out of scope, %(clause)s") % {
        "clause": names.clauses.get(verdict, verdict)
    }


def _is_assigned(values: Values, ticket: Ticket) -> bool:
    kind, _colon, key = values["to"].partition(":")
    match kind:
        case "agent":
            return ticket.assignee_id == int(key)
        case "group":
            return (ticket.assignee_id, ticket.group_id) == (None, int(key))
        case "nobody":
            return ticket.assignee_id is None
        case _:
            return False


def _never(values: Values, ticket: Ticket) -> bool:
    return False


_SEVERITY: Final = Need("severity", gettext_lazy("Severity"), "severity")
_TAGS: Final = Need("tags", gettext_lazy("Tags, with commas between them"), "tags")
KINDS: Final[dict[str, ActionKind]] = {
    kind.key: kind
    for kind in (
        ActionKind(
            "status",
            gettext_lazy("Set the status"),
            "circle-check",
            (
                Need("status", gettext_lazy("Status"), "status"),
                Need("waiting_for", gettext_lazy("Waiting for"), "waiting", optional=True),
                Need("reason", gettext_lazy("What for: the requester reads it"), "line", True),
            ),
            _check_status,
            _set_status,
            _status_words,
            lambda v, t: v["status"] != Status.PENDING and t.status == v["status"],
        ),
        ActionKind(
            "assign",
            gettext_lazy("Assign"),
            "user-round",
            (Need("to", gettext_lazy("To"), "to"),),
            lambda v, use: _to(v, ("me", "nobody") if use == "macro" else ("nobody",)),
            _assign,
            lambda v, names: _("Assign to %(whom)s") % {"whom": names.whom(v["to"])},
            _is_assigned,
        ),
        ActionKind(
            "severity",
            gettext_lazy("Set the severity"),
            "signal",
            (_SEVERITY,),
            _check_severity,
            _set_severity,
            lambda v, names: _("Set severity %(severity)s") % v,
            lambda v, t: t.severity == v["severity"],
        ),
        ActionKind(
            "level",
            gettext_lazy("Hand it to a level"),
            "trending-up",
            (
                Need("level", gettext_lazy("Level"), "level"),
                Need("severity", gettext_lazy("Severity, if it has none"), "severity", True),
            ),
            _check_level,
            _enter_level,
            _level_words,
            lambda v, t: t.level >= v["level"],
        ),
        ActionKind(
            "add_tags",
            gettext_lazy("Add tags"),
            "tags",
            (_TAGS,),
            _check_tags,
            _add_tags,
            lambda v, names: _("Add tags: %(tags)s") % {"tags": _tags(v)},
            lambda v, t: set(v["tags"]) <= set(t.tags),
        ),
        ActionKind(
            "remove_tags",
            gettext_lazy("Remove tags"),
            "tags",
            (_TAGS,),
            _check_tags,
            _remove_tags,
            lambda v, names: _("Remove tags: %(tags)s") % {"tags": _tags(v)},
            lambda v, t: not set(v["tags"]) & set(t.tags),
        ),
        ActionKind(
            "note",
            gettext_lazy("Add an internal note"),
            "lock",
            (Need("text", gettext_lazy("Note: only the team sees it"), "text"),),
            lambda v, use: {"text": _line(v, "text", longest=LONGEST_TEXT)},
            _add_note,
            lambda v, names: _("Add the note “%(text)s”") % {"text": _short(v["text"])},
            _never,
        ),
        ActionKind(
            "verdict",
            gettext_lazy("Give the scope verdict"),
            "signpost",
            (Need("verdict", gettext_lazy("Verdict"), "verdict"),),
            lambda v, use: {"verdict": _line(v, "verdict", longest=60)},
            _give_verdict,
            _verdict_words,
            lambda v, t: t.verdict == v["verdict"],
        ),
        ActionKind(
            "answer",
            gettext_lazy("Answer the requester by itself"),
            "reply",
            (
                Need("text_es", gettext_lazy("Answer in Spanish"), "text"),
                Need("text_en", gettext_lazy("Answer in English"), "text", optional=True),
            ),
            _check_answer,
            _answer,
            lambda v, names: (
                _("Answer the requester, once: “%(text)s”") % {"text": _short(v["text_es"])}
            ),
            _never,
            only="rule",
        ),
        ActionKind(
            "tell",
            gettext_lazy("Tell somebody of ours by mail"),
            "mail",
            (
                Need("to", gettext_lazy("To"), "to"),
                Need("text", gettext_lazy("What to tell them"), "text"),
            ),
            lambda v, use: {**_to(v, ("assignee",)), "text": _line(v, "text", longest=2000)},
            _tell,
            lambda v, names: (
                _("Tell %(whom)s by mail: “%(text)s”")
                % {"whom": names.whom(v["to"]), "text": _short(v["text"])}
            ),
            _never,
            only="rule",
        ),
    )
}
