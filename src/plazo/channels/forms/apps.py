from django.apps import AppConfig


class FormsConfig(AppConfig):
    name = "plazo.channels.forms"
    label = "forms"
