//! Which part of a table file a byte is in.
//!
//! ```text
//! footer, format 6 and later: 53 bytes, the size of the metaindex u32 LE at 13; it ends where the footer begins
//! metaindex  entries: shared varint (0), key length varint, value length varint, key, offset varint, size varint
//! ```

use std::collections::BTreeMap;

const FOOTER: usize = 53;
/// Behind each block: how it is compressed, and its checksum.
const TRAILER: usize = 5;

/// Where each named part of a table begins and ends.
pub(crate) struct Parts(Vec<(String, std::ops::Range<usize>)>);

impl Parts {
    pub(crate) fn of(file: &[u8]) -> Parts {
        let footer = file.len() - FOOTER;
        let size = u32::from_le_bytes(file[footer + 13..footer + 17].try_into().expect("four"));
        let metaindex = footer - TRAILER - size as usize;
        let mut parts = BTreeMap::from([
            (footer, "sst-footer".to_owned()),
            (metaindex, "sst-metaindex".to_owned()),
            (0, "sst-data".to_owned()),
        ]);
        let mut entries = &file[metaindex..footer - TRAILER];
        // Behind the entries stand the restarts; the last of them is their count.
        let restarts = u32::from_le_bytes(entries[entries.len() - 4..].try_into().expect("four"));
        entries = &entries[..entries.len() - 4 - 4 * (restarts & 0xffff) as usize];
        while !entries.is_empty() {
            let shared = varint(&mut entries);
            assert_eq!(shared, 0, "every key of a metaindex stands in full");
            let (key, value) = (varint(&mut entries), varint(&mut entries));
            let name = String::from_utf8_lossy(&entries[..key]).into_owned();
            let mut handle = &entries[key..key + value];
            entries = &entries[key + value..];
            let part = match name.as_str() {
                "rocksdb.index" => "sst-index",
                "rocksdb.properties" => "sst-properties",
                "rocksdb.range_del" => "sst-range-deletes",
                name if name.contains("filter") => "sst-filter",
                _ => continue,
            };
            parts.insert(varint(&mut handle), part.to_owned());
        }
        let begins: Vec<usize> = parts.keys().copied().skip(1).chain([file.len()]).collect();
        let named = parts.into_iter().zip(begins);
        Parts(named.map(|((from, name), to)| (name, from..to)).collect())
    }

    /// The part that a byte is in; of none, the table as a whole.
    pub(crate) fn name(&self, byte: usize) -> String {
        let mut parts = self.0.iter();
        let part = parts.find(|(_, range)| range.contains(&byte));
        part.map_or_else(|| "sst".to_owned(), |(name, _)| name.clone())
    }
}

fn varint(bytes: &mut &[u8]) -> usize {
    let mut number = 0;
    for shift in (0..).step_by(7) {
        let (byte, rest) = bytes.split_first().expect("a varint");
        *bytes = rest;
        number |= usize::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            break;
        }
    }
    number
}
