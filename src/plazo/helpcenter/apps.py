from django.apps import AppConfig


class HelpcenterConfig(AppConfig):
    name = "plazo.helpcenter"
    label = "helpcenter"
