"""All addresses. Public ones are marked in their views; everything else asks for a sign-in."""

from django.urls import include, path

from plazo.accounts import oidc
from plazo.channels.email import webhook
from plazo.config import health
from plazo.portal import signing_in

urlpatterns = [
    path("livez", health.live),
    path("readyz", health.ready),
    path("accounts/login/", signing_in.sign_in, name="account_login"),
    path("accounts/login/company/", signing_in.company, name="signin_company"),
    path("accounts/link/", signing_in.ask_for_link, name="signin_link"),
    path("accounts/link/sent/", signing_in.link_sent, name="signin_link_sent"),
    path("accounts/link/<str:token>/", signing_in.open_link, name="signin_open"),
    path("accounts/invitation/<str:token>/", signing_in.invitation, name="invitation"),
    path("accounts/oidc/<slug:provider_id>/login/", oidc.begin, name="openid_connect_login"),
    path(
        "accounts/oidc/<slug:provider_id>/login/callback/",
        oidc.callback,
        name="openid_connect_callback",
    ),
    path("accounts/", include("allauth.account.urls")),
    path("desk/", include("plazo.desk.urls")),
    path("mail/hook/<slug:provider>/", webhook.receive),
    path("outbox/", include("plazo.notifications.urls")),
    path("", include("plazo.portal.urls")),
]
