"""The parser on awkward mail: a corpus with golden results, and hostile bytes that must not hurt."""

import hashlib
import json
import random
import re
import time
from dataclasses import asdict
from pathlib import Path

import pytest
import quotequail
from django.utils import translation

from plazo.channels.email import defects
from plazo.channels.email.parsing import MOST_PARTS, ParsedMail, from_wire, parse, to_wire
from plazo.channels.email.quoting import divide
from plazo.channels.email.sandbox import ReaderFailed, Sandbox
from tests.channels.email.fuzz import mutated

HERE = Path(__file__).parent / "corpus"
CORPUS = sorted(HERE.rglob("*.eml"))


def as_json(mail: ParsedMail) -> str:
    """Return what was read, without what is empty; files by their digest."""
    plain = asdict(mail)
    plain["date"] = mail.date.isoformat() if mail.date else None
    plain["attachments"] = [
        {
            "name": part.name,
            "type": part.content_type,
            "cid": part.content_id,
            "inline": part.inline,
            "size": len(part.data),
            "sha256": hashlib.sha256(part.data).hexdigest()[:16],
        }
        for part in mail.attachments
    ]
    for name in ("fingerprint", "content_digest"):
        plain[name] = plain[name][:16]
    shown = {name: value for name, value in plain.items() if value not in ("", None, [], (), False)}
    if mail.return_path == "":  # the null sender, which is not the same as none
        shown["return_path"] = ""
    return json.dumps(shown, indent=1, ensure_ascii=False) + "\n"


def test_the_corpus_is_large_enough():
    """At least 150 awkward messages, each for a reason that its name says."""
    assert len(CORPUS) >= 150


@pytest.mark.golden
@pytest.mark.parametrize("path", CORPUS, ids=lambda path: str(path.relative_to(HERE)))
def test_awkward_mail_is_read_as_it_was_decided(path, golden):
    """Each result was read by a person before it became the golden one."""
    mail = parse(path.read_bytes())
    golden(f"mail/{path.relative_to(HERE).with_suffix('.json')}", as_json(mail))
    assert from_wire(to_wire(mail)) == mail


@pytest.mark.parametrize(
    "path", [p for p in CORPUS if p.stem.startswith("quote-")], ids=lambda p: p.stem
)
def test_dividing_loses_no_word(path):
    """New text, signature and history together hold every word of the body."""
    raw = path.read_bytes()
    if b"text/html" in raw:
        return
    body = raw.partition(b"\r\n\r\n")[2].decode().replace("\r\n", "\n")
    parts = divide(body)
    kept = f"{parts.text} {parts.signature} {parts.quoted}"
    assert sorted(kept.split()) == sorted(body.split())


HELD_OUT = {
    "Perfecto, gracias.\n\nEl vie, 6 mar 2026 a las 8:02, Mesa (<m@x.example>) escribió:\n> hola": "Perfecto, gracias.",
    "Ok!\n\nOn Fri, Mar 6, 2026 at 8:02 AM Desk <m@x.example> wrote:\n> hi": "Ok!",
    "Certo.\n\nEm sex., 6 de mar. de 2026 às 08:02, Mesa <m@x.example> escreveu:\n> oi": "Certo.",
    "Listo\n\n-----Mensaje original-----\nDe: Mesa\nEnviado el: viernes, 6 de marzo de 2026 8:02\nPara: yo\nAsunto: algo\n\nhola": "Listo",
    "El pedido 77 salió el 6/3/2026 y no llegó.\nMe dijeron que volviera a escribir.": "El pedido 77 salió el 6/3/2026 y no llegó.\nMe dijeron que volviera a escribir.",
    "Va de nuevo.\n\n--\nBodega": "Va de nuevo.",
    "Así:\n> uno\nrespondo\n> dos\nrespondo": "Así:\n> uno\nrespondo\n> dos\nrespondo",
}  # fmt: skip


@pytest.mark.parametrize("text", list(HELD_OUT), ids=range(len(HELD_OUT)))
def test_texts_that_the_rules_were_not_written_beside(text):
    """Held-out samples: the rules were not tuned on them."""
    assert divide(text).text == HELD_OUT[text]


def test_another_library_agrees_where_it_can():
    """quotequail, which knows no signatures, finds the same beginnings of history."""
    agree = 0
    samples = [text for text in HELD_OUT if "wrote:" in text or "escri" in text or "escre" in text]
    for text in samples:
        theirs = "\n".join(t for expand, t in quotequail.quote(text) if expand).strip()
        agree += divide(text).text in theirs or theirs in divide(text).text
    assert agree >= len(samples) - 1


def test_whatever_a_reader_finds_wrong_has_words_in_the_ledger():
    """Each defect that stands in the code is translated; what it adds after a colon stays."""
    source = "".join(part.read_text() for part in Path(defects.__file__).parent.glob("*.py"))
    found = set(re.findall(r'(?:defects|found)\.append\(f?"([^":]+)', source))
    found |= set(re.findall(r'doubt = (?:doubt or )?"([^"]+)"', source))
    assert found == set(defects.WORDS)
    with translation.override("es"):
        assert defects.in_words("unreadable part: KeyError") == "parte ilegible: KeyError"
        assert all(str(words) != name for name, words in defects.WORDS.items())


def test_ten_thousand_parts_and_fifty_levels():
    """What nobody reads is kept whole, and nothing takes more than its size asks for."""
    part = b"--x\r\nContent-Type: application/octet-stream\r\n\r\nabc\r\n"
    wide = parse(
        b"Content-Type: multipart/mixed; boundary=x\r\n\r\n" + part * 10_000 + b"--x--\r\n"
    )
    assert "too many parts" in wide.defects
    assert len(wide.attachments) == MOST_PARTS + 1
    assert wide.attachments[-1].name == "original.eml"
    inner = b"Content-Type: text/plain\r\n\r\nel fondo\r\n"
    for level in range(50):
        name = f"n{level}".encode()
        inner = (
            b"Content-Type: multipart/mixed; boundary=" + name + b"\r\n\r\n--" + name + b"\r\n"
            + inner + b"\r\n--" + name + b"--\r\n"
        )  # fmt: skip
    assert parse(inner).text == "el fondo"


def test_millions_of_short_lines_are_read_before_a_reader_loses_patience():
    """They took half a minute and more: a text is cut to what is shown before it is divided."""
    began = time.perf_counter()
    mail = parse(b"Subject: Re: x\r\nIn-Reply-To: <a@b>\r\n\r\nhola\r\n" + b"> a\r\n" * 3_000_000)
    assert time.perf_counter() - began < 10
    assert (mail.text, mail.whole) == ("hola", ("message.txt",))


@pytest.mark.parametrize("seed", range(6))
def test_mutated_mail_never_raises(seed):
    """A short run of the fuzz; the long one is `python -m tests.channels.email.fuzz`."""
    dice = random.Random(seed)
    parents = [path.read_bytes() for path in CORPUS]
    for _ in range(60):
        mail = parse(mutated(parents, dice))
        from_wire(to_wire(mail))
        mail.text.encode()


def a_child(program: str) -> Sandbox:
    import sys

    return Sandbox([sys.executable, "-c", program], timeout=2)


@pytest.mark.parametrize(
    ("program", "reason"),
    [
        ("import os; os.abort()", "parser_died"),
        ("import time; time.sleep(60)", "parser_slow"),
        ("import sys; sys.stdout.buffer.write(b'm' + bytes(8))", "parser_memory"),
        ("import sys; sys.stdout.buffer.write(b'!' + bytes(7) + b'\\x02no')", "parser_died"),
        ("import sys; sys.stdout.buffer.write(b'+' + b'\\xff' * 8)", "parser_died"),
    ],
)
def test_a_reader_that_dies_hangs_or_lies_costs_only_its_mail(program, reason):
    """Whatever the child does, the parent says why and goes on."""
    with pytest.raises(ReaderFailed) as failed:
        a_child(program).parse(b"hola")
    assert failed.value.reason == reason


def test_the_sandbox_reads_as_the_parser_does_and_recovers():
    """A child that was killed is replaced by the next mail."""
    sandbox = Sandbox()
    raw = CORPUS[0].read_bytes()
    assert sandbox.parse(raw) == parse(raw)
    sandbox._idle[0].process.kill()
    assert sandbox.parse(raw) == parse(raw)
    sandbox.close()


def test_the_child_knows_no_secret():
    """Of the parent's environment it gets what Python needs, and nothing of ours."""
    program = (
        "import os, sys; found = ' '.join(os.environ).encode();"
        "sys.stdout.buffer.write(b'!' + len(found).to_bytes(8, 'big') + found)"
    )
    with pytest.raises(ReaderFailed) as failed:
        a_child(program).parse(b"hola")
    assert "PLAZO" not in str(failed.value)
    assert "DATABASE" not in str(failed.value)
