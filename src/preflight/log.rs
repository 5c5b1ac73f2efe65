//! Reads the framing that RocksDB gives its logs, its write-ahead logs and its manifest alike, and
//! says where it ends and why.
//!
//! ```text
//! file    blocks of 32 KiB; fewer than 7 bytes at the end of a block are filled up and mean nothing
//! record  0  checksum u32 LE   masked CRC-32C over type and content
//!         4  length u16 LE     of the content; a record never leaves its block
//!         6  type u8           1 the whole, or of a larger one 2 the first, 3 a middle, 4 the last part
//!         7  content
//! ```
//!
//! The types of recycled logs (5 to 8, 11, 131) have a longer header. No store here recycles logs:
//! where one of them stands, a bit has turned, and RocksDB would read on in circles.

use super::crc32c::{crc32c, masked};
use std::fmt;

const BLOCK: usize = 32 << 10;
const HEADER: usize = 7;
const FULL: u8 = 1;
const FIRST: u8 = 2;
#[cfg(any(test, feature = "fuzzing"))]
const MIDDLE: u8 = 3;
const LAST: u8 = 4;

/// Why a record cannot be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Why {
    /// The file ends inside a record, or before the last part of one.
    Unfinished,
    Checksum,
    /// It would reach past its block.
    Length,
    /// Nothing but zeros: a place that was made ready and never written.
    Zeros,
    /// A type of recycled logs.
    Recycled(u8),
    UnknownType(u8),
    /// A part that does not follow the part before it.
    Order,
    /// A record whose content is none that a store writes.
    Content,
}

impl Why {
    /// A write that was cut off can look like this, at the end of a log. Without a power cut the file
    /// can only end early: what is in it is what was written.
    pub(crate) fn is_torn(self, power_cut: bool) -> bool {
        match self {
            Why::Recycled(_) => false,
            Why::Unfinished | Why::Zeros | Why::Length | Why::UnknownType(_) => true,
            Why::Checksum | Why::Order | Why::Content => power_cut,
        }
    }
}

impl fmt::Display for Why {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Why::Unfinished => f.write_str("the file ends inside a record"),
            Why::Checksum => f.write_str("a record fails its checksum"),
            Why::Length => f.write_str("a record reaches past its block"),
            Why::Zeros => f.write_str("zeros stand where a record should"),
            Why::Recycled(kind) => write!(
                f,
                "a record has type {kind}, of recycled logs, which no store writes"
            ),
            Why::UnknownType(kind) => write!(f, "a record has the unknown type {kind}"),
            Why::Order => f.write_str("parts of records are out of order"),
            Why::Content => f.write_str("a record holds what no store writes"),
        }
    }
}

/// The first place of a log that cannot be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Broken {
    pub(crate) at: u64,
    pub(crate) why: Why,
    /// Where the next record stands whose checksum is right, if there is one.
    pub(crate) resumes: Option<u64>,
}

/// How a log reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Scan {
    /// Bytes of the file.
    pub(crate) bytes: u64,
    /// Where the last record ends before which everything is whole.
    pub(crate) whole: u64,
    /// Records up to there.
    pub(crate) records: u64,
    pub(crate) broken: Option<Broken>,
}

impl Scan {
    /// Bytes that an open would drop.
    pub(crate) fn dropped(&self) -> u64 {
        match self.broken {
            Some(_) => self.bytes - self.whole,
            None => 0,
        }
    }
}

/// A record, and whether all before it was whole.
pub(crate) struct Record<'a> {
    pub(crate) content: &'a [u8],
    pub(crate) behind_damage: bool,
}

/// Reads a log from its first byte to its last. `each` sees every record that can be read and says
/// whether it makes sense; damage does not end the reading, so that what lies behind it can be told.
///
/// Linear in the file: after damage each byte of the block is tried as a beginning while the budget
/// for that lasts (four times the file), and then the beginnings of blocks, where a record must stand.
pub(crate) fn scan(log: &[u8], mut each: impl FnMut(Record<'_>) -> bool) -> Scan {
    let mut reading = Reading {
        scan: Scan {
            bytes: log.len() as u64,
            whole: 0,
            records: 0,
            broken: None,
        },
        parts: Vec::new(),
        started: None,
    };
    let mut budget = 4 * log.len() + BLOCK;
    let mut at = 0;
    while let Some(start) = beginning(log, at) {
        let (why, next) = match physical(log, start) {
            Ok(part) => match reading.part(start, &part, &mut each) {
                Ok(()) => {
                    at = part.end;
                    continue;
                }
                // The record itself is whole: what should have been before it is not.
                Err(Why::Order) => (Why::Order, Some(start)),
                Err(why) => (why, next_valid(log, part.end, &mut budget)),
            },
            Err(why) => (why, next_valid(log, start + 1, &mut budget)),
        };
        reading.break_at(start, why, next);
        match next {
            Some(next) => at = next,
            None => return reading.scan,
        }
    }
    if reading.started.is_some() {
        reading.break_at(log.len(), Why::Unfinished, None);
    }
    reading.scan
}

/// What has been read so far.
struct Reading {
    scan: Scan,
    /// The parts of a record that is not finished, and where it began.
    parts: Vec<u8>,
    started: Option<usize>,
}

impl Reading {
    fn part(
        &mut self,
        start: usize,
        part: &Part<'_>,
        each: &mut impl FnMut(Record<'_>) -> bool,
    ) -> Result<(), Why> {
        let first = matches!(part.kind, FULL | FIRST);
        if first == self.started.is_some() {
            // Behind damage the rest of a record whose beginning is lost is no news.
            let orphan = !first && self.scan.broken.is_some();
            return if orphan { Ok(()) } else { Err(Why::Order) };
        }
        match part.kind {
            FULL => return self.whole(part.content, part.end, each),
            FIRST => {
                self.parts.clear();
                self.started = Some(start);
            }
            _ => {}
        }
        self.parts.extend_from_slice(part.content);
        if part.kind != LAST {
            return Ok(());
        }
        self.started = None;
        let parts = std::mem::take(&mut self.parts);
        let done = self.whole(&parts, part.end, each);
        self.parts = parts;
        done
    }

    fn whole(
        &mut self,
        content: &[u8],
        end: usize,
        each: &mut impl FnMut(Record<'_>) -> bool,
    ) -> Result<(), Why> {
        let behind_damage = self.scan.broken.is_some();
        let sound = each(Record {
            content,
            behind_damage,
        });
        if !sound {
            return Err(Why::Content);
        }
        if !behind_damage {
            self.scan.whole = end as u64;
            self.scan.records += 1;
        }
        Ok(())
    }

    fn break_at(&mut self, at: usize, why: Why, resumes: Option<usize>) {
        self.started = None;
        self.scan.broken.get_or_insert(Broken {
            at: at as u64,
            why,
            resumes: resumes.map(|at| at as u64),
        });
    }
}

/// Where the next record has to begin; none at the end of the file.
fn beginning(log: &[u8], at: usize) -> Option<usize> {
    let left = BLOCK - at % BLOCK;
    let at = if left < HEADER { at + left } else { at };
    (at < log.len()).then_some(at)
}

/// One part of a record, its checksum right.
struct Part<'a> {
    kind: u8,
    content: &'a [u8],
    end: usize,
}

fn physical(log: &[u8], at: usize) -> Result<Part<'_>, Why> {
    let rest = &log[at..];
    let Some((header, _)) = rest.split_first_chunk::<HEADER>() else {
        let zeros = rest.iter().all(|byte| *byte == 0);
        return Err(if zeros { Why::Zeros } else { Why::Unfinished });
    };
    let [a, b, c, d, low, high, kind] = *header;
    let length = usize::from(u16::from_le_bytes([low, high]));
    match kind {
        0 if header.iter().all(|byte| *byte == 0) => return Err(Why::Zeros),
        FULL..=LAST => {}
        5..=8 | 11 | 131 => return Err(Why::Recycled(kind)),
        // 9, 10 and 130 too: of compression, of timestamps and of tracked logs, none of which is on.
        _ => return Err(Why::UnknownType(kind)),
    }
    if HEADER + length > BLOCK - at % BLOCK {
        return Err(Why::Length);
    }
    let content = rest.get(HEADER - 1..HEADER + length);
    let checked = content.ok_or(Why::Unfinished)?;
    if masked(crc32c(checked)) != u32::from_le_bytes([a, b, c, d]) {
        // A file system may lengthen a file before it fills it.
        let filled = checked.last() != Some(&0);
        return Err(if filled { Why::Checksum } else { Why::Zeros });
    }
    Ok(Part {
        kind,
        content: &checked[1..],
        end: at + HEADER + length,
    })
}

/// The next place from `at` on where a record stands whose checksum is right.
fn next_valid(log: &[u8], mut at: usize, budget: &mut usize) -> Option<usize> {
    while at + HEADER <= log.len() {
        let kind = log[at + HEADER - 1];
        let length = usize::from(u16::from_le_bytes([log[at + 4], log[at + 5]]));
        // What does not fit costs nothing: chance makes long records of any bytes.
        let room = (BLOCK - at % BLOCK).min(log.len() - at);
        let could_be = (FULL..=LAST).contains(&kind) && HEADER + length <= room;
        if could_be && (length <= *budget || at.is_multiple_of(BLOCK)) {
            *budget = budget.saturating_sub(length + HEADER);
            if physical(log, at).is_ok() {
                return Some(at);
            }
        }
        at += 1;
    }
    None
}

/// Frames records as RocksDB does, for tests and fuzzers.
#[cfg(any(test, feature = "fuzzing"))]
pub(crate) fn framed(records: &[&[u8]]) -> Vec<u8> {
    let mut out = Vec::new();
    for record in records {
        let mut rest = *record;
        let mut first = true;
        loop {
            let left = BLOCK - out.len() % BLOCK;
            if left < HEADER {
                out.resize(out.len() + left, 0);
                continue;
            }
            let (part, after) = rest.split_at(rest.len().min(left - HEADER));
            let kind = match (first, after.is_empty()) {
                (true, true) => FULL,
                (true, false) => FIRST,
                (false, true) => LAST,
                (false, false) => MIDDLE,
            };
            let sum = masked(crc32c(&[&[kind][..], part].concat()));
            out.extend(sum.to_le_bytes());
            out.extend((part.len() as u16).to_le_bytes());
            out.push(kind);
            out.extend(part);
            (first, rest) = (false, after);
            if rest.is_empty() {
                break;
            }
        }
    }
    out
}

#[cfg(test)]
mod tests;
