"""Django's settings. What an operator may choose comes from `plazo.core.settings` alone."""

from pathlib import Path
from typing import Any

from csp.constants import NONE, SELF
from django.utils.translation import gettext_lazy as _
from psycopg.conninfo import conninfo_to_dict

from plazo.core.settings import Settings

PLAZO = Settings.load()

PACKAGE = Path(__file__).resolve().parent.parent

SECRET_KEY = PLAZO.secret_key
DEBUG = PLAZO.debug
ALLOWED_HOSTS = list(PLAZO.allowed_hosts)
CSRF_TRUSTED_ORIGINS = [PLAZO.base_url] if PLAZO.base_url.startswith("http") else []
USE_X_FORWARDED_HOST = False

INSTALLED_APPS = [
    "plazo.core",
    "plazo.accounts",
    "plazo.agreements",
    "plazo.mailboxes",
    "plazo.tickets",
    "plazo.notifications",
    "plazo.automation",
    "plazo.triage",
    "plazo.helpcenter",
    "plazo.channels.forms",
    "plazo.channels.email",
    "plazo.escalation",
    "plazo.desk",
    "plazo.portal",
    "plazo.config",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "allauth",
    "allauth.account",
    "allauth.socialaccount",
    "allauth.socialaccount.providers.openid_connect",
    "allauth.usersessions",
    "django_htmx",
    "csp",
    "procrastinate.contrib.django",
]

MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "plazo.core.compressing.CompressedPages",
    "csp.middleware.CSPMiddleware",
    "plazo.core.kept.KeptReadsMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "plazo.core.language.LanguageMiddleware",
    "plazo.core.cleaning.CleanAddressMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "plazo.portal.failures.SignInMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
]

ROOT_URLCONF = "plazo.config.urls"
WSGI_APPLICATION = "plazo.config.wsgi.application"

TEMPLATES: list[dict[str, Any]] = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "django.template.context_processors.i18n",
                "plazo.agreements.context.site",
                "plazo.accounts.context.team",
            ],
            "builtins": ["plazo.core.templatetags.plazo"],
            "libraries": {"i18n": "plazo.core.templatetags.words"},
        },
    }
]

# Two modules are called `i18n`: ours takes the place of Django's, as `libraries` says above.
SILENCED_SYSTEM_CHECKS = ["templates.W003"]


def _database() -> dict[str, Any]:
    """Turn DATABASE_URL (or the embedded server's, set by the bootstrap) into Django's form."""
    parts = {key: str(value) for key, value in conninfo_to_dict(PLAZO.database_url or "").items()}
    return {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": parts.pop("dbname", "plazo"),
        "USER": parts.pop("user", ""),
        "PASSWORD": parts.pop("password", ""),
        "HOST": parts.pop("host", ""),
        "PORT": parts.pop("port", ""),
        "OPTIONS": parts,
        # The bridge's threads persist, so their connections may too (LIBRARIES: 3.1).
        "CONN_MAX_AGE": None,
        "CONN_HEALTH_CHECKS": True,
    }


DATABASES = {"default": _database()}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

CACHES = {
    # Shared by every process: throttles must count in one place.
    "default": {
        "BACKEND": "django.core.cache.backends.db.DatabaseCache",
        "LOCATION": "core_cache",
        "TIMEOUT": 600,
    }
}

AUTH_USER_MODEL = "accounts.User"
AUTHENTICATION_BACKENDS = ["allauth.account.auth_backends.AuthenticationBackend"]
PASSWORD_HASHERS = [
    "django.contrib.auth.hashers.Argon2PasswordHasher",
    "django.contrib.auth.hashers.PBKDF2PasswordHasher",
]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {
        "NAME": "django.contrib.auth.password_validation.MinimumLengthValidator",
        "OPTIONS": {"min_length": 10},
    },
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]
LOGIN_URL = "account_login"
LOGIN_REDIRECT_URL = "/desk/"
LOGOUT_REDIRECT_URL = "/"

ACCOUNT_ADAPTER = "plazo.portal.adapter.AccountAdapter"
SOCIALACCOUNT_ADAPTER = "plazo.accounts.oidc.SocialAdapter"
# The way to a company's sign-in is a link: a form must not lead to another site (form-action).
SOCIALACCOUNT_LOGIN_ON_GET = True
ACCOUNT_USER_MODEL_USERNAME_FIELD = None
ACCOUNT_LOGIN_METHODS = {"email"}
ACCOUNT_SIGNUP_FIELDS = ["email*", "password1*"]
ACCOUNT_EMAIL_VERIFICATION = "none"
ACCOUNT_SESSION_REMEMBER = None
ACCOUNT_PREVENT_ENUMERATION = True
ACCOUNT_EMAIL_NOTIFICATIONS = True  # who changed a password is told so

LANGUAGE_CODE = "es"
LANGUAGES = [("es", _("Spanish")), ("en", _("English"))]
LANGUAGE_COOKIE_NAME = "plazo_language"
TIME_ZONE = "UTC"
USE_TZ = True
USE_I18N = True

STATIC_URL = "/static/"
STATIC_ROOT = None  # files are served from the package itself: nothing is collected
STATICFILES_DIRS: list[Path] = []
WHITENOISE_USE_FINDERS = True
WHITENOISE_AUTOREFRESH = DEBUG
# The address of a file carries the hash of its content (the tag `asset`), so it may be kept.
WHITENOISE_MAX_AGE = 0 if DEBUG else 30 * 24 * 3600
STORAGES = {
    "default": {
        "BACKEND": "django.core.files.storage.FileSystemStorage",
        "OPTIONS": {"location": str(PLAZO.data_dir / "files")},
    },
    "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
}
FILE_UPLOAD_PERMISSIONS = 0o600
# Text fields; files are streamed to disk. A form says “too long” of far less and gives the text
# back; what is beyond this is not even read.
DATA_UPLOAD_MAX_MEMORY_SIZE = 8 * 1024 * 1024
DATA_UPLOAD_MAX_NUMBER_FILES = 500

SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Lax"
SESSION_COOKIE_SECURE = PLAZO.base_url.startswith("https://")
CSRF_COOKIE_SECURE = SESSION_COOKIE_SECURE
CSRF_FAILURE_VIEW = "plazo.portal.failures.csrf_failure"  # gives back what was written
SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_REFERRER_POLICY = "same-origin"  # a signed link must not travel to other sites
X_FRAME_OPTIONS = "DENY"

CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [SELF],
        "img-src": [SELF, "data:"],
        "object-src": [NONE],
        "base-uri": [NONE],
        "form-action": [SELF],
        "frame-ancestors": [NONE],
    }
}

DEFAULT_FROM_EMAIL = PLAZO.mail_from
EMAIL_BACKEND = PLAZO.email_backend
EMAIL_TIMEOUT = 20
globals().update(PLAZO.email_settings)  # EMAIL_HOST, EMAIL_PORT, … of PLAZO_SMTP_URL

ANYMAIL = {"WEBHOOK_SECRET": PLAZO.webhook_secret}
if PLAZO.webhook_signing_key:  # each provider has its own word for it
    ANYMAIL |= dict.fromkeys(
        (
            "MAILGUN_WEBHOOK_SIGNING_KEY",
            "MAILERSEND_INBOUND_SECRET",
            "MANDRILL_WEBHOOK_KEY",
            "POSTAL_WEBHOOK_KEY",
        ),
        PLAZO.webhook_signing_key,
    )

PROCRASTINATE_ON_APP_READY = None

LOGGING = PLAZO.logging_config
