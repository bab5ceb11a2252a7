"""Writes on the knowledge base: drafts, review, publishing, addresses, who may do what."""

import threading
from datetime import date, timedelta

import pytest
from django.core.files.base import ContentFile
from django.db import close_old_connections, connection

from plazo.accounts.access import actor_of_agent
from plazo.core.actor import Actor, ActorKind
from plazo.helpcenter import commands, editing, queries
from plazo.helpcenter.access import ANYONE, editions_for, moved_to
from plazo.helpcenter.commands import Text
from plazo.helpcenter.errors import (
    AddressTaken,
    EditionExists,
    FileInUse,
    FileRefused,
    KeyTaken,
    LeadsNowhere,
    MayNotArrange,
    MayNotPublish,
    NothingWritten,
    NotInReview,
    NotYetPossible,
    ShelfInUse,
    SomebodyElseSaved,
)
from plazo.helpcenter.models import Article, ArticleEvent, Edition, Revision, State
from tests.factory import TUESDAY, an_agent
from tests.kb import SYSTEM, a_section, an_article, an_editor, as_editor, translated

HOUR = timedelta(hours=1)


def as_writer():
    """Return an agent of level 1: writes, and does not publish."""
    return actor_of_agent(an_agent(1))


def saved(edition, body="Otro texto.\n", **choices):
    text = Text(
        title=choices.pop("title", edition.newest.title),
        body=body,
        minor=choices.pop("minor", False),
    )
    choices = {"actor": as_editor(), "now": TUESDAY} | choices
    return commands.save_revision(edition_id=edition.pk, text=text, **choices)


def kinds(edition):
    """Return the trail of an article, the oldest first."""
    return [e.kind for e in ArticleEvent.objects.filter(article=edition.article_id).order_by("pk")]


# ── Writing ───────────────────────────────────────────────────────────────────────────────────


@pytest.mark.django_db
def test_a_new_article_is_a_draft_with_a_key_and_an_address_of_its_title():
    """Nobody but editors sees it, and both names hold only letters, digits and single hyphens."""
    edition = an_article("¿Qué es X_API_KEY? — Guía rápida", published=False)
    assert (edition.state, edition.published) == (State.DRAFT, None)
    assert edition.slug == edition.article.key == "que-es-x-api-key-guia-rapida"
    assert not editions_for(ANYONE).exists()


@pytest.mark.django_db
@pytest.mark.parametrize("title", ["Igual", "a" * 69 + " bc", "x " * 80, "Ñandú _ _ Ñandú"])
def test_titles_that_are_alike_get_numbers(title):
    """Made keys and addresses are never refused, however long the title, and stay well formed."""
    made = [an_article(title, published=False) for _ in range(3)]
    for names in ([e.slug for e in made], [e.article.key for e in made]):
        assert len(set(names)) == 3
        assert all(part for name in names for part in name.split("-"))
        assert max(map(len, names)) <= 120


@pytest.mark.django_db
def test_a_key_or_an_address_of_ones_own_that_is_taken_is_refused():
    """What an editor chose is never changed behind their back."""
    an_article("Uno", key="uno", slug="uno")
    with pytest.raises(KeyTaken):
        an_article("Dos", key="uno")
    with pytest.raises(AddressTaken):
        an_article("Tres", slug="uno")


@pytest.mark.django_db
@pytest.mark.parametrize(("title", "body"), [("", "x"), ("x", " \n\t\n"), ("  ", "")])
def test_without_a_title_and_a_text_there_is_nothing_to_keep(title, body):
    """An article without words is refused."""
    with pytest.raises(NothingWritten):
        an_article(title, body)


@pytest.mark.django_db
def test_the_same_words_again_make_no_revision():
    """Saving without a change leaves the number, the state and the trail as they were."""
    edition = an_article()
    before = kinds(edition)
    same = saved(edition, body=edition.newest.body.replace("\n", "\r\n") + "\n\n")
    assert (same.number, Revision.objects.count()) == (1, 1)
    edition.refresh_from_db()
    assert edition.state == State.PUBLISHED
    assert kinds(edition) == before


@pytest.mark.django_db
def test_a_text_does_not_overwrite_one_that_was_saved_meanwhile():
    """Whoever opened revision 1 cannot save over revision 2; the error says whose it is."""
    edition = an_article()
    saved(edition, body="Lo de otra persona.\n")
    with pytest.raises(SomebodyElseSaved) as refused:
        saved(edition, body="Lo mío.\n", based_on=1)
    assert refused.value.data == {"name": str(an_editor()), "number": 2}
    assert saved(edition, body="Lo mío.\n", based_on=2).number == 3


@pytest.mark.django_db
def test_saving_what_the_other_one_saved_is_no_conflict():
    """Two people who wrote the same words do not disturb each other."""
    edition = an_article()
    saved(edition, body="Igual.\n")
    assert saved(edition, body="Igual.\n", based_on=1).number == 2


@pytest.mark.django_db(transaction=True)
def test_a_revision_never_changes_whatever_door_one_tries():
    """The model, the queryset and the database each refuse to rewrite what somebody wrote."""
    revision = an_article().newest
    revision.title = "Otro"
    with pytest.raises(TypeError):
        revision.save()
    with pytest.raises(TypeError):
        Revision.objects.update(title="Otro")
    with connection.cursor() as cursor, pytest.raises(Exception, match="never changes"):
        cursor.execute("UPDATE helpcenter_revision SET title = 'Otro'")


@pytest.mark.django_db
def test_an_earlier_text_comes_back_as_a_revision_of_its_own():
    """Restoring writes history on, and does not touch what is published."""
    edition = an_article(body="Primero.\n")
    saved(edition, body="Segundo.\n")
    back = commands.restore_revision(
        edition_id=edition.pk, number=1, actor=as_editor(), now=TUESDAY
    )
    edition.refresh_from_db()
    assert (back.number, back.body, back.note) == (3, "Primero.\n", "= r1")
    assert (edition.published.number, edition.has_changes) == (1, True)


# ── Review and publishing ─────────────────────────────────────────────────────────────────────

ACTS = {
    "save": lambda e, by: saved(e, body="Nuevo.\n", **by),
    "review": lambda e, by: commands.ask_for_review(edition_id=e.pk, **by),
    "send back": lambda e, by: commands.send_back(edition_id=e.pk, words="falta", **by),
    "schedule": lambda e, by: commands.schedule_edition(
        edition_id=e.pk, publish_at=TUESDAY + HOUR, **by
    ),
    "publish": lambda e, by: commands.publish_edition(edition_id=e.pk, **by),
    "unpublish": lambda e, by: commands.unpublish_edition(edition_id=e.pk, **by),
}
# From a state, by an act, to a state; and whether something is published afterwards.
STATES = [
    ("draft", "save", "draft", False),
    ("draft", "review", "review", False),
    ("draft", "send back", NotInReview, False),
    ("draft", "schedule", "scheduled", False),
    ("draft", "publish", "published", True),
    ("review", "save", "draft", False),
    ("review", "review", "review", False),
    ("review", "send back", "draft", False),
    ("review", "schedule", "scheduled", False),
    ("review", "publish", "published", True),
    ("scheduled", "save", "draft", False),
    ("scheduled", "review", "review", False),
    ("scheduled", "send back", NotInReview, False),
    ("scheduled", "schedule", "scheduled", False),
    ("scheduled", "publish", "published", True),
    ("published", "save", "draft", True),
    ("published", "review", "published", True),
    ("published", "send back", NotInReview, True),
    ("published", "publish", "published", True),
    ("published", "unpublish", "draft", False),
]


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("start", "act", "end", "is_published"), STATES, ids=[f"{s[0]}: {s[1]}" for s in STATES]
)
def test_each_act_leads_from_each_state_where_it_should(start, act, end, is_published):
    """The table of states: what nobody has read again is a draft, and readers lose nothing by it."""
    edition = an_article(published=False)
    by = {"actor": as_editor(), "now": TUESDAY}
    if start != "draft":
        ACTS[{"review": "review", "scheduled": "schedule", "published": "publish"}[start]](
            edition, by
        )
    if isinstance(end, str):
        ACTS[act](edition, by)
    else:
        with pytest.raises(end):
            ACTS[act](edition, by)
    edition.refresh_from_db()
    assert edition.state == (end if isinstance(end, str) else start)
    assert (edition.published_id is not None) == is_published
    assert (edition.publish_at is not None) == (edition.state == "scheduled")


@pytest.mark.django_db
def test_who_publishes_publishes_what_they_read():
    """If somebody saved in between, the newest text is not what was read, and is not published."""
    edition = an_article(published=False)
    saved(edition, body="Después de leído.\n")
    by = {"number": 1, "actor": as_editor(), "now": TUESDAY}
    with pytest.raises(SomebodyElseSaved):
        commands.publish_edition(edition_id=edition.pk, **by)
    with pytest.raises(SomebodyElseSaved):
        commands.schedule_edition(edition_id=edition.pk, publish_at=TUESDAY + HOUR, **by)
    assert not editions_for(ANYONE).exists()


@pytest.mark.django_db
def test_a_text_that_leads_nowhere_is_not_published():
    """Links to articles and files that are not there are named, and the draft stays."""
    edition = an_article(body="[a](article:nada#x) ![b](file:nada.png)\n", published=False)
    with pytest.raises(LeadsNowhere) as refused:
        commands.publish_edition(edition_id=edition.pk, actor=as_editor(), now=TUESDAY)
    assert refused.value.data["names"] == ["article:nada", "file:nada.png"]
    an_article("Nada", key="nada")
    saved(edition, body="[a](article:nada#x)\n")
    commands.publish_edition(edition_id=edition.pk, actor=as_editor(), now=TUESDAY)


@pytest.mark.django_db
def test_a_time_that_has_passed_cannot_be_planned():
    """Neither can this very moment."""
    edition = an_article(published=False)
    for at in (TUESDAY, TUESDAY - HOUR):
        with pytest.raises(NotYetPossible):
            commands.schedule_edition(
                edition_id=edition.pk, publish_at=at, actor=as_editor(), now=TUESDAY
            )


@pytest.mark.django_db
def test_what_is_planned_appears_at_its_instant_and_not_before():
    """A second early nothing happens; at the instant it is published, by the schedule."""
    edition = an_article(published=False)
    commands.schedule_edition(
        edition_id=edition.pk, publish_at=TUESDAY + HOUR, actor=as_editor(), now=TUESDAY
    )
    assert commands.publish_due(now=TUESDAY + HOUR - timedelta(seconds=1)) == 0
    assert commands.publish_due(now=TUESDAY + HOUR) == 1
    edition.refresh_from_db()
    assert (edition.published.number, edition.published_at) == (1, TUESDAY + HOUR)
    assert ArticleEvent.objects.first().actor_name == "schedule"


@pytest.mark.django_db(transaction=True)
def test_two_loops_publish_what_is_planned_exactly_once():
    """Whichever comes first does it; the other finds it done."""
    editions = [an_article(f"Artículo {n}", published=False) for n in range(6)]
    for edition in editions:
        commands.schedule_edition(
            edition_id=edition.pk, publish_at=TUESDAY + HOUR, actor=SYSTEM, now=TUESDAY
        )
    together, done = threading.Barrier(2), []

    def loop():
        together.wait()
        done.append(commands.publish_due(now=TUESDAY + 2 * HOUR))
        close_old_connections()
        connection.close()

    loops = [threading.Thread(target=loop) for _ in range(2)]
    for thread in loops:
        thread.start()
    for thread in loops:
        thread.join()
    assert sum(done) == 6
    assert ArticleEvent.objects.filter(kind="published").count() == 6


@pytest.mark.django_db
def test_saving_over_a_planned_text_takes_the_plan_back():
    """Nobody has read the new text: it must not appear by itself."""
    edition = an_article(published=False)
    commands.schedule_edition(
        edition_id=edition.pk, publish_at=TUESDAY + HOUR, actor=as_editor(), now=TUESDAY
    )
    saved(edition)
    assert commands.publish_due(now=TUESDAY + 2 * HOUR) == 0


# ── Who may ───────────────────────────────────────────────────────────────────────────────────

PUBLISHING = ["send back", "schedule", "publish", "unpublish"]


@pytest.mark.django_db
@pytest.mark.parametrize("act", PUBLISHING)
def test_publishing_is_for_coordinators(act):
    """An agent of level 1 is refused each publishing act; writing and asking for review are theirs."""
    edition = an_article(published=False)
    writer = {"actor": as_writer(), "now": TUESDAY}
    saved(edition, **writer)
    commands.ask_for_review(edition_id=edition.pk, **writer)
    with pytest.raises(MayNotPublish):
        ACTS[act](edition, writer)


@pytest.mark.django_db
def test_a_requester_whose_number_is_an_agents_is_no_agent():
    """The number of an actor means nothing without its kind."""
    edition = an_article(published=False)
    impostor = Actor(ActorKind.REQUESTER, an_editor().pk, "alguien")
    with pytest.raises(MayNotPublish):
        commands.publish_edition(edition_id=edition.pk, actor=impostor, now=TUESDAY)


@pytest.mark.django_db
def test_who_reads_an_article_is_decided_by_those_who_publish():
    """Another audience and another section are publications; labels and owner are not."""
    edition = an_article()
    other = a_section("general")
    change = {"article_id": edition.article_id, "actor": as_writer(), "now": TUESDAY}
    for refused in ({"audience": "staff"}, {"section_id": other.pk}):
        with pytest.raises(MayNotPublish):
            commands.change_article(**change, **refused)
    commands.change_article(**change, labels=["Nueva Etiqueta"], owner_id=an_agent().pk)
    assert Article.objects.get().labels == ["nueva-etiqueta"]
    for command in (commands.archive_article, commands.unarchive_article):
        with pytest.raises(MayNotPublish):
            command(**change)


@pytest.mark.django_db
def test_shelves_and_words_are_for_coordinators():
    """An agent of level 1 can arrange neither sections, nor synonyms, nor the first page."""
    section, writer = a_section(), as_writer()
    names = {"name": {"es": "X"}, "actor": writer}
    for act in (
        lambda: commands.save_category(key="x", **names),
        lambda: commands.save_section(
            key="x", category_id=section.category_id, description={}, **names
        ),
        lambda: commands.remove_section(section_id=section.pk, actor=writer),
        lambda: commands.remove_category(category_id=section.category_id, actor=writer),
        lambda: commands.save_synonyms(sets=[["a", "b"]], actor=writer),
        lambda: commands.feature_search(language="es", words="x", actor=writer),
        lambda: commands.unfeature_search(pk=1, actor=writer),
    ):
        with pytest.raises(MayNotArrange):
            act()


# ── Addresses ─────────────────────────────────────────────────────────────────────────────────


def moved(edition, slug):
    article = edition.article
    return commands.change_article(
        article_id=article.pk, owner_id=article.owner_id, slugs={edition.language: slug},
        actor=as_editor(), now=TUESDAY,
    )  # fmt: skip


@pytest.mark.django_db
def test_old_addresses_lead_on_for_ever():
    """After two moves both old addresses lead to the article, and nobody else may have them."""
    edition = an_article("Uno", slug="uno")
    moved(edition, "dos")
    moved(edition, "tres")
    assert [moved_to(ANYONE, "es", slug) for slug in ("uno", "dos")] == [edition, edition]
    with pytest.raises(AddressTaken):
        an_article("Otro", slug="uno")
    assert an_article("Uno").slug == "uno-2"


@pytest.mark.django_db
def test_an_article_may_have_its_old_address_back():
    """Then the one in between leads on, and the address leads nowhere else."""
    edition = an_article("Uno", slug="uno")
    moved(edition, "dos")
    moved(edition, "uno")
    edition.refresh_from_db()
    assert edition.slug == "uno"
    assert moved_to(ANYONE, "es", "uno") is None
    assert moved_to(ANYONE, "es", "dos") == edition


@pytest.mark.django_db
def test_the_same_address_in_another_spelling_is_no_move():
    """What one types as an address is tidied first: “Uno” is the “uno” that it has already."""
    edition = an_article("Uno", slug="uno")
    moved(edition, "Uno")
    assert moved_to(ANYONE, "es", "uno") is None


@pytest.mark.django_db
def test_an_old_address_shows_nothing_that_the_reader_may_not_see():
    """An article that became internal is not betrayed by the address that it had."""
    edition = an_article("Uno", slug="uno")
    moved(edition, "dos")
    commands.change_article(
        article_id=edition.article_id, audience="staff", actor=as_editor(), now=TUESDAY
    )
    assert moved_to(ANYONE, "es", "uno") is None


# ── Translations ──────────────────────────────────────────────────────────────────────────────


def behind(edition):
    edition = Edition.objects.select_related("article").get(pk=edition.pk)
    return queries.is_behind(edition, queries.source_of(edition))


@pytest.mark.django_db
def test_a_translation_is_behind_once_the_source_says_something_new_and_it_is_published():
    """A draft of the source changes nothing; its publication does; saying so brings it up."""
    source = an_article()
    english = translated(source, "Title", "Text.\n")
    assert not behind(english)
    saved(source, body="Algo nuevo.\n")
    assert not behind(english)
    commands.publish_edition(edition_id=source.pk, actor=as_editor(), now=TUESDAY)
    assert behind(english)
    saved(english, body="Something new.\n")
    assert behind(english)
    saved(english, body="Something new.\n", up_to_date=True)
    assert not behind(english)


@pytest.mark.django_db
def test_a_corrected_comma_leaves_translations_as_they_are():
    """A minor change is published without asking anything of a translation."""
    source = an_article()
    english = translated(source, "Title", "Text.\n")
    saved(source, body="Con coma, corregida.\n", minor=True)
    commands.publish_edition(edition_id=source.pk, actor=as_editor(), now=TUESDAY)
    assert not behind(english)


@pytest.mark.django_db
def test_when_the_languages_change_roles_none_is_behind():
    """What was the source follows the new one as it is; only what comes later counts."""
    source = an_article()
    english = translated(source, "Title", "Text.\n")
    commands.change_article(
        article_id=source.article_id, source_language="en", actor=as_editor(), now=TUESDAY
    )
    assert not behind(source)
    saved(english, body="Newer.\n")
    commands.publish_edition(edition_id=english.pk, actor=as_editor(), now=TUESDAY)
    assert behind(source)


@pytest.mark.django_db
def test_a_language_is_there_once():
    """A second translation into the same language is refused."""
    source = an_article()
    translated(source, "Title", "Text.\n")
    with pytest.raises(EditionExists):
        translated(source, "Title", "Text.\n")


# ── Files, shelves, the trail ─────────────────────────────────────────────────────────────────


def a_file(edition, name="Pantalla de Órdenes.PNG", content=b"\x89PNG\r\n\x1a\n...."):
    return commands.add_file(
        article_id=edition.article_id, file=ContentFile(content), name=name,
        content_type="image/png", actor=as_editor(), now=TUESDAY,
    )  # fmt: skip


@pytest.mark.django_db
def test_files_get_names_that_a_text_can_use():
    """Letters, digits and hyphens; another file of that name gets a number, the same bytes do not."""
    edition = an_article()
    assert a_file(edition).name == "pantalla-de-ordenes.png"
    assert a_file(edition).name == "pantalla-de-ordenes.png"
    assert a_file(edition, content=b"other").name == "pantalla-de-ordenes-2.png"
    assert a_file(edition, name="../../etc/passwd", content=b"x").name == "passwd"


@pytest.mark.django_db
def test_a_file_that_is_empty_or_too_large_is_refused(monkeypatch):
    """Each with its name."""
    edition = an_article()
    with pytest.raises(FileRefused):
        a_file(edition, content=b"")
    monkeypatch.setattr(commands, "MOST_FILE_BYTES", 3)
    with pytest.raises(FileRefused):
        a_file(edition)


@pytest.mark.django_db
def test_a_file_that_a_text_shows_stays():
    """Neither the published text nor the draft loses its picture."""
    edition = an_article()
    file = a_file(edition)
    saved(edition, body=f"![x](file:{file.name})\n")
    remove = {
        "article_id": edition.article_id,
        "name": file.name,
        "actor": as_editor(),
        "now": TUESDAY,
    }
    with pytest.raises(FileInUse):
        commands.remove_file(**remove)
    saved(edition, body="Sin imagen.\n")
    commands.remove_file(**remove)
    assert editing.files_of(edition.article) == []


@pytest.mark.django_db
def test_a_shelf_with_something_on_it_cannot_be_removed():
    """An empty one can."""
    section = an_article().article.section
    for act in (
        lambda: commands.remove_section(section_id=section.pk),
        lambda: commands.remove_category(category_id=section.category_id),
    ):
        with pytest.raises(ShelfInUse):
            act()
    commands.remove_section(section_id=a_section("general").pk)


@pytest.mark.django_db
def test_the_trail_tells_everything_that_was_done():
    """Each act leaves one entry, with who did it and what changed."""
    edition = an_article(published=False)
    by = {"actor": as_editor(), "now": TUESDAY}
    saved(edition)
    for act in ("review", "send back", "schedule", "publish"):
        ACTS[act](edition, by)
    commands.verify_article(article_id=edition.article_id, review_by=date(2027, 5, 1), **by)
    commands.change_article(
        article_id=edition.article_id, labels=["x"], review_by=date(2027, 5, 1), **by
    )
    file = a_file(edition)
    commands.remove_file(article_id=edition.article_id, name=file.name, **by)
    english = translated(edition, "Title", "Text.\n", published=False)
    commands.mark_brought_up(edition_id=english.pk, **by)
    ACTS["unpublish"](edition, by)
    commands.archive_article(article_id=edition.article_id, **by)
    commands.archive_article(article_id=edition.article_id, **by)
    commands.unarchive_article(article_id=edition.article_id, **by)
    assert kinds(edition) == [
        "created", "saved", "review_asked", "sent_back", "scheduled", "published", "verified",
        "changed", "file_added", "file_removed", "translated", "brought_up", "unpublished",
        "archived", "unarchived",
    ]  # fmt: skip
    changed = ArticleEvent.objects.get(kind="changed")
    assert changed.data == {"labels": [[], ["x"]]}
    assert changed.actor_name == str(an_editor())


@pytest.mark.django_db
def test_an_archived_article_is_nowhere_and_comes_back_as_it_was():
    """Archiving hides every language; taking it out shows what was published before."""
    edition = an_article()
    english = translated(edition, "Title", "Text.\n")
    by = {"article_id": edition.article_id, "actor": as_editor(), "now": TUESDAY}
    commands.archive_article(**by)
    assert not editions_for(ANYONE).exists()
    commands.unarchive_article(**by)
    assert set(editions_for(ANYONE)) == {edition, english}


# ── What changed, word by word ────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("old", "new", "pieces"),
    [
        pytest.param("a b c", "a b c", [("same", "a b c")], id="nothing"),
        pytest.param("", "a", [("new", "a")], id="from nothing"),
        pytest.param("a", "", [("gone", "a")], id="to nothing"),
        pytest.param("espere cinco minutos", "espere quince minutos", [("same", "espere "), ("gone", "cinco"), ("new", "quince"), ("same", " minutos")], id="one word"),
        pytest.param("uno dos tres. Fin", "cuatro cinco seis. Fin", [("gone", "uno dos tres"), ("new", "cuatro cinco seis"), ("same", ". Fin")], id="a phrase reads as one"),
        pytest.param("a\n\nb", "x\n\ny", [("gone", "a"), ("new", "x"), ("same", "\n\n"), ("gone", "b"), ("new", "y")], id="paragraphs stay apart"),
    ],
)  # fmt: skip
def test_what_changed_reads_as_one_would_say_it(old, new, pieces):
    """Words are compared, and changes that only a blank parts are told together."""
    assert queries.word_diff(old, new) == pieces


def test_the_longest_texts_are_compared_in_a_moment():
    """Two texts of two hundred thousand letters with nothing in common do not hold up a page."""
    old = "".join(f"palabra{n} " for n in range(16_000))
    new = "".join(f"otra{n}\n" for n in range(20_000))
    pieces = queries.word_diff(old, new)
    assert "".join(text for kind, text in pieces if kind != "new") == old
    assert "".join(text for kind, text in pieces if kind != "gone") == new
