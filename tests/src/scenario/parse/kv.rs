//! Keys and leases. Options have the names of the API's fields.

use quorate_core::{
    kv::LeaseId,
    request::{
        Compare, CompareTarget, DeleteRangeRequest, PutRequest, RangeRequest, Relation,
        RevisionFilter, Sort, SortOrder, SortTarget,
    },
};

use super::words::{self, Parsed, Words};
use crate::scenario::executor::Request;

/// `put KEY VALUE [lease=ID] [prev_kv] [ignore_value] [ignore_lease]`
pub(super) fn put(words: &mut Words<'_>) -> Parsed<PutRequest> {
    let usage = "put KEY VALUE";
    Ok(PutRequest {
        lease: LeaseId::new(words.option_number("lease")?),
        prev_kv: words.flag("prev_kv"),
        ignore_value: words.flag("ignore_value"),
        ignore_lease: words.flag("ignore_lease"),
        ..PutRequest::new(words.bytes(usage)?, words.bytes(usage)?)
    })
}

/// `del KEYS [prev_kv]`
pub(super) fn delete_range(words: &mut Words<'_>) -> Parsed<DeleteRangeRequest> {
    Ok(DeleteRangeRequest {
        prev_kv: words.flag("prev_kv"),
        range: words.keys("del KEYS")?,
    })
}

/// `get KEYS [revision=N] [limit=N] [sort=TARGET:ORDER] [keys_only] [count_only]
/// [min_mod_revision=N] …`
pub(super) fn range(words: &mut Words<'_>) -> Parsed<RangeRequest> {
    Ok(RangeRequest {
        revision: words.option_number("revision")?,
        limit: words.option_number("limit")?,
        sort: words.option("sort").map(sort).transpose()?,
        keys_only: words.flag("keys_only"),
        count_only: words.flag("count_only"),
        filter: RevisionFilter {
            min_mod: words.option_number("min_mod_revision")?,
            max_mod: words.option_number("max_mod_revision")?,
            min_create: words.option_number("min_create_revision")?,
            max_create: words.option_number("max_create_revision")?,
        },
        ..RangeRequest::new(words.keys("get KEYS")?)
    })
}

fn sort(word: &str) -> Parsed<Sort> {
    let (target, order) = word.split_once(':').ok_or("sort=TARGET:ORDER")?;
    let target = match target {
        "key" => SortTarget::Key,
        "version" => SortTarget::Version,
        "create" => SortTarget::Create,
        "mod" => SortTarget::Mod,
        "value" => SortTarget::Value,
        _ => return Err(format!("there is no sort target {target:?}")),
    };
    let order = match order {
        "none" => SortOrder::Unspecified,
        "ascend" => SortOrder::Ascend,
        "descend" => SortOrder::Descend,
        _ => return Err(format!("there is no sort order {order:?}")),
    };
    Ok(Sort { target, order })
}

/// `FIELD KEYS RELATION OPERAND`
pub(super) fn compare(words: &mut Words<'_>) -> Parsed<Compare> {
    let usage = "if FIELD KEYS RELATION OPERAND";
    let field = words.word(usage)?;
    let range = words.keys(usage)?;
    let relation = match words.word(usage)? {
        "=" => Relation::Equal,
        "!=" => Relation::NotEqual,
        ">" => Relation::Greater,
        "<" => Relation::Less,
        relation => return Err(format!("there is no relation {relation:?}")),
    };
    let operand = words.word(usage)?;
    let target = match field {
        "version" => CompareTarget::Version(words::number(operand)?),
        "create" => CompareTarget::CreateRevision(words::number(operand)?),
        "mod" => CompareTarget::ModRevision(words::number(operand)?),
        "lease" => CompareTarget::Lease(words::number(operand)?),
        "value" => CompareTarget::Value(words::bytes(operand)?),
        _ => return Err(format!("there is no field {field:?} to compare")),
    };
    Ok(Compare {
        range,
        relation,
        target,
    })
}

/// `lease grant ID TTL`, `lease revoke ID`, `lease keep-alive ID`, `lease timetolive ID [keys]`,
/// `lease list`
pub(super) fn lease(words: &mut Words<'_>) -> Parsed<Request> {
    let usage = "lease grant|revoke|keep-alive|timetolive|list …";
    Ok(match words.word(usage)? {
        "grant" => Request::LeaseGrant {
            id: match words.number("lease grant ID TTL")? {
                0 => return Err("the server's choice of an id cannot be recorded".to_owned()),
                id => id,
            },
            ttl_s: words.number("lease grant ID TTL")?,
        },
        "revoke" => Request::LeaseRevoke {
            id: words.number("lease revoke ID")?,
        },
        "keep-alive" => Request::LeaseKeepAlive {
            id: words.number("lease keep-alive ID")?,
        },
        "timetolive" => Request::LeaseTimeToLive {
            keys: words.flag("keys"),
            id: words.number("lease timetolive ID")?,
        },
        "list" => Request::LeaseLeases,
        _ => return Err(usage.to_owned()),
    })
}
