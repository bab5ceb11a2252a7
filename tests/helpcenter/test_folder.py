"""The knowledge base as a folder: out and in again without losing a letter; all of it or nothing."""

from datetime import date, timedelta
from pathlib import Path

import pytest
from django.core.files.base import ContentFile
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra.django import TestCase

from plazo.helpcenter import commands
from plazo.helpcenter.commands import Text
from plazo.helpcenter.errors import FolderRefused, NothingWritten
from plazo.helpcenter.folder import export_articles, import_articles
from plazo.helpcenter.models import (
    Article,
    ArticleFile,
    Category,
    Edition,
    FeaturedSearch,
    Section,
    Synonyms,
)
from tests.factory import TUESDAY, an_agent
from tests.kb import SYSTEM, a_section, an_article, publish, translated

LATER = TUESDAY + timedelta(days=30)


def contents(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def emptied() -> None:
    """Leave the knowledge base as on the first day."""
    Edition.objects.update(newest=None, published=None)
    for model in (Article, Section, Category, Synonyms, FeaturedSearch):
        model.objects.all().delete()


def around(folder: Path) -> tuple[dict[str, bytes], dict[str, bytes]]:
    """Export, import into an empty database, export again: what both exports hold."""
    export_articles(folder / "a")
    emptied()
    import_articles(folder / "a", actor=SYSTEM, now=LATER)
    export_articles(folder / "b")
    return contents(folder / "a"), contents(folder / "b")


def saved(edition, body, **choices):
    text = Text(title=edition.newest.title, body=body, summary="Un resumen: “así”")
    choices = {"actor": SYSTEM, "now": TUESDAY} | choices
    return commands.save_revision(edition_id=edition.pk, text=text, **choices)


@pytest.fixture
def everything():
    """A knowledge base with one of everything that an article can have."""
    a_section("internal", audience="staff")
    source = an_article(
        'Una "cita", \\ y +++ tres', "+++\ntitle = 1\n+++\n\nCon ñ, “comillas” y [x](article:segundo).\n",
        key="primero", labels=["B", "a"], review_by=date(2027, 3, 1), owner_id=an_agent().pk,
        related=["segundo"], position=7,
    )  # fmt: skip
    saved(source, "Un borrador, y [lo que falta](article:por-escribir).  \n\n    código\n")
    translated(source, "In English", "Text.\n")
    second = an_article(
        "Segundo", "![x](file:imagen.png)\n", section="internal", key="segundo", audience="staff"
    )
    commands.add_file(
        article_id=second.article_id, file=ContentFile(b"\x89PNG\r\n\x1a\n\x00\xff"), name="imagen.png",
        content_type="image/png", actor=SYSTEM, now=TUESDAY,
    )  # fmt: skip
    for slug in ("segundo-b", "segundo-c"):
        commands.change_article(
            article_id=second.article_id, slugs={"es": slug}, actor=SYSTEM, now=TUESDAY
        )
    review = an_article("En revisión", section="general", published=False)
    commands.ask_for_review(edition_id=review.pk, actor=SYSTEM, now=TUESDAY)
    planned = an_article("Programado", section="general", published=False)
    commands.schedule_edition(
        edition_id=planned.pk, publish_at=LATER + timedelta(days=1), actor=SYSTEM, now=TUESDAY
    )
    gone = an_article("Archivado", section="general")
    commands.archive_article(article_id=gone.article_id, actor=SYSTEM, now=TUESDAY)
    withdrawn = an_article("Retirado", section="general")
    commands.unpublish_edition(edition_id=withdrawn.pk, actor=SYSTEM, now=TUESDAY)
    english = an_article("Only English", language="en", section="general")
    behind = translated(an_article("Atrasada", section="general"), "Behind", "Text.\n")
    saved(behind.article.editions.get(language="es"), "Algo nuevo.\n")
    publish(behind.article.editions.get(language="es"))
    commands.save_synonyms(sets=[["licencia", "key", "serial"], ["dos palabras", "otra"]])
    for words in ("no llega", "firma"):
        commands.feature_search(language="es", words=words)
    commands.feature_search(language="en", words="retries")
    return english


@pytest.mark.django_db
def test_the_way_out_and_in_again_loses_nothing(everything, tmp_path):
    """Export, import into nothing, export: the same files with the same bytes, every one."""
    before, after = around(tmp_path)
    assert before == after
    assert set(before) >= {
        "categories.toml", "synonyms.toml", "searches.toml", "files/segundo/imagen.png",
        "es/esd/una-cita-y-tres.md", "es/esd/una-cita-y-tres.draft.md", "en/esd/in-english.md",
        "en/general/only-english.md", "es/general/archivado.md", "es/general/programado.md",
    }  # fmt: skip


@pytest.mark.django_db
def test_importing_what_is_there_already_changes_nothing(everything, tmp_path):
    """The same folder once more makes no second revision, no second file, no other address."""
    export_articles(tmp_path / "a")
    counts = [Article.objects.count(), Edition.objects.count(), ArticleFile.objects.count()]
    import_articles(tmp_path / "a", actor=SYSTEM, now=LATER)
    export_articles(tmp_path / "b")
    assert contents(tmp_path / "a") == contents(tmp_path / "b")
    assert counts == [Article.objects.count(), Edition.objects.count(), ArticleFile.objects.count()]


@pytest.mark.django_db
def test_a_changed_file_becomes_a_revision(tmp_path):
    """What was edited outside is the next text of its article, published as its file says."""
    edition = an_article(body="Antes.\n")
    export_articles(tmp_path)
    path = next(tmp_path.glob("es/esd/*.md"))
    path.write_text(path.read_text().replace("Antes.", "Después."))
    import_articles(tmp_path, actor=SYSTEM, now=LATER)
    edition.refresh_from_db()
    assert (edition.published.number, edition.published.body) == (2, "Después.\n")


class EveryText(TestCase):
    """Any words at all: those that a person pastes are the strangest."""

    @settings(max_examples=60, suppress_health_check=list(HealthCheck))
    @given(
        title=st.text(min_size=1, max_size=40),
        summary=st.text(max_size=40),
        body=st.text(min_size=1, max_size=80),
    )
    def test_any_words_survive(self, title, summary, body):
        """Whatever the database takes comes back letter by letter."""
        import tempfile

        title, summary, body = (
            text.encode("utf-8", "ignore").decode().replace("\x00", "")
            for text in (title, summary, body)
        )
        try:
            an_article(title, body, summary=summary)
        except NothingWritten:
            return
        with tempfile.TemporaryDirectory() as folder:
            before, after = around(Path(folder))
        assert before == after


# ── Folders that cannot be read ───────────────────────────────────────────────────────────────

HEAD = '+++\nkey = "a"\nsection = "esd"\ntitle = "A"\n+++\n\n'
CATEGORIES = '[[categories]]\nkey = "s"\nname = {es = "S"}\n[[categories.sections]]\nkey = "esd"\nname = {es = "E"}\n'
BAD = [
    pytest.param({"es/esd/A b.md": HEAD + "x\n"}, "the name must be letters", id="a name with blanks"),
    pytest.param({"es/esd/a.md": "x\n"}, "no front matter", id="no front matter"),
    pytest.param({"es/esd/a.md": "+++\nkey = \n+++\nx\n"}, "es/esd/a.md: ", id="front matter that is no TOML"),
    pytest.param({"es/esd/a.md": HEAD.replace("title", "tittle") + "x\n"}, "tittle", id="a misspelt field"),
    pytest.param({"es/esd/a.md": HEAD.replace('"a"', '"A!"') + "x\n"}, "key", id="a key that is none"),
    pytest.param({"es/esd/a.md": HEAD}, "there is no text", id="no text"),
    pytest.param({"es/esd/a.md": HEAD.replace("esd", "nada") + "x\n"}, "there is no section 'nada'", id="an unknown section"),
    pytest.param({"es/otra/a.md": HEAD + "x\n"}, "it says that its section is 'esd'", id="in the wrong folder"),
    pytest.param({"es/esd/a.md": HEAD + "[x](article:nada)\n"}, "there is no article 'nada'", id="a link to nowhere"),
    pytest.param({"es/esd/a.md": HEAD.replace("+++\n\n", 'related = ["nada"]\n+++\n\n') + "x\n"}, "there is no article 'nada'", id="related to nothing"),
    pytest.param({"es/esd/a.md": HEAD + "![x](file:nada.png)\n"}, "there is no file 'nada.png'", id="a missing file"),
    pytest.param({"es/esd/a.md": HEAD + "x\n", "es/esd/b.md": HEAD + "y\n"}, "has the same key", id="two of one key"),
    pytest.param({"es/esd/a.md": HEAD + "x\n", "en/esd/a.md": HEAD.replace("+++\n\n", 'audience = "staff"\n+++\n\n') + "y\n"}, "audience differs", id="languages that disagree"),
    pytest.param({"es/esd/a.md": HEAD.replace("+++\n\n", 'owner = "x@y.example"\n+++\n\n') + "x\n"}, "no agent has the address", id="an unknown owner"),
    pytest.param({"es/esd/a.md": HEAD.replace("+++\n\n", 'state = "lost"\n+++\n\n') + "x\n"}, "state", id="an unknown state"),
    pytest.param({"categories.toml": "x"}, "categories.toml: ", id="shelves that are no TOML"),
    pytest.param({"synonyms.toml": "[[synonyms]]\nword = 1\n"}, "synonyms.toml: ", id="synonyms of another form"),
]  # fmt: skip


@pytest.mark.django_db
@pytest.mark.parametrize(("files", "problem"), BAD)
def test_a_bad_folder_is_refused_whole_and_says_where(tmp_path, files, problem):
    """The problem is named with its file, and nothing of the folder was written, good parts neither."""
    good = {
        "categories.toml": CATEGORIES,
        "es/esd/bien.md": HEAD.replace('"a"', '"bien"') + "Bien.\n",
    }
    for name, content in (good | files).items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content, encoding="utf-8")
    with pytest.raises(FolderRefused) as refused:
        import_articles(tmp_path, actor=SYSTEM, now=TUESDAY)
    assert any(problem in said for said in refused.value.data["problems"]), refused.value.data
    assert not Article.objects.exists()
    assert not Category.objects.exists()


@pytest.mark.django_db
def test_every_problem_is_named_at_once(tmp_path):
    """Who mends a folder sees all that is wrong with it, not one thing at a time."""
    for name in ("a", "b", "c"):
        path = tmp_path / "es" / "esd" / f"{name}.md"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(HEAD.replace('"a"', f'"{name}"').replace("esd", "nada"), encoding="utf-8")
    with pytest.raises(FolderRefused) as refused:
        import_articles(tmp_path, actor=SYSTEM, now=TUESDAY)
    assert len(refused.value.data["problems"]) == 6  # no section and no text, each


@pytest.mark.django_db
def test_nothing_is_written_over_a_folder_with_something_in_it(tmp_path):
    """An export never mixes with what was there."""
    (tmp_path / "x").write_text("mío")
    with pytest.raises(FolderRefused):
        export_articles(tmp_path)
    with pytest.raises(FolderRefused):
        import_articles(tmp_path / "nada", actor=SYSTEM, now=TUESDAY)
