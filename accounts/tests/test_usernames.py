from hypothesis import given
from hypothesis import strategies as st

from accounts.usernames import normalise


@given(st.text())
def test_a_name_has_one_form(typed: str) -> None:
    name = normalise(typed)
    assert normalise(name) == normalise(f" @{name}\n") == name


@given(st.text("abz_019"))
def test_capitals_change_nothing(name: str) -> None:
    assert normalise(name.upper()) == name
