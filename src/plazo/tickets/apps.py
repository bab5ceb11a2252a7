from django.apps import AppConfig


class TicketsConfig(AppConfig):
    name = "plazo.tickets"
    label = "tickets"
