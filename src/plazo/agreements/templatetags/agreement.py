"""Words of the agreement, for templates: {% load agreement %}."""

from django import template

from plazo.agreements.labels import clock_label, metric_label

register = template.Library()

register.filter("metric_label", metric_label)
register.filter("clock_label", clock_label)
