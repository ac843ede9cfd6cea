//! The elements of every encoding: numbers, bytes, flags.

use bytes::Bytes;

use super::DecodeError;

/// Most bytes of a variable-length 64-bit number, seven bits to a byte.
const VARINT_BYTES_MAX: usize = 10;

/// Writes a number, small ones in few bytes.
pub(crate) fn put_u64(out: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        out.push(number as u8 | 0x80);
        number >>= 7;
    }
    out.push(number as u8);
}

/// Writes a signed number, small absolute values in few bytes.
pub(crate) fn put_i64(out: &mut Vec<u8>, number: i64) {
    put_u64(out, ((number << 1) ^ (number >> 63)) as u64);
}

/// Writes a count or a length.
pub(crate) fn put_len(out: &mut Vec<u8>, len: usize) {
    put_u64(out, len as u64);
}

/// Writes bytes with their length ahead.
pub(crate) fn put_bytes(out: &mut Vec<u8>, bytes: &[u8]) {
    put_len(out, bytes.len());
    out.extend_from_slice(bytes);
}

/// Writes up to eight flags as one byte, the first as its lowest bit.
pub(crate) fn put_flags<const N: usize>(out: &mut Vec<u8>, flags: [bool; N]) {
    out.push(
        (0..)
            .zip(flags)
            .map(|(bit, flag)| u8::from(flag) << bit)
            .sum(),
    );
}

/// Takes elements off the front of a slice.
pub(crate) struct Reader<'a> {
    rest: &'a [u8],
    /// The buffer that all of it is in, if what is read may share it.
    shared: Option<&'a Bytes>,
}

impl<'a> Reader<'a> {
    /// Reads copies.
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Self {
            rest: bytes,
            shared: None,
        }
    }

    /// Reads what shares the buffer.
    pub(crate) fn sharing(buffer: &'a Bytes) -> Self {
        Self {
            rest: buffer,
            shared: Some(buffer),
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    /// Number of bytes left.
    pub(crate) fn remaining(&self) -> usize {
        self.rest.len()
    }

    /// Everything that is left.
    pub(crate) fn rest(&self) -> &'a [u8] {
        self.rest
    }

    /// Fails unless everything was read.
    pub(crate) fn finish(self) -> Result<(), DecodeError> {
        if self.is_empty() {
            Ok(())
        } else {
            Err(DecodeError::TrailingBytes)
        }
    }

    pub(crate) fn u8(&mut self) -> Result<u8, DecodeError> {
        let (&first, rest) = self.rest.split_first().ok_or(DecodeError::Truncated)?;
        self.rest = rest;
        Ok(first)
    }

    pub(crate) fn u64(&mut self) -> Result<u64, DecodeError> {
        let mut number = 0;
        for position in 0..VARINT_BYTES_MAX {
            let byte = self.u8()?;
            let bits = u64::from(byte & 0x7f);
            let shift = 7 * position as u32;
            let overflows = position == VARINT_BYTES_MAX - 1 && bits > 1;
            let overlong = position > 0 && byte == 0;
            if overflows || overlong {
                return Err(DecodeError::Bounds("number"));
            }
            number |= bits << shift;
            if byte < 0x80 {
                return Ok(number);
            }
        }
        Err(DecodeError::Bounds("number"))
    }

    pub(crate) fn i64(&mut self) -> Result<i64, DecodeError> {
        let number = self.u64()?;
        Ok((number >> 1) as i64 ^ -((number & 1) as i64))
    }

    /// A count of elements that take at least a byte each, so that a lie about it is found before
    /// memory is set aside for them.
    pub(crate) fn len(&mut self) -> Result<usize, DecodeError> {
        let len = usize::try_from(self.u64()?).map_err(|_| DecodeError::Bounds("length"))?;
        if len > self.rest.len() {
            Err(DecodeError::Truncated)
        } else {
            Ok(len)
        }
    }

    /// Bytes, still in the buffer that they came in.
    pub(crate) fn slice(&mut self) -> Result<&'a [u8], DecodeError> {
        let len = self.len()?;
        let (bytes, rest) = self.rest.split_at(len);
        self.rest = rest;
        Ok(bytes)
    }

    /// Bytes: shared, or in an allocation of exactly their size.
    pub(crate) fn bytes(&mut self) -> Result<Bytes, DecodeError> {
        let slice = self.slice()?;
        Ok(match self.shared {
            Some(buffer) => buffer.slice_ref(slice),
            None => Bytes::copy_from_slice(slice),
        })
    }

    pub(crate) fn string(&mut self) -> Result<String, DecodeError> {
        let text = std::str::from_utf8(self.slice()?).map_err(|_| DecodeError::Bounds("text"))?;
        Ok(text.to_owned())
    }

    pub(crate) fn flags<const N: usize>(&mut self) -> Result<[bool; N], DecodeError> {
        let byte = self.u8()?;
        if u32::from(byte) >> N != 0 {
            return Err(DecodeError::Bounds("flags"));
        }
        Ok(std::array::from_fn(|bit| byte >> bit & 1 == 1))
    }

    /// As many elements as a count ahead of them says.
    pub(crate) fn list<T>(
        &mut self,
        mut element: impl FnMut(&mut Self) -> Result<T, DecodeError>,
    ) -> Result<Vec<T>, DecodeError> {
        let len = self.len()?;
        // Grown as elements come: an element can be much larger in memory than its encoding.
        let mut list = Vec::new();
        for _ in 0..len {
            list.push(element(self)?);
        }
        Ok(list)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_come_back() {
        for shift in 0..64 {
            for number in [1_u64 << shift, (1 << shift) - 1, !0 << shift, !0 >> shift] {
                let mut out = Vec::new();
                put_u64(&mut out, number);
                put_i64(&mut out, number as i64);
                let mut reader = Reader::new(&out);
                assert_eq!(reader.u64(), Ok(number));
                assert_eq!(reader.i64(), Ok(number as i64));
                assert_eq!(reader.finish(), Ok(()));
            }
        }
    }

    #[test]
    fn each_number_has_one_encoding() {
        let check = |bytes: &[u8], expected| assert_eq!(Reader::new(bytes).u64(), expected);
        check(&[0x80, 0x01], Ok(128));
        check(&[0x81, 0x00], Err(DecodeError::Bounds("number")));
        check(&[0xff; 11], Err(DecodeError::Bounds("number")));
        check(&[0x80; 3], Err(DecodeError::Truncated));
        let mut greatest = [0xff; 10];
        greatest[9] = 0x01;
        check(&greatest, Ok(u64::MAX));
        greatest[9] = 0x02;
        check(&greatest, Err(DecodeError::Bounds("number")));
    }

    #[test]
    fn flags_that_do_not_exist_are_refused() {
        assert_eq!(Reader::new(&[0b101]).flags(), Ok([true, false, true]));
        assert_eq!(
            Reader::new(&[0b1000]).flags::<3>(),
            Err(DecodeError::Bounds("flags"))
        );
        assert_eq!(Reader::new(&[0xff]).flags::<8>(), Ok([true; 8]));
    }

    #[test]
    fn a_length_beyond_the_data_is_found_at_once() {
        let mut out = Vec::new();
        put_u64(&mut out, u64::MAX);
        assert_eq!(Reader::new(&out).bytes(), Err(DecodeError::Truncated));
        assert_eq!(
            Reader::new(&out).list(Reader::u8),
            Err(DecodeError::Truncated)
        );
    }
}
