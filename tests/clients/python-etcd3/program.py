"""What people do with the Python library etcd3.

It knows one address only; gRPC's name syntax makes that several. It keeps no watch over a lost connection: it tells the
callback, and its users watch anew behind the last revision they have seen. It refreshes no lease by itself, has no
elections, and logs in but has no calls to administer users: for those the stubs that it ships are called.
"""

import queue
import threading

import etcd3
import grpc
from etcd3 import etcdrpc
from etcd3.etcdrpc import auth_pb2

from harness import ENDPOINTS, PATIENCE_SECONDS, Skipped, check_history, equal, kill, run, settle, until

LEASE_TTL_SECONDS = 6
TIMEOUT_SECONDS = 5
TRANSIENT = (etcd3.exceptions.ConnectionFailedError, etcd3.exceptions.ConnectionTimeoutError, grpc.RpcError)


def connect(**login):
    first, last = ENDPOINTS[:-1], ENDPOINTS[-1]
    host, port = last.split(":")
    addresses = ",".join([*first, host])
    # Else all the addresses together would be the name that requests are for.
    options = [("grpc.default_authority", ENDPOINTS[0])]
    host = f"ipv4:{addresses}"
    return etcd3.client(host=host, port=port, timeout=TIMEOUT_SECONDS, grpc_options=options, **login)


client = connect()


def patiently(call, what):
    """Calls until a member answers."""

    def attempt():
        try:
            return [call()]
        except TRANSIENT:
            return None

    return until(attempt, what)[0]


def refused(text, call):
    """Fails unless the call fails with this text of etcd's."""
    try:
        answer = call()
    except (grpc.RpcError, etcd3.exceptions.Etcd3Exception) as error:
        # The library's own exceptions hide the status that they stand for.
        status = error if isinstance(error, grpc.RpcError) else error.__context__
        equal(status.details(), text, "the error's text")
    else:
        raise AssertionError(f"answered {answer!r}, expected {text!r}")


def pairs(found):
    return [(metadata.key, value) for value, metadata in found]


def kv():
    first = client.put("kv/a", "1").header.revision
    equal(client.put("kv/b", "2").header.revision, first + 1, "revision of the second put")
    equal(client.put("kv/a", "3", prev_kv=True).prev_kv.value, b"1", "the value before")
    value, found = client.get("kv/a")
    is_ = (value, found.create_revision, found.mod_revision, found.version)
    equal(is_, (b"3", first, first + 2, 2), "value, create revision, mod revision, version")
    equal(pairs(client.get_prefix("kv/")), [(b"kv/a", b"3"), (b"kv/b", b"2")], "all keys")
    newest = client.get_prefix("kv/", sort_target="mod", sort_order="descend")
    equal(pairs(newest), [(b"kv/a", b"3"), (b"kv/b", b"2")], "the newest first")
    equal(client.delete("kv/a", prev_kv=True, return_response=True).prev_kvs[0].value, b"3", "the value deleted")
    equal(client.delete_prefix("kv/").deleted, 1, "deleted keys")
    equal(client.get("kv/a"), (None, None), "what is left")
    client.compact(first + 2)
    refused("etcdserver: mvcc: required revision has been compacted", lambda: client.compact(first))


def txn():
    is_ = client.transactions
    create = dict(
        compare=[is_.create("txn/a") == 0], success=[is_.put("txn/a", "mine")], failure=[is_.get("txn/a")]
    )
    succeeded, answers = client.transaction(**create)
    equal(succeeded, True, "the first transaction")
    revision = answers[0].response_put.header.revision
    succeeded, answers = client.transaction(**create)
    value, metadata = answers[0][0]
    equal((succeeded, value, metadata.mod_revision), (False, b"mine", revision), "the second transaction")
    both = [is_.value("txn/a") == "mine", is_.version("txn/a") > 0]
    inner = is_.txn(compare=[is_.version("txn/b") == 0], success=[is_.put("txn/b", "x")], failure=[])
    succeeded, answers = client.transaction(compare=both, success=[is_.delete("txn/a"), inner], failure=[])
    equal((succeeded, answers[1].response_txn.succeeded), (True, True), "the third transaction")
    equal(pairs(client.get_prefix("txn/")), [(b"txn/b", b"x")], "what is left")
    equal(client.replace("txn/b", "y", "z"), False, "replacing what it is not")


def watch():
    first = client.put("watch/a", "1").header.revision
    client.put("watch/b", "2")
    client.delete("watch/a")
    events, cancel = client.watch_prefix("watch/", start_revision=first)
    seen = [next(events) for _ in range(3)]
    kinds = [(type(event).__name__, event.key, event.value, event.mod_revision) for event in seen]
    expected = [
        ("PutEvent", b"watch/a", b"1", first),
        ("PutEvent", b"watch/b", b"2", first + 1),
        ("DeleteEvent", b"watch/a", b"", first + 2),
    ]
    equal(kinds, expected, "what was")
    client.put("elsewhere", "x")
    client.put("watch/b", "3")
    came = next(events)
    equal((came.key, came.value, came.mod_revision, came.version), (b"watch/b", b"3", first + 4, 2), "what came")
    cancel()
    resumed, cancel = client.watch("watch/b", start_revision=first + 2, prev_kv=True)
    event = next(resumed)
    equal((event.value, event.prev_value), (b"3", b"2"), "the event, resumed")
    cancel()


def watch_kill():
    first = client.put("crash", "0").header.revision
    acknowledged, last = {(first, b"0")}, 0
    seen = queue.Queue()
    ended = threading.Event()

    def follow():
        """What a user of the library writes: watches again, behind the last event, whenever a watch fails."""
        behind = first
        while not ended.is_set():
            answers = queue.Queue()
            try:
                client.add_watch_callback("crash", answers.put, start_revision=behind)
            except (*TRANSIENT, etcd3.exceptions.WatchTimedOut):
                continue
            while not isinstance(answer := answers.get(), Exception):
                for event in answer.events:
                    seen.put((event.mod_revision, event.version, event.value))
                    behind = event.mod_revision + 1

    threading.Thread(target=follow, daemon=True).start()
    for member in range(1, len(ENDPOINTS) + 1):
        kill(member)
        for last in range(last + 1, last + 6):
            answer = patiently(lambda: client.put("crash", str(last)), f"put {last}")
            acknowledged.add((answer.header.revision, str(last).encode()))
        settle()
    final, events = max(acknowledged)[0], []
    while not events or events[-1][0] < final:
        events.append(seen.get(timeout=PATIENCE_SECONDS))
    ended.set()
    check_history(events, acknowledged)


def lease():
    granted = client.lease(60)
    equal(granted.ttl, 60, "time to live granted")
    client.put("lease/a", "x", lease=granted)
    equal((granted.granted_ttl, list(granted.keys)), (60, [b"lease/a"]), "the lease")
    assert 50 <= granted.remaining_ttl <= 60, granted.remaining_ttl
    equal([answer.TTL for answer in granted.refresh()], [60], "time to live after a refresh")
    granted.revoke()
    equal(client.get("lease/a"), (None, None), "the key of the revoked lease")
    equal(granted.remaining_ttl, -1, "time to live of the revoked lease")
    client.put("lease/b", "x", lease=client.lease(1))
    until(lambda: client.get("lease/b") == (None, None), "end of a lease of a second")


def lease_kill():
    granted = client.lease(LEASE_TTL_SECONDS)
    client.put("kept", "x", lease=granted)
    refreshed, ended = threading.Semaphore(0), threading.Event()

    def keep():
        while not ended.wait(0.5):
            try:
                if all(answer.TTL == LEASE_TTL_SECONDS for answer in granted.refresh()):
                    refreshed.release()
            except TRANSIENT:
                pass

    keeper = threading.Thread(target=keep)
    keeper.start()
    try:
        for member in range(1, len(ENDPOINTS) + 1):
            kill(member)
            settle()
            while refreshed.acquire(blocking=False):
                pass
            # For the first member longer than the time to live: two answers a second at most.
            for _ in range(3 * LEASE_TTL_SECONDS if member == 1 else 2):
                assert refreshed.acquire(timeout=PATIENCE_SECONDS), f"no refresh after the end of member {member}"
        equal(client.get("kept")[0], b"x", "the key of the lease that was kept alive")
    finally:
        ended.set()
        keeper.join()
    until(lambda: client.get("kept") == (None, None), "end of the lease that nobody keeps")


def lock():
    holder, waiter = client.lock("mutex", ttl=30), client.lock("mutex", ttl=30)
    equal(holder.acquire(), True, "the lock, free")
    equal(waiter.acquire(timeout=0.5), False, "the lock, held by the other")
    equal((holder.is_acquired(), waiter.is_acquired()), (True, False), "who has the lock")
    threading.Timer(0.3, holder.release).start()
    equal(waiter.acquire(timeout=10), True, "the lock, released by the other")
    waiter.release()
    client.put("counter", "0")

    def contend():
        own = connect()
        for _ in range(5):
            with own.lock("mutex", ttl=30) as held:
                assert held.is_acquired()
                own.put("counter", str(int(own.get("counter")[0]) + 1))

    contenders = [threading.Thread(target=contend) for _ in range(2)]
    for contender in contenders:
        contender.start()
    for contender in contenders:
        contender.join()
    equal(client.get("counter")[0], b"10", "the counter")


def election():
    raise Skipped("the library has no elections")


def auth():
    admin = etcdrpc.AuthStub(client.channel)
    admin.UserAdd(etcdrpc.AuthUserAddRequest(name="root", password="secret"))
    admin.UserGrantRole(etcdrpc.AuthUserGrantRoleRequest(user="root", role="root"))
    admin.UserAdd(etcdrpc.AuthUserAddRequest(name="eve", password="word"))
    admin.RoleAdd(etcdrpc.AuthRoleAddRequest(name="reader"))
    permission = auth_pb2.Permission(permType=auth_pb2.Permission.READWRITE, key=b"auth/", range_end=b"auth0")
    admin.RoleGrantPermission(etcdrpc.AuthRoleGrantPermissionRequest(name="reader", perm=permission))
    admin.UserGrantRole(etcdrpc.AuthUserGrantRoleRequest(user="eve", role="reader"))
    admin.AuthEnable(etcdrpc.AuthEnableRequest())
    root = logged_in("root", "secret")
    try:
        eve = logged_in("eve", "word")
        eve.put("auth/a", "1")
        equal(eve.get("auth/a")[0], b"1", "what eve reads")
        refused("etcdserver: permission denied", lambda: eve.put("other", "1"))
        refused("etcdserver: user name is empty", lambda: client.get("auth/a"))
        wrong = "etcdserver: authentication failed, invalid user ID or password"
        refused(wrong, lambda: connect(user="eve", password="wrong"))
    finally:
        etcdrpc.AuthStub(root.channel).AuthDisable(etcdrpc.AuthDisableRequest(), metadata=root.metadata)
    equal(client.get("auth/a")[0], b"1", "what anyone reads afterwards")


def logged_in(user, password):
    """The library also hands the token to gRPC as a credential, which gRPC sends over TLS only; metadata suffice."""
    own = connect(user=user, password=password)
    own.call_credentials = None
    return own


FEATURES = {
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

run(FEATURES)
