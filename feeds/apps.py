from django.apps import AppConfig


class FeedsConfig(AppConfig):
    """The feeds: no table, and all that Redis holds of them can be rebuilt from MySQL."""

    name = "feeds"

    def ready(self) -> None:
        from feeds import signals  # noqa: F401 (its receivers connect)
