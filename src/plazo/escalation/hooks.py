"""Webhooks: telling another system, or a chat, what rings, and who has it.

A call is a row; a job only wakes it, and the loop wakes it again. A worker takes a row for a while
before it connects, so of several that saw the same one has it, and one that died is followed. The
same key goes out with every attempt: who gets a call twice knows it.

Source: Standard Webhooks 1.0 (headers webhook-id, webhook-timestamp, webhook-signature: HMAC-SHA256
over id, timestamp and body); Slack's incoming webhooks; Teams' workflows with adaptive cards.
"""

import base64
import hashlib
import hmac
import json
import logging
import secrets
import uuid
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, Final

from django.db import transaction
from django.db.models import F, Q
from django.utils import translation

from plazo.core.errors import PlazoError, kept
from plazo.core.nudging import wake
from plazo.escalation import outgoing, payloads
from plazo.escalation.models import CallState, Endpoint, HookCall, HookForm, Ring
from plazo.escalation.tasks import call_endpoint, nudge

logger = logging.getLogger(__name__)

CLAIM: Final = timedelta(minutes=2)
FIRST_PAUSE: Final = timedelta(seconds=5)
LONGEST_PAUSE: Final = timedelta(minutes=30)
GIVE_UP_AFTER: Final = timedelta(hours=6)
GRACE: Final = timedelta(seconds=5)
KEPT: Final = timedelta(days=30)
BATCH: Final = 500
LONGEST_ERROR: Final = 300
SECRET_PREFIX: Final = "whsec_"  # noqa: S105 - how all of them begin


def new_secret() -> str:
    """Return a fresh secret, as Standard Webhooks write one."""
    return SECRET_PREFIX + base64.b64encode(secrets.token_bytes(24)).decode()


def signature(secret: str, key: str, timestamp: int, body: bytes) -> str:
    """Return the signature of a call: version 1, HMAC-SHA256 in base 64."""
    raw = base64.b64decode(secret.removeprefix(SECRET_PREFIX))
    signed = f"{key}.{timestamp}.".encode() + body
    return "v1," + base64.b64encode(hmac.digest(raw, signed, hashlib.sha256)).decode()


def plan_call(
    endpoint: Endpoint, step: int, rings: Sequence[int], *, again: bool, now: datetime
) -> None:
    """Write down one call about all that rings on a step; wake a worker at commit."""
    found = Ring.objects.select_related("ticket__agreement_version", "ticket__organization")
    listed = list(found.filter(pk__in=rings).order_by("rang_at", "pk")[: payloads.MOST_LISTED])
    with translation.override(endpoint.language):
        body = payloads.of_rings(endpoint.form, step, listed, len(rings), now=now)
    plan(endpoint, body, now=now)


def plan_end_call(endpoint: Endpoint, rings: Sequence[int], *, now: datetime) -> None:
    """Write down one call about rings that all ended alike; wake a worker at commit."""
    found = Ring.objects.select_related("ticket__agreement_version", "ticket__organization")
    listed = list(found.filter(pk__in=rings).order_by("ended_at", "pk")[: payloads.MOST_LISTED])
    with translation.override(endpoint.language):
        body = payloads.of_ends(endpoint.form, listed, len(rings), now=now)
    plan(endpoint, body, now=now)


def plan(endpoint: Endpoint, body: dict[str, Any], *, now: datetime) -> HookCall:
    """Write a call down and wake a worker at commit."""
    call = HookCall.objects.create(
        key=uuid.uuid4(), endpoint=endpoint, body=body, created_at=now, next_attempt_at=now
    )
    nudge(call.pk)
    return call


def attempt(call_id: int, *, now: datetime) -> str:
    """Take one call as far as it goes; return its state, or nothing where it is not due."""
    call = _claim(call_id, now)
    if call is None:
        return ""
    try:
        _post(call, now)
    except Exception as error:  # whatever it is, it stands on the row and is tried again
        if not isinstance(error, PlazoError):
            logger.exception("call %s failed", call.pk)
        return _record_trouble(call, _words_of(error), now)
    return _record_done(call, now)


def _claim(call_id: int, now: datetime) -> HookCall | None:
    """Take the row for a while: the attempt counts before it is made."""
    due = HookCall.objects.filter(
        pk=call_id, state=CallState.WAITING, next_attempt_at__lte=now
    ).select_related("endpoint")
    call = due.first()
    if call is None:
        return None
    taken = due.filter(attempts=call.attempts).update(
        attempts=F("attempts") + 1, next_attempt_at=now + CLAIM
    )
    call.attempts += 1
    return call if taken else None


def _post(call: HookCall, now: datetime) -> None:
    kept = call.endpoint.secrets
    body = json.dumps(call.body, ensure_ascii=False, separators=(",", ":")).encode()
    headers = {"Content-Type": "application/json", "User-Agent": "Plazo"}
    if call.endpoint.form == HookForm.PLAZO:
        stamp = int(now.timestamp())
        headers |= {
            "webhook-id": str(call.key),
            "webhook-timestamp": str(stamp),
            "webhook-signature": signature(kept["secret"], str(call.key), stamp, body),
        }
    outgoing.post(kept["url"], body, headers)


def _words_of(error: Exception) -> str:
    if isinstance(error, PlazoError):
        return kept(error, LONGEST_ERROR)
    return f"{type(error).__name__}: {error}"[:LONGEST_ERROR]


def _record_trouble(call: HookCall, why: str, now: datetime) -> str:
    """Try again later, or give up. The endpoint says since when it fails."""
    over = now - call.created_at >= GIVE_UP_AFTER
    pause = min(FIRST_PAUSE * 2 ** min(call.attempts - 1, 12), LONGEST_PAUSE)
    state = CallState.FAILED if over else CallState.WAITING
    with transaction.atomic():
        HookCall.objects.filter(pk=call.pk, state=CallState.WAITING).update(
            state=state,
            last_error=why,
            next_attempt_at=None if over else now + pause,
            ended_at=now if over else None,
        )
        failing = Endpoint.objects.filter(pk=call.endpoint_id)
        failing.update(last_error=why)
        failing.filter(failing_since=None).update(failing_since=now)
    return state


def _record_done(call: HookCall, now: datetime) -> str:
    with transaction.atomic():
        HookCall.objects.filter(pk=call.pk).update(
            state=CallState.DONE, last_error="", next_attempt_at=None, ended_at=now
        )
        Endpoint.objects.filter(pk=call.endpoint_id).update(
            failing_since=None, last_error="", last_ok_at=now
        )
    return CallState.DONE


def reconcile(now: datetime) -> int:
    """Wake each due call that no job waits for; return how many."""
    due = list(
        HookCall.objects.filter(state=CallState.WAITING, next_attempt_at__lte=now - GRACE)
        .order_by("next_attempt_at")
        .values_list("pk", flat=True)[:BATCH]
    )
    return wake(due, task=call_endpoint.name, argument="call_id", nudge=nudge, now=now)


def forget(*, now: datetime) -> None:
    """Delete calls that ended long ago: what they told is in the rings."""
    HookCall.objects.filter(~Q(state=CallState.WAITING), ended_at__lt=now - KEPT).delete()
