"""Stands in for `django.db`."""
