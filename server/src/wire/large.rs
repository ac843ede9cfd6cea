//! Answers that take long to encode.

use std::{
    collections::VecDeque,
    pin::Pin,
    task::{Context, Poll},
};

use bytes::Bytes;
use futures_util::FutureExt as _;
use http::Response;
use http_body::Frame;
use http_body_util::BodyExt as _;
use tonic::{Status, body::Body};

use crate::runtime;

/// In the extensions of a unary response: it is to be encoded apart from the thread that serves
/// the connection, which is to go on with other requests.
#[derive(Clone, Copy, Debug)]
pub struct Large;

/// Encodes a response that is [`Large`]; all others pass untouched.
pub(super) async fn encode(response: Response<Body>) -> Response<Body> {
    if response.extensions().get::<Large>().is_none() {
        return response;
    }
    let (head, body) = response.into_parts();
    let encoded = runtime::apart(move || Encoded::of(body)).await;
    Response::from_parts(head, Body::new(encoded))
}

/// What a body gives without waiting, and the rest of it, if it has to be waited for.
struct Encoded {
    frames: VecDeque<Result<Frame<Bytes>, Status>>,
    rest: Option<Body>,
}

impl Encoded {
    fn of(mut body: Body) -> Self {
        let mut frames = VecDeque::new();
        let rest = loop {
            match body.frame().now_or_never() {
                Some(Some(frame)) => frames.push_back(frame),
                Some(None) => break None,
                None => break Some(body),
            }
        };
        Self { frames, rest }
    }
}

impl http_body::Body for Encoded {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        match (self.frames.pop_front(), &mut self.rest) {
            (Some(frame), _) => Poll::Ready(Some(frame)),
            (None, Some(rest)) => Pin::new(rest).poll_frame(cx),
            (None, None) => Poll::Ready(None),
        }
    }

    fn is_end_stream(&self) -> bool {
        self.frames.is_empty()
            && self
                .rest
                .as_ref()
                .is_none_or(http_body::Body::is_end_stream)
    }
}

#[cfg(test)]
mod tests {
    use futures_util::{StreamExt as _, stream};
    use http_body_util::StreamBody;

    use super::*;

    fn data(text: &'static str) -> Result<Frame<Bytes>, Status> {
        Ok(Frame::data(Bytes::from_static(text.as_bytes())))
    }

    #[test]
    fn what_is_not_ready_is_waited_for_later() {
        let ready = stream::iter([data("a"), data("b")]);
        let mut asked = false;
        let later = stream::poll_fn(move |_| {
            if std::mem::replace(&mut asked, true) {
                Poll::Ready(None)
            } else {
                Poll::Pending
            }
        });
        let tail = stream::iter([data("c")]);
        let body = Body::new(StreamBody::new(ready.chain(later).chain(tail)));
        let encoded = Encoded::of(body);
        assert_eq!(encoded.frames.len(), 2);
        let collected = encoded.collect().now_or_never();
        let collected = collected.expect("ready by now").expect("no error");
        assert_eq!(collected.to_bytes(), "abc");
    }
}
