"""What moderators work with: the queue, posts, users, reports, and what was done.

The lists of posts and users are here and not beside their models, which know nothing of
moderators.
"""

from functools import partial
from typing import Any

from django.contrib import admin
from django.contrib.admin.options import IS_POPUP_VAR
from django.db.models import Model, Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.text import Truncator

from accounts.admin import UserAdmin
from accounts.models import User
from accounts.moderation import USER
from accounts.selectors import ids_named
from moderation.confirmation import confirm
from moderation.models import ModerationAction, Report, ReportedPost
from moderation.targets import Target, targets, verbs, verbs_of
from newsfeed.admin.lists import KeysetAdmin, ReadOnlyAdmin, number
from posts.models import Post
from posts.moderation import POST

EXCERPT = 100
SHOWN = 50
"""Reports and actions on the page of a post or a user, newest first."""


class ModeratedAdmin(KeysetAdmin):
    """Offers its verbs as actions, on the page of one object too."""

    target: Target

    def verb_columns(self) -> dict[str, str]:
        """{verb: the column of this list that holds the ids of its targets}."""
        author = {"suspend_user": f"{self.target.author}_id"} if self.target.author else {}
        return dict.fromkeys(verbs_of(self.target), "pk") | author

    def get_actions(self, request: HttpRequest) -> dict[str, Any]:
        if IS_POPUP_VAR in request.GET:
            return {}
        offered = {verbs()[name]: column for name, column in self.verb_columns().items()}
        return {
            verb.name: (partial(confirm, verb=verb, column=column), verb.name, verb.label)
            for verb, column in offered.items()
            if request.user.has_perm(verb.target.permission)
        }

    @admin.display
    def history(self, target: Model) -> SafeString | str:
        actions = ModerationAction.objects.filter(target_type=self.target.name, target_id=target.pk)
        newest = actions.order_by("-pk").prefetch_related("moderator")[:SHOWN]
        return _list(
            [(f"{a.created_at:%F %R}", f"{a.action} by {a.moderator}", a.reason) for a in newest]
        )

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        offered = [(name, label) for _, name, label in self.get_actions(request).values()]
        context = {"verbs": offered} | (extra_context or {})
        return super().change_view(request, object_id, form_url, context)


def _link(page: str, id_: int, text: str) -> SafeString:
    return format_html('<a href="{}">{}</a>', reverse(f"admin:{page}_change", args=[id_]), text)


def _list(rows: list[tuple[Any, ...]]) -> SafeString | str:
    return format_html_join("", "<div>{} {}: {}</div>", rows) or "-"


class TargetAdmin(ModeratedAdmin, ReadOnlyAdmin):
    list_display = ["id", "description"]
    fields = ["id", "description", "history"]
    change_form_template = "admin/moderation/change_form.html"

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        return self.target.objects()

    @admin.display
    def description(self, target: Model) -> str:
        return self.target.describe(target)


def register_targets() -> None:
    """Gives a list to each target whose app has none."""
    for target in targets().values():
        if not admin.site.is_registered(target.model):
            admin.site.register(target.model, TargetAdmin, target=target)


@admin.register(ReportedPost)
class QueueAdmin(ModeratedAdmin, ReadOnlyAdmin):
    """The posts with open reports, most reported first."""

    keyset = ("open_reports", "pk")
    list_display = ["post_link", "author_name", "excerpt", "open_reports", "reasons", "state"]
    list_display_links = None

    def verb_columns(self) -> dict[str, str]:
        of_post = dict.fromkeys(["dismiss_reports", "hide_post", "delete_post"], "pk")
        return of_post | {"suspend_user": "author_id"}

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        return super().get_queryset(request).prefetch_related("post", "author")

    @admin.display(description="post")
    def post_link(self, entry: ReportedPost) -> str:
        return _link("posts_post", entry.pk, str(entry.pk))

    @admin.display(description="author")
    def author_name(self, entry: ReportedPost) -> str:
        return _link("accounts_user", entry.author_id, f"@{entry.author.username}")

    @admin.display(description="content")
    def excerpt(self, entry: ReportedPost) -> str:
        return Truncator(_reported_text(entry)).chars(EXCERPT)

    @admin.display(description="latest reasons")
    def reasons(self, entry: ReportedPost) -> str:
        return format_html_join("", "<div>{}</div>", ([one] for one in entry.latest_reasons))

    @admin.display
    def state(self, entry: ReportedPost) -> str:
        return _state(entry.post)


def _reported_text(entry: ReportedPost) -> str:
    return entry.content or entry.post.content


def _state(post: Post) -> str:
    if post.deleted_at:
        return "deleted"
    return "hidden" if post.hidden_at else "visible"


@admin.register(Post)
class PostAdmin(TargetAdmin):
    target = POST
    list_display = ["id", "author", "excerpt", "created_at", "state"]
    search_fields = ["id", "user__username"]
    search_help_text = "The id of a post, or its author's exact name."
    fields = ["id", "author", "content", "created_at", "edited_at", "hidden_at", "deleted_at"]
    fields += ["reported_text", "reports", "history"]

    def found_by(self, term: str) -> Q:
        if term.isdecimal():
            return Q(pk__in=number(term))
        return Q(user__in=ids_named(term))

    @admin.display
    def author(self, post: Post) -> str:
        return _link("accounts_user", post.user_id, f"@{post.user.username}")

    @admin.display(description="content")
    def excerpt(self, post: Post) -> str:
        return Truncator(post.content).chars(EXCERPT)

    @admin.display
    def state(self, post: Post) -> str:
        return _state(post)

    @admin.display(description="content when it was last reported")
    def reported_text(self, post: Post) -> str:
        entry = ReportedPost.objects.filter(pk=post.pk).select_related("post").first()
        return _reported_text(entry) if entry else "-"

    @admin.display
    def reports(self, post: Post) -> str:
        newest = Report.objects.filter(post=post).order_by("-pk").prefetch_related("reporter")
        return _list([(f"{r.created_at:%F %R}", r.reporter, r.reason) for r in newest[:SHOWN]])


admin.site.unregister(User)


@admin.register(User)
class ModeratedUserAdmin(ModeratedAdmin, UserAdmin):
    target = USER

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> list[str]:
        return [*super().get_readonly_fields(request, obj), "history"]

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        fieldsets = super().get_fieldsets(request, obj)
        return [*fieldsets, ("Moderation", {"fields": ["history"]})] if obj else fieldsets


@admin.register(Report)
class ReportAdmin(ReadOnlyAdmin):
    list_display = ["id", "post_link", "reporter_name", "reason", "created_at", "resolved_at"]
    fields = ["post_link", "reporter_name", "reason", "created_at", "resolved_at"]
    search_fields = ["post", "reporter__username"]
    search_help_text = "The id of a post, or the reporter's exact name."

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        return super().get_queryset(request).prefetch_related("reporter")

    def found_by(self, term: str) -> Q:
        if term.isdecimal():
            return Q(post__in=number(term))
        return Q(reporter__in=ids_named(term))

    @admin.display(description="post")
    def post_link(self, report: Report) -> str:
        return _link("posts_post", report.post_id, str(report.post_id))

    @admin.display(description="reporter")
    def reporter_name(self, report: Report) -> str:
        return f"@{report.reporter.username}"


@admin.register(ModerationAction)
class ModerationActionAdmin(ReadOnlyAdmin):
    list_display = ["id", "created_at", "moderator_name", "action", "target", "reason"]
    fields = ["created_at", "moderator_name", "action", "target", "reason", "before", "after"]
    search_fields = ["target_id", "moderator__username"]
    search_help_text = "The id of a post or a user, or the moderator's exact name."

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        return super().get_queryset(request).prefetch_related("moderator")

    def found_by(self, term: str) -> Q:
        if term.isdecimal():
            return Q(target_id__in=number(term))
        return Q(moderator__in=ids_named(term))

    @admin.display(description="moderator")
    def moderator_name(self, action: ModerationAction) -> str:
        return f"@{action.moderator.username}"

    @admin.display
    def target(self, action: ModerationAction) -> str:
        name = f"{action.target_type} {action.target_id}"
        if action.target_type not in targets():  # of an app that is no longer installed
            return name
        page = targets()[action.target_type].model._meta.label_lower.replace(".", "_")
        return _link(page, action.target_id, name)
