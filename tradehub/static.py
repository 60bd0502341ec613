"""Static files with their hash in the name, so that browsers may keep them for ever."""

from whitenoise.storage import CompressedManifestStaticFilesStorage


class HashedStatic(CompressedManifestStaticFilesStorage):  # type: ignore[misc]  # it has no types
    """Hashed names inside CSS and inside the imports of ES modules too."""

    support_js_module_import_aggregation = True
