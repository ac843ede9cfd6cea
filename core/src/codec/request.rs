//! Requests of the key space. The tags are permanent.

use super::{
    DecodeError,
    wire::{Reader, put_bytes, put_flags, put_i64, put_len},
};
use crate::{
    kv::{KeyRange, LeaseId},
    request::{
        Compare, CompareTarget, DeleteRangeRequest, Op, PutRequest, RangeRequest, Relation,
        RevisionFilter, Sort, SortOrder, SortTarget, TxnRequest,
    },
};

const KEY: u8 = 1;
const INTERVAL: u8 = 2;
const FROM: u8 = 3;

const RANGE: u8 = 1;
const PUT: u8 = 2;
const DELETE_RANGE: u8 = 3;
const TXN: u8 = 4;

const VERSION: u8 = 1;
const CREATE_REVISION: u8 = 2;
const MOD_REVISION: u8 = 3;
const VALUE: u8 = 4;
const LEASE: u8 = 5;

/// Each small enum in the order of its permanent codes, which count from 0.
const RELATIONS: [Relation; 4] = [
    Relation::Equal,
    Relation::Greater,
    Relation::Less,
    Relation::NotEqual,
];
const SORT_TARGETS: [SortTarget; 5] = [
    SortTarget::Key,
    SortTarget::Version,
    SortTarget::Create,
    SortTarget::Mod,
    SortTarget::Value,
];
const SORT_ORDERS: [SortOrder; 3] = [
    SortOrder::Unspecified,
    SortOrder::Ascend,
    SortOrder::Descend,
];

pub(super) fn encode_code<T: PartialEq>(codes: &[T], value: &T, out: &mut Vec<u8>) {
    let code = codes.iter().position(|known| known == value);
    out.push(code.expect("the tables name every value") as u8);
}

pub(super) fn decode_code<T: Copy>(
    what: &'static str,
    codes: &[T],
    reader: &mut Reader<'_>,
) -> Result<T, DecodeError> {
    let tag = reader.u8()?;
    codes
        .get(usize::from(tag))
        .copied()
        .ok_or(DecodeError::Tag { what, tag })
}

pub(super) fn encode_key_range(range: &KeyRange, out: &mut Vec<u8>) {
    match range {
        KeyRange::Key(key) => {
            out.push(KEY);
            put_bytes(out, key);
        }
        KeyRange::Range { start, end } => {
            out.push(INTERVAL);
            put_bytes(out, start);
            put_bytes(out, end);
        }
        KeyRange::From(start) => {
            out.push(FROM);
            put_bytes(out, start);
        }
    }
}

pub(super) fn decode_key_range(reader: &mut Reader<'_>) -> Result<KeyRange, DecodeError> {
    Ok(match reader.u8()? {
        KEY => KeyRange::Key(reader.bytes()?),
        INTERVAL => KeyRange::Range {
            start: reader.bytes()?,
            end: reader.bytes()?,
        },
        FROM => KeyRange::From(reader.bytes()?),
        tag => {
            return Err(DecodeError::Tag {
                what: "key range",
                tag,
            });
        }
    })
}

/// No lease is 0, which is no lease's id.
pub(crate) fn encode_lease(lease: Option<LeaseId>, out: &mut Vec<u8>) {
    put_i64(out, lease.map_or(0, |id| id.get()));
}

/// Reads what [`encode_lease`] wrote.
pub(crate) fn decode_lease(reader: &mut Reader<'_>) -> Result<Option<LeaseId>, DecodeError> {
    reader.i64().map(LeaseId::new)
}

fn encode_range(request: &RangeRequest, out: &mut Vec<u8>) {
    let RangeRequest {
        range,
        limit,
        revision,
        sort,
        keys_only,
        count_only,
        filter,
    } = request;
    encode_key_range(range, out);
    put_flags(
        out,
        [*keys_only, *count_only, sort.is_some(), filter.is_set()],
    );
    put_i64(out, *limit);
    put_i64(out, *revision);
    if let Some(Sort { target, order }) = sort {
        encode_code(&SORT_TARGETS, target, out);
        encode_code(&SORT_ORDERS, order, out);
    }
    if filter.is_set() {
        let RevisionFilter {
            min_mod,
            max_mod,
            min_create,
            max_create,
        } = *filter;
        for bound in [min_mod, max_mod, min_create, max_create] {
            put_i64(out, bound);
        }
    }
}

fn decode_range(reader: &mut Reader<'_>) -> Result<RangeRequest, DecodeError> {
    let range = decode_key_range(reader)?;
    let [keys_only, count_only, sorted, filtered] = reader.flags()?;
    let limit = reader.i64()?;
    let revision = reader.i64()?;
    let sort = match sorted {
        true => Some(Sort {
            target: decode_code("sort target", &SORT_TARGETS, reader)?,
            order: decode_code("sort order", &SORT_ORDERS, reader)?,
        }),
        false => None,
    };
    let mut filter = RevisionFilter::default();
    if filtered {
        let RevisionFilter {
            min_mod,
            max_mod,
            min_create,
            max_create,
        } = &mut filter;
        for bound in [min_mod, max_mod, min_create, max_create] {
            *bound = reader.i64()?;
        }
        if !filter.is_set() {
            return Err(DecodeError::Bounds("filter"));
        }
    }
    Ok(RangeRequest {
        range,
        limit,
        revision,
        sort,
        keys_only,
        count_only,
        filter,
    })
}

/// Appends a put.
pub(super) fn encode_put(request: &PutRequest, out: &mut Vec<u8>) {
    let PutRequest {
        key,
        value,
        lease,
        prev_kv,
        ignore_value,
        ignore_lease,
    } = request;
    put_flags(out, [*prev_kv, *ignore_value, *ignore_lease]);
    put_bytes(out, key);
    put_bytes(out, value);
    encode_lease(*lease, out);
}

/// Reads a put.
pub(super) fn decode_put(reader: &mut Reader<'_>) -> Result<PutRequest, DecodeError> {
    let [prev_kv, ignore_value, ignore_lease] = reader.flags()?;
    let (key, value) = (reader.bytes()?, reader.bytes()?);
    let lease = decode_lease(reader)?;
    Ok(PutRequest {
        key,
        value,
        lease,
        prev_kv,
        ignore_value,
        ignore_lease,
    })
}

/// Appends a delete.
pub(super) fn encode_delete_range(request: &DeleteRangeRequest, out: &mut Vec<u8>) {
    let DeleteRangeRequest { range, prev_kv } = request;
    put_flags(out, [*prev_kv]);
    encode_key_range(range, out);
}

/// Reads a delete.
pub(super) fn decode_delete_range(
    reader: &mut Reader<'_>,
) -> Result<DeleteRangeRequest, DecodeError> {
    let [prev_kv] = reader.flags()?;
    Ok(DeleteRangeRequest {
        range: decode_key_range(reader)?,
        prev_kv,
    })
}

/// Appends a transaction.
pub(super) fn encode_txn(request: &TxnRequest, out: &mut Vec<u8>) {
    let TxnRequest {
        compares,
        success,
        failure,
    } = request;
    put_len(out, compares.len());
    for compare in compares {
        encode_compare(compare, out);
    }
    for branch in [success, failure] {
        put_len(out, branch.len());
        for op in branch {
            encode_op(op, out);
        }
    }
}

/// Reads a transaction of at most `depth_left` levels.
pub(super) fn decode_txn(
    reader: &mut Reader<'_>,
    depth_left: usize,
) -> Result<TxnRequest, DecodeError> {
    let Some(depth_left) = depth_left.checked_sub(1) else {
        return Err(DecodeError::Bounds("transaction depth"));
    };
    Ok(TxnRequest {
        compares: reader.list(decode_compare)?,
        success: reader.list(|reader| decode_op(reader, depth_left))?,
        failure: reader.list(|reader| decode_op(reader, depth_left))?,
    })
}

fn encode_op(op: &Op, out: &mut Vec<u8>) {
    match op {
        Op::Range(request) => {
            out.push(RANGE);
            encode_range(request, out);
        }
        Op::Put(request) => {
            out.push(PUT);
            encode_put(request, out);
        }
        Op::DeleteRange(request) => {
            out.push(DELETE_RANGE);
            encode_delete_range(request, out);
        }
        Op::Txn(request) => {
            out.push(TXN);
            encode_txn(request, out);
        }
    }
}

fn decode_op(reader: &mut Reader<'_>, depth_left: usize) -> Result<Op, DecodeError> {
    Ok(match reader.u8()? {
        RANGE => Op::Range(decode_range(reader)?),
        PUT => Op::Put(decode_put(reader)?),
        DELETE_RANGE => Op::DeleteRange(decode_delete_range(reader)?),
        TXN => Op::Txn(decode_txn(reader, depth_left)?),
        tag => {
            return Err(DecodeError::Tag {
                what: "operation",
                tag,
            });
        }
    })
}

fn encode_compare(compare: &Compare, out: &mut Vec<u8>) {
    let Compare {
        range,
        relation,
        target,
    } = compare;
    encode_key_range(range, out);
    encode_code(&RELATIONS, relation, out);
    let (tag, operand) = match target {
        CompareTarget::Version(operand) => (VERSION, *operand),
        CompareTarget::CreateRevision(operand) => (CREATE_REVISION, *operand),
        CompareTarget::ModRevision(operand) => (MOD_REVISION, *operand),
        CompareTarget::Lease(operand) => (LEASE, *operand),
        CompareTarget::Value(value) => {
            out.push(VALUE);
            return put_bytes(out, value);
        }
    };
    out.push(tag);
    put_i64(out, operand);
}

fn decode_compare(reader: &mut Reader<'_>) -> Result<Compare, DecodeError> {
    let range = decode_key_range(reader)?;
    let relation = decode_code("relation", &RELATIONS, reader)?;
    let target = match reader.u8()? {
        VERSION => CompareTarget::Version(reader.i64()?),
        CREATE_REVISION => CompareTarget::CreateRevision(reader.i64()?),
        MOD_REVISION => CompareTarget::ModRevision(reader.i64()?),
        VALUE => CompareTarget::Value(reader.bytes()?),
        LEASE => CompareTarget::Lease(reader.i64()?),
        tag => {
            return Err(DecodeError::Tag {
                what: "compare target",
                tag,
            });
        }
    };
    Ok(Compare {
        range,
        relation,
        target,
    })
}
