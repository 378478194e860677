"""A page that tells why a post is in a feed. Feeds have no table."""

from django import forms
from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from rest_framework.exceptions import NotFound

from feeds.explanation import explain
from feeds.serializers import ExplanationSerializer


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
