"""The editors' screens: who may do what, what a page costs, and that no words are lost."""

import json
import re
from datetime import date, timedelta

import pytest
import time_machine
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from plazo.accounts.models import Agent, Role, User
from plazo.helpcenter import commands, editing, reading
from plazo.helpcenter.commands import Text
from plazo.helpcenter.models import (
    Article,
    ArticleEvent,
    ArticleFile,
    Category,
    Edition,
    FeaturedSearch,
    Revision,
    SearchTally,
    Section,
    Synonyms,
)
from tests.factory import TUESDAY, an_agent, publish_iws
from tests.kb import SYSTEM, a_section, an_article, an_editor, translated

pytestmark = pytest.mark.django_db
PNG = b"\x89PNG\r\n\x1a\n" + b"x" * 40


@pytest.fixture(autouse=True)
def world(db):
    """The real agreement is in force, and it is Tuesday at 14:52."""
    publish_iws()
    with time_machine.travel(TUESDAY, tick=False):
        yield


def signed_in(agent):
    client = Client()
    client.force_login(agent.user)
    return client


@pytest.fixture
def editor():
    """Somebody who publishes, signed in."""
    return signed_in(an_editor())


@pytest.fixture
def writer():
    """An agent of level 1, signed in: writes, and does not publish."""
    return signed_in(an_agent(1))


def address(name, *arguments):
    return reverse(f"desk:{name}", args=arguments)


def of(edition, name="article", *more):
    return address(name, edition.article.key, edition.language, *more)


def typed(edition=None, **choices):
    """Return what the editor's form sends."""
    newest = edition.newest if edition else None
    wanted = {
        "title": newest.title if newest else "Un título",
        "summary": "",
        "body": newest.body if newest else "Un texto.\n",
        "based_on": newest.number if newest else "",
        "do": "save",
    }
    return wanted | choices


def text_of(response):
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", response.content.decode()))


# ── Who gets in ───────────────────────────────────────────────────────────────────────────────


def pages():
    """Every address of the screens, as method, name and arguments; for an article that is there."""
    edition = an_article()
    key, language = edition.article.key, edition.language
    file = commands.add_file(
        article_id=edition.article_id, file=SimpleUploadedFile("a.png", PNG), name="a.png",
        content_type="image/png", actor=SYSTEM, now=TUESDAY,
    )  # fmt: skip
    section = edition.article.section
    return [
        ("get", "articles", []), ("get", "article_new", []), ("post", "article_new", []),
        ("get", "article_find", []), ("post", "article_preview", []), ("get", "insights", []),
        ("get", "kb_file", [file.public_id]), ("post", "handled", ["search", 1]),
        ("get", "synonyms", []), ("post", "synonyms", []), ("post", "feature", []),
        ("post", "unfeature", [1]), ("get", "sections", []), ("post", "section_new", []),
        ("post", "category_new", []), ("post", "section", [section.key]),
        ("post", "category", [section.category.key]),
        ("post", "shelf_remove", ["section", section.key]),
        ("post", "article_verify", [key]), ("post", "article_file", [key]),
        ("post", "file_remove", [key, "a.png"]), ("post", "article_act", [key, "archive"]),
        ("get", "article", [key, language]), ("post", "article", [key, language]),
        ("get", "article_page", [key, language]), ("post", "article_settings", [key, language]),
        ("post", "article_back", [key, language]),
        ("post", "edition_act", [key, language, "unpublish"]),
        ("get", "article_history", [key, language]),
        ("post", "article_restore", [key, language, 1]),
        ("get", "announcements", []), ("get", "announcement_new", []),
    ]  # fmt: skip


def test_strangers_are_asked_to_sign_in():
    """Without a sign-in every screen leads to it, and does nothing."""
    for method, name, arguments in pages():
        response = getattr(Client(), method)(address(name, *arguments))
        assert (response.status_code, response["Location"][:16]) == (302, "/accounts/login/"), name
    assert Revision.objects.count() == 1


def test_for_a_requester_the_screens_do_not_exist():
    """Somebody who signs in without being an agent gets 404 everywhere, also by POST."""
    client = Client()
    client.force_login(User.objects.create_user("cliente@andina.example", "una clave larga"))
    for method, name, arguments in pages():
        assert getattr(client, method)(address(name, *arguments)).status_code == 404, name
    assert Article.objects.get().archived_at is None


def test_what_is_not_there_is_a_404(editor):
    """Unknown keys, languages, revisions, acts and files, each by each method."""
    edition = an_article()
    key = edition.article.key
    for method, name, arguments in [
        ("get", "article", ["nada", "es"]), ("get", "article", [key, "fr"]),
        ("post", "article", [key, "fr"]), ("get", "article_history", [key, "en"]),
        ("get", "article_page", [key, "en"]), ("post", "article_settings", [key, "en"]),
        ("post", "article_restore", [key, "es", 9]), ("post", "edition_act", [key, "es", "x"]),
        ("post", "edition_act", [key, "en", "unpublish"]), ("post", "article_act", [key, "x"]),
        ("post", "article_verify", ["nada"]), ("post", "article_file", ["nada"]),
        ("post", "section", ["nada"]), ("post", "category", ["nada"]),
        ("post", "shelf_remove", ["section", "nada"]), ("post", "handled", ["x", 1]),
        ("get", "kb_file", ["8a1c3f9e-0000-4000-8000-000000000000"]),
    ]:  # fmt: skip
        assert getattr(editor, method)(address(name, *arguments)).status_code == 404, (
            name,
            arguments,
        )


# ── Who may do what: role × act ───────────────────────────────────────────────────────────────

ACTS = {
    "write": ("article", {"do": "save", "body": "Nuevo.\n"}, lambda e: e.newest.number == 2),
    "ask for review": ("article", {"do": "review", "body": "Nuevo.\n"}, lambda e: e.state == "review"),
    "publish": ("article", {"do": "publish", "body": "Nuevo.\n"}, lambda e: e.published.number == 2),
    "plan": ("article", {"do": "schedule", "body": "Nuevo.\n", "at": "2026-11-25T08:00"}, lambda e: e.state == "scheduled"),
    "unpublish": ("edition_act unpublish", {}, lambda e: e.published is None),
    "archive": ("article_act archive", {}, lambda e: e.article.archived_at is not None),
    "verify": ("article_verify", {"review_by": "2027-03-01"}, lambda e: e.article.review_by == date(2027, 3, 1)),
    "label": ("article_settings", {"labels": "Órdenes, ESD"}, lambda e: e.article.labels == ["ordenes", "esd"]),
    "widen": ("article_settings", {"audience": "clients"}, lambda e: e.article.audience == "clients"),
}  # fmt: skip
EVERYONE = {"write", "ask for review", "verify", "label"}
MATRIX = [
    (role, act, act in EVERYONE or role != Role.AGENT) for role in Role.values for act in ACTS
]


@pytest.mark.parametrize(("role", "act", "may"), MATRIX, ids=[f"{r}: {a}" for r, a, _ in MATRIX])
def test_every_agent_writes_and_those_above_level_1_publish(role, act, may):
    """The matrix of roles and acts: what the screen does not offer, the command refuses too."""
    edition = an_article()
    agent = an_agent(1)
    Agent.objects.filter(pk=agent.pk).update(role=role)
    name, data, holds = ACTS[act]
    name, _blank, what = name.partition(" ")
    if name == "article_settings":
        data = settings_of(edition) | data
    arguments = [edition.article.key]
    arguments += (
        [edition.language] if name in ("article", "edition_act", "article_settings") else []
    )
    arguments += [what] if what else []
    signed_in(agent).post(address(name, *arguments), typed(edition) | data)
    edition = Edition.objects.select_related("article", "newest", "published").get(pk=edition.pk)
    assert holds(edition) == may


def settings_of(edition):
    article = edition.article
    return {
        "section": article.section.key, "audience": article.audience, "owner": "",
        "review_by": "", "labels": "", "related": "", "position": article.position,
        "source_language": "es", "slug_es": edition.slug,
    }  # fmt: skip


def test_a_text_that_may_not_be_published_is_saved_all_the_same(writer):
    """The words come first: what is refused is only the publication, in a sentence."""
    edition = an_article()
    response = writer.post(of(edition), typed(edition, do="publish", body="Nuevo.\n"), follow=True)
    assert "Los artículos los publica Coordinación" in text_of(response)
    edition.refresh_from_db()
    assert (edition.newest.body, edition.published.number) == ("Nuevo.\n", 1)


def test_only_who_publishes_sees_the_buttons(editor, writer):
    """An agent of level 1 is offered a review instead."""
    edition = an_article()
    for client, offered, hidden in ((editor, "publish", "review"), (writer, "review", "publish")):
        body = client.get(of(edition)).content.decode()
        assert f'value="{offered}"' in body
        assert f'value="{hidden}"' not in body


# ── Writing ───────────────────────────────────────────────────────────────────────────────────


def test_an_article_begins_on_its_shelf_with_its_author_as_owner(writer):
    """Section, language and audience; then one is in the editor of the draft."""
    a_section("esd")
    data = typed(title="Cómo firmar", section="esd", language="es", audience="clients")
    response = writer.post(address("article_new"), data)
    edition = Edition.objects.get()
    assert response["Location"] == of(edition)
    article = edition.article
    assert (article.section.key, article.audience, article.owner) == ("esd", "clients", an_agent(1))
    assert edition.published is None


def test_a_search_in_vain_begins_an_article(writer):
    """Its words and its language are in the form."""
    body = writer.get(address("article_new") + "?language=en&title=retry+policy").content.decode()
    assert 'value="retry policy"' in body
    assert '<option value="en" selected>' in body


@pytest.mark.parametrize(
    ("data", "said"),
    [
        ({"title": ""}, "Escriba un título"),
        ({"body": ""}, "Escriba el texto"),
        ({"body": " \n"}, "Escriba antes un título y un texto"),
    ],
)
def test_what_is_incomplete_comes_back_with_every_word(writer, data, said):
    """422, the reason, and the rest of what was typed."""
    edition = an_article()
    response = writer.post(of(edition), typed(edition, summary="muy valioso") | data)
    assert response.status_code in (400, 422)
    assert said in text_of(response)
    assert "muy valioso" in response.content.decode()


def test_somebody_elses_text_is_shown_and_ones_own_is_kept(editor):
    """A conflict is 409: my words in the form, theirs beside them; saving again then goes through."""
    edition = an_article(body="Uno dos tres.\n")
    commands.save_revision(
        edition_id=edition.pk, text=Text(title=edition.newest.title, body="Uno DOS tres.\n"), actor=SYSTEM, now=TUESDAY
    )  # fmt: skip
    mine = typed(edition, body="Uno dos TRES.\n", do="publish")
    response = editor.post(of(edition), mine)
    body = response.content.decode()
    assert response.status_code == 409
    assert "Uno dos TRES." in body
    assert "guardó este artículo mientras usted lo editaba" in text_of(response)
    assert re.search(r"<del>.*DOS", body)
    assert Revision.objects.count() == 2
    based_on = re.search(r'name="based_on" value="(\d+)"', body).group(1)
    assert editor.post(of(edition), mine | {"based_on": based_on}).status_code == 302
    edition.refresh_from_db()
    assert edition.published.body == "Uno dos TRES.\n"


def test_without_script_a_preview_keeps_what_is_typed(editor):
    """Nothing is saved; the page shows the text as readers would see it, and the form as it was."""
    edition = an_article()
    response = editor.post(of(edition), typed(edition, do="preview", body="**Así**\n"))
    body = response.content.decode()
    assert response.status_code == 200
    assert "<strong>Así</strong>" in body
    assert "**Así**" in body
    assert Revision.objects.count() == 1


def test_a_time_is_read_in_the_agents_own_zone(editor):
    """08:00 typed by somebody in Madrid is 07:00 UTC."""
    edition = an_article(published=False)
    User.objects.filter(agent=an_editor()).update(time_zone="Europe/Madrid")
    editor.post(of(edition), typed(edition, do="schedule", at="2026-12-01T08:00"))
    edition.refresh_from_db()
    assert edition.publish_at.isoformat() == "2026-12-01T07:00:00+00:00"
    page = text_of(editor.get(of(edition))).replace("\xa0", " ")
    assert "Se publicará: 1 dic 2026, 8:00 CET" in page


@pytest.mark.parametrize(
    ("at", "said"),
    [
        ("", "escriba un día y una hora"),
        ("ayer", "escriba un día y una hora"),
        ("2026-11-24T14:52", "aún no haya pasado"),
    ],
)
def test_a_time_that_cannot_be_is_said(editor, at, said):
    """The text is saved; the plan is not made."""
    edition = an_article(published=False)
    response = editor.post(
        of(edition), typed(edition, do="schedule", at=at, body="Nuevo.\n"), follow=True
    )
    assert said in text_of(response)
    edition.refresh_from_db()
    assert (edition.state, edition.newest.number) == ("draft", 2)


def test_a_text_in_review_goes_back_with_words(editor, writer):
    """Its author finds them in the history."""
    edition = an_article(published=False)
    writer.post(of(edition), typed(edition, do="review"))
    editor.post(of(edition, "article_back"), {"words": "Falta el límite de tiempo."})
    edition.refresh_from_db()
    assert edition.state == "draft"
    assert "Falta el límite de tiempo." in text_of(writer.get(of(edition, "article_history")))


def test_a_translation_is_written_beside_its_original(editor):
    """The original's text is on the page; what changed in it since is shown; one click brings up."""
    source = an_article(body="Espere cinco minutos.\n")
    key = source.article.key
    page = editor.get(address("article", key, "en"))
    assert "Espere cinco minutos." in page.content.decode()
    editor.post(
        address("article", key, "en"), typed(title="Wait", body="Wait.\n", based_on=0, do="publish")
    )
    commands.save_revision(
        edition_id=source.pk, text=Text(title=source.newest.title, body="Espere quince minutos.\n"), actor=SYSTEM, now=TUESDAY
    )  # fmt: skip
    commands.publish_edition(edition_id=source.pk, actor=SYSTEM, now=TUESDAY)
    body = editor.get(address("article", key, "en")).content.decode()
    assert re.search(r"<del>.*cinco.*</del><ins>.*quince", body)
    assert "traducción atrasada" in body
    editor.post(address("edition_act", key, "en", "bring_up"))
    assert "traducción atrasada" not in editor.get(address("article", key, "en")).content.decode()


def test_settings_say_what_is_wrong_and_change_nothing_then(editor):
    """An address that is taken, an article that is not there, an address that is none."""
    edition, other = an_article(), an_article("Otro")
    for data, said in (
        ({"slug_es": other.slug}, "Otro artículo tiene la dirección"),
        ({"related": "nada"}, "No existe el artículo «nada»"),
        ({"slug_es": "Con Blancos"}, "Use letras a–z"),
    ):
        response = editor.post(of(edition, "article_settings"), settings_of(edition) | data)
        assert response.status_code == 422
        assert said in text_of(response)
    assert not ArticleEvent.objects.filter(kind="changed").exists()


def test_settings_are_told_in_the_history_in_words(editor):
    """Who changed what, from what to what."""
    edition, other = an_article(), an_article("Otro")
    data = {"audience": "staff", "owner": an_agent().pk, "related": other.article.key, "slug_es": "nueva", "review_by": "2027-03-01"}  # fmt: skip
    editor.post(of(edition, "article_settings"), settings_of(edition) | data)
    page = text_of(editor.get(of(edition, "article_history")))
    for said in ("Cambió los ajustes", "Quién lee: Cualquiera → Nuestro equipo", "Responsable: – → Agente de nivel 1", "Por revisar antes de: – → 1 mar 2027", "→ es/nueva"):  # fmt: skip
        assert said in page, said


# ── Previews and files ────────────────────────────────────────────────────────────────────────


def test_a_preview_is_as_clean_as_what_is_published(editor):
    """What attackers type is text; links lead where they would; what leads nowhere is named."""
    other = an_article("Otro")
    body = f"<script>alert(1)</script> [x](javascript:alert(1)) [o](article:{other.article.key}#h) [p](page:new) [n](article:nada)"
    html = editor.post(
        address("article_preview"), {"title": "<img onerror=x>", "body": body, "language": "es"}
    ).content.decode()
    assert "<script" not in html
    assert "<img" not in html
    assert "javascript:alert(1)" not in re.sub(r">[^<]*<", "><", html)
    assert f'href="/hc/es/articles/{other.slug}/#h"' in html
    assert 'href="/hc/es/requests/new/"' in html
    assert "article:nada" in html


def upload(client, edition, file, **headers):
    return client.post(
        address("article_file", edition.article.key), {"file": file}, headers=headers
    )


@pytest.mark.parametrize(
    ("name", "content", "markdown"),
    [
        ("Captura de Pantalla.png", PNG, "![captura de pantalla](file:captura-de-pantalla.png)"),
        ("foto.jpg", b"\xff\xd8\xff\xe0" + b"x" * 40, "![foto](file:foto.jpg)"),
        ("guia.pdf", b"%PDF-1.7 ...", "[guia.pdf](file:guia.pdf)"),
        ("dibujo.svg", b"<svg onload=alert(1)>", "[dibujo.svg](file:dibujo.svg)"),
        ("falsa.png", b"<html>no image</html>", "[falsa.png](file:falsa.png)"),
    ],
)
def test_a_pasted_file_says_what_to_write(editor, name, content, markdown):
    """Only what its first bytes show to be an image is shown in place."""
    edition = an_article()
    response = upload(editor, edition, SimpleUploadedFile(name, content), accept="application/json")
    assert json.loads(response.content)["markdown"] == markdown


def test_files_are_refused_in_a_sentence(editor):
    """No file, and an empty one: as JSON for the script, as a message without it."""
    edition = an_article()
    empty = SimpleUploadedFile("nada.png", b"")
    for file in ("", empty):
        answer = upload(editor, edition, file, accept="application/json")
        assert answer.status_code == 422
        assert json.loads(answer.content)["error"]
    url = address("article_file", edition.article.key)
    assert "Elija un archivo" in text_of(editor.post(url, {}, follow=True))
    assert not ArticleFile.objects.exists()


def test_without_script_files_come_by_a_form_and_go_by_one(editor):
    """The list shows them; one that the text shows cannot go."""
    edition = an_article()
    upload(editor, edition, SimpleUploadedFile("a.png", PNG))
    page = editor.get(of(edition)).content.decode()
    file = ArticleFile.objects.get()
    assert address("kb_file", file.public_id) in page
    editor.post(of(edition), typed(edition, body="![x](file:a.png)\n"))
    remove = address("file_remove", edition.article.key, "a.png")
    assert "Sáquelo antes del texto" in text_of(
        editor.post(remove, {"language": "es"}, follow=True)
    )
    edition.refresh_from_db()
    editor.post(of(edition), typed(edition, body="Nada.\n"))
    editor.post(remove, {"language": "es"})
    assert not ArticleFile.objects.exists()


def test_files_are_handed_out_inert(editor):
    """An image in place, anything else as a download, and neither may run."""
    edition = an_article()
    for name, content, kind in (
        ("a.png", PNG, "image/png"),
        ("b.svg", b"<svg/>", "application/octet-stream"),
    ):
        upload(editor, edition, SimpleUploadedFile(name, content))
        file = ArticleFile.objects.get(name=name)
        response = editor.get(address("kb_file", file.public_id))
        assert response["Content-Type"] == kind
        assert "sandbox" in response["Content-Security-Policy"]
        assert b"".join(response.streaming_content) == content


# ── The list ──────────────────────────────────────────────────────────────────────────────────


@pytest.fixture
def shelf():
    """Articles in each state."""
    stale = an_article(
        "Vieja",
        "Un texto sobre firmas.\n",
        labels=["firma"],
        review_by=date(2026, 11, 24),
        owner_id=an_agent().pk,
    )
    an_article("Borrador", section="general", published=False)
    review = an_article("En revisión", published=False)
    commands.ask_for_review(edition_id=review.pk, actor=SYSTEM, now=TUESDAY)
    changed = an_article("Con cambios", audience="clients")
    english = translated(changed, "With changes", "Text.\n")
    commands.save_revision(
        edition_id=changed.pk,
        text=Text(title="Con cambios", body="Más.\n"),
        actor=SYSTEM,
        now=TUESDAY,
    )
    planned = an_article("Programado", published=False)
    commands.schedule_edition(
        edition_id=planned.pk, publish_at=TUESDAY + timedelta(hours=1), actor=SYSTEM, now=TUESDAY
    )
    gone = an_article("Archivado")
    commands.archive_article(article_id=gone.article_id, actor=SYSTEM, now=TUESDAY)
    behind = an_article("Con traducción", section="general")
    translated(behind, "Behind", "Text.\n")
    commands.save_revision(
        edition_id=behind.pk,
        text=Text(title="Con traducción", body="Más.\n"),
        actor=SYSTEM,
        now=TUESDAY,
    )
    commands.publish_edition(edition_id=behind.pk, actor=SYSTEM, now=TUESDAY)
    return {"stale": stale, "english": english}


def listed(client, query=""):
    body = client.get(address("articles") + query).content.decode()
    return re.findall(r'class="kb-list__t" href="[^"]+">([^<]+)<', body)


FILTERS = [
    ("", {"Vieja", "En revisión", "Con cambios", "Programado", "Borrador", "Con traducción"}),
    ("?state=draft", {"Borrador"}),
    ("?state=review", {"En revisión"}),
    ("?state=scheduled", {"Programado"}),
    ("?state=published", {"Vieja", "Con cambios", "Con traducción"}),
    ("?state=changes", {"Con cambios"}),
    ("?state=archived", {"Archivado"}),
    ("?section=general", {"Borrador", "Con traducción"}),
    ("?audience=clients", {"Con cambios"}),
    ("?language=en", {"Con cambios", "Con traducción"}),
    ("?language=missing&state=published", {"Vieja"}),
    ("?language=behind", {"Con traducción"}),
    ("?label=firma", {"Vieja"}),
    ("?words=firmas", {"Vieja"}),
    ("?words=with+changes", {"Con cambios"}),
    ("?words=nada", set()),
    ("?state=__class__&section=x'&owner=abc&page=-1&order=pk", {"Vieja", "En revisión", "Con cambios", "Programado", "Borrador", "Con traducción"}),
]  # fmt: skip


@pytest.mark.parametrize(("query", "titles"), FILTERS, ids=[f[0] or "all" for f in FILTERS])
def test_the_list_shows_what_was_asked_for(shelf, writer, query, titles):
    """Each tab and each filter; what makes no sense filters nothing."""
    assert set(listed(writer, query)) == titles


def test_the_list_is_filtered_by_owner_and_ordered(shelf, writer):
    """By who answers for them; by what must be looked at first."""
    assert listed(writer, f"?owner={an_agent().pk}") == ["Vieja"]
    assert listed(writer, "?order=review")[0] == "Vieja"
    assert listed(writer, "?order=changed")[0] in ("Con cambios", "Con traducción")


def test_tabs_count_articles(shelf, writer):
    """Each article once, whatever its languages."""
    assert editing.states_of_articles() == {
        "": 6, "draft": 1, "review": 1, "scheduled": 1, "published": 3, "changes": 1, "archived": 1,
    }  # fmt: skip
    assert "Todos los artículos 6" in text_of(writer.get(address("articles")))


def test_rows_show_languages_side_by_side_and_what_is_stale(shelf, writer):
    """Published, missing, behind, and the day that has passed."""
    page = text_of(writer.get(address("articles")))
    for said in ("Español: publicado", "Inglés: falta", "publicado, con cambios", "traducción atrasada", "24 nov 2026 ya pasó"):  # fmt: skip
        assert said in page, said


def test_the_next_page_begins_where_this_one_ended(writer, monkeypatch):
    """Every article once, in its order."""
    monkeypatch.setattr(editing, "PAGE", 3)
    for number in range(8):
        an_article(f"Artículo {number}", published=False)
    pages = [listed(writer, f"?page={number}") for number in (1, 2, 3, 4)]
    assert [len(page) for page in pages] == [3, 3, 2, 0]
    assert [title for page in pages for title in page] == [f"Artículo {n}" for n in range(8)]


# ── What a page costs ─────────────────────────────────────────────────────────────────────────


def queries_of(client, url):
    client.get(url)
    with CaptureQueriesContext(connection) as captured:
        assert client.get(url).status_code == 200
    return len(captured)


def test_screens_cost_the_same_for_one_article_and_for_many(editor):
    """The list, the insights, the shelves, the words, the picker: a fixed number of queries each."""
    first = an_article(labels=["a"], owner_id=an_agent().pk)
    translated(first, "English", "Text.\n")
    reading.count_view(first, now=TUESDAY)
    reading.searched("nada", language="es", found=0, now=TUESDAY)
    urls = {"articles": 14, "insights": 15, "sections": 10, "synonyms": 9, "article_find": 6}
    before = {name: queries_of(editor, address(name)) for name in urls}
    for number in range(25):
        other = an_article(
            f"Otro {number}", labels=[f"b{number}"], section=f"s{number}", owner_id=an_editor().pk
        )
        translated(other, f"Other {number}", "Text.\n")
        reading.count_view(other, now=TUESDAY)
        reading.vote(edition=other, voter=str(number), useful=False, words="No.", now=TUESDAY)
        reading.searched(f"nada {number}", language="es", found=0, now=TUESDAY)
        reading.searched(f"algo {number}", language="es", found=3, now=TUESDAY)
        commands.feature_search(language="es", words=f"algo {number}")
    for name, budget in urls.items():
        assert queries_of(editor, address(name)) == before[name] <= budget, name


def test_an_article_costs_the_same_with_one_revision_and_with_many(editor):
    """The editor and the history: whatever was written before, however many files and links."""
    edition = an_article(related=["otro"])
    an_article("Otro", key="otro")
    translated(edition, "English", "Text.\n")
    urls = [
        of(edition),
        address("article", edition.article.key, "en"),
        of(edition, "article_history"),
    ]
    for url in urls:
        editor.get(url)
    commands.save_revision(edition_id=edition.pk, text=Text(title="x", body="[o](article:otro)![f](file:f.png)\n"), actor=SYSTEM, now=TUESDAY)  # fmt: skip
    upload(editor, edition, SimpleUploadedFile("f.png", PNG))
    before = [queries_of(editor, url) for url in urls]
    for number in range(30):
        commands.save_revision(edition_id=edition.pk, text=Text(title="x", body=f"{number} [o](article:otro)![f](file:f.png)\n"), actor=SYSTEM, now=TUESDAY)  # fmt: skip
        upload(editor, edition, SimpleUploadedFile(f"f{number}.png", PNG + bytes([number])))
    assert [queries_of(editor, url) for url in urls] == before
    assert max(before) <= 19


# ── History ───────────────────────────────────────────────────────────────────────────────────


def test_any_two_texts_are_compared_and_an_earlier_one_comes_back(editor):
    """Struck out and underlined as deletions and insertions; restoring leads to the editor."""
    edition = an_article(body="Uno.\n")
    for body in ("Dos.\n", "Tres.\n"):
        commands.save_revision(
            edition_id=edition.pk,
            text=Text(title=edition.newest.title, body=body),
            actor=SYSTEM,
            now=TUESDAY,
        )
    url = of(edition, "article_history")
    for query, gone, new in (
        ("", "Dos", "Tres"),
        ("?from=1&to=3", "Uno", "Tres"),
        ("?from=3&to=1", "Uno", "Tres"),
    ):
        body = editor.get(url + query).content.decode()
        assert re.search(rf"<del>[^/]*/span>{gone}", body), query
        assert re.search(rf"<ins>[^/]*/span>{new}", body), query
    assert editor.get(url + "?from=1&to=99").status_code == 404
    assert editor.get(url + "?from=x&to=1").status_code == 200
    editor.post(of(edition, "article_restore", 1))
    edition.refresh_from_db()
    assert (edition.newest.number, edition.newest.body) == (4, "Uno.\n")
    assert "Otra vez el texto de la revisión 1" in text_of(editor.get(url))


# ── Shelves, words, insights ──────────────────────────────────────────────────────────────────

SECTION = {
    "key": "firmas", "category": "services", "name_es": "Firmas", "name_en": "Signatures",
    "description_es": "Cómo firmar.", "description_en": "", "service": "esd", "icon": "key-round",
    "audience": "staff", "position": "3",
}  # fmt: skip


def test_shelves_are_made_changed_and_removed(editor):
    """With names in both languages, a service of the agreement, an audience."""
    a_section("esd")
    assert editor.post(address("section_new"), SECTION).status_code == 302
    section = Section.objects.get(key="firmas")
    assert (section.name, section.service, section.audience) == (
        {"es": "Firmas", "en": "Signatures"},
        "esd",
        "staff",
    )
    editor.post(address("section", "firmas"), SECTION | {"key": "otra", "name_es": "Firmar"})
    section.refresh_from_db()
    assert (section.key, section.title("es")) == ("firmas", "Firmar")
    editor.post(address("shelf_remove", "section", "firmas"))
    assert not Section.objects.filter(key="firmas").exists()
    editor.post(address("category_new"), {"key": "nueva", "name_es": "Nueva", "position": 1})
    assert Category.objects.get(key="nueva").name == {"es": "Nueva"}


@pytest.mark.parametrize(
    ("data", "said"),
    [
        ({"key": "esd"}, "Esta clave ya existe"),
        ({"key": "Con Blancos"}, "Use letras a–z"),
        ({"name_es": ""}, "Nombre en español"),
        ({"description_es": "", "description_en": "x"}, "Escríbala también en español"),
        ({"service": "nada"}, "Servicio del acuerdo"),
    ],
)
def test_a_shelf_that_cannot_be_is_said_with_what_was_typed(editor, data, said):
    """422, the field and the reason; nothing is made."""
    a_section("esd")
    response = editor.post(address("section_new"), SECTION | data)
    assert response.status_code == 422
    assert said in text_of(response)
    assert Section.objects.count() == 1


def test_a_shelf_with_articles_stays(editor):
    """The reason is said."""
    an_article()
    response = editor.post(address("shelf_remove", "section", "esd"), follow=True)
    assert "No está vacía" in text_of(response)


def test_an_agent_of_level_1_sees_shelves_and_words_and_changes_none(writer):
    """No form is offered, and what is sent all the same is refused."""
    a_section("esd")
    for name in ("sections", "synonyms"):
        assert "Coordinación" in text_of(writer.get(address(name)))
    writer.post(address("section", "esd"), SECTION)
    writer.post(address("synonyms"), {"sets": "a = b"})
    writer.post(address("feature"), {"language": "es", "words": "x"})
    assert Section.objects.get().audience == "everyone"
    assert not Synonyms.objects.exists()
    assert not FeaturedSearch.objects.exists()


def test_synonyms_are_lines(editor):
    """As they are typed they come back; a line of one word is named."""
    editor.post(address("synonyms"), {"sets": "licencia = key=  serial \r\n\r\na = b"})
    assert editing.synonym_sets() == [["licencia", "key", "serial"], ["a", "b"]]
    assert "licencia = key = serial\na = b" in editor.get(address("synonyms")).content.decode()
    response = editor.post(address("synonyms"), {"sets": "a = b\nsola"})
    assert response.status_code == 422
    assert "«sola» necesita dos palabras" in text_of(response)
    assert len(editing.synonym_sets()) == 2


def test_insights_say_what_asks_for_work(shelf, editor):
    """Views, usefulness, deflections, what is stale and behind, searches, sentences; and put aside."""
    edition = shelf["stale"]
    for _ in range(3):
        reading.count_view(edition, now=TUESDAY)
    reading.count_deflection(edition, now=TUESDAY)
    reading.vote(edition=edition, voter="a", useful=True, now=TUESDAY)
    reading.vote(edition=edition, voter="b", useful=False, words="Falta un ejemplo", now=TUESDAY)
    reading.searched("webhook firma", language="es", found=0, now=TUESDAY)
    reading.searched("licencia", language="es", found=4, now=TUESDAY)
    page = text_of(editor.get(address("insights"))).replace("\xa0", " ")
    for said in ("Lecturas 3", "Les sirvió 50 %", "Casos evitados 1", "Falta un ejemplo", "webhook firma", "24 nov 2026", "Behind"):  # fmt: skip
        assert said in page, said
    tally = SearchTally.objects.get(found=0)
    editor.post(address("handled", "search", tally.pk))
    editor.post(address("handled", "sentence", edition.feedback.get(voter="b").pk))
    editor.post(address("feature"), {"language": "es", "words": "licencia", "from": "insights"})
    page = text_of(editor.get(address("insights")))
    assert "webhook firma" not in page
    assert "Falta un ejemplo" not in page
    assert "ofrecida" in page
    editor.post(address("unfeature", FeaturedSearch.objects.get().pk), {"from": "insights"})
    assert not FeaturedSearch.objects.exists()


def test_the_screens_speak_english_too(editor):
    """The person's cookie decides; nothing of them stays in Spanish."""
    edition = an_article()
    editor.cookies["plazo_language"] = "en"
    for url, said in (
        (address("articles"), "Knowledge base"),
        (of(edition), "Save draft"),
        (address("announcements"), "Announcements"),
    ):
        assert said in text_of(editor.get(url))
