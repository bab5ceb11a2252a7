"""Keep the catalogues of translated texts: extract, check and compile, without gettext's binaries.

    python tools/messages.py update    write new and drop unused texts in every catalogue
    python tools/messages.py check     list what is missing, fuzzy, unused or malformed; exit 1 then
    python tools/messages.py compile   write the .mo files that Django reads

Texts in the code are English. Each application owns `locale/es/LC_MESSAGES/django.po` beside its
code; a text belongs to the application whose folder holds the file that uses it.
"""

import argparse
import ast
import io
import os
import re
import sys
from collections import defaultdict
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from babel.messages.catalog import Catalog, Message
from babel.messages.extract import extract
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po, write_po

ROOT = Path(__file__).resolve().parent.parent
SOURCE = ROOT / "src" / "plazo"
LANGUAGES = ("es",)

KEYWORDS = {
    "_": None,
    "gettext": None,
    "gettext_lazy": None,
    "gettext_noop": None,
    "ngettext": (1, 2),
    "ngettext_lazy": (1, 2),
    "pgettext": ((1, "c"), 2),
    "pgettext_lazy": ((1, "c"), 2),
    "npgettext": ((1, "c"), 2, 3),
    "npgettext_lazy": ((1, "c"), 2, 3),
}
PLACEHOLDER = re.compile(r"%\((\w+)\)[#0\- +]*\d*(?:\.\d+)?[a-zA-Z]|%[sdrif]|\{(\w*)[^{}]*\}")
# A catalogue's dates would change with every run and say nothing that git does not.
FIXED_DATE = datetime(2026, 11, 23, tzinfo=UTC)


def applications(source: Path = SOURCE) -> list[Path]:
    """Return the folder of every application: those that hold an apps.py."""
    return sorted(path.parent for path in source.rglob("apps.py"))


def catalogue_path(application: Path, language: str) -> Path:
    return application / "locale" / language / "LC_MESSAGES" / "django.po"


def files_of(application: Path, others: list[Path]) -> Iterator[Path]:
    """Yield the Python files and templates of one application, not those of one nested in it."""
    nested = [other for other in others if other != application and application in other.parents]
    for path in sorted(application.rglob("*")):
        if any(other in path.parents for other in nested):
            continue
        if path.suffix == ".py" or (path.suffix in {".html", ".txt"} and "templates" in path.parts):
            yield path


def as_python(path: Path) -> bytes:
    """Return the file as source that Babel's Python extractor reads.

    Django turns a template into a line of gettext calls amid filler; what is left of its
    indentation means nothing, and the tokenizer would stumble over it.
    """
    text = path.read_text(encoding="utf-8")
    if path.suffix != ".py":
        from django.utils.translation.template import templatize

        lines = templatize(text, origin=str(path)).splitlines()
        text = "\n".join(line.strip() for line in lines)
    return text.encode()


def extract_application(application: Path, others: list[Path]) -> Catalog:
    """Collect every text of one application, with the files that use it."""
    catalog = Catalog(project="Plazo", charset="utf-8", creation_date=FIXED_DATE)
    for path in files_of(application, others):
        found = extract(
            "python",
            io.BytesIO(as_python(path)),
            keywords=KEYWORDS,
            comment_tags=("Translators:",),
            options={"encoding": "utf-8"},
            strip_comment_tags=True,
        )
        place = path.relative_to(application).as_posix()
        for _line, msgid, comments, context in found:
            catalog.add(msgid, None, [(place, 0)], auto_comments=comments, context=context)
        for msgid, context in in_f_strings(path):
            catalog.add(msgid, None, [(place, 0)], context=context)
    return catalog


def in_f_strings(path: Path) -> Iterator[tuple[str | tuple[str, ...], str | None]]:
    """Yield the texts asked for inside f-strings, with their contexts.

    Before Python 3.12 an f-string is one token, and the extractor sees no call in it.
    """
    if path.suffix != ".py":
        return
    for joined in ast.walk(ast.parse(path.read_bytes())):
        if not isinstance(joined, ast.JoinedStr):
            continue
        for call in ast.walk(joined):
            if not isinstance(call, ast.Call) or not isinstance(call.func, ast.Name):
                continue
            name = call.func.id
            said = (arg.value for arg in call.args if isinstance(arg, ast.Constant))
            texts = [text for text in said if isinstance(text, str)]
            if name not in KEYWORDS or not texts:
                continue
            context = texts.pop(0) if "pgettext" in name else None
            yield tuple(texts[:2]) if name.startswith("n") else texts[0], context


def load(path: Path, language: str) -> Catalog:
    if not path.exists():
        return Catalog(
            locale=language,
            project="Plazo",
            charset="utf-8",
            creation_date=FIXED_DATE,
            revision_date=FIXED_DATE,
            header_comment="# Plazo's texts. Written by tools/messages.py; translations by hand.",
            fuzzy=False,
        )
    with path.open("rb") as stream:
        return read_po(stream, locale=language, domain="django")


def strings(message: Message) -> list[str]:
    """Return every form of a translation; the empty text for a form that is missing."""
    given = message.string if isinstance(message.string, list | tuple) else [message.string]
    return [text or "" for text in given]


def forms(message: Message) -> list[str]:
    """Return every form of the English text: one, or singular and plural."""
    return list(message.id) if isinstance(message.id, list | tuple) else [message.id]


def identity(message: Message) -> tuple[str, tuple[str, ...]]:
    return (message.context or "", tuple(forms(message)))


def show(message: Message) -> str:
    msgid = forms(message)[0]
    context = f"[{message.context}] " if message.context else ""
    return f"{context}“{msgid if len(msgid) <= 70 else msgid[:69] + '…'}”"


def update() -> int:
    """Bring every catalogue up to the code; keep translations, drop unused texts."""
    others = applications()
    for application in others:
        template = extract_application(application, others)
        for language in LANGUAGES:
            path = catalogue_path(application, language)
            if not len(template) and not path.exists():
                continue
            catalog = load(path, language)
            catalog.update(template, no_fuzzy_matching=True, update_creation_date=False)
            catalog.obsolete.clear()
            write_catalogue(catalog, path)
            missing = sum(not all(strings(m)) for m in catalog if m.id)
            print(f"{path.relative_to(ROOT)}: {len(catalog)} texts, {missing} to translate")
    return 0


def write_catalogue(catalog: Catalog, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    stream = io.BytesIO()
    write_po(stream, catalog, width=100, sort_output=True, include_lineno=False)
    write_if_changed(path, stream.getvalue())


def write_if_changed(path: Path, content: bytes) -> bool:
    """Replace the file in one step, and only when it differs: others may be reading it."""
    if path.exists() and path.read_bytes() == content:
        return False
    temporary = path.with_name(f"{path.name}.{os.getpid()}.tmp")
    temporary.write_bytes(content)
    temporary.replace(path)
    return True


def placeholders(text: str) -> set[str]:
    return {match.group(0) for match in PLACEHOLDER.finditer(text)}


def faults_of(message: Message) -> Iterator[str]:
    """Yield what is wrong with one translation."""
    if message.fuzzy:
        yield f"fuzzy: {show(message)}"
    translated = strings(message)
    if not all(text and text.strip() for text in translated):
        yield f"not translated: {show(message)}"
        return
    english = forms(message)
    expected = placeholders(english[-1])
    for number, text in enumerate(translated):
        # A singular form may leave the number out: "one day" needs no digit.
        optional = expected if len(english) > 1 and number == 0 else set()
        if placeholders(text) - expected or expected - placeholders(text) - optional:
            yield f"placeholders differ: {show(message)} → “{text}”"
        elif english[0].endswith("\n") != text.endswith("\n"):
            yield f"one ends in a new line and the other does not: {show(message)}"


def faults(source: Path = SOURCE) -> list[str]:
    """Return every fault of every catalogue, each with its file; empty is what a build needs."""
    found: list[str] = []
    others = applications(source)
    meanings: dict[tuple[str, tuple[str, ...], str], dict[str, str]] = defaultdict(dict)
    for application in others:
        template = extract_application(application, others)
        for language in LANGUAGES:
            path = catalogue_path(application, language)
            name = path.relative_to(source).as_posix()
            catalog = load(path, language)
            wanted = {identity(message) for message in template if message.id}
            for message in (message for message in catalog if message.id):
                if identity(message) not in wanted:
                    found.append(f"{name}: unused: {show(message)}")
                    continue
                wanted.discard(identity(message))
                found += [f"{name}: {fault}" for fault in faults_of(message)]
                meanings[(*identity(message), language)][name] = "|".join(strings(message))
            found += [f"{name}: obsolete: {show(m)}" for m in catalog.obsolete.values()]
            missing = [
                message for message in template if message.id and identity(message) in wanted
            ]
            found += [f"{name}: missing: {show(message)}" for message in missing]
    for (_context, english, _language), by_file in meanings.items():
        # Django merges all catalogues into one: two meanings of one text would shadow each other.
        if len(set(by_file.values())) > 1:
            found.append(f"translated in two ways: {english[0]!r} in {', '.join(sorted(by_file))}")
    return found


def check() -> int:
    found = faults()
    for fault in found:
        print(fault, file=sys.stderr)
    if found:
        print(
            f"{len(found)} faults; `tools/messages.py update` adds the missing texts",
            file=sys.stderr,
        )
        return 1
    print("every text is translated")
    return 0


def compile_all(source: Path = SOURCE) -> list[Path]:
    """Write the .mo beside every .po; return those that were out of date."""
    written = []
    for path in sorted(source.rglob("locale/*/LC_MESSAGES/django.po")):
        catalog = load(path, path.parent.parent.name)
        stream = io.BytesIO()
        write_mo(stream, catalog, use_fuzzy=False)
        if write_if_changed(path.with_suffix(".mo"), stream.getvalue()):
            written.append(path.with_suffix(".mo"))
    return written


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("do", choices=("update", "check", "compile"))
    match parser.parse_args().do:
        case "update":
            return update()
        case "check":
            return check()
        case _:
            for path in compile_all():
                print(path.relative_to(ROOT))
            return 0


if __name__ == "__main__":
    raise SystemExit(main())
