//! A share of the cache: buckets, and a ring of rows that they point into, under one lock for those
//! who change it.

use super::bucket::{self, BUCKET_BYTES, BUCKET_WORDS, HOME, SLOTS, Slot, Stamp};
use super::keep;
use super::ring::{self, HEADER_WORDS, Header, Ring, Wanted};
use super::{Sought, VALUE_BYTES_MAX};
use crate::format::key::Prefix;
use crate::sync::{Mutex, MutexGuard, Ordering, Words};

/// Rows that are given another round for one that comes in. More would make a writer wait.
const SPARED_MAX: usize = 16;
/// Lines of the processor's cache that a row of about 250 bytes lies on.
const LINES: usize = 5;
/// How often a read tries again after somebody changed the bucket under its hands.
const TRIES: usize = 4;
/// What a bucket takes with its home and its share of the ring, at least: room for half as many rows, of about 160
/// bytes, as it has places. Fewer buckets would drive rows out while there is room for them.
const BYTES_PER_BUCKET_MIN: u64 = 512;
/// The same where it has no home.
const BYTES_PER_BUCKET_OF_LARGE_ROWS: u64 = 640;
/// Of the rows that could stand at home, so many are no larger than it.
const HOMELY: f64 = 0.9;
/// Rows a bucket: more than find room, were all as small as can be.
const LOAD_MAX: f64 = 20.0;
/// A larger home would be empty too often, and too often too small.
const HOME_WORDS_MAX: usize = 40;

/// On lines of its own, so that two shards do not share one.
#[derive(Default)]
#[repr(align(128))]
pub(super) struct Shard(Mutex<Ring>);

impl Shard {
    pub(super) fn lock(&self) -> MutexGuard<'_, Ring> {
        self.0.lock()
    }

    pub(super) fn try_lock(&self) -> Option<MutexGuard<'_, Ring>> {
        self.0.try_lock()
    }
}

/// How the words are divided: all buckets first, then all rings.
#[derive(Debug, Clone, Copy)]
pub(super) struct Geometry {
    /// A power of two.
    pub(super) shards: usize,
    shard_bits: u32,
    buckets: usize,
    /// Words of the room beside a bucket; none where rows are too large for it.
    pub(super) home_words: usize,
    /// Words of one ring.
    pub(super) arena_words: usize,
    /// No row is given up to make room for another.
    pub(super) keeps: bool,
}

/// Where an entity belongs.
#[derive(Debug, Clone, Copy)]
pub(super) struct Place {
    pub(super) shard: usize,
    /// The word of its bucket's stamp.
    pub(super) bucket: usize,
    /// The first word of the shard's ring.
    pub(super) arena: usize,
    pub(super) fingerprint: u16,
}

impl Geometry {
    /// Divides so many bytes, for rows of which most have values of no more than `typical` bytes.
    pub(super) fn of(bytes: u64, keeps: bool, typical: usize) -> Geometry {
        // As many locks as are useful, each with room for many rows of the largest kind. Where none is
        // given up, for so many of either kind that one shard is about as full as another, and for no more
        // than are soon packed.
        let home_words = home_words(typical);
        let largest = VALUE_BYTES_MAX as u64;
        let (least, shards_max) = match keeps {
            true => ((128 * largest).max(2_048 * typical as u64), 1024),
            false => (8 * largest, 64),
        };
        let most = (bytes / least).clamp(1, shards_max);
        let shard_bits = most.ilog2();
        let shards = 1 << shard_bits;
        let of_shard = bytes / shards as u64;
        let buckets = (of_shard / bytes_per_bucket(home_words)).max(1);
        let arena_words = (of_shard - buckets * (BUCKET_BYTES + home_words * 8) as u64) / 8;
        Geometry {
            shards,
            shard_bits,
            buckets: buckets as usize,
            home_words,
            arena_words: arena_words as usize,
            keeps,
        }
    }

    /// How many bytes are divided so that so many rows, of so many bytes together, find room.
    ///
    /// With `load` rows a bucket, spread evenly, `1 - exp(-load)` of the homes are taken; the other rows are in
    /// the ring, and so are the places that a bucket has not.
    pub(super) fn bytes_of_rows(rows: u64, bytes: u64, typical: usize) -> u64 {
        let home_words = home_words(typical);
        let mean = bytes as f64 / rows.max(1) as f64;
        let per_bucket = bytes_per_bucket(home_words);
        let ring = (per_bucket - (BUCKET_BYTES + home_words * 8) as u64) as f64;
        let takes = |load: f64| {
            let at_home = if home_words == 0 {
                0.0
            } else {
                HOMELY * (1.0 - (-load).exp())
            };
            (load - at_home) * mean + keep::more_buckets(load) * BUCKET_BYTES as f64
        };
        let (mut least, mut most) = (0.0, LOAD_MAX);
        for _ in 0..64 {
            let load = (least + most) / 2.0;
            match takes(load) <= ring {
                true => least = load,
                false => most = load,
            }
        }
        (rows as f64 / least * per_bucket as f64).ceil() as u64
    }

    pub(super) fn words(&self) -> usize {
        self.shards * (self.buckets * self.bucket_words() + self.arena_words)
    }

    /// Words of all buckets, without their homes.
    pub(super) fn words_of_buckets(&self) -> usize {
        self.shards * self.buckets * BUCKET_WORDS
    }

    /// Words from one bucket to the next.
    #[inline]
    fn bucket_words(&self) -> usize {
        BUCKET_WORDS + self.home_words
    }

    /// The buckets of a shard.
    pub(super) fn buckets_of(&self, shard: usize) -> impl Iterator<Item = usize> + use<> {
        let first = shard * self.buckets;
        let words = self.bucket_words();
        (first..first + self.buckets).map(move |bucket| bucket * words)
    }

    /// The end of a prefix is a keyed hash, even and unguessable; but one entity has the same in every
    /// view, so the view is mixed in.
    #[inline]
    pub(super) fn place(&self, prefix: &Prefix) -> Place {
        let word =
            |at: usize| u64::from_le_bytes(prefix[at..at + 8].try_into().expect("eight bytes"));
        let view = u32::from_le_bytes(prefix[..4].try_into().expect("four bytes"));
        let hash = word(4) ^ u64::from(view).wrapping_mul(0x9E37_79B9_7F4A_7C15);
        let shard = ((u128::from(hash) << self.shard_bits) >> 64) as usize;
        let in_shard = (u128::from(hash << self.shard_bits) * self.buckets as u128) >> 64;
        let bucket = shard * self.buckets + in_shard as usize;
        let words = self.bucket_words();
        let arena = self.shards * self.buckets * words + shard * self.arena_words;
        Place {
            shard,
            bucket: bucket * words,
            arena,
            fingerprint: word(12) as u16,
        }
    }
}

impl Place {
    /// The first word of the room beside its bucket.
    #[inline]
    pub(super) fn home(&self) -> usize {
        self.bucket + BUCKET_WORDS
    }
}

/// How many words beside a bucket hold a row of a size, whole lines of the processor's cache; none where that
/// is too many.
fn home_words(value_bytes: usize) -> usize {
    let row = Header::of_value(value_bytes).words();
    let words = row.next_multiple_of(BUCKET_WORDS);
    if words <= HOME_WORDS_MAX { words } else { 0 }
}

/// A bucket has, in the ring, three quarters of what it has at home. With less, a full cache holds fewer rows; with
/// more, one that is not full has fewer homes.
fn bytes_per_bucket(home_words: usize) -> u64 {
    match home_words as u64 * 8 {
        0 => BYTES_PER_BUCKET_OF_LARGE_ROWS,
        home => (BUCKET_BYTES as u64 + home + home / 4 * 3).max(BYTES_PER_BUCKET_MIN),
    }
}

/// Copies what is cached of an entity to the end of `out`.
#[inline]
pub(super) fn read(words: &Words, place: &Place, prefix: &Prefix, out: &mut Vec<u8>) -> Sought {
    let start = out.len();
    for _ in 0..TRIES {
        let before = bucket::stamp(words, place.bucket);
        if !before.is_quiet() {
            return Sought::Busy;
        }
        let found = copy(words, place, place.bucket, prefix, out);
        let after = bucket::stamp_now(words, place.bucket);
        if bucket::is_whole(before, after) {
            return match found {
                Some((slot, at)) => {
                    slot.visit(words, place.bucket, at);
                    Sought::Hit(before)
                }
                None => Sought::Miss(before),
            };
        }
        out.truncate(start);
    }
    Sought::Busy
}

/// Looks where the bucket goes on, after it was looked at under this stamp. None if it has changed since.
#[cold]
pub(super) fn read_beyond(
    words: &Words,
    place: &Place,
    prefix: &Prefix,
    before: Stamp,
    out: &mut Vec<u8>,
) -> Option<Sought> {
    let start = out.len();
    let mut buckets = keep::buckets(words, place).skip(1);
    let found = buckets.find_map(|bucket| copy(words, place, bucket, prefix, out));
    if !bucket::is_whole(before, bucket::stamp_now(words, place.bucket)) {
        out.truncate(start);
        return None;
    }
    Some(match found {
        Some(_) => Sought::Hit(before),
        None => Sought::Miss(before),
    })
}

/// What is copied is worth nothing unless the stamp says so: until then it may be any bytes.
// Always: whoever looks where a bucket goes on calls it too, and must not keep it out of line.
#[inline(always)]
fn copy(
    words: &Words,
    place: &Place,
    bucket: usize,
    prefix: &Prefix,
    out: &mut Vec<u8>,
) -> Option<(Slot, usize)> {
    let wanted = Wanted::of(prefix);
    for at in 0..SLOTS {
        let slot = Slot::load(words, bucket, at);
        if !slot.has(place.fingerprint) {
            continue;
        }
        let row = slot.row(place);
        if !slot.is_home() {
            // How long it is stands in its first line. The others are on their way meanwhile.
            words.prefetch(row, LINES);
        }
        let Some(header) = wanted.head(words, row) else {
            continue;
        };
        let copied = header.length() <= VALUE_BYTES_MAX
            && ring::copy_value(words, row, header.length(), out);
        return copied.then_some((slot, at));
    }
    None
}

/// Asks for a bucket and what is beside it.
#[inline]
pub(super) fn expect(words: &Words, geometry: &Geometry, place: &Place) {
    words.prefetch(place.bucket, 1 + geometry.home_words / BUCKET_WORDS);
}

/// Asks for the row that an entity probably has.
#[inline]
pub(super) fn expect_row(words: &Words, place: &Place) {
    let mut slots = (0..SLOTS).map(|at| Slot::load(words, place.bucket, at));
    if let Some(slot) = slots.find(|slot| slot.has(place.fingerprint)) {
        words.prefetch(slot.row(place), LINES);
    }
}

/// A bucket that is being changed, under the lock of its shard.
pub(super) struct Changing<'a> {
    pub(super) words: &'a Words,
    pub(super) geometry: &'a Geometry,
    pub(super) place: &'a Place,
    pub(super) ring: &'a mut Ring,
    /// A writer changes it: it has the time to pack the rows of a shard that keeps them all, and it drives no row
    /// out for one that nobody has asked for.
    pub(super) is_writer: bool,
}

/// A row that leaves the ring and may come in again.
struct Spared {
    prefix: Prefix,
    value: Vec<u8>,
}

impl Changing<'_> {
    /// The same shard at another bucket.
    pub(super) fn at<'b>(&'b mut self, place: &'b Place) -> Changing<'b> {
        Changing {
            words: self.words,
            geometry: self.geometry,
            place,
            ring: self.ring,
            is_writer: false,
        }
    }

    /// The place of an entity's row, and in which bucket at which place it stands.
    fn find(&self, prefix: &Prefix) -> Option<(Slot, usize, usize)> {
        let wanted = Wanted::of(prefix);
        keep::buckets(self.words, self.place)
            .flat_map(|bucket| (0..SLOTS).map(move |at| (bucket, at)))
            .map(|(bucket, at)| (Slot::load(self.words, bucket, at), bucket, at))
            .find(|(slot, ..)| {
                slot.has(self.place.fingerprint)
                    && wanted.head(self.words, slot.row(self.place)).is_some()
            })
    }

    /// Takes the row of an entity out, and wipes it: what was erased is gone from memory too.
    pub(super) fn remove(&mut self, prefix: &Prefix) {
        let Some((slot, bucket, at)) = self.find(prefix) else {
            return;
        };
        self.wipe(slot.row(self.place));
        Slot::EMPTY.store(self.words, bucket, at);
        self.ring.rows -= 1;
        if slot.is_home() {
            self.ring.at_home -= 1;
        } else if self.geometry.keeps {
            self.give_back(slot.at());
        }
    }

    /// Takes the value out of the room of a row that nobody will find any more: an erase would not find it
    /// either, and it would lie there until the room is used again.
    pub(super) fn wipe(&self, at: usize) {
        let header = Header::load(self.words, at).expect("a place points to a row");
        for word in &self.words[at + HEADER_WORDS..at + header.words()] {
            word.store(0, Ordering::Relaxed);
        }
    }

    /// Puts a row in, in the place of the one that its entity has. Says whether it is there now.
    pub(super) fn put(&mut self, prefix: &Prefix, value: &[u8]) -> bool {
        let found = self.find(prefix);
        if let Some((slot, ..)) = found {
            let row = slot.row(self.place);
            let old = Header::load(self.words, row).expect("a place points to a row");
            if let Some(header) = old.with_length(value.len()) {
                if self.geometry.keeps && !slot.is_home() {
                    self.ring.slack += keep::slack(header);
                    self.ring.slack -= keep::slack(old);
                }
                header.store(self.words, row);
                ring::store_value(self.words, row, value);
                return true;
            }
            self.remove(prefix);
        }
        if self.geometry.keeps {
            return self.keep(prefix, value);
        }
        if self.put_at_home(prefix, value) {
            return true;
        }
        let may_drive_out = !self.is_writer || found.is_some();
        (may_drive_out || self.is_free(value)) && self.put_at_the_head(prefix, value)
    }

    /// Whether a value has room at the head of the ring, and a place in the bucket, that nobody has to leave.
    fn is_free(&self, value: &[u8]) -> bool {
        let words = Header::of_value(value.len()).words();
        let rest = self.geometry.arena_words - self.ring.head;
        let wasted = if rest < words { rest } else { 0 };
        self.ring.used + wasted + words <= self.geometry.arena_words
            && (HOME + 1..SLOTS).any(|at| Slot::load(self.words, self.place.bucket, at).is_empty())
    }

    /// The place of the row at home, if there is one.
    pub(super) fn at_home(&self) -> Option<Slot> {
        let slot = Slot::load(self.words, self.place.bucket, HOME);
        slot.is_home().then_some(slot)
    }

    /// Whether a value has room at home.
    pub(super) fn fits_at_home(&self, value: &[u8]) -> bool {
        Header::of_value(value.len()).words() <= self.geometry.home_words
    }

    /// Puts a row in at home, which is free.
    pub(super) fn move_in(&mut self, prefix: &Prefix, value: &[u8]) {
        let header = Header::in_room(value.len(), self.geometry.home_words);
        self.write(self.place.home(), header, prefix, value);
        let slot = Slot::home(self.place.fingerprint);
        // Where all are kept a row is wanted anyway: no read has to note it.
        let slot = if self.geometry.keeps {
            slot.visited()
        } else {
            slot
        };
        slot.store(self.words, self.place.bucket, HOME);
        self.ring.at_home += 1;
        self.ring.rows += 1;
    }

    /// Puts a row in at home, if that is free.
    pub(super) fn put_at_home(&mut self, prefix: &Prefix, value: &[u8]) -> bool {
        let is_free = self.fits_at_home(value) && self.at_home().is_none();
        if is_free {
            self.move_in(prefix, value);
        }
        is_free
    }

    /// Puts a row that was wanted in at home, in the place of one that was not since another wanted it.
    fn bring_home(&mut self, prefix: &Prefix, value: &[u8]) -> bool {
        let fits = self.fits_at_home(value);
        match self.at_home().filter(|_| fits) {
            Some(slot) if slot.is_visited() => {
                slot.unvisited().store(self.words, self.place.bucket, HOME);
                return false;
            }
            Some(slot) => {
                self.wipe(slot.row(self.place));
                Slot::EMPTY.store(self.words, self.place.bucket, HOME);
                self.ring.at_home -= 1;
                self.ring.rows -= 1;
                self.ring.evictions += 1;
            }
            None => {}
        }
        self.put_at_home(prefix, value)
    }

    /// Puts a row in, in the room of the oldest if there is no other.
    fn put_at_the_head(&mut self, prefix: &Prefix, value: &[u8]) -> bool {
        let mut spared = Vec::new();
        let mut rounds = 0;
        let room = self.room(value.len(), &mut spared, &mut rounds);
        if let Some(row) = room {
            self.append(row, prefix, value);
            self.point(prefix, self.place, row);
        }
        // One that was wanted goes home, or is given another round, in a bucket that may be another.
        while let Some(Spared { prefix, value }) = spared.pop() {
            let place = self.geometry.place(&prefix);
            let is_other = place.bucket != self.place.bucket;
            if is_other {
                bucket::begin(self.words, place.bucket);
            }
            let is_home = self.at(&place).bring_home(&prefix, &value);
            if is_other {
                bucket::end(self.words, place.bucket, 0);
            }
            if is_home {
                continue;
            }
            // Room first, and then the change. To make room may change the same bucket: begun twice, its
            // stamp would look like a mark, which readers overlook, and the words written after that
            // are ordered behind nothing else. On a processor that reorders stores a reader could take
            // its entity's new head with the old bytes behind it for whole.
            let Some(row) = self.room(value.len(), &mut spared, &mut rounds) else {
                continue;
            };
            if is_other {
                bucket::begin(self.words, place.bucket);
            }
            self.append(row, &prefix, &value);
            self.point(&prefix, &place, row);
            if is_other {
                bucket::end(self.words, place.bucket, 0);
            }
        }
        room.is_some()
    }

    /// Lets a bucket point to a row: in an empty place, else in that of a row that nobody wanted.
    fn point(&mut self, prefix: &Prefix, place: &Place, row: usize) {
        let load = |at| Slot::load(self.words, place.bucket, at);
        let mut places = HOME + 1..SLOTS;
        let free = places.clone().find(|at| load(*at).is_empty());
        let at = match free.or_else(|| places.clone().find(|at| !load(*at).is_visited())) {
            Some(at) => at,
            None => {
                for at in places.clone() {
                    load(at).unvisited().store(self.words, place.bucket, at);
                }
                let any = usize::from(prefix[19]) % places.len();
                places.nth(any).expect("a bucket has places")
            }
        };
        if free.is_some() {
            self.ring.rows += 1;
        } else {
            self.wipe(load(at).row(place));
            self.ring.evictions += 1;
        }
        Slot::new(place.fingerprint, row).store(self.words, place.bucket, at);
    }

    fn append(&mut self, row: usize, prefix: &Prefix, value: &[u8]) {
        let at = place_in_words(self.place, row);
        self.write(at, Header::of_value(value.len()), prefix, value);
    }

    /// Writes a row to its words.
    pub(super) fn write(&mut self, at: usize, header: Header, prefix: &Prefix, value: &[u8]) {
        Wanted::of(prefix).store(header, self.words, at);
        ring::store_value(self.words, at, value);
    }

    /// Takes room for a value at the head of the ring; none if there is none within reason.
    fn room(
        &mut self,
        length: usize,
        spared: &mut Vec<Spared>,
        rounds: &mut usize,
    ) -> Option<usize> {
        let (words, all) = (Header::of_value(length).words(), self.geometry.arena_words);
        if words > all / 8 {
            return None;
        }
        loop {
            let rest = all - self.ring.head;
            let free = all - self.ring.used;
            if rest >= words && free >= words {
                let row = self.ring.head;
                self.ring.head = (row + words) % all;
                self.ring.used += words;
                return Some(row);
            }
            if rest < words && free >= rest {
                Header::gap(rest).store(self.words, place_in_words(self.place, self.ring.head));
                self.ring.head = 0;
                self.ring.used += rest;
            } else {
                self.evict(spared, rounds);
            }
        }
    }

    /// Frees the oldest words.
    fn evict(&mut self, spared: &mut Vec<Spared>, rounds: &mut usize) {
        let row = self.ring.tail;
        let at = place_in_words(self.place, row);
        let header = Header::load(self.words, at).expect("the tail is a row, or a gap");
        self.ring.tail = (row + header.words()) % self.geometry.arena_words;
        self.ring.used -= header.words();
        if header.is_gap() {
            return;
        }
        let prefix = ring::prefix_at(self.words, at);
        let place = self.geometry.place(&prefix);
        let points_here = |slot: &Slot| !slot.is_empty() && slot.at() == row;
        let mut slots = (0..SLOTS).map(|at| (Slot::load(self.words, place.bucket, at), at));
        // Where nobody points to it, a newer row has taken its place.
        let Some((slot, in_bucket)) = slots.find(|(slot, _)| points_here(slot)) else {
            return;
        };
        let is_other = place.bucket != self.place.bucket;
        if is_other {
            bucket::begin(self.words, place.bucket);
        }
        Slot::EMPTY.store(self.words, place.bucket, in_bucket);
        if is_other {
            bucket::end(self.words, place.bucket, 0);
        }
        self.ring.rows -= 1;
        if slot.is_visited() && *rounds < SPARED_MAX {
            *rounds += 1;
            let mut value = Vec::new();
            ring::copy_value(self.words, at, header.length(), &mut value);
            spared.push(Spared { prefix, value });
        } else {
            self.ring.evictions += 1;
        }
        self.wipe(at);
    }
}

fn place_in_words(place: &Place, row: usize) -> usize {
    place.arena + row
}
