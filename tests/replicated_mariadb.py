"""A MariaDB with a replica, both a test's own: to stop, to kill and to let lag."""

import os
import pwd
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import MySQLdb

from conftest import free_port
from tests.database import Database
from tests.deadline import wait_until
from tests.processes import kill

# At every start, and on each server for itself.
INIT_SQL = """\
SET sql_log_bin = 0;
CREATE USER IF NOT EXISTS newsfeed@'127.0.0.1' IDENTIFIED BY 'newsfeed';
GRANT ALL ON *.* TO newsfeed@'127.0.0.1';
"""
FOLLOW_PRIMARY = """
    CHANGE MASTER TO MASTER_HOST = '127.0.0.1', MASTER_PORT = %s, MASTER_USER = 'newsfeed',
        MASTER_PASSWORD = 'newsfeed', MASTER_USE_GTID = slave_pos, MASTER_CONNECT_RETRY = 1
"""


class MariaDB:
    def __init__(self, data: Path, server_id: int, *options: str) -> None:
        """On data that are laid out already."""
        self._port, self._log = free_port(), data.with_suffix(".log")
        self.url = f"mysql://newsfeed:newsfeed@127.0.0.1:{self._port}/newsfeed"
        init = data.with_suffix(".sql")
        init.write_text(INIT_SQL)
        self._command = ["mariadbd", "--no-defaults", f"--user={pwd.getpwuid(os.getuid()).pw_name}"]
        self._command += [f"--datadir={data}", f"--init-file={init}", f"--server-id={server_id}"]
        self._command += ["--socket=mysql.sock", f"--port={self._port}"]
        self._command += ["--bind-address=127.0.0.1", "--skip-name-resolve", *options]
        self._command += ["--innodb-flush-log-at-trx-commit=2", "--character-set-server=utf8mb4"]
        self.start()

    def start(self) -> None:
        with self._log.open("ab") as log:
            self.process = subprocess.Popen(self._command, stdout=log, stderr=log)
        try:
            wait_until(self._answers, 90, "MariaDB answers", self._log.read_text)
        except BaseException:
            self.kill()
            raise

    def _answers(self) -> bool:
        with suppress(MySQLdb.OperationalError):
            self.database = Database(self.url)
            return True
        return False

    def kill(self) -> None:
        kill(self.process)

    def selects(self) -> int:
        """How many it has been asked."""
        ((_, count),) = self.database.rows("SHOW GLOBAL STATUS LIKE 'Com_select'")
        return int(count)


class Pair:
    def __init__(self, folder: Path) -> None:
        one, other = folder / "primary", folder / "replica"
        layout = ["mariadb-install-db", "--no-defaults", "--skip-test-db", f"--datadir={one}"]
        subprocess.run([*layout, "--innodb-log-file-size=32M"], check=True, capture_output=True)
        shutil.copytree(one, other)
        self.primary = MariaDB(one, 1, "--log-bin", "--innodb-log-file-size=32M")
        self.replica = MariaDB(other, 2, "--innodb-log-file-size=32M")
        self._on_replica(FOLLOW_PRIMARY, self.primary._port)
        self._on_replica("START SLAVE")

    def _on_replica(self, sql: str, *values: object) -> None:
        self.replica.database.rows(sql, *values)

    def has_caught_up(self) -> bool:
        ((position,),) = self.primary.database.rows("SELECT @@gtid_binlog_pos")
        ((applied,),) = self.replica.database.rows("SELECT @@gtid_slave_pos")
        return bool(position == applied)

    def wait(self) -> None:
        wait_until(self.has_caught_up, 60, "the replica has caught up")

    @contextmanager
    def lagging(self) -> Iterator[None]:
        """A block in which the replica gets everything and applies nothing."""
        self.wait()
        self._on_replica("STOP SLAVE SQL_THREAD")
        try:
            yield
        finally:
            self._on_replica("START SLAVE SQL_THREAD")
            self.wait()

    def stop(self) -> None:
        self.replica.kill()
        self.primary.kill()
