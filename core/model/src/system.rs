//! The system under test: two replicas and a watch hub, taken through one run. One replica compacts
//! physically and starts over from a checkpoint now and then; the other never does.

use quorate_core::{
    Applied, Entry, Restore, StateMachine, View,
    codec::{DecodeError, decode_command, encode_command},
    command::Proposal,
    watch::{CreateRequest, Hub, Poll, StreamId, WatchResponse},
};

use crate::transitions::{Reference, STREAMS};

/// Encoded bytes of each event, as far as the hub knows.
pub(crate) const EVENT_ENCODED_BYTES: usize = 100;

/// See the module.
pub struct System {
    /// The replica that compacts physically.
    pub swept: StateMachine,
    /// The replica that never does.
    pub never_swept: StateMachine,
    /// Behind the first replica.
    pub hub: Hub,
    streams: Vec<Stream>,
}

struct Stream {
    id: StreamId,
    /// It had nothing to do when it was last polled, and nothing has woken it since.
    asleep: bool,
}

impl System {
    /// The state that the run begins with.
    pub fn new(reference: &Reference) -> Self {
        let hub = Hub::new(reference.watch_limits, |_| EVENT_ENCODED_BYTES, 1);
        let mut system = Self {
            swept: StateMachine::new(),
            never_swept: StateMachine::new(),
            hub,
            streams: Vec::new(),
        };
        for _ in 0..STREAMS {
            let id = system.hub.open();
            system.streams.push(Stream { id, asleep: false });
        }
        for entry in &reference.setup {
            system.apply(entry);
        }
        system
    }

    /// Applies an entry on both replicas and publishes its events. It gets there as bytes.
    pub fn apply(&mut self, entry: &Entry) -> [Applied; 2] {
        let applied = [&mut self.swept, &mut self.never_swept]
            .map(|replica| replica.apply(through_the_log(entry)));
        let [
            Applied {
                revision, events, ..
            },
            _,
        ] = &applied;
        let woken = self.hub.publish(*revision, events);
        for stream in &mut self.streams {
            stream.asleep &= !woken.contains(&stream.id);
        }
        applied
    }

    /// Passes over an entry.
    pub fn skip(&mut self, index: u64, term: u64) {
        self.swept.skip(index, term);
        self.never_swept.skip(index, term);
    }

    /// One replica starts over from what the other would send it.
    pub fn restore(&mut self) -> Result<(), DecodeError> {
        let mut restore = Restore::new();
        for chunk in self.never_swept.checkpoint() {
            restore.feed(&chunk)?;
        }
        self.swept = restore.finish()?;
        Ok(())
    }

    /// Both replicas.
    pub fn views(&self) -> [&View; 2] {
        [&self.swept, &self.never_swept]
    }

    /// The client asks for a watcher.
    pub fn create(&mut self, stream: usize, request: CreateRequest) {
        let (revision, compacted) = (self.swept.revision(), self.swept.compact_revision());
        let id = self.wake(stream);
        self.hub.create(id, request, revision, compacted);
    }

    /// The client cancels a watcher.
    pub fn cancel(&mut self, stream: usize, watch_id: i64) {
        let id = self.wake(stream);
        self.hub.cancel(id, watch_id);
    }

    /// The client asks for progress.
    pub fn request_progress(&mut self, stream: usize) {
        let id = self.wake(stream);
        self.hub.request_progress(id);
    }

    /// The stream's progress timer.
    pub fn tick(&mut self, stream: usize) {
        let id = self.wake(stream);
        self.hub.tick_progress(id);
    }

    /// Lets a stream do one thing; what it sends, if it is that. `None` if there is nothing to do.
    ///
    /// # Panics
    ///
    /// If there is something to do though the stream was not woken.
    pub fn poll(&mut self, stream: usize) -> Option<Option<WatchResponse>> {
        let Stream { id, asleep } = &mut self.streams[stream];
        let polled = self.hub.poll(*id);
        let is_empty = matches!(polled, Poll::Empty);
        assert!(
            is_empty || !*asleep,
            "a stream was not woken for {polled:?}"
        );
        *asleep = is_empty;
        match polled {
            Poll::Response(response) => Some(Some(response)),
            Poll::CatchUp(catch_up) => {
                self.hub.caught_up(catch_up.run(&self.swept.view()));
                Some(None)
            }
            Poll::Empty => None,
        }
    }

    fn wake(&mut self, stream: usize) -> StreamId {
        let Stream { id, asleep } = &mut self.streams[stream];
        *asleep = false;
        *id
    }
}

/// The entry as a replica reads it.
fn through_the_log(entry: &Entry) -> Entry {
    let mut command = Vec::new();
    encode_command(&entry.author, &entry.command, &mut command);
    let proposal = Proposal {
        request_id: entry.index,
        time_ms: 0,
        command: command.into(),
    };
    let stamped = Proposal::stamp(proposal.encode(), entry.time_ms).expect("a proposal");
    let proposal = Proposal::decode(stamped).expect("a stamped proposal");
    let (author, command) = decode_command(&proposal.command).expect("a command");
    let read = Entry {
        index: proposal.request_id,
        term: entry.term,
        time_ms: proposal.time_ms,
        author,
        command,
    };
    assert_eq!(read, *entry, "what is written to the log is read from it");
    read
}
