//! Keys and values with a text form that is one word.

use std::{fmt, str::FromStr, sync::Arc};

/// The bytes of a key or a value, ordered as bytes. As text: letters, digits and `_-.:/` stand for
/// themselves, other bytes are `%XX`, and a lone `%` is the empty one.
/// A copy shares the bytes.
#[derive(Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Blob(Arc<[u8]>);

impl Blob {
    /// The bytes.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

impl From<&[u8]> for Blob {
    fn from(bytes: &[u8]) -> Self {
        Self(bytes.into())
    }
}

impl From<&str> for Blob {
    fn from(text: &str) -> Self {
        Self(text.as_bytes().into())
    }
}

impl fmt::Display for Blob {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() {
            return f.write_str("%");
        }
        for &byte in self.0.iter() {
            if byte.is_ascii_alphanumeric() || b"_-.:/".contains(&byte) {
                write!(f, "{}", char::from(byte))?;
            } else {
                write!(f, "%{byte:02x}")?;
            }
        }
        Ok(())
    }
}

impl fmt::Debug for Blob {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for Blob {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text == "%" {
            return Ok(Self::default());
        }
        let refuse = || format!("`{text}` is not a key or value");
        let mut bytes = Vec::with_capacity(text.len());
        let mut rest = text.as_bytes();
        while let Some((&first, tail)) = rest.split_first() {
            if first == b'%' {
                let digits = tail.get(..2).ok_or_else(refuse)?;
                let digits = str::from_utf8(digits).map_err(|_| refuse())?;
                bytes.push(u8::from_str_radix(digits, 16).map_err(|_| refuse())?);
                rest = &tail[2..];
            } else if first.is_ascii_alphanumeric() || b"_-.:/".contains(&first) {
                bytes.push(first);
                rest = tail;
            } else {
                return Err(refuse());
            }
        }
        if bytes.is_empty() {
            Err(refuse())
        } else {
            Ok(Self(bytes.into()))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Blob;

    #[test]
    fn every_byte_survives_its_text() {
        let all: Vec<u8> = (0..=255).collect();
        for bytes in [&b""[..], b"%", b"k1", b"a b=c@d", &all] {
            let blob = Blob::from(bytes);
            assert_eq!(blob.to_string().parse(), Ok(blob));
        }
    }

    #[test]
    fn what_is_no_blob_is_refused() {
        for text in ["", "a b", "%4", "%zz", "k=v", "é", "%é"] {
            assert!(text.parse::<Blob>().is_err(), "{text:?}");
        }
    }
}
