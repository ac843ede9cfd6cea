//! What holds of a [`Hub`] between any two calls. The simulator checks it at every step.

use std::collections::BTreeMap;

use super::{hub::Hub, watcher::WatcherId};

impl Hub {
    /// Checks everything below; O(watchers + queued responses).
    ///
    /// # Errors
    /// The first invariant that does not hold.
    pub fn invariant_all(&self) -> Result<(), &'static str> {
        self.index.invariant_treap()?;
        self.recent.invariant_consecutive(self.published)?;
        self.invariant_ids()?;
        self.invariant_indexed()?;
        self.invariant_queues()?;
        self.invariant_waiting()
    }

    /// Every watcher is on its stream under its id, and nothing else is.
    fn invariant_ids(&self) -> Result<(), &'static str> {
        let on_streams: usize = self.streams.values().map(|stream| stream.ids.len()).sum();
        let known = self.watchers.iter().all(|(id, watcher)| {
            let stream = self.streams.get(&watcher.stream);
            stream.is_some_and(|stream| stream.ids.get(&watcher.watch_id) == Some(id))
        });
        let holds = known && on_streams == self.watchers.len();
        holds
            .then_some(())
            .ok_or("streams and watchers disagree about ids")
    }

    /// A watcher is in the index if and only if it is live.
    fn invariant_indexed(&self) -> Result<(), &'static str> {
        for (id, watcher) in &self.watchers {
            let mut times = 0;
            let count = &mut |found, _| times += usize::from(found == *id);
            self.index.for_each(&[watcher.spec.range.start()], count);
            if times != usize::from(watcher.is_live()) {
                return Err("the index does not hold exactly the live watchers");
            }
        }
        Ok(())
    }

    /// What waits for each watcher and each stream adds up.
    fn invariant_queues(&self) -> Result<(), &'static str> {
        let mut queued: BTreeMap<WatcherId, (usize, usize)> = BTreeMap::new();
        for stream in self.streams.values() {
            stream.invariant_totals()?;
            for (watcher, bytes) in stream
                .queued()
                .filter_map(|item| Some((item.events_of()?, item.bytes())))
            {
                let total = queued.entry(watcher).or_default();
                *total = (total.0 + bytes, total.1 + 1);
            }
        }
        let holds = self.watchers.iter().all(|(id, watcher)| {
            let total = queued.get(id).copied().unwrap_or_default();
            total == (watcher.queued_bytes, watcher.queued_responses)
        });
        holds
            .then_some(())
            .ok_or("what is queued for a watcher is counted wrong")
    }

    /// A watcher that is behind and has nothing queued waits for a catch-up, once; so none is
    /// forgotten.
    fn invariant_waiting(&self) -> Result<(), &'static str> {
        let mut waits: BTreeMap<WatcherId, usize> = BTreeMap::new();
        for id in self.streams.values().flat_map(|stream| &stream.waiting) {
            *waits.entry(*id).or_default() += 1;
        }
        let holds = self.watchers.iter().all(|(id, watcher)| {
            let ready = watcher.behind().is_some() && watcher.queued_responses == 0;
            waits.get(id).copied().unwrap_or_default() == usize::from(ready)
        });
        holds
            .then_some(())
            .ok_or("a watcher that is behind does not wait for a catch-up")
    }
}
