"""Members of a cluster as processes: started, killed as a crash kills, started again, stopped."""

import socket
import subprocess
import threading
import time
import urllib.error
import urllib.request
from pathlib import Path

START_SECONDS = 60
# A crashed member comes back after this time, as a supervisor would start it: long enough for clients to notice.
DOWN_SECONDS = 1.5


class Cluster:
    """One or three members on loopback, each with a data directory and a log below `directory`."""

    def __init__(self, server: Path, members: int, directory: Path):
        self.directory = directory
        ports = free_ports(2 * members)
        self.client_urls = [f"http://127.0.0.1:{port}" for port in ports[:members]]
        self.peer_urls = [f"http://127.0.0.1:{port}" for port in ports[members:]]
        self.server = server
        self.processes: list[subprocess.Popen | None] = [None] * members
        self.restarts: list[threading.Thread] = []
        self.is_stopping = threading.Event()

    def __enter__(self):
        try:
            for member in range(len(self.processes)):
                self.start(member)
            self.settle()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(self, *_):
        self.stop()

    @property
    def endpoints(self) -> str:
        """host:port of each member, with commas between."""
        return ",".join(url.removeprefix("http://") for url in self.client_urls)

    def start(self, member: int):
        """Starts a member; does not wait for it."""
        members = [f"m{number + 1}={url}" for number, url in enumerate(self.peer_urls)]
        command = [
            str(self.server),
            f"--name=m{member + 1}",
            f"--data-dir={self.directory}/m{member + 1}.etcd",
            f"--listen-client-urls={self.client_urls[member]}",
            f"--advertise-client-urls={self.client_urls[member]}",
            f"--listen-peer-urls={self.peer_urls[member]}",
            f"--initial-advertise-peer-urls={self.peer_urls[member]}",
            f"--initial-cluster={','.join(members)}",
        ]
        with open(self.directory / f"m{member + 1}.log", "ab") as log:
            self.processes[member] = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log)

    def crash(self, member: int):
        """Kills a member (SIGKILL) once all are well, so that a majority is left of three. It comes back by itself."""
        self.settle()
        process = self.processes[member]
        process.kill()
        process.wait()
        restart = threading.Thread(target=self._restart, args=[member])
        restart.start()
        self.restarts.append(restart)

    def _restart(self, member: int):
        if not self.is_stopping.wait(DOWN_SECONDS):
            self.start(member)

    def settle(self):
        """Returns when every member runs and knows a leader."""
        for restart in self.restarts:
            restart.join()
        deadline = time.monotonic() + START_SECONDS
        while True:
            for number, process in enumerate(self.processes, start=1):
                if process.poll() is not None:
                    raise RuntimeError(f"member {number} has ended with {process.returncode}")
            if all(is_healthy(url) for url in self.client_urls):
                return
            if time.monotonic() > deadline:
                raise RuntimeError(f"the members are not well after {START_SECONDS} s")
            time.sleep(0.05)

    def stop(self):
        """Ends all members. Their directories and logs stay."""
        self.is_stopping.set()
        for restart in self.restarts:
            restart.join()
        for process in filter(None, self.processes):
            process.kill()
            process.wait()


_given_ports: set[int] = set()
_giving_ports = threading.Lock()


def free_ports(count: int) -> list[int]:
    """Ports that nobody listens on, and that were not given before: a crashed member's port is free for a moment, and
    whoever else got it would be taken for that member."""
    ports: list[int] = []
    sockets = []
    with _giving_ports:
        while len(ports) < count:
            # Held until there are enough, so that no two are the same.
            sockets.append(socket.create_server(("127.0.0.1", 0)))
            port = sockets[-1].getsockname()[1]
            if port not in _given_ports:
                _given_ports.add(port)
                ports.append(port)
    for listener in sockets:
        listener.close()
    return ports


def is_healthy(url: str) -> bool:
    """Whether a member answers a linearizable read, which is what /health does."""
    try:
        # Loopback: no proxy of the environment's.
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with opener.open(f"{url}/health", timeout=2) as answer:
            return b'"health":"true"' in answer.read()
    except (urllib.error.URLError, OSError):
        return False
