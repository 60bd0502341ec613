"""Celery inside the one process: a real worker and a real schedule, in threads, on the memory broker."""

import threading
from typing import Any

from celery import current_app
from celery.beat import EmbeddedService, Scheduler
from celery.worker import WorkController
from celery.worker import state as worker_state

from apps.system.tasks import worker_heartbeat

_state: Any = worker_state  # how a worker is told to stop: global to the process


class EmbeddedCelery:
    """The same tasks and the same schedule as in the full deployment."""

    name = "worker"

    def __init__(self, concurrency: int = 2) -> None:
        app: Any = current_app._get_current_object()  # type: ignore[attr-defined]
        app.loader.import_default_modules()
        app.finalize()
        self._ready = threading.Event()
        # Unlike app.Worker this one installs no signal handlers: signals belong to the web server.
        self._worker: Any = WorkController(
            app=app,
            pool="threads",
            concurrency=concurrency,
            hostname="embedded@localhost",
            without_heartbeat=True,
            without_mingle=True,
            without_gossip=True,
            ready_callback=lambda _consumer: self._ready.set(),
        )
        self._thread = threading.Thread(target=self._worker.start, name="worker", daemon=True)
        self._beat: Any = EmbeddedService(app, thread=True, scheduler_cls=Scheduler)

    def start(self) -> None:
        """Begin to work; return when tasks are taken."""
        _state.should_stop = _state.should_terminate = None
        self._thread.start()
        if not self._ready.wait(10):
            raise RuntimeError("the embedded worker did not start")
        self._beat.start()
        worker_heartbeat.delay()  # health need not wait for the schedule's first round

    def stop(self) -> None:
        """Finish what is running and end."""
        self._beat.service.stop(wait=False)
        _state.should_stop = 0
        worker_heartbeat.delay()  # wakes the worker, which else sleeps on the empty broker
        self._thread.join(3)
        self._beat.join(1)
        _state.should_stop = None

    def is_alive(self) -> bool:
        """Return whether worker and schedule still run."""
        return self._thread.is_alive() and self._beat.is_alive()
