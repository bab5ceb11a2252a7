"""Addresses of the public site."""

from django.urls import path, register_converter

from plazo.core.language import LANGUAGES
from plazo.portal import views


class LanguageConverter:
    """One of the languages of the site."""

    regex = "|".join(LANGUAGES)

    def to_python(self, value: str) -> str:
        return value

    def to_url(self, value: str) -> str:
        return value


register_converter(LanguageConverter, "language")

app_name = "portal"
urlpatterns = [
    path("", views.root, name="root"),
    path("hc/<language:language>/", views.home, name="home"),
    path("hc/<language:language>/sla/", views.sla, name="sla"),
    path("hc/<language:language>/requests/new/", views.new_request, name="new"),
    path("hc/<language:language>/requests/promise/", views.promise, name="promise"),
    path("hc/<language:language>/requests/<str:token>/", views.case, name="case"),
    path("hc/<language:language>/requests/<str:token>/sent/", views.sent, name="sent"),
    path("hc/<language:language>/requests/<str:token>/reply/", views.reply, name="reply"),
    path("hc/<language:language>/requests/<str:token>/why/<str:key>/", views.why, name="why"),
    path(
        "hc/<language:language>/requests/<str:token>/files/<uuid:file>/", views.file, name="file"
    ),
]
