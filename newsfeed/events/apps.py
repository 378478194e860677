from django.apps import AppConfig


class EventsConfig(AppConfig):
    """Events and how they travel: registry, outbox, consumer. It knows no domain app."""

    name = "newsfeed.events"
    label = "events"

    def ready(self) -> None:
        from newsfeed.events import registry

        registry.discover()
