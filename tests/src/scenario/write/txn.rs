//! Transactions, part by part.

use quorate_core::request::{Compare, CompareTarget, Op, Relation, TxnRequest};

use super::{delete_range, put, range, words::Line};

/// The parts of a transaction, each on a line that is so deep; with a line end.
pub(super) fn parts(request: &TxnRequest, depth: usize) -> String {
    let pad = "  ".repeat(depth);
    let compares = request.compares.iter();
    let compares = compares.map(|compare_| format!("{pad}{}", compare(compare_).end()));
    let success = request.success.iter().map(|one| op("then", one, depth));
    let failure = request.failure.iter().map(|one| op("else", one, depth));
    compares.chain(success).chain(failure).collect()
}

fn op(branch: &str, op: &Op, depth: usize) -> String {
    let pad = "  ".repeat(depth);
    let line = match op {
        Op::Range(request) => range(request),
        Op::Put(request) => put(request),
        Op::DeleteRange(request) => delete_range(request),
        Op::Txn(request) => return format!("{pad}{branch} txn\n{}", parts(request, depth + 1)),
    };
    format!("{pad}{branch} {}", line.end())
}

fn compare(compare: &Compare) -> Line {
    let field = match compare.target {
        CompareTarget::Version(_) => "version",
        CompareTarget::CreateRevision(_) => "create",
        CompareTarget::ModRevision(_) => "mod",
        CompareTarget::Lease(_) => "lease",
        CompareTarget::Value(_) => "value",
    };
    let relation = match compare.relation {
        Relation::Equal => "=",
        Relation::NotEqual => "!=",
        Relation::Greater => ">",
        Relation::Less => "<",
    };
    let line = Line::of("if").word(field).keys(&compare.range);
    let line = line.word(relation);
    match &compare.target {
        CompareTarget::Version(n)
        | CompareTarget::CreateRevision(n)
        | CompareTarget::ModRevision(n)
        | CompareTarget::Lease(n) => line.word(n),
        CompareTarget::Value(value) => line.bytes(value),
    }
}
