//! What a store tells a subscriber of `tracing`, in one place: what is done, what went wrong, what was
//! slow.
//!
//! Compiled in by the cargo feature `tracing` and nothing at all without it. No read tells anything.
//! The table of spans and events is in [`guide`](crate::guide), where hosts read it.

/// How long an operation may take before it is called slow, in milliseconds. An fsync of a disk that
/// is well takes a few, one of a disk that is not takes hundreds.
#[cfg(feature = "tracing")]
mod expected_ms {
    pub(super) const OPEN: u64 = 5_000;
    pub(super) const APPLY: u64 = 500;
    pub(super) const WRITE: u64 = 100;
    pub(super) const SYNC: u64 = 500;
}

/// One event. Without the feature its fields are looked at by the compiler and by nobody else.
macro_rules! tell {
    ($level:ident, $message:literal, $($field:ident = $value:expr),*) => {{
        #[cfg(feature = "tracing")]
        tracing::$level!(target: "asof", $($field = $value,)* $message);
        #[cfg(not(feature = "tracing"))]
        { $(let _unsaid = &$value;)* }
    }};
}

/// Begins a span that ends, and is judged slow or not, when what this gives is dropped.
macro_rules! begin {
    ($level:ident, $name:literal, $expected:ident, $($field:ident = $value:expr),*) => {{
        #[cfg(feature = "tracing")]
        {
            let span = tracing::$level!(target: "asof", $name, $($field = $value),*);
            Doing::begin(span, $name, expected_ms::$expected)
        }
        #[cfg(not(feature = "tracing"))]
        {
            $(let _unsaid = &$value;)*
            Doing
        }
    }};
}

/// An operation that is under way.
#[must_use = "the operation ends when this is dropped"]
#[cfg(feature = "tracing")]
pub(crate) struct Doing {
    operation: &'static str,
    expected_ms: u64,
    began: std::time::Instant,
    _span: tracing::span::EnteredSpan,
}

/// An operation that is under way, of which nobody is told.
#[must_use = "the operation ends when this is dropped"]
#[cfg(not(feature = "tracing"))]
pub(crate) struct Doing;

#[cfg(feature = "tracing")]
impl Doing {
    #[expect(
        clippy::disallowed_methods,
        reason = "how long something took is told and decides nothing"
    )]
    fn begin(span: tracing::Span, operation: &'static str, expected_ms: u64) -> Self {
        Doing {
            operation,
            expected_ms,
            began: std::time::Instant::now(),
            _span: span.entered(),
        }
    }
}

#[cfg(feature = "tracing")]
impl Drop for Doing {
    fn drop(&mut self) {
        let elapsed_ms = u64::try_from(self.began.elapsed().as_millis()).unwrap_or(u64::MAX);
        if elapsed_ms > self.expected_ms {
            tell!(
                warn,
                "slow",
                operation = self.operation,
                elapsed_ms = elapsed_ms,
                expected_ms = self.expected_ms
            );
        }
    }
}

pub(crate) fn open(path: &std::path::Path) -> Doing {
    let path = path.to_string_lossy();
    begin!(info_span, "open", OPEN, path = &*path)
}

pub(crate) fn apply(namespace: &str, view: &str) -> Doing {
    begin!(
        info_span,
        "apply",
        APPLY,
        namespace = namespace,
        view = view
    )
}

pub(crate) fn write(rows: usize) -> Doing {
    begin!(debug_span, "write", WRITE, rows = rows)
}

pub(crate) fn sync() -> Doing {
    begin!(debug_span, "sync", SYNC,)
}

pub(crate) fn opened(path: &std::path::Path, views: usize) {
    let path = path.to_string_lossy();
    tell!(info, "opened", path = &*path, views = views);
}

pub(crate) fn closed(path: &std::path::Path) {
    let path = path.to_string_lossy();
    tell!(info, "closed", path = &*path);
}

pub(crate) fn applied(namespace: &str, view: &str, version: u32) {
    tell!(
        info,
        "applied",
        namespace = namespace,
        view = view,
        version = version
    );
}

/// The counts of a receipt: rows, applied, duplicate, too late, fenced, quarantined.
pub(crate) fn wrote([rows, applied, duplicate, too_late, fenced, quarantined]: [u64; 6]) {
    tell!(
        debug,
        "wrote",
        rows = rows,
        applied = applied,
        duplicate = duplicate,
        too_late = too_late,
        fenced = fenced,
        quarantined = quarantined
    );
}

pub(crate) fn set_aside(rows: usize, first: &str) {
    tell!(warn, "set aside", rows = rows, first = first);
}

pub(crate) fn refused(rows: usize, first: &str) {
    tell!(warn, "refused", rows = rows, first = first);
}

/// By the allocator, to the system; bytes that the process had and has.
pub(crate) fn memory_given_back(had: usize, has: usize, took: std::time::Duration) {
    tell!(
        debug,
        "memory given back",
        had = had as u64,
        has = has as u64,
        took_us = took.as_micros() as u64
    );
}

pub(crate) fn floor_moved(namespace: &str, view: &str, floor_micros: i64) {
    tell!(
        info,
        "floor moved",
        namespace = namespace,
        view = view,
        floor = floor_micros
    );
}

/// Of the rows of resident views, and the bytes that they may take.
pub(crate) fn left_out(rows: u64, capacity_bytes: u64) {
    tell!(
        warn,
        "not resident",
        rows = rows,
        capacity_bytes = capacity_bytes
    );
}

pub(crate) fn poisoned(why: &str) {
    tell!(error, "poisoned", why = why);
}
