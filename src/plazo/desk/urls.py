"""Addresses of the desk."""

from django.urls import path

from plazo.desk import mail, views

app_name = "desk"
urlpatterns = [
    path("", views.queue, name="queue"),
    path("me/", views.me, name="me"),
    path("tickets/<str:number>/", views.ticket, name="ticket"),
    path("tickets/<str:number>/why/<str:key>/", views.why, name="why"),
    path("tickets/<str:number>/write/", views.write, name="write"),
    path("tickets/<str:number>/assign/", views.assign, name="assign"),
    path("tickets/<str:number>/severity/", views.severity, name="severity"),
    path("tickets/<str:number>/level/", views.level, name="level"),
    path("tickets/<str:number>/verdict/", views.verdict, name="verdict"),
    path("tickets/<str:number>/status/", views.status, name="status"),
    path("tickets/<str:number>/reopen/", views.reopen, name="reopen"),
    path("tickets/<str:number>/invite/", views.invite, name="invite"),
    path("tickets/<str:number>/messages/<int:message>/again/", mail.send_again, name="send_again"),
    path("mail/", mail.ledger, name="ledger"),
    path("mail/<int:pk>/", mail.record, name="mail_record"),
    path("mail/<int:pk>/source/", mail.raw, name="mail_raw"),
    path("mail/<int:pk>/again/", mail.run_again, name="mail_again"),
    path("mailboxes/new/", mail.mailbox, name="mailbox_new"),
    path("mailboxes/<slug:key>/", mail.mailbox, name="mailbox"),
    path("mailboxes/<slug:key>/doctor/", mail.examine, name="mailbox_doctor"),
    path("files/<uuid:file>/", views.file, name="file"),
]
