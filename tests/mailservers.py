"""Real mail servers for tests: Debian's Dovecot with its own configuration in its own folder."""

import contextlib
import os
import shutil
import smtplib
import socket
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import pytest
from imap_tools import MailBoxUnencrypted

from tests.ports import free_port

PASSWORD = "una-clave-de-buzon"  # no blanks: Dovecot would divide it there
CONFIGURATION = """
auth_failure_delay = 0
base_dir = {folder}/run
state_dir = {folder}/state
log_path = {folder}/log
protocols = imap lmtp
listen = 127.0.0.1
ssl = no
disable_plaintext_auth = no
auth_mechanisms = plain login xoauth2
mail_location = maildir:{folder}/mail/%u
mail_uid = {uid}
mail_gid = {gid}
first_valid_uid = 1
default_internal_user = {internal}
default_login_user = {login}
default_internal_group = {group}
postmaster_address = postmaster@iws.example
imap_idle_notify_interval = 2 mins
recipient_delimiter = +
passdb {{
  driver = static
  args = password={password}
}}
userdb {{
  driver = static
  args = uid={uid} gid={gid} home={folder}/home/%u
}}
service imap-login {{
  inet_listener imap {{
    port = {imap}
  }}
  inet_listener imaps {{
    port = 0
  }}
  process_min_avail = 1
}}
service lmtp {{
  inet_listener lmtp {{
    port = {lmtp}
  }}
}}
service stats {{
  unix_listener stats-writer {{
    mode = 0666
  }}
}}
"""


@dataclass
class Dovecot:
    """One server on ports of its own, with any user under one password."""

    folder: Path
    imap_port: int
    lmtp_port: int
    process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it, and wait until it answers."""
        self.process = subprocess.Popen(
            [_program(), "-F", "-c", str(self.folder / "dovecot.conf")],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        end = time.monotonic() + 20
        while time.monotonic() < end:
            for port in (self.imap_port, self.lmtp_port):
                with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
                    continue
                break
            else:
                return
            if self.process.poll() is not None:
                break
            time.sleep(0.05)
        log = self.folder / "log"
        raise RuntimeError(f"Dovecot did not start: {log.read_text() if log.exists() else ''}")

    def stop(self) -> None:
        """End it as an orderly operator does."""
        if self.process is not None:
            self.process.terminate()
            self.process.wait(10)
            self.process = None

    def deliver(self, raw: bytes, user: str, sender: str = "cliente@andina.example") -> None:
        """Put a mail into a user's inbox, as a mail server does: by LMTP."""
        with smtplib.LMTP("127.0.0.1", self.lmtp_port) as client:
            client.sendmail(sender, [user], raw)

    def kick(self, user: str) -> None:
        """End a user's connections, as an overloaded server does."""
        subprocess.run(
            [_program("doveadm"), "-c", str(self.folder / "dovecot.conf"), "kick", user],
            check=True,
            capture_output=True,
        )

    def age(self, user: str, span: timedelta) -> None:
        """Have all that a user has be taken in a while ago: a Maildir keeps that as file times."""
        then = time.time() - span.total_seconds()
        for file in self._files(user):
            os.utime(file, (then, then))

    def spoil(self, user: str, words: bytes) -> None:
        """Break the mail with these words as disks do: shorter than its name says."""
        for file in self._files(user):
            raw = file.read_bytes()
            if words in raw:
                file.write_bytes(raw[: len(raw) // 2])

    def _files(self, user: str) -> list[Path]:
        folder = self.folder / "mail" / user
        return [file for part in ("new", "cur") for file in (folder / part).iterdir()]

    @contextlib.contextmanager
    def inbox(self, user: str, folder: str = "INBOX") -> Iterator[MailBoxUnencrypted]:
        """Sign in to a user's mail."""
        with MailBoxUnencrypted("127.0.0.1", self.imap_port).login_utf8(
            user, PASSWORD, folder
        ) as box:
            yield box


def _program(name: str = "dovecot") -> str:
    return shutil.which(name, path=f"{os.environ.get('PATH', '')}:/usr/sbin") or ""


@pytest.fixture(scope="session")
def dovecot_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Dovecot]:
    """A Dovecot for the whole run. Where it is not installed, CI fails and others skip."""
    if not _program() or os.geteuid() != 0:
        if os.environ.get("CI"):
            pytest.fail("CI needs Debian's dovecot-imapd and dovecot-lmtpd, and root")
        pytest.skip("needs Debian's dovecot-imapd and dovecot-lmtpd, and root to start them")
    folder = tmp_path_factory.mktemp("dovecot")
    for part in ("run", "state", "mail", "home"):
        (folder / part).mkdir()
        (folder / part).chmod(0o777)
    # Dovecot's own accounts must pass through the folders above.
    for parent in (folder, folder.parent, folder.parent.parent):
        parent.chmod(parent.stat().st_mode | 0o011)
    server = Dovecot(folder, free_port(), free_port())
    (folder / "dovecot.conf").write_text(
        CONFIGURATION.format(
            folder=folder,
            uid=65534,
            gid=65534,
            internal="dovecot",
            login="dovenull",
            group="dovecot",
            imap=server.imap_port,
            lmtp=server.lmtp_port,
            password=PASSWORD,
        )
    )
    server.start()
    yield server
    server.stop()
