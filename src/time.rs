//! When facts were true, how long they live, and the one door through which the present comes in.
//!
//! A [`Timestamp`] is a count of microseconds since the Unix epoch in UTC; every `i64` is a valid one
//! and none of them means "none". A [`Span`] is a length of time. A [`Clock`] says what time it is:
//! nothing else in the crate asks the operating system.

use crate::error::{Error, Result};
use std::fmt;
use std::sync::atomic::{AtomicI64, Ordering};

const MICROS_PER_SECOND: i64 = 1_000_000;
const MICROS_PER_DAY: i64 = 86_400 * MICROS_PER_SECOND;
/// 0001-01-01T00:00:00Z and the last microsecond of 9999: outside them, times are written as integers.
const FIRST_WRITTEN: i64 = -62_135_596_800 * MICROS_PER_SECOND;
const LAST_WRITTEN: i64 = 253_402_300_800 * MICROS_PER_SECOND - 1;

/// An instant: microseconds since the Unix epoch, UTC. Leap seconds do not exist in it.
///
/// ```
/// use asof::{Span, Timestamp};
/// let t = Timestamp::parse("2013-01-01T07:30:00+01:30")?;
/// assert_eq!(t, Timestamp::from_micros(1_357_020_000_000_000));
/// assert_eq!(t.to_string(), "2013-01-01T06:00:00Z");
/// // There is no `+` and no `-`: what happens at the ends is said by name.
/// assert_eq!(t.saturating_add(Span::hours(1)).to_string(), "2013-01-01T07:00:00Z");
/// # Ok::<(), asof::Error>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Timestamp(i64);

impl Timestamp {
    /// The smallest instant.
    pub const MIN: Timestamp = Timestamp(i64::MIN);
    /// The largest instant.
    pub const MAX: Timestamp = Timestamp(i64::MAX);

    /// From microseconds since the Unix epoch.
    #[inline]
    pub const fn from_micros(micros: i64) -> Self {
        Timestamp(micros)
    }

    /// From seconds since the Unix epoch; saturates at the ends.
    pub const fn from_secs(secs: i64) -> Self {
        Timestamp(secs.saturating_mul(MICROS_PER_SECOND))
    }

    /// Microseconds since the Unix epoch.
    #[inline]
    pub const fn micros(self) -> i64 {
        self.0
    }

    /// This instant plus a span; saturates at [`Timestamp::MAX`].
    #[must_use]
    #[inline]
    pub const fn saturating_add(self, span: Span) -> Self {
        Timestamp(self.0.saturating_add(span.0))
    }

    /// This instant minus a span; saturates at [`Timestamp::MIN`].
    #[must_use]
    #[inline]
    pub const fn saturating_sub(self, span: Span) -> Self {
        Timestamp(self.0.saturating_sub(span.0))
    }

    /// How long `self` lies after `earlier`, in microseconds. Negative when it lies before it.
    /// Exact over the whole range, hence wider than a timestamp.
    #[inline]
    pub const fn micros_since(self, earlier: Timestamp) -> i128 {
        self.0 as i128 - earlier.0 as i128
    }

    /// Reads integer microseconds, or RFC 3339 with `Z` or an offset.
    ///
    /// # Errors
    /// [`InvalidArgument`](crate::ErrorKind::InvalidArgument) for anything else: a date without an
    /// offset, a fraction finer than a microsecond, a leap second, a day that does not exist.
    pub fn parse(text: &str) -> Result<Self> {
        let integer = text.strip_prefix('-').unwrap_or(text);
        if !integer.is_empty() && integer.bytes().all(|b| b.is_ascii_digit()) {
            return text.parse().map(Timestamp).map_err(|_| {
                Error::invalid(format!(
                    "time {text} does not fit into 64 bits of microseconds"
                ))
            });
        }
        rfc3339(text).map_err(|why| {
            Error::invalid(format!(
                "time {text:?} is {why}; write integer microseconds, or RFC 3339 with an offset \
                 such as 2013-01-01T06:00:00Z"
            ))
        })
    }
}

fn rfc3339(text: &str) -> Result<Timestamp, &'static str> {
    const SHAPE: &str = "not an RFC 3339 time with an offset";
    let bytes = text.as_bytes();
    let number = |range: std::ops::Range<usize>| -> Result<i64, &'static str> {
        let digits = bytes.get(range).ok_or(SHAPE)?;
        digits.iter().try_fold(0, |n, b| match b {
            b'0'..=b'9' => Ok(n * 10 + i64::from(b - b'0')),
            _ => Err(SHAPE),
        })
    };
    let expect = |at: usize, allowed: &[u8]| match bytes.get(at) {
        Some(b) if allowed.contains(b) => Ok(()),
        _ => Err(SHAPE),
    };
    let (year, month, day) = (number(0..4)?, number(5..7)?, number(8..10)?);
    let (hour, minute, second) = (number(11..13)?, number(14..16)?, number(17..19)?);
    for (at, allowed) in [(4, "-"), (7, "-"), (10, "Tt"), (13, ":"), (16, ":")] {
        expect(at, allowed.as_bytes())?;
    }
    if !(1..=12).contains(&month) || day < 1 || day > days_in_month(year, month) {
        return Err("a date that does not exist");
    }
    if second == 60 {
        return Err("a leap second, which microseconds since the epoch cannot say");
    }
    if hour > 23 || minute > 59 || second > 59 {
        return Err("a time of day that does not exist");
    }
    let mut at = 19;
    let mut micros = 0;
    if bytes.get(at) == Some(&b'.') {
        let digits = bytes[at + 1..]
            .iter()
            .take_while(|b| b.is_ascii_digit())
            .count();
        if digits == 0 {
            return Err(SHAPE);
        }
        let (kept, finer) = bytes[at + 1..at + 1 + digits].split_at(digits.min(6));
        if finer.iter().any(|b| *b != b'0') {
            return Err("finer than a microsecond");
        }
        micros = number(at + 1..at + 1 + kept.len())? * 10_i64.pow(6 - kept.len() as u32);
        at += 1 + digits;
    }
    let offset_minutes = match bytes.get(at) {
        Some(b'Z' | b'z') => {
            at += 1;
            0
        }
        Some(sign @ (b'+' | b'-')) => {
            let (hours, minutes) = (number(at + 1..at + 3)?, number(at + 4..at + 6)?);
            expect(at + 3, b":")?;
            if hours > 23 || minutes > 59 {
                return Err("an offset that does not exist");
            }
            at += 6;
            if *sign == b'+' {
                hours * 60 + minutes
            } else {
                -(hours * 60 + minutes)
            }
        }
        _ => return Err(SHAPE),
    };
    if at != bytes.len() {
        return Err(SHAPE);
    }
    let seconds = days_from_civil(year, month, day) * 86_400 + hour * 3_600 + minute * 60 + second
        - offset_minutes * 60;
    Ok(Timestamp(seconds * MICROS_PER_SECOND + micros))
}

/// RFC 3339 in UTC with `Z`, with no fraction or six digits; integer microseconds outside the
/// years 0001 to 9999.
impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !(FIRST_WRITTEN..=LAST_WRITTEN).contains(&self.0) {
            return write!(f, "{}", self.0);
        }
        let (year, month, day) = civil_from_days(self.0.div_euclid(MICROS_PER_DAY));
        let of_day = self.0.rem_euclid(MICROS_PER_DAY);
        let (seconds, micros) = (of_day / MICROS_PER_SECOND, of_day % MICROS_PER_SECOND);
        let (hour, minute, second) = (seconds / 3_600, seconds / 60 % 60, seconds % 60);
        write!(
            f,
            "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}"
        )?;
        if micros != 0 {
            write!(f, ".{micros:06}")?;
        }
        f.write_str("Z")
    }
}

/// As it is displayed: what a debugger or a failed test shows should be read as a time.
impl fmt::Debug for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

fn is_leap(year: i64) -> bool {
    year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
}

fn days_in_month(year: i64, month: i64) -> i64 {
    match month {
        2 => 28 + i64::from(is_leap(year)),
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

// Both directions follow Howard Hinnant, "chrono-compatible low-level date algorithms": years
// begin in March, so that the leap day is the last day of a year, and 400 years are one era.

fn days_from_civil(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    era * 146_097 + day_of_era - 719_468
}

fn civil_from_days(days: i64) -> (i64, i64, i64) {
    let days = days + 719_468;
    let era = days.div_euclid(146_097);
    let day_of_era = days.rem_euclid(146_097);
    let year_of_era =
        (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 {
        shifted_month + 3
    } else {
        shifted_month - 9
    };
    (year_of_era + era * 400 + i64::from(month <= 2), month, day)
}

/// A length of time in microseconds, never negative.
///
/// ```
/// use asof::Span;
/// assert_eq!(Span::parse("3h")?, Span::hours(3));
/// assert_eq!(Span::minutes(90).to_string(), "90m");
/// # Ok::<(), asof::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Span(i64);

const UNITS: [(&str, i64); 6] = [
    ("d", MICROS_PER_DAY),
    ("h", 3_600 * MICROS_PER_SECOND),
    ("m", 60 * MICROS_PER_SECOND),
    ("s", MICROS_PER_SECOND),
    ("ms", 1_000),
    ("us", 1),
];

impl Span {
    /// No time at all.
    pub const ZERO: Span = Span(0);

    /// From microseconds; a negative count is taken as zero.
    #[inline]
    pub const fn micros(micros: i64) -> Self {
        Span(if micros < 0 { 0 } else { micros })
    }

    /// From seconds; saturates.
    pub const fn seconds(n: u32) -> Self {
        Span(MICROS_PER_SECOND * n as i64)
    }

    /// From minutes; saturates.
    pub const fn minutes(n: u32) -> Self {
        Span((60 * MICROS_PER_SECOND).saturating_mul(n as i64))
    }

    /// From hours; saturates.
    pub const fn hours(n: u32) -> Self {
        Span((3_600 * MICROS_PER_SECOND).saturating_mul(n as i64))
    }

    /// From days; saturates.
    pub const fn days(n: u32) -> Self {
        Span(MICROS_PER_DAY.saturating_mul(n as i64))
    }

    /// The length in microseconds.
    #[inline]
    pub const fn as_micros(self) -> i64 {
        self.0
    }

    /// Reads one integer and a unit: `us`, `ms`, `s`, `m`, `h` or `d`.
    ///
    /// # Errors
    /// [`InvalidArgument`](crate::ErrorKind::InvalidArgument) for anything else, or a length that
    /// does not fit into 64 bits of microseconds.
    pub fn parse(text: &str) -> Result<Self> {
        let digits = text.bytes().take_while(u8::is_ascii_digit).count();
        let (number, unit) = text.split_at(digits);
        let per_unit = UNITS
            .iter()
            .find(|(name, _)| *name == unit)
            .map(|(_, micros)| *micros);
        number
            .parse::<i64>()
            .ok()
            .zip(per_unit)
            .and_then(|(n, micros)| n.checked_mul(micros))
            .map(Span)
            .ok_or_else(|| {
                Error::invalid(format!(
                    "duration {text:?} is not one integer and a unit of us, ms, s, m, h or d \
                     that fits into 64 bits of microseconds"
                ))
            })
    }
}

/// The largest unit that says it in one integer: `90m`, `3h`, `2d`.
impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let whole = UNITS
            .iter()
            .find(|(_, micros)| self.0 % micros == 0 && self.0 >= *micros);
        let (unit, micros) = whole.unwrap_or(&("s", MICROS_PER_SECOND));
        write!(f, "{}{unit}", self.0 / micros)
    }
}

/// What time it is. A store asks nothing else, so that tests and replays can say it.
///
/// ```
/// use asof::{Clock, ManualClock, Span, Timestamp};
/// let clock = ManualClock::at(Timestamp::from_secs(100));
/// clock.advance(Span::seconds(5));
/// assert_eq!(clock.now(), Timestamp::from_secs(105));
/// ```
pub trait Clock: Send + Sync + 'static {
    /// The present instant.
    fn now(&self) -> Timestamp;
}

/// The machine's wall clock.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "this is the door")]
    #[inline]
    fn now(&self) -> Timestamp {
        let since = std::time::SystemTime::UNIX_EPOCH.elapsed();
        // Not by way of 128 bits: every read asks.
        let micros = |d: std::time::Duration| {
            let seconds = i64::try_from(d.as_secs()).unwrap_or(i64::MAX);
            let seconds = seconds.saturating_mul(MICROS_PER_SECOND);
            seconds.saturating_add(i64::from(d.subsec_micros()))
        };
        match since {
            Ok(after) => Timestamp(micros(after)),
            Err(before) => Timestamp(-micros(before.duration())),
        }
    }
}

/// A clock that stands still until it is told otherwise.
#[derive(Debug, Default)]
pub struct ManualClock(AtomicI64);

impl ManualClock {
    /// A clock that stands at `now`.
    pub const fn at(now: Timestamp) -> Self {
        ManualClock(AtomicI64::new(now.0))
    }

    /// Moves the clock to `now`, forward or back.
    pub fn set(&self, now: Timestamp) {
        self.0.store(now.0, Ordering::SeqCst);
    }

    /// Moves the clock forward.
    pub fn advance(&self, span: Span) {
        self.set(self.now().saturating_add(span));
    }
}

impl Clock for ManualClock {
    #[inline]
    fn now(&self) -> Timestamp {
        Timestamp(self.0.load(Ordering::SeqCst))
    }
}

impl<C: Clock + ?Sized> Clock for std::sync::Arc<C> {
    #[inline]
    fn now(&self) -> Timestamp {
        (**self).now()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[track_caller]
    fn both_ways(text: &str, micros: i64) {
        assert_eq!(Timestamp::parse(text).unwrap(), Timestamp(micros));
        assert_eq!(Timestamp(micros).to_string(), text);
        assert_eq!(
            format!("{:?}", Some(Timestamp(micros))),
            format!("Some({text})")
        );
    }

    #[test]
    fn times_read_and_write_at_the_edges() {
        both_ways("1970-01-01T00:00:00Z", 0);
        both_ways("1969-12-31T23:59:59.999999Z", -1);
        both_ways("2000-02-29T00:00:00Z", 951_782_400_000_000);
        both_ways("0001-01-01T00:00:00Z", FIRST_WRITTEN);
        both_ways("9999-12-31T23:59:59.999999Z", LAST_WRITTEN);
        both_ways(&(FIRST_WRITTEN - 1).to_string(), FIRST_WRITTEN - 1);
        both_ways(&(LAST_WRITTEN + 1).to_string(), LAST_WRITTEN + 1);
        both_ways("-9223372036854775808", i64::MIN);
        both_ways("9223372036854775807", i64::MAX);
        let t = Timestamp::parse("2013-01-01t01:00:00.5-05:00").unwrap();
        assert_eq!(t.to_string(), "2013-01-01T06:00:00.500000Z");
    }

    #[test]
    fn times_that_are_none_are_refused_with_the_reason() {
        for (text, why) in [
            ("", "RFC 3339"),
            ("-", "RFC 3339"),
            ("2013-01-01", "RFC 3339"),
            ("2013-01-01T06:00:00", "RFC 3339"),
            ("2013-01-01 06:00:00Z", "RFC 3339"),
            ("2013-01-01T06:00:00Zx", "RFC 3339"),
            ("2013-01-01T06:00:00.Z", "RFC 3339"),
            ("2013-02-29T06:00:00Z", "date that does not exist"),
            ("2013-13-01T06:00:00Z", "date that does not exist"),
            ("2013-01-01T24:00:00Z", "time of day that does not exist"),
            ("2013-01-01T23:59:60Z", "leap second"),
            ("2013-01-01T06:00:00.0000001Z", "finer than a microsecond"),
            ("2013-01-01T06:00:00+25:00", "offset that does not exist"),
            ("9223372036854775808", "64 bits"),
            ("２013-01-01T06:00:00Z", "RFC 3339"),
        ] {
            let error = Timestamp::parse(text).unwrap_err().to_string();
            assert!(error.contains(why), "{text:?}: {error}");
        }
        assert!(Timestamp::parse("2013-01-01T06:00:00.1234560Z").is_ok());
    }

    #[test]
    fn spans_read_and_write() {
        for (text, span) in [
            ("0s", Span::ZERO),
            ("1us", Span(1)),
            ("1500ms", Span(1_500_000)),
            ("90m", Span::minutes(90)),
            ("3h", Span::hours(3)),
            ("2d", Span::days(2)),
        ] {
            assert_eq!(Span::parse(text).unwrap(), span);
            assert_eq!(span.to_string(), text);
        }
        for text in ["", "3", "h", "1.5h", "-1s", "3 h", "1w", "99999999999999d"] {
            assert!(Span::parse(text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn arithmetic_saturates() {
        assert_eq!(Timestamp::MAX.saturating_add(Span(1)), Timestamp::MAX);
        assert_eq!(Timestamp::MIN.saturating_sub(Span(1)), Timestamp::MIN);
        assert_eq!(
            Timestamp::MAX.micros_since(Timestamp::MIN),
            i128::from(u64::MAX)
        );
    }

    proptest! {
        #[test]
        fn every_instant_survives_its_text(micros: i64, near in FIRST_WRITTEN..=LAST_WRITTEN) {
            for t in [Timestamp(micros), Timestamp(near)] {
                prop_assert_eq!(Timestamp::parse(&t.to_string()).unwrap(), t);
            }
        }

        #[test]
        fn written_order_is_time_order(a in FIRST_WRITTEN..=LAST_WRITTEN, b in FIRST_WRITTEN..=LAST_WRITTEN) {
            let (a, b) = (a - a.rem_euclid(1_000_000), b - b.rem_euclid(1_000_000));
            prop_assert_eq!(a.cmp(&b), Timestamp(a).to_string().cmp(&Timestamp(b).to_string()));
        }

        #[test]
        fn parse_never_panics(text in "\\PC{0,40}") {
            let _ = Timestamp::parse(&text);
            let _ = Span::parse(&text);
        }

        #[test]
        fn every_span_survives_its_text(micros in 0..i64::MAX) {
            prop_assert_eq!(Span::parse(&Span(micros).to_string()).unwrap(), Span(micros));
        }
    }
}
