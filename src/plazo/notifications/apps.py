from django.apps import AppConfig


class NotificationsConfig(AppConfig):
    name = "plazo.notifications"
    label = "notifications"
