from django.apps import AppConfig


class ConfigConfig(AppConfig):
    name = "plazo.config"
    label = "config"

    def ready(self) -> None:
        from plazo.config.wiring import connect_readers  # models exist only from here on

        connect_readers()
