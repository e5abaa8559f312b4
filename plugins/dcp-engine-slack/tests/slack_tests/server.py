"""A Slack to test against: a real HTTP server that answers as Slack's documentation says.

It holds what was posted, as a channel would; it refuses what Slack refuses; and it can be told to
misbehave. Nothing of the plugin is known here.
"""

import json
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ssl import SSLContext
from typing import Any, Final
from urllib.parse import parse_qs

import msgspec

CHANNEL = "C0IMAGING1"
TOKEN = "xoxb-1-2-notarealtoken"
WEBHOOK_PATH = "/services/T000/B000/notarealsecret"
# The moment that the simulated AWS begins at, and the examples: 2030-01-01 12:00 UTC.
_START = 1893499200.0

Json = dict[str, Any]


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """What the server sends back."""

    status: int = 200
    body: str | bytes = "ok"
    headers: Mapping[str, str] = {}


HANGS_UP: Final = Answer(status=0)
"""Not an answer: the connection is closed without one."""


class Trouble(msgspec.Struct, kw_only=True):
    """One answer that is not the right one, for a method or the webhook.

    With `taken` the message is posted all the same. `until` keeps the answer waiting.
    """

    to: str
    answer: Answer
    taken: bool = False
    until: threading.Event | None = None


class Request(msgspec.Struct, frozen=True, kw_only=True):
    """What was asked: a method of the Web API, or "webhook"."""

    to: str
    body: Json
    headers: Mapping[str, str]


class Slack:
    """One workspace with one channel, one app, its bot and its webhook."""

    def __init__(self) -> None:
        self.address = ""
        self.scopes = {"chat:write", "channels:history"}
        self.member = True
        self.archived = False
        self.webhook_state = "ok"
        self.page = 200
        self.messages: list[Json] = []
        self.requests: list[Request] = []
        self._troubles: list[Trouble] = []
        self._lock = threading.Lock()

    @property
    def api_url(self) -> str:
        return f"{self.address}/api/"

    @property
    def webhook_url(self) -> str:
        return f"{self.address}{WEBHOOK_PATH}"

    def misbehave(self, to: str, *answers: Answer, taken: bool = False) -> None:
        """Give these answers, in order, to the next requests of that kind."""
        self._troubles += [Trouble(to=to, answer=answer, taken=taken) for answer in answers]

    @contextmanager
    def keeping_waiting(self, to: str) -> Iterator[None]:
        """Take the next message of that kind, and answer nothing until the block ends."""
        released = threading.Event()
        self._troubles.append(Trouble(to=to, answer=Answer(), taken=True, until=released))
        try:
            yield
        finally:
            released.set()

    def asked(self, to: str) -> int:
        """How many requests of that kind have come."""
        return sum(request.to == to for request in self.requests)

    def chat(self, text: str) -> None:
        """What a person writes in the channel."""
        self._post({"text": text})

    def delete(self, ts: str) -> None:
        """A person deletes a message."""
        self.messages = [message for message in self.messages if message["ts"] != ts]

    @property
    def threads(self) -> list[list[Json]]:
        """Every thread, or message that stands alone, with its replies in order."""
        first = [m for m in self.messages if m.get("thread_ts", m["ts"]) == m["ts"]]
        return [
            [m for m in self.messages if m.get("thread_ts", m["ts"]) == parent["ts"]]
            for parent in first
        ]

    def answer(self, path: str, body: bytes, headers: Mapping[str, str]) -> Answer:
        """What Slack answers."""
        to = "webhook" if path == WEBHOOK_PATH else path.removeprefix("/api/")
        try:
            asked = _read(body, headers)
        except ValueError:
            return Answer(status=400, body="invalid_payload")
        with self._lock:
            self.requests.append(Request(to=to, body=asked, headers=headers))
            trouble = next((t for t in self._troubles if t.to == to), None)
            if trouble:
                self._troubles.remove(trouble)
            if trouble is None or trouble.taken:
                right = self._webhook(asked) if to == "webhook" else self._api(to, asked, headers)
        if trouble is None:
            return right
        if trouble.until is not None:
            trouble.until.wait(30)
        return trouble.answer

    def _webhook(self, asked: Json) -> Answer:
        refusals = {
            "removed": Answer(status=404, body="no_service"),
            "prohibited": Answer(status=403, body="action_prohibited"),
            "archived": Answer(status=410, body="channel_is_archived"),
        }
        if self.webhook_state in refusals:
            return refusals[self.webhook_state]
        if wrong := _what_is_wrong(asked):
            return Answer(status=400, body=wrong)
        self._post(asked)
        return Answer(headers={"Content-Type": "text/html"})

    def _api(self, method: str, asked: Json, headers: Mapping[str, str]) -> Answer:
        methods: dict[str, tuple[str | None, Callable[[Json], Json]]] = {
            "auth.test": (None, lambda _: {"user": "dcp-engine"}),
            "chat.postMessage": ("chat:write", self._post_message),
            "conversations.history": ("channels:history", self._history),
            "conversations.replies": ("channels:history", self._replies),
        }
        if method not in methods:
            return _json({"ok": False, "error": "unknown_method"})
        scope, act = methods[method]
        if headers.get("authorization") != f"Bearer {TOKEN}":
            return _json({"ok": False, "error": "invalid_auth"})
        if scope and scope not in self.scopes:
            lacks = {"needed": scope, "provided": ",".join(sorted(self.scopes))}
            return _json({"ok": False, "error": "missing_scope", **lacks})
        if scope and asked.get("channel") != CHANNEL:
            return _json({"ok": False, "error": "channel_not_found"})
        if scope and not self.member:
            return _json({"ok": False, "error": "not_in_channel"})
        found = act(asked)
        said = _json({"ok": "error" not in found, **found})
        scopes = ",".join(sorted(self.scopes))
        return msgspec.structs.replace(said, headers={**said.headers, "x-oauth-scopes": scopes})

    def _post_message(self, asked: Json) -> Json:
        if self.archived:
            return {"error": "is_archived"}
        if wrong := _what_is_wrong(asked):
            return {"error": wrong}
        thread = asked.get("thread_ts")
        if thread and not any(message["ts"] == thread for message in self.messages):
            return {"error": "thread_not_found"}
        return {"channel": CHANNEL, "ts": self._post(asked)["ts"]}

    def _history(self, asked: Json) -> Json:
        oldest = float(asked.get("oldest", 0))
        shown = [
            message
            for message in reversed(self.messages)
            if float(message["ts"]) > oldest
            and (message.get("thread_ts", message["ts"]) == message["ts"] or message["broadcast"])
        ]
        return self._a_page(shown, asked)

    def _replies(self, asked: Json) -> Json:
        found = [m for m in self.messages if asked["ts"] in {m["ts"], m.get("thread_ts")}]
        return self._a_page(found, asked) if found else {"error": "thread_not_found"}

    def _a_page(self, found: list[Json], asked: Json) -> Json:
        begin = int(asked.get("cursor") or 0)
        end = begin + min(int(asked.get("limit", 100)), self.page)
        hidden = set() if asked.get("include_all_metadata") in {"1", True} else {"metadata"}
        return {
            "messages": [
                {key: value for key, value in message.items() if key not in hidden}
                for message in found[begin:end]
            ],
            "has_more": end < len(found),
            "response_metadata": {"next_cursor": str(end) if end < len(found) else ""},
        }

    def _post(self, asked: Json) -> Json:
        message: Json = {
            key: asked[key] for key in ("text", "blocks", "metadata", "thread_ts") if key in asked
        }
        message["ts"] = f"{_START + len(self.requests) + len(self.messages) / 1000:.6f}"
        message["broadcast"] = bool(asked.get("reply_broadcast"))
        self.messages.append(message)
        return message


@contextmanager
def serving(slack: Slack, tls: SSLContext | None = None) -> Iterator[None]:
    """The workspace on a free port of this computer, for as long as the block lasts."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            headers = {name.lower(): value for name, value in self.headers.items()}
            answer = slack.answer(self.path, body, headers)
            if answer is HANGS_UP:
                self.close_connection = True
                return
            raw = answer.body if isinstance(answer.body, bytes) else answer.body.encode()
            try:
                self.send_response(answer.status)
                for name, value in answer.headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(raw)))
                self.end_headers()
                self.wfile.write(raw)
            except ConnectionError:
                self.close_connection = True

        def log_message(self, format: str, *args: object) -> None:
            """Nothing: what was asked is in `requests`."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    if tls:
        server.socket = tls.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    slack.address = f"http{'s' if tls else ''}://127.0.0.1:{server.server_port}"
    try:
        yield
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def _read(body: bytes, headers: Mapping[str, str]) -> Json:
    if not body:
        return {}
    if headers.get("content-type", "").startswith("application/json"):
        read = json.loads(body)
        if not isinstance(read, dict):
            raise ValueError("not an object")
        return read
    return {name: values[-1] for name, values in parse_qs(body.decode()).items()}


def _json(answer: Json) -> Answer:
    return Answer(
        body=json.dumps(answer), headers={"Content-Type": "application/json; charset=utf-8"}
    )


def _what_is_wrong(asked: Json) -> str | None:
    """Slack's limits: 50 blocks, 3000 characters a text, 10 elements, 40000 characters in all."""
    blocks = asked.get("blocks", [])
    if not asked.get("text"):
        return "no_text"
    if len(asked["text"]) > 40000:
        return "msg_too_long"
    texts = [block["text"] for block in blocks if "text" in block]
    for block in blocks:
        elements = block.get("elements", [])
        if len(elements) > 10:
            return "invalid_blocks"
        texts += elements
    if len(blocks) > 50 or not all(0 < len(text["text"]) <= 3000 for text in texts):
        return "invalid_blocks"
    return None
