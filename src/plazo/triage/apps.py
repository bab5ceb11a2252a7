from django.apps import AppConfig


class TriageConfig(AppConfig):
    name = "plazo.triage"
    label = "triage"
