from django.db import migrations


class Migration(migrations.Migration):
    """The model is newsfeed.api's now; the table stays as it is."""

    dependencies = [("posts", "0003_hidden_at"), ("api", "0001_idempotency_keys")]
    operations = [
        migrations.SeparateDatabaseAndState(
            state_operations=[migrations.DeleteModel(name="IdempotencyKey")]
        )
    ]
