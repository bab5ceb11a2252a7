"""All addresses. Public ones are marked in their views; everything else asks for a sign-in."""

from django.urls import include, path

from plazo.channels.email import webhook
from plazo.config import health

handler400 = "plazo.core.failures.bad_request"

urlpatterns = [
    path("livez", health.live),
    path("readyz", health.ready),
    path("accounts/", include("plazo.portal.accounts_urls")),
    path("desk/", include("plazo.desk.urls")),
    path("mail/hook/<slug:provider>/", webhook.receive),
    path("outbox/", include("plazo.notifications.urls")),
    path("", include("plazo.portal.urls")),
]
