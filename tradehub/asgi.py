"""What the web server serves: pages and API over HTTP, news over one WebSocket."""

import gc
import os

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tradehub.settings")

from channels.routing import ProtocolTypeRouter
from django.core.asgi import get_asgi_application

pages = get_asgi_application()  # loads the apps; what follows may import them

from apps.dashboards.routing import websocket
from apps.system import bodies

bodies.install()
application = ProtocolTypeRouter({"http": pages, "websocket": websocket})

# What is loaded by now stays as long as the process: no full collection has to look at it again, between two lines of a page.
gc.collect()
gc.freeze()
