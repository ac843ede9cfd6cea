//! Watches: the way of each change to those who asked for it (contract api.md §6).
//!
//! A [`Hub`] holds all watchers of a member. It is local to the member, not replicated, and knows
//! only what it is told: each applied revision through [`Hub::publish`], each request through a
//! method of its own. What it has to say waits on the stream of the watcher until [`Hub::poll`]
//! takes it.
//!
//! **Promises.** A watcher gets every event that it asked for, once, in order, and all events of a
//! revision in one response. No event precedes the created response or follows the canceled one.
//! A response about progress follows all events up to its revision.
//!
//! **Cost.** Publishing is a look-up for each event, plus one queue entry for each watcher
//! concerned, of whatever size its revision is; the events themselves are shared. What waits for a watcher, and for all watchers of
//! a stream, is bounded: beyond the bounds a watcher leaves the live set, and once its queue is
//! drained it *catches up*: it reads what it missed from a view, outside the hub and its lock, in
//! bounded steps, as watchers of past revisions do from the start. The last few revisions, which
//! the hub keeps, close the gap between the view and the present.
//!
//! # Driving it
//!
//! The hub sits behind a lock next to the state machine. Publish an entry's events right after
//! applying it, before anyone is told of its result; then wake the streams that are returned. The
//! task of a stream polls until there is nothing to do:
//!
//! ```
//! use std::sync::Arc;
//! use quorate_core::{Error, kv::{Event, KeyRange, KeyValue}, limits::WatchLimits};
//! use quorate_core::watch::{CreateRequest, History, Hub, Poll, Revisions, StreamId};
//!
//! # struct View(Vec<(i64, Arc<[Event]>)>);
//! # impl History for View {
//! #     fn history(&self, from: i64) -> Result<Revisions<'_>, Error> {
//! #         Ok(Box::new(self.0.iter().filter(move |(revision, _)| *revision >= from).cloned()))
//! #     }
//! #     fn revision(&self) -> i64 { 2 }
//! #     fn compact_revision(&self) -> i64 { -1 }
//! # }
//! # let key = bytes::Bytes::from("a");
//! # let kv = KeyValue { key: key.clone(), create_revision: 2, mod_revision: 2, version: 1,
//! #     value: bytes::Bytes::new(), lease: None };
//! # let range = KeyRange::Key(key);
//! # let event = Event::Put { kv, prev: None };
//! # let view = View(vec![(2, Arc::from([event]))]);
//! fn send_all(hub: &mut Hub, stream: StreamId, view: &impl History) -> usize {
//!     let mut sent = 0;
//!     loop {
//!         match hub.poll(stream) {                 // with the hub's lock
//!             Poll::Response(_) => sent += 1,      // write it to the client
//!             Poll::CatchUp(catch_up) => {
//!                 let result = catch_up.run(view); // without, on a view taken now
//!                 hub.caught_up(result);           // with
//!             }
//!             Poll::Empty => return sent,          // sleep until woken
//!         }
//!     }
//! }
//!
//! let mut hub = Hub::new(WatchLimits::default(), |_event| 100, 2);
//! let stream = hub.open();
//! let request = CreateRequest {
//!     range, start_revision: 2, progress_notify: false, no_put: false, no_delete: false,
//!     prev_kv: false, watch_id: 0, fragment: false,
//! };
//! hub.create(stream, request, 2, -1);
//! assert_eq!(send_all(&mut hub, stream, &view), 2); // created, and the event of revision 2
//! ```
//!
//! Order of locks, or their absence, is the driver's choice. It is harmless if a stream reads the
//! store's revision for [`Hub::create`], or takes a view, before or after a revision is published;
//! a view must only be taken after the poll that asked for it.

mod batch;
mod catch_up;
mod create;
mod delivery;
mod hub;
mod index;
mod intervals;
mod invariants;
mod poll;
mod progress;
mod recent;
mod response;
mod stream;
mod watcher;
mod watchers;

#[cfg(test)]
mod tests;

pub use catch_up::{CatchUp, CaughtUp, History, Revisions};
pub use create::CreateRequest;
pub use hub::Hub;
pub use poll::Poll;
pub use response::{NO_WATCH_ID, WatchResponse};

/// Names an open stream. Never used again after it is closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StreamId(u64);
