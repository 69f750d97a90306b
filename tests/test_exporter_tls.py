"""/metrics by TLS: with a certificate, for clients with one, and what is said of bad files."""

from __future__ import annotations

import ssl
import subprocess
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path

import pytest

from replywatch.flows.exporter import ExporterError, serve
from replywatch.flows.exporter_tls import Tls, TlsError
from replywatch.flows.settings import Exporter, SettingsError, load_policy, load_settings
from replywatch.flows.stream import live_metrics


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory, require_tool: Callable[..., str]) -> Path:
    """A folder with a server's and a client's certificate, each its own authority, and keys."""
    folder = tmp_path_factory.mktemp("tls")
    openssl = require_tool("openssl")
    for name in ("server", "client"):
        subject = ["-subj", f"/CN={name}", "-addext", "subjectAltName=IP:127.0.0.1"]
        files = ["-keyout", f"{name}.key", "-out", f"{name}.pem", "-days", "2", "-nodes"]
        curve = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"]
        command = [openssl, "req", "-x509", *curve, *subject, *files]
        subprocess.run(command, cwd=folder, check=True, capture_output=True)
    return folder


def scrape(url: str, ca: Path, client: Path | None = None) -> str:
    """What `url` answers a client that trusts `ca` and has the certificate `client`."""
    context = ssl.create_default_context(cafile=str(ca))
    if client is not None:
        context.load_cert_chain(client, client.with_suffix(".key"))
    with urllib.request.urlopen(url, timeout=10, context=context) as answer:
        text: str = answer.read().decode()
    return text


def test_only_clients_with_a_certificate_are_answered(made: Path) -> None:
    """By TLS with the right certificate; neither without one nor in the clear."""
    (made / "config.toml").write_text(
        '[exporter]\nport = 0\ntls = { certificate = "server.pem", key = "server.key", '
        'client_ca = "client.pem" }\n'
    )
    settings = load_settings(made / "config.toml")
    live = live_metrics(settings, load_policy(None), "live")
    url, stop = serve(live, *settings.exporter_of(0), settings.exporter.tls)
    try:
        assert url.startswith("https://127.0.0.1:")
        assert "care_pipeline_info" in scrape(url, made / "server.pem", made / "client.pem")
        for wrong in (None, made / "server.pem"):
            with pytest.raises((urllib.error.URLError, ssl.SSLError, ConnectionError)):
                scrape(url, made / "server.pem", wrong)
        with pytest.raises((urllib.error.URLError, ConnectionError)):
            urllib.request.urlopen(url.replace("https", "http"), timeout=10)
    finally:
        stop()


@pytest.mark.parametrize(
    ("certificate", "key", "client_ca", "said"),
    [
        ("none.pem", "server.key", None, "certificate .*none.pem: no such file"),
        ("server.pem", "none.key", None, "key .*none.key: no such file"),
        ("server.pem", "client.key", None, "key values mismatch; name a certificate in PEM"),
        ("server.pem", "server.key", "server.key", "client_ca .*server.key: "),
    ],
)
def test_files_that_can_not_be_used_are_named(
    made: Path, certificate: str, key: str, client_ca: str | None, said: str
) -> None:
    """Before anything is served: the file, what is wrong with it, and what to do."""
    authority = None if client_ca is None else made / client_ca
    tls = Tls(certificate=made / certificate, key=made / key, client_ca=authority)
    with pytest.raises(TlsError, match=said):
        tls.options()


def test_a_certificate_needs_its_key(tmp_path: Path) -> None:
    """The configuration is refused without."""
    (tmp_path / "config.toml").write_text('[exporter.tls]\ncertificate = "server.pem"\n')
    with pytest.raises(SettingsError, match="missing required field `key`"):
        load_settings(tmp_path / "config.toml")


def test_it_listens_on_loopback_and_refuses_a_port_that_is_taken() -> None:
    """Unless told otherwise nobody else reaches it; two can't share a port in silence."""
    assert Exporter().host == "127.0.0.1"
    live = live_metrics(load_settings(None), load_policy(None), "live")
    url, stop = serve(live, "127.0.0.1", 0)
    try:
        port = int(url.rsplit(":", 1)[1].split("/")[0])
        with pytest.raises(ExporterError, match=f"127.0.0.1:{port}: address already in use"):
            serve(live, "127.0.0.1", port)
    finally:
        stop()
