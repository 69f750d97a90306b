"""Settings of a dataflow on several hosts: where its processes find each other."""

from __future__ import annotations

import msgspec


class ClusterSettings(msgspec.Struct, forbid_unknown_fields=True, frozen=True, kw_only=True):
    """One `host:port` a process, in the order of their ids: where each listens for the others.

    `exporters` say where each serves `/metrics`; of one that they leave out it is the exporter's
    port plus the id.
    """

    addresses: tuple[str, ...] = ()
    exporters: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for address in (*self.addresses, *self.exporters):
            split_address(address)
        if len(set(self.addresses)) != len(self.addresses):
            raise ValueError("addresses: two processes can't listen at the same one")
        if len(self.addresses) == 1:
            raise ValueError("addresses: a cluster has two or more; leave out that of a single one")
        if self.exporters and self.addresses and len(self.exporters) != len(self.addresses):
            raise ValueError(
                f"exporters: {len(self.exporters)} for {len(self.addresses)} addresses; "
                "give one a process"
            )


def split_address(address: str) -> tuple[str, int]:
    """Host and port of `host:port`; an IPv6 address stands in brackets."""
    host, _, port = address.rpartition(":")
    if not host or not (port.isascii() and port.isdigit() and 0 < int(port) <= 65535):
        raise ValueError(f"'{address}' is no address: write host:port")
    return host.removeprefix("[").removesuffix("]"), int(port)
