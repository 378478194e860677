from django.db import migrations


def forget(apps, schema_editor):
    """Rows of django-axes, which kept one-time codes and CSRF tokens of failed log-ins."""
    apps.get_model("axes", "AccessAttempt").objects.all().delete()


class Migration(migrations.Migration):
    dependencies = [
        ("accounts", "0007_known_addresses"),
        ("axes", "0010_accessattemptexpiration"),
    ]

    operations = [migrations.RunPython(forget, migrations.RunPython.noop, elidable=True)]
