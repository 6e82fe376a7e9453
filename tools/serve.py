"""Serve the built site as its host does: below the repository's name, compressed, with the book's own 404 page.

    python -m tools.serve [PORT]
"""

import gzip
import mimetypes
import sys
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import unquote, urlsplit

from tools.project import NAME, ROOT

HTML = ROOT / "_build" / "html"
TEXT = ("text/", "application/javascript", "application/json", "application/xml", "image/svg+xml")
mimetypes.add_type("font/woff2", ".woff2")


@cache
def compressed(path, modified):
    return gzip.compress(path.read_bytes())


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def file_and_status(self):
        """The file that an address stands for, and 200 or 404."""
        address = unquote(urlsplit(self.path).path)
        if address.startswith(f"/{NAME}/"):
            path = (HTML / address.removeprefix(f"/{NAME}/")).resolve()
            path = path / "index.html" if path.is_dir() else path
            if path.is_file() and path.is_relative_to(HTML.resolve()):
                return path, 200
        return HTML / "404.html", 404

    def do_GET(self):
        path, status = self.file_and_status()
        kind = mimetypes.guess_type(path.name)[0] or "application/octet-stream"
        packs = kind.startswith(TEXT) and "gzip" in self.headers.get("Accept-Encoding", "")
        content = compressed(path, path.stat().st_mtime_ns) if packs else path.read_bytes()
        self.send_response(status)
        self.send_header("Content-Type", f"{kind}; charset=utf-8" if kind.startswith("text/") else kind)
        self.send_header("Content-Length", str(len(content)))
        self.send_header("Cache-Control", "max-age=600")
        if packs:
            self.send_header("Content-Encoding", "gzip")
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(content)

    do_HEAD = do_GET

    def log_message(self, *_):
        """Say nothing about each request."""


def start(port=0):
    """A server on this machine, not yet running. Returns (server, the address of the first page)."""
    server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
    server.daemon_threads = True
    return server, f"http://127.0.0.1:{server.server_port}/{NAME}/"


if __name__ == "__main__":
    server, address = start(int(sys.argv[1]) if len(sys.argv) > 1 else 8000)
    print(f"the book is at {address} (Ctrl-C stops)")
    try:
        server.serve_forever()
    except KeyboardInterrupt:
        print()
