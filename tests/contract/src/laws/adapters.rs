//! The laws of what stands beside the store: hashers, limiters, counters of attempts, and keys.

/// What [`laws!`](crate::laws) lists of them.
#[macro_export]
macro_rules! laws_of_adapters {
    (hasher, $fresh:path) => {
        $crate::laws!(@each $fresh, hasher::verdicts:
            a_password_matches_its_own_hash,
            another_password_does_not_match,
            a_nul_at_the_end_makes_another_password,
            two_hashes_of_one_password_differ,
            no_hash_matches_without_an_account,
            the_longest_password_counts_to_its_last_byte,
            an_overlong_password_is_refused_with_the_limit_in_bytes,
            an_overlong_password_never_matches,
            an_outdated_hash_matches_and_says_so,
            a_hash_of_today_that_was_made_elsewhere_matches,
            a_damaged_hash_never_matches,
            what_can_match_is_taken_in_and_nothing_else,
            hashing_leaves_the_callers_thread,
        );
    };
    (limiter, $fresh:path) => {
        $crate::laws!(@each $fresh, limiter::windows:
            exactly_the_limit_is_admitted_and_counted_down,
            a_limit_is_kept_under_64_parallel_requests,
            a_refused_request_is_admitted_after_the_wait_and_no_sooner,
            a_refused_request_is_not_counted,
            two_windows_later_everything_is_forgotten,
            nobody_gets_more_than_twice_the_limit_in_one_window,
            every_name_and_everybody_is_counted_apart,
            a_clock_that_is_behind_admits_no_more,
        );
    };
    (attempts, $fresh:path) => {
        $crate::laws!(@each $fresh, attempts::counting:
            so_many_attempts_go_on_and_then_none,
            a_lock_ends_exactly_its_duration_after_the_last_attempt,
            a_locked_attempt_does_not_prolong_the_lock,
            whether_it_is_locked_is_told_without_counting,
            attempts_far_apart_do_not_add_up,
            i_09_at_most_so_many_of_64_parallel_attempts_go_on,
            parallel_logins_forget_attempts_and_lock_nobody,
            an_attempt_given_back_is_not_counted,
            giving_back_what_was_not_reserved_earns_nothing,
            forgotten_attempts_are_counted_anew,
            every_target_and_every_known_network_is_counted_apart,
            unlocking_a_target_forgets_every_place_and_nobody_else,
        );
    };
    (attempts_in_store, $fresh:path) => {
        $crate::laws!(@each $fresh, attempts::commits:
            attempts_are_forgotten_with_the_commit,
            attempts_are_not_forgotten_with_a_commit_that_failed,
        );
    };
    (keys, $fresh:path) => {
        $crate::laws!(@each $fresh, keys::first_uses:
            one_key_is_made_under_64_parallel_first_uses,
            a_key_that_nobody_has_used_is_not_found,
        );
    };
    (bounded, $fresh:path) => {
        $crate::laws!(@each $fresh, hasher::work:
            work_beyond_the_queue_is_turned_away_and_the_rest_is_done,
            work_whose_asker_left_makes_room,
            other_work_is_done_away_from_the_callers_thread,
        );
    };
}
