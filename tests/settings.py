"""Django's settings for the suite: the real ones, but for what only costs time."""

from plazo.config.settings import *  # noqa: F403

# Argon2 takes a quarter of a second for each sign-in, on purpose; here nobody attacks.
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
