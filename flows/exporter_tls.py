"""TLS of `/metrics`: the certificates that the configuration names, looked at before they serve."""

from __future__ import annotations

import ssl
from pathlib import Path
from typing import Any

import msgspec


class TlsError(Exception):
    """A certificate or a key that can't be used; the message says which and why."""


class Tls(msgspec.Struct, forbid_unknown_fields=True, frozen=True, kw_only=True):
    """`[exporter.tls]`: a certificate with its key, and who may scrape.

    With `client_ca`, only clients with a certificate of that authority are answered.
    """

    certificate: Path
    key: Path
    client_ca: Path | None = None

    def below(self, base: Path) -> Tls:
        """The same with paths made absolute."""
        client_ca = None if self.client_ca is None else base / self.client_ca
        return Tls(certificate=base / self.certificate, key=base / self.key, client_ca=client_ca)

    def options(self) -> dict[str, Any]:
        """What the server is told; `TlsError` where a file isn't what it should be."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        for name, path in (("certificate", self.certificate), ("key", self.key)):
            _read(name, path)
        try:
            context.load_cert_chain(self.certificate, self.key)
        except ssl.SSLError as error:
            raise TlsError(
                f"exporter.tls: {self.certificate} with the key {self.key}: {_reason(error)}; "
                "name a certificate in PEM and the key that belongs to it, without a passphrase"
            ) from None
        options: dict[str, Any] = {"certfile": str(self.certificate), "keyfile": str(self.key)}
        if self.client_ca is not None:
            _read("client_ca", self.client_ca)
            try:
                context.load_verify_locations(self.client_ca)
            except ssl.SSLError as error:
                raise TlsError(
                    f"exporter.tls: client_ca {self.client_ca}: {_reason(error)}; "
                    "name the certificates of an authority in PEM"
                ) from None
            options |= {"client_cafile": str(self.client_ca), "client_auth_required": True}
        return options


def _read(name: str, path: Path) -> None:
    try:
        path.read_bytes()
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise TlsError(f"exporter.tls: {name} {path}: {reason}; name a readable file") from None


def _reason(error: ssl.SSLError) -> str:
    return (error.reason or str(error)).lower().replace("_", " ")
