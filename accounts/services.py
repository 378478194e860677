from django.contrib.auth import authenticate
from django.contrib.auth.hashers import make_password
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError as InvalidPassword
from django.db import IntegrityError
from rest_framework.exceptions import AuthenticationFailed, ValidationError

from accounts.models import User
from newsfeed.api.exceptions import Conflict
from newsfeed.db import transactional


def sign_up(*, username: str, password: str, display_name: str = "") -> User:
    """Raises ValidationError for a weak password, Conflict for a name that is taken."""
    try:
        validate_password(password, User(username=username))
    except InvalidPassword as error:
        raise ValidationError({"password": error.messages}) from error
    return create_user(
        username=username, password_hash=make_password(password), display_name=display_name
    )


@transactional
def create_user(*, username: str, password_hash: str, display_name: str = "") -> User:
    """Takes a hash, so that many users of one password pay for it once. Raises Conflict."""
    try:
        return User.objects.create(
            username=username, password=password_hash, display_name=display_name
        )
    except IntegrityError as error:
        raise Conflict("This username is taken.") from error


def log_in(*, username: str, password: str) -> User:
    """Raises AuthenticationFailed, the same for an unknown, a wrong and an inactive one."""
    user = authenticate(username=username, password=password)
    if not isinstance(user, User):
        raise AuthenticationFailed("The username or the password is wrong.")
    return user


@transactional
def update_profile(*, user: User, display_name: str) -> User:
    user.display_name = display_name
    user.save(update_fields=["display_name"])
    return user
