//! Transactions.

use quorate_core::request::{Compare, CompareTarget, Op, RangeRequest, Relation, TxnRequest};

use super::{
    admission::Known,
    dice::Dice,
    kv,
    values::{LEASES, key, range, some_revision, value},
};

/// Deepest nesting.
const DEPTH_MAX: usize = 3;

/// Just too many operations for one transaction, or just as many as there may be.
const MANY: &[usize] = &[128, 129];

pub(super) fn txn(dice: &mut Dice, known: &Known) -> TxnRequest {
    if dice.percent(1) {
        return many(dice);
    }
    nested(dice, known, 0)
}

fn nested(dice: &mut Dice, known: &Known, depth: usize) -> TxnRequest {
    let compares = dice.pick(&[0, 1, 1, 2, 3]);
    TxnRequest {
        compares: (0..compares).map(|_| compare(dice, known)).collect(),
        success: ops(dice, known, depth),
        failure: ops(dice, known, depth),
    }
}

fn ops(dice: &mut Dice, known: &Known, depth: usize) -> Vec<Op> {
    let count = dice.pick(&[0, 1, 1, 2, 2, 3, 4]);
    (0..count).map(|_| op(dice, known, depth)).collect()
}

fn op(dice: &mut Dice, known: &Known, depth: usize) -> Op {
    match dice.below(100) {
        0..40 => Op::Put(kv::put(dice, known)),
        40..70 => {
            let mut get = kv::get(dice, known);
            // What is refused here refuses all: leave most of them through.
            if dice.percent(70) {
                get.revision = 0;
            }
            Op::Range(get)
        }
        70..88 => Op::DeleteRange(kv::delete(dice)),
        _ if depth < DEPTH_MAX => Op::Txn(nested(dice, known, depth + 1)),
        _ => Op::Range(RangeRequest::new(range(dice))),
    }
}

fn compare(dice: &mut Dice, known: &Known) -> Compare {
    let some = |dice: &mut Dice| {
        if dice.percent(40) {
            0
        } else {
            some_revision(dice, known)
        }
    };
    let target = match dice.below(5) {
        0 => CompareTarget::Version(dice.between(-1, 4)),
        1 => CompareTarget::CreateRevision(some(dice)),
        2 => CompareTarget::ModRevision(some(dice)),
        3 => CompareTarget::Value(value(dice)),
        _ if dice.percent(50) => CompareTarget::Lease(0),
        _ => CompareTarget::Lease(dice.pick(LEASES)),
    };
    use Relation::{Equal, Greater, Less, NotEqual};
    Compare {
        range: range(dice),
        relation: dice.pick(&[Equal, Greater, Less, NotEqual]),
        target,
    }
}

/// About as many operations, or compares, as there may be.
fn many(dice: &mut Dice) -> TxnRequest {
    let count = dice.pick(MANY);
    let key = key(dice);
    let gets = (0..count).map(|_| {
        Op::Range(RangeRequest::new(quorate_core::kv::KeyRange::Key(
            key.clone(),
        )))
    });
    let holds = Compare {
        range: range(dice),
        relation: Relation::Greater,
        target: CompareTarget::Version(-1),
    };
    match dice.below(3) {
        0 => TxnRequest {
            success: gets.collect(),
            ..TxnRequest::default()
        },
        1 => TxnRequest {
            failure: gets.collect(),
            ..TxnRequest::default()
        },
        _ => TxnRequest {
            compares: vec![holds; count],
            ..TxnRequest::default()
        },
    }
}
