//! Where threads are started: the one place.

use crate::error::{Error, ErrorKind, Result};
use std::thread::{Builder, JoinHandle};

/// Starts a named thread.
#[expect(clippy::disallowed_methods, reason = "this is the seam")]
pub(super) fn spawn(name: &str, work: impl FnOnce() + Send + 'static) -> Result<JoinHandle<()>> {
    Builder::new().name(name.into()).spawn(work).map_err(|e| {
        Error::new(
            ErrorKind::Io,
            format!(
                "the operating system starts no thread ({name}); raise its limits and open again"
            ),
        )
        .caused_by(e)
    })
}
