"""Files that arrive before their form: kept while it is filled in, gone when it never comes."""

from datetime import timedelta

import pytest
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage

from plazo.helpcenter.access import holds_file
from plazo.tickets import staging
from plazo.tickets.bodies import StoredUpload, store_upload
from plazo.tickets.models import StagedUpload
from tests.factory import TUESDAY, a_case
from tests.kb import SYSTEM, an_article

pytestmark = pytest.mark.django_db
LATER = TUESDAY + staging.LASTS + timedelta(hours=1)


def a_file(content: bytes) -> StoredUpload:
    return store_upload(ContentFile(content), name="x.bin", content_type="text/plain")


def test_what_no_form_came_for_goes_after_two_days():
    """Not a minute before; and only once."""
    upload = a_file(b"abandonado")
    staging.stage([upload], now=TUESDAY)
    assert staging.forget_staged(now=TUESDAY + staging.LASTS) == 0
    assert default_storage.exists(upload.path)
    assert staging.forget_staged(now=LATER) == 1
    assert not default_storage.exists(upload.path)
    assert staging.forget_staged(now=LATER) == 0


def test_what_something_holds_stays():
    """A case's file, an article's file, and bytes that arrived again since."""
    from plazo.helpcenter.commands import add_file

    case, article, again = a_file(b"caso"), a_file(b"articulo"), a_file(b"otra vez")
    staging.stage([case, article, again], now=TUESDAY)
    a_case(attachments=[case])
    edition = an_article()
    add_file(
        article_id=edition.article_id,
        file=ContentFile(b"articulo", name="a.txt"),
        name="a.txt",
        content_type="text/plain",
        actor=SYSTEM,
        now=TUESDAY,
    )
    staging.stage([again], now=LATER)
    assert holds_file(article.sha256)
    assert staging.forget_staged(now=LATER) == 0
    assert all(default_storage.exists(upload.path) for upload in (case, article, again))
    assert StagedUpload.objects.count() == 1
