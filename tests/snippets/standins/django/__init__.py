"""Stands in for Django, which is too large to install for it."""
