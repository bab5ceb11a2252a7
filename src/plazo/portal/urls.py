"""Addresses of the public site."""

from django.urls import path, register_converter

from plazo.core.language import LANGUAGES
from plazo.portal import case, case_actions, company, profile, requests, views


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
    path("hc/<language:language>/requests/", requests.requests, name="requests"),
    path(CASE, case.case, name="case"),
    path(f"{CASE}sent/", case.sent, name="sent"),
    path(f"{CASE}reply/", case.reply, name="reply"),
    path(f"{CASE}solve/", case_actions.solve, name="solve"),
    path(f"{CASE}escalate/", case_actions.escalate, name="escalate"),
    path(f"{CASE}rate/", case_actions.rate, name="rate"),
    path(f"{CASE}follow-up/", case_actions.follow_up, name="follow_up"),
    path(f"{CASE}participants/", case_actions.add_participant, name="add_participant"),
    path(
        f"{CASE}participants/<int:person>/remove/",
        case_actions.remove_participant,
        name="remove_participant",
    ),
    path(f"{CASE}why/<str:key>/", case.why, name="why"),
    path(f"{CASE}files/<uuid:file>/", case.file, name="file"),
    path("hc/<language:language>/company/", company.company, name="company"),
    path("hc/<language:language>/company/invite/", company.invite, name="invite"),
    path("hc/<language:language>/company/people/<int:person>/", company.role, name="role"),
    path(
        "hc/<language:language>/company/invitations/<int:pk>/withdraw/",
        company.withdraw,
        name="withdraw",
    ),
    path("hc/<language:language>/profile/", profile.profile, name="profile"),
    path(
        "hc/<language:language>/profile/sessions/",
        profile.sign_out_elsewhere,
        name="sign_out_elsewhere",
    ),
    path("hc/<language:language>/profile/export/", profile.export, name="export"),
    path("hc/<language:language>/profile/erase/", profile.erase, name="erase"),
    path("hc/<language:language>/profile/erase/link/", profile.confirm_by_link, name="erase_link"),
]
