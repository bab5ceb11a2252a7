"""Addresses of the public site."""

from django.urls import path, register_converter

from plazo.core.language import LANGUAGES
from plazo.portal import (
    areas,
    asked,
    case,
    case_actions,
    company,
    feeds,
    files,
    knowledge,
    profile,
    requests,
    status,
    views,
)


class LanguageConverter:
    """One of the languages of the site."""

    regex = "|".join(LANGUAGES)

    def to_python(self, value: str) -> str:
        return value

    def to_url(self, value: str) -> str:
        return value


register_converter(LanguageConverter, "language")

HC = "hc/<language:language>/"
CASE = f"{HC}requests/<str:token>/"

app_name = "portal"
urlpatterns = [
    path("", views.root, name="root"),
    path(f"{HC}", views.home, name="home"),
    path(f"{HC}sla/", views.sla, name="sla"),
    path(f"{HC}requests/new/", views.new_request, name="new"),
    path(f"{HC}requests/promise/", views.promise, name="promise"),
    path(f"{HC}requests/files/", views.stage_file, name="stage_file"),
    path(f"{HC}sections/<slug:key>/", knowledge.section, name="section"),
    path(f"{HC}articles/<slug:slug>/", knowledge.article, name="article"),
    path(f"{HC}articles/<slug:slug>/vote/", knowledge.vote, name="vote"),
    path(f"{HC}a/<slug:key>/", knowledge.by_key, name="article_by_key"),
    path(f"{HC}search/", knowledge.search, name="search"),
    path(f"{HC}search/suggest/", knowledge.suggest, name="suggest"),
    path("hc/files/<uuid:file>/<str:name>", knowledge.article_file, name="article_file"),
    path("hc/f/<str:token>/<str:name>", files.file, name="file_by_link"),
    path(f"{HC}feed.atom", feeds.articles, name="feed"),
    path(f"{HC}sections/<slug:key>/feed.atom", feeds.section, name="section_feed"),
    path(f"{HC}status/", status.status, name="status"),
    path(f"{HC}status/feed.atom", feeds.status, name="status_feed"),
    path(f"{HC}status/follow/", status.follow, name="follow"),
    path(f"{HC}status/follow/<str:token>/", status.following, name="following"),
    path(f"{HC}status/follow/<str:token>/stop/", status.stop_at_once, name="stop"),
    path(
        f"{HC}status/<uuid:announcement>/",
        status.announcement,
        name="announcement",
    ),
    path("sitemap.xml", feeds.sitemap, name="sitemap"),
    path("robots.txt", feeds.robots, name="robots"),
    path(f"{HC}requests/", requests.requests, name="requests"),
    path(CASE, case.case, name="case"),
    path(f"{CASE}sent/", case.sent, name="sent"),
    path(f"{CASE}confirm/", case.confirm, name="confirm"),
    path(f"{CASE}reply/", case.reply, name="reply"),
    path(f"{CASE}solve/", case_actions.solve, name="solve"),
    path(f"{CASE}answer/", asked.answer, name="answer"),
    path(f"{CASE}answer/help/", asked.still_needed, name="still_needed"),
    path(f"{CASE}answer/solved/", asked.confirm_solution, name="confirm_solution"),
    path(f"{CASE}answer/not-yet/", asked.not_yet, name="not_yet"),
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
    path(f"{HC}areas/<str:token>/", areas.receipt, name="area_receipt"),
    path(f"{HC}company/", company.company, name="company"),
    path(f"{HC}company/invite/", company.invite, name="invite"),
    path(f"{HC}company/people/<int:person>/", company.role, name="role"),
    path(
        f"{HC}company/invitations/<int:pk>/withdraw/",
        company.withdraw,
        name="withdraw",
    ),
    path(f"{HC}profile/", profile.profile, name="profile"),
    path(
        f"{HC}profile/sessions/",
        profile.sign_out_elsewhere,
        name="sign_out_elsewhere",
    ),
    path(f"{HC}profile/export/", profile.export, name="export"),
    path(f"{HC}profile/erase/", profile.erase, name="erase"),
    path(f"{HC}profile/erase/link/", profile.confirm_by_link, name="erase_link"),
]
