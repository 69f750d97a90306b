"""Real servers for tests: Prometheus, Alertmanager, a listener for what they send.

Everything listens on loopback at a free port, keeps its files in a folder of the test's, and is
gone when its `with` block ends. `Prometheus` and `Alertmanager` return once they are ready.
"""

from __future__ import annotations

import json
import socket
import subprocess
import threading
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Self

HOST = "127.0.0.1"


def free_port() -> int:
    """A port that nobody listens on just now."""
    with socket.socket() as asked:
        asked.bind((HOST, 0))
        port: int = asked.getsockname()[1]
        return port


def wait_until(found: Callable[[], Any], seconds: float, what: str, every: float = 0.1) -> Any:
    """Ask again and again until `found` answers something true; that answer."""
    until = time.monotonic() + seconds
    while not (answer := found()):
        if time.monotonic() > until:
            raise TimeoutError(f"not within {seconds:g} s: {what}")
        time.sleep(every)
    return answer


class Server:
    """A process that serves HTTP: its `url`, and its log in `folder`."""

    def __init__(self, name: str, command: Sequence[str], folder: Path, port: int) -> None:
        self.url = f"http://{HOST}:{port}"
        self.log = folder / f"{name}.log"
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(command, stdout=log, stderr=log, cwd=folder)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Stop it, by force if it must be."""
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(5)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait(5)

    def get(self, path: str, **parameters: str) -> Any:
        """The JSON at `path`, or its text where it is none."""
        query = f"?{urllib.parse.urlencode(parameters)}" if parameters else ""
        with urllib.request.urlopen(f"{self.url}{path}{query}", timeout=10) as answer:
            text: str = answer.read().decode()
        try:
            return json.loads(text)
        except ValueError:
            return text

    def is_ready(self) -> bool:
        """Whether it says so; raises what its log says if it has ended."""
        if self.process.poll() is not None:
            raise RuntimeError(f"{self.log.name}: {self.log.read_text()[-2000:]}")
        try:
            self.get("/-/ready")
        except OSError:
            return False
        return True


class Alertmanager(Server):
    """Alertmanager with a configuration of ours; `binary` is its path."""

    def __init__(self, binary: str, folder: Path, config: Path) -> None:
        port = free_port()
        options = {
            "config.file": str(config),
            "storage.path": str(folder / "alertmanager"),
            "web.listen-address": f"{HOST}:{port}",
            "cluster.listen-address": "",
        }
        super().__init__("alertmanager", [binary, *_flags(options)], folder, port)
        wait_until(self.is_ready, 20, "Alertmanager is ready")

    def post(self, *alerts: Mapping[str, Any]) -> None:
        """Let alerts fire, as Prometheus would."""
        request = urllib.request.Request(
            f"{self.url}/api/v2/alerts",
            json.dumps(alerts).encode(),
            {"Content-Type": "application/json"},
        )
        urllib.request.urlopen(request, timeout=10).close()

    def states(self) -> dict[str, bool]:
        """Names of the alerts that fire, and whether another one holds them back."""
        return {
            alert["labels"]["alertname"]: bool(alert["status"]["inhibitedBy"])
            for alert in self.get("/api/v2/alerts")
        }


class Prometheus(Server):
    """Prometheus that scrapes `targets` (each a host:port, by job) and evaluates `rules`.

    `interval` (seconds) is that of both. With an Alertmanager it returns when it has found it. An
    alert that fires before that is sent again after the resend delay, 10 s here and not a minute.
    """

    def __init__(
        self,
        binary: str,
        folder: Path,
        targets: Mapping[str, Sequence[str]],
        rules: Sequence[Path] = (),
        alertmanager: Alertmanager | None = None,
        interval: int = 5,
    ) -> None:
        port = free_port()
        managers = [] if alertmanager is None else [alertmanager.url.removeprefix("http://")]
        config = folder / "prometheus.yml"
        config.write_text(
            json.dumps(  # which is YAML too
                {
                    "global": {
                        "scrape_interval": f"{interval}s",
                        "evaluation_interval": f"{interval}s",
                    },
                    "rule_files": [str(path) for path in rules],
                    "scrape_configs": [
                        {"job_name": job, "static_configs": [{"targets": list(addresses)}]}
                        for job, addresses in targets.items()
                    ],
                    "alerting": {"alertmanagers": [{"static_configs": [{"targets": managers}]}]},
                }
            )
        )
        options = {
            "config.file": str(config),
            "storage.tsdb.path": str(folder / "prometheus"),
            "web.listen-address": f"{HOST}:{port}",
            "rules.alert.resend-delay": "10s",
        }
        super().__init__("prometheus", [binary, *_flags(options)], folder, port)
        wait_until(self.is_ready, 20, "Prometheus is ready")
        if managers:
            wait_until(self._has_alertmanager, 20, "Prometheus has found Alertmanager")

    def _has_alertmanager(self) -> bool:
        return bool(self.get("/api/v1/alertmanagers")["data"]["activeAlertmanagers"])

    def query(self, expression: str) -> list[dict[str, Any]]:
        """The instant vector of an expression, now: `metric` (labels) and `value` of each.

        Raises `ValueError` with what Prometheus says of an expression that it can't evaluate.
        """
        try:
            answer = self.get("/api/v1/query", query=expression)
        except urllib.error.HTTPError as error:
            raise ValueError(f"{expression}: {error.read().decode()}") from None
        result: list[dict[str, Any]] = answer["data"]["result"]
        return result

    def firing(self) -> list[dict[str, str]]:
        """Labels of all alerts that fire."""
        alerts = self.get("/api/v1/alerts")["data"]["alerts"]
        return [alert["labels"] for alert in alerts if alert["state"] == "firing"]

    def rule_errors(self) -> list[str]:
        """What went wrong in the latest evaluation of each rule."""
        groups = self.get("/api/v1/rules")["data"]["groups"]
        return [
            f"{rule['name']}: {rule['lastError']}"
            for group in groups
            for rule in group["rules"]
            if rule.get("lastError")
        ]


def _flags(options: Mapping[str, str]) -> list[str]:
    return [f"--{name}={value}" for name, value in options.items()]


@dataclass(frozen=True)
class Received:
    """What was posted: when (seconds since the epoch), to which path, and its JSON."""

    at: float
    path: str
    body: dict[str, Any]


class Listener:
    """Takes every POST on loopback, as a receiver of notifications would."""

    def __init__(self) -> None:
        self.received: list[Received] = []
        received = self.received

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                at = time.time()
                text = self.rfile.read(int(self.headers["Content-Length"]))
                received.append(Received(at, self.path, json.loads(text)))
                self.send_response(200)
                self.end_headers()
                self.wfile.write(b"ok")

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer((HOST, 0), Handler)
        self.url = f"http://{HOST}:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever)
        self._thread.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
