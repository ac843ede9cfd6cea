//! What the simulator does to the links between its nodes beyond cutting them: links that are
//! slow, links that hold everything back, connections that are reset.

use std::{
    cell::RefCell,
    collections::{BTreeMap, BTreeSet},
    io,
    net::IpAddr,
    sync::{
        Arc, Mutex, Weak,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Waker},
    time::Duration,
};

/// From one address to another.
pub(super) type Link = (IpAddr, IpAddr);

#[derive(Default)]
struct Links {
    delays: BTreeMap<Link, Duration>,
    held: BTreeSet<Link>,
    /// The ends of connections, in the order in which they were made.
    ends: Vec<Weak<End>>,
}

thread_local! {
    // A simulation runs on one thread.
    static LINKS: RefCell<Links> = RefCell::default();
}

/// Whatever `from` sends to `to` takes so much longer from now on; zero mends the link. What is
/// written while a packet is held back goes with it.
pub fn set_link_delay(from: IpAddr, to: IpAddr, delay: Duration) {
    LINKS.with_borrow_mut(|links| match delay {
        Duration::ZERO => links.delays.remove(&(from, to)),
        _ => links.delays.insert((from, to), delay),
    });
}

/// Whether what `from` sends to `to` is held back from now on. When it is no more, everything
/// arrives at once and in order, even where the connection has been given up meanwhile.
pub fn set_link_held(from: IpAddr, to: IpAddr, held: bool) {
    let released = LINKS.with_borrow_mut(|links| {
        if held {
            links.held.insert((from, to));
            return Vec::new();
        }
        links.held.remove(&(from, to));
        links.ends_of(|end| end.link == (to, from))
    });
    released.iter().for_each(|end| end.wake());
}

/// Every connection between the two breaks now, at both ends; new ones can be made at once.
pub fn reset_connections(a: IpAddr, b: IpAddr) {
    let ends = LINKS
        .with_borrow_mut(|links| links.ends_of(|end| end.link == (a, b) || end.link == (b, a)));
    for end in ends {
        end.is_reset.store(true, Ordering::Relaxed);
        end.wake();
    }
}

pub(super) fn delay((from, to): Link) -> Duration {
    LINKS.with_borrow(|links| links.delays.get(&(from, to)).copied().unwrap_or_default())
}

/// Whether nothing that is sent in this direction arrives now.
pub(super) fn is_held(link: Link) -> bool {
    LINKS.with_borrow(|links| links.held.contains(&link))
}

/// The reverse direction.
pub(super) fn back((from, to): Link) -> Link {
    (to, from)
}

impl Links {
    fn ends_of(&self, chosen: impl Fn(&End) -> bool) -> Vec<Arc<End>> {
        let alive = self.ends.iter().filter_map(Weak::upgrade);
        alive.filter(|end| chosen(end)).collect()
    }
}

/// One end of a connection, as the links know it.
#[derive(Debug)]
pub(super) struct End {
    /// From this end to the other.
    pub(super) link: Link,
    is_reset: AtomicBool,
    reader: Mutex<Option<Waker>>,
}

impl End {
    pub(super) fn new(link: Link) -> Arc<Self> {
        let end = Arc::new(Self {
            link,
            is_reset: AtomicBool::new(false),
            reader: Mutex::default(),
        });
        LINKS.with_borrow_mut(|links| {
            links.ends.retain(|end| end.strong_count() > 0);
            links.ends.push(Arc::downgrade(&end));
        });
        end
    }

    pub(super) fn check_reset(&self) -> io::Result<()> {
        if self.is_reset.load(Ordering::Relaxed) {
            return Err(io::ErrorKind::ConnectionReset.into());
        }
        Ok(())
    }

    /// Whoever reads is woken when the link holds nothing back any more, or the connection breaks.
    pub(super) fn note_reader(&self, cx: &Context<'_>) {
        let mut reader = self.reader.lock().expect("nobody panics with it held");
        if !reader
            .as_ref()
            .is_some_and(|known| known.will_wake(cx.waker()))
        {
            *reader = Some(cx.waker().clone());
        }
    }

    fn wake(&self) {
        let reader = self.reader.lock().expect("nobody panics with it held");
        if let Some(reader) = reader.as_ref() {
            reader.wake_by_ref();
        }
    }
}
