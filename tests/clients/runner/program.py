"""One run of a client program against a cluster: what it says, and what it asks for."""

import os
import re
import shutil
import subprocess
import threading
from dataclasses import dataclass, field
from pathlib import Path

from .clients import Prepared
from .cluster import Cluster

FEATURES = ["kv", "txn", "watch", "watch-kill", "lease", "lease-kill", "lock", "election", "auth"]
PROGRAM_SECONDS = 240
SAYS = re.compile(r"(?P<feature>[a-z-]+): (?P<result>ok|failed: .*|skipped: .*)")
ASKS = re.compile(r"members: (?:(?P<wait>wait)|kill (?P<member>\d+))")


@dataclass
class Run:
    """The result of each feature for a client and a number of members: "ok", "failed: …" or "skipped: …"."""

    client: str
    members: int
    results: dict[str, str] = field(default_factory=dict)
    kept: Path | None = None

    @property
    def is_ok(self) -> bool:
        return not any(result.startswith("failed") for result in self.results.values())


def run(name: str, client: Prepared, server: Path, members: int, directory: Path) -> Run:
    """Runs a program against new members. Their logs and the program's are kept below `directory` if it fails."""
    result = Run(name, members)
    directory = directory / f"{name}-{members}"
    shutil.rmtree(directory, ignore_errors=True)
    directory.mkdir(parents=True)
    try:
        with Cluster(server, members, directory) as cluster:
            trouble = converse(client, cluster, directory, result)
    except RuntimeError as error:
        trouble = f"servers: {error}"
    for feature in FEATURES:
        result.results.setdefault(feature, f"failed: {trouble or 'said nothing'}")
    if trouble and result.is_ok:
        result.results[FEATURES[-1]] = f"failed: {trouble}"
    if result.is_ok:
        shutil.rmtree(directory)
    else:
        result.kept = directory
    return result


def converse(client: Prepared, cluster: Cluster, directory: Path, result: Run) -> str | None:
    """Reads the program's lines until it ends. Returns what is wrong with the run as a whole, if anything."""
    environment = {**os.environ, **client.environment, "ENDPOINTS": cluster.endpoints}
    with open(directory / "program.log", "wb") as log:
        process = subprocess.Popen(
            client.command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log, env=environment, text=True
        )
    timer = threading.Timer(PROGRAM_SECONDS, process.kill)
    timer.start()
    try:
        for line in process.stdout:
            if said := SAYS.fullmatch(line.strip()):
                result.results[said["feature"]] = said["result"]
            elif asked := ASKS.fullmatch(line.strip()):
                cluster.settle() if asked["wait"] else cluster.crash(int(asked["member"]) - 1)
                process.stdin.write("done\n")
                process.stdin.flush()
            else:
                return f"said {line.strip()!r}"
        code = process.wait()
    except BrokenPipeError:
        return "ended while it waited for an answer"
    finally:
        is_late = not timer.is_alive()
        timer.cancel()
        process.kill()
        process.wait()
    if is_late:
        return f"still ran after {PROGRAM_SECONDS} s"
    if result.is_ok == (code == 0):
        return None
    return f"exit code {code}, {last_line(directory / 'program.log')}"


def last_line(path: Path) -> str:
    lines = path.read_text(errors="replace").strip().splitlines()
    return lines[-1].strip() if lines else "nothing on standard error"
