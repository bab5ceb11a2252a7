"""What is promised: targets, the policies that choose them, the ladder, the agreement."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum

from plazo.sla.calendar import ZERO, Calendar
from plazo.sla.errors import InvalidAgreement, InvalidTarget

WARN_SHARE = 0.75
LADDER_REPEAT = timedelta(minutes=5)


class Metric(StrEnum):
    """What is timed. docs/metrics.md says what starts, stops, pauses and cancels each."""

    FIRST_REPLY = "first_reply"
    SCOPE_VERDICT = "scope_verdict"
    ESCALATED_REPLY = "escalated_reply"
    NEXT_REPLY = "next_reply"
    PROMISED_UPDATE = "promised_update"
    PERIODIC_UPDATE = "periodic_update"
    RESOLUTION = "resolution"
    AREA_REPLY = "area_reply"


@dataclass(frozen=True, slots=True)
class Target:
    """Metric × severity → a duration on a calendar.

    Units: `duration` is open time of `calendar`; `warn_share` is the share of it after which
        the target is at risk.
    Edges: no severity means every severity that has no target of its own. A promised update
        has no duration: the promise itself is the instant.
    Raises: InvalidTarget.
    """

    metric: Metric
    calendar: str
    duration: timedelta | None = None
    severity: str | None = None
    warn_share: float = WARN_SHARE
    manages_escalation: bool = False

    def __post_init__(self) -> None:
        if self.metric is Metric.PROMISED_UPDATE:
            if self.duration is not None:
                raise InvalidTarget("a promised update is an instant: it has no duration")
        elif self.duration is None or self.duration <= ZERO:
            raise InvalidTarget(f"{self.metric}: a target must be positive, not {self.duration}")
        if not 0 < self.warn_share <= 1:
            raise InvalidTarget(f"{self.metric}: the share {self.warn_share} is not in (0, 1]")


@dataclass(frozen=True, slots=True)
class Subject:
    """What a policy is chosen by, as it stood when the ticket was opened."""

    service: str | None = None
    stage: str | None = None
    organization: str | None = None


@dataclass(frozen=True, slots=True)
class Conditions:
    """When a policy holds: each set that is not empty must contain the subject's value."""

    services: frozenset[str] = frozenset()
    stages: frozenset[str] = frozenset()
    organizations: frozenset[str] = frozenset()

    @property
    def catch_all(self) -> bool:
        return not (self.services or self.stages or self.organizations)

    def hold_for(self, subject: Subject) -> bool:
        return (
            (not self.services or subject.service in self.services)
            and (not self.stages or subject.stage in self.stages)
            and (not self.organizations or subject.organization in self.organizations)
        )


@dataclass(frozen=True, slots=True)
class SlaPolicy:
    """One set of targets, with the conditions under which it holds.

    Raises: InvalidAgreement if one metric and severity has two targets.
    """

    key: str
    targets: tuple[Target, ...]
    conditions: Conditions = Conditions()
    _chosen: Mapping[tuple[Metric, str | None], Target] = field(
        init=False, repr=False, compare=False, hash=False, default_factory=dict
    )
    _metrics: frozenset[Metric] = field(
        init=False, repr=False, compare=False, hash=False, default=frozenset()
    )

    def __post_init__(self) -> None:
        chosen: dict[tuple[Metric, str | None], Target] = {}
        for target in self.targets:
            place = (target.metric, target.severity)
            if place in chosen:
                raise InvalidAgreement(
                    f"policy {self.key}: two targets for {target.metric}, severity"
                    f" {target.severity or 'any'}"
                )
            chosen[place] = target
        object.__setattr__(self, "_chosen", chosen)
        object.__setattr__(self, "_metrics", frozenset(metric for metric, _ in chosen))

    @property
    def metrics(self) -> frozenset[Metric]:
        """The metrics that this policy times at all."""
        return self._metrics

    def target_for(self, metric: Metric, severity: str | None) -> Target | None:
        """Return the target of this severity, else the one for any, else None."""
        return self._chosen.get((metric, severity)) or self._chosen.get((metric, None))


@dataclass(frozen=True, slots=True)
class LadderStep:
    """One step of a hierarchical escalation. With several contacts, any one of them answers."""

    level: int
    role: str
    contacts: tuple[str, ...]

    def __post_init__(self) -> None:
        if not self.contacts:
            raise InvalidAgreement(f"ladder step {self.level} has nobody to ring")


@dataclass(frozen=True, slots=True)
class EscalationLadder:
    """Ordered steps, with the silence by severity after which the next one is rung.

    Units: a step that nobody answers is rung again every `repeat`.
    """

    steps: tuple[LadderStep, ...] = ()
    silence: Mapping[str, timedelta] = field(default_factory=dict, hash=False)
    repeat: timedelta = LADDER_REPEAT

    def __post_init__(self) -> None:
        levels = [step.level for step in self.steps]
        if levels != list(range(1, len(levels) + 1)):
            raise InvalidAgreement(f"the ladder's levels are {levels}: they must run from 1 up")
        for severity, silence in self.silence.items():
            if silence <= ZERO:
                raise InvalidAgreement(f"ladder: the silence at {severity} must be positive")
        if self.repeat <= ZERO:
            raise InvalidAgreement("ladder: a step must be rung again after some time")


@dataclass(frozen=True, slots=True)
class Agreement:
    """Everything the engine needs of one version of an agreement.

    Edges: policies are tried in order and the first that holds is taken; the last one must
        hold for everything, so the choice is total. `pausing` names the metrics that wait while
        the requester is awaited; a pause ends by itself after `longest_pause` of clock time.
        `areas` holds what each other area owes us; one without a target owes nothing in time.
    Raises: InvalidAgreement.
    """

    key: str
    version: int
    calendars: Mapping[str, Calendar] = field(hash=False)
    policies: tuple[SlaPolicy, ...]
    severities: tuple[str, ...] = ()
    support_calendar: str = "support"
    pausing: frozenset[Metric] = frozenset()
    longest_pause: timedelta | None = None
    ladder: EscalationLadder = EscalationLadder()
    areas: Mapping[str, Target] = field(default_factory=dict, hash=False)

    def __post_init__(self) -> None:
        if not self.policies:
            raise InvalidAgreement("an agreement needs at least one policy")
        *others, last = self.policies
        if not last.conditions.catch_all:
            raise InvalidAgreement(f"the last policy, {last.key}, must hold for everything")
        for policy in others:
            if policy.conditions.catch_all:
                raise InvalidAgreement(f"policy {policy.key} hides those after it")
        _check_unique(policy.key for policy in self.policies)
        if self.support_calendar not in self.calendars:
            raise InvalidAgreement(f"no calendar is named {self.support_calendar!r}")
        for policy in self.policies:
            self._check_targets(policy)
        if self.longest_pause is not None and self.longest_pause <= ZERO:
            raise InvalidAgreement("the longest pause must be positive")
        if self.pausing & {Metric.PROMISED_UPDATE}:
            raise InvalidAgreement("a promise is an instant: it cannot pause")
        if self.pausing & {Metric.AREA_REPLY}:
            raise InvalidAgreement("an area's answer waits for no requester: it cannot pause")
        for area, target in self.areas.items():
            self._check_area(area, target)

    def _check_area(self, area: str, target: Target) -> None:
        if target.metric is not Metric.AREA_REPLY or target.severity is not None:
            raise InvalidAgreement(f"area {area}: its target is one area_reply for any severity")
        if target.calendar not in self.calendars:
            raise InvalidAgreement(
                f"area {area}: it runs on {target.calendar!r}, which is no calendar of this"
                " agreement"
            )

    def _check_targets(self, policy: SlaPolicy) -> None:
        for target in policy.targets:
            if target.metric is Metric.AREA_REPLY:
                raise InvalidAgreement(
                    f"policy {policy.key}: what an area owes stands with the area, not in a policy"
                )
            if target.calendar not in self.calendars:
                raise InvalidAgreement(
                    f"policy {policy.key}: {target.metric} runs on {target.calendar!r}, which"
                    " is no calendar of this agreement"
                )
            if target.severity is not None and target.severity not in self.severities:
                raise InvalidAgreement(
                    f"policy {policy.key}: {target.severity!r} is no severity of this agreement"
                )

    def policy_for(self, subject: Subject) -> SlaPolicy:
        """Return the first policy whose conditions hold for `subject`. There always is one."""
        return next(policy for policy in self.policies if policy.conditions.hold_for(subject))

    def policy_named(self, key: str) -> SlaPolicy:
        """Return the policy of this key. Raises: KeyError."""
        return next((p for p in self.policies if p.key == key), None) or _no_policy(key)


def _no_policy(key: str) -> SlaPolicy:
    raise KeyError(key)


def _check_unique(keys: Iterable[str]) -> None:
    seen: set[str] = set()
    for key in keys:
        if key in seen:
            raise InvalidAgreement(f"two policies are named {key!r}")
        seen.add(key)
