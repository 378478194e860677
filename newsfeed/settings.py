"""Every setting comes from the environment; `.env.example` lists the variables.

The last line refuses values that are wrong by themselves, and `newsfeed.checks` those that cannot
work together.
"""

from datetime import timedelta
from pathlib import Path
from typing import Any

from corsheaders.defaults import default_headers
from csp.constants import NONE, SELF, UNSAFE_INLINE

from newsfeed import logs
from newsfeed.api import openapi
from newsfeed.environment import ADDRESS, ORIGIN, ORIGINS, SITE, Env, whole_number
from newsfeed.mysql.settings import databases
from newsfeed.redis.settings import caches, redis_url
from newsfeed.time_limits import TimeLimits

BASE_DIR = Path(__file__).resolve().parent.parent
env = Env()

INSECURE_SECRET_KEY = "only-for-development-set-SECRET_KEY-elsewhere"  # noqa: S105 (refused) # nosec B105
SECRET_KEY = env.secret("SECRET_KEY", default=INSECURE_SECRET_KEY)
DEBUG = env.flag("DEBUG", default=False)
ALLOWED_HOSTS = env.texts(
    "ALLOWED_HOSTS", ["localhost", "127.0.0.1"], SITE, "list host names, without scheme and port"
)
CSRF_TRUSTED_ORIGINS = env.texts(
    "CSRF_TRUSTED_ORIGINS", [], ORIGINS, "list origins like https://feed.example.com"
)

# The one line that registers an app: its models, commands and urls.
APPS = ["accounts", "posts", "follows", "moderation", "feeds", "discovery"]
INSTALLED_APPS = [
    "newsfeed.apps.NewsfeedAdminConfig",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "rest_framework",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "corsheaders",
    "csp",
    "django_prometheus",
    "django_otp",
    "django_otp.plugins.otp_totp",
    "axes",
    "newsfeed",
    "newsfeed.api",
    *APPS,
    "newsfeed.events",  # after the apps, which have declared all their event types by then
]

MIDDLEWARE = [
    "newsfeed.api.requests.request_middleware",
    "newsfeed.api.caching.no_store_by_default",
    "django_prometheus.middleware.PrometheusBeforeMiddleware",
    "corsheaders.middleware.CorsMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "csp.middleware.CSPMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django_otp.middleware.OTPMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "newsfeed.api.metrics.BoundedMetricsMiddleware",
]

# True: clients reach the service over https only, through a proxy that ends TLS and sets
# X-Forwarded-Proto itself, whatever the client sends.
HTTPS = env.flag("HTTPS", default=False)
if HTTPS:
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
SECURE_SSL_REDIRECT = SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = HTTPS
# Probes come past the proxy.
SECURE_REDIRECT_EXEMPT = [r"^(ping|livez|readyz|metrics)$"]
SECURE_HSTS_SECONDS = env.number("HSTS_SECONDS", default=365 * 24 * 3600, least=0) * HTTPS
SECURE_HSTS_INCLUDE_SUBDOMAINS = HTTPS
# Whether browsers ship with a domain in their list is for its owner to decide.
SILENCED_SYSTEM_CHECKS = ["security.W021", "axes.W002", "axes.W003"]  # axes guards nothing
SECURE_REFERRER_POLICY = "same-origin"
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [SELF],
        "img-src": [SELF, "data:"],  # icons in style sheets
        "style-src": [SELF, UNSAFE_INLINE],  # Swagger UI and the admin set some in their HTML
        "object-src": [NONE],
        "base-uri": [NONE],
        "form-action": [SELF],
        "frame-ancestors": [NONE],
    }
}

# Scripts of other origins may call the API if their origin is named here.
CORS_ALLOWED_ORIGINS = env.texts(
    "CORS_ALLOWED_ORIGINS", [], ORIGIN, "list origins like https://app.example.com"
)
CORS_URLS_REGEX = r"^/api/"
CORS_ALLOW_HEADERS = [*default_headers, "idempotency-key", "if-none-match", "x-request-id"]
CORS_EXPOSE_HEADERS = [
    "Content-Disposition",
    "ETag",
    "Idempotency-Replayed",
    "Location",
    "RateLimit-Limit",
    "RateLimit-Policy",
    "RateLimit-Remaining",
    "RateLimit-Reset",
    "Retry-After",
    "WWW-Authenticate",
    "X-Relogin-Required",
    "X-Request-ID",
    "X-Token-Refresh-Needed",
]

# Seconds. One edge is that of the objective for reads, 0.2 (docs/operations.md).
PROMETHEUS_LATENCY_BUCKETS = (
    *(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.2, 0.5, 1.0, 2.5, 5.0, 10.0),
    float("inf"),
)

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ],
        },
    },
]

ROOT_URLCONF = "newsfeed.urls"
WSGI_APPLICATION = "newsfeed.wsgi.application"
# A redirect to the slash would turn a POST into a GET and lose its body: such a path is a 404.
APPEND_SLASH = False

DATABASES = databases(
    env.database("DATABASE_URL", default="mysql://newsfeed:newsfeed@127.0.0.1/newsfeed"),
    env.database("DATABASE_REPLICA_URL", default="", optional=True),
    max_age=env.number("DATABASE_CONN_MAX_AGE", default=60, least=0),
)
if "replica" in DATABASES:
    DATABASE_ROUTERS = ["newsfeed.mysql.replica.Router"]
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

# Not for operators: one proof or another relies on each.
TIME_LIMITS = TimeLimits()

REDIS_URL = env.parsed("REDIS_URL", "redis://127.0.0.1:6379/0", redis_url, secret=True)
CACHES = caches(REDIS_URL, TIME_LIMITS)

KAFKA_BOOTSTRAP_SERVERS = env.texts(
    "KAFKA_BOOTSTRAP_SERVERS", ["127.0.0.1:9092"], ADDRESS, "list servers like kafka:9092"
)
KAFKA_ACKS = env.choice("KAFKA_ACKS", "all", ["all", "1"])
KAFKA_MIN_INSYNC_REPLICAS = env.parsed("KAFKA_MIN_INSYNC_REPLICAS", None, whole_number())
KAFKA_REPLICATION_FACTOR = env.number("KAFKA_REPLICATION_FACTOR", default=1, most=32_767)
KAFKA_PARTITIONS = env.number("KAFKA_PARTITIONS", default=12, most=10_000)
KAFKA_RETENTION_DAYS = env.number("KAFKA_RETENTION_DAYS", default=7, most=36_500)
# The longest name of a topic is to fit into Kafka's 249 characters.
KAFKA_TOPIC_PREFIX = env.text(
    "KAFKA_TOPIC_PREFIX", "", r"[\w.-]{0,200}", "have letters, digits and . _ - only, at most 200"
)
KAFKA_CONSUMER_GROUP = env.text(
    "KAFKA_CONSUMER_GROUP", "consume_feed", r"[!-~]{1,200}", "be a name without spaces"
)

FEED_MAX_LENGTH = env.number("FEED_MAX_LENGTH", default=800)
FEED_TTL_SECONDS = env.number("FEED_TTL_SECONDS", default=7 * 24 * 3600)
FANOUT_INLINE_LIMIT = env.number("FANOUT_INLINE_LIMIT", default=200)
FOLLOWING_LIMIT = env.number("FOLLOWING_LIMIT", default=5000)

# By endpoint, as `newsfeed.api.limits.parse` reads it. What the environment names comes on top.
RATE_LIMITS = ",".join(
    (
        "default=100/m",
        "login=5/m,login-address=20/m,login-username=100/h,login-known=20/h,signup=20/h",
        "password=5/m",
        "follow=30/m,posts=30/m",
        "export=10/h",
        *env.texts("RATE_LIMITS", [], r"[a-z-]+=[1-9]\d{0,8}/[smh]", "list limits like login=5/m"),
    )
)
# For gunicorn.conf.py. Without Redis, this number of processes shares a limit.
WEB_CONCURRENCY = env.number("WEB_CONCURRENCY", default=2, most=1_000)
# A quarter of them send exports.
WEB_THREADS = env.number("WEB_THREADS", default=4, most=1_000)
WEB_BIND = env.text("WEB_BIND", "0.0.0.0:8000", ADDRESS, "be like 0.0.0.0:8000")
WEB_METRICS_BIND = env.text("WEB_METRICS_BIND", "0.0.0.0:9100", ADDRESS, "be like 0.0.0.0:9100")

AUTH_USER_MODEL = "accounts.User"
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": name}
    for name in (
        "django.contrib.auth.password_validation.MinimumLengthValidator",
        "django.contrib.auth.password_validation.CommonPasswordValidator",
        "django.contrib.auth.password_validation.NumericPasswordValidator",
        "accounts.weak_passwords.ContextValidator",
    )
] + [
    {
        "NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator",
        "OPTIONS": {"user_attributes": ("username", "display_name", "email")},
    }
]
# The first one is for new passwords; those of the others are replaced at the next log-in.
PASSWORD_HASHERS = [
    "accounts.passwords.Argon2id",
    "django.contrib.auth.hashers.PBKDF2PasswordHasher",
    "django.contrib.auth.hashers.PBKDF2SHA1PasswordHasher",
    "django.contrib.auth.hashers.ScryptPasswordHasher",
]
# Its paths come after all the others, so under one of theirs it would not be found.
ADMIN_PATH = env.text(
    "ADMIN_PATH",
    "admin/",
    r"(?!(api|static)/)(\w[\w.-]*/)+",
    "be like admin/ and not below api/ or static/",
)
# How requests begin that hash a password. The server has threads of their own for them.
PASSWORD_REQUESTS = tuple(
    line.encode()
    for line in (
        "POST /api/v1/auth/login/",
        "POST /api/v1/auth/signup/",
        "POST /api/v1/auth/password/",
        "POST /api/v1/users/me/deletion/",
        "DELETE /api/v1/users/me/",
        f"POST /{ADMIN_PATH}login/",
    )
)
ADMIN_TOTP_REQUIRED = env.flag("ADMIN_TOTP_REQUIRED", default=False)
ADMIN_IDLE_SECONDS = env.number("ADMIN_IDLE_SECONDS", default=30 * 60, least=60)
ADMIN_SESSION_SECONDS = env.number("ADMIN_SESSION_SECONDS", default=12 * 3600, least=60)
OTP_TOTP_ISSUER = "newsfeed"
# `manage.py enroll_totp` shows a device's secret once, and the admin never does.
OTP_ADMIN_HIDE_SENSITIVE_DATA = True
# Not used any more. During the roll-out, processes of the older version need the tables.
AXES_ENABLED = AXES_ENABLE_ADMIN = AXES_VERBOSE = False

SIMPLE_JWT: dict[str, Any] = {
    "ACCESS_TOKEN_LIFETIME": timedelta(seconds=1800),
    "REFRESH_TOKEN_LIFETIME": timedelta(days=30),
    "SIGNING_KEY": env.secret("JWT_SIGNING_KEY", default="", optional=True) or SECRET_KEY,
    "LEEWAY": 30,
}
JWT_KEY_LIFETIME_DAYS = env.number("JWT_KEY_LIFETIME_DAYS", default=90, most=36_500)
JWT_KEY_GRACE_DAYS = env.number("JWT_KEY_GRACE_DAYS", default=31, most=36_500)

# The one header that newsfeed.api.addresses reads, for the last NUM_PROXIES entries.
FORWARDED_HEADER = env.choice(
    "FORWARDED_HEADER", "x-forwarded-for", ["x-forwarded-for", "forwarded"]
)
REST_FRAMEWORK: dict[str, Any] = {
    "DEFAULT_AUTHENTICATION_CLASSES": ["accounts.authentication.JWTAuthentication"],
    "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAuthenticated"],
    "DEFAULT_RENDERER_CLASSES": ["newsfeed.api.json.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["newsfeed.api.json.JSONParser"],
    "DEFAULT_SCHEMA_CLASS": "newsfeed.api.schema.Schema",
    "DEFAULT_THROTTLE_CLASSES": ["newsfeed.api.throttles.EndpointThrottle"],
    "NUM_PROXIES": env.number("NUM_PROXIES", default=0, least=0, most=100),
    "EXCEPTION_HANDLER": "newsfeed.api.errors.exception_handler",
    # There is one format; `?format=` would otherwise answer 404 on every path.
    "URL_FORMAT_OVERRIDE": None,
    "TEST_REQUEST_DEFAULT_FORMAT": "json",
}
SPECTACULAR_SETTINGS = openapi.SETTINGS
DATA_UPLOAD_MAX_MEMORY_SIZE = 256 * 1024

LANGUAGE_CODE = "en"
LANGUAGES = [("en", "English"), ("ko", "한국어")]
LOCALE_PATHS = [BASE_DIR / "locale"]
USE_TZ = True
TIME_ZONE = env.time_zone("TIME_ZONE", default="UTC")
STATIC_URL = "static/"
STATIC_ROOT = BASE_DIR / "staticfiles"

LOGGING = logs.config(
    form=env.choice("LOG_FORMAT", "json", logs.FORMATS),
    level=env.choice("LOG_LEVEL", "INFO", logs.LEVELS),
)

env.refuse_wrong()
