"""Mails taken apart: every part keeps its bytes, and the standard library agrees where it can."""

import subprocess
import sys
import time
from email import message_from_bytes
from email.message import Message
from pathlib import Path

import pytest

from plazo.channels.email.charsets import codec_of, decode, header_text
from plazo.channels.email.mime import MOST_ENTITIES, decoded, parameters, split
from plazo.channels.email.parsing import parse

CORPUS = sorted((Path(__file__).parent / "corpus").rglob("*.eml"))
# Mails on which we mean to differ: broken encodings, boundaries and headers that we mend.
MENDED = {
    "binary-rubbish", "encoding-base64-cut", "encoding-base64-footer", "encoding-base64-is-text",
    "encoding-base64-two-blocks", "encoding-base64-with-rubbish", "encoding-uuencode",
    "encoding-base64-declared-plain-sent", "header-bare-cr", "header-double-cr", "lines-cr-only",
    "header-junk-line", "header-line-without-colon", "header-no-blank-line", "header-mixed-ends",
    "header-blank-lines-first", "header-blank-at-start", "mime-wrong-boundary",
    "mime-boundary-not-used", "mime-missing-boundary-parameter", "mime-no-boundary-parameter",
    "mime-forwarded-base64", "mime-same-boundary-nested", "mime-cut-in-file", "charset-quoted-star",
    "charset-rfc2231-parameter", "mime-no-parts", "header-space-before-colon",
}  # fmt: skip


def leaves_of_library(message: Message) -> list[bytes]:
    """Return the decoded leaves as the standard library finds them, forwarded mails left out."""
    found, waiting = [], [message]
    while waiting:
        part = waiting.pop()
        kind = part.get_content_maintype()
        if kind == "message" and part is not message:
            continue
        if part.is_multipart():
            waiting += reversed(part.get_payload())
        else:
            found.append((part.get_payload(decode=True) or b"").strip())
    return found


@pytest.mark.parametrize(
    "path", [path for path in CORPUS if path.stem not in MENDED], ids=lambda path: path.stem
)
def test_the_standard_library_finds_the_same_parts(path: Path) -> None:
    """On mail that is not broken, our parts are the library's, byte for byte."""
    raw = path.read_bytes()
    message = message_from_bytes(raw)
    if message.get_content_maintype() == "message":
        return
    ours = [
        entity.data().strip()
        for entity in split(raw, [])
        if not entity.is_multipart and not entity.kind.startswith("message/")
    ]
    assert ours == leaves_of_library(message)


def test_what_is_forwarded_keeps_every_byte() -> None:
    """A forwarded or signed part is what was sent: a signature over it can still be checked."""
    inner = b"From: a@x.example\r\nX-Odd:   two  blanks\r\nSubject: =?utf-8?q?x?=\r\n\r\n--b\r\nhi  \r\n"
    raw = (
        b'Content-Type: multipart/signed; boundary="s"\r\n\r\n--s\r\n'
        b"Content-Type: message/rfc822\r\n\r\n" + inner + b"\r\n--s--\r\n"
    )
    entities = split(raw, [])
    assert entities[1].content == inner
    assert entities[0].whole == raw


def test_time_is_linear_in_levels() -> None:
    """Levels in levels cost no more than parts side by side."""
    levels = b"".join(
        b"--b%d\r\nContent-Type: multipart/mixed; boundary=b%d\r\n\r\n" % (number, number + 1)
        for number in range(MOST_ENTITIES - 10)
    )
    raw = b"Content-Type: multipart/mixed; boundary=b0\r\n\r\n" + levels + b"x\r\n" * 100_000
    began = time.perf_counter()
    assert len(split(raw, [])) == MOST_ENTITIES - 9
    assert time.perf_counter() - began < 5


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ('a/b; name="x y.pdf"', {"name": "x y.pdf"}),
        ("a/b; name=x y.pdf", {"name": "x y.pdf"}),
        ('a/b; name="q\\"q.pdf"', {"name": 'q"q.pdf'}),
        ("a/b;name*=utf-8''%C3%B1.pdf", {"name": "ñ.pdf"}),
        ("a/b; name*1=b; name*0=a", {"name": "ab"}),
        ("a/b; name*0*=utf-8''%C3; name*1*=%B1", {"name": "ñ"}),
        ('a/b; name="open; x=1', {"name": "open", "x": "1"}),
        ("a/b; name=", {"name": ""}),
        ("a/b; ;;; =x; name=y", {"name": "y"}),
        ("a/b; name=first; name=second", {"name": "first"}),
        ("a/b; NAME=x", {"name": "x"}),
    ],
)
def test_parameters(value: str, expected: dict[str, str]) -> None:
    """Parameters are read as programs write them, not only as RFC 2231 says."""
    assert parameters(value) == expected


@pytest.mark.parametrize(
    ("content", "encoding", "expected"),
    [
        (b"aG9sYQ==", "base64", b"hola"),
        (b"aG9sYQ", "BASE64", b"hola"),
        (b"aG9\r\nsYQ=\r\n=", '"base64"', b"hola"),
        (b"aG9sYQ==aG9sYQ==", "base64", b"holahola"),
        (b"aG9sYQ==\r\n-- \r\nlist\r\n", "base64", b"hola\n-- \r\nlist\r\n"),
        (b"not base64 at all, see?", "base64", b"not base64 at all, see?"),
        (b"", "base64", b""),
        (b"A", "base64", b""),
        (b"h=6Fla=\r\n!", "quoted-printable", b"hola!"),
        (b"=ZZ=", "quoted-printable", b"=ZZ"),
        (b"hola", "8bit", b"hola"),
        (b"hola", "nonsense", b"hola"),
    ],
)
def test_transfer_encodings(content: bytes, encoding: str, expected: bytes) -> None:
    """What is encoded is decoded, and what is not what it says stays as it is."""
    assert decoded(content, encoding) == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("=?utf-8?Q?a?= =?utf-8?Q?b?=", "ab"),
        ("=?utf-8?Q?a?= b =?utf-8?Q?c?=", "a b c"),
        ("x =?utf-8?Q?a?=", "x a"),
        ("=?utf-8?Q?=C3?=\r\n =?utf-8?Q?=B1?=", "ñ"),
        ("=?utf-8?B?w7E=?=", "ñ"),
        ("=?utf-8*es?Q?=C3=B1?=", "ñ"),
        ("=?iso-8859-1?Q?=F1?= =?utf-8?Q?=C3=B1?=", "ññ"),
        ("=?utf-8?X?a?=", "=?utf-8?X?a?="),
        ("=?utf-8?Q?a", "=?utf-8?Q?a"),
        ("C:\\users\\n =?utf-8?Q?a?=", "C:\\users\\n a"),
        ("=?utf-8?Q?a=0Ab?=", "a b"),
        ("a\tb", "a b"),
    ],
)
def test_words_of_a_header(value: str, expected: str) -> None:
    """RFC 2047, and what programs make of it; always one line."""
    assert header_text(value) == expected


@pytest.mark.parametrize(
    "charset",
    ["base64", "zlib", "rot13", "idna", "punycode", "unicode_escape", "undefined", "x", ""],
)
def test_what_is_no_charset_is_refused(charset: str) -> None:
    """Python's codecs are more than charsets, and some are slow on purpose."""
    assert codec_of(charset) is None
    assert decode("año".encode(), charset) == "año"


def test_a_picture_pasted_into_the_html_becomes_a_file() -> None:
    """Nothing of a mail is lost because it stands where files do not stand."""
    mail = parse(b'Content-Type: text/html\r\n\r\n<img src="data:image/png;base64,aG9sYQ==">')
    assert [(part.data, part.inline) for part in mail.attachments] == [(b"hola", True)]
    assert mail.html == f'<img src="cid:{mail.attachments[0].content_id}">'


def test_very_long_texts_are_cut_and_kept_whole() -> None:
    """What is longer than anybody reads is shown from its start; the whole is a file."""
    words = b"palabra " * 200_000
    for kind in (b"plain", b"html"):
        mail = parse(b"Content-Type: text/" + kind + b"\r\n\r\n" + words)
        assert len(mail.text) <= 1_000_000
        assert any(len(part.data) >= len(words) - 1 for part in mail.attachments)
        assert "very long text" in mail.defects


def test_the_reader_starts_without_django() -> None:
    """The child process that reads mails has no settings and no database, and starts fast."""
    program = "import plazo.channels.email.parsing, sys; print('django' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, check=True)
    assert done.stdout.strip() == b"False"
