"""What MariaDB, Redis and Kafka need on disk before they start."""

import os
import re
import shutil
import subprocess
from pathlib import Path
from string import Template

from dev.control import ROOT, StackError, last_lines
from dev.ports import Ports

KAFKA = ROOT / "dev" / "kafka"
JAVA = ROOT / ".local" / "java"
# 16 bytes in base64, as Kafka wants it; nothing else joins this cluster.
CLUSTER_ID = "bmV3c2ZlZWQtbG9jYWwtMQ"

# The server runs these statements at every start, so a new port or password needs no new data.
INIT_SQL = Template("""\
CREATE DATABASE IF NOT EXISTS newsfeed;
CREATE USER IF NOT EXISTS newsfeed@'127.0.0.1';
ALTER USER newsfeed@'127.0.0.1' IDENTIFIED BY '$password';
GRANT ALL ON newsfeed.* TO newsfeed@'127.0.0.1';
GRANT ALL ON `test\\_newsfeed%`.* TO newsfeed@'127.0.0.1';
-- For the test of a server that has no connection left: it takes none from other tests.
CREATE USER IF NOT EXISTS newsfeed_few@'127.0.0.1' WITH MAX_USER_CONNECTIONS 3;
ALTER USER newsfeed_few@'127.0.0.1' IDENTIFIED BY '$password';
GRANT ALL ON `test\\_newsfeed%`.* TO newsfeed_few@'127.0.0.1';
""")


def kafka_jars(state: Path) -> str:
    """Relative to the state folder: a colon in an absolute path would split the class path."""
    version = re.search("<kafka.version>(.*)</", (KAFKA / "pom.xml").read_text())
    assert version
    return os.path.relpath(ROOT / ".local" / f"kafka-jars-{version[1]}", state)


def prepare_stores(state: Path, ports: Ports, password: str, *, mariadb: bool) -> None:
    (state / "mariadb.sql").write_text(INIT_SQL.substitute(password=password))
    # In a file that only its owner reads: ps shows the command line to everybody.
    redis = state / "redis.conf"
    redis.touch(mode=0o600)
    redis.write_text(f"requirepass {password}\n")
    properties = Template((KAFKA / "server.properties").read_text())
    (state / "server.properties").write_text(
        properties.substitute(
            port=ports.kafka,
            controller_port=ports.kafka_controller,
            proxy_port=ports.kafka_proxy,
            behind_proxy_port=ports.kafka_behind_proxy,
        )
    )
    shutil.copy(KAFKA / "log4j2.properties", state)
    part = state / "mariadb.part"
    shutil.rmtree(part, ignore_errors=True)
    makers = {}
    if mariadb and not (state / "mariadb").exists():
        # No --user, not even as root: with it, a space in the path is an error.
        options = [f"--datadir={part}", "--skip-test-db", "--innodb-log-file-size=32M"]
        makers["mariadb"] = _spawn(
            state, "mariadb", ["mariadb-install-db", "--no-defaults", *options]
        )
    if not (state / "kafka" / "meta.properties").exists():
        task = ["kafka.tools.StorageTool", "format", "-t", CLUSTER_ID, "-c", "server.properties"]
        makers["kafka"] = _spawn(
            state, "kafka", [str(JAVA), "-cp", f"{kafka_jars(state)}/*", *task]
        )
    for name, maker in makers.items():
        if maker.wait():
            raise StackError(f"{name}'s data cannot be laid out: {last_lines(_log(state, name))}")
    if part.exists():
        part.rename(state / "mariadb")


def _spawn(state: Path, name: str, command: list[str]) -> "subprocess.Popen[bytes]":
    with _log(state, name).open("wb") as log:
        # Java reads paths in the locale's encoding: they may hold any letter.
        env = os.environ | {"LC_ALL": "C.UTF-8"}
        return subprocess.Popen(command, cwd=state, env=env, stdout=log, stderr=log)


def _log(state: Path, name: str) -> Path:
    return state / "log" / f"{name}-layout.log"
