//! Equal sets are equal stores, however the rows came in.

use crate::weather::{RowOf, World, at, weather};
use asof::*;

/// Numbers that look random and are the same in every run (Knuth's multiplier).
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, n: u64) -> u64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % n
    }

    fn shuffle<T>(&mut self, items: &mut [T]) {
        for at in (1..items.len()).rev() {
            items.swap(at, self.below(at as u64 + 1) as usize);
        }
    }
}

const ORIGINS: [&str; 5] = ["EWR", "JFK", "LGA", "BOS", "ORD"];

/// Rows that often meet in one instant.
fn rows(numbers: &mut Numbers) -> Vec<RowOf<'static>> {
    let row = |numbers: &mut Numbers| {
        let op = [Op::Put, Op::Patch, Op::Patch, Op::Delete][numbers.below(4) as usize];
        let et = at(numbers.below(20) as i64);
        let value = |n: u64| (n < 3).then_some(n as f64);
        let (temp, gust) = match op {
            Op::Delete => (None, None),
            Op::Patch => (Some(numbers.below(3) as f64), value(numbers.below(6))),
            Op::Put => (value(numbers.below(6)), value(numbers.below(6))),
        };
        let rec = [None, Some(et), Some(at(20))][numbers.below(3) as usize];
        RowOf {
            op,
            origin: ORIGINS[numbers.below(5) as usize],
            et,
            rec,
            temp,
            gust,
        }
    };
    (0..400).map(|_| row(numbers)).collect()
}

/// Every latest answer in words.
fn answers(world: &World) -> Vec<String> {
    let ask = |origin: &&str| {
        let row = world
            .store
            .get(&world.view(), &world.entity(origin), Question::latest())
            .unwrap();
        let features: Vec<String> = row
            .iter()
            .map(|(_, answer)| format!("{:?}", answer.unwrap()))
            .collect();
        format!("{origin} {:?} {features:?}", row.verdict())
    };
    ORIGINS.iter().map(ask).collect()
}

#[test]
fn equal_sets_have_equal_digests_and_answers_however_they_came_in() {
    // Who is hurt: whoever rebuilds a store from its log and compares.
    let mut numbers = Numbers(2013);
    let rows = rows(&mut numbers);
    let mut first: Option<(SetDigest, Vec<String>)> = None;
    for (batch_rows, repeats, compacts) in [
        (400, 1, false),
        (1, 1, true),
        (7, 2, false),
        (100, 3, true),
        (1, 2, false),
    ] {
        let mut said: Vec<RowOf<'_>> = rows.iter().flat_map(|row| vec![*row; repeats]).collect();
        numbers.shuffle(&mut said);
        let world = World::with(weather().max_skew(MaxSkew::Forever));
        for (number, chunk) in said.chunks(batch_rows).enumerate() {
            let mut batch = WriteBatch::new();
            chunk
                .iter()
                .for_each(|row| row.add(&mut batch, &world.view()));
            world.store.write(batch, WriteOptions::buffered()).unwrap();
            if compacts && number % 100 == 3 {
                world.store.compact().unwrap();
            }
        }
        let report = world.store.verify(&mut |_| {}).unwrap();
        assert!(report.is_clean(), "{report:?}");
        let world = world.reopen();
        let found = (world.store.digest(&world.view()).unwrap(), answers(&world));
        assert_eq!(
            *first.get_or_insert(found.clone()),
            found,
            "batches of {batch_rows}, {repeats} times"
        );
        world.clock.set(at(24));
        assert_eq!(
            world.store.verify(&mut |_| {}).unwrap().conflicts,
            report.conflicts
        );
    }
}

#[test]
fn one_version_more_is_another_digest() {
    let world = World::with(weather());
    let mut seen = std::collections::HashSet::new();
    assert!(seen.insert(format!("{:?}", world.store.digest(&world.view()).unwrap())));
    for (hour, temp) in [(1, 1.0), (2, 1.0), (2, 2.0)] {
        world.write(crate::weather::put("EWR", at(hour), temp));
        assert!(seen.insert(format!("{:?}", world.store.digest(&world.view()).unwrap())));
        world.write(crate::weather::put("EWR", at(hour), temp));
        assert!(!seen.insert(format!("{:?}", world.store.digest(&world.view()).unwrap())));
    }
    world.write(crate::weather::delete("JFK", at(1)));
    assert!(seen.insert(format!("{:?}", world.store.digest(&world.view()).unwrap())));
}
