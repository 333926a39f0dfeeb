"""Traced work for processes that others start: pools, and Celery's workers."""

from __future__ import annotations

import os

import spantree


@spantree.trace
def work(number: int) -> int:
    """Answer with the process that does."""
    return os.getpid() if number >= 0 else 0


def celery_app(folder: str):
    """Make an application whose queue is a folder."""
    from celery import Celery

    app = Celery("tasks")
    app.conf.update(
        broker_url="filesystem://",
        broker_transport_options={
            "data_folder_in": folder,
            "data_folder_out": folder,
            "control_folder": f"{folder}/control",
        },
        task_ignore_result=True,
        worker_max_tasks_per_child=3,
    )
    return app


if "SERVICE_QUEUE" in os.environ:
    from celery.signals import worker_process_shutdown

    @worker_process_shutdown.connect
    def save(**_):
        """Store what waits, as the page on production says: the worker just exits."""
        spantree.flush(30)

    app = celery_app(os.environ["SERVICE_QUEUE"])
    task = app.task(name="work")(work)
    # What the worker's parent does before it forks.
    with spantree.start_span("warm up"):
        pass
