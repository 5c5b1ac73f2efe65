//! Which process a store was opened by.
//!
//! A fork copies the memory of a store and none of its threads: in the child a write would wait for
//! a sync that nobody makes, or for a lock whose holder was not copied. It is told apart by the number
//! of its process, asked for once per write beside a commit or an fsync, and never on a read.

use crate::error::{Error, ErrorKind, Result};

/// The process that opened a store.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Owner(u32);

impl Default for Owner {
    /// This process.
    fn default() -> Self {
        Owner(std::process::id())
    }
}

impl Owner {
    /// Whether this is still the process that opened the store.
    pub(crate) fn is_here(self) -> bool {
        self.0 == std::process::id()
    }

    /// Refuses every other. Asked before any lock is taken: its holder may not have been copied.
    pub(crate) fn check(self) -> Result<()> {
        if self.is_here() {
            return Ok(());
        }
        Err(Error::new(
            ErrorKind::Forked,
            format!(
                "the store was opened by process {} and this is process {}, forked from it without \
                 the store's threads; nothing was done. The store of the parent is as it was: write \
                 there, or open a store here that the parent does not hold",
                self.0,
                std::process::id()
            ),
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_process_is_refused_and_told_of_both() {
        assert!(Owner::default().check().is_ok());
        let other = Owner(std::process::id() ^ 1);
        let error = other.check().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Forked);
        assert!(error.to_string().contains(&std::process::id().to_string()));
    }
}
