from django.apps import AppConfig


class AccountsConfig(AppConfig):
    name = "plazo.accounts"
    label = "accounts"
