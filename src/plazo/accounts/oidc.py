"""Companies' own sign-ins through allauth: providers from our rows, addresses held to their word.

Source: OpenID Connect Core 1.0 §3.1.3.7 (the ID token), §5.3.2 (userinfo), RFC 7636 (PKCE).
"""

from typing import Any, NoReturn
from urllib.parse import urlencode

from allauth.account.internal.decorators import login_not_required
from allauth.core.exceptions import ImmediateHttpResponse
from allauth.socialaccount.adapter import DefaultSocialAccountAdapter
from allauth.socialaccount.internal import jwtkit
from allauth.socialaccount.models import SocialApp, SocialLogin
from allauth.socialaccount.providers.oauth2.client import OAuth2Error
from allauth.socialaccount.providers.oauth2.views import OAuth2CallbackView, OAuth2LoginView
from allauth.socialaccount.providers.openid_connect.views import OpenIDConnectOAuth2Adapter
from django.http import Http404, HttpRequest, HttpResponse, QueryDict
from django.shortcuts import render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from plazo.accounts.models import IdentityProvider
from plazo.accounts.providers import person_from
from plazo.core.clock import read_clock
from plazo.core.errors import PlazoError


class SocialAdapter(DefaultSocialAccountAdapter):  # type: ignore[misc]  # allauth has no types
    """Takes the providers from our rows, and decides who may come in by them."""

    def list_apps(
        self, request: HttpRequest, provider: Any = None, client_id: Any = None
    ) -> list[SocialApp]:
        """Return the companies' sign-ins as allauth knows them. None of them is stored there."""
        rows = IdentityProvider.objects.select_related("organization")
        if provider and provider != "openid_connect":
            rows = rows.filter(key=provider)
        return [
            SocialApp(
                provider="openid_connect",
                provider_id=row.key,
                name=row.organization.name[:40],
                client_id=row.client_id,
                secret=row.secret,
                settings={"server_url": row.issuer, "oauth_pkce_enabled": True},
            )
            for row in rows
            if not client_id or row.client_id == client_id
        ]

    def pre_social_login(self, request: HttpRequest, sociallogin: SocialLogin) -> None:
        """Hold the address to the company's domains, and bind its owner to the company.

        Edges: checked at every sign-in, not only the first: a provider's word about an address is
            only as good as its domains are today.
        """
        provider = (
            IdentityProvider.objects.select_related("organization")
            .filter(key=sociallogin.account.provider)
            .first()
        )
        if provider is None:
            raise Http404
        address = next(iter(sociallogin.email_addresses), None)
        if address is None or not provider.speaks_for(address.email):
            refuse(
                request,
                _("%(company)s signed you in with an address that is not the company's own.")
                % {"company": provider.organization},
            )
        if not (address.verified in (True, "true") or provider.vouches):
            refuse(
                request,
                _("%(company)s has not verified your address yet, so it cannot sign you in.")
                % {"company": provider.organization},
            )
        name = str(sociallogin.account.extra_data.get("id_token", {}).get("name") or "")
        try:
            user = person_from(
                provider=provider, email=address.email, name=name[:120], now=read_clock()
            )
        except PlazoError as error:
            refuse(request, error.user_message())
        if sociallogin.is_existing and sociallogin.user.pk != user.pk:
            refuse(
                request,
                _("Your company's sign-in names another address than before. Write to us."),
            )
        if not sociallogin.is_existing:
            sociallogin.user = user
            sociallogin.save(request, connect=True)

    def on_authentication_error(
        self,
        request: HttpRequest,
        provider: Any,
        error: Any = None,
        exception: Any = None,
        extra_context: Any = None,
    ) -> None:
        refuse(request, _("Your company's sign-in did not let you in. Try again, or use a link."))


def refuse(request: HttpRequest, words: str) -> NoReturn:
    """Say in a sentence why somebody does not come in, and which other ways there are."""
    page = render(request, "account/refused.html", {"words": words}, status=403)
    raise ImmediateHttpResponse(page)


class _Adapter(OpenIDConnectOAuth2Adapter):  # type: ignore[misc]  # allauth has no types
    """allauth's, but the ID token's signature is always checked, and userinfo only adds to it."""

    def complete_login(
        self, request: HttpRequest, app: SocialApp, token: Any, **kwargs: Any
    ) -> SocialLogin:
        """Read who it is from the signed token; ask userinfo only for what that leaves out.

        Raises: OAuth2Error for a token that is not the issuer's, or answers that disagree.
        """
        claims = self._claims(app, kwargs["response"].get("id_token") or "")
        if "email" not in claims:
            more = self._fetch_user_info(token.token)
            if more.get("sub") != claims.get("sub"):
                raise OAuth2Error("userinfo is about somebody else")
            claims = more | claims
        return self.get_provider().sociallogin_from_response(request, {"id_token": claims})

    def _claims(self, app: SocialApp, id_token: str) -> dict[str, Any]:
        claims: dict[str, Any] = jwtkit.verify_and_decode(
            credential=id_token,
            keys_url=self.openid_config["jwks_uri"],
            issuer=self.openid_config["issuer"],
            audience=app.client_id,
            lookup_kid=jwtkit.lookup_kid_jwk,
        )
        return claims


@login_not_required  # type: ignore[untyped-decorator]  # allauth has no types
@require_safe
def begin(request: HttpRequest, provider_id: str) -> HttpResponse:
    """Send somebody to their company's sign-in.

    Edges: of the address only where it leads afterwards counts; allauth would take more from it.
    """
    following = {"next": request.GET["next"]} if "next" in request.GET else {}
    request.GET = QueryDict(urlencode(following))
    return _run(OAuth2LoginView, request, provider_id)


@login_not_required  # type: ignore[untyped-decorator]  # allauth has no types
def callback(request: HttpRequest, provider_id: str) -> HttpResponse:
    """Take somebody in who comes back from there."""
    return _run(OAuth2CallbackView, request, provider_id)


def _run(view: Any, request: HttpRequest, provider_id: str) -> HttpResponse:
    if not IdentityProvider.objects.filter(key=provider_id).exists():
        raise Http404
    answer: HttpResponse = view.adapter_view(_Adapter(request, provider_id))(request)
    return answer
