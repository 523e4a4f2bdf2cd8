//! What every store must do: one suite of behaviours, run against each backend.
//!
//! A backend joins with a [`Bed`] and one line of `contract_tests!`. A behaviour that is not
//! listed here does not exist.

mod audit;
mod claiming;
mod clock;
mod dead_letters;
mod finding;
mod log;
mod numbers;
mod outbox;
mod placing;
mod repeats;
mod resealing;
mod retention;
mod saving;
mod sweeping;

use session::id::{
    BotId, ChannelId, ConversationKey, DeskId, EffectNumber, Number, SessionId, TenantId,
    Timestamp, UserId,
};

use crate::sqlite::{SqliteStore, tests::crashing};
use crate::{
    Changes, ConversationChange, ConversationId, ConversationRow, LaneKey, NewEffect, NewEntry,
    NewSegment, Person, Resolved, SessionRow, Store, StoreError, Target, Transaction,
};

/// An empty store in a place of its own, which goes when the bed goes.
trait Bed: Sized {
    fn new() -> Self;

    fn store(&self) -> &dyn Store;

    /// Closes the store and opens it again, as a new process would.
    fn reopen(&mut self);
}

struct SqliteBed {
    /// None only while it is being reopened.
    store: Option<SqliteStore>,
    dir: tempfile::TempDir,
}

impl Bed for SqliteBed {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        Self { store: Some(SqliteStore::open(dir.path()).unwrap()), dir }
    }

    fn store(&self) -> &dyn Store {
        self.store.as_ref().unwrap()
    }

    fn reopen(&mut self) {
        self.store = None;
        self.store = Some(SqliteStore::open(self.dir.path()).unwrap());
    }
}

/// The same, but every new process finds the files as a crash leaves them, and what the journal
/// holds is written to its rows almost at once.
struct CrashingBed {
    store: SqliteStore,
    dir: tempfile::TempDir,
}

impl Bed for CrashingBed {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        Self { store: crashing::open(dir.path()), dir }
    }

    fn store(&self) -> &dyn Store {
        &self.store
    }

    fn reopen(&mut self) {
        let dir = crashing::files_as_they_are(self.dir.path());
        self.store = crashing::open(dir.path());
        self.dir = dir;
    }
}

macro_rules! contract_tests {
    ($backend:ident, $bed:ty) => {
        mod $backend {
            use super::*;

            contract_tests! { @of $bed;
                finding::a_key_makes_its_conversation_once;
                finding::a_key_twice_in_one_batch_is_one_conversation;
                finding::every_part_of_a_key_tells_conversations_apart;
                finding::a_conversation_is_taken_whoever_its_user_is;
                finding::an_existing_target_is_not_made;
                finding::a_conversation_is_found_by_its_row;
                finding::a_session_leads_to_its_conversation;
                finding::an_ended_session_is_still_found;
                finding::a_session_is_hidden_from_another_tenant_or_desk;
                finding::a_person_leads_to_the_session_that_holds_them;
                finding::results_are_parallel_to_targets;
                finding::open_sessions_are_listed_page_by_page;
                finding::a_session_that_ends_is_listed_no_more;
                finding::open_sessions_are_counted_by_desk_and_status;
                numbers::an_empty_store_has_nothing_waiting;
                numbers::what_waits_is_counted;
                numbers::what_waits_is_counted_the_same_after_a_restart;
                saving::a_commit_is_seen_as_a_whole;
                saving::an_error_in_the_work_undoes_everything;
                saving::a_panic_in_the_work_undoes_everything;
                saving::a_failed_step_cannot_be_committed;
                saving::a_change_of_an_unknown_conversation_is_refused;
                saving::a_change_without_a_state_leaves_the_state;
                saving::a_session_row_is_replaced;
                saving::a_session_never_moves_to_another_conversation;
                saving::a_hold_refuses_a_second_taker;
                saving::a_hold_is_freed_by_its_holder_only;
                saving::the_same_user_at_another_desk_is_another_person;
                saving::a_hold_is_void_once_its_session_has_nothing_left_to_do;
                saving::the_end_of_a_session_keeps_its_hold_within_a_batch;
                placing::what_a_channel_shows_is_found_by_its_entry_and_by_its_id;
                placing::an_entry_that_was_placed_twice_has_its_newest_id;
                placing::ids_that_are_too_old_are_forgotten_oldest_first;
                audit::records_are_read_in_their_order_and_survive_a_restart;
                audit::a_trail_begins_with_its_key_or_not_at_all;
                audit::a_record_out_of_turn_is_refused_and_nothing_is_appended;
                audit::the_oldest_records_are_cut_off_at_a_mark_and_numbers_go_on;
                repeats::a_repeat_gets_the_first_answer;
                repeats::a_repeat_counts_in_its_conversation_only;
                repeats::a_second_answer_to_a_key_is_refused;
                repeats::every_repeat_of_a_long_conversation_is_known;
                repeats::an_old_key_gets_no_second_answer;
                repeats::a_key_twice_in_one_batch_is_refused;
                repeats::an_answer_that_cannot_be_kept_is_refused_at_once;
                repeats::many_repeats_of_one_batch_are_all_known;
                repeats::states_and_repeats_leave_each_other_alone;
                repeats::a_repeat_of_an_unknown_conversation_is_refused;
                saving::settings_are_replaced;
                saving::a_store_answers;
                saving::everything_survives_a_restart;
                log::a_new_conversation_has_an_empty_log;
                log::a_walk_after_a_number_is_right_at_every_boundary;
                log::a_walk_up_to_a_number_is_right_at_every_boundary;
                log::a_read_is_never_longer_than_a_page;
                log::a_long_log_can_be_paged_from_the_beginning;
                log::conversations_that_talk_in_turn_keep_their_own_logs;
                log::an_entry_out_of_turn_is_refused;
                log::an_entry_without_a_segment_is_refused;
                log::entries_keep_the_segment_they_were_written_to;
                log::the_newest_entry_at_a_moment_is_right_at_every_boundary;
                log::a_shredded_segment_leaves_gaps;
                log::a_shredded_segment_is_not_written_to;
                log::shredding_an_unknown_segment_does_nothing;
                outbox::effects_of_a_lane_come_in_their_order;
                outbox::a_settled_effect_leaves_and_the_lane_goes_on;
                outbox::settling_twice_is_harmless;
                outbox::a_strike_hits_only_what_was_never_attempted;
                outbox::a_strike_hits_only_its_session_and_what_is_below;
                outbox::a_strike_hits_effects_of_the_same_batch;
                outbox::lanes_are_listed_once_and_soonest_first;
                outbox::what_waits_in_a_lane_is_counted_up_to_a_limit;
                outbox::a_row_id_is_never_used_twice;
                outbox::what_waits_for_a_session_is_listed_with_how_it_stands;
                dead_letters::a_dead_letter_is_kept_and_leaves_the_lane;
                dead_letters::dead_letters_come_newest_first;
                dead_letters::the_first_report_of_a_death_counts;
                dead_letters::a_late_report_of_a_death_is_no_death;
                dead_letters::a_dead_letter_is_found_by_its_effect;
                dead_letters::what_is_another_tenants_is_not_there;
                dead_letters::a_buried_letter_is_gone;
                dead_letters::a_resent_letter_is_new_at_the_end_of_its_lane;
                dead_letters::a_letter_is_resent_once;
                dead_letters::a_resent_letter_can_be_struck_and_die_again;
                dead_letters::burying_wins_over_resending;
                dead_letters::dead_letters_are_counted;
                dead_letters::dead_letters_of_some_tenants_are_counted;
                claiming::nothing_waits_in_an_empty_lane;
                claiming::a_head_is_leased_with_all_it_says;
                claiming::a_trace_goes_on_at_every_attempt_and_after_a_crash;
                claiming::a_leased_lane_is_elsewhere_for_everybody;
                claiming::a_lane_named_twice_is_leased_once;
                claiming::an_expired_lease_is_taken_again;
                claiming::a_clock_set_back_holds_up_neither_a_lease_nor_a_pause;
                claiming::a_rescheduled_head_comes_later_and_before_the_rest;
                claiming::an_attempt_that_was_not_made_is_given_back;
                claiming::a_strike_hits_what_was_leased_and_not_attempted;
                claiming::a_strike_during_a_lease_hits_if_no_attempt_is_made;
                claiming::a_strike_during_a_lease_misses_an_attempt_that_may_have_been_made;
                claiming::a_struck_head_is_leased_without_an_attempt;
                claiming::taking_over_voids_every_lease;
                claiming::an_undone_claim_is_no_claim;
                clock::due_conversations_come_earliest_first;
                clock::the_moment_itself_is_due;
                clock::a_state_without_a_deadline_is_never_due;
                clock::a_change_without_a_state_leaves_the_deadline;
                clock::a_deadline_moves_with_the_state;
                clock::a_state_with_the_same_deadline_ends_a_setting_aside;
                clock::what_was_set_aside_waits_for_its_next_state;
                clock::a_start_gives_what_was_set_aside_another_try;
                clock::setting_aside_an_unknown_conversation_is_refused;
                resealing::states_are_found_page_by_page_and_replaced_with_all_else_as_it_was;
                resealing::what_was_changed_meanwhile_is_left_alone;
                resealing::keys_of_segments_are_replaced_and_shredded_ones_stay_gone;
                resealing::an_effect_that_dies_is_kept_as_it_was_sealed_last;
                retention::old_segments_say_what_a_sweep_must_know;
                retention::old_segments_that_began_together_are_each_seen_once;
                retention::a_conversation_is_dead_when_nothing_of_it_is_left;
                retention::shredded_entries_are_emptied_piece_by_piece;
                retention::an_id_of_a_segment_is_never_given_twice;
                retention::ended_sessions_are_forgotten_when_nothing_of_theirs_is_left;
                retention::a_forgotten_conversation_is_nowhere_and_its_neighbours_are_as_they_were;
                retention::emptying_and_forgetting_may_take_turns;
                retention::a_conversation_with_an_open_session_is_not_forgotten;
                sweeping::old_repeats_are_forgotten_and_young_ones_kept;
                sweeping::a_sweep_is_bounded_and_goes_round;
            }
        }
    };
    (@of $bed:ty; $($chapter:ident::$behaviour:ident;)*) => {$(
        #[test]
        fn $behaviour() {
            super::$chapter::$behaviour(&mut <$bed as Bed>::new());
        }
    )*};
}

contract_tests!(sqlite, SqliteBed);
contract_tests!(sqlite_crashing, CrashingBed);

fn tenant(name: &str) -> TenantId {
    TenantId::new(name).unwrap()
}

fn desk(name: &str) -> DeskId {
    DeskId::new(name).unwrap()
}

fn session_id(name: &str) -> SessionId {
    SessionId::new(name).unwrap()
}

fn lane(name: &str) -> LaneKey {
    LaneKey(name.into())
}

/// The key of a conversation of this name, all else equal.
fn key(name: &str) -> ConversationKey {
    ConversationKey {
        tenant: tenant("acme"),
        channel: ChannelId::new("directline").unwrap(),
        bot: BotId::new("default").unwrap(),
        conversation: name.into(),
        user: "dl_zoe".into(),
    }
}

fn person(user: &str) -> Person {
    Person { tenant: tenant("acme"), desk: desk("dev1"), user: UserId::new(user).unwrap() }
}

fn session_row(name: &str, conversation: ConversationId, who: Person) -> SessionRow {
    SessionRow {
        id: session_id(name),
        conversation,
        person: who,
        status: "waiting".into(),
        reason: "".into(),
        opened_at: Timestamp(1_000),
        ended_at: None,
    }
}

/// A change of nothing, to be filled.
fn change(id: ConversationId) -> ConversationChange {
    ConversationChange { id, state: None, deadline: None, new_segment: None, entries: Vec::new() }
}

/// A segment of bot talk to open, under this wrapped key.
pub(crate) fn segment(wrapped_key: &[u8]) -> NewSegment {
    NewSegment { wrapped_key: wrapped_key.to_vec(), since: Timestamp(10_000), session: None }
}

/// What the entry of this number says; tells conversations apart by `salt`.
fn entry(number: u64, salt: &str) -> NewEntry {
    NewEntry {
        number: Number(number),
        at: Timestamp(10_000 + i64::try_from(number).unwrap()),
        sealed: format!("{salt} {number}").into_bytes(),
    }
}

fn effect(conversation: ConversationId, number: u64, lane_name: &str) -> NewEffect {
    NewEffect {
        conversation,
        number: EffectNumber(number),
        lane: lane(lane_name),
        session: None,
        body: format!("effect {number}").into_bytes(),
        at: Timestamp(2_000),
        expires_at: Timestamp(90_000),
        trace: None,
    }
}

/// One transaction with a result.
fn transact<T>(
    store: &dyn Store,
    mut work: impl FnMut(&mut dyn Transaction) -> Result<T, StoreError>,
) -> Result<T, StoreError> {
    let mut result = None;
    store.transact(&mut |transaction| {
        result = Some(work(transaction)?);
        Ok(())
    })?;
    Ok(result.unwrap())
}

fn resolve(store: &dyn Store, targets: &[Target]) -> Vec<Option<Resolved>> {
    transact(store, |transaction| transaction.resolve(&targets.iter().collect::<Vec<_>>())).unwrap()
}

/// The conversation of this name; made if need be.
fn conversation(store: &dyn Store, name: &str) -> ConversationRow {
    resolve(store, &[Target::Key(key(name))]).remove(0).unwrap().conversation
}

fn try_save(store: &dyn Store, changes: &Changes) -> Result<(), StoreError> {
    transact(store, |transaction| transaction.save(changes))
}

fn save(store: &dyn Store, changes: &Changes) {
    try_save(store, changes).unwrap();
}

fn save_change(store: &dyn Store, change: ConversationChange) {
    save(store, &Changes { conversations: vec![change], ..Changes::default() });
}

/// Puts effects into the outbox.
fn put(store: &dyn Store, effects: Vec<NewEffect>) {
    save(store, &Changes { effects, ..Changes::default() });
}

#[track_caller]
fn assert_damaged<T: std::fmt::Debug>(result: Result<T, StoreError>, in_table: &str) {
    match result {
        Err(StoreError::Damaged { table, .. }) => assert_eq!(table, in_table),
        other => panic!("expected a damaged {in_table}, got {other:?}"),
    }
}
