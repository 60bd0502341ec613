"""Logs as JSON lines on standard error: time, level, who, what, ids. Never bodies or secrets."""

from typing import Any

import structlog
from structlog.typing import EventDict, WrappedLogger

HIDDEN = ("password", "secret", "token", "authorization", "cookie", "body", "sec")


def log_config(level: str) -> dict[str, Any]:
    """Return the logging configuration: one handler, JSON lines, from this level on."""
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {
            "json": {
                "()": structlog.stdlib.ProcessorFormatter,
                "foreign_pre_chain": [
                    structlog.stdlib.add_log_level,
                    structlog.stdlib.add_logger_name,
                ],
                "processors": [
                    structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                    structlog.processors.TimeStamper(fmt="iso", utc=True),
                    structlog.processors.format_exc_info,
                    hide_secrets,
                    structlog.processors.JSONRenderer(),
                ],
            }
        },
        "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "json"}},
        "root": {"handlers": ["stderr"], "level": level},
        "loggers": {
            # A stranger's wrong address is not our warning; each server error still is.
            "django.request": {"level": "ERROR"},
            "django.channels.server": {"level": "WARNING"},
            "daphne": {"level": "WARNING"},
            "celery": {"level": "WARNING"},
            "kombu": {"level": "ERROR"},
            "axes": {"level": "WARNING"},
            "httpx": {"level": "WARNING"},
            "websockets": {"level": "WARNING"},
            "aiohttp.access": {"level": "WARNING"},
            "asyncio": {"level": "WARNING"},
        },
    }


def hide_secrets(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """Cover the values of fields whose name says that they are secret."""
    for name in event:
        if any(word in name.lower().split("_") for word in HIDDEN):
            event[name] = "***"
    return event
