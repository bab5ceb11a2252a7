"""The operator's choices: read once, checked, complete, loud."""

import logging
import logging.config
import os
import stat
import threading
from pathlib import Path

import pytest

from plazo.core.process import CannotStart
from plazo.core.settings import Settings, kept_secret

SECRET = "a key that is long enough for anybody's taste"


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Start every test from an environment that chooses a data folder and nothing else."""
    for name in [name for name in os.environ if name.startswith("PLAZO_")]:
        monkeypatch.delenv(name)
    for name in ("DATABASE_URL", "PORT"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("PLAZO_DATA", str(tmp_path / "data"))


def test_defaults_are_enough_to_run(tmp_path: Path) -> None:
    """Whoever chooses nothing gets a local address, a private database and no mail to anyone."""
    settings = Settings.load()

    assert settings.base_url == "http://127.0.0.1:8000"
    assert settings.database_url is None
    assert settings.email_backend == "plazo.notifications.outbox.LocalOutboxBackend"
    assert settings.data_dir == tmp_path / "data"
    assert settings.data_dir.is_dir()


@pytest.mark.parametrize(
    ("variable", "value", "sentence"),
    [
        pytest.param("PORT", "eight", "PORT is wrong: ", id="not a number, by its short name"),
        pytest.param("PLAZO_PORT", "70000", "PLAZO_PORT is wrong: ", id="too large"),
        pytest.param("PLAZO_WEB_WORKERS", "0", "PLAZO_WEB_WORKERS is wrong: ", id="too small"),
        pytest.param("PLAZO_DEMO", "perhaps", "PLAZO_DEMO is wrong: ", id="neither yes nor no"),
        pytest.param("PLAZO_LOG_FORMAT", "xml", "PLAZO_LOG_FORMAT is wrong: ", id="not offered"),
        pytest.param("PLAZO_SMTP_URL", "mail.example", "PLAZO_SMTP_URL is wrong: ", id="no scheme"),
        pytest.param("PLAZO_SMTP_URL", "smtp://h:x", "PLAZO_SMTP_URL is wrong: ", id="no port"),
        pytest.param("PLAZO_BASE_URL", "soporte", "PLAZO_BASE_URL is wrong: ", id="no address"),
        pytest.param("PLAZO_BASE_URL", "https://a/b", "PLAZO_BASE_URL is wrong: ", id="a path"),
        pytest.param("PLAZO_SECRET_KEY", "short", "PLAZO_SECRET_KEY is wrong: ", id="short key"),
        pytest.param("DATABASE_URL", "mysql://h/d", "DATABASE_URL is wrong: ", id="other engine"),
        pytest.param(
            "PLAZO_TRUSTED_PROXIES", "10.0.0.0/99", "PLAZO_TRUSTED_PROXIES is wrong: ", id="no net"
        ),
        pytest.param(
            "PLAZO_WEBHOOK_HOSTS",
            "https://chat.example/x",
            "PLAZO_WEBHOOK_HOSTS is wrong: it must name hosts alone",
            id="an address for a host",
        ),
        pytest.param(
            "PLAZO_WEB_WORKER",
            "2",
            "PLAZO_WEB_WORKER is not a setting of Plazo; did you mean PLAZO_WEB_WORKERS?",
            id="misspelt",
        ),
    ],
)
def test_a_wrong_value_is_one_sentence_that_names_it(
    monkeypatch: pytest.MonkeyPatch, variable: str, value: str, sentence: str
) -> None:
    """The operator reads which variable is wrong and why, and Plazo does not start."""
    monkeypatch.setenv(variable, value)

    with pytest.raises(CannotStart) as caught:
        Settings.load()

    assert str(caught.value).startswith(sentence)
    assert "\n" not in str(caught.value)
    assert caught.value.exit_code == 2


def test_a_secret_is_never_repeated(monkeypatch: pytest.MonkeyPatch) -> None:
    """An error about a secret, and the settings written to a log, do not show it."""
    monkeypatch.setenv("PLAZO_SMTP_URL", "smtps://plazo:s3cret-word@mail.example")
    monkeypatch.setenv("PLAZO_SECRET_KEY", SECRET)
    monkeypatch.setenv("DATABASE_URL", "postgresql://plazo:s3cret-word@db.example/plazo")

    shown = repr(Settings.load())

    assert "s3cret-word" not in shown
    assert SECRET not in shown


def test_an_empty_value_counts_as_unset(monkeypatch: pytest.MonkeyPatch) -> None:
    """Compose files and unit files pass variables along empty."""
    monkeypatch.setenv("PORT", "")
    monkeypatch.setenv("DATABASE_URL", "")

    assert Settings.load().port == 8000
    assert Settings.load().database_url is None


@pytest.mark.parametrize(
    ("environment", "base_url"),
    [
        pytest.param({"PORT": "8123"}, "http://127.0.0.1:8123", id="port"),
        pytest.param({"PLAZO_HOST": "0.0.0.0"}, "http://localhost:8000", id="every network"),
        pytest.param({"PLAZO_HOST": "::1"}, "http://[::1]:8000", id="IPv6"),
        pytest.param({"PLAZO_BASE_URL": "https://s.example/"}, "https://s.example", id="given"),
    ],
)
def test_links_lead_to_where_plazo_is_reached(
    monkeypatch: pytest.MonkeyPatch, environment: dict[str, str], base_url: str
) -> None:
    """The address in mails is the public one if given, else the one that is listened on."""
    for name, value in environment.items():
        monkeypatch.setenv(name, value)

    assert Settings.load().base_url == base_url


def test_the_public_host_is_answered_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """Giving the public address is enough; further names can be added."""
    monkeypatch.setenv("PLAZO_BASE_URL", "https://soporte.example.com")
    monkeypatch.setenv("PLAZO_ALLOWED_HOSTS", "ayuda.example.com, help.example.com")

    assert Settings.load().allowed_hosts == (
        "soporte.example.com",
        "localhost",
        "127.0.0.1",
        "[::1]",
        "ayuda.example.com",
        "help.example.com",
    )


@pytest.mark.parametrize(
    ("url", "port", "ssl", "tls"),
    [
        pytest.param("smtps://u%40x:p%3Aw@mail.example", 465, True, False, id="TLS"),
        pytest.param("smtp+starttls://u%40x:p%3Aw@mail.example", 587, False, True, id="STARTTLS"),
        pytest.param("smtp://u%40x:p%3Aw@mail.example:2525", 2525, False, False, id="plain"),
    ],
)
def test_the_mail_server_is_one_address(
    monkeypatch: pytest.MonkeyPatch, url: str, port: int, ssl: bool, tls: bool
) -> None:
    """One variable says where, as whom and how protected mail leaves."""
    monkeypatch.setenv("PLAZO_SMTP_URL", url)

    settings = Settings.load()

    assert settings.email_backend == "django.core.mail.backends.smtp.EmailBackend"
    assert settings.email_settings == {
        "EMAIL_HOST": "mail.example",
        "EMAIL_PORT": port,
        "EMAIL_HOST_USER": "u@x",
        "EMAIL_HOST_PASSWORD": "p:w",
        "EMAIL_USE_SSL": ssl,
        "EMAIL_USE_TLS": tls,
    }


def test_demo_mode_writes_to_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    """A demo on a machine whose environment knows a mail server must not mail real people."""
    monkeypatch.setenv("PLAZO_SMTP_URL", "smtp://mail.example")
    monkeypatch.setenv("PLAZO_DEMO", "true")

    assert Settings.load().email_backend == "plazo.notifications.outbox.LocalOutboxBackend"


def test_the_key_is_made_once_and_kept_private() -> None:
    """Sessions and links survive a restart; nobody else on the machine can read the key."""
    first, second = Settings.load(), Settings.load()

    assert first.secret_key == second.secret_key
    assert len(first.secret_key) >= 50
    assert stat.S_IMODE((first.data_dir / "secret_key").stat().st_mode) == 0o600


def test_processes_that_start_together_share_one_key(tmp_path: Path) -> None:
    """Web and worker start at the same moment and must not sign with two keys."""
    found: list[str] = []
    start = threading.Barrier(8)

    def read() -> None:
        start.wait()
        found.append(kept_secret(tmp_path / "secret_key"))

    threads = [threading.Thread(target=read) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(found) == 8
    assert len(set(found)) == 1
    assert [path.name for path in tmp_path.iterdir()] == ["secret_key"]


def test_a_data_folder_that_cannot_be_made_is_one_sentence(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A file in the way is said, not a traceback."""
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("PLAZO_DATA", str(tmp_path / "file" / "data"))

    with pytest.raises(CannotStart, match=r"PLAZO_DATA is wrong: the folder .* cannot be made"):
        Settings.load()


def test_settings_cannot_be_changed() -> None:
    """What was read at the start holds until the end."""
    settings = Settings.load()

    with pytest.raises(ValueError, match="frozen"):
        settings.port = 1


@pytest.mark.parametrize("form", ["text", "json"])
def test_log_lines_have_a_form(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], form: str
) -> None:
    """Both forms write the message, the logger and the trace of an error."""
    monkeypatch.setenv("PLAZO_LOG_FORMAT", form)
    root = logging.getLogger()
    before = (root.level, root.handlers[:])
    logging.config.dictConfig(Settings.load().logging_config)
    try:
        try:
            raise RuntimeError("the reason")
        except RuntimeError:
            logging.getLogger("plazo.test").exception("it failed: %s", "número 1")
    finally:
        root.setLevel(before[0])
        root.handlers[:] = before[1]

    written = capsys.readouterr().err
    assert "it failed: número 1" in written
    assert "plazo.test" in written
    assert "RuntimeError: the reason" in written
