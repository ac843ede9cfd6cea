//! What a client may ask of the key space, in the core's own words.
//!
//! These are plain values that anyone can build; [`crate::validate`] decides which of them may
//! become a [`crate::Command`] or a read.

use bytes::Bytes;

use crate::kv::{KeyRange, LeaseId};

/// A read of the keys of one interval at one revision (contract api.md §5.2).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RangeRequest {
    /// The keys to read.
    pub range: KeyRange,
    /// Most key-values to return; 0 or less means no limit.
    pub limit: i64,
    /// Main revision to read at; 0 or less means the newest. Inside a transaction a negative one
    /// counts as compacted once anything was compacted.
    pub revision: i64,
    /// Order of the answer; `None` is the natural order, by key ascending.
    pub sort: Option<Sort>,
    /// Leave the values out.
    pub keys_only: bool,
    /// Return the number of keys only; limit and filters do not count (corner cases 12, 13).
    pub count_only: bool,
    /// Bounds on the revisions of the keys to return.
    pub filter: RevisionFilter,
}

impl RangeRequest {
    /// A plain read of `range` at the newest revision.
    pub fn new(range: KeyRange) -> Self {
        Self {
            range,
            limit: 0,
            revision: 0,
            sort: None,
            keys_only: false,
            count_only: false,
            filter: RevisionFilter::default(),
        }
    }
}

/// A read of the first keys of an interval, in key order: to read it part by part.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PageRequest {
    /// The keys that are still to be read.
    pub range: KeyRange,
    /// Main revision to read at; 0 or less means the newest.
    pub revision: i64,
    /// Leave the values out.
    pub keys_only: bool,
    /// Most key-values to return.
    pub keys_max: usize,
    /// Bytes of keys and values after which no further key-value is returned.
    pub bytes_max: usize,
}

/// Inclusive bounds on revisions; 0 is "no bound".
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RevisionFilter {
    /// Least `mod_revision`.
    pub min_mod: i64,
    /// Greatest `mod_revision`.
    pub max_mod: i64,
    /// Least `create_revision`.
    pub min_create: i64,
    /// Greatest `create_revision`.
    pub max_create: i64,
}

impl RevisionFilter {
    /// Whether any bound is set.
    pub fn is_set(&self) -> bool {
        *self != Self::default()
    }
}

/// How a range's answer is ordered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sort {
    /// The field to order by.
    pub target: SortTarget,
    /// The direction.
    pub order: SortOrder,
}

/// The field to order by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SortTarget {
    /// The key, by unsigned bytes.
    Key,
    /// The number of puts since creation.
    Version,
    /// The create revision.
    Create,
    /// The mod revision.
    Mod,
    /// The value, by unsigned bytes.
    Value,
}

/// The direction of a sort.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SortOrder {
    /// The client named a target but no order: ascending, and with a limit only the first
    /// limit + 1 keys *in key order* are looked at (corner case 15).
    Unspecified,
    /// Smallest first.
    Ascend,
    /// Greatest first.
    Descend,
}

/// A put of one key (contract api.md §5.4).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PutRequest {
    /// The key.
    pub key: Bytes,
    /// The new value; must be empty with `ignore_value`.
    pub value: Bytes,
    /// The lease to attach to, detaching from any other; `None` with `ignore_lease`.
    pub lease: Option<LeaseId>,
    /// Return the key as it was before.
    pub prev_kv: bool,
    /// Keep the current value; the key must exist.
    pub ignore_value: bool,
    /// Keep the current lease; the key must exist.
    pub ignore_lease: bool,
}

impl PutRequest {
    /// A plain put.
    pub fn new(key: impl Into<Bytes>, value: impl Into<Bytes>) -> Self {
        Self {
            key: key.into(),
            value: value.into(),
            lease: None,
            prev_kv: false,
            ignore_value: false,
            ignore_lease: false,
        }
    }
}

/// A delete of every key of an interval (contract api.md §5.5).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeleteRangeRequest {
    /// The keys to delete.
    pub range: KeyRange,
    /// Return the keys as they were before.
    pub prev_kv: bool,
}

/// If all compares hold, `success`, else `failure`; as one step, with one revision (contract
/// api.md §5.6).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TxnRequest {
    /// The conditions; all must hold. None at all is true.
    pub compares: Vec<Compare>,
    /// What to do if they hold.
    pub success: Vec<Op>,
    /// What to do if one does not.
    pub failure: Vec<Op>,
}

/// One operation of a transaction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Op {
    /// A read; sees the transaction's earlier writes.
    Range(RangeRequest),
    /// A put.
    Put(PutRequest),
    /// A delete.
    DeleteRange(DeleteRangeRequest),
    /// A nested transaction. Its compares see the state before the *outermost* one.
    Txn(TxnRequest),
}

/// A condition on every key of an interval. An interval without keys is compared as one key with
/// version, revisions and lease 0 and no value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Compare {
    /// The keys that must all satisfy the condition.
    pub range: KeyRange,
    /// The relation that must hold between the key's field and the operand.
    pub relation: Relation,
    /// The field and the operand.
    pub target: CompareTarget,
}

/// The relation of a [`Compare`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Relation {
    /// Equal.
    Equal,
    /// The key's field is greater than the operand.
    Greater,
    /// The key's field is less than the operand.
    Less,
    /// Not equal.
    NotEqual,
}

/// The field that a [`Compare`] looks at, with its operand.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CompareTarget {
    /// Number of puts since creation.
    Version(i64),
    /// Create revision.
    CreateRevision(i64),
    /// Mod revision.
    ModRevision(i64),
    /// The value, bytewise. Never holds for a missing key.
    Value(Bytes),
    /// The lease's id, 0 for none.
    Lease(i64),
}
