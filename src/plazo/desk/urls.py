"""Addresses of the desk."""

from django.urls import path

from plazo.desk import views

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
    path("files/<uuid:file>/", views.file, name="file"),
]
