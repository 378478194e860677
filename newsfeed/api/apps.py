from django.apps import AppConfig


class ApiConfig(AppConfig):
    """What all endpoints share. It knows no domain app."""

    name = "newsfeed.api"
    label = "api"
