"""The linter: each fault is found with its code, its line and its words, and is documented."""

import re
import tomllib
from datetime import UTC, datetime
from pathlib import Path

import pytest
from django.utils import translation
from pydantic import ValidationError

from plazo.accounts.models import Stage
from plazo.agreements import lint
from plazo.agreements.document import STAGES, AgreementDocument, parse
from plazo.agreements.lint import check
from plazo.agreements.lint_form import SOMETHING, form_faults
from tests.factory import IWS

SOURCE = IWS.read_text(encoding="utf-8")
DOCS = Path(__file__).resolve().parents[2] / "docs" / "agreement-file.md"
# What tells the one language from the other, once the names of the file are taken out.
NAMES = re.compile(
    r"«[^»]*»|\{[^}]*\}|'[^']*'|\"[^\"]*\"|\(known: .*|\(se conocen: .*|[\w.]*[._][\w.\[\]]*|\w+/\w+"
)
WORDS = {
    "en": {"the", "is", "are", "of", "and", "or", "this", "that", "it", "has", "have", "with", "nothing", "write", "add", "remove", "must", "says"},
    "es": {"el", "la", "los", "las", "es", "son", "de", "del", "y", "o", "que", "una", "se", "tiene", "con", "nada", "escriba", "agregue", "quite", "debe"},
}  # fmt: skip
ESD_FIRST = """
[[policies]]
key = "first"
{condition}
[[policies.targets]]
metric = "first_reply"
duration = "30 min"
calendar = "support"

[[policies]]
key = "standard"
"""


def with_policy(condition):
    return SOURCE.replace('[[policies]]\nkey = "standard"\n', ESD_FIRST.format(condition=condition))


def without_table(name):
    """Leave a table of answers empty."""
    source = re.sub(rf"(?ms)^\[{name}\.\w+\]\n.*?(?=^\[|^# ──)", "", SOURCE)
    return source.replace("[stages]", f"[{name}]\n\n[stages]", 1)


def with_rule(condition, key="mine", verdict="billing"):
    """Add a rule of scope."""
    rule = f"""[[scope_rules]]
key = "{key}"
verdict = "{verdict}"
weight = 10
reason = {{ es = "a", en = "a" }}
{condition}

"""
    return SOURCE.replace("# ── 3. Canal", rule + "# ── 3. Canal", 1)


CASES = [
    pytest.param(SOURCE.replace("[stages]", "[stages"), "toml-syntax", "error", id="broken TOML"),
    pytest.param(SOURCE.replace('icon = "store"', 'icom = "store"'), "unknown-key", "error", id="a key that nobody knows"),
    pytest.param(SOURCE.replace('icon = "store"\n', ""), "missing-key", "error", id="a key that is missing"),
    pytest.param(SOURCE.replace(', en = "Catalog" }', " }"), "missing-text", "error", id="a text missing in a language"),
    pytest.param(SOURCE.replace('en = "Catalog"', 'en = ""'), "missing-text", "error", id="an empty text"),
    pytest.param(SOURCE.replace('duration = "2 h"', 'duration = "two hours"'), "bad-value", "error", id="a duration in words"),
    pytest.param(SOURCE.replace('en = "Catalog"', 'en = "  "'), "missing-text", "error", id="a text of blanks"),
    pytest.param(SOURCE.replace('duration = "2 h"', 'duration = "999999999999 h"'), "bad-value", "error", id="a duration that no computer can hold"),
    pytest.param(SOURCE.replace('duration = "2 h"', 'duration = "2000 d"'), "bad-value", "error", id="a target beyond the calendar's horizon"),
    pytest.param(SOURCE.replace('longest = "7 d"', 'longest = "900000000 d"'), "bad-value", "error", id="a pause beyond it"),
    pytest.param(SOURCE.replace('reopen_within = "7 d"', 'reopen_within = "900000000 d"'), "bad-value", "error", id="a window for reopening beyond it"),
    pytest.param(SOURCE.replace("[services.catalog]", f"[services.catalog{'g' * 40}]"), "bad-value", "error", id="a key longer than its column"),
    pytest.param(SOURCE.replace('warn_at = "75 %"', 'warn_at = "much %"', 1), "bad-value", "error", id="a share in words"),
    pytest.param(SOURCE.replace("IWSIntegraciones@intcomex.com", "IWSIntegraciones"), "bad-value", "error", id="an address without a domain"),
    pytest.param(SOURCE.replace('zone = "America/Panama"', 'zone = "EST"', 1), "zone-abbreviation", "error", id="an abbreviation for a zone"),
    pytest.param(SOURCE.replace('zone = "America/Panama"', 'zone = "America/Panamá"', 1), "unknown-zone", "error", id="a zone that is not there"),
    pytest.param(SOURCE.replace("always = true", 'always = true\nhours = [{ days = "mon", open = ["09:00-10:00"] }]'), "always-with-hours", "error", id="always open, with hours"),
    pytest.param(SOURCE.replace('open = ["06:00-22:00"] }', 'open = ["06:00-22:00", "21:00-23:00"] }', 1), "overlapping-windows", "error", id="windows that overlap"),
    pytest.param(SOURCE.replace('hours = [\n  { days = "mon-fri", open = ["06:00-22:00"] },\n  { days = "sat-sun", open = ["09:00-17:00"] },\n]\nholidays', "hours = []\nholidays"), "never-opens", "error", id="a calendar that never opens"),
    pytest.param(SOURCE.replace("holidays = []", 'holidays = [\n  { date = "2026-12-25", name = { es = "a", en = "a" } },\n  { date = "2026-12-25", name = { es = "b", en = "b" } },\n]'), "holiday-twice", "error", id="a holiday twice"),
    pytest.param(SOURCE.replace("openings = []", 'openings = [{ date = "2026-12-25", name = { es = "a", en = "a" } }]'), "opening-without-hours", "error", id="an opening without hours"),
    pytest.param(SOURCE.replace('area = "integrations"', 'area = "nobody"'), "unknown-area", "error", id="a clause to no area"),
    pytest.param(SOURCE.replace('clause = "billing"', 'clause = "bills"'), "unknown-clause", "error", id="a choice to no clause"),
    pytest.param(SOURCE.replace('entitled = "production"', 'entitled = "live"'), "unknown-stage", "error", id="a stage that is not there"),
    pytest.param(SOURCE.replace('"production_testing", "production"]', '"live"]').replace('entitled = "production"', 'entitled = "live"'), "unknown-stage", "error", id="a stage at which no company can be"),
    pytest.param(SOURCE.replace('role = { es = "Manager", en = "Manager" }', 'role = "Manager"'), "bad-value", "error", id="a text in one language"),
    pytest.param(SOURCE.replace('calendar = "working"\n', 'calendar = "office"\n'), "unknown-calendar", "error", id="a target on no calendar"),
    pytest.param(SOURCE.replace('severity = "B"', 'severity = "Z"'), "unknown-severity", "error", id="a target for no severity"),
    pytest.param(with_policy('services = ["esdd"]'), "unknown-service", "error", id="a condition on no service"),
    pytest.param(SOURCE.replace('key = "commercial"\nsource', 'key = "billing"\nsource'), "duplicate-key", "error", id="two clauses of one name"),
    pytest.param(SOURCE.replace('severity = "B"', 'severity = "A"'), "duplicate-target", "error", id="one promise twice"),
    pytest.param(SOURCE.replace('warn_at = "75 %"', 'warn_at = "175 %"', 1), "warn-share", "error", id="a share over the whole"),
    pytest.param(SOURCE.replace('metric = "first_reply"\nduration = "1 h"\n', 'metric = "first_reply"\n'), "target-duration", "error", id="a target without a duration"),
    pytest.param(SOURCE.replace('metric = "promised_update"\n', 'metric = "promised_update"\nduration = "1 h"\n'), "target-duration", "error", id="a promise with a duration"),
    pytest.param(SOURCE.replace('metric = "first_reply"\nduration = "1 h"', 'metric = "first_reply"\nduration = "5 d"'), "target-longer-than-week", "warning", id="more than the week holds"),
    pytest.param(SOURCE.replace('metric = "first_reply"\nduration = "1 h"', 'metric = "first_reply"\nduration = "1200 d"'), "beyond-horizon", "error", id="more than five years hold"),
    pytest.param(without_table("services"), "no-choices", "error", id="no services"),
    pytest.param(without_table("environments"), "no-choices", "error", id="no environments"),
    pytest.param(without_table("request_types"), "no-choices", "error", id="no types of request"),
    pytest.param(SOURCE.replace('[[severities]]\nkey = "B"', '[[severities]]\nkey = "A"'), "duplicate-key", "error", id="two severities of one name"),
    pytest.param(SOURCE.replace('metric = "first_reply"\n', 'metric = "next_reply"\n'), "no-first-reply", "warning", id="no first reply"),
    pytest.param(SOURCE.replace('longest = "7 d"', 'longest = "0 d"'), "pause-length", "error", id="a longest pause of nought"),
    pytest.param(SOURCE.replace('key = "sku"\n', 'key = "sku"\noptions = [{ es = "Sí", en = "Yes" }]\n'), "field-options", "error", id="options of what is no choice"),
    pytest.param(SOURCE.replace('kind = "lines"', 'kind = "choice"\noptions = [{ es = "Sí", en = "Yes" }]'), "field-options", "error", id="a choice of one"),
    pytest.param(SOURCE.replace('kind = "lines"', 'kind = "choice"\noptions = [{ es = "Sí", en = "Yes" }, { es = "Claro", en = "Yes" }]'), "field-options", "error", id="two options that read the same"),
    pytest.param(re.sub(r'(?m)^icon = ', 'retired = true\nicon = ', SOURCE), "no-choices", "error", id="every service retired"),
    pytest.param(SOURCE.replace('[pauses]\nmetrics = [', '[pauses]\nmetrics = ["promised_update", '), "promise-pauses", "error", id="a promise that pauses"),
    pytest.param(SOURCE.replace('A = "15 min"', 'A = "0 min"'), "silence-length", "error", id="a silence of nought"),
    pytest.param(SOURCE.replace('ladder_repeat = "5 min"', 'ladder_repeat = "5 s"'), "ladder-repeat", "error", id="rung again without a breath"),
    pytest.param(SOURCE.replace("catch_all = true\n", ""), "missing-catch-all", "error", id="nothing catches the rest"),
    pytest.param(SOURCE.replace("catch_all = true\n", ""), "empty-condition", "error", id="an empty condition"),
    pytest.param(SOURCE.replace("catch_all = true\n", 'catch_all = true\nservices = ["esd"]\n'), "catch-all-with-condition", "error", id="a catch-all with a condition"),
    pytest.param(with_policy("catch_all = true"), "unreachable-policy", "error", id="a policy that hides the next"),
    pytest.param(with_policy('services = ["esd"]') .replace('[[policies]]\nkey = "standard"', '[[policies]]\nkey = "second"\nstages = ["production"]\n[[policies.targets]]\nmetric = "first_reply"\nduration = "1 h"\ncalendar = "support"\n\n[[policies]]\nkey = "standard"'), "overlapping-policies", "warning", id="two policies that overlap"),
    pytest.param(SOURCE.replace('["2 d", "4 d"]', '["4 d", "4 d"]'), "reminder-order", "error", id="reminders out of their order"),
    pytest.param(SOURCE.replace('solve_after = "7 d"', 'solve_after = "4 d"'), "solved-before-reminded", "error", id="given up with the last reminder"),
    pytest.param(SOURCE.replace('remind_after = ["2 d", "4 d"]\n', ""), "solved-without-reminder", "warning", id="given up without a reminder"),
    pytest.param(SOURCE.replace('close_after = "7 d"', 'close_after = "6 d"'), "closes-too-soon", "error", id="closed while it may be opened again"),
    pytest.param(with_policy('services = ["esd"]'), "severity-without-target", "warning", id="a severity without a target"),
    pytest.param(SOURCE.replace("level = 3\n", "level = 4\n"), "ladder-levels", "error", id="a ladder with a gap"),
    pytest.param(SOURCE.replace('A = "15 min"\n', ""), "ladder-without-silence", "warning", id="a ladder that never goes on"),
    pytest.param(SOURCE.replace("[calendars.always]", '[calendars.spare]\nzone = "UTC"\nalways = true\nname = { es = "a", en = "a" }\n\n[calendars.always]'), "unused-calendar", "warning", id="a calendar that nothing uses"),
    pytest.param(SOURCE.replace('metric = "scope_verdict"', 'metric = "area_reply"'), "area-target-in-policy", "error", id="an area's target in a policy"),
    pytest.param(SOURCE.replace('"periodic_update", "resolution"]', '"area_reply"]'), "area-pauses", "error", id="an area's clock that pauses"),
    pytest.param(SOURCE.replace('remind_every = "4 h"', 'remind_every = "5 min"', 1), "remind-length", "error", id="an area that is reminded all the time"),
    pytest.param(SOURCE.replace('calendar = "working", warn_at = "75 %", remind', 'calendar = "office", warn_at = "75 %", remind', 1), "unknown-calendar", "error", id="an area on a calendar that is not there"),
    pytest.param(SOURCE.replace('warn_at = "75 %", remind', 'warn_at = "0 %", remind', 1), "warn-share", "error", id="an area warned at once"),
    pytest.param(SOURCE.replace('target = { duration = "8 h"', 'target = { duration = "0 h"', 1), "target-duration", "error", id="an area without time"),
    pytest.param(SOURCE.replace("[areas.client]", '[areas.spare]\nname = { es = "a", en = "a" }\n\n[areas.client]'), "unused-area", "warning", id="an area that nothing leads to"),
    pytest.param(re.sub(r"(level = 3\n.*\n)contacts = .*", r"\1contacts = []", SOURCE), "ladder-without-contact", "error", id="a step with nobody"),
    pytest.param(with_rule('channels = ["email"]', verdict="bills"), "scope-verdict", "error", id="a scope rule for no clause"),
    pytest.param(with_rule(""), "scope-condition", "error", id="a scope rule that would always speak"),
    pytest.param(with_rule('words = { es = ["de la"] }'), "scope-never", "error", id="words that say nothing"),
    pytest.param(with_rule('words = { es = ["factura"] }\nunless = { es = ["facturas"] }'), "scope-never", "error", id="words that are taken away again"),
    pytest.param(with_rule('answered = ["invoice_number"]\nrequest_types = ["incident"]'), "scope-never", "error", id="an answer that is not asked for there"),
    pytest.param(with_rule('guidance = ["technical"]\nrequest_types = ["incident"]\nenvironments = ["production"]'), "scope-never", "error", id="an answer where the form points nowhere"),
    pytest.param(with_rule('answered = ["invoice_number"]'), "scope-twice", "error", id="two scope rules that ask for the same"),
    pytest.param(with_rule('words = { es = ["nube", "nubes"] }'), "scope-same-words", "warning", id="a phrase found by another"),
    pytest.param(with_rule('words = { es = ["nube"] }', key="billing_words"), "duplicate-key", "error", id="two scope rules of one name"),
    pytest.param(with_rule('environments = ["moon"]'), "unknown-environment", "error", id="a scope rule for no environment"),
    pytest.param(with_rule('request_types = ["wish"]'), "unknown-request-type", "error", id="a scope rule for no type"),
    pytest.param(with_rule('answered = ["mood"]'), "unknown-field", "warning", id="a scope rule for no question"),
    pytest.param(SOURCE.replace("always = true", 'always = "perhaps"'), "bad-value", "error", id="neither true nor false"),
    pytest.param(SOURCE.replace("always = true", "always = 2026-01-01"), "bad-value", "error", id="a date for true or false"),
    pytest.param(SOURCE.replace("level = 3\n", 'level = "three"\n'), "bad-value", "error", id="a number in words"),
    pytest.param(SOURCE.replace("level = 3\n", "level = 1.5\n"), "bad-value", "error", id="half a number"),
    pytest.param(SOURCE.replace("weight = 60", "weight = 0", 1), "bad-value", "error", id="a weight of nought"),
    pytest.param(SOURCE.replace("weight = 60", "weight = 101", 1), "bad-value", "error", id="a weight over the whole"),
    pytest.param(SOURCE.replace('kind = "lines"', 'kind = "essay"'), "bad-value", "error", id="a kind of field that is none"),
    pytest.param(SOURCE.replace('metric = "first_reply"', 'metric = "first_word"'), "bad-value", "error", id="a metric that is none"),
    pytest.param(SOURCE.replace('icon = "store"', "icon = 5"), "bad-value", "error", id="a number for a text"),
    pytest.param(SOURCE.replace('remind_after = ["2 d", "4 d"]', 'remind_after = "2 d"'), "bad-value", "error", id="one for a list"),
    pytest.param(SOURCE.replace('warn_at = "75 %"', f"warn_at = {'9' * 400}", 1), "bad-value", "error", id="a share of more digits than fit"),
    pytest.param(SOURCE.replace('format = 1', f"format = {'9' * 5000}"), "toml-syntax", "error", id="a number of more digits than are read"),
    pytest.param(SOURCE.replace('format = 1', f"format = {'[' * 5000}"), "toml-syntax", "error", id="brackets without a bottom"),
    pytest.param(SOURCE + "\nlast = [", "toml-syntax", "error", id="a list without an end"),
    pytest.param(SOURCE.replace('days = "mon-fri"', 'days = "mon-fryday"', 1), "bad-value", "error", id="days that are none"),
    pytest.param(SOURCE.replace('days = "mon-fri"', 'days = "mon-fri,tue"', 1), "bad-value", "error", id="a day twice"),
    pytest.param(SOURCE.replace('["06:00-22:00"]', '["6-22"]', 1), "bad-value", "error", id="hours without minutes"),
    pytest.param(SOURCE.replace('["06:00-22:00"]', '["06:00-25:00"]', 1), "bad-value", "error", id="an hour that no day has"),
    pytest.param(SOURCE.replace("holidays = []", 'holidays = [{ date = "25/12", name = { es = "a", en = "a" } }]'), "bad-value", "error", id="a date as people write it"),
    pytest.param(SOURCE.replace("holidays = []", 'holidays = [\n  { date = "2026-12-25", name = { es = "a", en = "a" }, open = ["06:00-12:00", "11:00-13:00"] },\n]'), "overlapping-windows", "error", id="a holiday's windows that overlap"),
    pytest.param(SOURCE.replace('case_prefix = "IWS"', 'case_prefix = "iws"'), "bad-value", "error", id="a prefix in small letters"),
    pytest.param(SOURCE.replace('area = "integrations"', 'area = "Integrations"'), "bad-value", "error", id="a key in capital letters"),
    pytest.param(SOURCE.replace('[[severities]]\nkey = "B"', '[[severities]]\nkey = "BB"'), "bad-value", "error", id="a severity of two letters"),
    pytest.param(SOURCE.replace("[stages]", 'channels = "none"\n\n[stages]', 1).replace("[[channels]]", "[[lines]]"), "unknown-key", "error", id="a table of another name"),
    pytest.param(SOURCE.replace('key = "sku"\n', 'key = "sku"\npattern = "["\n'), "bad-value", "error", id="a pattern that is none"),
]  # fmt: skip


def test_the_stages_of_an_agreement_are_those_that_a_company_can_have():
    """Else no company could ever be entitled, and every case would be flagged."""
    assert list(STAGES) == Stage.values


@pytest.mark.parametrize(("source", "code", "severity"), CASES)
def test_each_fault_is_found(source, code, severity):
    """The file with one fault planted gives that finding, with a line and what to do, for each
    reader in their language and nothing of the other one.
    """
    assert source != SOURCE
    found = [finding for finding in check(source) if finding.code == code]
    assert found, check(source)
    assert found[0].severity == severity
    assert 1 <= found[0].line <= len(source.splitlines())
    said = {}
    for language, other in (("en", "es"), ("es", "en")):
        with translation.override(language):
            said[language] = [found[0].severity_name, found[0].message]
        assert not WORDS[other] & set(re.findall(r"\w+", NAMES.sub("", said[language][1]).lower()))
    assert said["es"][1] != said["en"][1]
    assert str(found[0]).startswith(
        f"{found[0].line}: {severity} {code} {said['en'][1].replace(chr(0xA0), ' ')}"
    )


def test_a_finding_stands_at_its_line():
    """The place is the line on which the wrong value stands."""
    source = SOURCE.replace('zone = "America/Panama"', 'zone = "EST"', 1)
    line = source.splitlines().index('zone = "EST"') + 1
    (finding,) = [f for f in check(source) if f.code == "zone-abbreviation"]
    assert finding.line == line
    with translation.override("es"):
        assert "Panama (UTC−5 todo el año) o America/New_York" in finding.message


def test_where_a_week_overlaps_itself_is_said():
    """Sunday's night may run into Monday: the day and the hour stand in the sentence."""
    source = SOURCE.replace('{ days = "sat-sun", open = ["09:00-17:00"] }', '{ days = "sun", open = ["20:00-07:00"] }', 1)  # fmt: skip
    (finding,) = [f for f in check(source) if f.is_error]
    assert "overlap on mon at 06:00" in str(finding)


def test_what_a_list_without_an_end_leaves_open_is_found_at_the_end():
    """The parser names no line there; the last one is nearer than the first."""
    source = SOURCE + "\nlast = ["
    assert [finding.line for finding in check(source)] == [len(source.splitlines())]


def _places(node, path=()):
    """Yield each place of a document: what it is like, and the table and key that hold it."""
    for key, value in list(node.items() if isinstance(node, dict) else enumerate(node)):
        name = "" if isinstance(key, int) else key
        yield (*path[-1:], name), node, key
        if isinstance(value, dict | list):
            yield from _places(value, (*path, name))


def test_whatever_stands_in_a_place_there_is_a_sentence_for_it():
    """What pydantic says of it in English is shown to nobody."""
    holidays = 'holidays = [{ date = "2026-12-25", name = { es = "a", en = "a" } }]'
    data = tomllib.loads(SOURCE.replace("holidays = []", holidays, 1))
    noon = datetime(2026, 1, 1, 12, tzinfo=UTC)
    one_of_a_kind = {like: (node, key) for like, node, key in _places(data)}
    for node, key in one_of_a_kind.values():
        kept = node[key]
        for value in (-5, 1.5, "", "A b", [1], {"a": 1}, noon):
            node[key] = value
            try:
                AgreementDocument.model_validate(data)
            except ValidationError as error:
                for path, _severity, _code, sentence in form_faults(error):
                    assert SOMETHING not in sentence.english, (path, value)
        node[key] = kept


@pytest.mark.parametrize(
    ("wrong", "right"),
    [
        pytest.param('longest = "0 d"', 'longest = "7 d"', id="the longest pause"),
        pytest.param('metrics = ["promised_update", ', "metrics = [", id="a promise that pauses"),
        pytest.param('A = "0 min"', 'A = "15 min"', id="a silence of nought"),
        pytest.param('longest = "900000000 d"', 'longest = "7 d"', id="a duration too long"),
    ],
)
def test_what_only_the_engine_refused_has_a_place_too(wrong, right):
    """These used to be found at line 1, or not at all, and then cases could not be opened."""
    source = SOURCE.replace(right, wrong, 1)
    line = next(n for n, text in enumerate(source.splitlines(), 1) if text.startswith(wrong))
    assert [finding.line for finding in check(source) if finding.is_error] == [line]


def test_a_mark_before_the_file_is_no_fault():
    """Notepad puts one before what it saves as UTF-8; it is not part of the agreement."""
    assert check("\ufeff" + SOURCE) == check(SOURCE)
    assert parse("\ufeff" + SOURCE) == parse(SOURCE)


def test_every_code_is_tried_and_documented():
    """The codes in the linter, in this table, and in the reference are the same."""
    parts = Path(lint.__file__).parent.glob("lint*.py")
    source = "".join(part.read_text() for part in parts)
    in_code = set(re.findall(r'"(?:error|warning)", "([a-z-]+)"', source))
    in_code |= {
        "unknown-" + what
        for what in (
            "area",
            "calendar",
            "clause",
            "severity",
            "stage",
            "service",
            "environment",
            "request-type",
            "field",
        )
    }
    tried = {case.values[1] for case in CASES} | {"cannot-run"}
    documented = set(
        re.findall(r"^\| `([a-z-]+)` \|", DOCS.read_text().split("## Findings")[1], re.MULTILINE)
    )
    assert in_code == tried == documented
