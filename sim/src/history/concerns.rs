//! Which keys a record is about.

use super::{Event, Keys, Observation, Request, TxnOp, What, below};

impl What {
    /// The keys that it asks for, changes or delivers; empty where it is about none. An answer is
    /// about those of its request, which this record does not know.
    pub fn keys(&self) -> Vec<Keys> {
        match self {
            Self::Invoke { request, .. } => request.keys(),
            Self::Observes { seen, .. } => seen.keys(),
            Self::WatchOpen(open) => vec![open.keys.clone()],
            Self::WatchEvents { events, .. } | Self::Committed { events, .. } => {
                events.iter().map(Event::keys).collect()
            }
            _ => Vec::new(),
        }
    }
}

impl Request {
    /// The keys that it reads, compares or changes.
    pub fn keys(&self) -> Vec<Keys> {
        match self {
            Self::Put(put) => vec![Keys::One(put.key.clone())],
            Self::Delete(delete) => vec![delete.keys.clone()],
            Self::Range(range) => vec![range.keys.clone()],
            Self::Txn(txn) => {
                let compared = txn.compares.iter();
                let compared = compared.map(|compare| Keys::One(compare.key.clone()));
                compared.chain(txn.ops().map(TxnOp::keys)).collect()
            }
            Self::Queue(queueing) => {
                let call = queueing.call();
                let key = call.key().map(Keys::One);
                call.below().into_iter().chain(key).collect()
            }
            _ => Vec::new(),
        }
    }
}

impl Observation {
    fn keys(&self) -> Vec<Keys> {
        match self {
            Self::Begins { name, .. } => vec![below(name)],
            Self::Hears { kv, .. } => vec![Keys::One(kv.key.clone())],
            Self::Stops { .. } => Vec::new(),
        }
    }
}

impl TxnOp {
    fn keys(&self) -> Keys {
        match self {
            Self::Put(put) => Keys::One(put.key.clone()),
            Self::Delete(delete) => delete.keys.clone(),
            Self::Range(range) => range.keys.clone(),
        }
    }
}

impl Event {
    fn keys(&self) -> Keys {
        Keys::One(self.key().clone())
    }
}

#[cfg(test)]
mod tests {
    use crate::history::History;

    #[test]
    fn a_record_names_its_keys() {
        let text = "\
1 op1 c1 n1 txn if mod(a)=5 then put b v else delete [c,d)
1 op2 c1 n1 get [a,)
1 op3 c1 n1 revoke 9
1 watch1 c1 n1 open a
1 watch1 events @2 put a=v@2 ; delete b@2
1 log 1 term=1 @2 put a=v@2 ; end 9
1 n1 leads term=1
1 op4 c1 n1 lock l lease=255
1 op5 c1 n1 unlock l/ff
1 c1 observes n1 l
1 c1 hears @2 l/ff=v@2
";
        let history: History = text.parse().unwrap();
        let keys: Vec<String> = history
            .records()
            .iter()
            .map(|record| {
                let keys = record.what.keys();
                let words: Vec<String> = keys.iter().map(ToString::to_string).collect();
                words.join(" ")
            })
            .collect();
        assert_eq!(
            keys,
            [
                "a b [c,d)",
                "[a,)",
                "",
                "a",
                "a b",
                "a",
                "",
                "[l/,l0) l/ff",
                "l/ff",
                "[l/,l0)",
                "l/ff"
            ]
        );
    }
}
