from django.apps import AppConfig


class EmailConfig(AppConfig):
    name = "plazo.channels.email"
    label = "mail"
