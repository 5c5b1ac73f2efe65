//! How much is written at once: judged before a lock is taken, and again before a commit.

use super::judge::{Bad, Candidate};
use crate::error::{Error, Result};
use crate::limits::{BATCH_BYTES_MAX, BATCH_ROWS_MAX, COMMIT_BYTES_MAX};

const NEXT: &str = "Nothing was written. Split the batch: writing some of it again changes nothing";

/// Before anything is judged.
pub(super) fn check_rows(rows: usize) -> Result<()> {
    if rows <= BATCH_ROWS_MAX {
        return Ok(());
    }
    Err(Error::invalid(format!(
        "the batch has {rows} rows, at most {BATCH_ROWS_MAX} are written at once (BATCH_ROWS_MAX). \
         {NEXT}"
    )))
}

/// Before a lock is taken: good rows as they are encoded, bad ones as they came, or as they are kept
/// where they were set aside before.
pub(super) fn check_bytes(good: &[Candidate], bad: &[Bad]) -> Result<()> {
    let encoded: usize = good.iter().map(|row| row.value().len()).sum();
    let came = |row: &Bad| match row.replayed {
        true => row.entry.raw.len() as u64,
        false => row.entry.raw_bytes,
    };
    let aside: u64 = bad.iter().map(came).sum();
    let bytes = encoded + aside as usize;
    if bytes <= BATCH_BYTES_MAX {
        return Ok(());
    }
    Err(Error::invalid(format!(
        "the rows of the batch take {bytes} bytes, at most {BATCH_BYTES_MAX} are written at once \
         (BATCH_BYTES_MAX). {NEXT}"
    )))
}

/// While the latest rows of its entities are added: a narrow patch rewrites a wide row.
pub(super) fn check_commit(bytes: usize) -> Result<()> {
    if bytes <= COMMIT_BYTES_MAX {
        return Ok(());
    }
    Err(Error::invalid(format!(
        "with the latest rows of its entities the batch takes more than {COMMIT_BYTES_MAX} bytes \
         (COMMIT_BYTES_MAX; {bytes} by now). {NEXT}"
    )))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_commit_may_be_as_large_as_its_limit_and_no_larger() {
        // A real one takes a gigabyte of memory, so the decision is tested and not the act.
        assert!(check_commit(COMMIT_BYTES_MAX).is_ok());
        let error = check_commit(COMMIT_BYTES_MAX + 1).unwrap_err().to_string();
        assert!(error.contains("COMMIT_BYTES_MAX") && error.contains("Split the batch"));
    }
}
