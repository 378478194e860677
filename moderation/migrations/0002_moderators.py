"""The group "Moderators": what its members see of the admin, and what they can do there."""

from django.db import migrations

GROUP = "Moderators"
RIGHTS = [
    ("moderation", "reportedpost", "view_reportedpost", "Can view reported post"),
    ("moderation", "report", "view_report", "Can view report"),
    ("moderation", "moderationaction", "view_moderationaction", "Can view moderation action"),
    (
        "moderation",
        "moderationaction",
        "moderate_posts",
        "Can hide, unhide and delete posts and dismiss reports",
    ),
    ("moderation", "moderationaction", "moderate_users", "Can suspend and reinstate users"),
    ("posts", "post", "view_post", "Can view post"),
    ("accounts", "user", "view_user", "Can view user"),
]


def create_group(apps, schema_editor):
    """Makes the permissions too: Django does so after the last migration, and keeps these."""
    group, _ = apps.get_model("auth", "Group").objects.get_or_create(name=GROUP)
    for app, model, codename, name in RIGHTS:
        type_, _ = apps.get_model("contenttypes", "ContentType").objects.get_or_create(
            app_label=app, model=model
        )
        permission, _ = apps.get_model("auth", "Permission").objects.get_or_create(
            content_type=type_, codename=codename, defaults={"name": name}
        )
        group.permissions.add(permission)


def remove_group(apps, schema_editor):
    apps.get_model("auth", "Group").objects.filter(name=GROUP).delete()


class Migration(migrations.Migration):

    dependencies = [
        ("moderation", "0001_initial"),
        ("auth", "0012_alter_user_first_name_max_length"),
        ("contenttypes", "0002_remove_content_type_name"),
    ]

    operations = [migrations.RunPython(create_group, remove_group)]
