//! Where rows come from: a file or stdin, packed by gzip or not.

use crate::exit::Failure;
use crate::progress::Bar;
use clap::ValueEnum;
use flate2::read::MultiGzDecoder;
use std::fs::File;
use std::io::{BufRead, BufReader, Cursor, ErrorKind, Read};
use std::path::Path;

/// A longer line is no line of events.
pub(crate) const LINE_BYTES_MAX: usize = 64 << 20;

/// How rows are written in a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum RowFormat {
    /// One JSON object per line
    Jsonl,
    /// RFC 4180 with a header
    Csv,
}

impl RowFormat {
    /// What the extension says, `.gz` left aside. Stdin is JSON lines.
    pub(crate) fn of(path: &Path) -> Option<RowFormat> {
        if is_stdin(path) {
            return Some(RowFormat::Jsonl);
        }
        let name = path.file_name()?.to_str()?.to_ascii_lowercase();
        match name
            .strip_suffix(".gz")
            .unwrap_or(&name)
            .rsplit_once('.')?
            .1
        {
            "jsonl" | "ndjson" | "json" | "dump" => Some(RowFormat::Jsonl),
            "csv" => Some(RowFormat::Csv),
            _ => None,
        }
    }
}

fn is_stdin(path: &Path) -> bool {
    path.as_os_str() == "-"
}

/// Opens a file that is to be read. What is no file is told before anything is done.
pub(crate) fn open(path: &Path) -> Result<File, Failure> {
    let here = |text: &str| Failure::failed(text).at(path.display());
    let file = File::open(path).map_err(|error| match error.kind() {
        ErrorKind::NotFound => here("there is no such file"),
        _ => Failure::from(error).at(path.display()),
    })?;
    match file.metadata() {
        Ok(metadata) if metadata.is_dir() => Err(here(
            "this is a directory; name the files in it, one by one or as DIR/*",
        )),
        _ => Ok(file),
    }
}

/// A stream of bytes with a name, unpacked.
pub(crate) struct Source {
    name: String,
    bytes: Box<dyn Read>,
    /// Gone when the source is.
    _bar: Bar,
}

impl Source {
    /// Opens a file, or stdin for `-`. That it is packed is seen by its first two bytes.
    pub(crate) fn open(path: &Path) -> Result<Self, Failure> {
        if is_stdin(path) {
            return Source::unpack("stdin".into(), Box::new(std::io::stdin()), Bar::hidden());
        }
        let name = path.display().to_string();
        let file = open(path)?;
        let len = file.metadata().map_or(0, |metadata| metadata.len());
        let bar = Bar::bytes(&name, len);
        let file = bar.wrap(file);
        Source::unpack(name, Box::new(file), bar)
    }

    fn unpack(name: String, mut bytes: Box<dyn Read>, bar: Bar) -> Result<Self, Failure> {
        let mut magic = Vec::with_capacity(3);
        let peeked = bytes.by_ref().take(3).read_to_end(&mut magic);
        peeked.map_err(|error| Failure::from(error).at(&name))?;
        let packed = magic.starts_with(&[0x1f, 0x8b]);
        // What spreadsheets put before their text is no part of the first column's name.
        if magic == [0xef, 0xbb, 0xbf] {
            magic.clear();
        }
        let whole = BufReader::with_capacity(1 << 17, Cursor::new(magic).chain(bytes));
        let bytes: Box<dyn Read> = if packed {
            Box::new(MultiGzDecoder::new(whole))
        } else {
            Box::new(whole)
        };
        Ok(Source {
            name,
            bytes,
            _bar: bar,
        })
    }

    /// A source that has ended.
    pub(crate) fn nothing() -> Self {
        Source::of_bytes(Vec::new())
    }

    /// A source of bytes that are there already.
    pub(crate) fn of_bytes(bytes: Vec<u8>) -> Self {
        Source {
            name: String::new(),
            bytes: Box::new(Cursor::new(bytes)),
            _bar: Bar::hidden(),
        }
    }

    /// What messages call it.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }
}

impl Read for Source {
    fn read(&mut self, into: &mut [u8]) -> std::io::Result<usize> {
        self.bytes.read(into)
    }
}

/// The lines of a source that are not blank.
pub(crate) struct Lines {
    source: BufReader<Source>,
    line: Vec<u8>,
    number: u64,
}

impl Lines {
    pub(crate) fn new(source: Source) -> Self {
        Lines {
            source: BufReader::with_capacity(1 << 17, source),
            line: Vec::new(),
            number: 0,
        }
    }

    /// The next line and its number, counted from one, without what ends it.
    pub(crate) fn next_line(&mut self) -> Result<Option<(u64, &[u8])>, Failure> {
        loop {
            self.line.clear();
            self.number += 1;
            let mut bounded = self.source.by_ref().take(LINE_BYTES_MAX as u64 + 1);
            let read = bounded.read_until(b'\n', &mut self.line);
            if read.map_err(|error| self.failed(error.into()))? == 0 {
                return Ok(None);
            }
            if self.line.len() > LINE_BYTES_MAX {
                return Err(self.failed(Failure::failed(format!(
                    "the line is longer than {} MiB, so this is no file of lines",
                    LINE_BYTES_MAX >> 20
                ))));
            }
            if !self.line.trim_ascii().is_empty() {
                break;
            }
        }
        let line = self.line.trim_ascii_end();
        let begins = self.number == 1;
        let line = line
            .strip_prefix("\u{feff}".as_bytes())
            .filter(|_| begins)
            .unwrap_or(line);
        Ok(Some((self.number, line)))
    }

    fn failed(&self, failure: Failure) -> Failure {
        failure.at(format_args!(
            "{}:{}",
            self.source.get_ref().name,
            self.number
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_extension_says_the_format() {
        for (name, format) in [
            ("-", Some(RowFormat::Jsonl)),
            ("a/b.jsonl", Some(RowFormat::Jsonl)),
            ("b.NDJSON.gz", Some(RowFormat::Jsonl)),
            ("c.dump", Some(RowFormat::Jsonl)),
            ("b.csv.gz", Some(RowFormat::Csv)),
            ("csv", None),
            ("b.gz", None),
            ("b.tsv", None),
        ] {
            assert_eq!(RowFormat::of(Path::new(name)), format, "{name}");
        }
    }
}
