"""The container stack: valid, pinned, on loopback, and its parts find each other."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from replywatch.dashboards.grafana.options import DATA_SOURCE_NAME, DATA_SOURCE_UID, FOLDER_UID

PROVISIONING = "dashboards/provisioning"


def _yaml(path: Path) -> Any:
    return yaml.safe_load(path.read_text("utf-8"))


@pytest.fixture(scope="module")
def services(repository: Path) -> dict[str, Any]:
    """The services of compose.yaml."""
    found: dict[str, Any] = _yaml(repository / "compose.yaml")["services"]
    return found


def _has_plugin() -> bool:
    docker = shutil.which("docker")
    if docker is None:
        return False
    asked = subprocess.run([docker, "compose", "version"], capture_output=True, check=False)
    return asked.returncode == 0


def test_compose_accepts_it(repository: Path, require_tool: Callable[..., str]) -> None:
    """`docker compose config` (or the older `docker-compose`) has nothing to say."""
    command = ["docker", "compose"] if _has_plugin() else [require_tool("docker-compose")]
    done = subprocess.run(
        [*command, "-f", "compose.yaml", "config", "-q"],
        cwd=repository,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (0, "") == (done.returncode, done.stdout + done.stderr)


def test_images_are_pinned_and_checked_for_health(services: dict[str, Any]) -> None:
    """A version each, never `latest`; and each that stays says when it is ready."""
    for name, service in services.items():
        assert re.search(r":(v?\d+\.\d+\.\d+|local)$", service["image"]), name
        assert service["restart"] == "no" or service["healthcheck"]["test"], name


def test_ports_are_published_on_loopback_only(services: dict[str, Any]) -> None:
    """Nothing of the stack is anybody else's business by default."""
    ports = [port for service in services.values() for port in service.get("ports", ())]
    assert 5 == len(ports)
    assert [] == [port for port in ports if not port.startswith("127.0.0.1:")]


def test_what_is_mounted_from_the_checkout_is_there(
    repository: Path, services: dict[str, Any]
) -> None:
    """Every folder and file."""
    volumes = [volume for service in services.values() for volume in service.get("volumes", ())]
    mounted = [volume.split(":")[0] for volume in volumes if volume[0] == "."]
    assert len(mounted) >= 6
    assert [] == [path for path in mounted if not (repository / path).exists()]


def test_prometheus_accepts_its_configuration(
    repository: Path, tmp_path: Path, require_tool: Callable[..., str]
) -> None:
    """With the rules that the stack mounts."""
    text = (repository / "compose/prometheus.yml").read_text("utf-8")
    rules = repository / "alerts/rules"
    config = tmp_path / "prometheus.yml"
    config.write_text(text.replace("/etc/prometheus/rules", str(rules)))
    command = [require_tool("promtool"), "check", "config", str(config)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert 0 == done.returncode, done.stdout + done.stderr
    assert "rules found" in done.stdout


def test_prometheus_scrapes_what_replywatch_serves(
    repository: Path, services: dict[str, Any]
) -> None:
    """Job, host and port are those of the boards, of the service and of its configuration."""
    (scrape,) = _yaml(repository / "compose/prometheus.yml")["scrape_configs"]
    assert "replywatch" == scrape["job_name"]
    assert ["replywatch:9464"] == scrape["static_configs"][0]["targets"]
    assert ["127.0.0.1:9464:9464"] == services["replywatch"]["ports"]


def test_the_service_accepts_its_configuration(repository: Path) -> None:
    """The one that the container reads."""
    from replywatch.flows.settings import load_settings

    settings = load_settings(repository / "compose/replywatch.toml")
    assert ("0.0.0.0", 9464) == (settings.exporter.host, settings.exporter.port)
    services = _yaml(repository / "compose.yaml")["services"]
    mounts = services["replywatch"]["volumes"]
    assert any(mount.split(":")[1] == str(settings.history) for mount in mounts)
    kafka = settings.source.kafka
    assert kafka is not None
    assert f"inside://{kafka.brokers}" in " ".join(services["broker"]["command"])
    assert f"topic create {kafka.topic} " in services["broker"]["healthcheck"]["test"][1]


def test_grafana_finds_boards_and_data_source(repository: Path, services: dict[str, Any]) -> None:
    """Where the provisioning says they are, under the names that the boards ask for."""
    (source,) = _yaml(repository / PROVISIONING / "datasources/replywatch.yaml")["datasources"]
    assert (DATA_SOURCE_UID, DATA_SOURCE_NAME) == (source["uid"], source["name"])
    assert "http://prometheus:9090" == source["url"]
    (provider,) = _yaml(repository / PROVISIONING / "dashboards/replywatch.yaml")["providers"]
    assert FOLDER_UID == provider["folderUid"]
    folder = provider["options"]["path"]
    assert f"./dashboards/generated:{folder}:ro" in services["grafana"]["volumes"]
    home = services["grafana"]["environment"]["GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH"]
    assert f"{folder}/care-wallboard.json" == home
