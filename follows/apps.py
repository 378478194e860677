from django.apps import AppConfig


class FollowsConfig(AppConfig):
    name = "follows"

    def ready(self) -> None:
        from follows import signals  # noqa: F401 (its receivers connect)
