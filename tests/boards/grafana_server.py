"""As much of Grafana's HTTP API as a push uses, in memory: what was sent, and what stands there."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self

Answer = tuple[int, Any]
TOKEN = "glsa_test"


class GrafanaServer:
    """A stand-in that keeps folders, data sources, boards and playlists, and asks for a token."""

    def __init__(self) -> None:
        self.folders: dict[str, Any] = {}
        self.sources: dict[str, Any] = {}
        self.boards: dict[str, Any] = {}
        self.playlists: dict[str, Any] = {}
        self.writes: list[str] = []
        handle = self._handle

        class Handler(BaseHTTPRequestHandler):
            def _any(self) -> None:
                length = int(self.headers.get("Content-Length") or 0)
                body = json.loads(self.rfile.read(length)) if length else None
                is_known = self.headers.get("Authorization") == f"Bearer {TOKEN}"
                unknown: Answer = (401, {"message": "Invalid API key"})
                status, said = handle(self.command, self.path, body) if is_known else unknown
                text = json.dumps(said).encode()
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(text)))
                self.end_headers()
                self.wfile.write(text)

            do_GET = do_POST = do_PUT = _any

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def _handle(self, method: str, path: str, body: Any) -> Answer:
        if method != "GET":
            self.writes.append(f"{method} {path}")
        parts = path.removeprefix("/api/").split("/")
        answers: dict[str, Callable[[str, list[str], Any], Answer]] = {
            "folders": self._folders,
            "datasources": self._sources,
            "dashboards": self._dashboards,
            "playlists": self._playlists,
        }
        return answers[parts[0]](method, parts[1:], body)

    def _folders(self, method: str, rest: list[str], body: Any) -> Answer:
        if method == "GET":
            return _one(self.folders, rest[0])
        self.folders[body["uid"]] = body
        return 200, body

    def _sources(self, method: str, rest: list[str], body: Any) -> Answer:
        if method == "GET":
            return _one(self.sources, rest[1])
        self.sources[body["uid"]] = {"id": 1, "readOnly": False, **body}
        return 200, body

    def _dashboards(self, method: str, rest: list[str], body: Any) -> Answer:
        if method == "GET":
            return _one(self.boards, rest[1])
        board, before = body["dashboard"], self.boards.get(body["dashboard"]["uid"])
        if body["folderUid"] not in self.folders:
            return 400, {"message": "folder not found"}
        version = 1 if before is None else before["dashboard"]["version"] + 1
        stored = {**board, "id": len(self.boards) + 1, "version": version}
        self.boards[board["uid"]] = {
            "dashboard": stored,
            "meta": {"folderUid": body["folderUid"]},
        }
        return 200, {"status": "success"}

    def _playlists(self, method: str, rest: list[str], body: Any) -> Answer:
        if method == "GET":
            return _one(self.playlists, rest[0]) if rest else (200, [*self.playlists.values()])
        uid = rest[0] if rest else f"playlist{len(self.playlists)}"
        self.playlists[uid] = {**body, "uid": uid}
        return 200, self.playlists[uid]


def _one(there: dict[str, Any], uid: str) -> Answer:
    return (200, there[uid]) if uid in there else (404, {"message": "not found"})
