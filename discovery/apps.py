from django.apps import AppConfig


class DiscoveryConfig(AppConfig):
    """What people find of each other. It reads the apps below, and has no tables."""

    name = "discovery"
