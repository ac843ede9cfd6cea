// What people do with the npm package etcd3. It watches and keeps leases alive over lost connections by itself; its
// lock fails at once where another holds it, so those who want it try again.
const assert = require("node:assert/strict");
const readline = require("node:readline");
const { setTimeout: sleep } = require("node:timers/promises");
const { Etcd3, EtcdLockFailedError, Range } = require("etcd3");

const ENDPOINTS = process.env.ENDPOINTS.split(",");
const LEASE_TTL_SECONDS = 6;
// What is waited for comes much sooner; nothing depends on how soon.
const PATIENCE_MS = 30_000;

const answers = readline.createInterface({ input: process.stdin })[Symbol.asyncIterator]();
const connect = (options = {}) =>
  new Etcd3({
    hosts: ENDPOINTS.map((endpoint) => `http://${endpoint}`),
    // Calls wait until there is a connection, but not for ever.
    defaultCallOptions: (context) => (context.isStream ? {} : { deadline: Date.now() + 5_000 }),
    ...options,
  });
const client = connect();

async function ask(what) {
  console.log(`members: ${what}`);
  assert.equal((await answers.next()).value, "done");
}

/** Calls until the answer is true, or its like; what fails is called again. */
async function until(what, call) {
  const deadline = Date.now() + PATIENCE_MS;
  for (let error; Date.now() < deadline; await sleep(50)) {
    try {
      const answer = await call();
      if (answer) return answer;
    } catch (thrown) {
      error = thrown;
    }
    assert(Date.now() < deadline - 100, `${what}: not within ${PATIENCE_MS} ms: ${error}`);
  }
}

/**
 * Collects the events of a watcher that has not begun, else the first could be lost:
 * [kind, key, value, mod_revision, version, previous value].
 */
function collect(watcher) {
  const events = [];
  watcher.on("data", (response) => {
    for (const { type, kv, prev_kv } of response.events) {
      const previous = prev_kv && prev_kv.value.toString();
      events.push([type, `${kv.key}`, `${kv.value}`, Number(kv.mod_revision), Number(kv.version), previous]);
    }
  });
  return events;
}

async function kv() {
  const put = async (key, value) => Number((await client.put(key).value(value)).header.revision);
  const first = await put("kv/a", "1");
  assert.equal(await put("kv/b", "2"), first + 1);
  assert.equal((await client.put("kv/a").value("3").getPrevious()).value.toString(), "1");
  const [found] = (await client.get("kv/a").exec()).kvs;
  assert.deepEqual(
    [found.create_revision, found.mod_revision, found.version].map(Number),
    [first, first + 2, 2],
  );
  assert.deepEqual(await client.getAll().prefix("kv/").strings(), { "kv/a": "3", "kv/b": "2" });
  const newest = await client.getAll().prefix("kv/").sort("Mod", "Descend").limit(1).exec();
  assert.deepEqual([newest.kvs[0].key.toString(), newest.more, Number(newest.count)], ["kv/a", true, 2]);
  assert.equal(await client.get("kv/a").revision(first).string(), "1");
  assert.equal(Number((await client.delete().prefix("kv/")).deleted), 2);
  assert.equal(await client.get("kv/a").string(), null);
  await client.kv.compact({ revision: first + 2, physical: true });
  await assert.rejects(client.get("kv/a").revision(first).string(), /mvcc: required revision has been compacted/);
}

async function txn() {
  const create = () =>
    client
      .if("txn/a", "Create", "==", 0)
      .then(client.put("txn/a").value("mine"))
      .else(client.get("txn/a"))
      .commit();
  const made = await create();
  assert(made.succeeded);
  const again = await create();
  assert(!again.succeeded);
  const [found] = again.responses[0].response_range.kvs;
  assert.deepEqual([found.value.toString(), found.mod_revision], ["mine", made.header.revision]);
  await client.put("txn/count").value(0);
  const increment = () =>
    client.stm({ retries: 100 }).transact(async (tx) => {
      await tx.put("txn/count").value(1 + (await tx.get("txn/count").number()));
    });
  await Promise.all(Array.from({ length: 8 }, increment));
  assert.equal(await client.get("txn/count").number(), 8);
}

async function watch() {
  const first = Number((await client.put("watch/a").value("1")).header.revision);
  await client.put("watch/b").value("2");
  await client.delete().key("watch/a");
  const watcher = client.watch().prefix("watch/").startRevision(`${first}`).watcher();
  const events = collect(watcher);
  await until("what was", () => events.length >= 3);
  await client.put("elsewhere").value("x");
  await client.put("watch/b").value("3");
  await until("what came", () => events.length >= 4);
  const seen = events.map((event) => event.slice(0, 5));
  assert.deepEqual(seen, [
    ["Put", "watch/a", "1", first, 1],
    ["Put", "watch/b", "2", first + 1, 1],
    ["Delete", "watch/a", "", first + 2, 0],
    ["Put", "watch/b", "3", first + 4, 2],
  ]);
  await watcher.cancel();
  const resumed = client.watch().key("watch/b").startRevision(`${first + 2}`).withPreviousKV().watcher();
  const later = collect(resumed);
  await until("the event, resumed", () => later.length);
  assert.deepEqual(later, [["Put", "watch/b", "3", first + 4, 2, "2"]]);
  await resumed.cancel();
}

async function watchKill() {
  const put = async (value) => Number((await client.put("crash").value(value)).header.revision);
  const first = await put("0");
  const acknowledged = [[first, "0"]];
  const watcher = client.watch().key("crash").startRevision(`${first}`).watcher();
  const events = collect(watcher);
  // The library goes on behind the newest revision it has heard of, be it only the answer to its request to watch:
  // a connection that is lost before the past has come costs what was left of that.
  await until("the first event", () => events.length);
  for (let member = 1; member <= ENDPOINTS.length; member++) {
    await ask(`kill ${member}`);
    for (let n = 0; n < 5; n++) {
      const value = `${acknowledged.length}`;
      acknowledged.push([await until(`put ${value}`, () => put(value)), value]);
    }
    await ask("wait");
  }
  const final = acknowledged.at(-1)[0];
  await until("the last event", () => events.some((event) => event[3] >= final));
  // Consecutive versions of one key: no gap and no repeat.
  assert.deepEqual(
    events.map(([, , , , version]) => version),
    events.map((_, index) => index + 1),
  );
  const seen = new Map(events.map(([, , value, revision]) => [revision, value]));
  for (const [revision, value] of acknowledged) assert.equal(seen.get(revision), value);
  await watcher.cancel();
}

async function lease() {
  const granted = client.lease(60);
  await granted.put("lease/a").value("x");
  const ID = await granted.grant();
  const left = await client.leaseClient.leaseTimeToLive({ ID, keys: true });
  assert.deepEqual([Number(left.grantedTTL), left.keys.map(String)], [60, ["lease/a"]]);
  assert(Number(left.TTL) >= 50 && Number(left.TTL) <= 60, left.TTL);
  assert.equal(Number((await granted.keepaliveOnce()).TTL), 60);
  await granted.revoke();
  assert.equal(await client.get("lease/a").string(), null);
  const short = client.lease(1, { autoKeepAlive: false });
  await short.put("lease/b").value("x");
  await until("end of a lease of a second", async () => (await client.get("lease/b").string()) === null);
}

async function leaseKill() {
  const granted = client.lease(LEASE_TTL_SECONDS);
  let lost, renewals = 0;
  granted.on("lost", (error) => (lost = error));
  granted.on("keepaliveSucceeded", () => renewals++);
  await granted.put("kept").value("x");
  for (let member = 1; member <= ENDPOINTS.length; member++) {
    await ask(`kill ${member}`);
    await ask("wait");
    renewals = 0;
    // One renewal each third of the time to live: for the first member longer than that.
    const wanted = member === 1 ? 5 : 2;
    await until(`renewals after the end of member ${member}`, () => lost || renewals >= wanted);
    assert.equal(lost, undefined);
  }
  assert.equal(await client.get("kept").string(), "x");
  granted.release();
  await until("end of the lease that nobody keeps", async () => (await client.get("kept").string()) === null);
}

/** A lock, once it is free. */
const acquired = (of) =>
  until("the lock", () =>
    of
      .lock("mutex")
      .ttl(10)
      .acquire()
      .catch((error) => {
        if (!(error instanceof EtcdLockFailedError)) throw error;
      }),
  );

async function lock() {
  const holder = await client.lock("mutex").ttl(10).acquire();
  await assert.rejects(client.lock("mutex").ttl(10).acquire(), EtcdLockFailedError);
  const waiting = acquired(client);
  await holder.release();
  await (await waiting).release();
  await client.put("counter").value(0);
  const contend = async () => {
    const own = connect();
    for (let n = 0; n < 5; n++) {
      const held = await acquired(own);
      await own.put("counter").value(1 + (await own.get("counter").number()));
      await held.release();
    }
    own.close();
  };
  await Promise.all([contend(), contend()]);
  assert.equal(await client.get("counter").number(), 10);
}

async function election() {
  const office = client.election("office", 10);
  const first = office.campaign("first");
  await first.wait();
  assert.equal(await office.leader(), "first");
  const observer = await office.observe();
  const second = office.campaign("second");
  let elected = false;
  second.on("elected", () => (elected = true));
  await until("the second candidate", async () => (await client.getAll().prefix("election/office/").keys()).length === 2);
  assert(!elected, "both lead");
  assert.equal(observer.leader(), "first");
  await first.resign();
  await until("the second leader", () => elected);
  await until("what an observer sees then", () => observer.leader() === "second");
  await observer.cancel();
  await second.resign();
}

async function auth() {
  const role = client.role("reader");
  await client.user("root").create("secret");
  await client.user("root").addRole("root");
  await client.user("eve").create("word");
  await role.create();
  await role.grant({ permission: "Readwrite", range: Range.prefix("auth/") });
  await role.addUser("eve");
  await client.auth.authEnable();
  const root = connect({ auth: { username: "root", password: "secret" } });
  const eve = connect({ auth: { username: "eve", password: "word" } });
  const wrong = connect({ auth: { username: "eve", password: "wrong" } });
  try {
    await eve.put("auth/a").value("1");
    assert.equal(await eve.get("auth/a").string(), "1");
    await assert.rejects(async () => eve.put("other").value("1"), /etcdserver: permission denied/);
    await assert.rejects(client.get("auth/a").string(), /etcdserver: user name is empty/);
    await assert.rejects(wrong.get("auth/a").string(), /authentication failed, invalid user ID or password/);
  } finally {
    await root.auth.authDisable();
    for (const own of [root, eve, wrong]) own.close();
  }
  assert.equal(await client.get("auth/a").string(), "1");
}

async function main() {
  const features = { kv, txn, watch, "watch-kill": watchKill, lease, "lease-kill": leaseKill, lock, election, auth };
  let code = 0;
  for (const [name, run] of Object.entries(features)) {
    try {
      await run();
      console.log(`${name}: ok`);
    } catch (error) {
      console.error(error);
      console.log(`${name}: failed: ${`${error}`.replaceAll(/\s+/g, " ").slice(0, 300)}`);
      code = 1;
    }
  }
  process.exit(code);
}

main();
