//! Were these reads possible, where one thread alone puts, deletes and erases?
//!
//! Its acts stand in one order, and a read shows which one it comes after: the value of a put is its
//! number, and nothing is there after a delete or an erase. So a history is linearizable exactly when
//! every read can be given an act such that
//!
//! 1. no act that completed before the read began is a later one;
//! 2. the act was invoked before the read ended;
//! 3. a read that began after another had ended has no earlier act.
//!
//! Giving each read the earliest act that it can have, in the order in which reads began, leaves the
//! most room to those that follow.

/// What an act leaves, or what a read found: a number, zero where nothing is.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Call {
    pub(crate) invoked: u64,
    pub(crate) returned: u64,
    pub(crate) value: u32,
}

/// The first read that was impossible, given the acts in their order; before them nothing is there.
pub(crate) fn check(acts: &[Call], reads: &mut [Call]) -> Result<(), String> {
    reads.sort_unstable_by_key(|read| read.invoked);
    // What reads have shown, from the moment of their return on: the return, and the act.
    let mut shown: std::collections::BinaryHeap<std::cmp::Reverse<(u64, usize)>> =
        Default::default();
    let (mut known, mut completed) = (0, 0);
    for read in reads.iter() {
        while acts
            .get(completed)
            .is_some_and(|act| act.returned < read.invoked)
        {
            completed += 1;
        }
        known = known.max(completed);
        while let Some(std::cmp::Reverse((_, act))) =
            shown.peek().filter(|first| first.0.0 < read.invoked)
        {
            known = known.max(*act);
            shown.pop();
        }
        // Act number n is at n - 1; number zero is the beginning.
        let value = |act: usize| act.checked_sub(1).map_or(0, |at| acts[at].value);
        let possible = |act: &usize| *act == 0 || acts[act - 1].invoked < read.returned;
        let mut candidates = (known..=acts.len()).take_while(possible);
        let Some(act) = candidates.find(|act| value(*act) == read.value) else {
            let nearby = &acts[known.saturating_sub(2)..(known + 3).min(acts.len())];
            return Err(format!(
                "{read:?} comes after no act that it could: act {known} was known, around it {nearby:?}"
            ));
        };
        shown.push(std::cmp::Reverse((read.returned, act)));
    }
    Ok(())
}

/// The checker itself: each kind of impossible history is found, and a possible one passes.
pub(crate) fn check_the_checker() {
    let call = |invoked, returned, value| Call {
        invoked,
        returned,
        value,
    };
    let acts = [call(0, 10, 1), call(20, 30, 0), call(40, 50, 3)];
    let mut possible = [
        call(1, 2, 0),
        call(3, 21, 1),
        call(22, 23, 1),
        call(24, 41, 0),
        call(42, 60, 3),
    ];
    assert_eq!(check(&acts, &mut possible), Ok(()));
    let refused = |reads: &mut [Call]| {
        let found = check(&acts, reads).expect_err("it is impossible");
        assert!(found.contains("no act"), "{found}");
    };
    refused(&mut [call(11, 12, 0)]); // misses what completed
    refused(&mut [call(31, 32, 1)]); // an erase that has returned
    refused(&mut [call(31, 39, 3)]); // not invoked yet
    refused(&mut [call(1, 2, 1), call(3, 4, 0)]); // goes back
    refused(&mut [call(21, 22, 0), call(23, 24, 1)]); // the erase was seen already
}
