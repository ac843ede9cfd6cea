//! Both ends of a transfer, with a wire between them that breaks and damages.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use bytes::Bytes;
use futures_util::{Stream, StreamExt as _, stream};
use proptest::prelude::*;
use tokio::sync::mpsc;
use tonic::Status;

use super::{
    StoredSnapshot, begin,
    receive::{Offer, Receiver},
    send::{Broken, Transfer, Transfers},
};
use crate::{
    disk::memory::MemoryDisk,
    proto::peer::{
        self, SnapshotRequest, SnapshotResponse, snapshot_request::Part,
        snapshot_response::Progress,
    },
    raft::{convert, types::SnapshotMeta},
    storage::{Checkpoints, Space},
};

/// What happens to the parts of one call on their way.
#[derive(Clone, Copy, Debug)]
enum Wire {
    Good,
    /// The connection breaks behind so many chunks.
    Breaks(u64),
    /// A bit of this chunk flips.
    Damages(u64),
}

/// A member's checkpoints and the disk that they are on.
struct Member {
    disk: MemoryDisk,
    checkpoints: Checkpoints,
}

async fn member() -> Member {
    let disk = MemoryDisk::new(|_| 0);
    let checkpoints = Checkpoints::open(Arc::new(disk.clone()), Space::default())
        .await
        .unwrap();
    Member { disk, checkpoints }
}

fn meta(index: u64) -> SnapshotMeta {
    SnapshotMeta {
        last_log_id: Some(convert::log_id(2, index)),
        ..SnapshotMeta::default()
    }
}

impl Member {
    async fn write(&self, index: u64, chunks: u64) -> StoredSnapshot {
        let mut writer = begin(&self.checkpoints, &meta(index)).await.unwrap();
        for chunk in 0..chunks {
            let text = format!("{index}/{chunk} ").repeat(chunk as usize % 40 + 1);
            writer.write(text.into()).await.unwrap();
        }
        let (written, reader) = writer.commit().await.unwrap();
        StoredSnapshot::new(written, reader)
    }

    fn file(&self, snapshot: &StoredSnapshot) -> Option<Vec<u8>> {
        let at = snapshot.read().position();
        self.disk
            .content(&format!("checkpoint-{:016x}-{:016x}", at.index, at.term))
    }
}

/// What arrives of `parts`.
fn through(
    wire: Wire,
    parts: mpsc::Receiver<SnapshotRequest>,
    sent: Arc<AtomicU64>,
) -> impl Stream<Item = Result<SnapshotRequest, Status>> + Unpin {
    let parts = stream::unfold(parts, |mut parts| async move {
        let part = parts.recv().await?;
        Some((part, parts))
    });
    let parts = parts.enumerate().map(move |(at, mut part)| {
        let at = at as u64;
        match (wire, &mut part.part) {
            (Wire::Breaks(after), _) if at >= after => {
                return Err(Status::unavailable("the wire is cut"));
            }
            (Wire::Damages(chunk), Some(Part::Chunk(damaged))) if at == chunk => {
                let mut bytes = damaged.content.to_vec();
                bytes[0] ^= 1;
                damaged.content = bytes.into();
            }
            _ => {}
        }
        sent.fetch_add(1, Ordering::Relaxed);
        Ok(part)
    });
    Box::pin(parts)
}

/// One call: what it gives the receiver, and how many chunks were sent.
async fn call(
    receiver: &Receiver,
    snapshot: &StoredSnapshot,
    wire: Wire,
) -> (Result<StoredSnapshot, Status>, u64) {
    let (parts, queue) = mpsc::channel(1);
    let (answers, heard) = mpsc::channel(4);
    let sent = Arc::<AtomicU64>::default();
    let offer = Offer {
        meta: snapshot.meta().unwrap(),
        content: snapshot.content(),
    };
    let heard = Box::pin(stream::unfold(heard, |mut heard| async move {
        let answer = heard.recv().await?;
        Some((answer, heard))
    }));
    let send =
        Transfer::new(heard, Transfers::default()).run(snapshot.read(), snapshot.content(), parts);
    let receive = async {
        let mut parts = through(wire, queue, sent.clone());
        let received = receiver.receive(&offer, &mut parts, &answers).await;
        let end = match &received {
            Ok(_) => Ok(SnapshotResponse {
                progress: Some(Progress::Installed(peer::Vote::default())),
            }),
            Err(status) => Err(status.clone()),
        };
        answers.send(end).await.unwrap();
        received
    };
    let (vote, received) = tokio::join!(send, receive);
    match (&vote, &received) {
        (Ok(_), Ok(_)) | (Err(Broken::Refused(_)), Err(_)) => {}
        _ => panic!("the ends do not agree: {vote:?}"),
    }
    (received, sent.load(Ordering::Relaxed))
}

async fn assert_copied(from: &Member, to: &Member, snapshot: &StoredSnapshot) {
    assert_eq!(to.file(snapshot), from.file(snapshot), "the same bytes");
    assert_eq!(to.disk.names().len(), 1, "nothing is left behind");
}

#[tokio::test]
async fn a_broken_transfer_goes_on_where_it_broke() {
    let (from, to) = (member().await, member().await);
    let snapshot = from.write(10, 100).await;
    let receiver = Receiver::new(to.checkpoints.clone());
    let (received, sent) = call(&receiver, &snapshot, Wire::Breaks(60)).await;
    assert_eq!(received.err().unwrap().code(), tonic::Code::Unavailable);
    assert_eq!(sent, 60);
    // The sender has newer ones by now, and the file that it sends has lost its name.
    for index in [20, 30] {
        from.write(index, 3).await;
    }
    let name = format!("checkpoint-{:016x}-{:016x}", 10, 2);
    assert_eq!(from.disk.content(&name), None);
    let (received, sent) = call(&receiver, &snapshot, Wire::Good).await;
    assert_eq!(sent, 40, "only what was missing");
    let mut content = received.unwrap().read();
    while content.next().await.unwrap().is_some() {}
    assert_eq!(content.extent(), snapshot.content());
    assert_eq!(to.disk.names(), [name]);
}

#[tokio::test]
async fn damage_on_the_way_is_noticed_and_mended() {
    let (from, to) = (member().await, member().await);
    let snapshot = from.write(10, 100).await;
    let receiver = Receiver::new(to.checkpoints.clone());
    let (received, _) = call(&receiver, &snapshot, Wire::Damages(30)).await;
    let status = received.err().unwrap();
    assert_eq!(status.code(), tonic::Code::DataLoss);
    assert!(status.message().contains("chunk 30"), "{status}");
    assert_eq!(to.checkpoints.latest(), None);
    let (received, sent) = call(&receiver, &snapshot, Wire::Good).await;
    assert!(received.is_ok());
    assert_eq!(sent, 70);
    assert_copied(&from, &to, &snapshot).await;
}

#[tokio::test]
async fn a_transfer_that_broke_at_its_end_is_not_made_again() {
    let (from, to) = (member().await, member().await);
    let snapshot = from.write(10, 50).await;
    let receiver = Receiver::new(to.checkpoints.clone());
    assert!(call(&receiver, &snapshot, Wire::Good).await.0.is_ok());
    let (received, sent) = call(&receiver, &snapshot, Wire::Good).await;
    assert!(received.is_ok());
    assert_eq!(sent, 0);
}

#[tokio::test]
async fn another_checkpoint_begins_anew() {
    let (from, other, to) = (member().await, member().await, member().await);
    let snapshot = from.write(10, 50).await;
    // The same place in the log, but not the same bytes: nothing may be mixed.
    let same_place = other.write(10, 51).await;
    let receiver = Receiver::new(to.checkpoints.clone());
    let (_, sent) = call(&receiver, &snapshot, Wire::Breaks(20)).await;
    assert_eq!(sent, 20);
    let (received, sent) = call(&receiver, &same_place, Wire::Good).await;
    assert!(received.is_ok());
    assert_eq!(sent, 51);
    assert_copied(&other, &to, &same_place).await;
}

#[tokio::test]
async fn what_a_broken_transfer_left_goes_when_it_is_not_needed() {
    let (from, to) = (member().await, member().await);
    let snapshot = from.write(10, 50).await;
    let receiver = Receiver::new(to.checkpoints.clone());
    let (_, sent) = call(&receiver, &snapshot, Wire::Breaks(20)).await;
    assert_eq!(sent, 20);
    receiver.forget_up_to(9).await;
    assert_eq!(to.disk.names().len(), 1);
    receiver.forget_up_to(10).await;
    assert_eq!(to.disk.names().len(), 0);
}

#[tokio::test]
async fn a_full_disk_is_told_and_leaves_nothing() {
    let (from, to) = (member().await, member().await);
    let mut writer = begin(&from.checkpoints, &meta(10)).await.unwrap();
    for _ in 0..40 {
        let chunk = Bytes::from(vec![7; 64 << 10]);
        writer.write(chunk).await.unwrap();
    }
    let (written, reader) = writer.commit().await.unwrap();
    let snapshot = StoredSnapshot::new(written, reader);
    let receiver = Receiver::new(to.checkpoints.clone());
    to.disk.set_capacity_bytes(Some(2 << 20));
    let (received, _) = call(&receiver, &snapshot, Wire::Good).await;
    let status = received.err().unwrap();
    assert!(
        status.message().contains("cannot keep the snapshot"),
        "{status}"
    );
    assert_eq!(to.disk.names().len(), 0);
    to.disk.set_capacity_bytes(None);
    assert!(call(&receiver, &snapshot, Wire::Good).await.0.is_ok());
    assert_copied(&from, &to, &snapshot).await;
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    /// However often it breaks, each chunk is taken once.
    #[test]
    fn any_number_of_breaks_costs_nothing(
        chunks in 1..200_u64,
        wires in prop::collection::vec((0..2_u8, 0..60_u64), 0..12),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let (from, to) = (member().await, member().await);
            let snapshot = from.write(10, chunks).await;
            let receiver = Receiver::new(to.checkpoints.clone());
            let (mut total, mut damaged) = (0, 0);
            for (kind, at) in wires {
                let wire = if kind == 0 { Wire::Breaks(at) } else { Wire::Damages(at) };
                let (received, sent) = call(&receiver, &snapshot, wire).await;
                let lost = received.is_err() && kind == 1;
                damaged += u64::from(lost);
                total += sent;
            }
            let (received, sent) = call(&receiver, &snapshot, Wire::Good).await;
            prop_assert!(received.is_ok());
            prop_assert_eq!(total + sent, chunks + damaged);
            prop_assert_eq!(to.file(&snapshot), from.file(&snapshot));
            Ok(())
        })?;
    }
}
