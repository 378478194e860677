import django.utils.timezone
from django.db import migrations, models


class Migration(migrations.Migration):
    """The table is that of posts' 0002; only the model moves."""

    initial = True
    dependencies = [("posts", "0002_idempotency_key")]
    operations = [
        migrations.SeparateDatabaseAndState(
            state_operations=[
                migrations.CreateModel(
                    name="IdempotencyKey",
                    fields=[
                        (
                            "id",
                            models.BigAutoField(
                                auto_created=True,
                                primary_key=True,
                                serialize=False,
                                verbose_name="ID",
                            ),
                        ),
                        ("user_id", models.PositiveBigIntegerField()),
                        ("key", models.CharField(db_collation="utf8mb4_bin", max_length=255)),
                        (
                            "fingerprint",
                            models.CharField(
                                help_text="SHA-256 of the body, in hex.", max_length=64
                            ),
                        ),
                        ("answer", models.TextField(help_text="The body, in JSON.")),
                        ("created_at", models.DateTimeField(default=django.utils.timezone.now)),
                    ],
                    options={
                        "db_table": "posts_idempotency_keys",
                        "indexes": [
                            models.Index(fields=["created_at"], name="posts_idempotency_created")
                        ],
                        "constraints": [
                            models.UniqueConstraint(
                                fields=("user_id", "key"), name="posts_idempotency_user_key"
                            )
                        ],
                    },
                )
            ]
        ),
        migrations.AddField(
            model_name="idempotencykey",
            name="path",
            field=models.CharField(
                db_default="",
                help_text="Empty in rows of versions that knew one path.",
                max_length=255,
            ),
        ),
    ]
