//! A record as the quarantine keeps it: its cells between commas, byte for byte.
//!
//! ```text
//! record  cell ("," cell)*
//! cell    plain: any bytes but , " CR LF, at least one unless it is one of several cells
//!         quoted: " any bytes, each " twice "
//! ```
//!
//! It is RFC 4180 for any bytes, so that a record can be put back into a file by hand.

use crate::error::{Error, Result};

/// Appends a record.
pub(super) fn write(cells: &[&[u8]], out: &mut Vec<u8>) {
    for (at, cell) in cells.iter().enumerate() {
        if at > 0 {
            out.push(b',');
        }
        let plain = !cell
            .iter()
            .any(|b| matches!(b, b',' | b'"' | b'\r' | b'\n'));
        if plain && (cells.len() > 1 || !cell.is_empty()) {
            out.extend_from_slice(cell);
            continue;
        }
        out.push(b'"');
        for byte in *cell {
            out.push(*byte);
            if *byte == b'"' {
                out.push(b'"');
            }
        }
        out.push(b'"');
    }
}

/// The cells of a record.
///
/// # Errors
/// `InvalidArgument` for what nobody writes as a record.
pub(super) fn read(record: &[u8]) -> Result<Vec<Vec<u8>>> {
    let mut cells = Vec::new();
    if record.is_empty() {
        return Ok(cells);
    }
    let mut rest = record;
    loop {
        let cell = match rest.strip_prefix(b"\"") {
            Some(quoted) => {
                let (cell, after) = unquote(quoted).ok_or_else(unreadable)?;
                rest = after;
                cell
            }
            None => {
                let end = rest.iter().position(|b| *b == b',').unwrap_or(rest.len());
                let (cell, after) = rest.split_at(end);
                rest = after;
                cell.to_vec()
            }
        };
        cells.push(cell);
        match rest.split_first() {
            None => return Ok(cells),
            Some((b',', after)) => rest = after,
            Some(_) => return Err(unreadable()),
        }
    }
}

/// What stands up to the quote that ends a cell, and what comes after it.
fn unquote(mut rest: &[u8]) -> Option<(Vec<u8>, &[u8])> {
    let mut cell = Vec::new();
    loop {
        let end = rest.iter().position(|b| *b == b'"')?;
        cell.extend_from_slice(&rest[..end]);
        rest = &rest[end + 1..];
        match rest.strip_prefix(b"\"") {
            Some(after) => {
                cell.push(b'"');
                rest = after;
            }
            None => return Some((cell, rest)),
        }
    }
}

fn unreadable() -> Error {
    Error::invalid("a quote in the record is not closed at the end of a cell")
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn cells_stand_between_commas() {
        for (cells, text) in [
            (&[&b"EWR"[..], b"1"][..], &b"EWR,1"[..]),
            (&[b"", b""], b","),
            (&[b""], b"\"\""),
            (&[], b""),
            (
                &[b"a\"b", b"c,\r\n", b"\xff"],
                b"\"a\"\"b\",\"c,\r\n\",\xff",
            ),
        ] {
            let mut out = Vec::new();
            write(cells, &mut out);
            assert_eq!(out, text);
            assert_eq!(read(&out).unwrap(), cells);
        }
        for bad in [&b"\"a"[..], b"\"a\"b", b"a,\"", b"\"\"\""] {
            assert!(read(bad).is_err(), "{bad:?}");
        }
    }

    proptest! {
        #[test]
        fn any_bytes_survive(cells in prop::collection::vec(prop::collection::vec(
            prop_oneof![Just(b','), Just(b'"'), Just(b'\n'), any::<u8>()], 0..6), 0..6)
        ) {
            let borrowed: Vec<&[u8]> = cells.iter().map(Vec::as_slice).collect();
            let mut out = Vec::new();
            write(&borrowed, &mut out);
            prop_assert_eq!(read(&out).unwrap(), cells);
        }

        #[test]
        fn hostile_records_never_panic(record in prop::collection::vec(any::<u8>(), 0..64)) {
            let _ = read(&record);
        }
    }
}
