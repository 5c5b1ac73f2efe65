//! What can go wrong, and what the caller should do about it.
//!
//! There is one [`Error`] for the whole crate, one word wide. Its [`ErrorKind`] is for programs and
//! says what to do next; its text is for the person who is woken by it; `source()` is for the curious.

use std::fmt;

/// The result of everything here that can fail.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What happened, in words a program can act on.
///
/// | kind | what to do | retryable | exit |
/// |---|---|---|---|
/// | `InvalidArgument` | fix the request | no | 1 |
/// | `ContractViolation` | fix the row, or define what it needs | no | 1 |
/// | `TooFarAhead` | fix the producer's clock, or say `max_skew = "forever"` | no | 1 |
/// | `NotFound` | take the name that the text offers | no | 3 |
/// | `Incompatible` | define a new view | no | 5 |
/// | `BeyondHistory` | ask as of the floor or later | no | 5 |
/// | `NotFresh` | ask again later; look after the pipeline, or give the view `sources` where the text says that it has none | yes | 5 |
/// | `NoValue` | treat the entity as unknown, or read an `Option` or a `Seen` | no | 1 |
/// | `Rejected` | fix the rows that the text names, or set them aside | no | 5 |
/// | `QuarantineFull` | replay or drop entries, then write again | yes | 5 |
/// | `Backpressure` | write again after `retry_after`, or let writes wait | yes | 5 |
/// | `Locked` | wait for the owner to close | yes | 6 |
/// | `Corrupt` | restore; `verify` tells the extent | no | 4 |
/// | `UnsupportedFormat` | open it with a newer build | no | 5 |
/// | `Io` | reopen; after a write, write again | no | 1 |
/// | `StorageFull` | make room, reopen, write again | yes | 1 |
/// | `Poisoned` | reopen and write again | no | 1 |
/// | `Closed` | reopen | no | 1 |
/// | `Forked` | open a store in the process that uses it | no | 1 |
///
/// # Was it written?
///
/// After a write that failed as `InvalidArgument`, `Rejected`, `QuarantineFull`, `Backpressure` or
/// `Forked` nothing of the batch was written. After any other error the outcome is *unknown*, never *not
/// written*: the batch is there whole or not at all. After either, to write the same rows again is safe.
///
/// # The columns
///
/// *Retryable* is what [`Error::is_retryable`] says: the same call may succeed later although nobody
/// changed the request. *Exit* is the code with which the command line ends (2, where the request was
/// made of arguments that cannot be meant).
///
/// ```
/// use asof::{ErrorKind, Timestamp};
/// let error = Timestamp::parse("yesterday").unwrap_err();
/// assert_eq!(error.kind(), ErrorKind::InvalidArgument);
/// assert!(!error.is_retryable());
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The request itself is malformed. Fix the request.
    InvalidArgument,
    /// A row breaks its view's contract. Fix the row or the contract.
    ContractViolation,
    /// A row's time lies further ahead than the view's `max_skew` allows. Fix the producer's clock.
    TooFarAhead,
    /// No such store, view, feature or entry. The text offers the nearest name.
    NotFound,
    /// A new definition of a view cannot follow the stored one. Define a new view instead.
    Incompatible,
    /// The question asks about a time that the view no longer keeps exactly.
    /// The floor, in microseconds since the Unix epoch, is the earliest time that can be asked.
    BeyondHistory {
        /// The earliest time that can be asked, in microseconds since the Unix epoch.
        floor: i64,
    },
    /// The sources of the view are not known to be complete as far as was demanded. Ask again later,
    /// or find out why the pipeline lags: "no change" and "no news" are two different answers.
    NotFresh {
        /// How far they are complete, in microseconds since the Unix epoch; none where a source has
        /// never reported.
        complete_through: Option<i64>,
    },
    /// A feature that must have a value has none: it is null, absent, expired or deleted, as the text
    /// says. Read it as an `Option` or a `Seen`, or treat the entity as unknown.
    NoValue,
    /// A batch with bad rows was refused as a whole. Nothing of it was written.
    Rejected,
    /// The quarantine is full, so a batch with bad rows was refused. Replay or drop entries.
    QuarantineFull,
    /// Writes outrun what is written to disk, and this one was not to wait. Nothing of it was written;
    /// write it again.
    Backpressure {
        /// After how long there is mostly room again.
        retry_after: std::time::Duration,
    },
    /// Another process, or another handle of this one, owns the store.
    Locked,
    /// Stored bytes are not what was written. Restore the store, or ask `verify` for the extent.
    Corrupt,
    /// The store, or something in it, was written by a newer format. Open it with a newer build.
    UnsupportedFormat,
    /// The operating system or the storage refused. A failed write has an unknown outcome:
    /// reopen the store and write again, which is always safe.
    Io,
    /// No space is left. Make room; nothing that was acknowledged is lost.
    StorageFull,
    /// An earlier I/O fault poisoned this handle. Reopen the store and write again.
    Poisoned,
    /// The store was closed.
    Closed,
    /// The store was opened before a fork, and this is the child. Nothing was done; open a store in
    /// the process that uses it.
    Forked,
}

/// Why a call failed: a [kind](ErrorKind) for programs, a text for people, a source for the curious.
///
/// **After an error from a write the outcome is unknown**, except for the kinds of which
/// [`ErrorKind`] says that nothing was written. Writing the same rows again is always safe.
pub struct Error(Box<Repr>);

struct Repr {
    kind: ErrorKind,
    text: String,
    row: Option<usize>,
    source: Option<Box<dyn std::error::Error + Send + Sync>>,
}

impl Error {
    /// An error of a kind, with a text that says what, where, why and what next.
    pub(crate) fn new(kind: ErrorKind, text: impl Into<String>) -> Self {
        Error(Box::new(Repr {
            kind,
            text: text.into(),
            row: None,
            source: None,
        }))
    }

    /// The same error, with what lies beneath it.
    pub(crate) fn caused_by(
        mut self,
        source: impl Into<Box<dyn std::error::Error + Send + Sync>>,
    ) -> Self {
        self.0.source = Some(source.into());
        self
    }

    /// The same error, about a row of a batch.
    pub(crate) fn of_row(mut self, row: usize) -> Self {
        self.0.row = Some(row);
        self
    }

    /// The same error, its text led by where it happened.
    pub(crate) fn at(mut self, place: impl fmt::Display) -> Self {
        self.0.text = format!("{place}: {}", self.0.text);
        self
    }

    pub(crate) fn invalid(text: impl Into<String>) -> Self {
        Error::new(ErrorKind::InvalidArgument, text)
    }

    pub(crate) fn contract(text: impl Into<String>) -> Self {
        Error::new(ErrorKind::ContractViolation, text)
    }

    pub(crate) fn corrupt(text: impl Into<String>) -> Self {
        Error::new(ErrorKind::Corrupt, text)
    }

    /// Bytes that are whole, and of a format that this build does not know. `what` is a sentence
    /// without its end.
    pub(crate) fn newer(what: impl fmt::Display) -> Self {
        let text = format!(
            "{what}. It is whole: a newer version of asof wrote it. Open the store with that version \
             or a later one, or restore a copy from before it"
        );
        Error::new(ErrorKind::UnsupportedFormat, text)
    }

    pub(crate) fn not_found(text: impl Into<String>) -> Self {
        Error::new(ErrorKind::NotFound, text)
    }

    /// What happened, in words a program can act on.
    pub fn kind(&self) -> ErrorKind {
        self.0.kind
    }

    /// The first bad row of a batch that was [refused](ErrorKind::Rejected): its place in the batch,
    /// from zero, by which whoever filled the batch finds where it came from.
    pub fn row(&self) -> Option<usize> {
        self.0.row
    }

    /// Whether the same call may succeed later without a change to the request. What has to happen
    /// meanwhile, if anything, is in the table of [`ErrorKind`].
    pub fn is_retryable(&self) -> bool {
        matches!(
            self.0.kind,
            ErrorKind::Locked
                | ErrorKind::StorageFull
                | ErrorKind::QuarantineFull
                | ErrorKind::Backpressure { .. }
                | ErrorKind::NotFresh { .. }
        )
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.text)?;
        if let Some(source) = &self.0.source {
            write!(f, " ({source})")?;
        }
        Ok(())
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}: {self}", self.0.kind)
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.0.source.as_deref().map(|s| s as _)
    }
}

/// A number and its noun: `1 row`, `2 rows`.
pub(crate) fn counted(number: u64, one: &str, many: &str) -> String {
    let noun = if number == 1 { one } else { many };
    format!("{number} {noun}")
}

/// What to do about stored bytes that are not what was written.
pub(crate) const RESTORE: &str =
    "restore the store, or run `asof verify` to see how much is damaged";

/// The candidate nearest to `name` by edit distance, when one is near enough to be meant.
pub(crate) fn nearest<'a>(
    name: &str,
    candidates: impl IntoIterator<Item = &'a str>,
) -> Option<&'a str> {
    candidates
        .into_iter()
        .map(|candidate| (edit_distance(name, candidate), candidate))
        .filter(|(distance, candidate)| *distance <= 1 + candidate.len().min(name.len()) / 4)
        .min()
        .map(|(_, candidate)| candidate)
}

/// `; did you mean "…"?`, or nothing.
pub(crate) fn did_you_mean<'a>(
    name: &str,
    candidates: impl IntoIterator<Item = &'a str>,
) -> String {
    nearest(name, candidates)
        .map(|near| format!("; did you mean {near:?}?"))
        .unwrap_or_default()
}

fn edit_distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut previous: Vec<usize> = (0..=b.len()).collect();
    for (i, ca) in a.chars().enumerate() {
        let mut row = vec![i + 1];
        for (j, cb) in b.iter().enumerate() {
            let substitute = previous[j] + usize::from(ca != *cb);
            row.push(substitute.min(previous[j + 1] + 1).min(row[j] + 1));
        }
        previous = row;
    }
    previous[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_is_one_word_wide() {
        assert_eq!(size_of::<Error>(), size_of::<usize>());
        assert_eq!(size_of::<Result<()>>(), size_of::<usize>());
    }

    #[test]
    fn every_kind_has_its_row_in_the_table_and_is_as_retryable_as_that_says() {
        // Who is hurt: whoever writes a retry loop from the table.
        let all = [
            ErrorKind::InvalidArgument,
            ErrorKind::ContractViolation,
            ErrorKind::TooFarAhead,
            ErrorKind::NotFound,
            ErrorKind::Incompatible,
            ErrorKind::BeyondHistory { floor: 0 },
            ErrorKind::NotFresh {
                complete_through: None,
            },
            ErrorKind::NoValue,
            ErrorKind::Rejected,
            ErrorKind::QuarantineFull,
            ErrorKind::Backpressure {
                retry_after: std::time::Duration::ZERO,
            },
            ErrorKind::Locked,
            ErrorKind::Corrupt,
            ErrorKind::UnsupportedFormat,
            ErrorKind::Io,
            ErrorKind::StorageFull,
            ErrorKind::Poisoned,
            ErrorKind::Closed,
            ErrorKind::Forked,
        ];
        let here = include_str!("error.rs");
        let row = |name: &str| {
            let begins = format!("/// | `{name}` |");
            let row = here.lines().find(|line| line.starts_with(&begins));
            row.unwrap_or_else(|| panic!("the table has no row of {name}"))
        };
        for kind in all {
            let shown = format!("{kind:?}");
            let name = shown.split(' ').next().unwrap_or_default();
            let says = row(name).split('|').nth(3).map(str::trim);
            let is = match Error::new(kind, "").is_retryable() {
                true => "yes",
                false => "no",
            };
            assert_eq!(says, Some(is), "{name}");
        }
        // A kind that was added to the enum and forgotten above.
        let (_, body) = here.split_once("pub enum ErrorKind {").expect("it is here");
        let (body, _) = body.split_once("\n}").expect("it ends");
        let declared = body.lines().filter_map(|line| {
            let line = line.strip_prefix("    ")?;
            let name = line.trim_end_matches([',', '{', ' ']);
            name.starts_with(char::is_uppercase).then_some(name)
        });
        for name in declared.clone() {
            assert!(row(name).ends_with('|'), "{name}");
        }
        assert_eq!(declared.count(), all.len());
    }

    #[test]
    fn the_nearest_name_is_offered_only_when_it_is_near() {
        assert_eq!(nearest("wether", ["weather", "flights"]), Some("weather"));
        assert_eq!(nearest("tmp", ["temp", "dewp"]), Some("temp"));
        assert_eq!(nearest("orders", ["weather", "flights"]), None);
    }
}
