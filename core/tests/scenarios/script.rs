//! The words of a scenario, as requests.

use bytes::Bytes;
use quorate_core::{
    kv::{KeyRange, LeaseId},
    request::{
        Compare, CompareTarget, DeleteRangeRequest, Op, PutRequest, RangeRequest, Relation, Sort,
        SortOrder, SortTarget, TxnRequest,
    },
};

/// The text of a key or a value; `""` is the empty one.
pub(crate) fn text(word: &str) -> Bytes {
    if word == "\"\"" {
        Bytes::new()
    } else {
        Bytes::from(word.to_owned())
    }
}

/// `a` is a key, `a..c` an interval, `a..` everything from a key on.
pub(crate) fn key_range(word: &str) -> KeyRange {
    match word.split_once("..") {
        None => KeyRange::Key(text(word)),
        Some((start, "")) => KeyRange::From(text(start)),
        Some((start, end)) => KeyRange::Range {
            start: text(start),
            end: text(end),
        },
    }
}

pub(crate) fn lease(word: &str) -> LeaseId {
    LeaseId::new(number(word)).expect("a lease's id is not 0")
}

pub(crate) fn number(word: &str) -> i64 {
    word.parse()
        .unwrap_or_else(|_| panic!("{word:?} is no number"))
}

/// `put KEY VALUE [lease=ID] [prev_kv] [ignore_value] [ignore_lease]`
pub(crate) fn put(words: &[&str]) -> PutRequest {
    let [key, value, options @ ..] = words else {
        panic!("put KEY VALUE")
    };
    let mut request = PutRequest::new(text(key), text(value));
    for option in options {
        match option.split_once('=').unwrap_or((option, "")) {
            ("lease", id) => request.lease = LeaseId::new(number(id)),
            ("prev_kv", _) => request.prev_kv = true,
            ("ignore_value", _) => request.ignore_value = true,
            ("ignore_lease", _) => request.ignore_lease = true,
            _ => panic!("unknown option {option:?} of put"),
        }
    }
    request
}

/// `del KEYS [prev_kv]`
pub(crate) fn delete_range(words: &[&str]) -> DeleteRangeRequest {
    let [keys, options @ ..] = words else {
        panic!("del KEYS")
    };
    DeleteRangeRequest {
        range: key_range(keys),
        prev_kv: options.contains(&"prev_kv"),
    }
}

/// `get KEYS [revision=N] [limit=N] [sort=TARGET:ORDER] [keys_only] [count_only] [min_mod=N] …`
pub(crate) fn range(words: &[&str]) -> RangeRequest {
    let [keys, options @ ..] = words else {
        panic!("get KEYS")
    };
    let mut request = RangeRequest::new(key_range(keys));
    for option in options {
        let (name, value) = option.split_once('=').unwrap_or((option, ""));
        match name {
            "revision" => request.revision = number(value),
            "limit" => request.limit = number(value),
            "sort" => request.sort = Some(sort(value)),
            "keys_only" => request.keys_only = true,
            "count_only" => request.count_only = true,
            "min_mod" => request.filter.min_mod = number(value),
            "max_mod" => request.filter.max_mod = number(value),
            "min_create" => request.filter.min_create = number(value),
            "max_create" => request.filter.max_create = number(value),
            _ => panic!("unknown option {option:?} of get"),
        }
    }
    request
}

fn sort(word: &str) -> Sort {
    let (target, order) = word.split_once(':').expect("sort=TARGET:ORDER");
    let target = match target {
        "key" => SortTarget::Key,
        "version" => SortTarget::Version,
        "create" => SortTarget::Create,
        "mod" => SortTarget::Mod,
        "value" => SortTarget::Value,
        _ => panic!("unknown sort target {target:?}"),
    };
    let order = match order {
        "none" => SortOrder::Unspecified,
        "ascend" => SortOrder::Ascend,
        "descend" => SortOrder::Descend,
        _ => panic!("unknown sort order {order:?}"),
    };
    Sort { target, order }
}

/// `if FIELD KEYS RELATION OPERAND`
fn compare(words: &[&str]) -> Compare {
    let [field, keys, relation, operand] = words else {
        panic!("if FIELD KEYS RELATION OPERAND, not {words:?}")
    };
    let target = match *field {
        "version" => CompareTarget::Version(number(operand)),
        "create" => CompareTarget::CreateRevision(number(operand)),
        "mod" => CompareTarget::ModRevision(number(operand)),
        "lease" => CompareTarget::Lease(number(operand)),
        "value" => CompareTarget::Value(text(operand)),
        _ => panic!("unknown field {field:?}"),
    };
    let relation = match *relation {
        "=" => Relation::Equal,
        "!=" => Relation::NotEqual,
        ">" => Relation::Greater,
        "<" => Relation::Less,
        _ => panic!("unknown relation {relation:?}"),
    };
    Compare {
        range: key_range(keys),
        relation,
        target,
    }
}

/// The lines under `txn`, deeper than it: `if …`, `then OP` and `else OP`, each as often as
/// needed. A nested `txn` has its own lines under it, deeper again.
pub(crate) fn txn(lines: &[&str]) -> TxnRequest {
    let mut request = TxnRequest::default();
    let mut rest = lines;
    while let [line, after @ ..] = rest {
        let under = after
            .iter()
            .take_while(|next| indent(next) > indent(line))
            .count();
        let words: Vec<&str> = line.split_whitespace().collect();
        let op = |words: &[&str]| op(words, &after[..under]);
        match words[..] {
            ["if", ref words @ ..] => request.compares.push(compare(words)),
            ["then", ref words @ ..] => request.success.push(op(words)),
            ["else", ref words @ ..] => request.failure.push(op(words)),
            _ => panic!("{line:?} is no part of a txn"),
        }
        rest = &after[under..];
    }
    request
}

fn op(words: &[&str], under: &[&str]) -> Op {
    match words {
        ["put", words @ ..] => Op::Put(put(words)),
        ["get", words @ ..] => Op::Range(range(words)),
        ["del", words @ ..] => Op::DeleteRange(delete_range(words)),
        ["txn"] => Op::Txn(txn(under)),
        _ => panic!("{words:?} is no operation"),
    }
}

fn indent(line: &str) -> usize {
    line.len() - line.trim_start().len()
}
