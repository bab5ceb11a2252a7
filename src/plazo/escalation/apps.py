from django.apps import AppConfig


class EscalationConfig(AppConfig):
    name = "plazo.escalation"
    label = "escalation"
