//! More records than memory holds, in the order of their keys.
//!
//! Records are gathered up to a bound, sorted, and written as a run to a file that has no name; at
//! the end the runs are merged. Equal keys keep no order.
//!
//! ```text
//! record in a run: key length u32 | payload length u32 | key | payload
//! ```

use crate::exit::Failure;
use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::fs::File;
use std::io::{BufReader, BufWriter, ErrorKind, Read, Seek, Write};

/// How many bytes are gathered before a run is written.
const MEMORY_BYTES_DEFAULT: usize = 256 << 20;

/// Gathers records.
pub(crate) struct Sorter {
    memory_bytes: usize,
    bytes: Vec<u8>,
    records: Vec<Record>,
    runs: Vec<File>,
}

/// Where a record lies among the gathered bytes.
#[derive(Clone, Copy)]
struct Record {
    start: usize,
    key_len: u32,
    payload_len: u32,
}

impl Record {
    fn key<'b>(&self, bytes: &'b [u8]) -> &'b [u8] {
        &bytes[self.start..][..self.key_len as usize]
    }

    fn payload<'b>(&self, bytes: &'b [u8]) -> &'b [u8] {
        &bytes[self.start + self.key_len as usize..][..self.payload_len as usize]
    }
}

impl Sorter {
    pub(crate) fn new() -> Self {
        Sorter::within(MEMORY_BYTES_DEFAULT)
    }

    /// A sorter that gathers about so many bytes.
    pub(crate) fn within(memory_bytes: usize) -> Self {
        Sorter {
            memory_bytes,
            bytes: Vec::new(),
            records: Vec::new(),
            runs: Vec::new(),
        }
    }

    pub(crate) fn push(&mut self, key: &[u8], payload: &[u8]) -> Result<(), Failure> {
        let len = |bytes: &[u8]| {
            u32::try_from(bytes.len()).map_err(|_| Failure::failed("a record is larger than 4 GiB"))
        };
        let start = self.bytes.len();
        let record = Record {
            start,
            key_len: len(key)?,
            payload_len: len(payload)?,
        };
        self.bytes.extend_from_slice(key);
        self.bytes.extend_from_slice(payload);
        self.records.push(record);
        let gathered = self.bytes.len() + self.records.len() * size_of::<Record>();
        if gathered >= self.memory_bytes {
            self.spill()?;
        }
        Ok(())
    }

    fn sort(&mut self) {
        let bytes = &self.bytes;
        self.records
            .sort_unstable_by(|a, b| a.key(bytes).cmp(b.key(bytes)));
    }

    fn spill(&mut self) -> Result<(), Failure> {
        self.sort();
        let run = self.write_run().map_err(|error| {
            Failure::failed(format!(
                "cannot write a sorted run to {}: {error}; TMPDIR names another place",
                std::env::temp_dir().display()
            ))
        })?;
        self.runs.push(run);
        self.bytes.clear();
        self.records.clear();
        Ok(())
    }

    fn write_run(&self) -> std::io::Result<File> {
        let mut out = BufWriter::with_capacity(1 << 20, tempfile::tempfile()?);
        for record in &self.records {
            out.write_all(&record.key_len.to_le_bytes())?;
            out.write_all(&record.payload_len.to_le_bytes())?;
            out.write_all(record.key(&self.bytes))?;
            out.write_all(record.payload(&self.bytes))?;
        }
        let mut run = out
            .into_inner()
            .map_err(std::io::IntoInnerError::into_error)?;
        run.rewind()?;
        Ok(run)
    }

    /// Hands out the payloads in the order of their keys.
    pub(crate) fn finish(
        mut self,
        mut each: impl FnMut(&[u8]) -> Result<(), Failure>,
    ) -> Result<(), Failure> {
        if self.runs.is_empty() {
            self.sort();
            return self
                .records
                .iter()
                .try_for_each(|record| each(record.payload(&self.bytes)));
        }
        if !self.records.is_empty() {
            self.spill()?;
        }
        self.bytes = Vec::new();
        merge(self.runs, each)
    }
}

/// Merges runs: of all that stand first in a run the least is the next.
fn merge(
    runs: Vec<File>,
    mut each: impl FnMut(&[u8]) -> Result<(), Failure>,
) -> Result<(), Failure> {
    let mut runs: Vec<_> = runs
        .into_iter()
        .map(|run| BufReader::with_capacity(1 << 18, run))
        .collect();
    let mut heads = BinaryHeap::new();
    for (number, run) in runs.iter_mut().enumerate() {
        if let Some((key, payload)) = read_record(run)? {
            heads.push(Reverse((key, number, payload)));
        }
    }
    while let Some(Reverse((_, number, payload))) = heads.pop() {
        each(&payload)?;
        if let Some((key, payload)) = read_record(&mut runs[number])? {
            heads.push(Reverse((key, number, payload)));
        }
    }
    Ok(())
}

/// A record that is on its own: its key, its payload.
type Owned = (Vec<u8>, Vec<u8>);

fn read_record(run: &mut impl Read) -> Result<Option<Owned>, Failure> {
    let mut lengths = [0; 8];
    match run.read_exact(&mut lengths) {
        Ok(()) => {}
        Err(error) if error.kind() == ErrorKind::UnexpectedEof => return Ok(None),
        Err(error) => return Err(Failure::from(error).at("cannot read a sorted run")),
    }
    let (key_len, payload_len) = lengths.split_at(4);
    let mut take = |len: &[u8]| {
        let len = u32::from_le_bytes(len.try_into().expect("half of eight bytes"));
        let mut bytes = vec![0; len as usize];
        run.read_exact(&mut bytes).map(|()| bytes)
    };
    let record = take(key_len).and_then(|key| Ok((key, take(payload_len)?)));
    record
        .map(Some)
        .map_err(|error| Failure::from(error).at("cannot read a sorted run"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sorted(memory_bytes: usize, records: &[(Vec<u8>, Vec<u8>)]) -> Vec<Vec<u8>> {
        let mut sorter = Sorter::within(memory_bytes);
        for (key, payload) in records {
            sorter.push(key, payload).unwrap();
        }
        let mut out = Vec::new();
        sorter
            .finish(|payload| {
                out.push(payload.to_vec());
                Ok(())
            })
            .unwrap();
        out
    }

    #[test]
    fn the_order_does_not_depend_on_how_much_memory_there_is() {
        // A multiplicative walk through all residues of a prime: every key once, in no order.
        let records: Vec<_> = (1..4_999_u64)
            .map(|n| n * 2_741 % 4_999)
            .map(|key| {
                (
                    key.to_be_bytes().to_vec(),
                    format!("payload {key}").into_bytes(),
                )
            })
            .collect();
        let expected: Vec<_> = (1..4_999)
            .map(|key| format!("payload {key}").into_bytes())
            .collect();
        for memory_bytes in [1, 1_000, 20_000, 1 << 20] {
            assert_eq!(
                sorted(memory_bytes.max(60), &records[..]),
                expected,
                "{memory_bytes}"
            );
        }
        assert_eq!(sorted(1, &records[..40]).len(), 40);
        assert_eq!(sorted(1, &[]), Vec::<Vec<u8>>::new());
    }
}
