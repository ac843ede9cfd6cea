//! A cheap gRPC channel: generated clients over one raw `h2` connection, without the buffers and
//! tasks of a full transport, so that the client takes little from the server under test.

use std::{
    future::{Future, poll_fn},
    pin::Pin,
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use http::{Request, Response, Uri, uri::Authority, uri::Scheme};
use http_body::{Body as _, Frame};
use tokio::net::TcpStream;
use tonic::{body::Body, codegen::Service};

use crate::LoadError;

/// Large enough that flow control never slows a server down.
const STREAM_WINDOW_BYTES: u32 = 4 << 20;
const CONNECTION_WINDOW_BYTES: u32 = 64 << 20;
const FRAME_BYTES_MAX: u32 = 1 << 20;

type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// A tower service for generated clients. Clones share the connection, which is not made again
/// when it is lost.
#[derive(Clone)]
pub(crate) struct Channel {
    connection: h2::client::SendRequest<Bytes>,
    authority: Authority,
}

impl Channel {
    /// Connects to `endpoint` (host and port). A task on the caller's runtime drives the connection.
    pub(crate) async fn connect(endpoint: &str) -> Result<Self, LoadError> {
        let connected = Self::try_connect(endpoint).await;
        connected.map_err(|error| LoadError::Connect {
            endpoint: endpoint.to_owned(),
            reason: error.to_string(),
        })
    }

    async fn try_connect(endpoint: &str) -> Result<Self, BoxError> {
        let authority = endpoint.parse()?;
        let stream = TcpStream::connect(endpoint).await?;
        stream.set_nodelay(true)?;
        let (connection, driver) = h2::client::Builder::new()
            .initial_window_size(STREAM_WINDOW_BYTES)
            .initial_connection_window_size(CONNECTION_WINDOW_BYTES)
            .max_frame_size(FRAME_BYTES_MAX)
            .handshake(stream)
            .await?;
        tokio::spawn(async move {
            // Its end shows in every call.
            let _ = driver.await;
        });
        Ok(Self {
            connection,
            authority,
        })
    }

    /// HTTP/2 wants to know scheme and authority; generated clients give the path only.
    fn absolute(&self, uri: Uri) -> Result<Uri, http::uri::InvalidUriParts> {
        let mut parts = uri.into_parts();
        parts.scheme = Some(Scheme::HTTP);
        parts.authority = Some(self.authority.clone());
        Uri::from_parts(parts)
    }

    async fn send(mut self, request: Request<Body>) -> Result<Response<ResponseBody>, BoxError> {
        let (mut head, mut body) = request.into_parts();
        head.uri = self.absolute(head.uri)?;
        poll_fn(|cx| self.connection.poll_ready(cx)).await?;
        let request = Request::from_parts(head, ());
        let (response, mut stream) = self.connection.send_request(request, false)?;
        // The body of a unary call is there at once; a stream's is sent by a task.
        if !send_what_is_there(&mut body, &mut stream).await? {
            tokio::spawn(send_as_it_comes(body, stream));
        }
        Ok(response.await?.map(ResponseBody))
    }
}

/// Sends the frames that are there already; whether that was all. One frame is held back, so that
/// the last one says that it is the last.
async fn send_what_is_there(
    body: &mut Body,
    stream: &mut h2::SendStream<Bytes>,
) -> Result<bool, BoxError> {
    let mut held: Option<Bytes> = None;
    loop {
        let frame = poll_fn(|cx| match Pin::new(&mut *body).poll_frame(cx) {
            Poll::Ready(frame) => Poll::Ready(Some(frame)),
            Poll::Pending => Poll::Ready(None),
        });
        match frame.await {
            Some(Some(frame)) => {
                if let Ok(data) = frame?.into_data()
                    && let Some(before) = held.replace(data)
                {
                    stream.send_data(before, false)?;
                }
            }
            Some(None) => {
                stream.send_data(held.unwrap_or_default(), true)?;
                return Ok(true);
            }
            None => {
                if let Some(data) = held {
                    stream.send_data(data, false)?;
                }
                return Ok(false);
            }
        }
    }
}

async fn send_as_it_comes(mut body: Body, mut stream: h2::SendStream<Bytes>) {
    while let Some(Ok(frame)) = poll_fn(|cx| Pin::new(&mut body).poll_frame(cx)).await {
        if let Ok(data) = frame.into_data()
            && stream.send_data(data, false).is_err()
        {
            return;
        }
    }
    // The server may have ended the stream first.
    let _ = stream.send_data(Bytes::new(), true);
}

impl Service<Request<Body>> for Channel {
    type Response = Response<ResponseBody>;
    type Error = BoxError;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, BoxError>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        // Each call waits for itself: a clone of the connection has to be polled itself.
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        Box::pin(self.clone().send(request))
    }
}

/// The body of a response: gives its flow-control window back as it is read.
pub(crate) struct ResponseBody(h2::RecvStream);

impl http_body::Body for ResponseBody {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        match ready!(self.0.poll_data(cx)) {
            Some(Ok(data)) => {
                self.0.flow_control().release_capacity(data.len())?;
                Poll::Ready(Some(Ok(Frame::data(data))))
            }
            Some(Err(error)) => Poll::Ready(Some(Err(error.into()))),
            None => {
                let trailers = ready!(self.0.poll_trailers(cx));
                Poll::Ready(match trailers {
                    Ok(trailers) => trailers.map(|trailers| Ok(Frame::trailers(trailers))),
                    Err(error) => Some(Err(error.into())),
                })
            }
        }
    }
}
