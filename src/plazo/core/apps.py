from django.apps import AppConfig


class CoreConfig(AppConfig):
    name = "plazo.core"
    label = "core"
