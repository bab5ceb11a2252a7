"""What an operator may choose: one frozen object, read once from the environment.

Hours, targets and ladders are not here: they are data, versioned, in the agreement.
"""

import difflib
import ipaddress
import os
import secrets
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any, Final, Literal, Self
from urllib.parse import SplitResult, unquote, urlsplit

import structlog
from pydantic import AliasChoices, ByteSize, Field, ValidationError, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from plazo.core.process import CannotStart

PREFIX: Final = "PLAZO_"
# Between `plazo run` and its children; see config/run.py.
LIFELINE: Final = "PLAZO_LIFELINE"
GO: Final = "PLAZO_GO"
TEST_PREFIX: Final = "PLAZO_TEST_"  # the suite's own variables; not the operator's
SMTP_PORTS: Final = {"smtp": 25, "smtp+starttls": 587, "smtps": 465}

Words = Annotated[tuple[str, ...], NoDecode]  # written with commas, not as JSON


def default_data_dir() -> Path:
    """Return the folder for data where none is chosen, after the XDG convention."""
    base = os.environ.get("XDG_DATA_HOME") or "~/.local/share"
    return Path(base).expanduser() / "plazo"


class Settings(BaseSettings):
    """Plazo's settings. Every one has a type, a default and a sentence.

    Edges: an empty variable counts as unset. An unknown PLAZO_ variable is an error, because a
        misspelt setting would otherwise be a silent one.
    Raises: CannotStart with exit code 2 and one sentence that names the variable.
    """

    model_config = SettingsConfigDict(
        env_prefix=PREFIX, frozen=True, env_ignore_empty=True, extra="ignore"
    )

    data_dir: Path = Field(
        default_factory=default_data_dir,
        validation_alias="PLAZO_DATA",
        description="Folder for everything that Plazo keeps: the private PostgreSQL, attachments, "
        "the secret key. `make run` uses `data` in the checkout.",
    )
    database_url: str | None = Field(
        default=None,
        validation_alias="DATABASE_URL",
        repr=False,
        description="PostgreSQL to use, 14 or newer, as `postgresql://user:password@host/name`. "
        "Unset: Plazo starts its own private PostgreSQL under the data folder.",
    )
    host: str = Field(
        default="127.0.0.1",
        description="Address to listen on. `0.0.0.0` or `::` for every network of the machine.",
    )
    port: int = Field(
        default=8000,
        ge=1,
        le=65535,
        validation_alias=AliasChoices("PLAZO_PORT", "PORT"),
        description="Port to listen on. `PORT` is read too.",
    )
    public_url: str = Field(
        default="",
        validation_alias="PLAZO_BASE_URL",
        description="Address under which people reach Plazo, for the links in mails, such as "
        "`https://soporte.example.com`. Unset: `http://`, the host and the port.",
    )
    hosts: Words = Field(
        default=(),
        validation_alias="PLAZO_ALLOWED_HOSTS",
        description="Further host names to answer for, with commas between. The host of the base "
        "address and this machine's own names are always answered for.",
    )
    trusted_proxies: Words = Field(
        default=(),
        description="Addresses or networks of the proxies in front of Plazo, with commas between. "
        "Only from these are the `X-Forwarded-For` and `X-Forwarded-Proto` headers believed.",
    )
    given_secret_key: str = Field(
        default="",
        validation_alias="PLAZO_SECRET_KEY",
        repr=False,
        description="Key that signs sessions and links, at least 32 characters. Unset: made once "
        "and kept in the data folder. Give the same one to every machine of one installation.",
    )
    debug: bool = Field(
        default=False,
        description="Show errors in the browser. For development only.",
    )
    demo: bool = Field(
        default=False,
        description="Demo mode: demo people and cases are loaded, their sign-ins are printed, and "
        "mail goes to an outbox that can be read in the browser.",
    )
    agreement: str | None = Field(
        default=None,
        pattern=r"^[a-z][a-z0-9_-]*$",
        description="Key of the agreement that new cases fall under. Unset: the one that was "
        "published first.",
    )
    web_workers: int = Field(
        default=2,
        ge=1,
        le=64,
        description="Web processes.",
    )
    web_threads: int = Field(
        default=8,
        ge=1,
        le=256,
        description="Threads of each web process; each may hold one database connection.",
    )
    worker_concurrency: int = Field(
        default=4,
        ge=1,
        le=64,
        description="Jobs that one worker runs at the same time.",
    )
    max_upload_bytes: ByteSize = Field(
        default=ByteSize(30 * 1024 * 1024),
        gt=0,
        description="Largest request that is accepted, attachments included, such as `30MiB`.",
    )
    smtp_url: str = Field(
        default="",
        repr=False,
        description="Mail server for outgoing mail: `smtps://user:password@host` (TLS, port 465), "
        "`smtp+starttls://user:password@host` (port 587) or `smtp://host` (no TLS, port 25). "
        "Unset, or in demo mode: mail stays in the local outbox.",
    )
    mail_from: str = Field(
        default="Plazo <soporte@localhost>",
        description="Sender of outgoing mail, as `Name <address>`.",
    )
    max_mail_bytes: ByteSize = Field(
        default=ByteSize(50 * 1024 * 1024),
        gt=0,
        description="Largest mail that is taken in, such as `50MiB`. A larger one is refused, or "
        "left on its server and parked in the ledger.",
    )
    smtp_listen: str = Field(
        default="",
        description="Address and port of Plazo's own SMTP listener for incoming mail, such as "
        "`127.0.0.1:2525`. Unset: no listener.",
    )
    lmtp_listen: str = Field(
        default="",
        description="Address and port of Plazo's own LMTP listener for incoming mail, such as "
        "`127.0.0.1:2424`. Unset: no listener.",
    )
    mail_relays: Words = Field(
        default=(),
        description="Addresses or networks of your own mail servers that hand mail to Plazo from a "
        "public address, with commas between. Whom they had it from is then read in the mail; "
        "private addresses need not be named.",
    )
    webhook_secret: str = Field(
        default="",
        repr=False,
        description="`user:password` that a provider's webhook must send to `/mail/hook/…/` "
        "(HTTP basic authentication). Unset: there is no such address.",
    )
    webhook_signing_key: str = Field(
        default="",
        repr=False,
        description="Key with which the provider of the webhook signs: Mailgun's webhook signing "
        "key, MailerSend's inbound secret, Mandrill's or Postal's webhook key. Others need none.",
    )
    webhook_hosts: Words = Field(
        default=(),
        description="Hosts of your own network to which the ladder may ring by webhook, with "
        "commas between, such as `chat.intranet.example`. Others must be public, and `https`.",
    )
    log_format: Literal["text", "json"] = Field(
        default="text",
        description="How log lines are written: `text` for people or `json` for machines.",
    )
    log_level: Literal["debug", "info", "warning", "error"] = Field(
        default="info",
        description="Least important log lines to write: `debug`, `info`, `warning` or `error`.",
    )

    @classmethod
    def load(cls) -> Self:
        """Read the environment, check everything, and see to it that the data folder exists."""
        refuse_unknown_variables(os.environ)
        try:
            settings = cls()
        except ValidationError as error:
            raise CannotStart(sentence_for(error), exit_code=2) from None
        make_data_dir(settings.data_dir)
        return settings

    @field_validator("data_dir", mode="after")
    @classmethod
    def _absolute(cls, path: Path) -> Path:
        return Path(os.path.abspath(path.expanduser()))  # noqa: PTH100 - resolve() would follow links

    @field_validator("hosts", "trusted_proxies", "mail_relays", "webhook_hosts", mode="before")
    @classmethod
    def _split(cls, value: Any) -> Any:
        if isinstance(value, str):
            return tuple(part.strip() for part in value.split(",") if part.strip())
        return value

    @field_validator("hosts", "webhook_hosts", mode="after")
    @classmethod
    def _names(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for part in value:
            if "/" in part:
                raise ValueError(f"it must name hosts alone, without https:// or a path: {part}")
        return value

    @field_validator("trusted_proxies", "mail_relays", mode="after")
    @classmethod
    def _networks(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for part in value:
            ipaddress.ip_network(part, strict=False)
        return value

    @field_validator("given_secret_key", mode="after")
    @classmethod
    def _long_enough(cls, value: str) -> str:
        if value and len(value) < 32:
            raise ValueError("it must have at least 32 characters")
        return value

    @field_validator("database_url", mode="after")
    @classmethod
    def _is_postgresql(cls, value: str | None) -> str | None:
        if value and not value.startswith(("postgresql://", "postgres://")):
            raise ValueError("it must start with postgresql://")
        return value

    @field_validator("public_url", mode="after")
    @classmethod
    def _is_web_address(cls, value: str) -> str:
        parts = urlsplit(value)
        if value and (parts.scheme not in {"http", "https"} or not parts.hostname or parts.query):
            raise ValueError("it must look like https://soporte.example.com")
        if parts.path.strip("/"):
            raise ValueError("it must have no path: Plazo answers at the root of its host")
        return value.rstrip("/")

    @field_validator("smtp_url", mode="after")
    @classmethod
    def _is_mail_server(cls, value: str) -> str:
        parts = urlsplit(value)
        if value and (parts.scheme not in SMTP_PORTS or not parts.hostname):
            raise ValueError("it must look like smtps://user:password@mail.example.com")
        _ = parts.port  # raises ValueError when it is no port
        return value

    @field_validator("smtp_listen", "lmtp_listen", mode="after")
    @classmethod
    def _is_host_and_port(cls, value: str) -> str:
        host, _, port = value.rpartition(":")
        if value and not (host and port.isdigit() and 0 <= int(port) < 65536):
            raise ValueError("it must look like 127.0.0.1:2525")
        return value

    @field_validator("webhook_secret", mode="after")
    @classmethod
    def _is_user_and_password(cls, value: str) -> str:
        user, _, password = value.partition(":")
        if value and (not user or len(password) < 12):
            raise ValueError("it must be user:password, the password of at least 12 characters")
        return value

    @cached_property
    def base_url(self) -> str:
        """Address for links, without a slash at its end."""
        if self.public_url:
            return self.public_url
        host = "localhost" if self.host in {"0.0.0.0", "::"} else self.host  # noqa: S104 - a comparison
        return f"http://{f'[{host}]' if ':' in host else host}:{self.port}"

    @cached_property
    def allowed_hosts(self) -> tuple[str, ...]:
        """Every host name that is answered for, each once."""
        own = urlsplit(self.base_url).hostname or "localhost"
        names = (f"[{own}]" if ":" in own else own, "localhost", "127.0.0.1", "[::1]", *self.hosts)
        return tuple(dict.fromkeys(names))

    @cached_property
    def secret_key(self) -> str:
        """The given key, or the one kept in the data folder, made on first use."""
        return self.given_secret_key or kept_secret(self.data_dir / "secret_key")

    @cached_property
    def mail_leaves(self) -> bool:
        """Whether mail goes to a mail server at all."""
        return bool(self.smtp_url) and not self.demo

    @cached_property
    def email_backend(self) -> str:
        if self.mail_leaves:
            return "django.core.mail.backends.smtp.EmailBackend"
        return "plazo.notifications.outbox.LocalOutboxBackend"

    @cached_property
    def email_settings(self) -> dict[str, Any]:
        """Django's names for the parts of PLAZO_SMTP_URL; empty while mail stays here."""
        return _django_email(urlsplit(self.smtp_url)) if self.mail_leaves else {}

    @cached_property
    def logging_config(self) -> dict[str, Any]:
        """The one configuration of the standard library's logging, for every process."""
        return _logging(self.log_format, self.log_level)


def _django_email(url: SplitResult) -> dict[str, Any]:
    return {
        "EMAIL_HOST": url.hostname,
        "EMAIL_PORT": url.port or SMTP_PORTS[url.scheme],
        "EMAIL_HOST_USER": unquote(url.username or ""),
        "EMAIL_HOST_PASSWORD": unquote(url.password or ""),
        "EMAIL_USE_SSL": url.scheme == "smtps",
        "EMAIL_USE_TLS": url.scheme == "smtp+starttls",
    }


def _logging(log_format: str, level: str) -> dict[str, Any]:
    renderer: Any = (
        structlog.processors.JSONRenderer(ensure_ascii=False)
        if log_format == "json"
        else structlog.dev.ConsoleRenderer(
            colors=False, pad_event_to=0, exception_formatter=structlog.dev.plain_traceback
        )
    )
    before = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    after: list[Any] = [structlog.stdlib.ProcessorFormatter.remove_processors_meta]
    if log_format == "json":
        after.append(structlog.processors.format_exc_info)
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {
            "lines": {
                "()": structlog.stdlib.ProcessorFormatter,
                "foreign_pre_chain": before,
                "processors": [*after, renderer],
            }
        },
        "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "lines"}},
        "root": {"handlers": ["stderr"], "level": level.upper()},
        "loggers": {
            # Django's own handlers would write each line a second time.
            "django": {"handlers": [], "level": "INFO", "propagate": True},
            "django.server": {"handlers": [], "level": "WARNING", "propagate": True},
            # Every job would say twice that all is well.
            "procrastinate": {"level": "WARNING"},
            # So would every line of every SMTP conversation.
            "mail": {"level": "WARNING"},
        },
    }


def variables_of(name: str) -> list[str]:
    """Return the environment variables that set a field, the proper one first."""
    alias = Settings.model_fields[name].validation_alias
    if isinstance(alias, AliasChoices):
        return [str(choice) for choice in alias.choices]
    return [str(alias) if alias else PREFIX + name.upper()]


def variable_of(name: str) -> str:
    """Return the environment variable that sets a field, as documented."""
    return variables_of(name)[0]


def refuse_unknown_variables(environ: Any) -> None:
    known = {variable for name in Settings.model_fields for variable in variables_of(name)}
    known |= {LIFELINE, GO}
    for variable in sorted(environ):
        if not variable.startswith(PREFIX) or variable.startswith(TEST_PREFIX):
            continue
        if variable not in known:
            near = difflib.get_close_matches(variable, known, n=1)
            hint = f"; did you mean {near[0]}?" if near else "; docs/settings.md lists them all."
            raise CannotStart(f"{variable} is not a setting of Plazo{hint}", exit_code=2)


def sentence_for(error: ValidationError) -> str:
    """Say the first mistake in one sentence that names the variable, never a secret value."""
    first = error.errors()[0]
    place = str(first["loc"][0]) if first["loc"] else "?"
    candidates = next(
        (names for names in map(variables_of, Settings.model_fields) if place in names),
        variables_of(place) if place in Settings.model_fields else [place],
    )
    # Of two names for one setting, the one that was used.
    variable = next((name for name in candidates if os.environ.get(name)), candidates[0])
    reason = first["msg"].removeprefix("Value error, ")
    reason = f"{reason[0].lower()}{reason[1:]}"
    secret = variable in {
        "PLAZO_SECRET_KEY",
        "PLAZO_SMTP_URL",
        "PLAZO_WEBHOOK_SECRET",
        "DATABASE_URL",
    }
    got = "" if secret else f" (it is {first['input']!r})"
    return f"{variable} is wrong: {reason}{got}."


def make_data_dir(path: Path) -> None:
    """Create the data folder where it is missing.

    Edges: root's is open to passing through (not to listing), because PostgreSQL refuses to
        run as root and its unprivileged account must reach its own folder inside.
    """
    try:
        path.mkdir(mode=0o711 if os.geteuid() == 0 else 0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise CannotStart(
            f"PLAZO_DATA is wrong: the folder {path} cannot be made ({error.strerror}).",
            exit_code=2,
        ) from error
    if not os.access(path, os.W_OK | os.X_OK):
        raise CannotStart(
            f"PLAZO_DATA is wrong: the folder {path} cannot be written to.", exit_code=2
        )


def kept_secret(path: Path) -> str:
    """Return the secret kept in `path`; make it on first use, in one step for all processes."""
    if not path.exists():
        temporary = path.with_name(f"{path.name}.{os.getpid()}.{secrets.token_hex(4)}")
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w") as stream:
            stream.write(secrets.token_urlsafe(50) + "\n")
        try:
            os.link(temporary, path)  # fails when another process was first; then theirs counts
        except FileExistsError:
            pass
        finally:
            temporary.unlink()
    try:
        return path.read_text(encoding="utf-8").strip()
    except OSError as error:
        raise CannotStart(f"The secret key in {path} cannot be read ({error.strerror}).") from error


def reference() -> str:
    """Return the page that documents every setting; docs/settings.md is exactly this."""
    lines = [
        "# Settings",
        "",
        "Plazo reads its settings from the environment, once, when it starts. A wrong value stops",
        "it with one sentence that names the variable. This page is made by `make docs` from",
        "`plazo.core.settings`.",
        "",
        "| Variable | Type | Default | Meaning |",
        "| --- | --- | --- | --- |",
    ]
    for name, field in Settings.model_fields.items():
        default = field.get_default(call_default_factory=False)
        shown = "—" if default in (None, "", ()) else f"`{default_text(default)}`"
        if name == "data_dir":
            shown = "`~/.local/share/plazo`"
        kind = type_text(field.annotation)
        lines.append(f"| `{variable_of(name)}` | {kind} | {shown} | {field.description} |")
    return "\n".join(lines) + "\n"


def default_text(value: Any) -> str:
    if isinstance(value, ByteSize):
        return value.human_readable(separator="").replace(".0", "")
    return str(value).lower() if isinstance(value, bool) else str(value)


def type_text(annotation: Any) -> str:
    names = {int: "whole number", bool: "true or false", Path: "folder", ByteSize: "size"}
    if getattr(annotation, "__origin__", None) is Literal:
        return "one of " + ", ".join(f"`{choice}`" for choice in annotation.__args__)
    if getattr(annotation, "__origin__", None) is tuple:
        return "list"
    return names.get(annotation, "text")
