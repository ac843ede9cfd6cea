//! What gRPC itself refuses, before any service has a say.

use bytes::{Buf as _, BufMut as _, Bytes};
use tonic::{
    Request, Response, Status,
    client::Grpc,
    codec::{Codec, DecodeBuf, Decoder, EncodeBuf, Encoder},
};

use super::{Transcript, compare};
use crate::harness::{Client, put};

/// Messages as they are on the wire.
#[derive(Clone, Copy, Default)]
struct Raw;

impl Codec for Raw {
    type Encode = Bytes;
    type Decode = Bytes;
    type Encoder = Self;
    type Decoder = Self;

    fn encoder(&mut self) -> Self {
        Self
    }

    fn decoder(&mut self) -> Self {
        Self
    }
}

impl Encoder for Raw {
    type Item = Bytes;
    type Error = Status;

    fn encode(&mut self, message: Bytes, buffer: &mut EncodeBuf<'_>) -> Result<(), Status> {
        buffer.put(message);
        Ok(())
    }
}

impl Decoder for Raw {
    type Item = Bytes;
    type Error = Status;

    fn decode(&mut self, buffer: &mut DecodeBuf<'_>) -> Result<Option<Bytes>, Status> {
        Ok(Some(buffer.copy_to_bytes(buffer.remaining())))
    }
}

async fn call(
    client: &Client,
    path: &'static str,
    body: &'static [u8],
) -> Result<Response<Bytes>, Status> {
    let mut grpc = Grpc::new(client.channel());
    grpc.ready().await.expect("a channel is always ready");
    let request = Request::new(Bytes::from_static(body));
    grpc.unary(request, path.parse().expect("a path"), Raw)
        .await
}

async fn refused(client: &Client, transcript: &mut Transcript, path: &'static str) {
    let answer = call(client, path, b"").await;
    transcript.answer(path, answer, |body| format!("{body:?}"));
}

#[test]
fn what_does_not_exist_is_refused_by_name() {
    let expected = r#"
/etcdserverpb.KV/Nothing: Unimplemented: unknown method Nothing for service etcdserverpb.KV
/etcdserverpb.Nothing/Range: Unimplemented: unknown service etcdserverpb.Nothing
/v3lockpb.Lock/Nothing: Unimplemented: unknown method Nothing for service v3lockpb.Lock
/grpc.health.v1.Health/Nothing: Unimplemented: unknown method Nothing for service grpc.health.v1.Health
/nothing: Unimplemented: malformed method name: "/nothing"
/etcdserverpb.KV/Range/more: Unimplemented: unknown service etcdserverpb.KV/Range
/etcdserverpb.KV/: Unimplemented: unknown method  for service etcdserverpb.KV
/etcdserverpb.KV/Range with garbage: Internal
/v3lockpb.Lock/Unlock with garbage: Internal
"#;
    compare(expected, async |client, transcript| {
        for path in [
            "/etcdserverpb.KV/Nothing",
            "/etcdserverpb.Nothing/Range",
            "/v3lockpb.Lock/Nothing",
            "/grpc.health.v1.Health/Nothing",
            "/nothing",
            "/etcdserverpb.KV/Range/more",
            "/etcdserverpb.KV/",
        ] {
            refused(client, transcript, path).await;
        }
        // A body that is no message, in a field that is: its code is all that clients look at.
        for path in ["/etcdserverpb.KV/Range", "/v3lockpb.Lock/Unlock"] {
            let answer = call(client, path, b"\x0a\xff").await;
            let code = answer.expect_err("no message").code();
            transcript.note(format!("{path} with garbage: {code:?}"));
        }
    });
}

#[test]
fn a_message_that_is_too_large_is_refused() {
    let expected = "
put 1500000: done
put 1572864: InvalidArgument: etcdserver: request is too large
put 2097152: ResourceExhausted: grpc: received message larger than max (2097160 vs. 2097152)
put 3000000: ResourceExhausted: grpc: received message larger than max (3000008 vs. 2097152)
";
    compare(expected, async |client, transcript| {
        for bytes in [1_500_000, 1_572_864, 2_097_152, 3_000_000] {
            let value = "v".repeat(bytes);
            let answer = client.kv().put(put("k", &value)).await;
            transcript.answer(&format!("put {bytes}"), answer, |_| "done".to_owned());
        }
    });
}
