//! The services end to end: a real member, its disk in memory, and generated clients that reach it
//! over the wire. Each scenario runs on loopback in the normal build and between two simulated
//! nodes in the simulated one.

mod authorization;
mod health;
mod http;
mod kv;
mod lease;
mod no_leader;
mod queues;
mod range_stream;
mod reflection;
mod status;
mod support;
mod watch;

use support::{run, run_one_of_three, run_with_cheap_passwords};

macro_rules! scenarios {
    ($run:ident: $($area:ident::$name:ident),* $(,)?) => {
        $(
            #[test]
            fn $name() {
                $run($area::$name);
            }
        )*
    };
}

scenarios! {
    run:
    kv::headers_tell_who_answers_and_the_revision,
    kv::a_put_can_be_read_and_deleted,
    kv::what_is_wrong_is_refused_in_etcds_words,
    kv::a_transaction_takes_one_branch_and_one_revision,
    kv::a_transaction_that_only_reads_is_no_write,
    kv::compaction_hides_the_past,
    kv::a_wide_interval_is_read_like_a_narrow_one,
    kv::requests_have_a_size_limit,
    kv::what_does_not_exist_is_unimplemented,
    range_stream::chunks_add_up_to_the_range,
    range_stream::chunks_grow_until_they_are_as_large_as_requests,
    range_stream::a_stream_stays_at_its_revision_until_that_is_compacted,
    range_stream::what_cannot_be_streamed_is_refused,
    queues::who_gives_up_leaves_the_queue,
    queues::a_lease_that_ends_lets_the_next_one_in,
    queues::a_place_that_was_lost_and_taken_anew_is_another_one,
    queues::stopping_the_server_ends_waits,
    reflection::services_describe_themselves,
    reflection::the_older_version_answers_too,
    health::health_is_told_until_the_end,
    watch::events_follow_the_created_response_in_order,
    watch::ids_are_assigned_cancelled_and_refused_as_in_etcd,
    watch::history_is_replayed_from_a_revision,
    watch::a_compacted_revision_cancels,
    watch::half_close_does_not_end_the_stream,
    watch::filters_and_prev_kv_shape_events,
    watch::large_responses_are_fragmented_on_request,
    watch::stopping_the_server_ends_streams,
    lease::grants_raise_the_ttl_and_choose_an_id,
    lease::keep_alives_are_answered_in_order,
    lease::revoking_deletes_the_keys,
    lease::time_to_live_counts_down,
    lease::a_lease_that_is_not_kept_alive_expires,
    status::the_member_describes_itself,
    status::alarms_are_raised_listed_and_taken_back,
    status::a_checkpoint_gives_space_back,
    status::the_state_has_hashes,
    status::what_is_not_there_yet_says_so,
    http::probes_answer_get_only,
    http::pages_that_do_not_exist_are_not_found,
}

scenarios! {
    run_with_cheap_passwords:
    authorization::everyone_may_do_what_the_table_says,
}

scenarios! {
    run_one_of_three:
    no_leader::a_lonely_member_says_so_and_answers_what_it_can,
    no_leader::a_read_that_waits_ends_with_the_server,
}

// These wait for time-outs of seconds, which cost nothing in virtual time.
#[cfg(madsim)]
scenarios! {
    run_one_of_three:
    no_leader::clients_are_served_in_the_end,
    no_leader::requests_that_need_a_quorum_time_out,
    no_leader::a_stream_that_insists_on_a_leader_ends,
}
