//! Keys, transactions, and who may touch them.

use etcd_client::{
    Client, Compare, CompareOp, DeleteOptions, GetOptions, GetResponse, Permission, PutOptions,
    SortOrder, SortTarget, Txn, TxnOp, TxnOpResponse,
};

use crate::{Result, connect, equal, refused, there};

pub(crate) async fn kv(mut c: Client) -> Result {
    let first = there(c.put("kv/a", "1", None).await?.header())?.revision();
    let second = there(c.put("kv/b", "2", None).await?.header())?.revision();
    equal("revision of the second put", second, first + 1)?;
    let replaced = c
        .put("kv/a", "3", Some(PutOptions::new().with_prev_key()))
        .await?;
    equal(
        "the value before",
        there(replaced.prev_key())?.value_str()?,
        "1",
    )?;
    let found = c.get("kv/a", None).await?;
    let found = &found.kvs()[0];
    let revisions = (
        found.create_revision(),
        found.mod_revision(),
        found.version(),
    );
    equal(
        "create revision, mod revision, version",
        revisions,
        (first, first + 2, 2),
    )?;
    let all = c.get("kv/", Some(GetOptions::new().with_prefix())).await?;
    equal(
        "all keys",
        pairs(&all)?,
        vec!["kv/a=3".into(), "kv/b=2".into()],
    )?;
    let newest = GetOptions::new()
        .with_prefix()
        .with_sort(SortTarget::Mod, SortOrder::Descend)
        .with_limit(1);
    let newest = c.get("kv/", Some(newest)).await?;
    equal("the newest key", pairs(&newest)?, vec!["kv/a=3".into()])?;
    equal("more and count", (newest.more(), newest.count()), (true, 2))?;
    let past = c
        .get("kv/a", Some(GetOptions::new().with_revision(first)))
        .await?;
    equal("the past", pairs(&past)?, vec!["kv/a=1".into()])?;
    let deleted = c
        .delete("kv/", Some(DeleteOptions::new().with_prefix()))
        .await?;
    equal("deleted keys", deleted.deleted(), 2)?;
    equal("what is left", c.get("kv/a", None).await?.count(), 0)?;
    c.compact(first + 2, None).await?;
    let compacted = c
        .get("kv/a", Some(GetOptions::new().with_revision(first)))
        .await;
    refused(
        "the past",
        compacted,
        "etcdserver: mvcc: required revision has been compacted",
    )
}

fn pairs(found: &GetResponse) -> Result<Vec<String>> {
    let pairs = found
        .kvs()
        .iter()
        .map(|kv| Ok(format!("{}={}", kv.key_str()?, kv.value_str()?)));
    pairs.collect()
}

pub(crate) async fn txn(mut c: Client) -> Result {
    let create = Txn::new()
        .when([Compare::create_revision("txn/a", CompareOp::Equal, 0)])
        .and_then([TxnOp::put("txn/a", "mine", None)])
        .or_else([TxnOp::get("txn/a", None)]);
    let made = c.txn(create.clone()).await?;
    let again = c.txn(create).await?;
    equal(
        "who succeeded",
        (made.succeeded(), again.succeeded()),
        (true, false),
    )?;
    let [TxnOpResponse::Get(found)] = &again.op_responses()[..] else {
        return Err("the second transaction has not read".into());
    };
    equal(
        "what the second found",
        pairs(found)?,
        vec!["txn/a=mine".into()],
    )?;
    equal(
        "its revision",
        found.kvs()[0].mod_revision(),
        there(made.header())?.revision(),
    )?;
    let inner = Txn::new().and_then([TxnOp::put("txn/b", "x", None)]);
    let both = Txn::new()
        .when([
            Compare::value("txn/a", CompareOp::Equal, "mine"),
            Compare::version("txn/a", CompareOp::Greater, 0),
        ])
        .and_then([TxnOp::delete("txn/a", None), TxnOp::txn(inner)]);
    equal(
        "the third transaction",
        c.txn(both).await?.succeeded(),
        true,
    )?;
    let left = c.get("txn/", Some(GetOptions::new().with_prefix())).await?;
    equal("what is left", pairs(&left)?, vec!["txn/b=x".into()])
}

pub(crate) async fn auth(mut c: Client) -> Result {
    c.user_add("root", "secret", None).await?;
    c.user_grant_role("root", "root").await?;
    c.user_add("eve", "word", None).await?;
    c.role_add("reader").await?;
    c.role_grant_permission("reader", Permission::read_write("auth/").with_prefix())
        .await?;
    c.user_grant_role("eve", "reader").await?;
    c.auth_enable().await?;
    let mut root = connect(Some(("root", "secret"))).await?;
    let checked = auth_enabled(&mut c).await;
    root.auth_disable().await?;
    checked?;
    equal(
        "what anyone reads afterwards",
        pairs(&c.get("auth/a", None).await?)?,
        vec!["auth/a=1".into()],
    )
}

async fn auth_enabled(nobody: &mut Client) -> Result {
    let mut eve = connect(Some(("eve", "word"))).await?;
    eve.put("auth/a", "1", None).await?;
    equal(
        "what eve reads",
        pairs(&eve.get("auth/a", None).await?)?,
        vec!["auth/a=1".into()],
    )?;
    refused(
        "eve elsewhere",
        eve.put("other", "1", None).await,
        "etcdserver: permission denied",
    )?;
    refused(
        "nobody",
        nobody.get("auth/a", None).await,
        "etcdserver: user name is empty",
    )?;
    let wrong = etcd_client::ConnectOptions::new().with_user("eve", "wrong");
    let wrong = Client::connect(crate::endpoints(), Some(wrong)).await;
    refused(
        "a wrong password",
        wrong,
        "etcdserver: authentication failed, invalid user ID or password",
    )
}
