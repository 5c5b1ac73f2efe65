//! How far one partition of a log has been taken in, when stretches of it are written in any order.
//!
//! ```text
//! log       0 ........ 40 ........ 80 ........ 120 ....... 160
//! written   ███████████████████████            █████████████
//!           │          │          │            └ ahead: above a gap, kept aside
//!           │          │          └ taken: the end of the unbroken chain
//!           │          └ settled: the same, as of the last sync. This is the position
//! ```
//!
//! Replay is free, so whatever is forgotten here is only written again: what is ahead is kept in
//! memory alone, and a position may lag. It may never lead.

use crate::format::position::{Complete, Position};
use crate::time::Timestamp;
use std::collections::BTreeMap;

/// How many stretches may stand above gaps. A log that is read by many hands is a few apart; with so
/// many gaps somebody has left records out, and every further one is refused until they come.
pub(crate) const AHEAD_MAX: usize = 4_096;

/// Records of one partition that were written together: from `start` to before `end`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Stretch {
    pub(crate) start: u64,
    pub(crate) end: u64,
    /// The source is complete through here once everything below `end` is taken in.
    pub(crate) complete: Option<Timestamp>,
}

/// The written stretches of one partition.
#[derive(Debug, Clone)]
pub(crate) struct Chain {
    /// In force: durable, and the catalog says so.
    settled: Position,
    /// Whether the catalog has it at all.
    stored: bool,
    taken: Reach,
    /// What lies above a gap, by where it starts. No two of them touch.
    ahead: BTreeMap<u64, Reach>,
}

/// The end of something written, with the furthest claim that holds there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Reach {
    end: u64,
    complete: Option<Complete>,
}

impl Reach {
    fn join(&mut self, other: Reach) {
        self.end = self.end.max(other.end);
        self.complete = further(self.complete, other.complete);
    }
}

/// The claim that says more; of equals the one that needs fewer records.
fn further(a: Option<Complete>, b: Option<Complete>) -> Option<Complete> {
    let rank = |claim: &Complete| (claim.through, std::cmp::Reverse(claim.at));
    a.into_iter().chain(b).max_by_key(rank)
}

impl Chain {
    /// A partition of which nothing has been taken in.
    pub(crate) fn new() -> Self {
        let nothing = Position {
            offset: 0,
            complete: None,
            counts: true,
        };
        Chain {
            stored: false,
            ..Chain::at(nothing)
        }
    }

    /// A partition as the catalog has it.
    pub(crate) fn at(position: Position) -> Self {
        Chain {
            settled: position,
            stored: true,
            taken: Reach {
                end: position.offset,
                complete: position.complete,
            },
            ahead: BTreeMap::new(),
        }
    }

    /// The position in force.
    pub(crate) fn position(&self) -> Position {
        self.settled
    }

    /// The first record that has not been written, and how many stretches wait beyond it.
    pub(crate) fn gap(&self) -> (u64, usize) {
        (self.taken.end, self.ahead.len())
    }

    /// Whether a stretch that starts here can be remembered.
    fn has_room(&self, start: u64) -> bool {
        let touches = || self.ahead.range(..=start).next_back();
        start <= self.taken.end
            || self.ahead.len() < AHEAD_MAX
            || touches().is_some_and(|(_, ahead)| start <= ahead.end)
    }

    /// Whether all of these can be remembered, one after the other.
    pub(crate) fn has_room_for<'s>(
        &self,
        stretches: impl ExactSizeIterator<Item = &'s Stretch>,
    ) -> bool {
        if self.ahead.len() + stretches.len() <= AHEAD_MAX {
            return true;
        }
        let mut chain = self.clone();
        stretches.into_iter().all(|stretch| {
            let has_room = chain.has_room(stretch.start);
            chain.take(*stretch);
            has_room
        })
    }

    /// Notes a stretch whose rows are in the log of the database. Stretches may overlap, repeat, and
    /// come in any order; an empty one carries a claim alone.
    pub(crate) fn take(&mut self, stretch: Stretch) {
        let (mut start, end) = (stretch.start, stretch.end);
        let complete = stretch
            .complete
            .map(|through| Complete { at: end, through });
        let mut reach = Reach { end, complete };
        if start > self.taken.end {
            if let Some((&before, ahead)) = self.ahead.range(..=start).next_back()
                && start <= ahead.end
            {
                start = before;
                reach.join(*ahead);
            }
            while let Some((&after, ahead)) = self.ahead.range(start..=reach.end).next() {
                reach.join(*ahead);
                self.ahead.remove(&after);
            }
            self.ahead.insert(start, reach);
        } else {
            self.taken.join(reach);
            self.close_gaps();
        }
    }

    fn close_gaps(&mut self) {
        while let Some(entry) = self.ahead.first_entry()
            && *entry.key() <= self.taken.end
        {
            let reach = entry.remove();
            self.taken.join(reach);
        }
    }

    /// Where the partition will stand once everything written so far is durable.
    pub(crate) fn reached(&self) -> Position {
        Position {
            offset: self.taken.end,
            complete: self.taken.complete,
            counts: self.settled.counts,
        }
    }

    /// The same, if that is not what the catalog says already.
    pub(crate) fn due(&self) -> Option<Position> {
        let reached = self.reached();
        (!self.stored || reached != self.settled).then_some(reached)
    }

    /// Puts a position in force. It was reached, and all below it is durable.
    pub(crate) fn settle(&mut self, position: Position) {
        self.settled = position;
        self.stored = true;
        // A position that was set by hand may lie further than anything written.
        self.taken.join(Reach {
            end: position.offset,
            complete: position.complete,
        });
        self.close_gaps();
    }

    /// Where a rewind leads. Claims that came with records above it hold no longer.
    pub(crate) fn rewound(&self, offset: u64) -> Position {
        let reached = self.reached();
        Position {
            offset,
            complete: reached.complete.filter(|claim| claim.at <= offset),
            ..reached
        }
    }

    /// Where a skip leads: to the offset, and on through what was written beyond it.
    pub(crate) fn skipped(&self, offset: u64) -> Position {
        let mut chain = self.clone();
        chain.taken.end = chain.taken.end.max(offset);
        chain.close_gaps();
        chain.reached()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn t(secs: i64) -> Timestamp {
        Timestamp::from_secs(secs)
    }

    fn stretch(start: u64, end: u64) -> Stretch {
        Stretch {
            start,
            end,
            complete: None,
        }
    }

    fn claim(start: u64, end: u64, secs: i64) -> Stretch {
        Stretch {
            complete: Some(t(secs)),
            ..stretch(start, end)
        }
    }

    fn through(chain: &Chain) -> Option<Timestamp> {
        chain.reached().complete.map(|complete| complete.through)
    }

    #[test]
    fn a_gap_holds_the_chain_until_it_is_closed() {
        let mut chain = Chain::new();
        chain.take(stretch(10, 20));
        chain.take(stretch(20, 30));
        assert_eq!(chain.gap(), (0, 1));
        chain.take(stretch(0, 9));
        assert_eq!(chain.gap(), (9, 1), "record 9 is missing");
        chain.take(stretch(9, 10));
        assert_eq!(chain.gap(), (30, 0));
    }

    #[test]
    fn a_claim_waits_for_the_records_below_it() {
        let mut chain = Chain::new();
        chain.take(claim(10, 20, 100));
        chain.take(claim(30, 40, 300));
        assert_eq!(through(&chain), None);
        chain.take(stretch(0, 10));
        assert_eq!(through(&chain), Some(t(100)));
        chain.take(claim(20, 20, 200));
        assert_eq!(through(&chain), Some(t(200)), "no news is news");
        chain.take(claim(0, 5, 50));
        assert_eq!(
            through(&chain),
            Some(t(200)),
            "a claim is not taken back by a repeat"
        );
        chain.take(stretch(20, 30));
        assert_eq!(through(&chain), Some(t(300)));
    }

    #[test]
    fn a_position_moves_when_it_is_settled_and_not_before() {
        let mut chain = Chain::new();
        chain.take(claim(0, 10, 1));
        assert_eq!(chain.position().offset, 0);
        let due = chain.due().unwrap();
        chain.take(stretch(10, 20));
        chain.settle(due);
        assert_eq!(chain.position().offset, 10, "the rest was written after");
        assert_eq!(chain.due().unwrap().offset, 20);
        chain.settle(chain.due().unwrap());
        assert_eq!(chain.due(), None);
    }

    #[test]
    fn a_rewind_forgets_claims_above_it_and_a_skip_goes_on_through_what_is_there() {
        let mut chain = Chain::new();
        chain.take(claim(0, 10, 1));
        let rewound = |offset| chain.rewound(offset).complete.map(|claim| claim.through);
        assert_eq!((rewound(10), rewound(9)), (Some(t(1)), None));
        chain.take(claim(20, 30, 2));
        let skipped = chain.skipped(20);
        assert_eq!(skipped.offset, 30);
        assert_eq!(skipped.complete.unwrap().through, t(2));
        assert_eq!(chain.skipped(19).offset, 19);
        chain.settle(skipped);
        assert_eq!((chain.position().offset, chain.gap()), (30, (30, 0)));
    }

    #[test]
    fn there_is_an_end_to_what_is_remembered() {
        let mut chain = Chain::new();
        for n in 1..=AHEAD_MAX as u64 {
            assert!(chain.has_room(n * 10));
            chain.take(stretch(n * 10, n * 10 + 1));
        }
        assert!(!chain.has_room(5));
        assert!(chain.has_room(0), "what closes the gap is always welcome");
        assert!(chain.has_room(11), "what lengthens a stretch takes no room");
        assert!(!chain.has_room(12));
    }

    proptest! {
        /// The oracle is a set of records: the chain ends at the first that is not in it.
        #[test]
        fn the_chain_ends_at_the_first_record_that_is_missing(
            stretches in prop::collection::vec((0u64..60, 0u64..12, prop::option::of(0i64..100)), 0..40),
        ) {
            let mut chain = Chain::new();
            let mut records = std::collections::BTreeSet::new();
            let mut claims = Vec::new();
            for (start, length, secs) in stretches {
                let end = start + length;
                chain.take(Stretch { start, end, complete: secs.map(t) });
                records.extend(start..end);
                claims.extend(secs.map(|secs| (end, t(secs))));
                let missing = (0..).find(|record| !records.contains(record)).unwrap();
                prop_assert_eq!(chain.reached().offset, missing);
                let holds = claims.iter().filter(|(end, _)| *end <= missing);
                prop_assert_eq!(through(&chain), holds.map(|(_, secs)| *secs).max());
            }
        }
    }
}
