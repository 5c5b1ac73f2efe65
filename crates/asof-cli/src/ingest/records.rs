//! The records of a CSV file. A quote that is opened and never closed spoils its line, and not all
//! that comes after it.
//!
//! A cell between quotes may hold line breaks, so a reader that meets a stray quote goes on to the
//! next one, or to the end of the file. Where that does not end in well-formed cells the first line is
//! given back as broken, and the file is read anew from the second.

use crate::exit::Failure;
use crate::source::{LINE_BYTES_MAX, Source};
use csv::ByteRecord;
use std::io::{self, BufRead, BufReader, Cursor, Read};

/// A record that is longer is none: a quote is open.
const RECORD_BYTES_MAX: u64 = 8 << 20;

/// What comes next in a file.
pub(super) enum Next {
    /// A record, and the line it begins at.
    Record(u64),
    /// A line that begins a record which never ends well.
    Broken(u64, Vec<u8>),
}

pub(super) struct Records {
    reader: csv::Reader<Kept>,
    /// How many lines came before those of this reader.
    lines_before: u64,
}

impl Records {
    pub(super) fn new(source: Source) -> Self {
        let kept = Kept {
            again: Vec::new(),
            given_again: 0,
            source,
            bytes: Vec::new(),
            begins_at: 0,
            record_at: 0,
        };
        Records {
            reader: reader(kept),
            lines_before: 0,
        }
    }

    /// The next record, or none at the end.
    pub(super) fn next(&mut self, record: &mut ByteRecord) -> Result<Option<Next>, Failure> {
        let before = self.reader.position().clone();
        self.reader.get_mut().begin(before.byte());
        let read = self.reader.read_byte_record(record);
        let until = self.reader.position().byte();
        let raw = self.reader.get_ref().record(until);
        // Of a line break of two bytes the second is read with the record that follows.
        let (blank, body) = without_breaks(raw);
        let well_formed = match read {
            Ok(false) => return Ok(None),
            Ok(true) => {
                let ended = raw.ends_with(b"\n") || raw.ends_with(b"\r");
                let one_line = ended && !body.trim_ascii_end().contains(&b'\n');
                one_line || is_well_formed(body)
            }
            Err(error) if is_too_long(&error) => false,
            Err(error) => return Err(error.into()),
        };
        if well_formed {
            let line = self.lines_before + before.line() + blank;
            return Ok(Some(Next::Record(line)));
        }
        self.start_over(before.line()).map(Some)
    }

    /// Takes the first line of the record at hand out, and reads the rest anew.
    fn start_over(&mut self, line: u64) -> Result<Next, Failure> {
        let kept = self.reader.get_mut();
        let raw = kept.record(u64::MAX).to_vec();
        let (blank, raw) = without_breaks(&raw);
        let number = self.lines_before + line + blank;
        let end = raw.iter().position(|b| *b == b'\n');
        let mut broken = raw[..end.unwrap_or(raw.len())].to_vec();
        let mut rest = end.map_or(Vec::new(), |end| raw[end + 1..].to_vec());
        rest.extend_from_slice(&kept.again[kept.given_again..]);
        if end.is_none() {
            // The line is longer than a record may be: it is still one line.
            let mut line =
                BufReader::new(Cursor::new(std::mem::take(&mut rest)).chain(&mut kept.source));
            let left = (LINE_BYTES_MAX - broken.len()) as u64;
            line.by_ref().take(left).read_until(b'\n', &mut broken)?;
            if broken.len() >= LINE_BYTES_MAX {
                return Err(Failure::failed(format!(
                    "line {number} is longer than {} MiB, so this is no file of records",
                    LINE_BYTES_MAX >> 20
                )));
            }
            rest.extend_from_slice(line.buffer());
            let (unread, _) = line.into_inner().into_inner();
            let read = usize::try_from(unread.position()).unwrap_or(usize::MAX);
            rest.extend_from_slice(unread.into_inner().get(read..).unwrap_or_default());
        }
        for end in [b"\n", b"\r"] {
            broken.truncate(broken.strip_suffix(end).map_or(broken.len(), <[u8]>::len));
        }
        self.lines_before = number;
        let source = std::mem::replace(&mut kept.source, Source::nothing());
        self.reader = reader(Kept {
            again: rest,
            given_again: 0,
            source,
            bytes: Vec::new(),
            begins_at: 0,
            record_at: 0,
        });
        Ok(Next::Broken(number, broken))
    }
}

fn reader(kept: Kept) -> csv::Reader<Kept> {
    // A record of another length is a bad row, not the end of the file.
    csv::ReaderBuilder::new()
        .flexible(true)
        .has_headers(false)
        .from_reader(kept)
}

/// A source that keeps what was read of it since a record began.
struct Kept {
    /// What is read before the source goes on.
    again: Vec<u8>,
    given_again: usize,
    source: Source,
    bytes: Vec<u8>,
    /// Where in the stream the first of `bytes` stood.
    begins_at: u64,
    record_at: u64,
}

impl Kept {
    fn begin(&mut self, at: u64) {
        self.record_at = at;
        let past = (at - self.begins_at) as usize;
        // Seldom: what stays has to be moved.
        if past > (1 << 16) && past > self.bytes.len() / 2 {
            self.bytes.drain(..past);
            self.begins_at = at;
        }
    }

    /// What was read from the beginning of the record up to a place.
    fn record(&self, until: u64) -> &[u8] {
        let start = (self.record_at - self.begins_at) as usize;
        let end = usize::try_from(until - self.begins_at).unwrap_or(usize::MAX);
        &self.bytes[start..end.min(self.bytes.len())]
    }
}

impl Read for Kept {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        if self.begins_at + self.bytes.len() as u64 > self.record_at + RECORD_BYTES_MAX {
            return Err(io::Error::other(TooLong));
        }
        let mut again = &self.again[self.given_again..];
        let read = if again.is_empty() {
            self.source.read(into)?
        } else {
            let read = again.read(into)?;
            self.given_again += read;
            read
        };
        self.bytes.extend_from_slice(&into[..read]);
        Ok(read)
    }
}

/// What comes after line breaks, and how many lines those ended.
fn without_breaks(bytes: &[u8]) -> (u64, &[u8]) {
    let is_break = |b: &u8| matches!(b, b'\r' | b'\n');
    let begins = bytes.iter().position(|b| !is_break(b));
    let (breaks, rest) = bytes.split_at(begins.unwrap_or(bytes.len()));
    let ended = breaks.iter().filter(|b| **b == b'\n').count();
    (ended as u64, rest)
}

/// A record that does not end where records end.
#[derive(Debug)]
struct TooLong;

impl std::fmt::Display for TooLong {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "the record is longer than {} MiB",
            RECORD_BYTES_MAX >> 20
        )
    }
}

impl std::error::Error for TooLong {}

fn is_too_long(error: &csv::Error) -> bool {
    let csv::ErrorKind::Io(error) = error.kind() else {
        return false;
    };
    error.get_ref().is_some_and(|error| error.is::<TooLong>())
}

/// Whether every quote that opens a cell is closed at the end of a cell.
fn is_well_formed(record: &[u8]) -> bool {
    let mut rest = record;
    loop {
        let Some(mut quoted) = rest.strip_prefix(b"\"") else {
            match rest.iter().position(|b| matches!(b, b',' | b'\n')) {
                Some(end) if rest[end] == b',' => rest = &rest[end + 1..],
                _ => return true,
            }
            continue;
        };
        loop {
            let Some(end) = quoted.iter().position(|b| *b == b'"') else {
                return false;
            };
            quoted = &quoted[end + 1..];
            match quoted.strip_prefix(b"\"") {
                Some(after) => quoted = after,
                None => break,
            }
        }
        match quoted.first() {
            Some(b',') => rest = &quoted[1..],
            None | Some(b'\r' | b'\n') => return true,
            Some(_) => return false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is read of a text: cells between bars, and broken lines after a `!`.
    fn read(text: &[u8]) -> Vec<String> {
        let mut records = Records::new(Source::of_bytes(text.to_vec()));
        let mut record = ByteRecord::new();
        let mut out = Vec::new();
        while let Some(next) = records.next(&mut record).unwrap() {
            let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
            out.push(match next {
                Next::Record(line) => {
                    let cells: Vec<String> = record.iter().map(text).collect();
                    format!("{line}:{}", cells.join("|"))
                }
                Next::Broken(line, raw) => format!("{line}!{}", text(&raw)),
            });
        }
        out
    }

    #[test]
    fn a_stray_quote_spoils_its_line_and_no_other() {
        for (text, records) in [
            (
                "a,b\r\n1,\"x\ny\"\r\n2,3",
                vec!["1:a|b", "2:1|x\ny", "4:2|3"],
            ),
            ("a,\"b\n1,2\n3,4\n", vec!["1!a,\"b", "2:1|2", "3:3|4"]),
            ("a,\"b\n1,\"2\"\n3,4\n", vec!["1!a,\"b", "2:1|2", "3:3|4"]),
            ("a,b\n1,\"2", vec!["1:a|b", "2!1,\"2"]),
            ("a,\"b\r\n\n\"\n\n1,2", vec!["1:a|b\r\n\n", "5:1|2"]),
            ("\"a\n\"b\n\"c\nd\n", vec!["1!\"a", "2!\"b", "3!\"c", "4:d"]),
            ("a,\"b\"c\n1,2\n", vec!["1:a|bc", "2:1|2"]),
            ("", vec![]),
        ] {
            assert_eq!(read(text.as_bytes()), records, "{text:?}");
        }
    }

    #[test]
    fn a_quote_that_stays_open_is_not_followed_to_the_end_of_the_file() {
        let mut text = b"a,\"b\n".to_vec();
        let lines = (9 << 20) / 8;
        (0..lines).for_each(|n| text.extend(format!("{n:06},\n").as_bytes()));
        let found = read(&text);
        assert_eq!(found.len(), lines + 1);
        assert_eq!(found[0], "1!a,\"b");
        assert_eq!(found[lines], format!("{}:{:06}|", lines + 1, lines - 1));
    }

    #[test]
    fn a_line_of_any_length_is_one_line() {
        for length in [8 << 20, 9 << 20, (8 << 20) - 1] {
            let long = "x".repeat(length);
            let found = read(format!("1,2\n{long}\n3,4\n5,6").as_bytes());
            assert_eq!(found.len(), 4, "{length}");
            assert!(found[1][2..] == long && found[2] == "3:3|4" && found[3] == "4:5|6");
        }
    }
}
