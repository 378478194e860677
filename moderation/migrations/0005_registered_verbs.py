import moderation.targets
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('moderation', '0004_no_reverse_managers'),
    ]

    operations = [
        migrations.AlterField(
            model_name='moderationaction',
            name='action',
            field=models.CharField(choices=moderation.targets.choices, max_length=20),
        ),
        migrations.AlterField(
            model_name='moderationaction',
            name='target_type',
            field=models.CharField(help_text='The name of a target.', max_length=10),
        ),
    ]
