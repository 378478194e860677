import json
import sys
from importlib import import_module
from typing import Any

from django.contrib import admin
from django.core.management.base import BaseCommand, CommandParser
from django.urls import NoReverseMatch, reverse
from django.utils import timezone

from accounts import data_registry, erasure
from accounts.models import User
from moderation import targets
from newsfeed.events import groups, registry


class Command(BaseCommand):
    """What the app has of the house, as JSON."""

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("action", choices=["write", "show", "erase"])
        parser.add_argument("user_id", type=int)

    def handle(self, *, action: str, user_id: int, **_: Any) -> None:
        told = {"write": self.write, "show": self.show, "erase": self.erase}[action](user_id)
        self.stdout.write(json.dumps(told))

    def write(self, user_id: int) -> bool:
        return bool(import_module("sample.services").write_note(user_id, "hello"))

    def show(self, user_id: int) -> dict[str, bool]:
        return {
            "event": "NOTE_WRITE" in registry.event_types(),
            "consumer": "sample" in {group.name for group in groups.groups()},
            "task": "sample.tasks" in sys.modules,
            "moderation": "note" in targets.targets(),
            "audit": "hide_note" in registry.event_types(),
            "export": "notes" in {section.name for section in data_registry.sections},
            "admin": any(model.__name__ == "Note" for model in admin.site._registry),
            "url": self.has_url(),
        }

    def has_url(self) -> bool:
        try:
            return reverse("sample") == "/api/v1/sample/"
        except NoReverseMatch:
            return False

    def erase(self, user_id: int) -> int:
        User.objects.filter(pk=user_id).update(is_active=False, deleted_at=timezone.now())
        erasure.erase([user_id])
        [notes] = [section for section in data_registry.sections if section.name == "notes"]
        return sum(len(page) for page in notes.pages(user_id, 10))
