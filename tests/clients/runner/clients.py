"""The clients: how each is fetched into the cache, built, and called."""

import os
import platform
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Callable

TREE = Path(__file__).resolve().parents[3]
PROGRAMS = TREE / "tests/clients"
CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "quorate-clients"
BUILD = Path(os.environ.get("CARGO_TARGET_DIR") or TREE / "target") / "clients"
# What of Debian the official Go client needs to compile: Go, its sources, and theirs.
GO = "1.27"
GO_PACKAGES = [
    f"golang-{GO}-go",
    f"golang-{GO}-src",
    "golang-etcd-server-dev",
    "golang-github-coreos-go-semver-dev",
    "golang-github-coreos-go-systemd-dev",
    "golang-github-gogo-protobuf-dev",
    "golang-github-golang-protobuf-1-5-dev",
    "golang-github-grpc-ecosystem-grpc-gateway-dev",
    "golang-go.uber-atomic-dev",
    "golang-go.uber-multierr-dev",
    "golang-go.uber-zap-dev",
    "golang-golang-x-net-dev",
    "golang-golang-x-sys-dev",
    "golang-golang-x-text-dev",
    "golang-google-genproto-dev",
    "golang-google-grpc-dev",
    "golang-google-protobuf-dev",
]


# For programs in Python: they find harness.py, and write no bytecode into the tree.
PYTHON = {"PYTHONPATH": str(PROGRAMS), "PYTHONDONTWRITEBYTECODE": "1"}


class Unavailable(Exception):
    """A client or what builds it cannot be had here: a reason to skip."""


class Broken(Exception):
    """A program does not build though all that it needs is there: a failure."""


@dataclass
class Prepared:
    """A program that is ready to run."""

    version: str
    command: list[str]
    environment: dict[str, str] = field(default_factory=dict)


def etcdctl_35() -> Prepared:
    peers = output([TREE / "ci/peers"])
    if peers.startswith("skipped: no peer: "):
        raise Unavailable(peers.removeprefix("skipped: no peer: "))
    return etcdctl(Path(peers) / "etcdctl")


def etcdctl_34() -> Prepared:
    return etcdctl(debian("bookworm", "etcdctl-bookworm", ["etcd-client"]) / "usr/bin/etcdctl")


def etcdctl(binary: Path) -> Prepared:
    version = re.search(r"etcdctl version: (\S+)", output([binary, "version"], {"ETCDCTL_API": "3"}))[1]
    command = [sys.executable, str(PROGRAMS / "etcdctl/program.py"), str(binary)]
    return Prepared(version, command, PYTHON | {"ETCDCTL_API": "3"})


def python(library: str) -> Prepared:
    """A Python library in a virtual environment of its own, with the versions of its requirements.txt."""
    directory = PROGRAMS / f"python-{library}"
    requirements = (directory / "requirements.txt").read_text()
    version = re.search(rf"^{library}==(\S+)$", requirements, re.MULTILINE)[1]
    venv = CACHE / f"python-{library}"
    stamp = venv / "installed.txt"
    if not stamp.exists() or stamp.read_text() != requirements:
        shutil.rmtree(venv, ignore_errors=True)
        fetch("Python makes no virtual environment", [sys.executable, "-m", "venv", venv])
        # Nothing that takes minutes to compile.
        pip = [venv / "bin/pip", "install", "--quiet", "--disable-pip-version-check", "--only-binary=grpcio,protobuf"]
        fetch("the Python packages cannot be fetched", [*pip, "-r", directory / "requirements.txt"])
        stamp.write_text(requirements)
    # Its generated messages are older than the C++ parts of newer protobuf.
    environment = PYTHON | {"PROTOCOL_BUFFERS_PYTHON_IMPLEMENTATION": "python"}
    command = [str(venv / "bin/python"), str(directory / "program.py")]
    return Prepared(f"{version}, Python {platform.python_version()}", command, environment)


def rust_etcd_client() -> Prepared:
    """The crate compiles etcd's definitions with protoc, which is Debian's if the machine has none."""
    need("cargo")
    environment = {"CARGO_TARGET_DIR": str(BUILD / "rust")}
    if "PROTOC" not in os.environ and not shutil.which("protoc"):
        protoc = debian("bookworm", "protoc", ["protobuf-compiler", "libprotoc32", "libprotobuf32", "libprotobuf-dev"])
        libraries = next((protoc / "usr/lib").glob("*/libprotoc.so.*")).parent
        environment |= {"PROTOC": str(protoc / "usr/bin/protoc"), "PROTOC_INCLUDE": str(protoc / "usr/include")}
        environment["LD_LIBRARY_PATH"] = str(libraries)
    manifest = PROGRAMS / "rust-etcd-client/Cargo.toml"
    fetch("the crates cannot be fetched", ["cargo", "fetch", "--quiet", "--locked", "--manifest-path", manifest])
    build(["cargo", "build", "--quiet", "--release", "--locked", "--manifest-path", manifest], environment)
    lock = (manifest.parent / "Cargo.lock").read_text()
    version = re.search(r'name = "etcd-client"\nversion = "(.*)"', lock)[1]
    rust = output(["rustc", "--version"]).split()[1]
    return Prepared(f"{version}, Rust {rust}", [str(BUILD / "rust/release/quorate-client-rust")])


def node_etcd3() -> Prepared:
    """npm wants its packages beside the program, so the program is copied to them."""
    need("node")
    need("npm")
    directory = CACHE / "node-etcd3"
    directory.mkdir(parents=True, exist_ok=True)
    lock = (PROGRAMS / "node-etcd3/package-lock.json").read_text()
    installed = directory / "package-lock.json"
    is_installed = installed.exists() and installed.read_text() == lock and (directory / "node_modules").exists()
    for file in (PROGRAMS / "node-etcd3").iterdir():
        shutil.copy(file, directory)
    if not is_installed:
        installed.unlink()
        shutil.copy(PROGRAMS / "node-etcd3/package-lock.json", directory)
        fetch("the npm packages cannot be fetched", ["npm", "ci", "--silent", "--no-audit", "--no-fund", "--prefix", directory])
    version = re.search(r'"node_modules/etcd3": \{\s*"version": "(.*?)"', lock)[1]
    return Prepared(f"{version}, Node {output(['node', '--version']).lstrip('v')}", ["node", str(directory / "program.js")])


def go_clientv3() -> Prepared:
    """Debian's Go and Debian's sources of the client, in one GOPATH: no module is fetched."""
    root = debian("sid", f"go-{GO}", GO_PACKAGES)
    source = root / "usr/share/gocode/src/go.etcd.io/etcd"
    program = BUILD / "go-clientv3"
    environment = {
        "GOROOT": str(root / f"usr/lib/go-{GO}"),
        "GOPATH": str(root / "usr/share/gocode"),
        "GOCACHE": str(CACHE / "go-build"),
        "GO111MODULE": "off",
        "GOTOOLCHAIN": "local",
        "CGO_ENABLED": "0",
    }
    go = root / f"usr/lib/go-{GO}/bin/go"
    build([go, "build", "-o", program, *sorted((PROGRAMS / "go-clientv3").glob("*.go"))], environment)
    version = re.search(r'\sVersion += "(.*)"', (source / "api/version/version.go").read_text())[1]
    return Prepared(f"{version}, Go {output([go, 'env', 'GOVERSION'], environment).removeprefix('go')}", [str(program)])


def java_jetcd() -> Prepared:
    need("java")
    need("mvn")
    pom = PROGRAMS / "java-jetcd/pom.xml"
    target = BUILD / "java"
    maven = ["mvn", "-q", "-B", "-f", pom, f"-Dmaven.repo.local={CACHE / 'maven'}", f"-DbuildDirectory={target}"]
    fetch("Maven's repository cannot be reached", [*maven, "dependency:go-offline"])
    build([*maven, "-o", "package"], {})
    version = re.search(r"<jetcd.version>(.*)</jetcd.version>", pom.read_text())[1]
    return Prepared(version, ["java", "-cp", f"{target}/classes:{target}/dependency/*", "Program"])


CLIENTS: dict[str, Callable[[], Prepared]] = {
    "etcdctl-3.5": etcdctl_35,
    "etcdctl-3.4": etcdctl_34,
    "python-etcd3": lambda: python("etcd3"),
    "python-aetcd": lambda: python("aetcd"),
    "rust-etcd-client": rust_etcd_client,
    "node-etcd3": node_etcd3,
    "go-clientv3": go_clientv3,
    "java-jetcd": java_jetcd,
}


def debian(suite: str, name: str, packages: list[str]) -> Path:
    """Where packages of Debian are unpacked; fetches them once."""
    directory = CACHE / name
    if not directory.exists():
        print(f"fetching {', '.join(packages)}", file=sys.stderr)
        fetched = subprocess.run(
            [TREE / "ci/debian-packages", suite, directory, *packages], stdout=subprocess.PIPE, text=True
        )
        if fetched.returncode != 0:
            raise Unavailable(fetched.stdout.strip() or "Debian's packages cannot be fetched")
    return directory


def need(tool: str):
    if not shutil.which(tool):
        raise Unavailable(f"{tool} is not here")


def fetch(otherwise: str, command: list):
    """Runs what fetches; its failure is a reason to skip, which `otherwise` says."""
    fetched = subprocess.run([str(part) for part in command], stdout=sys.stderr)
    if fetched.returncode != 0:
        raise Unavailable(otherwise)


def build(command: list, environment: dict[str, str]):
    """Runs what compiles; its failure is the program's."""
    BUILD.mkdir(parents=True, exist_ok=True)
    built = subprocess.run([str(part) for part in command], stdout=sys.stderr, env={**os.environ, **environment})
    if built.returncode != 0:
        raise Broken(f"does not build: {Path(command[0]).name} ended with {built.returncode}")


def output(command: list, environment: dict[str, str] | None = None) -> str:
    return subprocess.run(
        command, check=True, stdout=subprocess.PIPE, text=True, env={**os.environ, **(environment or {})}
    ).stdout.strip()
