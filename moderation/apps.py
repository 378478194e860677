from django.apps import AppConfig
from django.utils.module_loading import autodiscover_modules


class ModerationConfig(AppConfig):
    name = "moderation"

    def ready(self) -> None:
        from moderation import admin, events

        autodiscover_modules("moderation")
        events.declare_types()
        admin.register_targets()
