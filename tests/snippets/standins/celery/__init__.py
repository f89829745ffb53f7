"""Stands in for Celery, which is too large to install for it. A task that is called runs at once."""

from collections.abc import Callable
from typing import TypeVar

Task = TypeVar("Task", bound=Callable[..., object])


def shared_task(task: Task) -> Task:
    """Return the function, which a call runs here, as a call of a task does."""
    return task
