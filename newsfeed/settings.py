"""Every setting comes from the environment; `.env.example` lists the variables.

`newsfeed.checks` refuses values that cannot work together.
"""

from datetime import timedelta
from pathlib import Path

from corsheaders.defaults import default_headers
from csp.constants import NONE, SELF, UNSAFE_INLINE
from redis.backoff import NoBackoff
from redis.retry import Retry

from newsfeed import logs, openapi, redis_topology
from newsfeed.environment import Env

BASE_DIR = Path(__file__).resolve().parent.parent
env = Env()

INSECURE_SECRET_KEY = "only-for-development-set-SECRET_KEY-elsewhere"  # noqa: S105 (refused) # nosec B105
SECRET_KEY = env.str("SECRET_KEY", default=INSECURE_SECRET_KEY)
DEBUG = env.bool("DEBUG", default=False)
ALLOWED_HOSTS = env.list("ALLOWED_HOSTS", default=["localhost", "127.0.0.1"])
CSRF_TRUSTED_ORIGINS = env.list("CSRF_TRUSTED_ORIGINS", default=[])

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
    "newsfeed.events",
    "accounts",
    "posts",
    "follows",
    "moderation",
    "feeds",
]

MIDDLEWARE = [
    "newsfeed.api.requests.request_middleware",
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
    "accounts.middleware.token_refresh_needed",
    "axes.middleware.AxesMiddleware",
    "newsfeed.api.metrics.BoundedMetricsMiddleware",
]

# True: clients reach the service over https only, through a proxy that ends TLS and sets
# X-Forwarded-Proto itself, whatever the client sends.
HTTPS = env.bool("HTTPS", default=False)
if HTTPS:
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
SECURE_SSL_REDIRECT = SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = HTTPS
# Probes come past the proxy.
SECURE_REDIRECT_EXEMPT = [r"^(ping|livez|readyz|metrics)$"]
SECURE_HSTS_SECONDS = env.int("HSTS_SECONDS", default=365 * 24 * 3600) * HTTPS
SECURE_HSTS_INCLUDE_SUBDOMAINS = HTTPS
# Whether browsers ship with a domain in their list is for its owner to decide.
SILENCED_SYSTEM_CHECKS = ["security.W021"]
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
CORS_ALLOWED_ORIGINS = env.list("CORS_ALLOWED_ORIGINS", default=[])
CORS_URLS_REGEX = r"^/api/"
CORS_ALLOW_HEADERS = [*default_headers, "idempotency-key", "if-none-match", "x-request-id"]
CORS_EXPOSE_HEADERS = [
    "ETag",
    "Idempotency-Replayed",
    "Location",
    "RateLimit-Limit",
    "RateLimit-Policy",
    "RateLimit-Remaining",
    "RateLimit-Reset",
    "Retry-After",
    "X-Request-ID",
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

DATABASES = {
    "default": env.database("DATABASE_URL", default="mysql://newsfeed:newsfeed@127.0.0.1/newsfeed")
    | {
        "CONN_MAX_AGE": env.int("DATABASE_CONN_MAX_AGE", default=60),
        "CONN_HEALTH_CHECKS": True,
        "OPTIONS": {
            "charset": "utf8mb4",
            "connect_timeout": 3,
            # The outbox compares its leases with the server's clock: one time zone for both.
            # And a request must not wait for a row's lock as long as the server lets it, 50 s.
            "init_command": "SET time_zone = '+00:00', innodb_lock_wait_timeout = 2",
            # The relay's SKIP LOCKED scan must not lock the gap that new outbox rows go to.
            "isolation_level": "read committed",
        },
        "TEST": {"CHARSET": "utf8mb4", "COLLATION": "utf8mb4_unicode_ci"},
    }
}
# Reads of the API may go there (newsfeed.replica). It is given up sooner: the primary can answer.
if env.str("DATABASE_REPLICA_URL", default=""):
    DATABASES["replica"] = (
        DATABASES["default"]
        | env.database("DATABASE_REPLICA_URL", default="")
        | {
            "OPTIONS": DATABASES["default"]["OPTIONS"] | {"connect_timeout": 1},
            "TEST": {"MIRROR": "default"},
        }
    )
    DATABASE_ROUTERS = ["newsfeed.replica.Router"]
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

REDIS_URL = env.str("REDIS_URL", default="redis://127.0.0.1:6379/0")


def redis_caches(url: str) -> dict[str, dict[str, object]]:
    """A request rather reads from MySQL than waits; a worker's batch may take its time."""
    return {"default": _redis(url, seconds=0.25), "worker": _redis(url, seconds=5)}


def _redis(url: str, seconds: float) -> dict[str, object]:
    """A cache entry that gives up after so many seconds, without a retry.

    redis-py 8 by itself waits up to a minute for a server that hangs (5 s and ten retries).
    The limit stands in the URL because django-redis shares one pool between equal URLs, and that
    in a list because it would divide a string at its commas.
    """
    sign = "&" if "?" in url else "?"
    limits = f"socket_timeout={seconds}&socket_connect_timeout={seconds}"
    options: dict[str, object] = {"CONNECTION_POOL_KWARGS": {"retry": Retry(NoBackoff(), 0)}}
    if redis_topology.is_cluster(url):
        options = {"CONNECTION_FACTORY": "newsfeed.redis_topology.ConnectionFactory"}
    return {
        "BACKEND": "django_redis.cache.RedisCache",
        "LOCATION": [f"{url}{sign}{limits}"],
        "OPTIONS": options,
    }


CACHES = redis_caches(REDIS_URL)

KAFKA_BOOTSTRAP_SERVERS = env.list("KAFKA_BOOTSTRAP_SERVERS", default=["127.0.0.1:9092"])
KAFKA_ACKS = env.str("KAFKA_ACKS", default="all")
KAFKA_MIN_INSYNC_REPLICAS = env.int("KAFKA_MIN_INSYNC_REPLICAS", default=None)
KAFKA_REPLICATION_FACTOR = env.int("KAFKA_REPLICATION_FACTOR", default=1)
KAFKA_PARTITIONS = env.int("KAFKA_PARTITIONS", default=12)
KAFKA_RETENTION_DAYS = env.int("KAFKA_RETENTION_DAYS", default=7)
KAFKA_TOPIC_PREFIX = env.str("KAFKA_TOPIC_PREFIX", default="")
KAFKA_CONSUMER_GROUP = env.str("KAFKA_CONSUMER_GROUP", default="consume_feed")

FEED_MAX_LENGTH = env.int("FEED_MAX_LENGTH", default=800)
FEED_TTL_SECONDS = env.int("FEED_TTL_SECONDS", default=7 * 24 * 3600)
FANOUT_INLINE_LIMIT = env.int("FANOUT_INLINE_LIMIT", default=200)
FOLLOWING_LIMIT = env.int("FOLLOWING_LIMIT", default=5000)

# By endpoint, as `newsfeed.api.limits.parse` reads it. What the environment names comes on top.
RATE_LIMITS = ",".join(
    (
        "default=100/m",
        "login=5/m,login-address=20/m,login-username=100/h,signup=20/h",
        "password=5/m",
        "follow=30/m,posts=30/m",
        "export=10/h",
        env.str("RATE_LIMITS", default=""),
    )
)
# Without Redis, so many processes share a limit.
WEB_CONCURRENCY = env.int("WEB_CONCURRENCY", default=2)
# Half of them may wait to hash a password.
WEB_THREADS = env.int("WEB_THREADS", default=4)

AUTH_USER_MODEL = "accounts.User"
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}"}
    for name in (
        "UserAttributeSimilarityValidator",
        "MinimumLengthValidator",
        "CommonPasswordValidator",
        "NumericPasswordValidator",
    )
]
# The first one is for new passwords; those of the others are replaced at the next log-in.
PASSWORD_HASHERS = [
    "accounts.passwords.Argon2id",
    "django.contrib.auth.hashers.PBKDF2PasswordHasher",
    "django.contrib.auth.hashers.PBKDF2SHA1PasswordHasher",
    "django.contrib.auth.hashers.ScryptPasswordHasher",
]
# For forms, of which there is one, the admin's. The API asks ModelBackend itself.
AUTHENTICATION_BACKENDS = [
    "axes.backends.AxesStandaloneBackend",
    "django.contrib.auth.backends.ModelBackend",
]
ADMIN_PATH = env.str("ADMIN_PATH", default="admin/")
ADMIN_TOTP_REQUIRED = env.bool("ADMIN_TOTP_REQUIRED", default=False)
OTP_TOTP_ISSUER = "newsfeed"
AXES_FAILURE_LIMIT = 5
AXES_COOLOFF_TIME = timedelta(minutes=15)
# By the name alone, anybody could lock a moderator out.
AXES_LOCKOUT_PARAMETERS = [["username", "ip_address"]]
AXES_CLIENT_IP_CALLABLE = "newsfeed.admin_site.client_address"
AXES_RESET_ON_SUCCESS = True
AXES_LOCKOUT_TEMPLATE = "admin/locked_out.html"
AXES_DISABLE_ACCESS_LOG = True
AXES_VERBOSE = False

SIMPLE_JWT = {
    "ACCESS_TOKEN_LIFETIME": timedelta(seconds=1800),
    "REFRESH_TOKEN_LIFETIME": timedelta(days=30),
    "SIGNING_KEY": env.str("JWT_SIGNING_KEY", default="") or SECRET_KEY,
    "LEEWAY": 30,
}
JWT_KEY_LIFETIME_DAYS = env.int("JWT_KEY_LIFETIME_DAYS", default=90)
JWT_KEY_GRACE_DAYS = env.int("JWT_KEY_GRACE_DAYS", default=31)

# The one header that newsfeed.api.addresses reads, for the last NUM_PROXIES entries.
FORWARDED_HEADER = env.str("FORWARDED_HEADER", default="x-forwarded-for").lower()
REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": ["accounts.authentication.JWTAuthentication"],
    "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAuthenticated"],
    "DEFAULT_RENDERER_CLASSES": ["newsfeed.api.json.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["newsfeed.api.json.JSONParser"],
    "DEFAULT_SCHEMA_CLASS": "newsfeed.api.schema.Schema",
    "DEFAULT_THROTTLE_CLASSES": ["newsfeed.api.throttles.EndpointThrottle"],
    "NUM_PROXIES": env.int("NUM_PROXIES", default=0),
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
TIME_ZONE = env.str("TIME_ZONE", default="UTC")
STATIC_URL = "static/"
STATIC_ROOT = BASE_DIR / "staticfiles"

LOG_FORMAT = env.str("LOG_FORMAT", default="json")
LOGGING = logs.config(form=LOG_FORMAT, level=env.str("LOG_LEVEL", default="INFO"))
