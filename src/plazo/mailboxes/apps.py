from django.apps import AppConfig


class MailboxesConfig(AppConfig):
    name = "plazo.mailboxes"
    label = "mailboxes"
