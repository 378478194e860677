from io import StringIO

from django.core.management import call_command


def test_every_endpoint_is_described() -> None:
    schema = StringIO()
    call_command("spectacular", "--validate", "--fail-on-warn", stdout=schema)
    assert "/api/v1/posts/{post_id}/" in schema.getvalue()
