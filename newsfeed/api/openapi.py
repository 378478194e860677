"""The description of the API as a whole, for drf-spectacular.

Its operations are described in each app's `openapi`, by means of `newsfeed.api.schema`.
"""

DESCRIPTION = """\
An event-driven news feed: post, follow, read.

**Sessions.** `auth/login/` gives an access token, which goes into `Authorization: Bearer …`, and a
refresh token to get the next one by. `X-Token-Refresh-Needed: true` with any answer: refresh soon.

**Lists** come in pages: `{"results": [...], "next": url or null}`. Follow `next` as it is.

**Problems** are `application/problem+json` (RFC 9457). `type` is `/problems/validation` if the
input is wrong, and then `errors` names each field. Titles, details and messages come in English
or Korean, by `Accept-Language`; types and fields are never translated.

**Texts** are kept as they were written, but in Unicode's form NFC, and each line ends in a line
feed. One that shows nothing is blank: white space, zero-width and other format characters, fillers,
marks without a letter. Control characters, noncharacters and overrides of direction (U+202D,
U+202E) are refused. A name is one line: it takes no line break or tab, and no embedding or isolate
(U+202A to U+202C, U+2066 to U+2069). The patterns of the schemas say this for characters below
U+0100.

**Limits.** Each user may ask each endpoint so often; `RateLimit-Policy`, `RateLimit-Limit`,
`RateLimit-Remaining` and `RateLimit-Reset` tell how often, and 429 when it was too often.

**Requests** have an id, which comes back as `X-Request-ID`: the client's, or a new one.
"""
TAGS = [
    {"name": "auth", "description": "Accounts, sessions and tokens."},
    {"name": "users", "description": "Profiles, one's own and others'."},
    {"name": "follows", "description": "Who follows whom."},
    {"name": "posts", "description": "Short texts, and reports of those that should not be here."},
    {"name": "feed", "description": "The posts of everybody whom a user follows."},
]
SETTINGS = {
    "TITLE": "newsfeed",
    "DESCRIPTION": DESCRIPTION,
    "VERSION": "1",
    "TAGS": TAGS,
    "SCHEMA_PATH_PREFIX": "/api/v1",
    "COMPONENT_SPLIT_PATCH": False,
    "POSTPROCESSING_HOOKS": [
        "drf_spectacular.hooks.postprocess_schema_enums",
        "newsfeed.api.schema.add_common_problems",
    ],
    # The page of /api/docs/: Swagger UI from our own static files.
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "SWAGGER_UI_SETTINGS": {"deepLinking": True, "displayOperationId": True, "filter": True},
    "SERVE_AUTHENTICATION": [],
}
