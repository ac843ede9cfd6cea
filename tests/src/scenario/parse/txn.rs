//! Transactions: lines under the word `txn`, deeper than it.

use quorate_core::request::{Op, TxnRequest};

use super::{
    Fault, Line, fault, kv,
    words::{Parsed, Words},
};

/// `if …`, `then OP` and `else OP`, each as often as needed. A nested `txn` has its own lines under
/// it, deeper again.
pub(super) fn txn(lines: &[Line<'_>]) -> Result<TxnRequest, Fault> {
    let mut request = TxnRequest::default();
    let mut rest = lines;
    while let [line, after @ ..] = rest {
        let is_under = |next: &&Line<'_>| indent(next.text) > indent(line.text);
        let under = after.iter().take_while(is_under).count();
        part(*line, &after[..under], &mut request)?;
        rest = &after[under..];
    }
    Ok(request)
}

/// Reads one line, with what is under it.
fn part(line: Line<'_>, under: &[Line<'_>], request: &mut TxnRequest) -> Result<(), Fault> {
    let mut words = Words::split(line.text);
    let place = words.next();
    let TxnRequest {
        compares,
        success,
        failure,
    } = request;
    let branch = match place {
        "if" => None,
        "then" => Some(success),
        "else" => Some(failure),
        _ => return Err(fault(line, "is no part of a txn: if, then or else")),
    };
    let is_txn = branch.is_some() && words.clone().take("txn");
    if !is_txn && let Some(line) = under.first() {
        return Err(fault(*line, "only a txn has lines under it"));
    }
    if let Some(branch) = branch {
        if is_txn {
            branch.push(Op::Txn(txn(under)?));
        } else {
            branch.extend(repeated(words, op).map_err(|message| fault(line, message))?);
        }
    } else {
        compares.extend(repeated(words, kv::compare).map_err(|message| fault(line, message))?);
    }
    Ok(())
}

fn repeated<T>(words: Words<'_>, read: fn(&mut Words<'_>) -> Parsed<T>) -> Parsed<Vec<T>> {
    let one = |text: &String| {
        let mut words = Words::split(text);
        let read = read(&mut words)?;
        words.end()?;
        Ok(read)
    };
    words.repeated()?.iter().map(one).collect()
}

fn op(words: &mut Words<'_>) -> Parsed<Op> {
    Ok(match words.next() {
        "put" => Op::Put(kv::put(words)?),
        "get" => Op::Range(kv::range(words)?),
        "del" => Op::DeleteRange(kv::delete_range(words)?),
        word => return Err(format!("{word:?} is no operation: put, get, del or txn")),
    })
}

fn indent(line: &str) -> usize {
    line.len() - line.trim_start().len()
}
