//! What a cache promises that gives no row up.

use super::*;

/// A small cache that gives no row up, for small rows.
pub(super) fn keeping() -> RowCache {
    let cache = RowCache::keeping(RowCache::BYTES_MIN, 24).unwrap();
    cache.loaded();
    cache
}

#[test]
fn a_cache_that_gives_no_row_up_holds_more_rows_in_a_bucket_than_it_has_places() {
    let cache = keeping();
    // Of 128 buckets with seven places each.
    for n in 0..1_000 {
        write(&cache, &prefix(n), &n.to_le_bytes());
    }
    let counts = cache.counts();
    assert_eq!((counts.rows, counts.evictions), (1_000, 0));
    assert!(counts.used_bytes <= counts.capacity_bytes, "{counts:?}");
    for n in 0..1_000 {
        let (sought, found) = read(&cache, &prefix(n));
        assert!(matches!(sought, Sought::Hit(_)) && found == n.to_le_bytes());
    }
    assert!(matches!(read(&cache, &prefix(1_000)), (Sought::Hit(_), none) if none.is_empty()));
}

#[test]
fn a_small_cache_that_gives_no_row_up_has_a_large_row_while_there_is_room() {
    // Who is hurt: whoever was promised that all rows up to 64 KiB are in memory while they fit.
    let cache = keeping();
    let large = vec![7; 40_000];
    write(&cache, &prefix(1), &large);
    let (sought, found) = read(&cache, &prefix(1));
    assert!(matches!(sought, Sought::Hit(_)) && found == large);
    assert!(cache.is_complete());
    // Not one for which there is none.
    write(&cache, &prefix(2), &large);
    assert!(matches!(read(&cache, &prefix(2)).0, Sought::Miss(_)));
    assert_eq!((cache.counts().rows, cache.is_complete()), (1, false));
}

#[test]
fn a_row_that_still_finds_no_room_is_not_counted_as_put_back() {
    let cache = keeping();
    write(&cache, &prefix(1), &vec![7; 40_000]);
    write(&cache, &prefix(2), &vec![7; 40_000]);
    let noted = stamp(&cache, &prefix(2));
    cache.fill(&prefix(2), noted, &vec![7; 40_000]);
    assert_eq!(cache.counts().fills, 0);
    let noted = stamp(&cache, &prefix(3));
    cache.fill(&prefix(3), noted, b"small");
    assert_eq!(cache.counts().fills, 1);
}

#[test]
fn room_that_is_given_back_is_used_again_by_rows_of_its_size() {
    // Nobody has to pack: of three sizes there are as many rooms as there were rows of each.
    let cache = keeping();
    for round in 0..1_000u64 {
        for n in 0..100 {
            write(&cache, &prefix(n), &vec![7; (round % 3 * 40) as usize + 1]);
        }
        for n in 0..100 {
            let mut news = cache.news();
            news.forget(&prefix(n));
            news.mark().publish();
        }
        assert_eq!(cache.counts().rows, 0);
    }
    let counts = cache.counts();
    assert_eq!((counts.evictions, counts.is_complete), (0, true));
}

#[test]
fn rows_that_outgrow_their_rooms_are_packed_while_there_is_room_for_all() {
    // Who is hurt: whoever has left half as much again as the rows take, and sees most of them left out for
    // rooms that nobody can use.
    let cache = keeping();
    let value = |n: u64, length: usize| vec![n as u8 | 0x80; length];
    let count = 240;
    for length in [80, 120, 160] {
        for n in 0..count {
            write(&cache, &prefix(n), &value(n, length));
            // One that was not touched, and one that is not there.
            let other = (n + count / 2) % count;
            let (sought, found) = read(&cache, &prefix(other));
            assert!(matches!(sought, Sought::Hit(_)), "{length} {n}");
            assert!(found.first().is_none_or(|byte| *byte == other as u8 | 0x80));
            let (sought, found) = read(&cache, &prefix(count + n));
            assert!(matches!(sought, Sought::Hit(_)) && found.is_empty());
        }
        let counts = cache.counts();
        assert_eq!((counts.rows, counts.evictions), (count, 0), "{length}");
        assert!(counts.used_bytes <= counts.capacity_bytes, "{counts:?}");
        for n in 0..count {
            let (sought, found) = read(&cache, &prefix(n));
            assert!(matches!(sought, Sought::Hit(_)) && found == value(n, length));
        }
    }
    // Of rows that have moved nothing is left where they were.
    for n in 0..count {
        let mut news = cache.news();
        news.forget(&prefix(n));
        news.mark().publish();
    }
    let of_a_row = |word: &std::sync::atomic::AtomicU64| {
        let bytes = word.load(Ordering::Relaxed).to_le_bytes();
        bytes[0] >= 0x80 && bytes.iter().all(|byte| *byte == bytes[0])
    };
    assert_eq!(cache.words.iter().filter(|word| of_a_row(word)).count(), 0);
}

#[test]
fn what_all_rows_take_is_told_before_they_are_loaded() {
    // Who is hurt: whoever names no size, and finds rows left out at open, or twice the memory gone.
    for length in [8, 40, 100, 190, 300, 440, 1_000, 5_000] {
        let (rows, mut bytes) = (20_000, 0);
        let lengths = |n: u64| length - (n % 3) as usize * (length / 8);
        for n in 0..rows {
            bytes += RowCache::bytes_of_row(lengths(n)).unwrap();
        }
        let told = RowCache::bytes_of_rows(rows, bytes, length);
        let slack = told / 20;
        let cache = RowCache::keeping(told + slack, length).unwrap();
        (0..rows)
            .for_each(|n| assert!(cache.load(&prefix(n), &vec![7; lengths(n)]), "{length} {n}"));
        cache.loaded();
        assert!(cache.is_complete());
        let used = cache.counts().used_bytes as f64 / told as f64;
        assert!((0.8..1.05).contains(&used), "{length}: {used}");
    }
}

#[test]
fn room_in_rooms_that_are_too_large_is_found_too() {
    // Who is hurt: whoever has a few large rows that shrink or go, and is told that the memory is full.
    for shrinks in [false, true] {
        let cache = keeping();
        write(&cache, &prefix(0), &[1; 40_000]);
        // Until the rest is full.
        (1..=64).for_each(|n| write(&cache, &prefix(n), &[2; 100]));
        let mut news = cache.news();
        match shrinks {
            true => news.put(&prefix(0), &[1; 100]),
            false => news.forget(&prefix(0)),
        }
        news.mark().publish();
        (65..280).for_each(|n| write(&cache, &prefix(n), &[2; 100]));
        let counts = cache.counts();
        let rows = 279 + u64::from(shrinks);
        assert_eq!(
            (counts.rows, counts.is_complete),
            (rows, true),
            "{counts:?}"
        );
        assert!((1..280).all(|n| read(&cache, &prefix(n)).1 == [2; 100]));
    }
}

#[test]
fn of_several_shards_each_is_packed_alone() {
    let cache = RowCache::keeping(17 << 20, 100).unwrap();
    cache.loaded();
    assert!(cache.shards.len() > 1);
    let value = |n: u64, length: usize| n.to_le_bytes().repeat(length / 8);
    let count = 55_000;
    for length in [88, 120, 160] {
        (0..count).for_each(|n| write(&cache, &prefix(n), &value(n, length)));
        let counts = cache.counts();
        assert_eq!((counts.rows, counts.evictions), (count, 0), "{counts:?}");
        assert!((0..count).all(|n| read(&cache, &prefix(n)).1 == value(n, length)));
    }
}

#[test]
fn a_reader_packs_nothing() {
    // Who is hurt: whoever has microseconds for a read, and is made to move a shard.
    let cache = keeping();
    let count = 250;
    for length in [80, 160, 240, 320] {
        for n in 0..count {
            write(&cache, &prefix(n), &vec![1; length]);
        }
    }
    let before = cache.counts();
    assert!(before.evictions > 0 && before.rows < count, "{before:?}");
    // Room for a few that are large, in pieces.
    for n in (0..count).step_by(2) {
        let mut news = cache.news();
        news.forget(&prefix(n));
        news.mark().publish();
    }
    let heads = || {
        cache
            .shards
            .iter()
            .map(|shard| shard.lock().head)
            .sum::<usize>()
    };
    let head = heads();
    let entity = prefix(count);
    let Sought::Miss(stamp) = read(&cache, &entity).0 else {
        panic!("rows were left out");
    };
    cache.fill(&entity, stamp, &[2; 2_000]);
    assert!(matches!(read(&cache, &entity).0, Sought::Miss(_)));
    assert_eq!(heads(), head);
    // A writer does.
    write(&cache, &entity, &[2; 2_000]);
    assert!(matches!(read(&cache, &entity).0, Sought::Hit(_)));
    assert!(heads() < head);
}

#[test]
fn a_reader_does_not_wait_for_a_shard_that_is_being_packed() {
    // Who is hurt: whoever reads a row that was left out while a writer moves thousands.
    let cache = keeping();
    let entity = prefix(1);
    let noted = stamp(&cache, &entity);
    let held = cache.shards[0].lock();
    cache.fill(&entity, noted, b"a row");
    drop(held);
    assert_eq!(cache.counts().rows, 0);
    cache.fill(&entity, noted, b"a row");
    assert_eq!(cache.counts().rows, 1);
}

#[test]
fn large_rows_have_larger_shards() {
    // Who is hurt: whoever names the size that rows take, and is refused for one unlucky shard of a thousand.
    let gib = 1 << 30;
    for typical in [100, 60_000] {
        let cache = RowCache::keeping(gib, typical).unwrap();
        let of_shard = gib as usize / cache.shards.len();
        assert!(of_shard >= 2_048 * typical, "{typical}: {of_shard}");
        assert!(cache.shards.len() > 4);
    }
}

#[test]
fn a_row_that_finds_no_room_is_never_taken_for_none() {
    // Who is hurt: whoever outgrows the memory, and is told that the newest do not exist.
    let cache = keeping();
    let mut newest: HashMap<u64, Vec<u8>> = HashMap::new();
    let (mut random, mut hits, mut none, mut misses) = (1u64, 0, 0, 0);
    for step in 0..100_000u64 {
        random = random
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(step);
        // More and more entities, of which one in ten goes again.
        let n = (random >> 33) % (1 + step / 100);
        let prefix = prefix(n);
        match random >> 50 & 7 {
            0 | 1 => {
                let value = vec![step as u8; 1 + (random >> 20 & 0x7F) as usize];
                write(&cache, &prefix, &value);
                newest.insert(n, value);
            }
            2 if step % 10 == 0 => {
                let mut news = cache.news();
                news.forget(&prefix);
                news.mark().publish();
                newest.remove(&n);
            }
            _ => match (read(&cache, &prefix), newest.get(&n)) {
                ((Sought::Hit(_), found), known) => {
                    assert_eq!(found, known.cloned().unwrap_or_default(), "step {step}");
                    hits += u32::from(known.is_some());
                    none += u32::from(known.is_none());
                }
                ((Sought::Miss(stamp), _), known) => {
                    assert!(!cache.is_complete(), "step {step}");
                    cache.fill(&prefix, stamp, known.map_or(&[][..], |value| value));
                    misses += 1;
                }
                ((Sought::Busy, _), _) => panic!("nobody is writing"),
            },
        }
    }
    assert!(
        hits > 10_000 && none > 100 && misses > 5_000,
        "{hits} {none} {misses}"
    );
    let counts = cache.counts();
    assert!(counts.evictions > 100 && counts.rows > 300, "{counts:?}");
    assert!(counts.used_bytes <= counts.capacity_bytes, "{counts:?}");
}

#[test]
fn a_commit_of_unknown_outcome_ends_that_all_rows_are_here() {
    let (cache, a) = (keeping(), prefix(1));
    let mut news = cache.news();
    news.put(&a, b"perhaps");
    drop(news.mark());
    assert!(!cache.is_complete());
    assert!(matches!(read(&cache, &a).0, Sought::Miss(_)));
    // One that was refused does not.
    let cache = keeping();
    write(&cache, &a, b"old");
    let mut news = cache.news();
    news.put(&a, b"new");
    let marked = news.mark();
    assert_eq!(read(&cache, &a).0, Sought::Busy);
    marked.withdraw();
    assert!(matches!(read(&cache, &a), (Sought::Hit(_), found) if found == b"old"));
    assert!(cache.is_complete());
}
