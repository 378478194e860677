from collections.abc import Sequence
from typing import Any

from django.core.management.base import CommandParser

from newsfeed.events.groups import Group, get_group_or_raise, groups
from newsfeed.events.management.commands import consume


class Command(consume.Command):
    help = (
        "As `consume feed`: writes new posts into the followers' feeds in Redis. With --topic, all"
        " consumers that read the topic apply it again."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        self.add_options(parser)

    def groups(self, topic: str | None, options: dict[str, Any]) -> Sequence[Group]:
        return groups() if topic else [get_group_or_raise("feed")]
