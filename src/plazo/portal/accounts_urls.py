"""Addresses of signing in. Of allauth's only those that we mean: no sign-up, no other address.

An address is who somebody is, here and in their cases; it is not theirs to change alone.
"""

from allauth.account import views as allauth
from django.contrib.auth.decorators import login_not_required
from django.urls import path, re_path
from django.views.generic import RedirectView

from plazo.accounts import oidc
from plazo.portal import signing_in

PASSWORD = "password"  # noqa: S105 - a part of addresses

_sign_in_instead = login_not_required(RedirectView.as_view(pattern_name="account_login"))

urlpatterns = [
    path("login/", signing_in.sign_in, name="account_login"),
    # Nobody signs up: the name is here because allauth asks for its address.
    path("signup/", _sign_in_instead, name="account_signup"),
    path("login/company/", signing_in.company, name="signin_company"),
    path("logout/", allauth.logout, name="account_logout"),
    path("inactive/", allauth.account_inactive, name="account_inactive"),
    path("link/", signing_in.ask_for_link, name="signin_link"),
    path("link/sent/", signing_in.link_sent, name="signin_link_sent"),
    path("link/<str:token>/", signing_in.open_link, name="signin_open"),
    path("invitation/<str:token>/", signing_in.invitation, name="invitation"),
    path("oidc/<slug:provider_id>/login/", oidc.begin, name="openid_connect_login"),
    path("oidc/<slug:provider_id>/login/callback/", oidc.callback, name="openid_connect_callback"),
    path(f"{PASSWORD}/change/", allauth.password_change, name="account_change_password"),
    path(f"{PASSWORD}/set/", allauth.password_set, name="account_set_password"),
    path(f"{PASSWORD}/reset/", allauth.password_reset, name="account_reset_password"),
    path(
        f"{PASSWORD}/reset/done/", allauth.password_reset_done, name="account_reset_password_done"
    ),
    re_path(
        rf"^{PASSWORD}/reset/key/(?P<uidb36>[0-9A-Za-z]+)-(?P<key>.+)/$",
        allauth.password_reset_from_key,
        name="account_reset_password_from_key",
    ),
    path(
        f"{PASSWORD}/reset/key/done/",
        allauth.password_reset_from_key_done,
        name="account_reset_password_from_key_done",
    ),
]
