"""The gateway's nginx.conf for an nginx on this machine: only addresses and folders differ."""

import os
import re
from pathlib import Path

from dev.control import ROOT
from dev.ports import Ports

CONF = ROOT / "k8s" / "base" / "gateway" / "nginx.conf"


def render(conf: str, folder: Path, *, port: int, health_port: int, read: int, write: int) -> str:
    """Ports are of 127.0.0.1: where it listens, and those of the two groups behind it."""
    for old, new in {
        "server api-read:8000": f"server 127.0.0.1:{read}",
        "server api-write:8000": f"server 127.0.0.1:{write}",
        "listen 8080": f"listen 127.0.0.1:{port}",
        "listen 8081": f"listen 127.0.0.1:{health_port}",
    }.items():
        assert conf.count(old) == 1
        conf = conf.replace(old, new)
    return re.sub(r"/tmp/([^\s;]+)", rf'"{folder}/\1"', conf)  # noqa: S108 # nosec B108


def prepare_web(state: Path, ports: Ports) -> None:
    """One API is both groups."""
    folder = state / "nginx"
    folder.mkdir(exist_ok=True)
    conf = render(
        CONF.read_text(),
        folder,
        port=ports.web,
        health_port=ports.web_health,
        read=ports.api,
        write=ports.api,
    )
    (folder / "nginx.conf").write_text(conf)


def directives() -> str:
    """Started by root, nginx would run its workers as a user who cannot write to the folder."""
    return "daemon off;" + (" user root;" if os.getuid() == 0 else "")
