"""The addresses that Discord and people who come from there use."""

from django.urls import include, path

from apps.notifications import linking, webhooks

doors = (
    [path("interactions/", webhooks.interact, name="interactions")],
    "doors",
)

urlpatterns = [
    path(
        "oauth/discord/",
        include(
            (
                [
                    path("start/", linking.start, name="start"),
                    path("callback/", linking.callback, name="callback"),
                    path("unlink/", linking.unlink, name="unlink"),
                ],
                "discord",
            )
        ),
    ),
    path("discord/", include(doors)),
]
