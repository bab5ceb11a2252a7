"""Clocks: the rules of docs/metrics.md as rows, and laws over random histories."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plazo.sla import (
    Agreement,
    Conditions,
    EscalationLadder,
    FactsOutOfOrder,
    InvalidAgreement,
    InvalidTarget,
    LadderStep,
    Metric,
    SegmentKind,
    SlaPolicy,
    State,
    Subject,
    Target,
    UnknownTarget,
    awaited_since,
    evaluate,
    explain,
)
from plazo.sla import facts as f
from plazo.sla.fold import DOES
from tests.oracle import MinuteOracle, Rules, spent
from tests.sla.world import AGREEMENT, ALWAYS, SUPPORT, hours, local, minutes
from tests.strategies import histories

MONDAY = "2026-11-23 "
TICK = timedelta(microseconds=1)


def at(text: str) -> datetime:
    """Read a time of Monday 23 November, or a whole civil time."""
    return local(text if "-" in text else MONDAY + text)


OPENED = f.Opened(at("08:00"), "esd")
CREDIT = "area_reply:ask-1"
ASKED = [OPENED, f.AreaAsked(at("08:30"), "ask-1", "credit")]
LEVEL_2 = [OPENED, f.SeveritySet(at("08:30"), "B"), f.LevelEntered(at("08:30"), 2)]


@pytest.mark.parametrize(
    ("facts", "now", "key", "state", "due"),
    [
        pytest.param([OPENED], "08:30", "first_reply", "running", "09:00", id="M-1 starts when opened"),
        pytest.param([OPENED, f.Acknowledged(at("08:00"))], "08:30", "first_reply", "running", "09:00", id="M-2 an acknowledgement is no reply"),
        pytest.param([OPENED, f.RepliedPublicly(at("08:10"), "r")], "08:30", "first_reply", "met", "09:00", id="M-3 a public reply meets it"),
        pytest.param([OPENED, f.RepliedPublicly(at("09:00"), "r")], "09:30", "first_reply", "met", "09:00", id="M-4 boundary: at the deadline is on time"),
        pytest.param([OPENED, f.RepliedPublicly(at("09:00") + TICK, "r")], "09:30", "first_reply", "breached", "09:00", id="M-4 boundary: a microsecond after is late"),
        pytest.param([OPENED], "09:00", "first_reply", "running", "09:00", id="M-4 boundary: undone at the deadline still runs"),
        pytest.param([OPENED], "09:01", "first_reply", "breached", "09:00", id="M-5 breached at the due instant, whenever one looks"),
        pytest.param([OPENED, f.RepliedPublicly(at("08:10"), "r"), f.DeliveryFailed(at("08:20"), "r")], "08:30", "first_reply", "running", "09:00", id="M-6 a reply that failed to arrive is none"),
        pytest.param([OPENED, f.RepliedPublicly(at("08:10"), "r"), f.DeliveryFailed(at("09:20"), "r")], "09:30", "first_reply", "breached", "09:00", id="M-6 the failure may be known late"),
        pytest.param([OPENED, f.RepliedPublicly(at("08:10"), "r"), f.DeliveryFailed(at("08:20"), "other")], "08:30", "first_reply", "met", "09:00", id="M-6 another reply's failure changes nothing"),
        pytest.param([OPENED, f.Paused(at("08:10"), "x", "requester")], "08:30", "first_reply", "running", "09:00", id="M-7 the first reply never pauses"),
        pytest.param([OPENED, f.RepliedPublicly(at("08:10"), "r")], "08:30", "scope_verdict", "running", "09:00", id="M-10 a reply is no verdict"),
        pytest.param([OPENED, f.VerdictGiven(at("08:10"))], "08:30", "scope_verdict", "met", "09:00", id="M-11 a verdict meets it"),
        pytest.param([OPENED, f.VerdictGiven(at("08:10")), f.VerdictGiven(at("09:40"), in_scope=False)], "10:00", "scope_verdict", "met", "09:00", id="M-12 a later verdict does not undo the first"),
        pytest.param(LEVEL_2, "09:00", "escalated_reply", "running", "10:30", id="M-20 starts at level 2 with its severity"),
        pytest.param([f.Opened(at("2026-11-22 03:00")), f.SeveritySet(at("2026-11-22 03:00"), "A"), f.LevelEntered(at("2026-11-22 03:00"), 2)], "2026-11-22 03:30", "escalated_reply", "running", "2026-11-22 04:00", id="M-21 A runs on Sunday at three in the morning"),
        pytest.param([f.Opened(at("2026-11-21 16:30")), f.SeveritySet(at("2026-11-21 16:30"), "C"), f.LevelEntered(at("2026-11-21 16:30"), 2)], "2026-11-21 16:40", "escalated_reply", "running", "2026-11-22 12:30", id="M-21 C waits for working hours"),
        pytest.param([OPENED, f.LevelEntered(at("08:30"), 2), f.SeveritySet(at("09:00"), "A")], "09:10", "escalated_reply", "running", "09:30", id="M-22 a severity given later counts from level 2"),
        pytest.param([*LEVEL_2, f.SeveritySet(at("09:00"), "A")], "09:10", "escalated_reply", "running", "09:30", id="M-23 a change re-targets from the clock's own start"),
        pytest.param([*LEVEL_2, f.SeveritySet(at("10:00"), "A")], "10:10", "escalated_reply", "breached", "09:30", id="M-23 raised after the new target has passed: late at once"),
        pytest.param([*LEVEL_2, f.SeveritySet(at("11:00"), "C")], "11:10", "escalated_reply", "breached", "10:30", id="M-24 what was breached stays so"),
        pytest.param([*LEVEL_2, f.RepliedPublicly(at("09:00"), "r"), f.SeveritySet(at("09:30"), "A")], "11:10", "escalated_reply", "met", "10:30", id="M-24 what was met stays so"),
        pytest.param([*LEVEL_2, f.LevelEntered(at("09:00"), 3)], "09:10", "escalated_reply", "running", "10:30", id="M-25 a higher level does not start it anew"),
        pytest.param([*LEVEL_2, f.RepliedPublicly(at("09:00"), "r"), f.LevelEntered(at("09:30"), 3)], "09:40", "escalated_reply#2", "running", "11:30", id="M-25 once met, a higher level starts another"),
        pytest.param([*LEVEL_2, f.Paused(at("09:00"), "x", "requester")], "14:00", "escalated_reply", "paused", None, id="M-30 waiting for the requester pauses"),
        pytest.param([*LEVEL_2, f.Paused(at("09:00"), "x", "requester"), f.RequesterSpoke(at("12:00"))], "12:10", "escalated_reply", "running", "13:30", id="M-31 the requester's word ends the pause"),
        pytest.param([*LEVEL_2, f.Paused(at("09:00"), "x", "requester"), f.Resumed(at("12:00"))], "12:10", "escalated_reply", "running", "13:30", id="M-31 resuming ends the pause"),
        pytest.param([*LEVEL_2, f.Paused(at("09:00"), "x", "requester"), f.RepliedPublicly(at("12:00"), "r")], "12:10", "escalated_reply", "met", "13:30", id="M-32 done while paused is on time"),
        pytest.param([*LEVEL_2, f.Paused(at("11:00"), "x", "requester")], "12:10", "escalated_reply", "breached", "10:30", id="M-33 a pause after the deadline heals nothing"),
        pytest.param([*LEVEL_2, f.Paused(at("09:00"), "x", "requester")], "2026-11-30 09:00", "escalated_reply", "running", "2026-11-30 10:30", id="M-34 the longest pause ends by itself"),
        pytest.param([*LEVEL_2, f.Paused(at("09:00"), "x", "requester"), f.Paused(at("2026-11-29 09:00"), "y", "requester")], "2026-11-30 09:00", "escalated_reply", "running", "2026-11-30 10:30", id="M-35 waiting once more does not renew the longest pause"),
        pytest.param([*LEVEL_2, f.Paused(at("09:00"), "x", "requester"), f.Paused(at("2026-11-30 09:30"), "y", "requester")], "2026-11-30 10:00", "escalated_reply", "running", "2026-11-30 10:30", id="M-35 used up, it cannot begin again"),
        pytest.param([*LEVEL_2, f.Paused(at("09:00"), "x", "requester"), f.Resumed(at("2026-11-26 09:00")), f.Paused(at("2026-11-26 10:00"), "y", "requester")], "2026-11-30 10:30", "escalated_reply", "running", "2026-11-30 10:30", id="M-35 going on in between does not renew it; waits add up"),
        pytest.param([*LEVEL_2, f.Paused(at("09:00"), "x", "requester"), f.Solved(at("2026-11-29 09:00")), f.Reopened(at("2026-11-29 10:00")), f.Paused(at("2026-11-29 10:00"), "y", "requester")], "2026-11-30 10:30", "escalated_reply", "running", "2026-11-30 11:30", id="M-35 nor does our own reopening"),
        pytest.param([*LEVEL_2, f.Paused(at("09:00"), "x", "requester"), f.Solved(at("2026-11-29 09:00")), f.Reopened(at("2026-11-29 10:00"), by_requester=True), f.Paused(at("2026-11-29 10:00"), "y", "requester")], "2026-11-30 10:30", "escalated_reply", "paused", None, id="M-35 a reopening by the requester begins anew"),
        pytest.param([*LEVEL_2, f.Paused(at("09:00"), "x", "requester"), f.RequesterSpoke(at("2026-11-29 09:00")), f.Paused(at("2026-11-29 09:00"), "y", "requester")], "2026-12-01 09:00", "escalated_reply", "paused", None, id="M-35 after the requester's word a wait begins anew"),
        pytest.param([OPENED, f.RepliedPublicly(at("08:10"), "r"), f.RequesterSpoke(at("09:00"))], "09:10", "next_reply", "running", "13:00", id="M-50 the next reply starts when the requester speaks"),
        pytest.param([OPENED, f.RepliedPublicly(at("08:10"), "r"), f.RequesterSpoke(at("09:00")), f.RequesterSpoke(at("10:00"))], "10:10", "next_reply", "running", "13:00", id="M-51 speaking twice does not start it anew"),
        pytest.param([OPENED, f.RepliedPublicly(at("08:10"), "r"), f.RequesterSpoke(at("09:00")), f.RepliedPublicly(at("09:30"), "s"), f.RequesterSpoke(at("10:00"))], "10:10", "next_reply#2", "running", "14:00", id="M-52 each wait is a clock of its own"),
        pytest.param([*LEVEL_2, f.RepliedPublicly(at("09:00"), "r")], "09:10", "periodic_update#2", "running", "17:00", id="M-60 each reply starts the next periodic update"),
        pytest.param([OPENED, f.PromiseMade(at("09:00"), "p", "update", at("11:00"))], "10:00", "promised_update:p", "running", "11:00", id="M-70 a promise is an instant"),
        pytest.param([OPENED, f.PromiseMade(at("09:00"), "p", "update", at("11:00")), f.Paused(at("09:30"), "x", "requester")], "11:30", "promised_update:p", "breached", "11:00", id="M-71 a promise never pauses"),
        pytest.param([OPENED, f.PromiseMade(at("09:00"), "p", "update", at("11:00")), f.PromiseMoved(at("10:00"), "p", at("15:00"), "x")], "12:00", "promised_update:p", "running", "15:00", id="M-72 moved in time, it is due then"),
        pytest.param([OPENED, f.PromiseMade(at("09:00"), "p", "update", at("11:00")), f.PromiseMoved(at("11:30"), "p", at("15:00"), "x")], "12:00", "promised_update:p", "breached", "11:00", id="M-72 moved too late, it was broken"),
        pytest.param([OPENED, f.PromiseMade(at("09:00"), "p", "update", at("11:00")), f.PromiseKept(at("11:00"), "p")], "12:00", "promised_update:p", "met", "11:00", id="M-73 kept at its instant"),
        pytest.param([OPENED, f.PromiseMade(at("09:00"), "p", "update", at("11:00")), f.RepliedPublicly(at("10:00"), "r"), f.PromiseKept(at("10:00"), "p", "r"), f.DeliveryFailed(at("10:05"), "r")], "10:30", "promised_update:p", "running", "11:00", id="M-75 the reply that kept it never arrived"),
        pytest.param([OPENED, f.PromiseMade(at("09:00"), "p", "update", at("11:00")), f.PromiseKept(at("10:00"), "p", "r"), f.DeliveryFailed(at("10:05"), "q")], "10:30", "promised_update:p", "met", "11:00", id="M-75 another reply's failure changes nothing"),
        pytest.param([OPENED, f.PromiseMade(at("09:00"), "p", "solution", at("11:00")), f.Solved(at("10:00"))], "12:00", "promised_update:p", "met", "11:00", id="M-74 solving keeps what was promised"),
        pytest.param([OPENED, f.Solved(at("08:30"))], "09:30", "first_reply", "cancelled", "09:00", id="M-40 solving sets the other duties aside"),
        pytest.param([OPENED, f.Solved(at("10:00"))], "11:00", "resolution", "met", "2026-11-25 16:00", id="M-40 solving meets the resolution"),
        pytest.param([OPENED, f.Solved(at("08:30")), f.Reopened(at("10:00"))], "10:10", "first_reply", "running", "10:30", id="M-41 reopening takes them up again; the time solved does not count"),
        pytest.param([OPENED, f.Solved(at("08:30")), f.RepliedPublicly(at("08:40"), "r"), f.Reopened(at("10:00"))], "10:10", "first_reply", "met", "09:10", id="M-42 done while solved still counts"),
        pytest.param([OPENED, f.Solved(at("09:30")), f.Reopened(at("10:00"))], "10:10", "first_reply", "breached", "09:00", id="M-43 what was late before solving stays late"),
        pytest.param([*LEVEL_2, f.Solved(at("09:00")), f.SeveritySet(at("11:00"), "C"), f.Reopened(at("12:00"))], "12:10", "escalated_reply", "running", "15:30", id="M-45 a severity judged while solved gives its target when taken up again"),
        pytest.param([*LEVEL_2, f.Solved(at("09:00")), f.SeveritySet(at("11:00"), "A"), f.Reopened(at("12:00"))], "12:10", "escalated_reply", "running", "12:30", id="M-45 judged by the time spent before it was solved"),
        pytest.param([*LEVEL_2, f.Solved(at("10:00")), f.SeveritySet(at("11:00"), "A"), f.Reopened(at("12:00"))], "12:10", "escalated_reply", "breached", "09:30", id="M-45 that time was more than the new target: late"),
        pytest.param([*LEVEL_2, f.Solved(at("10:40")), f.SeveritySet(at("11:00"), "C"), f.Reopened(at("12:00"))], "12:10", "escalated_reply", "breached", "10:30", id="M-45 late before it was solved stays so"),
        pytest.param([OPENED, f.LevelEntered(at("08:30"), 2), f.Solved(at("09:00")), f.SeveritySet(at("11:00"), "B"), f.Reopened(at("12:00"))], "12:10", "escalated_reply", "running", "13:30", id="M-45 without a severity before, it has one now"),
        pytest.param([OPENED, f.Solved(at("08:30")), f.Reopened(at("08:40"), undone=True)], "08:50", "first_reply", "running", "09:00", id="M-46 a slip undone gives no time"),
        pytest.param([OPENED, f.PromiseMade(at("09:00"), "p", "solution", at("11:00")), f.Solved(at("10:00")), f.PromiseKept(at("10:00"), "p"), f.Reopened(at("10:05"), undone=True)], "10:10", "promised_update:p", "running", "11:00", id="M-46 what the slip kept is owed as before"),
        pytest.param([OPENED, f.PromiseMade(at("09:00"), "p", "solution", at("11:00")), f.Solved(at("10:55")), f.PromiseKept(at("10:55"), "p"), f.Reopened(at("11:05"), undone=True)], "11:10", "promised_update:p", "breached", "11:00", id="M-46 and may be broken meanwhile"),
        pytest.param([OPENED, f.PromiseMade(at("08:10"), "p", "update", at("09:00")), f.RepliedPublicly(at("08:20"), "r"), f.PromiseKept(at("08:20"), "p", "r"), f.Solved(at("08:30")), f.Reopened(at("08:40"), undone=True)], "09:10", "promised_update:p", "met", "09:00", id="M-46 what a reply kept stays kept"),
        pytest.param([*LEVEL_2, f.Paused(at("09:00"), "x", "requester"), f.Solved(at("09:30")), f.Reopened(at("09:40"), undone=True)], "12:00", "escalated_reply", "paused", None, id="M-46 what waited waits on"),
        pytest.param([OPENED, f.Solved(at("08:30")), f.Reopened(at("08:40"), undone=True), f.Solved(at("08:50"))], "12:00", "first_reply", "cancelled", "09:00", id="M-46 solved in earnest later, it is"),
        pytest.param([OPENED, f.Merged(at("08:30"), "other")], "12:00", "first_reply", "cancelled", "09:00", id="M-80 merged away, its clocks are sealed"),
        pytest.param([f.Opened(at("10:00")), f.Absorbed(at("10:30"), "other", at("08:00"))], "10:40", "first_reply", "breached", "09:00", id="M-81 the survivor keeps the earliest duty"),
        pytest.param([OPENED, f.RepliedPublicly(at("08:10"), "r"), f.Absorbed(at("10:30"), "other", at("09:00"))], "10:40", "next_reply", "running", "13:00", id="M-81 having answered its own, it owes the other's"),
        pytest.param([OPENED, f.RepliedPublicly(at("08:10"), "r"), f.Absorbed(at("10:30"), "other", at("10:00"), unanswered=True)], "10:40", "first_reply#2", "running", "11:00", id="M-82 the other's first reply stays owed as one"),
        pytest.param([OPENED, f.RepliedPublicly(at("08:10"), "r"), f.Absorbed(at("10:30"), "other", at("10:00"), unanswered=True), f.RepliedPublicly(at("10:50"), "s")], "12:00", "first_reply#2", "met", "11:00", id="M-82 and the next public reply meets it"),
        pytest.param([f.Opened(at("10:00")), f.Absorbed(at("10:30"), "other", at("09:40"), unanswered=True)], "10:35", "first_reply", "running", "10:40", id="M-82 one that runs is owed since the earlier"),
        pytest.param([*LEVEL_2, f.Absorbed(at("10:30"), "other", None, escalated_since=at("08:10"))], "10:35", "escalated_reply", "breached", "10:10", id="M-83 the earlier reply at level 2 is owed"),
        pytest.param([*LEVEL_2, f.RepliedPublicly(at("09:00"), "r"), f.Absorbed(at("09:30"), "other", None, escalated_since=at("09:10"))], "09:40", "escalated_reply#2", "running", "11:10", id="M-83 having answered its own, it owes the other's"),
        pytest.param([*LEVEL_2, f.Paused(at("09:00"), "x", "requester"), f.RepliedPublicly(at("09:10"), "r"), f.Absorbed(at("09:30"), "other", None, escalated_since=at("08:40")), f.Resumed(at("10:00"))], "10:10", "escalated_reply#2", "running", "11:40", id="M-83 what is owed since before a pause ran until then"),
        pytest.param([OPENED, f.Merged(at("08:30"), "other"), f.Unmerged(at("08:50"))], "08:55", "first_reply", "running", "09:00", id="M-84 undone, it stands as if never merged"),
        pytest.param([OPENED, f.Merged(at("08:30"), "other"), f.Unmerged(at("10:00"))], "10:00", "first_reply", "breached", "09:00", id="M-84 the time in between counts"),
        pytest.param([*LEVEL_2, f.Paused(at("09:00"), "x", "requester"), f.Merged(at("09:30"), "other"), f.Unmerged(at("12:00"))], "12:30", "escalated_reply", "paused", None, id="M-84 what waited waits again"),
        pytest.param([OPENED, f.Merged(at("08:20"), "a"), f.Unmerged(at("08:30")), f.Merged(at("08:40"), "b")], "12:00", "first_reply", "cancelled", "09:00", id="M-84 merged once more, it is sealed once more"),
        pytest.param([OPENED, f.Merged(at("08:30"), "other"), f.Unmerged(at("10:00"), at("08:45"))], "10:00", "first_reply", "met", "09:00", id="M-85 a reply that reached them meanwhile counts"),
        pytest.param([OPENED, f.Merged(at("08:30"), "other"), f.Unmerged(at("10:00"), at("09:15"))], "10:00", "first_reply", "breached", "09:00", id="M-85 from its own instant"),
        pytest.param([f.Opened(at("10:00")), f.Absorbed(at("10:30"), "other", at("08:00")), f.Released(at("10:40"), "other")], "10:45", "first_reply", "running", "11:00", id="M-86 set free of the other, it owes its own alone"),
        pytest.param([f.Opened(at("10:00")), f.Absorbed(at("10:20"), "x", at("09:50")), f.Absorbed(at("10:30"), "y", at("08:00")), f.Released(at("10:40"), "y")], "10:45", "first_reply", "running", "10:50", id="M-86 and still what it took over from a third"),
        pytest.param([OPENED], "10:00", "first_reply", "breached", "09:00", id="M-87 a case split off counts from when it was asked"),
        pytest.param([OPENED, f.Closed(at("08:30"))], "12:00", "scope_verdict", "cancelled", "09:00", id="M-44 closing cancels for good"),
        pytest.param(ASKED, "09:00", CREDIT, "running", "16:30", id="M-90 an area's clock starts when it is asked"),
        pytest.param([OPENED, f.AreaAsked(at("20:00"), "ask-1", "credit")], "21:00", CREDIT, "running", "2026-11-24 12:00", id="M-90 on the area's own calendar"),
        pytest.param([*ASKED, f.AreaAnswered(at("16:30"), "ask-1")], "17:00", CREDIT, "met", "16:30", id="M-91 boundary: answered at the deadline is on time"),
        pytest.param([*ASKED, f.AreaAnswered(at("16:30") + TICK, "ask-1")], "17:00", CREDIT, "breached", "16:30", id="M-91 boundary: a microsecond after is late"),
        pytest.param([*ASKED, f.AreaAnswered(at("09:00"), "ask-1"), f.AreaAnswered(at("18:00"), "ask-1")], "19:00", CREDIT, "met", "16:30", id="M-91 what it writes later changes nothing"),
        pytest.param([*ASKED, f.RepliedPublicly(at("09:00"), "r"), f.RequesterSpoke(at("09:10"))], "09:20", CREDIT, "running", "16:30", id="M-92 nothing but its answer meets it"),
        pytest.param([*ASKED, f.AreaWithdrawn(at("09:00"), "ask-1")], "19:00", CREDIT, "cancelled", "16:30", id="M-93 withdrawing the question cancels it"),
        pytest.param([*ASKED, f.AreaWithdrawn(at("18:00"), "ask-1")], "19:00", CREDIT, "breached", "16:30", id="M-93 what was late stays late"),
        pytest.param([*ASKED, f.AreaAsked(at("09:00"), "ask-2", "credit"), f.AreaAnswered(at("09:30"), "ask-1")], "10:00", "area_reply:ask-2", "running", "17:00", id="M-94 every asking has a clock of its own"),
        pytest.param([*ASKED, f.Paused(at("09:00"), "x", "requester")], "10:00", CREDIT, "running", "16:30", id="M-95 it never pauses"),
        pytest.param([*ASKED, f.SeveritySet(at("09:00"), "A")], "10:00", CREDIT, "running", "16:30", id="M-95 no severity changes it"),
        pytest.param([*ASKED, f.Solved(at("09:30")), f.Reopened(at("10:30"))], "11:00", CREDIT, "running", "17:30", id="M-96 reopening takes it up, the time in between left out"),
        pytest.param([*ASKED, f.Solved(at("09:30")), f.AreaAnswered(at("20:00"), "ask-1")], "21:00", CREDIT, "met", "2026-11-24 11:00", id="M-96 answered while solved counts"),
        pytest.param([*ASKED, f.Merged(at("09:30"), "other")], "21:00", CREDIT, "cancelled", "16:30", id="M-96 merging cancels it"),
        pytest.param([*ASKED, f.AreaAnswered(at("09:00"), "ask-1", "1"), f.AreaAnswerSetAside(at("18:00"), "ask-1", "1")], "19:00", CREDIT, "breached", "16:30", id="M-99 an answer that was none was never given"),
        pytest.param([*ASKED, f.AreaAnswered(at("09:00"), "ask-1", "1"), f.AreaAnswered(at("10:00"), "ask-1", "2"), f.AreaAnswerSetAside(at("11:00"), "ask-1", "1")], "19:00", CREDIT, "met", "16:30", id="M-99 another answer stands"),
        pytest.param([*ASKED, f.Solved(at("09:30")), f.AreaWithdrawn(at("10:00"), "ask-1"), f.Reopened(at("10:30"))], "21:00", CREDIT, "cancelled", "16:30", id="M-97 withdrawn while solved, it is not taken up again"),
    ],
)  # fmt: skip
def test_what_starts_stops_pauses_and_cancels(facts, now, key, state, due):
    """Every rule of docs/metrics.md is a row: its facts, and where the clock then stands."""
    applied = evaluate(AGREEMENT, facts, at(now)).get(key)
    assert applied is not None
    assert applied.state == State(state)
    assert applied.due_at == (at(due) if due else None)
    if applied.state is State.BREACHED:
        assert applied.breached_at == applied.due_at


def test_what_an_area_owes_is_no_deadline_of_ours():
    """M-98: the next deadline is the earliest of our own, even where an area's is earlier; an area
    without a target (M-90) has no clock at all."""
    asked = [f.Opened(at("2026-11-23 16:00")), f.AreaAsked(at("16:00"), "ask-1", "quick")]
    agreement = replace(AGREEMENT, areas={"quick": Target(Metric.AREA_REPLY, "always", minutes(5))})
    evaluation = evaluate(agreement, asked, at("16:01"))
    assert evaluation.next_due_at == at("17:00")
    assert evaluation.next_alarm_at() == at("16:03") + timedelta(seconds=45)
    assert evaluate(AGREEMENT, asked, at("16:01")).get(CREDIT) is None


def test_a_clock_without_a_severity_waits_for_one():
    """M-22: at level 2 without a severity nothing can be promised yet, and nothing is."""
    facts = [OPENED, f.LevelEntered(at("08:30"), 2)]
    assert evaluate(AGREEMENT, facts, at("09:00")).get("escalated_reply") is None


def test_the_next_reply_starts_only_after_a_first_one():
    """M-50: while the first reply is owed, the requester's words start no second clock."""
    facts = [OPENED, f.RequesterSpoke(at("08:30"))]
    assert evaluate(AGREEMENT, facts, at("08:40")).get("next_reply") is None


def test_a_solution_that_did_not_hold_is_due_by_the_severity_of_now():
    """M-45: solving met the resolution, and judging the case worse meanwhile does not undo that;
    taken up again, it has the target of what the case is now."""
    targets = (
        Target(Metric.RESOLUTION, "always", hours(2), "A"),
        Target(Metric.RESOLUTION, "always", hours(40), "C"),
    )
    agreement = Agreement(
        "a", 1, {"support": SUPPORT, "always": ALWAYS}, (SlaPolicy("p", targets),), ("A", "C")
    )
    facts = [OPENED, f.SeveritySet(at("08:00"), "C"), f.Solved(at("09:00"))]
    facts += [f.SeveritySet(at("10:00"), "A"), f.Reopened(at("12:00"))]
    solved = evaluate(agreement, facts, at("11:00")).get("resolution")
    assert (solved.state, solved.duration) == (State.MET, hours(40))
    again = evaluate(agreement, facts, at("12:10")).get("resolution")
    assert (again.state, again.due_at) == (State.RUNNING, at("13:00"))
    assert [(r.at, r.from_severity, r.to_severity) for r in again.retargets] == [
        (at("12:00"), "C", "A")
    ]


def test_what_is_not_known_yet_changes_nothing():
    """Facts after `now` do not count: a ticket can be looked at as it stood."""
    facts = [OPENED, f.RepliedPublicly(at("08:40"), "r"), f.DeliveryFailed(at("09:40"), "r")]
    assert evaluate(AGREEMENT, facts, at("08:30")).get("first_reply").state is State.RUNNING
    assert evaluate(AGREEMENT, facts, at("08:50")).get("first_reply").state is State.MET
    assert evaluate(AGREEMENT, facts, at("09:50")).get("first_reply").state is State.BREACHED


def test_at_risk_and_breach_are_told_once_each_at_their_own_instants():
    """Alarms carry true instants, and the next look is a microsecond after a deadline."""
    evaluation = evaluate(AGREEMENT, [OPENED], at("08:10"))
    assert evaluation.next_alarm_at() == at("08:45")
    assert evaluation.alarms_due(at("08:10")) == ()
    late = evaluate(AGREEMENT, [OPENED], at("12:00"))
    told = [(a.key, a.kind, a.at) for a in late.alarms_due(at("12:00")) if a.key == "first_reply"]
    assert told == [
        ("first_reply", "at_risk", at("08:45")),
        ("first_reply", "breached", at("09:00")),
    ]
    announced = {a.name for a in late.alarms_due(at("12:00"))}
    assert late.alarms_due(at("12:00"), announced) == ()
    due_now = evaluate(AGREEMENT, [OPENED], at("09:00"))
    at_risk = {("first_reply", "at_risk", at("08:45")), ("scope_verdict", "at_risk", at("08:45"))}
    assert due_now.next_alarm_at(at_risk) == at("09:00") + TICK


def told_along(facts, now):
    """Look after every fact and at every moment in between; return the alarms in their order."""
    announced, told = set(), []
    for number, fact in enumerate(facts, 1):
        until = facts[number].at if number < len(facts) else now
        looked_at = fact.at
        while looked_at is not None and looked_at <= until:
            evaluation = evaluate(AGREEMENT, facts[:number], looked_at)
            alarms = evaluation.alarms_due(looked_at, announced)
            told += alarms
            announced |= {alarm.name for alarm in alarms}
            following = evaluation.next_alarm_at(announced)
            assert following is None or following > looked_at
            looked_at = following
    return told


def test_another_target_has_moments_of_its_own():
    """A clock that was at risk under A and is given C's four hours is at risk again, and that is
    told: who was warned of the old deadline must hear of the new one."""
    opened = [OPENED, f.SeveritySet(at("08:10"), "A"), f.LevelEntered(at("08:10"), 2)]
    facts = [*opened, f.SeveritySet(at("09:00"), "C")]
    told = [(a.kind, a.at) for a in told_along(facts, at("13:00")) if a.key == "escalated_reply"]
    assert told == [
        ("at_risk", at("08:55")),
        ("at_risk", at("11:10")),
        ("breached", at("12:10")),
    ]


def test_a_promise_that_is_moved_has_moments_of_its_own():
    """The new instant is warned of too, although the old one was."""
    made = f.PromiseMade(at("09:00"), "p", "update", at("11:00"))
    facts = [OPENED, made, f.PromiseMoved(at("10:45"), "p", at("13:00"), "x")]
    told = [(a.kind, a.at) for a in told_along(facts, at("14:00")) if "promise" in a.key]
    assert told == [
        ("at_risk", at("10:30")),
        ("at_risk", at("12:00")),
        ("breached", at("13:00")),
    ]


def test_clocks_that_are_numbered_anew_hide_no_moment():
    """A late delivery failure takes a reply back and numbers the clocks after it anew: the wait
    that is now the first one must still be told of, and the one that was told is not told twice."""
    facts = [
        OPENED,
        f.RepliedPublicly(at("08:10"), "r0"),
        f.RequesterSpoke(at("08:20")),
        f.RepliedPublicly(at("12:30"), "r1"),
        f.DeliveryFailed(at("12:40"), "r0"),
        f.RequesterSpoke(at("13:00")),
    ]
    told = [(a.key, a.kind, a.at) for a in told_along(facts, at("18:00")) if "next" in a.key]
    assert told == [
        ("next_reply", "at_risk", at("11:20")),
        ("next_reply", "breached", at("12:20")),
        ("next_reply", "at_risk", at("16:00")),
        ("next_reply", "breached", at("17:00")),
    ]


def test_facts_must_be_in_order_and_begin_with_the_opening():
    """A history that cannot have happened is refused."""
    with pytest.raises(FactsOutOfOrder):
        evaluate(AGREEMENT, [], at("08:00"))
    with pytest.raises(FactsOutOfOrder):
        evaluate(AGREEMENT, [f.RequesterSpoke(at("08:00"))], at("08:00"))
    with pytest.raises(FactsOutOfOrder):
        evaluate(AGREEMENT, [OPENED, f.RequesterSpoke(at("07:00"))], at("09:00"))
    with pytest.raises(FactsOutOfOrder):
        evaluate(AGREEMENT, [OPENED, OPENED], at("09:00"))


def test_every_fact_is_read():
    """No kind of fact falls through unnoticed."""
    every = {v for v in vars(f).values() if isinstance(v, type) and issubclass(v, f.Fact)} - {
        f.Fact
    }
    silent = {f.Acknowledged, f.DeliveryFailed, f.Released, f.AreaAnswerSetAside}
    assert every - silent == set(DOES)


def test_an_explanation_adds_up_over_a_night_and_a_pause():
    """The segments of a case: counted, closed, paused, still to run; the sums are the figures."""
    opened = f.Opened(at("2026-11-23 20:50"))
    facts = [
        opened,
        f.SeveritySet(opened.at, "C"),
        f.LevelEntered(opened.at, 2),
        f.Paused(at("2026-11-24 07:15"), "report", "requester"),
        f.RequesterSpoke(at("2026-11-24 14:10")),
    ]
    found = explain(AGREEMENT, facts, "escalated_reply", at("2026-11-24 14:52"))
    assert [(s.kind, s.counted) for s in found.segments] == [
        (SegmentKind.COUNTED, hours(1) + minutes(10)),
        (SegmentKind.CLOSED, hours(0)),
        (SegmentKind.COUNTED, hours(1) + minutes(15)),
        (SegmentKind.PAUSED, hours(0)),
        (SegmentKind.COUNTED, minutes(42)),
        (SegmentKind.REMAINING, hours(0)),
    ]
    assert found.applied.due_at == at("2026-11-24 15:45")
    assert found.counted == found.applied.elapsed == hours(3) + minutes(7)
    assert found.segments[3].reason == "report"


def test_an_explanation_names_replies_that_never_arrived():
    """Why a clock still runs although somebody answered."""
    facts = [OPENED, f.RepliedPublicly(at("08:10"), "r"), f.DeliveryFailed(at("08:20"), "r")]
    assert explain(AGREEMENT, facts, "first_reply", at("08:30")).taken_back == (at("08:10"),)
    with pytest.raises(UnknownTarget):
        explain(AGREEMENT, facts, "nothing", at("08:30"))


@pytest.mark.parametrize(
    ("build", "error"),
    [
        pytest.param(lambda: Target(Metric.FIRST_REPLY, "support", hours(0)), InvalidTarget, id="a target of nought"),
        pytest.param(lambda: Target(Metric.FIRST_REPLY, "support"), InvalidTarget, id="a target without a duration"),
        pytest.param(lambda: Target(Metric.PROMISED_UPDATE, "support", hours(1)), InvalidTarget, id="a promise with a duration"),
        pytest.param(lambda: Target(Metric.FIRST_REPLY, "support", hours(1), warn_share=0), InvalidTarget, id="a share of nought"),
        pytest.param(lambda: SlaPolicy("p", (Target(Metric.FIRST_REPLY, "s", hours(1)),) * 2), InvalidAgreement, id="two targets for one place"),
        pytest.param(lambda: Agreement("a", 1, {"support": SUPPORT}, ()), InvalidAgreement, id="no policy"),
        pytest.param(lambda: Agreement("a", 1, {"support": SUPPORT}, (SlaPolicy("p", (), Conditions(frozenset({"esd"}))),)), InvalidAgreement, id="no catch-all"),
        pytest.param(lambda: Agreement("a", 1, {"support": SUPPORT}, (SlaPolicy("p", ()), SlaPolicy("q", ()))), InvalidAgreement, id="a catch-all that hides others"),
        pytest.param(lambda: Agreement("a", 1, {"always": ALWAYS}, (SlaPolicy("p", ()),)), InvalidAgreement, id="no support calendar"),
        pytest.param(lambda: Agreement("a", 1, {"support": SUPPORT}, (SlaPolicy("p", (Target(Metric.FIRST_REPLY, "other", hours(1)),)),)), InvalidAgreement, id="an unknown calendar"),
        pytest.param(lambda: Agreement("a", 1, {"support": SUPPORT}, (SlaPolicy("p", (Target(Metric.FIRST_REPLY, "support", hours(1), "Z"),)),)), InvalidAgreement, id="an unknown severity"),
        pytest.param(lambda: LadderStep(1, "role", ()), InvalidAgreement, id="a step with nobody"),
        pytest.param(lambda: EscalationLadder((LadderStep(2, "role", ("a",)),)), InvalidAgreement, id="a ladder that begins at two"),
    ],
)  # fmt: skip
def test_wrong_agreements_cannot_be_built(build, error):
    """What cannot be run is refused when it is made."""
    with pytest.raises(error):
        build()


def test_the_first_policy_that_holds_is_taken():
    """Policies are tried in their own order; what none of the others wants falls to the last."""
    special = SlaPolicy(
        "esd", (Target(Metric.FIRST_REPLY, "support", minutes(30)),), Conditions(frozenset({"esd"}))
    )
    agreement = Agreement("a", 1, {"support": SUPPORT}, (special, SlaPolicy("rest", ())))
    assert agreement.policy_for(Subject("esd")).key == "esd"
    assert agreement.policy_for(Subject("catalog")).key == "rest"
    assert agreement.policy_named("rest").key == "rest"
    with pytest.raises(KeyError):
        agreement.policy_named("nobody")


# — laws ————————————————————————————————————————————————————————————————————————————


@given(facts=histories(), after=st.timedeltas(timedelta(0), timedelta(days=12)))
def test_every_clock_keeps_the_invariants(facts, after):
    """Whatever happened: segments sum to elapsed, a paused clock is not late, deadlines lie in
    counted time, and each state has its instants."""
    now = facts[-1].at + after
    for applied in evaluate(AGREEMENT, facts, now).applied:
        found = explain(AGREEMENT, facts, applied.key, now)
        assert found.counted == applied.elapsed
        past = [s for s in found.segments if not s.future]
        edges = [edge for s in past for edge in (s.start, s.end)]
        assert edges == sorted(edges)
        assert all(a.end == b.start for a, b in pairwise(past))
        if past:
            assert past[0].start == applied.started_at
            assert past[-1].end == (applied.ended_at or now)
        if applied.state is State.RUNNING:
            ahead = sum(
                (s.length for s in found.segments if s.kind is SegmentKind.REMAINING), timedelta()
            )
            assert ahead == applied.remaining
            assert now <= applied.due_at
        if applied.state is State.PAUSED:
            assert applied.due_at is None
            assert applied.breached_at is None
        if applied.state is State.BREACHED:
            assert applied.breached_at == applied.due_at < (applied.ended_at or now)
        if applied.state is State.MET:
            assert applied.met_at == applied.done_at <= applied.due_at
        if applied.due_at is not None and applied.metric is not Metric.PROMISED_UPDATE:
            assert AGREEMENT.calendars[applied.calendar].is_open(applied.due_at - TICK)


@given(facts=histories(), cut=st.integers(1, 15))
def test_evaluating_does_not_depend_on_when_one_looked_before(facts, cut):
    """Looking in between changes nothing: the same facts and now give the same clocks."""
    now = facts[-1].at + hours(5)
    evaluate(AGREEMENT, facts[:cut], facts[:cut][-1].at)
    assert evaluate(AGREEMENT, facts, now) == evaluate(AGREEMENT, list(facts), now)


@given(facts=histories())
def test_what_comes_later_does_not_change_what_was(facts):
    """Evaluated at an earlier moment, the later facts make no difference at all, except those of
    that very instant."""
    now = facts[len(facts) // 2].at
    known = [fact for fact in facts if fact.at <= now]
    assert evaluate(AGREEMENT, facts, now) == evaluate(AGREEMENT, known, now)


@given(facts=histories(), after=st.timedeltas(timedelta(0), timedelta(days=12)))
def test_every_moment_is_told_once_and_none_is_missed(facts, after):
    """However clocks are re-targeted, renumbered or paused: nothing is told twice, and whatever
    stands at the end and has passed was told."""
    now = facts[-1].at + after
    names = [alarm.name for alarm in told_along(facts, now)]
    assert len(names) == len(set(names))
    assert evaluate(AGREEMENT, facts, now).alarms_due(now, set(names)) == ()


@given(
    pauses=st.lists(st.integers(0, 900), min_size=0, max_size=6, unique=True),
    now=st.integers(1, 1800),
)
def test_elapsed_agrees_with_counting_minutes_one_by_one(pauses, now):
    """A naive count of open, unpaused minutes gives the elapsed time of a clock that pauses."""
    start = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
    edges = [start + minutes(m) for m in sorted(pauses)]
    spans = list(zip(edges[::2], edges[1::2], strict=False))
    facts = [f.Opened(start), f.SeveritySet(start, "C"), f.LevelEntered(start, 2)]
    for a, b in spans:
        facts += [f.Paused(a, "x", "requester"), f.Resumed(b)]
    end = max([start + minutes(now), *(b for _, b in spans)])
    rules = Rules(
        "America/Panama",
        {d: [(360, 1320)] for d in range(5)} | {5: [(540, 1020)], 6: [(540, 1020)]},
    )
    oracle = MinuteOracle(rules, datetime(2026, 11, 21, tzinfo=UTC), 3)
    applied = evaluate(AGREEMENT, facts, end).get("escalated_reply")
    assert applied.elapsed == spent(oracle, start, end, spans)


@given(history=histories(), later=st.timedeltas(timedelta(0), timedelta(days=3)))
def test_a_merge_that_was_undone_changes_no_clock(history, later):
    """M-84, M-86: on neither ticket is any deadline what it would not have been without it."""
    last = history[-1].at
    undone = last + later
    absorbed = [*history, f.Merged(last, "other"), f.Unmerged(undone)]
    survivor = [*history, f.Absorbed(last, "x", last, True, last), f.Released(undone, "x")]
    plain = evaluate(AGREEMENT, history, undone)
    assert evaluate(AGREEMENT, absorbed, undone) == plain
    assert evaluate(AGREEMENT, survivor, undone) == plain
    assert awaited_since(absorbed, undone) == awaited_since(history, undone)


@given(history=histories(), before=st.timedeltas(timedelta(0), timedelta(hours=9)))
def test_taking_a_ticket_in_brings_no_deadline_later(history, before):
    """M-81 to M-83: whoever took a ticket in owes no less than before, and no later."""
    last = history[-1].at
    plain = evaluate(AGREEMENT, history, last)
    taken = [*history, f.Absorbed(last, "x", last - before, True, last - before)]
    after = evaluate(AGREEMENT, taken, last)
    for clock in plain.applied:
        now = after.get(clock.key)
        assert now is not None
        assert clock.due_at is None or (now.due_at is not None and now.due_at <= clock.due_at)


@pytest.mark.parametrize(
    ("facts", "since"),
    [
        pytest.param([OPENED], "08:00", id="from the opening"),
        pytest.param([OPENED, f.RepliedPublicly(at("08:10"), "r")], None, id="they have it"),
        pytest.param([OPENED, f.RepliedPublicly(at("08:10"), "r"), f.DeliveryFailed(at("08:20"), "r")], "08:00", id="it never arrived"),
        pytest.param([OPENED, f.RepliedPublicly(at("08:10"), "r"), f.RequesterSpoke(at("08:30")), f.RequesterSpoke(at("08:40"))], "08:30", id="since they asked again"),
        pytest.param([OPENED, f.Solved(at("08:10"))], None, id="solved"),
        pytest.param([OPENED, f.Absorbed(at("08:10"), "x", at("07:30"))], "07:30", id="what was taken over"),
        pytest.param([OPENED, f.Merged(at("08:10"), "x")], None, id="the other answers"),
        pytest.param([OPENED, f.Merged(at("08:10"), "x"), f.Unmerged(at("08:30"), at("08:20"))], None, id="the other answered"),
    ],
)  # fmt: skip
def test_since_when_they_await_our_word(facts, since):
    """M-81: whether something is owed does not depend on a clock that the agreement may lack."""
    assert awaited_since(facts, at("12:00")) == (at(since) if since else None)
