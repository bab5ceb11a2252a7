"""Mails that hurt other desks, read: each with what it says in a golden file, read by a person."""

import hashlib
import json
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

import pytest

from plazo.channels.email.parsing import ParsedMail, from_wire, parse, to_wire

CORPUS = sorted((Path(__file__).parent / "corpus").glob("*.eml"))


def as_golden(mail: ParsedMail) -> str:
    """Return everything that is not empty; files by name, kind, size and digest."""
    plain = asdict(mail)
    plain["attachments"] = [
        {name: value for name, value in file.items() if value and name != "data"}
        | {"size": len(file["data"]), "sha256": hashlib.sha256(file["data"]).hexdigest()[:16]}
        for file in plain["attachments"]
    ]
    plain["date"] = mail.date.isoformat() if mail.date else None
    kept = {
        name: value
        for name, value in plain.items()
        if value or (value == "" == mail.return_path and name == "return_path")
    }
    return json.dumps(kept, ensure_ascii=False, indent=1) + "\n"


@pytest.mark.golden
@pytest.mark.parametrize("path", CORPUS, ids=lambda path: path.stem)
def test_what_each_mail_of_the_corpus_says(path: Path, golden: Callable[[str, str], None]) -> None:
    """Every mail of the corpus is read as its golden file says, and crosses the pipe unchanged."""
    mail = parse(path.read_bytes())
    golden(f"parsed/{path.stem}.json", as_golden(mail))
    assert from_wire(to_wire(mail)) == mail
