"""Addresses of the public site."""

from django.urls import path, register_converter

from plazo.core.language import LANGUAGES
from plazo.portal import case, views


class LanguageConverter:
    """One of the languages of the site."""

    regex = "|".join(LANGUAGES)

    def to_python(self, value: str) -> str:
        return value

    def to_url(self, value: str) -> str:
        return value


register_converter(LanguageConverter, "language")

CASE = "hc/<language:language>/requests/<str:token>/"

app_name = "portal"
urlpatterns = [
    path("", views.root, name="root"),
    path("hc/<language:language>/", views.home, name="home"),
    path("hc/<language:language>/sla/", views.sla, name="sla"),
    path("hc/<language:language>/requests/new/", views.new_request, name="new"),
    path("hc/<language:language>/requests/promise/", views.promise, name="promise"),
    path(CASE, case.case, name="case"),
    path(f"{CASE}sent/", case.sent, name="sent"),
    path(f"{CASE}reply/", case.reply, name="reply"),
    path(f"{CASE}solve/", case.solve, name="solve"),
    path(f"{CASE}why/<str:key>/", case.why, name="why"),
    path(f"{CASE}files/<uuid:file>/", case.file, name="file"),
]
