"""Settings, all from the environment. `.env.example` lists every variable with its default and meaning."""

import re
from pathlib import Path
from typing import Any

import structlog
from celery.schedules import crontab

from tradehub import env
from tradehub.logs import log_config

BASE_DIR = Path(__file__).resolve().parent.parent
HOME = env.folder("TRADEHUB_HOME", BASE_DIR / "var")
_released = re.search(r"(?m)^## (\d+\.\d+\.\d+)", env.file_text(BASE_DIR / "CHANGELOG.md"))
VERSION = _released[1] if _released else "0.1.0"

# --- Who may come in -------------------------------------------------------------------------------------
DEBUG = env.flag("DEBUG", False)
SECRET_KEY = env.secret_key("SECRET_KEY", HOME)
SECRETS_KEYS = env.sealing_keys("SECRETS_KEYS", HOME)
PUBLIC_URL = env.url("PUBLIC_URL", ("http", "https"), "https://desk.example.com")
ALLOWED_HOSTS = env.words("ALLOWED_HOSTS", ("localhost", "127.0.0.1", "[::1]"))
CSRF_TRUSTED_ORIGINS = [PUBLIC_URL.rstrip("/")] if PUBLIC_URL else []
PROXIES = env.whole("PROXIES", 0, least=0, most=5)
_https = bool(PUBLIC_URL and PUBLIC_URL.startswith("https://"))
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = _https
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_NAME = "tradehub_session"
CSRF_FAILURE_VIEW = "apps.users.pages.form_refused"
SESSION_COOKIE_SAMESITE = CSRF_COOKIE_SAMESITE = "Lax"
SECURE_HSTS_SECONDS = 31_536_000 if _https else 0
SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_REFERRER_POLICY = "same-origin"
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if PROXIES else None
X_FRAME_OPTIONS = "DENY"
CONTENT_SECURITY_POLICY = {
    # The admin's theme evaluates expressions in the browser; only staff gets that far.
    "EXCLUDE_URL_PREFIXES": ("/admin/",),
    "DIRECTIVES": {
        "default-src": ["'self'"],
        "script-src": ["'self'"],
        "style-src": ["'self'"],
        "img-src": ["'self'", "data:"],
        "connect-src": ["'self'", "ws:", "wss:"],
        "object-src": ["'none'"],
        "base-uri": ["'none'"],
        "form-action": ["'self'"],
        "frame-ancestors": ["'none'"],
    },
}

# --- What the desk is made of ----------------------------------------------------------------------------
INSTALLED_APPS = [
    "daphne",  # first: its reactor must be chosen before anybody else imports Twisted
    "unfold",
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "rest_framework",
    "django_filters",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "csp",
    "axes",
    "django.contrib.humanize",
    "allauth",
    "allauth.account",
    "allauth.mfa",
    "allauth.usersessions",
    "apps.bus",
    "apps.users",
    "apps.marketdata",
    "apps.signals",
    "apps.trades",
    "apps.brokers",
    "apps.papertrading",
    "apps.risk",
    "apps.recorder",
    "apps.analytics",
    "apps.engine",
    "apps.notifications",
    "apps.system",
    "apps.dashboards",
]
MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "csp.middleware.CSPMiddleware",
    "apps.system.limits.refuse_large",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "apps.users.seen.note",
    "apps.users.pages.no_page",
    "axes.middleware.AxesMiddleware",
]
ROOT_URLCONF = "tradehub.urls"
ASGI_APPLICATION = "tradehub.asgi.application"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "apps.dashboards.settings_pages.frame",
                "apps.dashboards.live_note.live_now",
            ],
        },
    }
]

# --- Where it keeps things -------------------------------------------------------------------------------
DATABASES: dict[str, dict[str, Any]] = {"default": env.database("DATABASE_URL", HOME)}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
REDIS_URL = env.url("REDIS_URL", ("redis", "rediss"), "redis://127.0.0.1:6379/0")
CACHES: dict[str, dict[str, Any]] = {
    "default": {"BACKEND": "django.core.cache.backends.redis.RedisCache", "LOCATION": REDIS_URL}
    if REDIS_URL
    else {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}
}
CHANNEL_LAYERS: dict[str, dict[str, Any]] = {
    "default": {
        "BACKEND": "channels_redis.pubsub.RedisPubSubChannelLayer",
        "CONFIG": {"hosts": [REDIS_URL]},
    }
    if REDIS_URL
    else {"BACKEND": "channels.layers.InMemoryChannelLayer"}
}

# --- Work in the background ------------------------------------------------------------------------------
CELERY_BROKER_URL = REDIS_URL or "memory://"
CELERY_VISIBILITY_S = 10_800  # Redis tells a task again after this: longer than the longest task
CELERY_BROKER_TRANSPORT_OPTIONS = (
    {"visibility_timeout": CELERY_VISIBILITY_S} if REDIS_URL else {"polling_interval": 0.1}
)
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_TASK_ACKS_LATE = True
CELERY_TASK_REJECT_ON_WORKER_LOST = True
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_TIME_LIMIT = 900
CELERY_TASK_SOFT_TIME_LIMIT = 840
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_WORKER_SOFT_SHUTDOWN_TIMEOUT = 30
CELERY_TIMEZONE = "UTC"
BROKER_ENVIRONMENTS = env.words("BROKER_ENVIRONMENTS", ("demo", "live", "simulator"))
BROKER_POLL_SECONDS = env.whole("BROKER_POLL_SECONDS", 60, least=15, most=3600)
AT_NIGHT = crontab(hour=22, minute=5)  # in the daily break, all year
CELERY_BEAT_SCHEDULE: dict[str, dict[str, Any]] = {
    "brokers.reconcile": {"task": "apps.brokers.tasks.reconcile_accounts", "schedule": 60.0},
    "system.worker_heartbeat": {"task": "apps.system.tasks.worker_heartbeat", "schedule": 10.0},
    "marketdata.make_partitions": {
        "task": "apps.marketdata.tasks.make_partitions",
        "schedule": AT_NIGHT,
    },
    "marketdata.retire_old_ticks": {
        "task": "apps.marketdata.tasks.retire_old_ticks",
        "schedule": AT_NIGHT,
    },
    "brokers.poll": {"task": "apps.brokers.tasks.poll_all", "schedule": float(BROKER_POLL_SECONDS)},
    "bus.forget_handled": {"task": "apps.bus.tasks.forget_handled", "schedule": AT_NIGHT},
    "recorder.look_at_days": {"task": "apps.recorder.tasks.look_at_days", "schedule": 60.0},
    "recorder.sweep_imports": {"task": "apps.recorder.tasks.sweep_imports", "schedule": 60.0},
    "signals.watch_alerts": {"task": "apps.signals.tasks.watch_alerts", "schedule": 60.0},
    "risk.sweep_studies": {"task": "apps.risk.tasks.sweep_studies", "schedule": 30.0},
    "notifications.hear": {"task": "apps.notifications.tasks.hear", "schedule": 2.0},
    "notifications.send": {"task": "apps.notifications.tasks.send", "schedule": 5.0},
    "notifications.summarise": {"task": "apps.notifications.tasks.summarise", "schedule": 60.0},
    "notifications.forget": {"task": "apps.notifications.tasks.forget", "schedule": AT_NIGHT},
    "recorder.hear": {"task": "apps.recorder.tasks.hear", "schedule": 2.0},
    "recorder.sweep": {"task": "apps.recorder.tasks.sweep", "schedule": 60.0},
}

# --- People ----------------------------------------------------------------------------------------------
AUTH_USER_MODEL = "users.User"
AUTHENTICATION_BACKENDS = [
    "axes.backends.AxesStandaloneBackend",
    "django.contrib.auth.backends.ModelBackend",
]
PASSWORD_HASHERS = [
    "django.contrib.auth.hashers.Argon2PasswordHasher",
    "django.contrib.auth.hashers.PBKDF2PasswordHasher",
]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}"}
    for name in (
        "UserAttributeSimilarityValidator",
        "MinimumLengthValidator",
        "CommonPasswordValidator",
        "NumericPasswordValidator",
    )
]
LOGIN_URL = "/accounts/login/"
LOGIN_REDIRECT_URL = "/"
LOGOUT_REDIRECT_URL = LOGIN_URL
# Wrong passwords are counted by axes alone; wrong codes, letters and sign-ups by allauth.
AXES_FAILURE_LIMIT = 5
AXES_COOLOFF_TIME = 0.25  # hours
AXES_LOCKOUT_PARAMETERS = [["username", "ip_address"]]
AXES_RESET_ON_SUCCESS = True
ADDRESS_FAILURES = env.whole("ADDRESS_FAILURES", 30, least=0, most=10_000)  # counting.is_slowed
AXES_LOCKOUT_CALLABLE = "apps.users.pages.locked_out"
AXES_USERNAME_CALLABLE = "apps.users.counting.name_of"
AXES_CLIENT_IP_CALLABLE = "apps.users.counting.address_of"
AXES_DISABLE_ACCESS_LOG = True
AXES_VERBOSE = False
SIGNUP_OPEN = env.flag("SIGNUP_OPEN", env.text("MARKET", "generated") != "tradovate")
ALLAUTH_TRUSTED_PROXY_COUNT = PROXIES
ACCOUNT_ADAPTER = "apps.users.entrance.Entrance"
ACCOUNT_FORMS = {"login": "apps.users.entrance.SignInForm"}
ACCOUNT_LOGIN_METHODS = {"username"}
ACCOUNT_SIGNUP_FIELDS = ["username*", "email*", "password1*", "password2*"]
ACCOUNT_USERNAME_BLACKLIST = ["admin", "administrator", "root", "staff", "support", "tradehub"]
ACCOUNT_PRESERVE_USERNAME_CASING = True
ACCOUNT_EMAIL_VERIFICATION = "mandatory"  # for who signs up: apps/users/entrance.py
ACCOUNT_EMAIL_NOTIFICATIONS = True
ACCOUNT_EMAIL_SUBJECT_PREFIX = "tradehub: "
ACCOUNT_MAX_EMAIL_ADDRESSES = 3
ACCOUNT_REAUTHENTICATION_METHODS = ["password", "mfa"]
ACCOUNT_SESSION_REMEMBER = True
ACCOUNT_DEFAULT_HTTP_PROTOCOL = "https" if _https else "http"
ACCOUNT_RATE_LIMITS = {"login": None, "login_failed": "5/5m/key"}
MFA_ADAPTER = "apps.users.entrance.SecondFactor"
MFA_SUPPORTED_TYPES = ["totp", "webauthn", "recovery_codes"]
MFA_FORMS = {
    "add_webauthn": "apps.users.entrance.AddPasskey",
    "authenticate_webauthn": "apps.users.entrance.SecondPasskey",
    "login_webauthn": "apps.users.entrance.LoginPasskey",
    "reauthenticate_webauthn": "apps.users.entrance.AgainPasskey",
}
MFA_PASSKEY_LOGIN_ENABLED = True
MFA_TOTP_ISSUER = "tradehub"
MFA_TOTP_TOLERANCE = 1  # the code before and the one after count too: clocks of phones differ
MFA_WEBAUTHN_ALLOW_INSECURE_ORIGIN = not _https  # browsers allow http for localhost alone

# --- Letters ---------------------------------------------------------------------------------------------
_mail = env.mail("EMAIL_URL", HOME)
EMAIL_BACKEND, EMAIL_FILE_PATH = _mail.backend, _mail.folder
EMAIL_HOST, EMAIL_PORT = _mail.host, _mail.port
EMAIL_HOST_USER, EMAIL_HOST_PASSWORD = _mail.user, _mail.password
EMAIL_USE_TLS, EMAIL_USE_SSL = _mail.starts_tls, _mail.is_tls
EMAIL_TIMEOUT = 10
DEFAULT_FROM_EMAIL = SERVER_EMAIL = env.text("EMAIL_FROM", "tradehub@localhost")

LANGUAGE_CODE = "en-us"
USE_I18N = False  # one language: a number or a weekday on a page is not looked up in catalogues
USE_TZ = True
TIME_ZONE = "UTC"

# --- Pages -----------------------------------------------------------------------------------------------
STATIC_URL = "/static/"
STATIC_ROOT = BASE_DIR / "static-built"
STATICFILES_DIRS = [path for path in (BASE_DIR / "static",) if path.is_dir()]
HASHED_STATIC = env.flag("HASHED_STATIC", True)  # off: served as they lie, nothing to collect
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {
        "BACKEND": "tradehub.static.HashedStatic"
        if HASHED_STATIC
        else "django.contrib.staticfiles.storage.StaticFilesStorage"
    },
}
WHITENOISE_USE_FINDERS = WHITENOISE_AUTOREFRESH = not HASHED_STATIC
UNFOLD = {
    "SITE_TITLE": "tradehub",
    "SITE_HEADER": "tradehub",
    "SHOW_HISTORY": True,
    "ENVIRONMENT": "apps.dashboards.live_note.beside_the_user",
}

# --- API -------------------------------------------------------------------------------------------------
REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "apps.users.signin.TokenSignIn",
        "apps.users.signin.SessionSignIn",
    ],
    "DEFAULT_PERMISSION_CLASSES": [
        "rest_framework.permissions.IsAuthenticated",
        "apps.users.asked.KnownWords",
    ],
    "DEFAULT_PAGINATION_CLASS": "apps.users.paging.Pages",
    "DEFAULT_FILTER_BACKENDS": ["django_filters.rest_framework.DjangoFilterBackend"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
    "EXCEPTION_HANDLER": "apps.users.problems.problem",
    "COERCE_DECIMAL_TO_STRING": True,
    "NUM_PROXIES": PROXIES,
    "TEST_REQUEST_DEFAULT_FORMAT": "json",
}
SPECTACULAR_SETTINGS = {
    "TITLE": "tradehub",
    "DESCRIPTION": "A desk for futures day traders: prices, signals, trades.",
    "VERSION": VERSION,
    "SERVE_INCLUDE_SCHEMA": False,
    "SERVE_PERMISSIONS": ["rest_framework.permissions.AllowAny"],
    "SERVE_AUTHENTICATION": [],
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "REDOC_DIST": "SIDECAR",
}

# --- The market ------------------------------------------------------------------------------------------
HOST = env.text("HOST", "127.0.0.1")
PORT = env.whole("PORT", 8000, least=1, most=65_535)
MARKET = env.text("MARKET", "generated")  # generated, tradovate, or the path of a tick file
SYMBOL = env.text("SYMBOL", "NQ").upper()
SPEED = env.number("SPEED", 1.0, least=0.1, most=1000)
SEED = env.whole("SEED", 1, least=0, most=2**31 - 1)
ENGINE_PATIENCE_SECONDS = env.number("ENGINE_PATIENCE_SECONDS", 2.0, least=0.1, most=30)
if (
    MARKET not in ("generated", "tradovate")
    and not MARKET.startswith("http://127.0.0.1:")  # a simulator in a process of its own
    and not Path(MARKET).is_file()
):
    env.refuse(
        "MARKET", MARKET, "no such file", "Use generated, tradovate, or the path of a tick file."
    )
TRADOVATE: dict[str, str] = {
    "env": env.choice("TRADOVATE_ENV", "demo", ("demo", "live")),
    **{
        name: env.needed(f"TRADOVATE_{name.upper()}", "MARKET=tradovate logs in with it")
        if MARKET == "tradovate"
        else ""
        for name in ("name", "password", "app_id", "cid", "sec")
    },
}

# --- The door for alerts, and how long ticks are kept --------------------------------------------------------
WEBHOOK_RATE_PER_ADDRESS = env.rate("WEBHOOK_RATE_PER_ADDRESS", "600/min")
WEBHOOK_RATE_PER_STRATEGY = env.rate("WEBHOOK_RATE_PER_STRATEGY", "300/min")
TICK_DAYS = env.whole("TICK_DAYS", 90, least=2, most=3650)

# --- Discord: direct messages and commands ------------------------------------------------------------------
DISCORD_API = env.url("DISCORD_API", ("http", "https"), "https://discord.com/api/v10") or (
    "https://discord.com/api/v10"
)
DISCORD_AUTHORIZE = env.url(
    "DISCORD_AUTHORIZE", ("http", "https"), "https://discord.com/oauth2/authorize"
) or ("https://discord.com/oauth2/authorize")
DISCORD_CLIENT_ID = env.text("DISCORD_CLIENT_ID")
DISCORD_CLIENT_SECRET = env.text("DISCORD_CLIENT_SECRET")
DISCORD_BOT_TOKEN = env.text("DISCORD_BOT_TOKEN")
DISCORD_PUBLIC_KEY = env.text("DISCORD_PUBLIC_KEY")
if DISCORD_PUBLIC_KEY and not re.fullmatch(r"[0-9a-fA-F]{64}", DISCORD_PUBLIC_KEY):
    env.refuse(
        "DISCORD_PUBLIC_KEY",
        DISCORD_PUBLIC_KEY,
        "not 64 hexadecimal digits",
        "Copy it from the application's General Information.",
    )

# --- Logs ------------------------------------------------------------------------------------------------
LOGGING_CONFIG = "logging.config.dictConfig"
LOGGING = log_config(
    env.choice("LOG_LEVEL", "INFO", ("DEBUG", "INFO", "WARNING", "ERROR")),
)
structlog.configure(
    processors=[
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
    ],
    logger_factory=structlog.stdlib.LoggerFactory(),
    wrapper_class=structlog.stdlib.BoundLogger,
    cache_logger_on_first_use=True,
)
