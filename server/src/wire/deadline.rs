//! The time that a caller gives a call: gRPC's `grpc-timeout` header.

use std::{future::Future, time::Duration};

use http::HeaderMap;
use tonic::Status;

use crate::clock;

/// gRPC allows this many digits.
const TIMEOUT_DIGITS_MAX: usize = 8;

/// How long the call may take, if its headers say so in gRPC's form: up to eight digits and a
/// unit. A malformed value is no limit, as in tonic.
pub(super) fn timeout_of(headers: &HeaderMap) -> Option<Duration> {
    let value = headers.get("grpc-timeout")?.to_str().ok()?;
    let (digits, unit) = value.split_at_checked(value.len().checked_sub(1)?)?;
    let all_digits = digits.bytes().all(|digit| digit.is_ascii_digit());
    if digits.is_empty() || digits.len() > TIMEOUT_DIGITS_MAX || !all_digits {
        return None;
    }
    let count: u64 = digits.parse().ok()?;
    match unit {
        "H" => Some(Duration::from_secs(count * 3600)),
        "M" => Some(Duration::from_secs(count * 60)),
        "S" => Some(Duration::from_secs(count)),
        "m" => Some(Duration::from_millis(count)),
        "u" => Some(Duration::from_micros(count)),
        "n" => Some(Duration::from_nanos(count)),
        _ => None,
    }
}

/// Waits for `call` that long. It bounds the time to the response's head: a unary call entirely, a
/// stream up to its beginning.
///
/// # Errors
/// `DEADLINE_EXCEEDED`, in the words of gRPC for Go, which clients of etcd know.
pub(super) async fn within<T>(
    timeout: Option<Duration>,
    call: impl Future<Output = T>,
) -> Result<T, Status> {
    let Some(timeout) = timeout else {
        return Ok(call.await);
    };
    let answered = clock::timeout(timeout, call).await;
    answered.map_err(|_| Status::deadline_exceeded("context deadline exceeded"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_every_unit_and_nothing_malformed() {
        let read = |value: &str| {
            let mut headers = HeaderMap::new();
            headers.insert("grpc-timeout", value.parse().unwrap());
            timeout_of(&headers)
        };
        assert_eq!(read("2H"), Some(Duration::from_secs(7200)));
        assert_eq!(read("3M"), Some(Duration::from_secs(180)));
        assert_eq!(read("7S"), Some(Duration::from_secs(7)));
        assert_eq!(read("99999999m"), Some(Duration::from_millis(99_999_999)));
        assert_eq!(read("5u"), Some(Duration::from_micros(5)));
        assert_eq!(read("5n"), Some(Duration::from_nanos(5)));
        for malformed in ["", "S", "7", "7s", "+7S", "-1S", "123456789S", "1 S", "é"] {
            assert_eq!(read(malformed), None, "{malformed:?}");
        }
        assert_eq!(timeout_of(&HeaderMap::new()), None);
    }
}
