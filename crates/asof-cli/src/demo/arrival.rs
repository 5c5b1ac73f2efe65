//! How rows arrive where pipelines are real: out of order, some of them twice, some days late.

use super::month::Line;
use crate::exit::Failure;
use asof::Timestamp;

/// Two days that arrive when everything else is there already.
const LATE_FROM: &str = "2013-01-14T05:00:00Z";
const LATE_TO: &str = "2013-01-16T05:00:00Z";

/// The same rows in a bad order, in two deliveries.
pub(super) struct Arrival {
    pub first: Vec<Line>,
    pub late: Vec<Line>,
}

/// Every third row twice, shuffled; two days of them come last. One seed gives one order.
pub(super) fn scramble(lines: &[Line], seed: u64) -> Result<Arrival, Failure> {
    let (from, to) = (Timestamp::parse(LATE_FROM)?, Timestamp::parse(LATE_TO)?);
    let mut rows: Vec<Line> = lines.to_vec();
    rows.extend(lines.iter().skip(2).step_by(3).cloned());
    let mut random = Random::new(seed);
    for at in (1..rows.len()).rev() {
        rows.swap(at, random.below(at + 1));
    }
    let is_late = |line: &Line| from <= line.event_time && line.event_time < to;
    let (late, first) = rows.into_iter().partition(is_late);
    Ok(Arrival { first, late })
}

/// xorshift64*: one seed, one sequence, on every machine.
pub(super) struct Random(u64);

impl Random {
    pub(super) fn new(seed: u64) -> Self {
        // Zero would stay zero; seeds that are near each other have to part.
        Random(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    pub(super) fn below(&mut self, n: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) % n.max(1) as u64) as usize
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(lines: &[Line]) -> Vec<&str> {
        lines.iter().map(|line| line.text.as_str()).collect()
    }

    #[test]
    fn every_row_arrives_every_third_twice_and_the_late_ones_last() {
        let hour = |at: usize| Timestamp::from_secs(1_357_016_400 + 3600 * at as i64);
        let line = |at: usize| Line {
            event_time: hour(at),
            text: at.to_string(),
        };
        let lines: Vec<Line> = (0..744).map(line).collect();
        let arrival = scramble(&lines, 7).unwrap();
        assert_eq!(arrival.first.len() + arrival.late.len(), 744 + 248);
        assert_eq!(arrival.late.len(), 48 + 16);
        let mut all = [texts(&arrival.first), texts(&arrival.late)].concat();
        assert!(!all.is_sorted_by_key(|text| text.parse::<usize>().unwrap()));
        all.sort_unstable();
        all.dedup();
        assert_eq!(all.len(), 744);
        let again = scramble(&lines, 7).unwrap();
        assert_eq!(texts(&again.first), texts(&arrival.first));
        let other = scramble(&lines, 8).unwrap();
        assert_ne!(texts(&other.first), texts(&arrival.first));
    }
}
