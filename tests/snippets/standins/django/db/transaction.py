"""Stands in for `django.db.transaction` outside of a transaction, where Django calls at once."""

from collections.abc import Callable


def on_commit(call: Callable[[], object]) -> None:
    """Call at once: https://docs.djangoproject.com/en/stable/topics/db/transactions/#performing-actions-after-commit"""
    call()
