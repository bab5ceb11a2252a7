"""Real mail servers for tests: Debian's Dovecot and Postfix, each in a folder of its own."""

import contextlib
import os
import shutil
import smtplib
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from ipaddress import IPv4Address
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID
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
ssl = yes
ssl_cert = <{folder}/certificate.pem
ssl_key = <{folder}/key.pem
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
    port = {imaps}
    ssl = yes
  }}
  process_min_avail = 1
}}
service lmtp {{
  inet_listener lmtp {{
    port = {lmtp}
  }}
}}
# Tests that fail to sign in must not slow the others down.
service anvil {{
  unix_listener anvil-auth-penalty {{
    mode = 0
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
    imaps_port: int
    lmtp_port: int
    process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it, and wait until it answers."""
        self.process = subprocess.Popen(
            [_program(), "-F", "-c", str(self.folder / "dovecot.conf")],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        end = time.monotonic() + 60
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

    @property
    def certificate(self) -> Path:
        """The certificate to trust; it is made for 127.0.0.1."""
        return self.folder / "certificate.pem"

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


def _require(program: str, packages: str) -> None:
    """See to it that a server can be started: where it cannot, CI fails and others skip."""
    if _program(program) and os.geteuid() == 0:
        return
    words = f"needs Debian's {packages}, and root to start them"
    if os.environ.get("CI"):
        pytest.fail(f"CI {words}")
    pytest.skip(words)


@contextlib.contextmanager
def _folder(name: str) -> Iterator[Path]:
    """Make a folder that the servers' own accounts can pass to, whatever other runs do."""
    with tempfile.TemporaryDirectory(prefix=f"plazo-{name}-", ignore_cleanup_errors=True) as made:
        folder = Path(made)
        folder.chmod(0o755)
        yield folder


def _certify(folder: Path) -> None:
    """Make a key and a certificate that it signs itself."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "imap.iws.example")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(IPv4Address("127.0.0.1"))]), critical=False
        )
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    (folder / "certificate.pem").write_bytes(certificate.public_bytes(Encoding.PEM))
    (folder / "key.pem").write_bytes(
        key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    )


@pytest.fixture(scope="session")
def dovecot_server() -> Iterator[Dovecot]:
    """A Dovecot for the whole run."""
    _require("dovecot", "dovecot-imapd and dovecot-lmtpd")
    with _folder("dovecot") as folder:
        for part in ("run", "state", "mail", "home"):
            (folder / part).mkdir()
            (folder / part).chmod(0o777)
        server = Dovecot(folder, free_port(), free_port(), free_port())
        _certify(folder)
        (folder / "dovecot.conf").write_text(
            CONFIGURATION.format(
                folder=folder,
                uid=65534,
                gid=65534,
                internal="dovecot",
                login="dovenull",
                group="dovecot",
                imap=server.imap_port,
                imaps=server.imaps_port,
                lmtp=server.lmtp_port,
                password=PASSWORD,
            )
        )
        server.start()
        yield server
        server.stop()


POSTFIX = """
compatibility_level = 3.6
queue_directory = {folder}/queue
data_directory = {folder}/data
command_directory = /usr/sbin
daemon_directory = /usr/lib/postfix/sbin
mail_owner = postfix
setgid_group = postdrop
myhostname = mx.iws.example
mydestination =
alias_maps =
local_recipient_maps =
relay_domains = iws.example
transport_maps = texthash:{folder}/conf/transport
header_checks = regexp:{folder}/conf/headers
default_transport = discard
mynetworks = 127.0.0.0/8
smtpd_sender_restrictions = check_sender_access inline:{{prohibido@iws.example=REJECT}}
smtpd_recipient_restrictions =
  check_recipient_access inline:{{nadie@iws.example=REJECT}}, permit_mynetworks, reject
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
disable_dns_lookups = yes
recipient_delimiter = +
maillog_file = {folder}/log
maillog_file_prefixes = {folder}
queue_run_delay = 1s
minimal_backoff_time = 1s
maximal_backoff_time = 1s
"""
SERVICES = """
127.0.0.1:{port} inet n - n - - smtpd
cleanup unix n - n - 0 cleanup
qmgr unix n - n 1 1 qmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
verify unix - - n - 1 verify
smtp unix - - n - - smtp
lmtp unix - - n - - lmtp
error unix - - n - - error
retry unix - - n - - error
discard unix - - n - - discard
anvil unix - - n - 1 anvil
postlog unix-dgram n - n - 1 postlogd
"""


@dataclass
class Postfix:
    """One server on a port of its own: mail for iws.example goes where `route` says."""

    folder: Path
    port: int
    read: int = 0

    @property
    def log(self) -> str:
        """What it noted since the last change of the way."""
        return self._whole_log()[self.read :]

    def _whole_log(self) -> str:
        file = self.folder / "log"
        return file.read_text() if file.exists() else ""

    def route(self, way: str, **others: str) -> None:
        """Send mail for iws.example another way: smtp:[host]:port or lmtp:inet:host:port.

        Units: `others` are ways for other names below example.
        """
        ways = {"iws": way} | others
        lines = (f"{name}.example {each}\n" for name, each in ways.items())
        (self.folder / "conf" / "transport").write_text("".join(lines))
        # Postfix looks a map up in processes that it keeps; a new one reads the file.
        self._command("reload")
        self.read = len(self._whole_log())

    def waiting(self) -> int:
        """Return how many mails it still holds."""
        queues = (self.folder / "queue" / name for name in ("incoming", "active", "deferred"))
        return sum(1 for queue in queues for file in queue.rglob("*") if file.is_file())

    def send(self, raw: bytes, to: str, sender: str = "cliente@andina.example") -> None:
        with smtplib.SMTP("127.0.0.1", self.port) as client:
            client.sendmail(sender, [to], raw)

    def _command(self, what: str) -> None:
        subprocess.run(
            [_program("postfix"), "-c", str(self.folder / "conf"), what],
            check=True,
            capture_output=True,
        )

    @contextlib.contextmanager
    def running(self) -> Iterator["Postfix"]:
        """Run it for the length of a block."""
        process = subprocess.Popen(
            [_program("postfix"), "-c", str(self.folder / "conf"), "start-fg"],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            end = time.monotonic() + 60
            while True:
                with contextlib.suppress(OSError), smtplib.SMTP("127.0.0.1", self.port, timeout=2):
                    break
                if time.monotonic() > end or process.poll() is not None:
                    raise RuntimeError(f"Postfix did not start: {self.log}")
                time.sleep(0.05)
            yield self
        finally:
            with contextlib.suppress(subprocess.CalledProcessError):
                self._command("stop")
            process.wait(20)


@pytest.fixture(scope="session")
def postfix_server() -> Iterator[Postfix]:
    """A Postfix that takes mail from this machine; it delivers nothing until it is told where."""
    _require("postfix", "postfix")
    with _folder("postfix") as folder:
        for part in ("queue", "data", "conf"):
            (folder / part).mkdir(mode=0o755)
        shutil.chown(folder / "data", "postfix")
        server = Postfix(folder, free_port())
        conf = folder / "conf"
        (conf / "main.cf").write_text(POSTFIX.format(folder=folder))
        (conf / "master.cf").write_text(SERVICES.format(folder=folder, port=server.port))
        (conf / "transport").write_text("iws.example retry:not yet\n")
        # As a receiving server does that has checked the sender.
        (conf / "headers").write_text(
            "/^X-Plazo-Doctor:/ PREPEND Authentication-Results: mx.iws.example;"
            " spf=pass smtp.mailfrom=soporte@iws.example; dkim=fail header.d=iws.example;"
            " dmarc=pass header.from=iws.example\n"
        )
        with server.running():
            yield server
