from django.apps import AppConfig


class DeskConfig(AppConfig):
    name = "plazo.desk"
    label = "desk"
