"""A small OpenID Connect provider: what a company runs, with discovery, keys, codes and tokens."""

import base64
import hashlib
import json
import secrets
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import jwt
from cryptography.hazmat.primitives.asymmetric import rsa

CLIENT_ID, CLIENT_SECRET = "plazo", "un secreto de la empresa"


class Issuer(ThreadingHTTPServer):
    """One company's provider. `person` is who is signed in there; the others are its faults."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Answers)
        self.key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        self.person: dict[str, Any] = {
            "sub": "u-1",
            "email": "ingenieria@andina.example",
            "email_verified": True,
            "name": "Ingeniería Andina",
        }
        self.denies = False
        self.signs_with: Any = None  # another key than the published one
        self.only_in_userinfo: dict[str, Any] = {}
        self.codes: dict[str, dict[str, str]] = {}

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    def discovery(self) -> dict[str, Any]:
        return {
            "issuer": self.url,
            "authorization_endpoint": f"{self.url}/authorize",
            "token_endpoint": f"{self.url}/token",
            "userinfo_endpoint": f"{self.url}/userinfo",
            "jwks_uri": f"{self.url}/jwks",
            "token_endpoint_auth_methods_supported": ["client_secret_post"],
        }

    def jwks(self) -> dict[str, Any]:
        published = jwt.algorithms.RSAAlgorithm.to_jwk(self.key.public_key(), as_dict=True)
        return {"keys": [published | {"kid": "k1", "alg": "RS256", "use": "sig"}]}

    def id_token(self) -> str:
        now = int(time.time())
        claims = {"iss": self.url, "aud": CLIENT_ID, "iat": now, "exp": now + 300, **self.person}
        return jwt.encode(claims, self.signs_with or self.key, "RS256", headers={"kid": "k1"})


class _Answers(BaseHTTPRequestHandler):
    server: Issuer

    def do_GET(self) -> None:
        """Answer discovery and keys, and send who is signed in back with a code."""
        address = urlsplit(self.path)
        asked = {name: values[0] for name, values in parse_qs(address.query).items()}
        match address.path:
            case "/.well-known/openid-configuration":
                self.say(self.server.discovery())
            case "/jwks":
                self.say(self.server.jwks())
            case "/userinfo":
                self.say({"sub": self.server.person["sub"]} | self.server.only_in_userinfo)
            case "/authorize":
                self.authorize(asked)
            case _:
                self.say({"error": "not_found"}, 404)

    def authorize(self, asked: dict[str, str]) -> None:
        back = {"state": asked["state"]}
        if self.server.denies:
            back["error"] = "access_denied"
        else:
            code = secrets.token_urlsafe(8)
            self.server.codes[code] = asked
            back["code"] = code
        self.send_response(302)
        self.send_header("Location", f"{asked['redirect_uri']}?{urlencode(back)}")
        self.end_headers()

    def do_POST(self) -> None:
        """Change a code for tokens, once, for who shows the secret and the code's verifier."""
        body = self.rfile.read(int(self.headers["Content-Length"])).decode()
        form = {name: values[0] for name, values in parse_qs(body).items()}
        asked = self.server.codes.pop(form.get("code", ""), None)
        digest = hashlib.sha256(form.get("code_verifier", "").encode()).digest()
        challenge = base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
        if (
            asked is None
            or form.get("client_secret") != CLIENT_SECRET
            or form.get("redirect_uri") != asked["redirect_uri"]
            or challenge != asked.get("code_challenge")
        ):
            self.say({"error": "invalid_grant"}, 400)
            return
        self.say(
            {
                "access_token": "a",
                "token_type": "Bearer",
                "expires_in": 300,
                "id_token": self.server.id_token(),
            }
        )

    def say(self, values: dict[str, Any], status: int = 200) -> None:
        body = json.dumps(values).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args: object) -> None:
        """Say nothing."""


@contextmanager
def an_issuer() -> Iterator[Issuer]:
    """Run a provider for the time of a test."""
    with Issuer() as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()
