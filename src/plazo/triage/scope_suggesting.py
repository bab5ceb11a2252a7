"""What a case is proposed: by the rules where they are sure, else by what was learned."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Literal

from plazo.agreements.document import IN_SCOPE
from plazo.core.actor import Actor
from plazo.tickets import commands, queries
from plazo.tickets.commands import Proposal
from plazo.tickets.models import Ticket, TicketEvent
from plazo.triage.learning import SPEAKS, Prediction
from plazo.triage.learning_queries import model_in_use
from plazo.triage.scope import CaseFacts, Ranked, suggest
from plazo.triage.scope_reading import Read, facts_of

# What may be proposed at all: beyond it are only whispers.
FEWEST_POINTS: Final = 40


@dataclass(frozen=True, slots=True)
class Suggestion:
    """What is proposed, by whom, and everything that it rests on.

    Units: `ranked` is what the rules say of this verdict, where they say anything; `others` what
        they say of others. `prediction` is there only where the model proposes.
    """

    verdict: str
    by: Literal["rules", "model"]
    sure: bool
    ranked: Ranked | None
    others: tuple[Ranked, ...]
    prediction: Prediction | None
    proposal: Proposal


def suggestion_of(
    ticket: Ticket, chain: Sequence[TicketEvent], said: Read | None = None
) -> Suggestion | None:
    """Return what a case is proposed; None where nothing speaks loud enough.

    Units: `said` is what the case says, where it is at hand.
    Edges: rules that are sure come before all; what was learned comes next, and proposes only
        what the case's own agreement has. Costs two queries for what it says, and two for what was
        learned, unless that is kept.
    """
    document = ticket.agreement_version.document
    facts = facts_of(ticket, chain, said)
    ranked = suggest(document, facts)
    if ranked and ranked[0].sure:
        return _by_rules(ranked)
    learned = _learned(ticket, facts)
    if learned is not None:
        pk, guess = learned
        own = next((each for each in ranked if each.verdict == guess.verdict), None)
        others = tuple(each for each in ranked if each is not own)
        rules = tuple(e.rule for e in own.evidence) if own else ()
        proposal = Proposal(guess.verdict, "model", (f"model:{pk}", *rules))
        return Suggestion(guess.verdict, "model", False, own, others, guess, proposal)
    return _by_rules(ranked) if ranked and ranked[0].points >= FEWEST_POINTS else None


def _by_rules(ranked: tuple[Ranked, ...]) -> Suggestion:
    first = ranked[0]
    proposal = Proposal(first.verdict, "rules", tuple(e.rule for e in first.evidence))
    return Suggestion(first.verdict, "rules", first.sure, first, ranked[1:], None, proposal)


def _learned(ticket: Ticket, facts: CaseFacts) -> tuple[int, Prediction] | None:
    found = model_in_use()
    if found is None:
        return None
    pk, weights = found
    said = weights.predict(facts, ticket.language)
    document = ticket.agreement_version.document
    if said is None or said.probability < SPEAKS:
        return None
    if said.verdict != IN_SCOPE and document.clause(said.verdict) is None:
        return None
    return pk, said


def judge_scope(
    *, ticket_id: int, verdict: str, why: str = "", actor: Actor, now: datetime
) -> TicketEvent:
    """Give a verdict, with what was proposed beside it.

    Units: `verdict` is "in_scope" or a clause's key.
    Raises: UnknownChoice; TicketClosed.
    """
    ticket = Ticket.objects.select_related("organization", "agreement_version").get(pk=ticket_id)
    suggestion = suggestion_of(ticket, queries.chain_of(ticket))
    return commands.give_verdict(
        ticket_id=ticket_id,
        in_scope=verdict == IN_SCOPE,
        clause="" if verdict == IN_SCOPE else verdict,
        why=why,
        proposal=suggestion.proposal if suggestion else commands.NO_PROPOSAL,
        actor=actor,
        now=now,
    )
