from django.apps import AppConfig


class NewsfeedConfig(AppConfig):
    name = "newsfeed"

    def ready(self) -> None:
        from newsfeed import checks  # noqa: F401 (importing registers them)
