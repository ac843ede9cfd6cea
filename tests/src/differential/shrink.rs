//! The fewest steps that still show a difference.

use quorate_core::request::{Op, TxnRequest};

use super::admission::Admission;
use crate::scenario::{Request, Step};

/// Shrinks a script that shows a difference. `still` runs one and says after how many of its steps
/// it shows the same difference, if it does.
pub fn shrink(script: Vec<Step>, mut still: impl FnMut(&[Step]) -> Option<usize>) -> Vec<Step> {
    let mut shortest = script;
    let mut attempt = |shortest: &mut Vec<Step>, mut candidate: Vec<Step>| {
        let shown = Admission::admits(&candidate).then(|| still(&candidate));
        let Some(steps) = shown.flatten() else {
            return false;
        };
        candidate.truncate(steps);
        *shortest = candidate;
        true
    };
    let mut chunk = (shortest.len() / 2).max(1);
    loop {
        let mut end = shortest.len();
        let mut has_shrunk = false;
        // From the back, since what is there depends on less.
        while end > 0 {
            let start = end.saturating_sub(chunk);
            let mut candidate = shortest.clone();
            candidate.drain(start..end.min(shortest.len()));
            has_shrunk |= attempt(&mut shortest, candidate);
            end = start.min(shortest.len());
        }
        match (chunk, has_shrunk) {
            (1, false) => break,
            (1, true) => {}
            _ => chunk /= 2,
        }
    }
    let mut has_shrunk = true;
    while has_shrunk {
        let candidates: Vec<_> = simpler(&shortest).collect();
        let mut candidates = candidates.into_iter();
        has_shrunk = candidates.any(|candidate| attempt(&mut shortest, candidate));
    }
    shortest
}

/// The script with one part less in one of its transactions, in every way.
fn simpler(script: &[Step]) -> impl Iterator<Item = Vec<Step>> {
    let steps = script.iter().enumerate();
    steps.flat_map(move |(at, step)| {
        let requests = match step {
            Step::Call(Request::Txn(request)) => simpler_txns(request),
            _ => Vec::new(),
        };
        requests.into_iter().map(move |request| {
            let mut candidate = script.to_vec();
            candidate[at] = Step::Call(Request::Txn(request));
            candidate
        })
    })
}

fn simpler_txns(request: &TxnRequest) -> Vec<TxnRequest> {
    let mut simpler = Vec::new();
    for at in 0..request.compares.len() {
        let mut less = request.clone();
        less.compares.remove(at);
        simpler.push(less);
    }
    let success = simpler_ops(&request.success).into_iter();
    simpler.extend(success.map(|success| TxnRequest {
        success,
        ..request.clone()
    }));
    let failure = simpler_ops(&request.failure).into_iter();
    simpler.extend(failure.map(|failure| TxnRequest {
        failure,
        ..request.clone()
    }));
    simpler
}

/// One operation less, or a simpler transaction among them.
fn simpler_ops(ops: &[Op]) -> Vec<Vec<Op>> {
    let mut simpler = Vec::new();
    for (at, op) in ops.iter().enumerate() {
        let mut less = ops.to_vec();
        less.remove(at);
        simpler.push(less);
        if let Op::Txn(request) = op {
            for request in simpler_txns(request) {
                let mut other = ops.to_vec();
                other[at] = Op::Txn(request);
                simpler.push(other);
            }
        }
    }
    simpler
}
