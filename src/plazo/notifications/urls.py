"""Addresses of the demo's outbox."""

from django.urls import path

from plazo.notifications import views

app_name = "outbox"
urlpatterns = [
    path("", views.messages, name="list"),
    path("<int:pk>/", views.message, name="message"),
    path("<int:pk>/html/", views.html, name="html"),
    path("<int:pk>/raw/", views.raw, name="raw"),
]
