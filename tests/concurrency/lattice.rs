//! Were these reads and writes possible, one row at a time, where what is written only grows?
//!
//! A state is a vector of counters, one per writer, with the step of the clock as the last; writing
//! joins by maximum. So a state is a point of a lattice, and a history of joins and reads is
//! linearizable exactly when
//!
//! 1. a read is at least the join of all that completed before it began, reads included;
//! 2. a read is at most the join of all writes that were invoked before it ended;
//! 3. all reads are comparable.
//!
//! No search is needed: two sweeps and a sort, O(n log n).

/// Writers, and so counters.
pub(crate) const WRITERS: usize = 4;

/// The counters, and the step that the clock has reached: its steps are joins too.
pub(crate) type State = [u32; WRITERS + 1];

/// The place of the clock's step in a state.
pub(crate) const STEP: usize = WRITERS;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Joins the state.
    Write,
    /// Saw the state as it was at the clock's time.
    Latest,
    /// Saw the counters as of a time of its own: the clock's step is not in it.
    AsOf,
}

/// A read or a write of one row, with the moments of its call and its return.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Call {
    pub(crate) invoked: u64,
    pub(crate) returned: u64,
    pub(crate) state: State,
    pub(crate) kind: Kind,
}

fn join(a: State, b: State) -> State {
    std::array::from_fn(|i| a[i].max(b[i]))
}

fn is_below(a: &State, b: &State) -> bool {
    a.iter().zip(b).all(|(a, b)| a <= b)
}

/// The first thing that is impossible about a history: of the counters, then of the clock's step.
///
/// Each by itself: a read asks the clock first and the rows after, so one that was held up in between
/// shows newer rows as of an earlier step, which is a true answer for its `now`.
pub(crate) fn check(calls: &[Call]) -> Result<(), String> {
    let counters = calls.iter().map(|call| {
        let mut call = *call;
        call.state[STEP] = 0;
        call
    });
    check_whole(&counters.collect::<Vec<_>>())?;
    let of_clock = calls.iter().filter(|call| call.kind != Kind::AsOf);
    let steps = of_clock.map(|call| {
        let mut state = State::default();
        state[STEP] = call.state[STEP];
        Call { state, ..*call }
    });
    check_whole(&steps.collect::<Vec<_>>())
}

fn check_whole(calls: &[Call]) -> Result<(), String> {
    let reads: Vec<&Call> = calls.iter().filter(|c| c.kind != Kind::Write).collect();
    at_least_what_completed(calls, &reads)?;
    at_most_what_was_invoked(calls, &reads)?;
    comparable(&reads)
}

fn at_least_what_completed(calls: &[Call], reads: &[&Call]) -> Result<(), String> {
    let mut completed: Vec<&Call> = calls.iter().collect();
    completed.sort_unstable_by_key(|call| call.returned);
    let mut by_start = reads.to_vec();
    by_start.sort_unstable_by_key(|read| read.invoked);
    let (mut known, mut next) = (State::default(), 0);
    for read in by_start {
        while let Some(call) = completed.get(next).filter(|c| c.returned < read.invoked) {
            known = join(known, call.state);
            next += 1;
        }
        if !is_below(&known, &read.state) {
            return Err(format!("{read:?} misses {known:?}, which had completed"));
        }
    }
    Ok(())
}

fn at_most_what_was_invoked(calls: &[Call], reads: &[&Call]) -> Result<(), String> {
    let mut writes: Vec<&Call> = calls.iter().filter(|c| c.kind == Kind::Write).collect();
    writes.sort_unstable_by_key(|write| write.invoked);
    let mut by_end = reads.to_vec();
    by_end.sort_unstable_by_key(|read| read.returned);
    let (mut possible, mut next) = (State::default(), 0);
    for read in by_end {
        while let Some(write) = writes.get(next).filter(|w| w.invoked < read.returned) {
            possible = join(possible, write.state);
            next += 1;
        }
        if !is_below(&read.state, &possible) {
            return Err(format!(
                "{read:?} is beyond {possible:?}, all that was invoked"
            ));
        }
    }
    Ok(())
}

/// If all are comparable, the order of their sums is the order of the chain.
fn comparable(reads: &[&Call]) -> Result<(), String> {
    let mut chain = reads.to_vec();
    chain.sort_unstable_by_key(|read| read.state.iter().map(|n| u64::from(*n)).sum::<u64>());
    for pair in chain.windows(2) {
        if !is_below(&pair[0].state, &pair[1].state) {
            return Err(format!(
                "{:?} and {:?} are not comparable",
                pair[0], pair[1]
            ));
        }
    }
    Ok(())
}

/// The checker itself: each kind of impossible history is found, and a possible one passes.
pub(crate) fn check_the_checker() {
    let call = |invoked, returned, first, second, step, kind| Call {
        invoked,
        returned,
        state: [first, second, 0, 0, step],
        kind,
    };
    let write = |from, to, first, second| call(from, to, first, second, 0, Kind::Write);
    let read = |from, to, first, second| call(from, to, first, second, 0, Kind::Latest);
    let possible = [
        write(0, 10, 1, 0),
        read(1, 2, 0, 0),
        read(3, 4, 1, 0),
        read(11, 12, 1, 0),
        call(12, 13, 0, 0, 1, Kind::Write),
        call(14, 15, 1, 0, 1, Kind::Latest),
        call(16, 17, 1, 0, 0, Kind::AsOf),
        // Two that asked the clock and the rows in another order.
        write(20, 21, 2, 0),
        call(18, 30, 1, 0, 2, Kind::Latest),
        call(18, 30, 2, 0, 1, Kind::Latest),
        call(19, 20, 0, 0, 2, Kind::Write),
    ];
    assert_eq!(check(&possible), Ok(()));
    let refused = |calls: &[Call], why: &str| {
        let found = check(calls).expect_err(why);
        assert!(found.contains(why), "{found}");
    };
    refused(&[write(0, 1, 1, 0), read(2, 3, 0, 0)], "misses");
    refused(
        &[write(0, 9, 1, 0), read(1, 2, 1, 0), read(3, 4, 0, 0)],
        "misses",
    );
    refused(&[read(0, 1, 1, 0), write(2, 3, 1, 0)], "is beyond");
    let crossed = |first, second| {
        [
            write(0, 9, 1, 0),
            write(0, 9, 0, 1),
            call(1, 5, 1, 0, 0, first),
            call(2, 6, 0, 1, 0, second),
        ]
    };
    refused(&crossed(Kind::Latest, Kind::Latest), "not comparable");
    refused(&crossed(Kind::Latest, Kind::AsOf), "not comparable");
    let step = call(0, 1, 0, 0, 1, Kind::Write);
    refused(&[step, call(2, 3, 0, 0, 0, Kind::Latest)], "misses");
}
