"""Django's WSGI handler; the bridge in asgi.py calls it in a thread pool."""

import os

from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "plazo.config.settings")

application = get_wsgi_application()
