from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('events', '0003_request_id'),
    ]

    operations = [
        migrations.AddField(
            model_name='deadletter',
            name='group',
            field=models.CharField(db_default='', help_text='The consumer that could not apply it; none if an older version kept it.', max_length=64),
        ),
        migrations.AddConstraint(
            model_name='deadletter',
            constraint=models.UniqueConstraint(fields=('origin_topic', 'origin_partition', 'origin_offset', 'group'), name='dead_letter_origin_group'),
        ),
        migrations.RemoveConstraint(
            model_name='deadletter',
            name='dead_letter_origin',
        ),
    ]
