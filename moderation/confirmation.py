"""The page between choosing an action in the admin and doing it: it asks for the reason."""

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from rest_framework.exceptions import APIException

from accounts.models import User
from moderation.models import MAX_REASON
from moderation.services import moderate
from moderation.targets import Target, Verb
from newsfeed.admin.fields import TextField

AT_ONCE = 100


class ReasonForm(forms.Form):
    reason = TextField(
        max_length=MAX_REASON,
        widget=forms.Textarea(attrs={"rows": 3, "cols": 60}),
        help_text="Kept with the action, for good. The author does not see it.",
    )


def confirm(
    model_admin: "admin.ModelAdmin[Any]",
    request: HttpRequest,
    chosen: QuerySet[Any],
    verb: Verb,
    column: str,
) -> HttpResponse | None:
    """Asks for the reason, and does it when there is one. `column` holds the ids of the targets."""
    ids = sorted(set(chosen.order_by().values_list(column, flat=True)[: AT_ONCE + 1]))
    if len(ids) > AT_ONCE:
        model_admin.message_user(request, f"At most {AT_ONCE} at once.", messages.ERROR)
        return None
    form = ReasonForm(request.POST if "reason" in request.POST else None)
    if form.is_valid():
        _do(model_admin, request, verb, ids, form.cleaned_data["reason"])
        return None
    context = model_admin.admin_site.each_context(request) | {
        "title": f"{verb.label}?",
        "form": form,
        "verb": verb,
        "opts": model_admin.opts,
        "targets": _described(verb.target, ids),
        "chosen": request.POST.getlist(ACTION_CHECKBOX_NAME),
        "checkbox": ACTION_CHECKBOX_NAME,
    }
    return TemplateResponse(request, "admin/moderation/confirm.html", context)


def _described(target: Target, ids: list[int]) -> list[str]:
    return list(map(target.describe, target.objects().filter(pk__in=ids)))


def _do(
    model_admin: "admin.ModelAdmin[Any]",
    request: HttpRequest,
    verb: Verb,
    ids: list[int],
    reason: str,
) -> None:
    """Each by itself: what cannot be done, as it is so already, does not keep the others."""
    assert isinstance(request.user, User)
    done = 0
    for target_id in ids:
        try:
            moderate(verb.name, moderator=request.user, target_id=target_id, reason=reason)
            done += 1
        except APIException as error:
            sentence = f"{verb.target.name} {target_id}: {error.detail}"
            model_admin.message_user(request, sentence, messages.WARNING)
    level = messages.SUCCESS if done == len(ids) else messages.WARNING
    model_admin.message_user(request, f"{verb.label}: {done} of {len(ids)} done.", level)
