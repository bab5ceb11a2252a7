"""docs/client-document.md tells the client's document whole, and each of its rows points somewhere."""

import subprocess
import sys
import tomllib

import pytest

import client_document as page

TEXT = page.PAGE.read_text(encoding="utf-8")
FACTS = page.ROOT / "tests" / "agreements" / "data" / "facts.toml"
ROW = "| 5.4 | Words | Meaning | [`support_calendar`](../agreements/iws.toml) | {} |"
SHOWN = "[`test_hours[0]`](../tests/agreements/test_iws.py)"


def test_every_row_says_what_is_meant_where_it_lives_and_what_shows_it():
    """Files, names in them and keys of the agreement are there; no row is without a test."""
    assert page.problems(TEXT) == []


def test_the_sentences_are_the_clients_document():
    """Its words in their order, with names and addresses from the agreement file: none left out."""
    assert page.digest(page.told(TEXT)) == tomllib.loads(FACTS.read_text(encoding="utf-8"))["words"]


def test_no_person_of_the_agreement_is_named():
    """Persons and addresses are data of the agreement file alone."""
    agreement = tomllib.loads(page.AGREEMENT.read_text(encoding="utf-8"))
    people = [name for step in agreement["ladder"] for name in step["contacts"]]
    assert [name for name in people if name in TEXT] == []
    assert "@" not in TEXT


def test_the_ten_open_points_follow_the_document():
    """Each section's rows are numbered in their order, and the ten decisions come last."""
    numbers = [row.number for row in page.rows(TEXT)]
    document = [tuple(map(int, number.split("."))) for number in numbers if number[0] != "D"]
    assert document == sorted(set(document))
    assert {section for section, _place in document} == set(range(6))
    assert numbers[len(document) :] == [f"D{number}" for number in range(1, 11)]


def test_every_test_that_is_named_is_collected():
    """Pytest itself finds each of them, and each row of a table test that is named."""
    wanted = {pointer for row in page.rows(TEXT) for pointer in row.shown if pointer.is_test}
    files = sorted({str(pointer.path) for pointer in wanted})
    found = subprocess.run(
        [sys.executable, "-m", "pytest", "--collect-only", "-q", "-p", "no:randomly", *files],
        cwd=page.ROOT, capture_output=True, text=True, check=True,
    ).stdout  # fmt: skip
    assert [pointer for pointer in wanted if not pointer.test_ids.search(found)] == []


@pytest.mark.parametrize(
    ("row", "said"),
    [
        pytest.param(ROW.format(""), "no test shows it", id="no test"),
        pytest.param(
            ROW.format(SHOWN).replace("support_calendar", "calendars.night"),
            "calendars.night is not in the agreement",
            id="a key that is not there",
        ),
        pytest.param(
            ROW.format(SHOWN).replace("Words", "{ladder.4.contacts}"),
            "ladder.4.contacts is not in the agreement",
            id="a name from nowhere",
        ),
        pytest.param(
            ROW.format(SHOWN).replace("test_hours", "test_moons"),
            "tests/agreements/test_iws.py has no test_moons[0]",
            id="a test that is not there",
        ),
        pytest.param(
            ROW.format(SHOWN).replace("test_iws.py", "test_moon.py"),
            "there is no file tests/agreements/test_moon.py",
            id="a file that is not there",
        ),
    ],
)
def test_a_row_that_points_nowhere_is_told(row, said):
    """Each fault by the number of its row."""
    assert page.problems(ROW.format(SHOWN)) == []
    assert page.problems(row) == [f"5.4: {said}"]
