"""The demo's macros and rules: what a team of this kind makes in its first week."""

from datetime import datetime
from typing import Any

from plazo.accounts.models import Group
from plazo.automation import macros, rules
from plazo.automation.rule_models import Macro, Rule
from plazo.core.actor import Actor

ACTOR = Actor.system("demo")
_RECORDS = (
    "Para seguir, necesitamos de {{requester.first_name}}:\n\n- la hora exacta de una llamada que"
    " falló\n- la petición y la respuesta completas, sin la llave\n\nMientras tanto el reloj del"
    " caso {{ticket.number}} se detiene; al recibirlos lo retomamos de inmediato."
)
_RECORDS_EN = (
    "To go on, we need from you:\n\n- the exact time of one call that failed\n- the whole request"
    " and response, without the key\n\nMeanwhile the clock of case {{ticket.number}} stands still;"
    " once we have them we take it up at once."
)
_LICENSES = (
    "Una vez entregada, la licencia es responsabilidad del cliente final (acuerdo, alcance). Le"
    " dejamos el artículo con los pasos para reenviarla.\n\nSi la entrega misma falló, responda"
    " este mensaje y lo revisamos."
)


def load(now: datetime) -> None:
    """Make them once; they are active from here on."""
    if Macro.objects.exists() or Rule.objects.exists():
        return
    by: dict[str, Any] = {"actor": ACTOR, "now": now}
    macros.save_macro(
        name="Pedir los registros de la llamada",
        text_es=_RECORDS,
        text_en=_RECORDS_EN,
        actions=[
            {"action": "add_tags", "tags": ["faltan-datos"]},
            {
                "action": "status",
                "status": "pending",
                "waiting_for": "requester",
                "reason": "Hora, petición y respuesta de una llamada que falló",
            },
        ],
        **by,
    )
    macros.save_macro(
        name="Licencia ya entregada",
        text_es=_LICENSES,
        actions=[{"action": "assign", "to": "me"}, {"action": "add_tags", "tags": ["licencias"]}],
        **by,
    )
    groups = {group.key: group.pk for group in Group.objects.all()}
    for name, parts in _rules(groups).items():
        rule = rules.save_rule(name=name, definition=rules.define(**parts), **by)
        rules.set_active(rule_id=rule.pk, active=True, **by)


def _rules(groups: dict[str, int]) -> dict[str, dict[str, Any]]:
    level1, level2 = (f"group:{groups[key]}" for key in ("level1", "level2"))
    return {
        "Etiquetar licencias ESD": {
            "kind": "trigger",
            "when": ["opened"],
            "conditions": [{"field": "service", "op": "any_of", "value": ["esd"]}],
            "actions": [{"action": "add_tags", "tags": ["licencias"]}],
        },
        "Avisar a coordinación de una severidad A": {
            "kind": "trigger",
            "when": ["severity_set"],
            "conditions": [{"field": "severity", "op": "any_of", "value": ["A"]}],
            "actions": [
                {"action": "add_tags", "tags": ["severidad-a"]},
                {
                    "action": "tell",
                    "to": level2,
                    "text": "{{ticket.number}} tiene severidad A. Vence: {{due}}.",
                },
            ],
        },
        "Sin dueño y por vencer": {
            "kind": "timed",
            "moment": {"base": "due", "minutes": 15},
            "conditions": [{"field": "assignee", "op": "any_of", "value": ["nobody"]}],
            "actions": [
                {
                    "action": "tell",
                    "to": level1,
                    "text": "Nadie tiene {{ticket.number}} y vence: {{due}}.",
                },
                {
                    "action": "note",
                    "text": "Faltan 15 minutos o menos y nadie tiene el caso: se avisó al grupo.",
                },
            ],
        },
    }
