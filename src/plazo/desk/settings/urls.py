"""Addresses of the settings, below /desk/settings/. What names no row comes first."""

from django.urls import path

from plazo.desk.settings import absences, agreement, calendars, index, mailboxes, team

urlpatterns = [
    path("", index.index, name="settings"),
    path("audit/", index.trail, name="audit"),
    path("absences/", absences.absences, name="absences"),
    path("absences/new/<int:agent>/", absences.new_absence, name="absence_new"),
    path("absences/<int:pk>/", absences.absence, name="absence"),
    path("absences/<int:pk>/end/", absences.end_absence, name="absence_end"),
    path("agents/", team.agents, name="agents"),
    path("agents/new/", team.new_agent, name="agent_new"),
    path("agents/<int:pk>/", team.agent, name="agent"),
    path("agents/<int:pk>/go/", team.let_go, name="agent_go"),
    path("agents/<int:pk>/back/", team.bring_back, name="agent_back"),
    path("agents/<int:pk>/invite/", team.invite_again, name="agent_invite"),
    path("groups/", team.groups, name="groups"),
    path("groups/new/", team.group, name="group_new"),
    path("groups/<slug:key>/", team.group, name="group"),
    path("groups/<slug:key>/remove/", team.remove_group, name="group_remove"),
    path("mailboxes/", mailboxes.every, name="mailboxes"),
    path("mailboxes/new/", mailboxes.mailbox, name="mailbox_new"),
    path("mailboxes/<slug:key>/", mailboxes.mailbox, name="mailbox"),
    path("mailboxes/<slug:key>/doctor/", mailboxes.examine, name="mailbox_doctor"),
    path("agreement/", agreement.agreement, name="agreement"),
    path("agreement/publish/", agreement.publish, name="agreement_publish"),
    path("agreement/discard/", agreement.discard, name="agreement_discard"),
    path("services/", agreement.services, name="services"),
    path("services/<slug:key>/", agreement.service, name="service"),
    path("fields/", agreement.fields, name="fields"),
    path("fields/new/", agreement.field, name="field_new"),
    path("fields/<slug:key>/", agreement.field, name="field"),
    path("fields/<slug:key>/remove/", agreement.remove_field, name="field_remove"),
    path("calendars/", calendars.calendar, name="calendars"),
    path("calendars/<slug:key>/", calendars.calendar, name="calendar"),
    path("calendars/<slug:key>/week/", calendars.save_week, name="calendar_week"),
    path("calendars/<slug:key>/names/", calendars.save_calendar, name="calendar_names"),
    path("calendars/<slug:key>/days/", calendars.add_day, name="calendar_day"),
    path("calendars/<slug:key>/days/remove/", calendars.remove_day, name="calendar_day_remove"),
    path("calendars/<slug:key>/holidays/", calendars.holidays, name="holidays"),
]
