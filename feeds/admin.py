"""The dead letters, and a page that tells why a post is in a feed. Feeds have no table."""

from django import forms
from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from rest_framework.exceptions import NotFound

from feeds.explanation import explain
from feeds.handlers import HANDLERS
from feeds.serializers import ExplanationSerializer
from newsfeed.admin.lists import ReadOnlyAdmin
from newsfeed.events.failures import AWAY
from newsfeed.events.models import DeadLetter
from newsfeed.events.replay import apply_again, settle_row


@admin.register(DeadLetter)
class DeadLetterAdmin(ReadOnlyAdmin):
    """Here and not beside its model, which knows no handler to replay with."""

    list_display = ("origin", "topic", "error", "attempts", "created_at", "replayed_at")
    list_filter = ("topic", ("replayed_at", admin.EmptyFieldListFilter))
    fields = ("origin", "topic", "payload", "error", "attempts", "created_at", "replayed_at")
    actions = ("replay",)

    @admin.display
    def origin(self, letter: DeadLetter) -> str:
        return str(letter)

    @admin.display
    def payload(self, letter: DeadLetter) -> str:
        return bytes(letter.value).decode(errors="backslashreplace")

    def has_replay_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("events.change_deadletter")

    @admin.action(description="Replay selected dead letters", permissions=["replay"])
    def replay(self, request: HttpRequest, letters: QuerySet[DeadLetter]) -> None:
        """One by one; those that are replayed already are left alone."""
        replayed = failed = 0
        try:
            for letter in letters.filter(replayed_at=None).order_by("pk"):
                applied = apply_again(letter, HANDLERS)
                settle_row(letter)
                replayed += applied
                failed += not applied
        except AWAY as error:
            self.message_user(request, f"Stopped, as something is away: {error}", messages.ERROR)
        level = messages.WARNING if failed else messages.INFO
        self.message_user(request, f"Replayed {replayed}, failed {failed}.", level)


class WhyForm(forms.Form):
    user_id = forms.IntegerField(min_value=1, label="User id")
    post_id = forms.IntegerField(min_value=1, label="Post id")

    def explanation(self) -> dict[str, object]:
        """What the endpoint answers; nothing, and an error in the form, when one is unknown."""
        if not self.is_valid():
            return {}
        try:
            return dict(ExplanationSerializer(explain(**self.cleaned_data)).data)
        except NotFound as error:
            self.add_error(None, str(error.detail))
            return {}


@admin.site.admin_view
def why(request: HttpRequest) -> HttpResponse:
    """Why a post is, or is not, in a user's feed."""
    asked = "post_id" in request.GET  # the link from a user's page brings only the user
    form = WhyForm(request.GET if asked else None, initial=request.GET.dict())
    facts = form.explanation() if asked else {}
    context = admin.site.each_context(request)
    context |= {"title": "Why is a post in a feed?", "form": form, "facts": facts}
    return render(request, "admin/feeds/why.html", context)
