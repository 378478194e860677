"""The service's own, for thousands of requests in a minute."""

import re

from newsfeed.settings import *  # noqa: F403
from newsfeed.settings import RATE_LIMITS as LIMITS

# The real one takes a third of a second, on purpose.
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
RATE_LIMITS = re.sub(r"=[0-9]+/[smh]", "=1000000/m", LIMITS)
