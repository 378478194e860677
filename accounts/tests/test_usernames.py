from contextlib import suppress

from django.core.exceptions import ValidationError
from hypothesis import example, given
from hypothesis import strategies as st
from rest_framework.exceptions import ValidationError as BlankField

from accounts.serializers import UsernameField
from accounts.usernames import normalise


@example("\u2121")  # one character for TEL
@given(st.text())
def test_a_name_has_one_form(typed: str) -> None:
    name = normalise(typed)
    assert normalise(name) == normalise(f" @{name}\n") == name


@given(st.text("a@ \t\n\xa0\u1680\u3000\u200b"))
def test_limits_and_look_ups_mean_the_same_name(typed: str) -> None:
    """Or else each white space would give another try at the password."""
    with suppress(ValidationError, BlankField):
        assert UsernameField().run_validation(typed) == normalise(typed)


@given(st.text("abz_019"))
def test_capitals_change_nothing(name: str) -> None:
    assert normalise(name.upper()) == name
