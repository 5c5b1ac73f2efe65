use super::*;
use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

mod keeping;
use keeping::keeping;

fn prefix(n: u64) -> Prefix {
    let mut prefix = [0; 20];
    prefix[3] = 7;
    // As even as a hash.
    let hash = u128::from(n).wrapping_mul(0x9E37_79B9_7F4A_7C15_F39C_C060_5CED_C835);
    prefix[4..].copy_from_slice(&(hash ^ hash >> 64).to_le_bytes());
    prefix
}

fn cache(bytes: u64) -> RowCache {
    RowCache::new(bytes, RowCache::TYPICAL_VALUE_BYTES).unwrap()
}

fn read(cache: &RowCache, prefix: &Prefix) -> (Sought, Vec<u8>) {
    let mut out = b"before".to_vec();
    let sought = cache.read(prefix, &mut out);
    (sought, out.split_off(6))
}

fn stamp(cache: &RowCache, prefix: &Prefix) -> Stamp {
    match read(cache, prefix).0 {
        Sought::Hit(stamp) | Sought::Miss(stamp) => stamp,
        Sought::Busy => panic!("nobody is writing"),
    }
}

fn write(cache: &RowCache, prefix: &Prefix, value: &[u8]) {
    let mut news = cache.news();
    news.put(prefix, value);
    news.mark().publish();
}

#[test]
fn what_was_filled_in_is_found_byte_by_byte() {
    let cache = cache(1 << 20);
    for length in [0, 1, 7, 8, 9, 100, 4_000] {
        let prefix = prefix(length);
        let value: Vec<u8> = (0..length).map(|n| n as u8).collect();
        assert!(matches!(read(&cache, &prefix).0, Sought::Miss(_)));
        cache.fill(&prefix, stamp(&cache, &prefix), &value);
        let (sought, found) = read(&cache, &prefix);
        assert!(
            matches!(sought, Sought::Hit(_)) && found == value,
            "{length}"
        );
    }
    assert_eq!(cache.counts().rows, 7);
}

#[test]
fn a_fill_from_before_a_commit_is_refused() {
    // Who is hurt: whoever asks after a write, and is told what was before it, for ever.
    let (cache, a) = (cache(1 << 20), prefix(1));
    let noted = stamp(&cache, &a);
    write(&cache, &a, b"new");
    cache.fill(&a, noted, b"old");
    assert_eq!(read(&cache, &a).1, b"new");
    // Also where the new row was driven out meanwhile, and nothing is there.
    let noted = stamp(&cache, &a);
    let mut news = cache.news();
    news.forget(&a);
    news.mark().publish();
    cache.fill(&a, noted, b"old");
    assert!(matches!(read(&cache, &a), (Sought::Miss(_), found) if found.is_empty()));
}

#[test]
fn while_a_commit_is_under_way_nothing_is_answered_and_nothing_filled_in() {
    let (cache, a) = (cache(1 << 20), prefix(1));
    write(&cache, &a, b"old");
    let noted = stamp(&cache, &a);
    let mut news = cache.news();
    news.put(&a, b"new");
    let marked = news.mark();
    assert_eq!(read(&cache, &a), (Sought::Busy, vec![]));
    assert!(!cache.is_still(&a, noted));
    cache.fill(&a, noted, b"old");
    assert_eq!(read(&cache, &a).0, Sought::Busy);
    marked.publish();
    assert_eq!(read(&cache, &a).1, b"new");
}

#[test]
fn a_copy_that_was_made_across_a_change_is_not_whole() {
    // Who is hurt: whoever is given half of one row and half of the next.
    let (cache, a) = (cache(1 << 20), prefix(1));
    write(&cache, &a, b"old");
    let (words, at) = (&cache.words, cache.geometry.place(&a).bucket);
    let before = bucket::stamp(words, at);
    let is_whole = || bucket::is_whole(before, bucket::stamp_now(words, at));
    assert!(is_whole());
    bucket::mark(words, at);
    assert!(is_whole(), "a commit begins, and has changed nothing yet");
    bucket::begin(words, at);
    assert!(!is_whole(), "it is being changed");
    bucket::end(words, at, 1);
    assert!(!is_whole(), "it was changed meanwhile");
    assert!(bucket::stamp(words, at).is_quiet());
}

#[test]
fn a_commit_of_unknown_outcome_is_forgotten() {
    let (cache, a) = (cache(1 << 20), prefix(1));
    write(&cache, &a, b"old");
    let mut news = cache.news();
    news.put(&a, b"new");
    drop(news.mark());
    assert!(matches!(read(&cache, &a).0, Sought::Miss(_)));
    assert_eq!(cache.counts().rows, 0);
}

#[test]
fn one_entity_in_two_views_is_two_rows() {
    let (cache, a) = (cache(1 << 20), prefix(1));
    let mut b = a;
    b[3] = 8;
    write(&cache, &a, b"of view 7");
    write(&cache, &b, b"of view 8");
    assert_eq!(read(&cache, &a).1, b"of view 7");
    assert_eq!(read(&cache, &b).1, b"of view 8");
}

#[test]
fn it_takes_no_more_than_it_was_given_and_what_is_wanted_stays() {
    let bytes = 1 << 20;
    let cache = cache(bytes);
    let wanted: Vec<Prefix> = (0..200).map(prefix).collect();
    for prefix in &wanted {
        write(&cache, prefix, &[1; 100]);
    }
    let mut lost = 0;
    for n in 1_000..101_000 {
        // A pass over everything, by which the wanted are asked for now and then.
        let cold = prefix(n);
        cache.fill(&cold, stamp(&cache, &cold), &[2; 100]);
        let asked = &wanted[n as usize % wanted.len()];
        if let (Sought::Miss(stamp), _) = read(&cache, asked) {
            lost += 1;
            cache.fill(asked, stamp, &[1; 100]);
        }
    }
    let counts = cache.counts();
    assert!(
        counts.used_bytes <= bytes && counts.capacity_bytes <= bytes,
        "{counts:?}"
    );
    assert!(
        counts.rows > 5_000 && counts.evictions > 90_000,
        "{counts:?}"
    );
    assert!(
        lost < 1_000,
        "of 100,000 reads of wanted rows {lost} missed"
    );
}

#[test]
fn in_any_order_of_writes_fills_and_evictions_a_hit_is_the_newest() {
    // Values of all lengths in a small cache: rows grow, shrink, wrap around and are driven out.
    let cache = cache(RowCache::BYTES_MIN);
    let mut newest: HashMap<u64, Vec<u8>> = HashMap::new();
    let mut noted: HashMap<u64, (Stamp, Vec<u8>)> = HashMap::new();
    let (mut random, mut hits) = (1u64, 0);
    for step in 0..200_000u64 {
        random = random
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(step);
        let (n, what) = (random >> 33 & 0x3FF, random >> 50 & 7);
        let prefix = prefix(n);
        let known = newest.get(&n).cloned().unwrap_or_default();
        match what {
            0 | 1 => {
                let value = vec![step as u8; (random >> 20 & 0xFF) as usize];
                write(&cache, &prefix, &value);
                newest.insert(n, value);
            }
            2 => {
                noted.insert(n, (stamp(&cache, &prefix), known));
            }
            3 => {
                // Perhaps long after it was noted.
                if let Some((stamp, value)) = noted.remove(&n) {
                    cache.fill(&prefix, stamp, &value);
                }
            }
            _ => {
                if let (Sought::Hit(_), found) = read(&cache, &prefix) {
                    assert_eq!(found, known, "step {step}");
                    hits += 1;
                }
            }
        }
    }
    assert!(hits > 10_000, "{hits}");
}

#[test]
fn what_is_read_while_it_changes_leads_nowhere_or_somewhere_and_never_to_a_panic() {
    // Who is hurt: a reader on a processor that reorders stores. Where a bucket goes on it may find bytes
    // of a row that was there before, as long as nobody has looked at the stamp.
    let cache = keeping();
    let place = cache.geometry.place(&prefix(1));
    let last = place.bucket + bucket::BUCKET_WORDS - 1;
    for odd in [
        1 << 46,
        1 << 46 | 1,
        u64::MAX,
        u64::MAX >> 1,
        1 << 47 | 1 << 46,
    ] {
        cache.words[last].store(odd, Ordering::Relaxed);
        assert!(keep::buckets(&cache.words, &place).count() <= 32, "{odd:x}");
        assert!(matches!(read(&cache, &prefix(1)), (Sought::Hit(_), none) if none.is_empty()));
    }
}

#[test]
fn memory_that_cannot_be_had_is_named_as_it_was_set() {
    let error = RowCache::new(u64::MAX, 100).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidArgument);
    assert!(
        error
            .to_string()
            .starts_with("a row cache of 18446744073709551615"),
        "{error}"
    );
    let error = RowCache::keeping(u64::MAX, 100).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidArgument);
    assert!(error.to_string().contains("resident"), "{error}");
}

#[test]
fn what_was_erased_is_in_no_word_of_the_memory() {
    // Who is hurt: whoever was erased, and is still there for whoever reads the process.
    let mut left = Vec::new();
    for (name, cache) in [
        ("asked for", cache(RowCache::BYTES_MIN)),
        ("resident", keeping()),
    ] {
        let secret = [0x5A; 400];
        for n in 0..20 {
            // Beside its bucket, and elsewhere.
            let length = if n % 2 == 0 { 24 } else { 400 };
            write(&cache, &prefix(n), &secret[..length]);
        }
        let at_home = cache.shards[0].lock().at_home;
        assert!((5..20).contains(&at_home), "{at_home}");
        // Others come, until it is driven out.
        for n in 20..1_000 {
            write(&cache, &prefix(n), &[1]);
        }
        for n in 0..20 {
            let mut news = cache.news();
            news.forget(&prefix(n));
            news.mark().publish();
        }
        let has = |word: &std::sync::atomic::AtomicU64| {
            word.load(Ordering::Relaxed) == 0x5A5A_5A5A_5A5A_5A5A
        };
        left.push((name, cache.words.iter().filter(|word| has(word)).count()));
    }
    assert_eq!(left, [("asked for", 0), ("resident", 0)]);
}

#[test]
fn a_row_that_is_wanted_comes_home_and_one_that_is_not_makes_way() {
    // Who is hurt: whoever reads few of many rows, and waits for the memory twice, since rows that came first
    // and are never asked for stand beside the buckets.
    let cache = cache(1 << 20);
    let wanted: Vec<Prefix> = (100_000..100_400).map(prefix).collect();
    // Homes are taken.
    (0..5_000).for_each(|n| write(&cache, &prefix(n), &[1; 100]));
    let at_home = |prefix: &Prefix| {
        let place = cache.geometry.place(prefix);
        (0..bucket::SLOTS).any(|at| {
            let slot = bucket::Slot::load(&cache.words, place.bucket, at);
            slot.is_home() && slot.has(place.fingerprint)
        })
    };
    let count = || wanted.iter().filter(|prefix| at_home(prefix)).count();
    for prefix in &wanted {
        cache.fill(prefix, stamp(&cache, prefix), &[2; 100]);
    }
    let before = count();
    for n in 5_000..40_000 {
        let cold = prefix(n);
        cache.fill(&cold, stamp(&cache, &cold), &[1; 100]);
        let asked = &wanted[n as usize % wanted.len()];
        if let (Sought::Miss(stamp), _) = read(&cache, asked) {
            cache.fill(asked, stamp, &[2; 100]);
        }
    }
    let after = count();
    assert!(before < 100 && after > 250, "{before} {after}");
    let counts = cache.counts();
    let homes: usize = cache.shards.iter().map(|shard| shard.lock().at_home).sum();
    assert!(homes as u64 * 5 > counts.rows, "{homes} of {counts:?}");
}

#[test]
fn what_is_written_drives_out_nothing_that_was_asked_for() {
    // Who is hurt: whoever reads a tenth of all rows while all are written, and finds each gone from memory.
    let cache = cache(1 << 20);
    let mut asked = 0;
    while cache.counts().evictions < 1_000 {
        let prefix = prefix(asked);
        cache.fill(&prefix, stamp(&cache, &prefix), &[1; 100]);
        asked += 1;
    }
    let is_here = |n: u64| matches!(read(&cache, &prefix(n)).0, Sought::Hit(_));
    let count = || (0..asked).filter(|n| is_here(*n)).count();
    let before = count();
    for n in 100_000..110_000 {
        write(&cache, &prefix(n), &[2; 100]);
    }
    assert_eq!(count(), before);
    // One that is there is kept, also where it outgrows its room; one that is not, once it is asked for.
    let n = (0..asked).find(|n| is_here(*n)).unwrap();
    write(&cache, &prefix(n), &[3; 400]);
    assert_eq!(read(&cache, &prefix(n)).1, [3; 400]);
    let n = (100_000..110_000).find(|n| !is_here(*n)).unwrap();
    cache.fill(&prefix(n), stamp(&cache, &prefix(n)), &[2; 100]);
    assert!(is_here(n));
}

#[test]
fn readers_beside_writers_see_whole_rows_of_one_state_that_never_go_back() {
    readers_beside_writers(&cache(RowCache::BYTES_MIN));
}

#[test]
fn so_do_readers_beside_a_writer_that_packs() {
    let cache = RowCache::keeping(256 << 10, 24).unwrap();
    for n in 0..2 * PAIRS {
        assert!(cache.load(&prefix(n), &encode(0)));
    }
    cache.loaded();
    readers_beside_writers(&cache);
    let counts = cache.counts();
    assert_eq!(
        (counts.rows, counts.evictions),
        (2 * PAIRS, 0),
        "{counts:?}"
    );
}

const PAIRS: u64 = 400;

fn value(version: u64) -> Vec<u8> {
    vec![version as u8; 8 + (version % 90) as usize]
}

fn encode(version: u64) -> Vec<u8> {
    [&version.to_le_bytes()[..], &value(version)].concat()
}

/// Two entities that are always written together, in a database of two numbers.
fn readers_beside_writers(cache: &RowCache) {
    let database: Vec<AtomicU64> = (0..PAIRS).map(|_| AtomicU64::new(0)).collect();
    let is_over = AtomicBool::new(false);
    let decode = |bytes: &[u8]| {
        let version = u64::from_le_bytes(*bytes.first_chunk().unwrap());
        assert_eq!(bytes, encode(version), "a torn row");
        version
    };
    let checked = AtomicU64::new(0);
    std::thread::scope(|scope| {
        let reader = |salt: u64| {
            let (database, is_over, checked) = (&database, &is_over, &checked);
            move || {
                let mut random = salt;
                while !is_over.load(Ordering::Relaxed) {
                    random = random
                        .wrapping_mul(6_364_136_223_846_793_005)
                        .wrapping_add(salt);
                    let pair = (random >> 40) % PAIRS;
                    let both = [prefix(2 * pair), prefix(2 * pair + 1)];
                    let before = database[pair as usize].load(Ordering::SeqCst);
                    let mut found = [None, None];
                    for (found, prefix) in found.iter_mut().zip(&both) {
                        match read(cache, prefix) {
                            (Sought::Hit(stamp), bytes) => {
                                let version = decode(&bytes);
                                let after = database[pair as usize].load(Ordering::SeqCst);
                                assert!(
                                    (before..=after).contains(&version),
                                    "{before} {version} {after}"
                                );
                                *found = Some((stamp, version));
                            }
                            (Sought::Miss(stamp), _) => {
                                let version = database[pair as usize].load(Ordering::SeqCst);
                                cache.fill(prefix, stamp, &encode(version));
                            }
                            (Sought::Busy, _) => {}
                        }
                    }
                    if let [Some((s0, v0)), Some((s1, v1))] = found
                        && cache.is_still(&both[0], s0)
                        && cache.is_still(&both[1], s1)
                    {
                        assert_eq!(v0, v1, "a pair of two states");
                        checked.fetch_add(1, Ordering::Relaxed);
                    }
                }
            }
        };
        let readers = [scope.spawn(reader(3)), scope.spawn(reader(5))];
        for round in 0..60_000u64 {
            let pair = round.wrapping_mul(0x9E37_79B9) % PAIRS;
            let version = database[pair as usize].load(Ordering::SeqCst) + 1;
            let mut news = cache.news();
            news.put(&prefix(2 * pair), &encode(version));
            news.put(&prefix(2 * pair + 1), &encode(version));
            let marked = news.mark();
            database[pair as usize].store(version, Ordering::SeqCst);
            marked.publish();
        }
        is_over.store(true, Ordering::Relaxed);
        for reader in readers {
            reader.join().unwrap();
        }
    });
    assert!(checked.load(Ordering::Relaxed) > 1_000, "{checked:?}");
}
