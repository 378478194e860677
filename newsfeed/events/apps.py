from django.apps import AppConfig


class EventsConfig(AppConfig):
    """All the Kafka plumbing: outbox, producer, consumer. It knows no domain app."""

    name = "newsfeed.events"
    label = "events"
