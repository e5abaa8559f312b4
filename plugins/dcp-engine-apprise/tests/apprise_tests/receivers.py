"""Where messages arrive: an SMTP server and a webhook, on sockets of this computer."""

import asyncio
import json
import threading
from email import message_from_bytes, policy
from email.message import EmailMessage
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self

from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session


class Mailbox:
    """An SMTP server that keeps what it takes. `refusal` is what it says instead of taking it."""

    PASSWORD = "correct-horse"

    def __init__(self) -> None:
        self.mails: list[EmailMessage] = []
        self.refusal: str | None = None
        self._loop = asyncio.new_event_loop()
        self._server = self._loop.run_until_complete(
            self._loop.create_server(self._protocol, "127.0.0.1", 0)
        )
        self.port: int = self._server.sockets[0].getsockname()[1]
        self._thread = threading.Thread(target=self._loop.run_forever)

    def url(self, password: str = PASSWORD) -> str:
        """Its address as apprise writes it."""
        return (
            f"mailto://robot:{password}@127.0.0.1:{self.port}/?from=robot@lab.example"
            "&to=anna@lab.example&mode=insecure"
        )

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        asyncio.run_coroutine_threadsafe(self._close(), self._loop).result(10)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    async def _close(self) -> None:
        self._server.close()
        conversations = asyncio.all_tasks() - {asyncio.current_task()}
        for task in conversations:
            task.cancel()
        await asyncio.gather(*conversations, return_exceptions=True)

    async def handle_DATA(self, _server: SMTP, _session: Session, envelope: Envelope) -> str:
        """A message has come."""
        if self.refusal:
            return self.refusal
        content = envelope.content
        assert isinstance(content, bytes)
        mail = message_from_bytes(content, policy=policy.default)
        assert isinstance(mail, EmailMessage)
        self.mails.append(mail)
        return "250 OK"

    def _protocol(self) -> SMTP:
        return SMTP(
            self,
            hostname="mail.lab.example",
            loop=self._loop,
            authenticator=self._authenticate,
            auth_require_tls=False,
        )

    def _authenticate(
        self, _server: SMTP, _session: Session, _envelope: Envelope, _way: str, given: Any
    ) -> AuthResult:
        assert isinstance(given, LoginPassword)
        return AuthResult(success=given.password == self.PASSWORD.encode(), handled=False)


class Webhook:
    """An HTTP server that keeps the JSON it is sent.

    It answers with `status`, and while `answers` is cleared not at all.
    """

    TOKEN = "T0ken-of-the-hook"

    def __init__(self) -> None:
        self.posts: list[dict[str, Any]] = []
        self.status = 200
        self.answers = threading.Event()
        self.answers.set()
        hook = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                content = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                hook.answers.wait(30)
                if hook.status == 200:
                    hook.posts.append(content)
                self.send_response(hook.status)
                self.end_headers()

            def log_message(self, format: str, *args: object) -> None:
                """It is silent."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,))

    @property
    def url(self) -> str:
        """Its address as apprise writes it."""
        return f"json://127.0.0.1:{self._server.server_port}/{self.TOKEN}"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.answers.set()
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()
