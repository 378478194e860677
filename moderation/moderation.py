from moderation.services import dismiss_reports
from moderation.targets import Verb, register
from posts.moderation import POST

register(Verb(POST, "dismiss_reports", "Dismiss reports", dismiss_reports))
