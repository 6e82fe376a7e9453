"""Serve the built site as its host does: below the repository's name, compressed, with the book's own 404 page.

python -m tools.serve [PORT]
"""

import asyncio
import socket
import sys
from contextlib import contextmanager
from threading import Thread

import uvicorn
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.gzip import GZipMiddleware
from starlette.routing import Mount
from starlette.staticfiles import StaticFiles

from tools.project import NAME, ROOT

HTML = ROOT / "_build" / "html"


class LateFonts:
    """Each font comes some seconds after it is asked for, as over a slow line."""

    def __init__(self, app, seconds):
        self.app, self.seconds = app, seconds

    async def __call__(self, scope, receive, send):
        if scope.get("path", "").endswith(".woff2"):
            await asyncio.sleep(self.seconds)
        await self.app(scope, receive, send)


@contextmanager
def served(port=0, fonts_after=0):
    """The address of the first page on this machine, for as long as the block runs. Fonts come so many seconds late."""
    routes = [Mount(f"/{NAME}", StaticFiles(directory=HTML, html=True))]
    middleware = [Middleware(GZipMiddleware, compresslevel=6), Middleware(LateFonts, seconds=fonts_after)]
    app = Starlette(routes=routes, middleware=middleware)
    server = uvicorn.Server(uvicorn.Config(app, log_level="warning", headers=[("Cache-Control", "max-age=600")]))
    with socket.create_server(("127.0.0.1", port)) as door:
        thread = Thread(target=server.run, kwargs={"sockets": [door]})
        thread.start()
        try:
            yield f"http://127.0.0.1:{door.getsockname()[1]}/{NAME}/"
        finally:
            server.should_exit = True
            thread.join()


if __name__ == "__main__":
    with served(int(sys.argv[1]) if len(sys.argv) > 1 else 8000) as address:
        input(f"the book is at {address} (Enter stops)\n")
