//! A connection of a client that may ping only so often. Neither hyper nor h2 tells of a ping, so
//! the frames are looked at on their way.

use std::{
    io,
    pin::Pin,
    task::{Context, Poll, ready},
    time::Duration,
};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::{
    frames::{Frames, PREFACE, go_away_calmly},
    pings::Pings,
};
use crate::clock;

/// What a client that pings too often is told.
const TOO_MANY_PINGS: &str = "too_many_pings";

/// A connection that is to end stays open for so long, unless the client closes it: if it were
/// closed with something unread, the client might never see why.
const LINGER: Duration = Duration::from_secs(1);

/// A stream whose client is sent away when it pings too often.
pub(super) struct Policed<S> {
    io: S,
    state: State,
}

enum State {
    /// All is allowed: another member, or not HTTP/2.
    Free,
    /// So many bytes of the preface have come.
    Preface(usize, Box<Police>),
    Watched(Box<Police>),
    /// The rest of the frame that is being sent comes first, then this.
    Parting {
        sent: Frames,
        farewell: Vec<u8>,
        written: usize,
    },
    Lingering(Pin<Box<clock::Sleep>>),
}

struct Police {
    received: Frames,
    sent: Frames,
    pings: Pings,
}

impl<S> Policed<S> {
    /// `min_time` is the shortest time between two pings of a client with an open stream; without
    /// one nothing is looked at.
    pub(super) fn new(io: S, min_time: Option<Duration>) -> Self {
        let police = |min_time| Police {
            received: Frames::default(),
            sent: Frames::default(),
            pings: Pings::new(min_time),
        };
        let state = match min_time {
            None => State::Free,
            Some(min_time) => State::Preface(0, Box::new(police(min_time))),
        };
        Self { io, state }
    }

    fn received(&mut self, mut bytes: &[u8]) {
        if let State::Preface(come, _) = &mut self.state {
            let length = (PREFACE.len() - *come).min(bytes.len());
            let (more, rest) = bytes.split_at(length);
            let is_preface = *more == PREFACE[*come..][..length];
            *come += length;
            bytes = rest;
            let is_whole = *come == PREFACE.len();
            self.state = match std::mem::replace(&mut self.state, State::Free) {
                State::Preface(_, police) if is_preface && is_whole => State::Watched(police),
                preface if is_preface => preface,
                _ => State::Free,
            };
        }
        let State::Watched(police) = &mut self.state else {
            return;
        };
        let Police {
            received,
            sent,
            pings,
        } = &mut **police;
        let mut too_many = false;
        received.advance(bytes, |head| too_many |= pings.received(head));
        if too_many {
            self.state = State::Parting {
                sent: std::mem::take(sent),
                farewell: go_away_calmly(pings.last_stream(), TOO_MANY_PINGS),
                written: 0,
            };
        }
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> Policed<S> {
    /// Says why, as soon as no frame is begun and not ended.
    fn poll_say(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let State::Parting {
            sent,
            farewell,
            written,
        } = &mut self.state
        else {
            return Poll::Ready(Ok(()));
        };
        if sent.bytes_of_frame_left() > 0 {
            return Poll::Pending;
        }
        while *written < farewell.len() {
            match ready!(Pin::new(&mut self.io).poll_write(cx, &farewell[*written..]))? {
                0 => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                more => *written += more,
            }
        }
        ready!(Pin::new(&mut self.io).poll_flush(cx))?;
        tracing::debug!("a client pings too often: its connection ends");
        self.state = State::Lingering(Box::pin(clock::sleep(LINGER)));
        Poll::Ready(Ok(()))
    }

    /// Waits until the client has gone, for a while, and reads what it still says.
    fn poll_linger(&mut self, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let filled = buf.filled().len();
        if let State::Lingering(over) = &mut self.state
            && over.as_mut().poll(cx).is_pending()
        {
            loop {
                ready!(Pin::new(&mut self.io).poll_read(cx, buf))?;
                if buf.filled().len() == filled {
                    break;
                }
                buf.set_filled(filled);
            }
        }
        Poll::Ready(Err(io::Error::new(
            io::ErrorKind::ConnectionAborted,
            "the client has pinged too often",
        )))
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncRead for Policed<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = &mut *self;
        if let State::Parting { .. } | State::Lingering(_) = this.state {
            ready!(this.poll_say(cx))?;
            return this.poll_linger(cx, buf);
        }
        let filled = buf.filled().len();
        ready!(Pin::new(&mut this.io).poll_read(cx, buf))?;
        this.received(&buf.filled()[filled..]);
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncWrite for Policed<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        mut buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        let this = &mut *self;
        if let State::Parting { sent, .. } = &this.state {
            match sent.bytes_of_frame_left() {
                0 => ready!(this.poll_say(cx))?,
                left => buf = &buf[..buf.len().min(left)],
            }
        }
        if let State::Lingering(_) = this.state {
            // Nobody is to read that.
            return Poll::Ready(Ok(buf.len()));
        }
        let written = ready!(Pin::new(&mut this.io).poll_write(cx, buf))?;
        match &mut this.state {
            State::Preface(_, police) | State::Watched(police) => {
                let Police { sent, pings, .. } = &mut **police;
                sent.advance(&buf[..written], |head| pings.sent(head));
            }
            State::Parting { sent, .. } => sent.advance(&buf[..written], |_| {}),
            State::Free | State::Lingering(_) => {}
        }
        Poll::Ready(Ok(written))
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(cx)
    }
}

#[cfg(all(test, not(madsim)))]
mod tests {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream, duplex};

    use super::*;
    use crate::wire::frames::{DATA, PING};

    const PIPE_BYTES: usize = 1 << 16;

    fn frame(kind: u8, stream: u8, payload: &[u8]) -> Vec<u8> {
        let length = payload.len() as u8;
        let mut bytes = vec![0, 0, length, kind, 0, 0, 0, 0, stream];
        bytes.extend(payload);
        bytes
    }

    fn connection() -> (DuplexStream, Policed<DuplexStream>) {
        let (client, server) = duplex(PIPE_BYTES);
        (client, Policed::new(server, Some(Duration::from_secs(5))))
    }

    /// The preface and four pings, one too many.
    fn too_many() -> Vec<u8> {
        [PREFACE, &frame(PING, 0, &[0; 8]).repeat(4)].concat()
    }

    fn run(scenario: impl Future<Output = ()>) {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build();
        runtime.expect("a runtime").block_on(scenario);
    }

    #[test]
    fn a_frame_that_is_begun_is_ended_before_the_farewell() {
        run(async {
            let (mut client, mut server) = connection();
            let answer = frame(DATA, 1, b"answer");
            server.write_all(&answer[..11]).await.expect("open");
            client.write_all(&too_many()).await.expect("open");
            let mut read = vec![0; too_many().len()];
            server
                .read_exact(&mut read)
                .await
                .expect("all is passed on");
            assert_eq!(read, too_many());
            // What comes behind the frame goes nowhere.
            let more = [&answer[11..], &frame(DATA, 1, b"more")].concat();
            server.write_all(&more).await.expect("taken");
            drop(server);
            let mut sent = Vec::new();
            client.read_to_end(&mut sent).await.expect("open");
            let farewell = go_away_calmly(0, "too_many_pings");
            assert_eq!(sent, [answer, farewell].concat());
        });
    }

    #[test]
    fn what_a_client_says_that_is_sent_away_is_not_heard() {
        run(async {
            let (mut client, mut server) = connection();
            client.write_all(&too_many()).await.expect("open");
            let mut read = vec![0; too_many().len()];
            server
                .read_exact(&mut read)
                .await
                .expect("all is passed on");
            client.write_all(&too_many()).await.expect("open");
            client.shutdown().await.expect("open");
            let ended = server.read_exact(&mut read).await.expect_err("it ends");
            assert_eq!(ended.kind(), io::ErrorKind::ConnectionAborted);
        });
    }

    #[test]
    fn other_protocols_and_other_members_pass() {
        run(async {
            let (client, server) = duplex(PIPE_BYTES);
            let member = (client, Policed::new(server, None));
            let http1 = b"PRI * HTTP/1.1\r\n\r\n".repeat(9);
            for ((mut client, mut server), said) in [(member, too_many()), (connection(), http1)] {
                client.write_all(&said).await.expect("open");
                server.write_all(b"answer").await.expect("open");
                drop(client);
                let mut read = Vec::new();
                server
                    .read_to_end(&mut read)
                    .await
                    .expect("it ends in order");
                assert_eq!(read, said);
            }
        });
    }
}
