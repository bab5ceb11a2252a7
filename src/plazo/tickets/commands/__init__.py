"""Commands: everything that can be done to a ticket.

Each is one keyword-only function, one transaction, one row lock. It checks the domain's rules,
appends events, and refreshes the projection; readers write what must be sent. Nothing leaves the
house from here.
"""

from plazo.tickets.commands.answering import answer_ladder
from plazo.tickets.commands.areas import (
    ask_area,
    record_area_answer,
    record_area_failure,
    record_area_receipt,
    remind_area,
    set_answers_aside,
    withdraw_ask,
    write_to_area,
)
from plazo.tickets.commands.behalf import open_on_behalf
from plazo.tickets.commands.classifying import classify_ticket, set_fields
from plazo.tickets.commands.erasing import (
    redact_area_message,
    redact_message,
    redact_person,
)
from plazo.tickets.commands.handling import (
    LONGEST_WHY,
    NO_PROPOSAL,
    Proposal,
    assign_ticket,
    change_tags,
    enter_level,
    give_verdict,
    reopen_ticket,
    set_severity,
    set_status,
)
from plazo.tickets.commands.joining import (
    link_tickets,
    merge_ticket,
    unlink_tickets,
    unmerge_ticket,
)
from plazo.tickets.commands.leaving import let_agent_go
from plazo.tickets.commands.opening import (
    Arrival,
    Guidance,
    Referred,
    open_follow_up,
    open_ticket,
)
from plazo.tickets.commands.outcomes import Outcomes, set_outcome
from plazo.tickets.commands.promising import hand_promise, make_promise, move_promise
from plazo.tickets.commands.recording import (
    announce_alarms,
    announce_many,
    record_acknowledged,
    record_delivery,
    record_delivery_failure,
    record_machine,
    record_parked_mail,
    record_refused_reply,
    send_reply_again,
)
from plazo.tickets.commands.splitting import split_message
from plazo.tickets.commands.steps import TRANSITIONS
from plazo.tickets.commands.taking import take_next
from plazo.tickets.commands.taking_part import (
    LONGEST_RATING,
    MOST_PARTICIPANTS,
    add_participant,
    rate_ticket,
    remove_participant,
    request_escalation,
)
from plazo.tickets.commands.waiting import (
    close_solved,
    confirm_solution,
    still_needed,
    tend_wait,
)
from plazo.tickets.commands.writing import (
    add_internal_note,
    answer_automatically,
    reply_as_requester,
    reply_to_ticket,
)

__all__ = [
    "LONGEST_RATING",
    "LONGEST_WHY",
    "MOST_PARTICIPANTS",
    "NO_PROPOSAL",
    "TRANSITIONS",
    "Arrival",
    "Guidance",
    "Outcomes",
    "Proposal",
    "Referred",
    "add_internal_note",
    "add_participant",
    "announce_alarms",
    "announce_many",
    "answer_automatically",
    "answer_ladder",
    "ask_area",
    "assign_ticket",
    "change_tags",
    "classify_ticket",
    "close_solved",
    "confirm_solution",
    "enter_level",
    "give_verdict",
    "hand_promise",
    "let_agent_go",
    "link_tickets",
    "make_promise",
    "merge_ticket",
    "move_promise",
    "open_follow_up",
    "open_on_behalf",
    "open_ticket",
    "rate_ticket",
    "record_acknowledged",
    "record_area_answer",
    "record_area_failure",
    "record_area_receipt",
    "record_delivery",
    "record_delivery_failure",
    "record_machine",
    "record_parked_mail",
    "record_refused_reply",
    "redact_area_message",
    "redact_message",
    "redact_person",
    "remind_area",
    "remove_participant",
    "reopen_ticket",
    "reply_as_requester",
    "reply_to_ticket",
    "request_escalation",
    "send_reply_again",
    "set_answers_aside",
    "set_fields",
    "set_outcome",
    "set_severity",
    "set_status",
    "split_message",
    "still_needed",
    "take_next",
    "tend_wait",
    "unlink_tickets",
    "unmerge_ticket",
    "withdraw_ask",
    "write_to_area",
]
