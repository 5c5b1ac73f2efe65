//! `history`: what was written about one entity, each version once, in version order.

use crate::weather::{World, at, delete, patch, put, weather};
use asof::*;

/// Hours and ops of the versions that a range holds.
fn listed(world: &World, range: HistoryRange) -> Vec<(i64, Op)> {
    let history = world
        .store
        .history(&world.view(), &world.entity("EWR"), range)
        .unwrap();
    history
        .map(|version| version.unwrap())
        .map(|v| (hour(v.event_time()), v.op()))
        .collect()
}

fn hours(world: &World, range: HistoryRange) -> Vec<i64> {
    listed(world, range)
        .into_iter()
        .map(|(hour, _)| hour)
        .collect()
}

fn hour(t: Timestamp) -> i64 {
    (t.micros_since(at(0)) / 3_600_000_000) as i64
}

fn range() -> HistoryRange {
    HistoryRange::default()
}

/// Every hour from 1 to 9, every third a Delete, the neighbours busy too.
fn world() -> World {
    let world = World::with(weather().ttl(Span::hours(1)).max_skew(MaxSkew::Forever));
    for n in 1..10 {
        let row = if n % 3 == 0 {
            delete("EWR", at(n))
        } else {
            put("EWR", at(n), n as f64)
        };
        world.write(row.recorded(at(10 - n)));
        world.write(put("JFK", at(n), n as f64));
        world.write(put("LGA", at(n), n as f64));
    }
    world
}

#[test]
fn everything_that_was_written_is_listed_in_both_directions() {
    // Who is hurt: whoever has to explain an answer. Deletes, expired and future rows belong to it.
    let world = world();
    world.write(put("EWR", at(20), 1.0));
    for _ in 0..2 {
        let mut expected: Vec<i64> = (1..10).chain([20]).collect();
        assert_eq!(hours(&world, range()), expected);
        let deletes = listed(&world, range())
            .iter()
            .filter(|(_, op)| *op == Op::Delete)
            .count();
        assert_eq!(deletes, 3);
        expected.reverse();
        assert_eq!(
            hours(
                &world,
                HistoryRange {
                    reverse: true,
                    ..range()
                }
            ),
            expected
        );
        world.store.compact().unwrap();
    }
    let other = world
        .store
        .history(&world.view(), &world.entity("nobody"), range())
        .unwrap();
    assert_eq!(other.count(), 0);
}

#[test]
fn bounds_are_inclusive_and_a_limit_counts_from_where_the_list_begins() {
    let world = world();
    for (from, to) in [
        (None, None),
        (Some(3), None),
        (None, Some(5)),
        (Some(3), Some(5)),
        (Some(5), Some(3)),
        (Some(4), Some(4)),
    ] {
        let inside = |n: &i64| from.is_none_or(|from| *n >= from) && to.is_none_or(|to| *n <= to);
        let oldest_first: Vec<i64> = (1..10).filter(inside).collect();
        for limit in [None, Some(0), Some(1), Some(2), Some(100)] {
            for reverse in [false, true] {
                let mut expected = oldest_first.clone();
                if reverse {
                    expected.reverse();
                }
                expected.truncate(limit.unwrap_or(100) as usize);
                let asked = HistoryRange {
                    from: from.map(at),
                    to: to.map(at),
                    reverse,
                    limit,
                    known_at: None,
                };
                assert_eq!(hours(&world, asked), expected, "{asked:?}");
            }
        }
    }
    let micro = Span::micros(1);
    let just_after = HistoryRange {
        from: Some(at(3).saturating_add(micro)),
        ..range()
    };
    assert_eq!(hours(&world, just_after), [4, 5, 6, 7, 8, 9]);
    let just_before = HistoryRange {
        to: Some(at(3).saturating_sub(micro)),
        ..range()
    };
    assert_eq!(hours(&world, just_before), [1, 2]);
    let ends = HistoryRange {
        from: Some(Timestamp::MIN),
        to: Some(Timestamp::MAX),
        ..range()
    };
    assert_eq!(hours(&world, ends).len(), 9);
    assert_eq!(
        hours(
            &world,
            HistoryRange {
                reverse: true,
                ..ends
            }
        )
        .len(),
        9
    );
}

#[test]
fn known_at_lists_what_was_recorded_by_then() {
    let world = world();
    // Hour n was recorded at hour 10 - n.
    for reverse in [false, true] {
        let mut expected = vec![6, 7, 8, 9];
        if reverse {
            expected.reverse();
        }
        let asked = HistoryRange {
            known_at: Some(at(4)),
            reverse,
            ..range()
        };
        assert_eq!(hours(&world, asked), expected);
        let first = HistoryRange {
            limit: Some(1),
            ..asked
        };
        assert_eq!(hours(&world, first), expected[..1]);
    }
}

#[test]
fn of_one_instant_every_version_is_listed_losers_included() {
    // Who is hurt: whoever looks for the contradiction that verify has counted.
    let world = World::with(weather());
    for temp in [1.0, 2.0, 3.0] {
        world.write(put("EWR", at(6), temp));
    }
    world.write(patch("EWR", at(6), 9.0));
    world.write(put("EWR", at(6), 4.0).recorded(at(7)));
    world.write(put("EWR", at(6), 1.0));
    let history = |reverse| -> Vec<Version> {
        let asked = HistoryRange { reverse, ..range() };
        let history = world
            .store
            .history(&world.view(), &world.entity("EWR"), asked)
            .unwrap();
        history.map(Result::unwrap).collect()
    };
    let versions = history(false);
    let ops: Vec<(Op, i64)> = versions
        .iter()
        .map(|v| (v.op(), hour(v.recorded_at())))
        .collect();
    assert_eq!(
        ops,
        [
            (Op::Put, 6),
            (Op::Put, 6),
            (Op::Put, 6),
            (Op::Patch, 6),
            (Op::Put, 7)
        ]
    );
    let digests: Vec<_> = versions[..3].iter().map(|v| v.digest().unwrap()).collect();
    assert!(digests.is_sorted() && digests[0] != digests[1] && digests[1] != digests[2]);
    let mut backwards: Vec<_> = history(true).iter().map(|v| v.digest().unwrap()).collect();
    backwards.reverse();
    assert_eq!(
        backwards,
        versions
            .iter()
            .map(|v| v.digest().unwrap())
            .collect::<Vec<_>>()
    );
    // Of the three Puts each contradicts the others, and the Patch all three.
    let report = world.store.verify(&mut |_| {}).unwrap();
    assert_eq!(
        (report.conflicts, report.is_clean()),
        (6, true),
        "{report:?}"
    );
}

#[test]
fn with_a_floor_the_list_begins_with_marked_base_rows() {
    // Who is hurt: whoever takes the row on which history begins for the first there ever was.
    let world = World::with(weather().history(Retention::Window(Span::hours(2))));
    for n in [1, 2, 3] {
        world.write(put("EWR", at(n), n as f64));
    }
    world.write(patch("EWR", at(4), 4.0));
    world.write(patch("EWR", at(5), 5.0));
    world.write(put("EWR", at(8), 8.0));
    world.write(put("EWR", at(9), 9.0));
    world.store.sync().unwrap();
    assert_eq!(world.store.floor(&world.view()).unwrap(), Some(at(7)));
    for _ in 0..2 {
        for (reverse, expected) in [
            (false, [(3, true), (5, true), (8, false), (9, false)]),
            (true, [(9, false), (8, false), (5, true), (3, true)]),
        ] {
            let asked = HistoryRange { reverse, ..range() };
            let history = world
                .store
                .history(&world.view(), &world.entity("EWR"), asked)
                .unwrap();
            let found: Vec<(i64, bool)> = history
                .map(|v| v.map(|v| (hour(v.event_time()), v.is_base())).unwrap())
                .collect();
            assert_eq!(found, expected);
            let limited = HistoryRange {
                limit: Some(3),
                ..asked
            };
            assert_eq!(
                hours(&world, limited),
                expected[..3]
                    .iter()
                    .map(|(hour, _)| *hour)
                    .collect::<Vec<_>>()
            );
        }
        assert_eq!(
            hours(
                &world,
                HistoryRange {
                    from: Some(at(7)),
                    ..range()
                }
            ),
            [8, 9]
        );
        assert_eq!(
            hours(
                &world,
                HistoryRange {
                    to: Some(at(7)),
                    ..range()
                }
            ),
            [3, 5]
        );
        assert_eq!(
            hours(
                &world,
                HistoryRange {
                    to: Some(at(7)),
                    reverse: true,
                    ..range()
                }
            ),
            [5, 3]
        );
        let versions = world.store.versions(&world.view()).unwrap();
        assert_eq!(
            versions.filter(|v| v.as_ref().unwrap().1.is_base()).count(),
            2
        );
        world.store.compact().unwrap();
    }
    let early = Some(at(7).saturating_sub(Span::micros(1)));
    for asked in [
        HistoryRange {
            from: early,
            ..range()
        },
        HistoryRange {
            to: early,
            ..range()
        },
        HistoryRange {
            known_at: early,
            ..range()
        },
    ] {
        let error = world
            .store
            .history(&world.view(), &world.entity("EWR"), asked)
            .unwrap_err();
        assert_eq!(
            error.kind(),
            ErrorKind::BeyondHistory {
                floor: at(7).micros()
            },
            "{asked:?}"
        );
    }
}

#[test]
fn an_explanation_names_the_versions_a_read_looked_at() {
    let world = World::with(weather());
    world.write(put("EWR", at(5), 0.0));
    world.write(put("EWR", at(6), 1.0));
    world.write(patch("EWR", at(7), 2.0).recorded(at(9)));
    let explain = |question| {
        world
            .store
            .explain(&world.view(), &world.entity("EWR"), question)
            .unwrap()
    };
    let explained = explain(Question::latest());
    let found: Vec<(Op, i64, &str)> = explained
        .versions
        .iter()
        .map(|v| (v.op, hour(v.event_time), v.rule.name()))
        .collect();
    assert_eq!(
        found,
        [
            (Op::Patch, 7, "decides"),
            (Op::Put, 6, "decides"),
            (Op::Put, 5, "hidden_by_put")
        ]
    );
    assert_eq!(explained.versions[0].decides, ["gust"]);
    assert_eq!(explained.versions[1].decides, ["temp"]);
    let then = explain(Question::as_of(at(8)).known_at(at(8)));
    assert_eq!(then.versions[0].rule, Rule::NotKnownYet);
    assert_eq!(then.features[1].because, Because::LeftOutByPut);
    let before = explain(Question::as_of(at(4)));
    assert!(before.versions.iter().all(|v| v.rule == Rule::InTheFuture));
    assert_eq!(before.features[0].because, Because::OnlyInTheFuture);
}
