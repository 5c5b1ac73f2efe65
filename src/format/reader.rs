//! Takes bytes apart from the front. A length is checked before it is believed.

use crate::error::{Error, RESTORE, Result};

/// What is left of some bytes, and what they are called in a message.
pub(crate) struct Reader<'a> {
    what: &'static str,
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    pub(crate) fn new(what: &'static str, bytes: &'a [u8]) -> Self {
        Reader { what, rest: bytes }
    }

    pub(crate) fn corrupt(&self, why: impl std::fmt::Display) -> Error {
        Error::corrupt(format!("{} is damaged: {why}; {RESTORE}", self.what))
    }

    pub(crate) fn bytes(&mut self, n: usize) -> Result<&'a [u8]> {
        let (taken, rest) = self.rest.split_at_checked(n).ok_or_else(|| {
            self.corrupt(format_args!("{n} bytes expected, {} left", self.rest.len()))
        })?;
        self.rest = rest;
        Ok(taken)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N]> {
        Ok(self.bytes(N)?.try_into().expect("took N bytes"))
    }

    pub(crate) fn u8(&mut self) -> Result<u8> {
        Ok(self.array::<1>()?[0])
    }

    pub(crate) fn u16(&mut self) -> Result<u16> {
        self.array().map(u16::from_le_bytes)
    }

    pub(crate) fn u32(&mut self) -> Result<u32> {
        self.array().map(u32::from_le_bytes)
    }

    pub(crate) fn u64(&mut self) -> Result<u64> {
        self.array().map(u64::from_le_bytes)
    }

    pub(crate) fn i64(&mut self) -> Result<i64> {
        self.array().map(i64::from_le_bytes)
    }

    /// A byte that is 0 or 1.
    pub(crate) fn flag(&mut self) -> Result<bool> {
        match self.u8()? {
            0 => Ok(false),
            1 => Ok(true),
            other => Err(self.corrupt(format_args!("{other} is neither 0 nor 1"))),
        }
    }

    /// A flag, and an i64 that is there if the flag is set.
    pub(crate) fn optional_i64(&mut self) -> Result<Option<i64>> {
        Ok(if self.flag()? {
            Some(self.i64()?)
        } else {
            None
        })
    }

    /// A u32 length and as many bytes.
    pub(crate) fn long_bytes(&mut self) -> Result<&'a [u8]> {
        let n = self.u32()? as usize;
        self.bytes(n)
    }

    /// A u8 length and as many bytes of UTF-8.
    pub(crate) fn short_str(&mut self) -> Result<&'a str> {
        let n = usize::from(self.u8()?);
        let bytes = self.bytes(n)?;
        std::str::from_utf8(bytes).map_err(|_| self.corrupt("a name is not UTF-8"))
    }

    /// The byte by which a record says of which format it is. One that this build does not read and
    /// that is larger is no damage: the checksum was right.
    pub(crate) fn format(&mut self, reads: u8) -> Result<()> {
        let found = self.u8()?;
        check_format(self.what, found, reads)
    }

    /// Checks that nothing is left.
    pub(crate) fn end(&self) -> Result<()> {
        if self.rest.is_empty() {
            return Ok(());
        }
        Err(self.corrupt(format_args!("{} bytes too many", self.rest.len())))
    }
}

/// The same, of a byte that was read already.
#[inline]
pub(crate) fn check_format(what: &str, found: u8, reads: u8) -> Result<()> {
    if found == reads {
        return Ok(());
    }
    Err(of_another_format(what, found, reads))
}

#[cold]
fn of_another_format(what: &str, found: u8, reads: u8) -> Error {
    let text = format!("{what} is of format {found}, and this build reads format {reads}");
    if found > reads {
        return Error::newer(text);
    }
    // No format has ever been numbered so.
    Error::corrupt(format!("{text}: it is damaged; {RESTORE}"))
}

/// The writing side of [`Reader`].
pub(crate) trait Put {
    fn put_short_str(&mut self, text: &str);
    fn put_long_bytes(&mut self, bytes: &[u8]);
    fn put_optional_i64(&mut self, value: Option<i64>);
}

impl Put for Vec<u8> {
    fn put_short_str(&mut self, text: &str) {
        self.push(u8::try_from(text.len()).expect("a name is shorter than 256 bytes"));
        self.extend_from_slice(text.as_bytes());
    }

    fn put_long_bytes(&mut self, bytes: &[u8]) {
        let n = u32::try_from(bytes.len()).expect("a value is shorter than 4 GiB");
        self.extend_from_slice(&n.to_le_bytes());
        self.extend_from_slice(bytes);
    }

    fn put_optional_i64(&mut self, value: Option<i64>) {
        self.push(u8::from(value.is_some()));
        self.extend(value.map(i64::to_le_bytes).into_iter().flatten());
    }
}
