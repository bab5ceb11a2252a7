"""The tool that keeps the catalogues: what it finds, and what it refuses."""

from pathlib import Path

import pytest

import messages

HEADER = 'msgid ""\nmsgstr ""\n"Content-Type: text/plain; charset=utf-8\\n"\n\n'


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """A package with one application that has no text yet."""
    application = tmp_path / "desk"
    (application / "templates").mkdir(parents=True)
    (application / "apps.py").write_text("")
    return tmp_path


def texts(source: Path) -> set[object]:
    applications = messages.applications(source)
    catalog = messages.extract_application(source / "desk", applications)
    return {(message.context, message.id) for message in catalog if message.id}


def translate(source: Path, body: str) -> list[str]:
    """Write a catalogue and return the faults that the tool finds."""
    path = messages.catalogue_path(source / "desk", "es")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(HEADER + body, encoding="utf-8")
    return [fault.partition(": ")[2] for fault in messages.faults(source)]


def test_texts_are_found_in_code(source: Path) -> None:
    """Every way of marking a text in Python counts."""
    (source / "desk" / "views.py").write_text(
        'a = _("Reply")\n'
        'b = ngettext("%(n)s case", "%(n)s cases", n)\n'
        'c = pgettext_lazy("month", "May")\n'
        "d = gettext(variable)\n"
        "e = f\"{number} · {_('no promise yet')}\"\n"
    )

    assert texts(source) == {
        (None, "Reply"),
        (None, ("%(n)s case", "%(n)s cases")),
        ("month", "May"),
        (None, "no promise yet"),
    }


def test_texts_are_found_in_templates(source: Path) -> None:
    """Every way of marking a text in a template counts, whatever stands around it."""
    (source / "desk" / "templates" / "page.html").write_text(
        """{% load i18n %}<p>It's plain</p>
           {% translate "One 'quoted'" %}{# a remark #}
        {% blocktranslate count n=rows|length trimmed %}
            {{ n }} case of {{ who }}
          {% plural %}
            {{ n }} cases of {{ who }}
        {% endblocktranslate %}
             {% if a %}
          <b title="{% translate "May" context "month" %}">{{ _("Piped")|upper }}</b>
        {% endif %}"""
    )

    assert texts(source) == {
        (None, "One 'quoted'"),
        (None, ("%(n)s case of %(who)s", "%(n)s cases of %(who)s")),
        ("month", "May"),
        (None, "Piped"),
    }


def test_an_application_inside_another_keeps_its_own_texts(source: Path) -> None:
    """A text belongs to the application that holds its file, not to the one around it."""
    inner = source / "desk" / "inner"
    inner.mkdir()
    (inner / "apps.py").write_text('x = _("Inner")')

    assert texts(source) == set()


def test_a_complete_catalogue_has_no_fault(source: Path) -> None:
    """What is translated, with its placeholders, passes."""
    (source / "desk" / "views.py").write_text(
        '_("Hello %(name)s")\nngettext("%(n)s case", "%(n)s cases", n)\n'
    )

    assert not translate(
        source,
        'msgid "Hello %(name)s"\nmsgstr "Hola, %(name)s"\n\n'
        'msgid "%(n)s case"\nmsgid_plural "%(n)s cases"\n'
        'msgstr[0] "un caso"\nmsgstr[1] "%(n)s casos"\n',
    )


@pytest.mark.parametrize(
    ("body", "fault"),
    [
        pytest.param("", "missing: “Hello %(name)s”", id="missing"),
        pytest.param(
            'msgid "Hello %(name)s"\nmsgstr ""\n', "not translated: “Hello %(name)s”", id="empty"
        ),
        pytest.param(
            '#, fuzzy\nmsgid "Hello %(name)s"\nmsgstr "Hola %(name)s"\n',
            "fuzzy: “Hello %(name)s”",
            id="fuzzy",
        ),
        pytest.param(
            'msgid "Hello %(name)s"\nmsgstr "Hola %(nombre)s"\n',
            "placeholders differ: “Hello %(name)s” → “Hola %(nombre)s”",
            id="a placeholder translated",
        ),
        pytest.param(
            'msgid "Hello %(name)s"\nmsgstr "Hola %(name)s"\n\nmsgid "Gone"\nmsgstr "Ido"\n',
            "unused: “Gone”",
            id="unused",
        ),
        pytest.param(
            'msgid "Hello %(name)s"\nmsgstr "Hola %(name)s"\n\n#~ msgid "Gone"\n#~ msgstr "Ido"\n',
            "obsolete: “Gone”",
            id="obsolete",
        ),
    ],
)
def test_each_fault_is_listed(source: Path, body: str, fault: str) -> None:
    """A catalogue that a customer would notice fails the build, with the text that is wrong."""
    (source / "desk" / "views.py").write_text('_("Hello %(name)s")\n')

    assert translate(source, body) == [fault]


def test_one_text_has_one_translation(source: Path) -> None:
    """Django merges all catalogues, so two translations of one text would shadow each other."""
    portal = source / "portal"
    portal.mkdir()
    (portal / "apps.py").write_text('_("Send")')
    (source / "desk" / "views.py").write_text('_("Send")')
    path = messages.catalogue_path(portal, "es")
    path.parent.mkdir(parents=True)
    path.write_text(HEADER + 'msgid "Send"\nmsgstr "Mandar"\n', encoding="utf-8")

    assert translate(source, 'msgid "Send"\nmsgstr "Enviar"\n') == [
        "'Send' in desk/locale/es/LC_MESSAGES/django.po, portal/locale/es/LC_MESSAGES/django.po"
    ]


def test_compiling_writes_only_what_changed(source: Path) -> None:
    """A second compilation leaves the files that Django reads alone."""
    (source / "desk" / "views.py").write_text('_("Send")\n')
    translate(source, 'msgid "Send"\nmsgstr "Enviar"\n')

    assert len(messages.compile_all(source)) == 1
    assert messages.compile_all(source) == []


def test_every_text_of_plazo_is_translated() -> None:
    """No customer and no agent reads a sentence in the wrong language."""
    assert messages.faults() == []
