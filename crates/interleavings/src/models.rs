//! The promises.

mod cache;
mod commits;
mod durable;
mod stripes;

/// A promise by its name, and a program of a few threads that would break it.
pub(crate) struct Model {
    pub(crate) name: &'static str,
    pub(crate) run: fn(),
}

/// Lists functions by their names.
macro_rules! models {
    ($($file:ident: $($name:ident),+ $(,)?;)+) => {
        pub(crate) const ALL: &[Model] = &[
            $($(Model { name: stringify!($name), run: $file::$name }),+),+
        ];
    };
}

models! {
    cache:
        a_reader_never_sees_a_torn_row,
        a_room_that_is_used_again_is_never_answered_from,
        a_row_in_another_round_is_never_answered_in_part,
        a_row_at_home_is_never_answered_in_part,
        a_row_that_is_driven_from_home_is_never_answered_in_part,
        two_reads_in_a_row_never_go_back,
        two_reads_of_two_readers_never_go_back,
        a_fill_is_never_seen_in_part,
        a_fill_of_an_old_row_never_stays,
        a_fill_under_a_commit_never_stays,
        a_pass_over_several_rows_is_of_one_moment,
        a_pass_with_a_row_missing_is_of_one_moment,
        a_pass_never_shows_a_commit_without_the_one_before,
        an_erased_row_is_never_answered_from_the_cache,
        a_commit_of_unknown_outcome_is_forgotten,
        a_bucket_answers_nobody_until_its_last_commit_is_published,
        a_note_that_a_row_was_wanted_brings_no_old_row_back,
        what_a_complete_cache_does_not_hold_is_nowhere,
        a_row_that_found_no_room_is_never_taken_for_none,
        a_row_that_is_moved_is_never_answered_in_part,
        a_commit_that_was_refused_changes_nothing;
    commits:
        a_kept_iterator_shows_what_was_read_elsewhere,
        a_kept_iterator_shows_what_was_written_before;
    stripes:
        batches_that_share_a_stripe_never_overlap,
        stripes_in_any_order_never_deadlock,
        a_batch_joins_what_the_last_one_left;
    durable:
        a_ticket_is_ready_only_after_a_sync_that_covers_it,
        an_awaited_ticket_is_ready_only_after_a_sync_that_covers_it,
        no_waiter_sleeps_for_ever,
        a_failed_sync_reaches_every_waiter_it_covers,
        a_failure_from_elsewhere_reaches_every_waiter,
        a_lull_misses_nobody_who_wants_a_sync,
        a_rest_misses_nobody_who_wants_a_sync;
}
