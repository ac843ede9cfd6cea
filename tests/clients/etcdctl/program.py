"""What people do with etcdctl, by its command line; the argument is the binary. Answers are read as JSON."""

import base64
import json
import os
import queue
import signal
import subprocess
import sys
import threading

from harness import ENDPOINTS, check_history, equal, kill, run, settle, until

ETCDCTL = sys.argv[1]
# Flags, since the variables of the two versions differ in what they accept.
COMMON = [ETCDCTL, "--endpoints", ",".join(ENDPOINTS), "--dial-timeout=2s"]
LEASE_TTL_SECONDS = 6


def ctl(*arguments, stdin=None, user=None):
    """Calls etcdctl and returns what it prints."""
    flags = ["--user", user] if user else []
    done = subprocess.run([*COMMON, *flags, *arguments], input=stdin, capture_output=True, text=True)
    if done.returncode != 0:
        raise ChildProcessError(f"etcdctl {' '.join(arguments)}: {done.stderr.strip().splitlines()[-1]}")
    return done.stdout


def ask(*arguments, stdin=None):
    return json.loads(ctl(*arguments, "-w", "json", stdin=stdin))


def refused(text, *arguments, user=None):
    """Fails unless etcdctl fails with this text."""
    try:
        printed = ctl(*arguments, user=user)
    except ChildProcessError as error:
        assert text in str(error), f"{error}, expected {text!r}"
    else:
        raise AssertionError(f"etcdctl {' '.join(arguments)} printed {printed!r}, expected {text!r}")


def text(encoded):
    return base64.b64decode(encoded).decode()


def pairs(answer):
    return [(text(kv["key"]), text(kv["value"])) for kv in answer.get("kvs", [])]


def heed_interrupts():
    """Shells have their background jobs ignore SIGINT, and a job's children after it."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


class Background:
    """An etcdctl that goes on until it is told to end; its lines are queued."""

    def __init__(self, *arguments):
        pipe = subprocess.PIPE
        self.process = subprocess.Popen(
            [*COMMON, *arguments], stdin=pipe, stdout=pipe, text=True, preexec_fn=heed_interrupts
        )
        self.lines = queue.Queue()
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self):
        for line in self.process.stdout:
            self.lines.put(line.strip())

    def line(self):
        return until(self._next, "a line of etcdctl's")

    def _next(self):
        try:
            return self.lines.get_nowait()
        except queue.Empty:
            assert self.process.poll() is None, f"etcdctl has ended with {self.process.returncode}"
            return None

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.send_signal(signal.SIGINT)
        self.process.wait(timeout=30)


def events_of(watch, count):
    """The next events of a watch, as (type, key, value, mod_revision, version)."""
    events = []
    while len(events) < count:
        for event in json.loads(watch.line()).get("Events") or []:
            kv = event["kv"]
            kind = "DELETE" if event.get("type") == 1 else "PUT"
            value = text(kv.get("value", ""))
            events.append((kind, text(kv["key"]), value, kv["mod_revision"], kv.get("version", 0)))
    return events


def kv():
    first = ask("put", "kv/a", "1")["header"]["revision"]
    equal(ask("put", "kv/b", "2")["header"]["revision"], first + 1, "revision of the second put")
    replaced = ask("put", "kv/a", "3", "--prev-kv")
    equal(text(replaced["prev_kv"]["value"]), "1", "the value before")
    found = ask("get", "kv/a")["kvs"][0]
    revisions = (found["create_revision"], found["mod_revision"], found["version"])
    equal(revisions, (first, first + 2, 2), "create revision, mod revision, version")
    equal(pairs(ask("get", "kv/", "--prefix")), [("kv/a", "3"), ("kv/b", "2")], "all keys")
    newest = ask("get", "kv/", "--prefix", "--sort-by=MODIFY", "--order=DESCEND", "--limit=1")
    equal((pairs(newest), newest["more"], newest["count"]), ([("kv/a", "3")], True, 2), "the newest key")
    equal(pairs(ask("get", "kv/a", f"--rev={first}")), [("kv/a", "1")], "the past")
    equal(ask("del", "kv/", "--prefix")["deleted"], 2, "deleted keys")
    equal(ctl("get", "kv/", "--prefix"), "", "what is left")
    ctl("compact", str(first + 2))
    refused("etcdserver: mvcc: required revision has been compacted", "get", "kv/a", f"--rev={first}")


def txn():
    create = 'create("txn/a") = "0"\n\nput txn/a mine\n\nget txn/a\n\n'
    made = ask("txn", stdin=create)
    equal(made["succeeded"], True, "the first transaction")
    again = ask("txn", stdin=create)
    equal(again.get("succeeded", False), False, "the second transaction")
    found = next(iter(again["responses"][0]["Response"].values()))["kvs"][0]  # Its name differs between versions.
    equal((text(found["value"]), found["mod_revision"]), ("mine", made["header"]["revision"]), "what the second found")
    both = ask("txn", stdin='value("txn/a") = "mine"\nversion("txn/a") > "0"\n\ndel txn/a\nput txn/b x\n\n\n')
    equal((both["succeeded"], len(both["responses"])), (True, 2), "the third transaction")
    equal(pairs(ask("get", "txn/", "--prefix")), [("txn/b", "x")], "what is left")


def watch():
    first = ask("put", "watch/a", "1")["header"]["revision"]
    ctl("put", "watch/b", "2")
    ctl("del", "watch/a")
    with Background("watch", "-w", "json", "--prefix", "watch/", f"--rev={first}") as past:
        expected = [
            ("PUT", "watch/a", "1", first, 1),
            ("PUT", "watch/b", "2", first + 1, 1),
            ("DELETE", "watch/a", "", first + 2, 0),
        ]
        equal(events_of(past, 3), expected, "what was")
        ctl("put", "elsewhere", "x")
        ctl("put", "watch/b", "3")
        equal(events_of(past, 1), [("PUT", "watch/b", "3", first + 4, 2)], "what came")
    with Background("watch", "-w", "json", "watch/b", f"--rev={first + 3}", "--prev-kv") as resumed:
        event = json.loads(resumed.line())["Events"][0]
        equal((text(event["kv"]["value"]), text(event["prev_kv"]["value"])), ("3", "2"), "the event, resumed")


def watch_kill():
    """Puts that fail while a member is down are tried anew, so a value may come twice, but each version once."""
    first = ask("put", "crash", "0")["header"]["revision"]
    acknowledged, last = {(first, "0")}, 0

    def put(value):
        try:
            return ask("put", "crash", value)["header"]["revision"]
        except ChildProcessError:
            return None

    with Background("watch", "-w", "json", "crash", f"--rev={first}") as watch:
        for member in range(1, len(ENDPOINTS) + 1):
            kill(member)
            for last in range(last + 1, last + 6):
                acknowledged.add((until(lambda: put(str(last)), f"put {last}"), str(last)))
            settle()
        final = max(acknowledged)[0]
        events = []
        while not events or events[-1][0] < final:
            events += [(revision, version, value) for _, _, value, revision, version in events_of(watch, 1)]
    check_history(events, acknowledged)


def lease():
    granted = ask("lease", "grant", "60")
    hexadecimal = f"{granted['ID']:016x}"
    equal(granted["TTL"], 60, "time to live granted")
    ctl("put", "lease/a", "x", f"--lease={hexadecimal}")
    left = ask("lease", "timetolive", hexadecimal, "--keys")
    equal((left["granted-ttl"], [text(key) for key in left["keys"]]), (60, ["lease/a"]), "the lease")
    assert 50 <= left["ttl"] <= 60, left
    equal(ctl("lease", "keep-alive", "--once", hexadecimal), f"lease {hexadecimal} keepalived with TTL(60)\n", "answer")
    assert hexadecimal in ctl("lease", "list").split(), "the lease is not listed"
    ctl("lease", "revoke", hexadecimal)
    equal(ctl("get", "lease/a"), "", "the key of the revoked lease")
    short = f"{ask('lease', 'grant', '1')['ID']:016x}"
    ctl("put", "lease/b", "x", f"--lease={short}")
    until(lambda: ctl("get", "lease/b") == "", "end of a lease of a second")


def lease_kill():
    granted = ask("lease", "grant", str(LEASE_TTL_SECONDS))
    hexadecimal = f"{granted['ID']:016x}"
    ctl("put", "kept", "x", f"--lease={hexadecimal}")
    with Background("lease", "keep-alive", hexadecimal) as keeper:
        equal(keeper.line(), f"lease {hexadecimal} keepalived with TTL({LEASE_TTL_SECONDS})", "the first answer")
        for member in range(1, len(ENDPOINTS) + 1):
            kill(member)
            settle()
            while not keeper.lines.empty():
                keeper.line()
            for _ in range(2):
                equal(keeper.line(), f"lease {hexadecimal} keepalived with TTL({LEASE_TTL_SECONDS})", "an answer after")
        equal(ctl("get", "kept", "--print-value-only"), "x\n", "the key of the lease that was kept alive")
    until(lambda: ctl("get", "kept") == "", "end of the lease that nobody keeps")


def lock():
    with Background("lock", "mutex") as holder:
        key = holder.line()
        assert key.startswith("mutex/"), key
        with Background("lock", "mutex") as waiter:
            until(lambda: len(ask("get", "mutex/", "--prefix").get("kvs", [])) == 2, "the second in the queue")
            assert waiter.lines.empty(), "both have the lock"
            holder.__exit__()
            second = waiter.line()
            assert second.startswith("mutex/") and second != key, second
    # What is read and written in two steps is right only under a lock.
    ctl("put", "counter", "0")
    etcdctl = " ".join(COMMON)
    increment = f"n=$({etcdctl} get counter --print-value-only) && {etcdctl} put counter $((n + 1))"
    command = [*COMMON, "lock", "mutex", "--", "sh", "-c", increment]
    contenders = [subprocess.Popen(command, stdout=subprocess.DEVNULL) for _ in range(6)]
    equal([contender.wait() for contender in contenders], [0] * 6, "exit codes of the contenders")
    equal(ctl("get", "counter", "--print-value-only"), "6\n", "the counter")


def election():
    with Background("elect", "office", "first") as leader:
        key = leader.line()
        equal(leader.line(), "first", "the leader's proposal")
        with Background("elect", "--listen", "office") as observer, Background("elect", "office", "second") as next_one:
            equal((observer.line(), observer.line()), (key, "first"), "what an observer sees")
            until(lambda: len(ask("get", "office/", "--prefix").get("kvs", [])) == 2, "the second candidate")
            assert next_one.lines.empty(), "both lead"
            leader.__exit__()
            elected = (next_one.line(), next_one.line())
            equal(elected[1], "second", "the next leader's proposal")
            equal((observer.line(), observer.line()), elected, "what an observer sees then")


def auth():
    ctl("user", "add", "root:secret")
    ctl("user", "grant-role", "root", "root")
    ctl("user", "add", "eve:word")
    ctl("role", "add", "reader")
    ctl("role", "grant-permission", "reader", "readwrite", "auth/", "--prefix=true")
    ctl("user", "grant-role", "eve", "reader")
    ctl("auth", "enable")
    try:
        ctl("put", "auth/a", "1", user="eve:word")
        equal(ctl("get", "auth/a", user="eve:word"), "auth/a\n1\n", "what eve reads")
        refused("etcdserver: permission denied", "put", "other", "1", user="eve:word")
        refused("etcdserver: authentication failed, invalid user ID or password", "get", "auth/a", user="eve:wrong")
        refused("etcdserver: user name is empty", "get", "auth/a")
        equal(ctl("user", "list", user="root:secret"), "eve\nroot\n", "users")
        refused("etcdserver: permission denied", "user", "list", user="eve:word")
    finally:
        ctl("auth", "disable", user="root:secret")
    equal(ctl("get", "auth/a"), "auth/a\n1\n", "what anyone reads afterwards")


run(
    {
        "kv": kv,
        "txn": txn,
        "watch": watch,
        "watch-kill": watch_kill,
        "lease": lease,
        "lease-kill": lease_kill,
        "lock": lock,
        "election": election,
        "auth": auth,
    }
)
