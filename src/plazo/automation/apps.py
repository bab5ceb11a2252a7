from django.apps import AppConfig


class AutomationConfig(AppConfig):
    name = "plazo.automation"
    label = "automation"
