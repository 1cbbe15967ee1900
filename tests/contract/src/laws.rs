//! The list of laws: every promise by name.

mod adapters;

/// One named `#[tokio::test]` for each law of a port.
/// `laws!(store, fresh)` and so on, where `fresh` is an async function that gives each law what it tries:
///
/// | laws | `fresh` gives |
/// |---|---|
/// | `store` | a [`Bench`](crate::Bench) |
/// | `durable` | a [`Durable`](crate::Durable) |
/// | `hasher` | a [`HasherBench`](crate::HasherBench) |
/// | `bounded` | a `HasherBench` whose hasher has one thread and room for one that waits |
/// | `limiter` | an `Arc<dyn RateLimiter>` |
/// | `attempts` | an [`AttemptsBench`](crate::AttemptsBench) |
/// | `attempts_in_store` | the same, with its store |
/// | `keys` | a [`KeysBench`](crate::KeysBench) |
#[macro_export]
macro_rules! laws {
    (store, $fresh:path) => {
        $crate::laws!(@each $fresh, store::accounts:
            an_account_comes_back_as_it_went_in,
            every_state_comes_back_as_it_went_in,
            an_unknown_identifier_is_absent,
            an_identifier_is_taken_once,
            an_id_is_taken_once,
            identifiers_that_only_look_alike_are_two,
            every_identifier_of_an_identity_signs_it_in,
            an_identifier_that_two_fields_share_is_no_conflict,
            the_same_identifier_in_two_tenants_is_two_accounts,
            replaced_traits_come_back_and_count_as_a_change,
            traits_changed_meanwhile_are_not_overwritten,
            an_absent_identity_has_no_traits_to_replace,
            an_identifier_given_up_is_free,
            an_identity_keeps_its_identifier_through_a_change,
            anothers_identifier_is_not_taken_by_a_change,
            a_new_state_comes_back_and_counts_as_a_change,
            a_state_that_ends_is_told_of_when_it_is_over,
            an_absent_identity_has_no_state_to_set,
        );
        $crate::laws!(@each $fresh, store::deletion:
            deleting_an_identity_takes_its_sessions_tokens_and_devices_but_keeps_its_events,
            deleting_an_identity_frees_its_identifier,
            deleting_an_identity_leaves_the_others,
            an_absent_identity_is_not_deleted,
        );
        $crate::laws!(@each $fresh, store::passwords:
            an_identity_has_one_password,
            an_identity_without_a_password_gets_one,
            an_absent_identity_gets_no_password,
            a_replaced_password_comes_back,
            a_password_changed_meanwhile_is_not_overwritten,
            a_password_changed_meanwhile_opens_nothing,
            a_password_proves_its_owner_again_and_again,
            an_absent_password_proves_nothing,
            former_passwords_are_kept_with_the_password_until_they_are_replaced,
        );
        $crate::laws!(@each $fresh, store::factors:
            factors_come_back_as_they_went_in,
            an_absent_identity_gets_no_factor,
            one_unconfirmed_app_is_kept_under_64_parallel_enrolments,
            a_confirmed_app_leaves_room_for_another,
            an_unconfirmed_app_is_forgotten_after_a_while,
            i_05_a_step_is_accepted_once_under_64_parallel_tries,
            i_06_recovery_codes_work_in_any_order_and_each_once_under_64_parallel_tries,
            i_06_new_recovery_codes_void_the_old_ones_and_leave_apps,
            another_identitys_recovery_code_is_not_accepted,
            a_removed_factor_is_gone_and_the_password_stays,
            i_29_another_tenants_factor_is_neither_read_nor_used,
            the_newest_apps_are_found_among_as_many_credentials,
        );
        $crate::laws!(@each $fresh, store::passkeys:
            passkeys_come_back_as_they_went_in,
            a_passkey_is_taken_once_in_its_tenant,
            a_passkey_is_added_once_under_64_parallel_tries,
            i_20_a_signature_counter_grows_or_stays_at_0,
            i_20_a_signature_is_accepted_once_under_64_parallel_tries,
            pinned_factors_are_those_that_were_read,
            the_first_factor_is_added_once_under_64_parallel_tries,
            no_more_passkeys_are_added_than_there_is_room_for_under_64_parallel_tries,
            a_passkey_or_an_app_gets_a_new_name_and_nothing_else_does,
            i_21_the_last_way_in_is_kept,
            i_21_what_the_tenant_does_not_allow_is_no_way_in,
            i_21_of_two_last_passkeys_one_is_left_when_both_are_removed_at_once,
            a_deleted_identitys_passkey_is_gone_and_can_be_added_anew,
            i_29_another_tenants_passkey_is_neither_read_nor_used,
        );
        $crate::laws!(@each $fresh, store::links:
            links_come_back_as_they_went_in_and_are_neither_passwords_nor_factors,
            an_account_at_a_provider_is_linked_once_under_64_parallel_tries,
            a_link_that_was_removed_ends_no_login_and_can_be_made_anew,
            i_21_a_link_is_a_way_in_while_it_is_there,
            i_29_another_tenants_link_is_neither_read_nor_used,
        );
        $crate::laws!(@each $fresh, store::devices:
            devices_come_back_as_they_went_in_and_the_last_used_first,
            a_device_is_recognised_by_its_token_and_for_its_identity_alone,
            a_device_is_added_once_under_64_parallel_logins,
            a_device_that_is_added_again_keeps_its_id_and_its_first_use,
            of_too_many_devices_the_least_recently_used_is_removed,
            a_forgotten_device_is_gone_and_is_forgotten_once,
            a_device_is_trusted_under_a_new_token_until_sessions_are_revoked,
        );
        $crate::laws!(@each $fresh, store::one_time:
            a_one_time_token_comes_back_as_it_went_in_until_its_end,
            i_01_a_one_time_token_is_used_once_under_64_parallel_tries,
            a_one_time_token_hears_so_many_tries_of_64_parallel_ones,
            nobody_who_is_absent_or_locked_gets_a_one_time_token,
            revoking_an_identitys_sessions_voids_its_one_time_tokens_and_no_others,
            i_29_another_tenants_one_time_token_is_absent,
            a_one_time_token_without_an_identity_is_good_until_its_end_and_for_its_purpose,
            i_01_a_one_time_token_without_an_identity_is_used_once_under_64_parallel_tries,
            a_one_time_token_without_an_identity_is_its_tenants_while_that_is_open,
            a_one_time_token_takes_the_place_of_the_one_with_its_hash,
            one_token_of_a_hash_is_kept_under_64_parallel_replacements,
            tokens_of_one_purpose_are_voided_from_a_time_on_and_no_others,
            of_64_parallel_lists_that_void_and_issue_one_token_is_left,
            i_14_the_link_that_puts_an_old_address_back_outlives_the_sessions,
        );
        $crate::laws!(@each $fresh, store::outbox:
            a_message_comes_back_as_it_went_in,
            a_message_needs_an_active_tenant_and_is_for_one_of_its_users,
            i_44_a_list_that_is_rolled_back_enqueues_nothing,
            messages_are_leased_in_the_order_in_which_they_are_due_and_none_before,
            messages_of_one_channel_are_leased_and_those_of_the_other_left,
            i_43_16_parallel_leases_share_no_message,
            a_lease_that_has_ended_is_taken_over_and_a_running_one_is_not,
            nothing_is_taken_of_a_worker_whose_lease_was_taken_over,
        );
        $crate::laws!(@each $fresh, store::messages:
            a_delivered_message_has_no_data_left,
            a_postponed_message_is_due_again_and_counts_its_attempts,
            a_message_that_is_given_up_keeps_its_data_and_is_not_leased_again,
            a_leased_message_is_prepared_for_a_user_of_its_tenant,
            a_message_that_is_due_or_dead_is_retried_and_no_other,
            a_message_is_discarded_unless_it_is_leased,
            messages_go_with_their_user_and_with_their_tenant,
            messages_are_listed_newest_first_in_pages_with_their_total,
            the_backlog_is_what_waits_and_since_when_and_what_is_dead,
        );
        $crate::laws!(@each $fresh, store::sessions:
            a_session_comes_back_as_it_went_in,
            a_login_is_noted_on_its_identity_and_is_no_change_of_it,
            an_identity_locked_meanwhile_opens_no_session,
            an_absent_identity_opens_no_session,
            a_session_is_shown_with_its_owner_in_whatever_state,
            a_renewed_session_answers_to_its_new_token_alone,
            a_session_that_steps_up_answers_to_its_new_tokens_alone,
            a_session_steps_up_once_and_only_by_its_present_token,
            a_session_is_pinned_by_its_present_token_while_it_is_active,
            a_revoked_session_is_not_renewed,
            a_session_in_use_is_noted_and_never_moved_back,
            only_live_sessions_are_listed_and_the_newest_first,
            a_network_is_known_to_an_identity_once_it_opened_a_session_from_there,
            i_29_an_operator_lists_and_counts_the_active_sessions_of_its_scope,
            a_session_is_found_by_its_id_whatever_has_become_of_it,
        );
        $crate::laws!(@each $fresh, store::revocation:
            a_revoked_session_is_shown_as_inactive,
            a_session_is_revoked_once,
            anothers_session_is_not_revoked,
            revoking_with_an_exception_keeps_that_session,
            revoking_an_identitys_sessions_leaves_the_others,
            revoking_a_tenants_sessions_ends_them_all_and_no_others,
            who_comes_after_all_sessions_were_revoked_stays_and_who_began_before_does_not,
            revoking_no_session_is_no_error,
        );
        $crate::laws!(@each $fresh, store::refresh:
            a_spent_refresh_token_is_stale,
            a_spent_refresh_token_tells_how_it_was_spent,
            a_successor_takes_over,
            an_absent_refresh_token_is_stale,
            an_absent_session_gets_no_refresh_token,
        );
        $crate::laws!(@each $fresh, store::lists:
            a_list_with_one_bad_change_leaves_nothing,
            an_empty_list_is_no_error,
            changes_are_applied_in_order,
            what_was_acknowledged_is_read_at_once,
            a_conflict_rolls_back_itself_alone,
            a_commit_whose_asker_left_is_whole_or_nothing,
            a_read_whose_asker_left_blocks_nobody,
        );
        $crate::laws!(@each $fresh, store::races:
            an_identifier_is_taken_once_under_64_parallel_registrations,
            a_refresh_token_is_spent_once_under_64_parallel_rotations,
            an_identity_gets_one_password_under_64_parallel_tries,
            a_password_is_replaced_once_under_64_parallel_tries,
            traits_are_replaced_once_under_64_parallel_tries,
            a_session_is_revoked_once_under_64_parallel_tries,
            an_identity_is_deleted_once_under_64_parallel_tries,
            locking_during_logins_leaves_no_open_session,
            changing_the_password_during_logins_leaves_no_open_session,
            deleting_during_logins_leaves_no_session,
        );
        $crate::laws!(@each $fresh, store::locks:
            an_identity_that_was_held_is_the_one_that_was_read,
            no_two_lists_on_one_identity_wait_for_each_other,
        );
        $crate::laws!(@each $fresh, store::decisions:
            i_30_an_admin_is_left_when_one_hands_over_to_somebody_who_is_being_shut_out,
            i_30_an_admin_is_left_when_one_hands_over_before_a_lock_or_deletion_is_committed,
            i_30_a_password_is_not_set_by_who_may_no_longer_when_it_is_hashed,
            i_30_a_replica_decides_by_roles_as_they_are_and_not_as_it_remembers_them,
            deleting_somebody_who_refreshes_succeeds_and_breaks_no_refresh,
            a_tenant_that_people_register_in_is_deleted_or_in_use,
        );
        $crate::laws!(@each $fresh, store::keys:
            the_data_key_comes_back_as_it_went_in_and_as_it_was_wrapped_anew,
            a_data_key_that_is_not_there_is_not_wrapped_anew,
            one_data_key_is_kept_under_64_parallel_tries,
            a_data_key_is_wrapped_anew_once_under_64_parallel_tries,
            every_owner_and_purpose_has_a_signing_key_of_its_own,
            one_signing_key_is_kept_under_64_parallel_tries,
        );
        $crate::laws!(@each $fresh, store::issuer_keys:
            issuer_keys_come_back_as_they_went_in,
            one_issuer_key_is_made_under_64_parallel_tries,
            one_issuer_key_takes_over_under_64_parallel_tries,
            an_issuer_key_moves_only_from_the_state_that_was_read,
            issuer_keys_are_due_after_a_time_and_an_active_one_until_there_is_a_next,
        );
        $crate::laws!(@each $fresh, store::tokens:
            a_revoked_token_is_told_among_any_number_of_ids,
            i_29_a_tenant_revokes_its_own_tokens_only_and_the_system_everybodys,
            a_token_is_revoked_once_under_64_parallel_tries,
        );
        $crate::laws!(@each $fresh, store::matrix:
            i_29_nobody_reaches_another_tenants_rows_in_any_table_by_any_verb,
            i_29_every_table_there_is_has_its_row_in_the_matrix,
        );
        $crate::laws!(@each $fresh, store::idempotency:
            i_29_a_stored_response_is_its_operators_in_its_tenant_only,
            a_response_is_stored_once_under_64_parallel_tries,
            a_stored_response_is_deleted_with_the_identity_that_it_shows,
        );
        $crate::laws!(@each $fresh, store::cleanup:
            what_has_expired_is_removed_and_nothing_else,
        );
        $crate::laws!(@each $fresh, store::tenants:
            the_default_tenant_is_there,
            an_unknown_tenant_is_no_tenant,
            an_inactive_tenant_is_no_tenant,
            another_tenants_identifier_signs_nobody_in,
            another_tenants_session_is_absent,
            another_tenants_refresh_token_is_absent,
            another_tenants_events_are_absent,
            a_read_sees_its_own_tenant_and_the_system_sees_all,
            the_system_finds_an_identifier_in_every_tenant,
            a_change_touches_no_other_tenants_rows,
            another_tenants_identity_gets_no_password,
            the_system_changes_every_tenants_rows,
        );
        $crate::laws!(@each $fresh, store::settings:
            a_tenant_comes_back_as_it_went_in,
            a_tenants_name_is_taken_once,
            a_tenant_changed_meanwhile_is_not_overwritten,
            what_a_tenant_has_set_is_told_with_a_login_and_a_refresh,
            a_closed_tenant_opens_nothing,
            a_tenant_with_identities_is_not_deleted,
            a_deleted_tenant_is_no_tenant_and_its_events_stay,
            tenants_are_listed_by_name_in_disjoint_pages,
        );
        $crate::laws!(@each $fresh, store::roles:
            a_role_comes_back_as_it_went_in,
            a_tenant_that_there_is_not_has_no_roles,
            a_roles_name_is_taken_once_in_its_tenant,
            i_29_another_tenants_role_is_neither_seen_nor_touched,
            a_role_changed_meanwhile_is_not_overwritten,
            a_role_that_somebody_has_is_not_deleted,
            new_roles_come_back_and_count_as_a_change,
            role_definitions_that_were_held_are_those_that_were_read,
            role_definitions_are_changed_once_under_64_parallel_tries,
            an_admin_is_there_or_not,
            i_30_one_admin_is_left_under_64_parallel_demotions,
            i_30_of_two_admins_one_is_left_however_often_both_step_down,
            an_identity_that_is_gone_has_no_role_any_more,
        );
        $crate::laws!(@each $fresh, store::search:
            identities_are_listed_newest_first,
            pages_are_disjoint_and_count_all,
            a_search_finds_any_part_of_any_identifier_once,
            i_39_a_percent_sign_in_a_search_means_itself,
            an_underscore_in_a_search_means_itself,
            a_backslash_in_a_search_means_itself,
            quotes_and_wildcards_of_other_languages_in_a_search_mean_themselves,
            a_list_can_ask_for_a_state,
            a_list_can_ask_for_those_without_a_second_factor,
            those_without_a_second_factor_are_found_among_the_newest_and_among_a_roles_holders,
        );
        $crate::laws!(@each $fresh, store::export:
            accounts_are_read_oldest_first_and_each_once,
            accounts_of_one_moment_are_all_read,
            accounts_come_with_their_hashes_where_these_are_wanted,
            accounts_can_be_those_of_a_state,
            i_29_accounts_are_those_of_the_tenant_alone,
            every_tenant_with_accounts_is_met_once,
        );
        $crate::laws!(@each $fresh, store::values:
            traits_come_back_as_they_went_in,
            times_come_back_to_the_microsecond,
            an_empty_text_is_not_an_absent_one,
            hashes_come_back_bit_by_bit,
        );
        $crate::laws!(@each $fresh, store::seals:
            seals_come_back_as_they_went_in_and_in_order,
            another_tenants_seals_are_absent,
            a_chain_of_seals_goes_on_once_under_64_parallel_tries,
            one_process_at_a_time_has_the_right_to_seal,
            what_is_sealed_moves_forward_only,
            tenants_with_new_events_are_found_by_time,
            the_trail_is_read_word_for_word,
            a_stretch_is_what_lies_behind_one_event_and_up_to_another,
            every_trail_is_found_by_its_tenants_name,
        );
        $crate::laws!(@each $fresh, store::audit:
            every_event_comes_back_as_it_went_in,
            events_about_somebody_are_those_they_did_and_those_done_to_them,
            an_event_stands_beside_the_change_it_tells_of,
        );
        $crate::laws!(@each $fresh, store::events:
            pages_of_events_are_disjoint_and_hold_all_in_order,
            an_empty_trail_is_one_empty_page,
            i_35_pages_hold_each_event_once_under_64_parallel_writers,
            a_query_takes_what_all_of_its_conditions_say,
            a_cursor_holds_its_place_when_its_event_is_gone,
            a_cursor_that_no_event_had_reaches_over_no_end,
            i_29_another_tenants_events_are_in_no_page,
            a_purge_removes_what_is_older_and_leaves_the_rest,
            events_are_counted_by_tenant,
        );
    };
    (durable, $fresh:path) => {
        $crate::laws!(@each $fresh, store::durability:
            what_was_acknowledged_is_there_after_reopening,
            what_was_refused_is_not_there_after_reopening,
        );
    };
    ($other:ident, $fresh:path) => {
        $crate::laws_of_adapters!($other, $fresh);
    };
    (@each $fresh:path, $port:ident::$topic:ident: $($law:ident),+ $(,)?) => {$(
        #[tokio::test(flavor = "multi_thread", worker_threads = 4)]
        async fn $law() {
            $crate::$port::$topic::$law(&mut $fresh().await).await;
        }
    )+};
}
