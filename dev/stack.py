"""The local stack: MariaDB, Redis, Kafka and the service as ordinary processes on private ports.

python -m dev.stack run               what bin/run does
python -m dev.stack exec -- COMMAND   run COMMAND beside fresh servers of its own; --apps: and
                                      beside the service; --mysql URL: with this database server
"""

import argparse
import fcntl
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from types import FrameType

import MySQLdb

from dev import demo, probes
from dev.control import ROOT, StackError
from dev.ports import Ports
from dev.supervised import Stack, step

__all__ = ["Stack", "StackError"]

HINTS = """\
The commands of manage.py, against this stack:
  set -a; . .local/run/env; set +a
  .venv/bin/python manage.py createsuperuser

Metrics are on http://127.0.0.1:{metrics}/metrics (the API), :{consumer} (the consumer) and
:{relay} (the relay).
Logs are in .local/run/log. What dies is started again, and named here. Ctrl-C stops everything.\
"""
LIMITED = ["default", "login", "login-address", "login-username", "login-known"]
LIMITED += ["signup", "password", "follow", "posts", "export"]
STOPPERS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def run() -> None:
    """Everything up, one post shown on its way, and then the supervisor's log until Ctrl-C."""
    state = ROOT / ".local" / "run"
    began = time.monotonic()
    with _alone(state), Stack(state, Ports.counted_from(_port_base())) as stack:
        with step("starting MariaDB, Redis and Kafka"):
            stack.start_stores()
            stack.manage("collectstatic", "--no-input")
            stack.wait_ready(*stack.stores)
        with step("tables, topics, demo data"):
            stack.prepare_apps()
            stack.manage("seed_demo", "--if-empty")
        with step("starting the API with nginx before it, the consumer and the relay"):
            stack.override_for_apps({"NUM_PROXIES": "1"})  # nginx
            stack.start_apps()
            stack.start_web()
            stack.start("topics")
        print(f"newsfeed: ready after {time.monotonic() - began:.1f} s\n", flush=True)
        try:
            demo.show(f"http://127.0.0.1:{stack.ports.web}")
        except OSError as error:
            print(f"newsfeed: the demonstration failed: {error}")
        print(HINTS.format(**asdict(stack.ports)), flush=True)
        for line in stack.log():
            print(line, flush=True)
        raise StackError("the supervisor is gone")


def execute(command: list[str], *, apps: bool, database_url: str | None) -> int:
    """Run a command beside fresh servers; its exit code is ours."""
    state = ROOT / ".local" / "test"
    # Tests and benchmarks ask more often than people do.
    os.environ.setdefault("RATE_LIMITS", ",".join(f"{name}=1000000/m" for name in LIMITED))
    if database_url:
        try:
            probes.connect_database(database_url)
        except MySQLdb.Error as error:
            raise StackError(f"--mysql: {error}") from None
    with _alone(state):
        shutil.rmtree(state, ignore_errors=True)
        with Stack(state, Ports.free(), database_url) as stack:
            with step("starting servers for this run"):
                stack.start_stores()
                stack.wait_ready(*stack.stores)
            if apps:
                with step("starting the service for this run"):
                    stack.prepare_apps()
                    stack.start_apps()
            return _status_of(command, os.environ | stack.env)


def _status_of(command: list[str], env: dict[str, str]) -> int:
    with subprocess.Popen(command, env=env) as child:
        # The terminal sends its Ctrl-C to the command as well; we wait for what it makes of it.
        signal.signal(signal.SIGINT, lambda *_: None)
        for number in (signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, lambda received, _: child.send_signal(received))
        status = child.wait()
    return status if status >= 0 else 128 - status


@contextmanager
def _alone(state: Path) -> Iterator[None]:
    """Two runs of one checkout would share the servers' files."""
    state.parent.mkdir(exist_ok=True)
    with state.with_suffix(".lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise StackError(f"{state} is in use: this already runs in this checkout") from None
        yield


def _port_base() -> int:
    text = os.environ.get("NEWSFEED_PORT_BASE", "18000")
    if not text.isdecimal() or not 1024 <= int(text) <= 65_500:
        raise StackError(f"NEWSFEED_PORT_BASE must be a number from 1024 to 65500, not {text!r}")
    return int(text)


def _interrupt(number: int, _frame: FrameType | None) -> None:
    for stopper in STOPPERS:
        signal.signal(stopper, lambda *_: None)  # one is enough: stopping takes its time
    raise SystemExit(128 + number)


def _arguments() -> tuple[argparse.Namespace, list[str]]:
    own, command = sys.argv[1:], list[str]()
    if "--" in own:
        cut = own.index("--")
        own, command = own[:cut], own[cut + 1 :]
    parser = argparse.ArgumentParser(
        prog="python -m dev.stack",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    tasks = parser.add_subparsers(dest="task", required=True)
    tasks.add_parser("run")
    execute_parser = tasks.add_parser("exec", usage="%(prog)s [--apps] [--mysql URL] -- COMMAND")
    execute_parser.add_argument("--apps", action="store_true", help="start the service too")
    execute_parser.add_argument("--mysql", metavar="URL", help="instead of starting MariaDB")
    options = parser.parse_args(own)
    if options.task == "exec" and not command:
        execute_parser.error("a command is missing after --")
    return options, command


def main() -> int:
    options, command = _arguments()
    for stopper in STOPPERS:
        signal.signal(stopper, _interrupt)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, STOPPERS)  # see bin/run
    # Debian keeps servers in /usr/sbin, which is not on a user's PATH.
    os.environ["PATH"] += ":/usr/sbin:/sbin"
    # All servers are on this machine; a proxy is for the set-up.
    for name in ("no_proxy", "NO_PROXY"):
        os.environ[name] = ",".join(filter(None, (os.environ.get(name), "127.0.0.1,localhost")))
    try:
        if options.task == "exec":
            return execute(command, apps=options.apps, database_url=options.mysql)
        run()
    except StackError as error:
        print(f"newsfeed: {error}", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main())
