"""Learning from the team's own verdicts, each night: gather, train in another process, keep."""

import hashlib
import json
import logging
import os
import subprocess
import sys
import threading
from collections import Counter, defaultdict
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, Final

from django.db import close_old_connections, transaction
from django.utils import timezone

from plazo.agreements.errors import NoAgreementInForce
from plazo.agreements.queries import key_in_use, version_in_force
from plazo.core import audit, localtime
from plazo.core.actor import Actor, ActorKind
from plazo.tickets import events
from plazo.tickets.models import PublicMessage, Ticket, TicketEvent, TicketField
from plazo.triage.learning import SPEAKS, Weights, marks_of, tokens_of
from plazo.triage.learning_child import FOLDS, UNAVAILABLE
from plazo.triage.models import Outcome, ScopeLearning, ScopeModel
from plazo.triage.scope import CaseFacts

logger = logging.getLogger(__name__)

FEWEST: Final = 200
# Of each verdict so many at least, or it is left out: it must stand in every fold.
FEWEST_EACH: Final = 2 * FOLDS
MOST: Final = 5_000
NIGHT_HOUR: Final = 3
PERIOD_SECONDS: Final = 60.0
LEASE: Final = timedelta(hours=1)
LONGEST_SECONDS: Final = 900
KEPT_WEIGHTS: Final = 3
KEPT_RUNS: Final = 90
SHOWN_CASES: Final = 60
# Of our environment, the child gets what Python needs to start, and no secret.
_KEPT: Final = frozenset({"PATH", "PYTHONPATH", "VIRTUAL_ENV", "HOME", "LANG", "LC_ALL", "TMPDIR"})


class TrainingFailed(Exception):
    """The other process did not give a model."""


def run_forever(stop: threading.Event) -> None:
    """Look every minute whether a run is due, until `stop`."""
    while not stop.is_set():
        learn_if_due(timezone.now())
        close_old_connections()
        stop.wait(PERIOD_SECONDS)


def learn_if_due(now: datetime) -> ScopeModel | None:
    """Run once if it is time, and say when the next one is; None where it was not.

    Edges: of several workers one takes it, for an hour: one that dies on the way is made up for.
    """
    try:
        zone = _zone(now)
    except NoAgreementInForce:
        return None
    with transaction.atomic():
        switch = switch_for_update()
        if not switch.is_on or (switch.next_at is not None and switch.next_at > now):
            return None
        switch.next_at = now + LEASE
        switch.save()
    made = learn(now)
    with transaction.atomic():
        switch = switch_for_update()
        switch.next_at = next_night(now, zone)
        switch.save()
    return made


def switch_for_update() -> ScopeLearning:
    """Return the one row of the switch, locked; made where it is not there."""
    return ScopeLearning.objects.select_for_update().get_or_create(pk=1)[0]


def next_night(now: datetime, zone: str) -> datetime:
    """Return the next three o'clock at night in a zone, after `now`."""
    tonight = localtime.local(now, zone).replace(
        hour=NIGHT_HOUR, minute=0, second=0, microsecond=0, tzinfo=None
    )
    at = localtime.utc(tonight, zone)
    return at if at > now else localtime.utc(tonight + timedelta(days=1), zone)


def _zone(now: datetime) -> str:
    document = version_in_force(now).document
    return document.calendars[document.support_calendar].zone


def switch_learning(*, on: bool, actor: Actor, now: datetime) -> ScopeLearning:
    """Turn learned proposals on or off. What was learned is kept, and said no more while off."""
    with transaction.atomic():
        switch = switch_for_update()
        before = switch.is_on
        if before != on:
            switch.is_on = on
            switch.save()
            audit.record(
                "scope.switched",
                "scope",
                before={"active": before},
                after={"active": on},
                actor=actor,
                now=now,
            )
    return switch


def learn_soon(*, actor: Actor, now: datetime) -> ScopeLearning:
    """Have the next run made within the minute instead of at night."""
    with transaction.atomic():
        switch = switch_for_update()
        switch.next_at = now
        switch.save()
        audit.record("scope.asked", "scope", after={"when": now}, actor=actor, now=now)
    return switch


# — one run ————————————————————————————————————————————————————————————————————————————


def learn(now: datetime, *, fewest: int = FEWEST) -> ScopeModel:
    """Learn from the verdicts that there are, `fewest` at least, and keep what came of it."""
    rows, newest = gather()
    enough, left_out = _enough(rows)
    run = ScopeModel(
        agreement=key_in_use(),
        began_at=now,
        verdicts=len(rows),
        newest_event=newest,
        report={"given": dict(Counter(row["verdict"] for row in rows)), "left_out": left_out},
    )
    if len(rows) < fewest:
        run.outcome = Outcome.TOO_FEW
    elif len({row["verdict"] for row in enough}) < 2:
        run.outcome = Outcome.ONE_SIDED
    else:
        _train(run, enough)
    run.ended_at = max(now, timezone.now())
    with transaction.atomic():
        run.save()
        _tidy(run)
    return run


def _train(run: ScopeModel, rows: Sequence[dict[str, Any]]) -> None:
    try:
        answer = ask_child({"rows": [_sent(row) for row in rows], "speaks": SPEAKS})
        if answer is None:
            run.outcome = Outcome.UNAVAILABLE
            return
        Weights.from_json(answer["weights"])
    except (TrainingFailed, OSError, ValueError, KeyError) as error:
        logger.warning("nothing was learned of scope: %s", error)
        run.outcome, run.note = Outcome.FAILED, str(error)[:300]
        return
    run.outcome, run.weights = Outcome.TRAINED, answer["weights"]
    run.sha256 = hashlib.sha256(json.dumps(run.weights, sort_keys=True).encode()).hexdigest()
    run.report |= answer["report"] | {"cases_said": _shown(rows, answer["said"])}


def _sent(row: dict[str, Any]) -> dict[str, Any]:
    return {key: row[key] for key in ("terms", "marks", "verdict")}


def _shown(rows: Sequence[dict[str, Any]], said: Sequence[Sequence[Any]]) -> list[list[Any]]:
    """Return cases with what it would have said: where it was wrong first, the surest above."""
    pairs = [
        [row["number"], row["verdict"], verdict, round(float(chance), 2)]
        for row, (verdict, chance) in zip(rows, said, strict=True)
    ]
    pairs.sort(key=lambda p: (p[1] == p[2] or p[3] < SPEAKS, -p[3]))
    return pairs[:SHOWN_CASES]


def ask_child(request: dict[str, Any], command: Sequence[str] = ()) -> dict[str, Any] | None:
    """Have it trained in a process of its own; None where the library is not installed.

    Raises: TrainingFailed if it ends otherwise than well, or takes too long.
    """
    started = list(command) or [sys.executable, "-m", "plazo.triage.learning_child"]
    kept = {name: value for name, value in os.environ.items() if name in _KEPT}
    # One thread: a night has time, and the machine may be busy with cases.
    kept |= {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    try:
        ended = subprocess.run(
            started,
            input=json.dumps(request).encode(),
            capture_output=True,
            timeout=LONGEST_SECONDS,
            env=kept,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise TrainingFailed(f"no model within {LONGEST_SECONDS} s") from error
    if ended.returncode == UNAVAILABLE:
        return None
    if ended.returncode:
        last = ended.stderr.decode("utf-8", "replace").strip().splitlines()[-1:]
        raise TrainingFailed(f"it ended with {ended.returncode}: {''.join(last)}")
    answer: dict[str, Any] = json.loads(ended.stdout)
    return answer


def _enough(rows: Sequence[dict[str, Any]]) -> tuple[list[dict[str, Any]], list[str]]:
    """Return the rows of verdicts that were given often enough, and the verdicts that were not."""
    given = Counter(row["verdict"] for row in rows)
    seldom = sorted(verdict for verdict, count in given.items() if count < FEWEST_EACH)
    return [row for row in rows if row["verdict"] not in seldom], seldom


def _tidy(run: ScopeModel) -> None:
    """Keep the weights of the newest models only, and the runs of the last months."""
    trained = ScopeModel.objects.filter(agreement=run.agreement, weights__isnull=False)
    keep = list(trained.order_by("-pk").values_list("pk", flat=True)[:KEPT_WEIGHTS])
    trained.exclude(pk__in=keep).update(weights=None)
    runs = ScopeModel.objects.filter(agreement=run.agreement).exclude(pk__in=keep)
    old = runs.order_by("-pk").values_list("pk", flat=True)[KEPT_RUNS:]
    ScopeModel.objects.filter(pk__in=list(old)).delete()


# — the data ———————————————————————————————————————————————————————————————————————————


def gather() -> tuple[list[dict[str, Any]], int | None]:
    """Return a row for each case with a final verdict by an agent, the newest cases, and the last
    of those events.

    Edges: what a rule of the team's own decided teaches nothing; a case whose request was erased
        has no words left and is left out. Costs four queries.
    """
    tickets = {
        ticket.pk: ticket
        for ticket in Ticket.objects.exclude(verdict="")
        .filter(agreement_version__key=key_in_use())
        .only("number", "subject", "language", "verdict", "channel")
        .order_by("-pk")[:MOST]
    }
    opened: dict[int, dict[str, Any]] = {}
    final: dict[int, TicketEvent] = {}
    kinds = (events.TicketOpened.kind, events.VerdictGiven.kind)
    for event in (
        TicketEvent.objects.filter(ticket__in=tickets, kind__in=kinds)
        .only("ticket_id", "kind", "payload", "actor_kind")
        .order_by("ticket_id", "sequence")
    ):
        if event.kind == events.TicketOpened.kind:
            opened[event.ticket_id] = event.payload
        else:
            final[event.ticket_id] = event
    taught = {pk: e for pk, e in final.items() if e.actor_kind == ActorKind.AGENT.value}
    bodies = dict(
        PublicMessage.objects.filter(pk__in=[opened[pk]["message"] for pk in taught]).values_list(
            "pk", "body_text"
        )
    )
    answers: dict[int, list[tuple[str, str]]] = defaultdict(list)
    fields = TicketField.objects.filter(ticket__in=taught).order_by("pk")
    for pk, key, value in fields.values_list("ticket", "key", "value"):
        answers[pk].append((key, value))
    rows = [
        _row(tickets[pk], opened[pk], bodies[opened[pk]["message"]], answers[pk])
        for pk in sorted(taught)
        if bodies.get(opened[pk]["message"])
    ]
    return rows, max((event.pk for event in taught.values()), default=None)


def _row(
    ticket: Ticket, opened: dict[str, Any], body: str, answers: list[tuple[str, str]]
) -> dict[str, Any]:
    facts = CaseFacts(
        texts=(("subject", ticket.subject), ("body", body), *answers),
        service=opened["service"],
        environment=opened["environment"],
        request_type=opened["request_type"],
        channel=ticket.channel,
        stage=opened["stage"],
        guidance=opened.get("answer", ""),
    )
    return {
        "number": ticket.number,
        "verdict": ticket.verdict,
        "terms": [term for term, _written in tokens_of(facts, ticket.language)],
        "marks": marks_of(facts),
    }
