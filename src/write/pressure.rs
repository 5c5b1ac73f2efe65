//! Letting writes in before RocksDB holds them up.
//!
//! ```text
//! nearness   0 ─────────────── 0.75 ──────────────── 1 ───────▶
//! waits      goes through      sleeps, the longer      waits until it is below
//!                              the nearer
//! does not   goes through      goes through            Backpressure, nothing written
//! ```
//!
//! Asked before any lock is taken, and answered from RocksDB's counters once in 256 KiB of rows while
//! all is calm, at every batch once it is not. Readers are not asked.

use super::receipt::OnPressure;
use crate::error::{Error, ErrorKind, Result};
use crate::kv::{Limit, Nearness};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

/// Writers are slowed down from here on.
const SLOW: f64 = 0.75;
/// Rows of so many bytes between two looks while all is calm.
const LOOK_BYTES: u64 = 256 << 10;
/// Just below the limit a writer gets so many bytes through in a second: a little less than a disk
/// that is not the fastest takes, and what RocksDB begins its own slowdown with.
const BYTES_PER_SECOND: f64 = (16 << 20) as f64;
/// No batch is slowed down for longer.
const SLEEP_MAX: Duration = Duration::from_secs(1);
/// How often a writer that waits looks again.
const PAUSE: Duration = Duration::from_millis(2);
/// Then it writes all the same. Room that is not made in this time is held up by something else, a
/// fault of the disk mostly, and RocksDB is the one that knows: it blocks, or says so.
const WAIT_MAX: Duration = Duration::from_secs(30);

/// What lets batches in.
#[derive(Default)]
pub(crate) struct Gate {
    bytes: AtomicU64,
    /// The last look was not calm.
    near: AtomicBool,
}

/// What becomes of a batch.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Verdict {
    Through,
    Slowly(Duration),
    Full,
}

fn judge(share: f64, bytes: u64) -> Verdict {
    if share < SLOW {
        return Verdict::Through;
    }
    if share >= 1.0 {
        return Verdict::Full;
    }
    let slowness = (share - SLOW) / (1.0 - SLOW);
    let seconds = bytes as f64 / BYTES_PER_SECOND * slowness;
    Verdict::Slowly(Duration::from_secs_f64(seconds).min(SLEEP_MAX))
}

impl Gate {
    /// Lets a batch of so many bytes in. `look` finds the nearest limit, `alive` fails where the store
    /// takes no writes any more.
    pub(super) fn admit(
        &self,
        bytes: u64,
        on_pressure: OnPressure,
        look: impl Fn() -> Result<Nearness>,
        alive: impl Fn() -> Result<()>,
    ) -> Result<()> {
        let since = self.bytes.fetch_add(bytes, Ordering::Relaxed) + bytes;
        if since < LOOK_BYTES && !self.near.load(Ordering::Relaxed) {
            return Ok(());
        }
        self.bytes.store(0, Ordering::Relaxed);
        let mut waited = Duration::ZERO;
        loop {
            let nearest = look()?;
            let verdict = judge(nearest.share(), bytes);
            self.near
                .store(verdict != Verdict::Through, Ordering::Relaxed);
            match (verdict, on_pressure) {
                (Verdict::Full, OnPressure::Refuse) => return Err(refused(&nearest)),
                (Verdict::Full, OnPressure::Wait) if waited < WAIT_MAX => {
                    std::thread::sleep(PAUSE);
                    waited += PAUSE;
                    alive()?;
                }
                (Verdict::Slowly(delay), OnPressure::Wait) => {
                    std::thread::sleep(delay);
                    return alive();
                }
                _ => return Ok(()),
            }
        }
    }
}

/// How long it takes until there is room, mostly.
pub(crate) fn retry_after(limit: Limit) -> Duration {
    match limit {
        // A memtable is written out in tens of milliseconds, a merge takes longer.
        Limit::Memtables | Limit::AllMemtables => Duration::from_millis(20),
        Limit::Level0 => Duration::from_millis(200),
        Limit::Pending => Duration::from_secs(5),
    }
}

/// What the limit counts and how much of it there is; from where writers are slowed down on, why.
pub(crate) fn described(near: &Nearness) -> String {
    let Nearness {
        limit,
        family,
        found,
        most,
    } = near;
    let name = family.name();
    let mib = |bytes: &u64| bytes.div_ceil(1 << 20);
    let (counted, why) = match limit {
        Limit::Memtables => (
            format!(
                "memtables of family {name} hold {} of {} MiB",
                mib(found),
                mib(most)
            ),
            "rows come faster than they are written out",
        ),
        Limit::AllMemtables => (
            format!(
                "memtables of all families hold {} of {} MiB",
                mib(found),
                mib(most)
            ),
            "rows come faster than they are written out",
        ),
        Limit::Level0 => (
            format!("family {name} has {found} of {most} files at level 0"),
            "they come faster than they are merged",
        ),
        Limit::Pending => (
            format!(
                "compaction is {} of {} MiB behind in family {name}",
                mib(found),
                mib(most)
            ),
            "rows come faster than they are merged",
        ),
    };
    if near.share() < SLOW {
        return counted;
    }
    format!("{counted}: {why}")
}

pub(super) fn refused(near: &Nearness) -> Error {
    let retry_after = retry_after(near.limit);
    Error::new(
        ErrorKind::Backpressure { retry_after },
        format!(
            "{}. Nothing of the batch was written; write it again after {} ms, or let writes wait",
            described(near),
            retry_after.as_millis()
        ),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kv::Family;
    use std::cell::Cell;

    fn near(found: u64) -> Nearness {
        Nearness {
            limit: Limit::Level0,
            family: Family::History,
            found,
            most: 100,
        }
    }

    #[test]
    fn a_batch_is_slowed_down_the_more_the_nearer_the_limit_is() {
        let bytes = 1 << 20;
        assert_eq!(judge(0.749, bytes), Verdict::Through);
        assert_eq!(judge(0.75, bytes), Verdict::Slowly(Duration::ZERO));
        let delay = |share| match judge(share, bytes) {
            Verdict::Slowly(delay) => delay,
            other => panic!("{other:?} at {share}"),
        };
        assert!(delay(0.8) < delay(0.9) && delay(0.9) < delay(0.999));
        assert!(delay(0.999) <= Duration::from_millis(63));
        let off = (delay(0.8) * 3).abs_diff(delay(0.9));
        assert!(off < Duration::from_micros(10), "in proportion");
        assert_eq!(judge(1.0, bytes), Verdict::Full);
        assert_eq!(judge(0.999, u64::MAX), Verdict::Slowly(SLEEP_MAX));
    }

    #[test]
    fn while_all_is_calm_a_look_is_taken_once_in_so_many_bytes() {
        // Who is hurt: whoever writes single rows and pays for a dozen counters with each.
        let (gate, looks) = (Gate::default(), Cell::new(0));
        let look = || {
            looks.set(looks.get() + 1);
            Ok(near(10))
        };
        for _ in 0..1_000 {
            gate.admit(1 << 10, OnPressure::Wait, look, || Ok(()))
                .unwrap();
        }
        assert_eq!(looks.get(), 1_000 / 256);
    }

    #[test]
    fn at_the_limit_one_is_refused_and_the_other_waits_until_there_is_room() {
        let gate = Gate::default();
        let admit = |on_pressure, found: &Cell<u64>| {
            let look = || {
                let now = found.get();
                found.set(now.saturating_sub(1));
                Ok(near(now))
            };
            gate.admit(LOOK_BYTES, on_pressure, look, || Ok(()))
        };
        let error = admit(OnPressure::Refuse, &Cell::new(100)).unwrap_err();
        assert!(
            matches!(error.kind(), ErrorKind::Backpressure { retry_after } if !retry_after.is_zero())
        );
        assert!(error.is_retryable());
        let text = error.to_string();
        assert!(text.contains("history has 100 of 100 files"), "{text}");
        admit(OnPressure::Refuse, &Cell::new(99)).unwrap();
        let found = Cell::new(103);
        admit(OnPressure::Wait, &found).unwrap();
        assert_eq!(found.get(), 98, "it looked until there was room");
    }

    #[test]
    fn a_reason_is_given_from_where_writers_are_slowed_down() {
        // Who is hurt: whoever looks at an idle store, and reads that rows come too fast.
        let calm = "family history has 74 of 100 files at level 0";
        assert_eq!(described(&near(74)), calm);
        let text = described(&near(75));
        assert!(text.ends_with("faster than they are merged"), "{text}");
    }

    #[test]
    fn who_waits_hears_that_the_store_was_closed() {
        let closed = || Err(Error::new(ErrorKind::Closed, "closed"));
        let waiting = Gate::default().admit(LOOK_BYTES, OnPressure::Wait, || Ok(near(200)), closed);
        assert_eq!(waiting.unwrap_err().kind(), ErrorKind::Closed);
    }

    #[test]
    fn once_it_was_near_every_batch_looks_again() {
        // Who is hurt: whoever is refused, tries again with a small batch, and gets in unseen.
        let gate = Gate::default();
        let admit =
            |bytes, found| gate.admit(bytes, OnPressure::Refuse, || Ok(near(found)), || Ok(()));
        assert!(admit(LOOK_BYTES, 100).is_err());
        assert!(admit(1, 100).is_err());
        assert!(admit(1, 10).is_ok());
        assert!(admit(1, 100).is_ok(), "it was calm, and this is one byte");
    }

    #[test]
    fn whoever_is_refused_is_told_to_wait_before_it_tries_again() {
        // Who is hurt: everybody, when those who were refused spin.
        let limits = [
            Limit::Memtables,
            Limit::AllMemtables,
            Limit::Level0,
            Limit::Pending,
        ];
        for limit in limits {
            assert!(retry_after(limit) >= Duration::from_millis(10), "{limit:?}");
        }
    }
}
