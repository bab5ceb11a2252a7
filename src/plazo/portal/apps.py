from django.apps import AppConfig


class PortalConfig(AppConfig):
    name = "plazo.portal"
    label = "portal"
