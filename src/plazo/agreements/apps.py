from django.apps import AppConfig


class AgreementsConfig(AppConfig):
    name = "plazo.agreements"
    label = "agreements"
