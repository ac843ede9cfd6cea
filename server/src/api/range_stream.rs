//! An interval as a stream of chunks (contract api.md §5.3). Neither end holds more of it than a
//! chunk or two: the next one is read when HTTP/2's flow control has let the last one through.
//!
//! Every chunk is read from a view of its own, at the revision of the first. One view for the whole
//! stream would keep alive, for as long as its client takes, each version that is compacted
//! meanwhile, and cost every write a copy of what it shares with the view. So a compaction can
//! overtake a stream, which then ends with an error, as in etcd.

use futures_util::stream;
use prost::Message as _;
use quorate_core::{
    Error, Valid, View,
    request::{PageRequest, RangeRequest},
    response::{Page, RangeResponse as Read},
};

use super::{
    ResponseStream, caller::Caller, context::Context, convert, errors::ApiError,
    kv::PROMPT_KEYS_MAX,
};
use crate::{
    node::NodeError,
    proto::etcdserverpb::{
        self as pb, RangeResponse, RangeStreamResponse, ResponseHeader,
        range_request::{SortOrder, SortTarget},
    },
    runtime,
};

/// Keys in the first chunk. Later ones have twice or half as many as the one before, so that they
/// become about as large as requests may be.
const FIRST_CHUNK_KEYS: usize = 10;

/// A chunk is neither much smaller nor larger than the limit for requests, by this factor.
const SIZE_TOLERANCE: usize = 2;

/// Checks the request as for a range, and begins the stream.
///
/// # Errors
/// As for a range; what cannot be read in key order, chunk by chunk.
pub(super) async fn open(
    context: &Context,
    caller: &Caller,
    request: pb::RangeRequest,
) -> Result<ResponseStream<RangeStreamResponse>, ApiError> {
    let (is_natural, serializable) = (is_natural(&request), request.serializable);
    let request = convert::range(request)?;
    if !is_natural {
        return Err(ApiError::RangeStreamSorted);
    }
    if request.filter.is_set() {
        return Err(ApiError::RangeStreamFiltered);
    }
    if !serializable {
        context.node.read_barrier().await?;
    }
    let author = context.author(caller).await?;
    let view = context.node.view();
    view.authorize_range(&author, &request)?;
    let header = context.header(view.revision());
    let chunks = Chunks::new(context.clone(), header, request.into_inner());
    Ok(Box::pin(stream::unfold(Some(chunks), Chunks::respond)))
}

/// Whether the keys come in their natural order. Without a direction they do, whatever the target.
fn is_natural(request: &pb::RangeRequest) -> bool {
    match request.sort_order() {
        SortOrder::None => true,
        SortOrder::Ascend => request.sort_target() == SortTarget::Key,
        SortOrder::Descend => false,
    }
}

/// What is left of a stream.
struct Chunks {
    context: Context,
    /// Of the first read; goes out with the last chunk.
    header: ResponseHeader,
    /// The keys that were not read yet, and how many come next.
    next: PageRequest,
    count_only: bool,
    /// How many keys the client wants yet.
    wanted: usize,
    /// How many it was given.
    sent: usize,
}

impl Chunks {
    fn new(context: Context, header: ResponseHeader, request: RangeRequest) -> Self {
        let bytes_max = SIZE_TOLERANCE * context.node.limits().max_request_bytes;
        let pinned = if request.revision > 0 {
            request.revision
        } else {
            header.revision
        };
        let limit = usize::try_from(request.limit).unwrap_or(0);
        Self {
            context,
            header,
            count_only: request.count_only,
            next: PageRequest {
                range: request.range,
                revision: pinned,
                keys_only: request.keys_only,
                keys_max: FIRST_CHUNK_KEYS,
                bytes_max,
            },
            wanted: if limit == 0 { usize::MAX } else { limit },
            sent: 0,
        }
    }

    /// The next chunk, or the end: a function for [`stream::unfold`].
    async fn respond(
        chunks: Option<Self>,
    ) -> Option<(Result<RangeStreamResponse, tonic::Status>, Option<Self>)> {
        let chunks = chunks?;
        let stop = chunks.context.stop.clone();
        let read = tokio::select! {
            biased;
            () = stop.raised() => Err(NodeError::Stopped.into()),
            read = chunks.read() => read,
        };
        Some(match read {
            Ok((range_response, rest)) => {
                let range_response = Some(range_response);
                (Ok(RangeStreamResponse { range_response }), rest)
            }
            Err(error) => (Err(error.into()), None),
        })
    }

    /// One chunk, and the stream behind it. The last chunk has a header.
    async fn read(mut self) -> Result<(RangeResponse, Option<Self>), ApiError> {
        let view = self.context.node.view();
        // Not the chunk decides: the last one counts all that the client did not want.
        let is_wide = view.is_wide(&self.next.range, PROMPT_KEYS_MAX);
        let read = move || {
            let chunk = self.take(&view)?;
            let rest = chunk.header.is_none().then_some(self);
            Ok((chunk, rest))
        };
        if is_wide {
            runtime::apart(read).await
        } else {
            read()
        }
    }

    fn take(&mut self, view: &View) -> Result<RangeResponse, Error> {
        let (mut page, mut more_count) = (Page::default(), 0);
        if self.count_only {
            more_count = self.count(view)?;
        } else {
            page = view.page(&PageRequest {
                keys_max: self.next.keys_max.min(self.wanted),
                ..self.next.clone()
            })?;
            self.sent += page.kvs.len();
            self.wanted -= page.kvs.len();
        }
        if let Some(last) = page.kvs.last().filter(|_| page.more) {
            self.next.range = self.next.range.behind(&last.key);
            if self.wanted == 0 {
                more_count = self.count(view)?;
            }
        }
        let is_last = !page.more || self.wanted == 0;
        let read = Read {
            kvs: page.kvs,
            more: page.more && is_last,
            count: if is_last {
                self.sent as i64 + more_count
            } else {
                0
            },
            ..Read::default()
        };
        let mut chunk = convert::range_response(read, self.header);
        if !is_last {
            chunk.header = None;
            self.resize(chunk.encoded_len());
        }
        Ok(chunk)
    }

    /// How many keys there are yet.
    fn count(&self, view: &View) -> Result<i64, Error> {
        let request = RangeRequest {
            revision: self.next.revision,
            count_only: true,
            ..RangeRequest::new(self.next.range.clone())
        };
        Ok(view.range(&Valid::<RangeRequest>::check(request)?)?.count)
    }

    /// Behind a chunk of `bytes`.
    fn resize(&mut self, bytes: usize) {
        let aim = self.context.node.limits().max_request_bytes;
        let keys_max = self.next.keys_max;
        if bytes < aim / SIZE_TOLERANCE {
            self.next.keys_max = keys_max.saturating_mul(2);
        } else if bytes > aim * SIZE_TOLERANCE {
            self.next.keys_max = (keys_max / 2).max(1);
        }
    }
}
