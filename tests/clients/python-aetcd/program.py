"""What people do with the Python library aetcd, which is asyncio's relative of etcd3.

It knows one address only; gRPC's name syntax makes that several. It keeps no watch over a lost connection: the watch
raises, and its users watch anew behind the last revision they have seen. It refreshes no lease by itself, has no
elections, and logs in but has no calls to administer users: for those the stubs that it ships are called.
"""

import asyncio

import aetcd
from aetcd import rpc

from harness import ENDPOINTS, PATIENCE_SECONDS, Skipped, ask, check_history, equal, run

LEASE_TTL_SECONDS = 6
TIMEOUT_SECONDS = 5
TRANSIENT = (aetcd.ConnectionFailedError, aetcd.ConnectionTimeoutError, rpc.AioRpcError)


def client(**login):
    first, last = ENDPOINTS[:-1], ENDPOINTS[-1]
    host, port = last.split(":")
    addresses = ",".join([*first, host])
    # Else all the addresses together would be the name that requests are for.
    options = {"grpc.default_authority": ENDPOINTS[0]}
    host = f"ipv4:{addresses}"
    return aetcd.Client(host=host, port=int(port), timeout=TIMEOUT_SECONDS, options=options, **login)


async def kill(member):
    await asyncio.to_thread(ask, f"kill {member}")


async def settle():
    await asyncio.to_thread(ask, "wait")


async def patiently(call):
    """Calls until a member answers."""
    async with asyncio.timeout(PATIENCE_SECONDS):
        while True:
            try:
                return await call()
            except TRANSIENT:
                await asyncio.sleep(0.05)


async def gone(etcd, key):
    async with asyncio.timeout(PATIENCE_SECONDS):
        while await etcd.get(key) is not None:
            await asyncio.sleep(0.05)


async def refused(text, call):
    """Fails unless the call fails with this text of etcd's."""
    try:
        answer = await call
    except (aetcd.ClientError, rpc.AioRpcError) as error:
        equal(error.details() if isinstance(error, rpc.AioRpcError) else str(error), text, "the error's text")
    else:
        raise AssertionError(f"answered {answer!r}, expected {text!r}")


def pairs(found):
    return [(kv.key, kv.value) for kv in found]


async def next_of(watch, count=1):
    """The next events of a watch."""
    events = []
    async with asyncio.timeout(PATIENCE_SECONDS):
        async for event in watch:
            events.append(event)
            if len(events) == count:
                return events


async def kv(etcd):
    first = (await etcd.put(b"kv/a", b"1")).header.revision
    equal((await etcd.put(b"kv/b", b"2")).header.revision, first + 1, "revision of the second put")
    equal((await etcd.put(b"kv/a", b"3", prev_kv=True)).prev_kv.value, b"1", "the value before")
    found = await etcd.get(b"kv/a")
    is_ = (found.value, found.create_revision, found.mod_revision, found.version)
    equal(is_, (b"3", first, first + 2, 2), "value, create revision, mod revision, version")
    equal(pairs(await etcd.get_prefix(b"kv/")), [(b"kv/a", b"3"), (b"kv/b", b"2")], "all keys")
    descending = await etcd.get_range(b"kv/", b"kv0", sort_target="key", sort_order="descend")
    equal(pairs(descending), [(b"kv/b", b"2"), (b"kv/a", b"3")], "all keys, from behind")
    equal((await etcd.delete(b"kv/a", prev_kv=True)).prev_kv.value, b"3", "the value deleted")
    equal((await etcd.delete_prefix(b"kv/")).deleted, 1, "deleted keys")
    equal(await etcd.get(b"kv/a"), None, "what is left")
    await etcd.compact(first + 2)
    await refused("etcdserver: mvcc: required revision has been compacted", etcd.compact(first))


async def txn(etcd):
    is_ = etcd.transactions
    create = dict(
        compare=[is_.create(b"txn/a") == 0],
        success=[is_.put(b"txn/a", b"mine")],
        failure=[is_.get(b"txn/a")],
    )
    succeeded, answers = await etcd.transaction(**create)
    equal(succeeded, True, "the first transaction")
    revision = answers[0].response_put.header.revision
    succeeded, answers = await etcd.transaction(**create)
    value, found = answers[0][0]
    equal((succeeded, value, found.mod_revision), (False, b"mine", revision), "the second transaction")
    both = [is_.value(b"txn/a") == b"mine", is_.version(b"txn/a") > 0]
    moved = [is_.delete(b"txn/a"), is_.put(b"txn/b", b"x")]
    succeeded, answers = await etcd.transaction(compare=both, success=moved, failure=[])
    equal((succeeded, len(answers)), (True, 2), "the third transaction")
    equal(pairs(await etcd.get_prefix(b"txn/")), [(b"txn/b", b"x")], "what is left")
    equal(await etcd.replace(b"txn/b", b"y", b"z"), False, "replacing what it is not")


async def watch(etcd):
    first = (await etcd.put(b"watch/a", b"1")).header.revision
    await etcd.put(b"watch/b", b"2")
    await etcd.delete(b"watch/a")
    events = await etcd.watch_prefix(b"watch/", start_revision=first)
    seen = [(event.kind.upper(), event.kv.key, event.kv.value, event.kv.mod_revision) for event in await next_of(events, 3)]
    expected = [
        ("PUT", b"watch/a", b"1", first),
        ("PUT", b"watch/b", b"2", first + 1),
        ("DELETE", b"watch/a", b"", first + 2),
    ]
    equal(seen, expected, "what was")
    await etcd.put(b"elsewhere", b"x")
    await etcd.put(b"watch/b", b"3")
    [came] = await next_of(events)
    is_ = (came.kv.key, came.kv.value, came.kv.mod_revision, came.kv.version)
    equal(is_, (b"watch/b", b"3", first + 4, 2), "what came")
    await events.cancel()
    resumed = await etcd.watch(b"watch/b", start_revision=first + 2, prev_kv=True)
    [event] = await next_of(resumed)
    equal((event.kv.value, event.prev_kv.value), (b"3", b"2"), "the event, resumed")
    await resumed.cancel()


async def follow(etcd, key, behind, seen):
    """What a user of the library writes: watches again, behind the last event, whenever a watch fails."""
    while True:
        try:
            async for event in await etcd.watch(key, start_revision=behind):
                seen.put_nowait((event.kv.mod_revision, event.kv.version, event.kv.value))
                behind = event.kv.mod_revision + 1
        except (*TRANSIENT, aetcd.ClientError):
            await asyncio.sleep(0.05)


async def watch_kill(etcd):
    first = (await etcd.put(b"crash", b"0")).header.revision
    acknowledged, last = {(first, b"0")}, 0
    seen = asyncio.Queue()
    follower = asyncio.create_task(follow(etcd, b"crash", first, seen))
    for member in range(1, len(ENDPOINTS) + 1):
        await kill(member)
        for last in range(last + 1, last + 6):
            value = str(last).encode()
            answer = await patiently(lambda: etcd.put(b"crash", value))
            acknowledged.add((answer.header.revision, value))
        await settle()
    final, events = max(acknowledged)[0], []
    while not events or events[-1][0] < final:
        events.append(await asyncio.wait_for(seen.get(), PATIENCE_SECONDS))
    follower.cancel()
    check_history(events, acknowledged)


async def lease(etcd):
    granted = await etcd.lease(60)
    equal(granted.ttl, 60, "time to live granted")
    await etcd.put(b"lease/a", b"x", lease=granted)
    equal((await granted.granted_ttl(), list(await granted.keys())), (60, [b"lease/a"]), "the lease")
    left = await granted.remaining_ttl()
    assert 50 <= left <= 60, left
    equal((await granted.refresh()).TTL, 60, "time to live after a refresh")
    await granted.revoke()
    equal(await etcd.get(b"lease/a"), None, "the key of the revoked lease")
    equal(await granted.remaining_ttl(), -1, "time to live of the revoked lease")
    await etcd.put(b"lease/b", b"x", lease=await etcd.lease(1))
    await gone(etcd, b"lease/b")


async def keep(lease, refreshed):
    while True:
        await asyncio.sleep(0.5)
        try:
            if (await lease.refresh()).TTL == LEASE_TTL_SECONDS:
                refreshed.put_nowait(None)
        except TRANSIENT:
            pass


async def lease_kill(etcd):
    granted = await etcd.lease(LEASE_TTL_SECONDS)
    await etcd.put(b"kept", b"x", lease=granted)
    refreshed = asyncio.Queue()
    keeper = asyncio.create_task(keep(granted, refreshed))
    for member in range(1, len(ENDPOINTS) + 1):
        await kill(member)
        await settle()
        while not refreshed.empty():
            refreshed.get_nowait()
        # For the first member longer than the time to live: two answers a second at most.
        for _ in range(3 * LEASE_TTL_SECONDS if member == 1 else 2):
            await asyncio.wait_for(refreshed.get(), PATIENCE_SECONDS)
    equal((await etcd.get(b"kept")).value, b"x", "the key of the lease that was kept alive")
    keeper.cancel()
    await gone(etcd, b"kept")


async def lock(etcd):
    holder, waiter = etcd.lock(b"mutex", ttl=30), etcd.lock(b"mutex", ttl=30)
    equal(await holder.acquire(), True, "the lock, free")
    equal(await waiter.acquire(timeout=0.5), False, "the lock, held by the other")
    equal((await holder.is_acquired(), await waiter.is_acquired()), (True, False), "who has the lock")
    acquiring = asyncio.create_task(waiter.acquire(timeout=PATIENCE_SECONDS))
    await asyncio.sleep(0)
    await holder.release()
    equal(await acquiring, True, "the lock, released by the other")
    await waiter.release()
    await etcd.put(b"counter", b"0")

    async def contend():
        async with client() as own:
            for _ in range(5):
                async with own.lock(b"mutex", ttl=30) as held:
                    assert await held.is_acquired()
                    count = int((await own.get(b"counter")).value)
                    await own.put(b"counter", str(count + 1).encode())

    await asyncio.gather(contend(), contend())
    equal((await etcd.get(b"counter")).value, b"10", "the counter")


async def election(_):
    raise Skipped("the library has no elections")


async def auth(etcd):
    admin = rpc.AuthStub(etcd.channel)
    await admin.UserAdd(rpc.AuthUserAddRequest(name="root", password="secret"))
    await admin.UserGrantRole(rpc.AuthUserGrantRoleRequest(user="root", role="root"))
    await admin.UserAdd(rpc.AuthUserAddRequest(name="eve", password="word"))
    await admin.RoleAdd(rpc.AuthRoleAddRequest(name="reader"))
    permission = rpc.Permission(permType=rpc.Permission.READWRITE, key=b"auth/", range_end=b"auth0")
    await admin.RoleGrantPermission(rpc.AuthRoleGrantPermissionRequest(name="reader", perm=permission))
    await admin.UserGrantRole(rpc.AuthUserGrantRoleRequest(user="eve", role="reader"))
    await admin.AuthEnable(rpc.AuthEnableRequest())
    async with client(username="root", password="secret") as root, client(username="eve", password="word") as eve:
        try:
            await eve.put(b"auth/a", b"1")
            equal((await eve.get(b"auth/a")).value, b"1", "what eve reads")
            await refused("etcdserver: permission denied", eve.put(b"other", b"1"))
            await refused("etcdserver: user name is empty", etcd.get(b"auth/a"))
            wrong = "etcdserver: authentication failed, invalid user ID or password"
            await refused(wrong, client(username="eve", password="wrong").connect())
        finally:
            await rpc.AuthStub(root.channel).AuthDisable(rpc.AuthDisableRequest(), metadata=root.metadata)
    equal((await etcd.get(b"auth/a")).value, b"1", "what anyone reads afterwards")


def feature(function):
    """A feature runs in a loop and with a client of its own."""

    async def with_client():
        async with client() as etcd:
            await function(etcd)

    return lambda: asyncio.run(with_client())


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

run({name: feature(function) for name, function in FEATURES.items()})
