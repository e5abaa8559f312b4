"""A web server on this computer that takes whatever is posted to it."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


class PostOffice:
    """What was posted, by the path it was posted to."""

    def __init__(self, port: int) -> None:
        self.address = f"127.0.0.1:{port}"
        self.letters: list[tuple[str, Any]] = []

    def posted(self, path: str) -> list[Any]:
        """What was posted to one path, in order."""
        return [letter for where, letter in self.letters if where == path]


@contextmanager
def post_office() -> Iterator[PostOffice]:
    """Open for as long as the `with` block."""

    class Counter(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            office.letters.append((self.path, json.loads(body)))
            self.send_response(200)
            self.end_headers()
            # What Slack says to a webhook, and what nobody else minds.
            self.wfile.write(b"ok")

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Counter) as server:
        office = PostOffice(server.server_port)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield office
        finally:
            server.shutdown()
