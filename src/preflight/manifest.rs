//! What a manifest says of the logs: which of them are still needed, and up to which sequence number
//! rows are accounted for. The rest of it is walked over.
//!
//! A manifest is a log of edits. An edit is a run of fields, each a tag and what belongs to it; all
//! numbers are varints. The tags are RocksDB's, from `db/version_edit.h` of version 11.8.

use super::log::{self, Scan};
use std::collections::BTreeMap;

/// A log was begun or closed, and logs before one were deleted. Both have a length before them.
const LOG_CLOSED: u64 = (1 << 13) + 7;
const LOGS_DELETED: u64 = (1 << 13) + 8;

/// How a manifest reads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ManifestScan {
    pub(crate) log: Scan,
    /// The newest sequence number when the last edit was written.
    pub(crate) sequence: u64,
    /// Logs from this number on are replayed; those before it have become tables.
    pub(crate) log_min: u64,
    /// Logs that were closed and are still needed, and how many bytes of each were synced by then.
    pub(crate) closed: BTreeMap<u64, u64>,
    /// The newest sequence number that a table was written with.
    pub(crate) tables: u64,
    /// The first log that is needed by whichever family with a table needs the fewest.
    pub(crate) ahead: u64,
}

impl ManifestScan {
    /// Where its last whole edit ends.
    pub(crate) fn whole(&self) -> u64 {
        self.log.whole
    }
}

/// Reads a manifest.
pub(crate) fn scan(bytes: &[u8]) -> ManifestScan {
    let mut known = Known::default();
    let log = log::scan(bytes, |record| {
        record.behind_damage || known.apply(record.content).is_some()
    });
    known.closed.retain(|number, _| *number >= known.log_min);
    let of_families = known.families.values().min().copied().unwrap_or(0);
    ManifestScan {
        log,
        sequence: known.sequence,
        log_min: of_families.max(known.log_min),
        closed: known.closed,
        tables: known.tables,
        ahead: known.ahead,
    }
}

#[derive(Default)]
struct Known {
    /// For each column family the first log that may hold rows of it which are in no table.
    families: BTreeMap<u64, u64>,
    log_min: u64,
    sequence: u64,
    closed: BTreeMap<u64, u64>,
    tables: u64,
    ahead: u64,
}

impl Known {
    /// Takes one edit in; none if it is no edit.
    fn apply(&mut self, edit: &[u8]) -> Option<()> {
        let mut fields = Fields(edit);
        let (mut family, mut log, mut added, mut dropped) = (0, None, false, false);
        let mut has_table = false;
        while !fields.0.is_empty() {
            match fields.number()? {
                1 | 201 if fields.bytes()?.is_empty() => return None,
                1 => {}
                201 => added = true,
                2 => log = Some(fields.number()?),
                3 | 9 | 203 | 300 => drop(fields.number()?),
                4 => self.sequence = self.sequence.max(fields.number()?),
                5 => {
                    fields.number()?;
                    fields.bytes()?;
                }
                6 => {
                    fields.number()?;
                    fields.number()?;
                }
                10 => self.log_min = self.log_min.max(fields.number()?),
                103 => {
                    has_table = true;
                    self.tables = self.tables.max(fields.table()?);
                }
                200 => family = fields.number()?,
                202 => dropped = true,
                LOG_CLOSED => self.closed(fields.bytes()?)?,
                LOGS_DELETED => {
                    let first = Fields(fields.bytes()?).number()?;
                    self.closed = self.closed.split_off(&first);
                }
                // All that may be ignored has a length before it.
                tag if tag & 1 << 13 != 0 => drop(fields.bytes()?),
                _ => return None,
            }
        }
        if has_table {
            self.ahead = self.ahead.max(log.unwrap_or(0));
        }
        if dropped {
            self.families.remove(&family);
        } else if let Some(log) = log {
            let known = self.families.entry(family).or_insert(log);
            *known = log.max(*known);
        } else if added {
            self.families.insert(family, 0);
        }
        Some(())
    }

    /// A log that was begun or closed: its number, then fields of its own. Only what was closed has a
    /// synced size (field 2); 1 ends the fields.
    fn closed(&mut self, log: &[u8]) -> Option<()> {
        let mut fields = Fields(log);
        let number = fields.number()?;
        loop {
            match fields.number()? {
                1 => return Some(()),
                2 => drop(self.closed.insert(number, fields.number()?)),
                _ => return None,
            }
        }
    }
}

/// What is left of an edit.
struct Fields<'a>(&'a [u8]);

impl<'a> Fields<'a> {
    fn number(&mut self) -> Option<u64> {
        let mut number = 0;
        for shift in (0..64).step_by(7) {
            let (byte, rest) = self.0.split_first()?;
            self.0 = rest;
            number |= u64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return Some(number);
            }
        }
        None
    }

    fn bytes(&mut self) -> Option<&'a [u8]> {
        let length = usize::try_from(self.number()?).ok()?;
        let (bytes, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(bytes)
    }

    /// A new table: level, number, size, first and last key, the smallest and the largest sequence number
    /// in it, fields of its own. Gives the largest; a merge may have made it zero, and then what was
    /// merged stands in an earlier edit.
    fn table(&mut self) -> Option<u64> {
        for _ in 0..3 {
            self.number()?;
        }
        self.bytes()?;
        self.bytes()?;
        self.number()?;
        let largest = self.number()?;
        while self.number()? != 1 {
            self.bytes()?;
        }
        Some(largest)
    }
}

/// The number of the manifest that `CURRENT` names, if it is a `CURRENT`.
pub(crate) fn current(content: &[u8]) -> Option<u64> {
    let name = std::str::from_utf8(content).ok()?.strip_suffix('\n')?;
    let digits = name.strip_prefix("MANIFEST-")?;
    let number = digits.parse().ok()?;
    // One number has one name: a flipped bit must not make a plus sign of a zero.
    (format!("{number:06}") == digits).then_some(number)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_edit_is_walked_over_field_by_field() {
        let mut known = Known::default();
        known.apply(&[2, 5, 9, 0, 3, 9, 4, 0x90, 1, 10, 4]).unwrap();
        known.apply(&[201, 1, 1, b'x', 2, 8, 200, 1, 3]).unwrap();
        assert_eq!((known.sequence, known.log_min), (144, 4));
        assert_eq!(
            known.families.into_iter().collect::<Vec<_>>(),
            [(0, 5), (3, 8)]
        );
    }

    #[test]
    fn an_edit_that_ends_too_early_or_has_an_unknown_field_is_none() {
        for edit in [&[2][..], &[4, 0x80], &[99, 1], &[1, 5, b'x'], &[103, 0, 1]] {
            assert!(Known::default().apply(edit).is_none(), "{edit:?}");
        }
        // DB id: it may be ignored, and has a length.
        assert!(
            Known::default()
                .apply(&[0x81, 0x40, 2, b'i', b'd'])
                .is_some()
        );
    }

    #[test]
    fn a_manifest_tells_which_closed_logs_are_needed() {
        let mut known = Known::default();
        // Log 4 was begun, then closed with 300 bytes; so was 6, with 5.
        known.apply(&[0x87, 0x40, 2, 4, 1]).unwrap();
        assert!(known.closed.is_empty());
        known.apply(&[0x87, 0x40, 5, 4, 2, 0xac, 2, 1]).unwrap();
        known.apply(&[0x87, 0x40, 4, 6, 2, 5, 1]).unwrap();
        assert_eq!(known.closed, BTreeMap::from([(4, 300), (6, 5)]));
        known.apply(&[0x88, 0x40, 1, 5]).unwrap();
        assert_eq!(known.closed, BTreeMap::from([(6, 5)]));
    }

    #[test]
    fn current_names_one_manifest_in_one_way() {
        assert_eq!(current(b"MANIFEST-000005\n"), Some(5));
        assert_eq!(current(b"MANIFEST-1000005\n"), Some(1_000_005));
        for other in [
            &b"MANIFEST-000005"[..],
            b"MANIFEST-5\n",
            b"MANIFEST-+00005\n",
            b"MANIFEST-000005\n\n",
            b"manifest-000005\n",
            b"",
        ] {
            assert_eq!(current(other), None, "{}", other.escape_ascii());
        }
    }
}
