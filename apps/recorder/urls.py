"""API: strategies as recorders, and what they recorded."""

from django.urls import path

from apps.recorder import api, files_api, import_api, upload_api

urlpatterns = [
    path("strategies/", api.Strategies.as_view(), name="strategies"),
    path("strategies/<row:id>/", api.OneStrategy.as_view(), name="strategy"),
    path(
        "strategies/<row:id>/positions/",
        api.StrategyPositions.as_view(),
        name="strategy-positions",
    ),
    path("strategies/<row:id>/clone/", api.CloneRecorder.as_view(), name="strategy-clone"),
    path("strategies/<row:id>/archive/", api.ArchiveStrategy.as_view(), name="strategy-archive"),
    path("recorder/start/<row:id>/", api.StartRecorder.as_view(), name="recorder-start"),
    path("recorder/stop/<row:id>/", api.StopRecorder.as_view(), name="recorder-stop"),
    path("recorder/reset/<row:id>/", api.ResetRecorder.as_view(), name="recorder-reset"),
    path(
        "recorder/positions/<row:id>/", api.RecorderPositions.as_view(), name="recorder-positions"
    ),
    path("recorder/logs/<row:id>/", api.RecorderLogs.as_view(), name="recorder-logs"),
    path("recorder/import/", import_api.Imports.as_view(), name="recorder-imports"),
    path("recorder/import/accounts/", files_api.FileAccounts.as_view(), name="file-accounts"),
    path("recorder/import/upload/", upload_api.Uploads.as_view(), name="recorder-uploads"),
    path("recorder/import/<row:id>/content/", upload_api.Slices.as_view(), name="recorder-slices"),
    path("recorder/import/<row:id>/", import_api.OneImport.as_view(), name="recorder-import"),
    path("recorder/import/<row:id>/undo/", import_api.UndoImport.as_view(), name="recorder-undo"),
    path("recorder/days/<row:id>/", import_api.Days.as_view(), name="recorder-days"),
    path("recorder/undecided/", api.Undecided.as_view(), name="recorder-undecided"),
    path("recorder/fills/<row:id>/", api.AssignFill.as_view(), name="recorder-fill"),
]
