//! Whatever happens, in whatever order: random stories of one conversation, told to the step and to
//! a small model of the world around it (the outbox, the remembered keys, who holds the person),
//! with everything that must always hold checked after every event.
//!
//! Stories begin with a new conversation or with any that may be found in a store, under any rules.
//! Seeds that once failed are kept beside this file and run first.

#![expect(clippy::unwrap_used, reason = "in a test, stopping where it went wrong is the point")]

mod found;
mod story;
mod world;

use std::collections::BTreeSet;

use proptest::{prelude::*, strategy::ValueTree, test_runner};
use session::{Effect, Event, Failure, Policy, What, id::Number};

use found::{Found, desk, found, policy};
use story::{Act, Tells, Whose, act};
use world::World;

/// What comes before the first act: nothing, or a conversation that is found.
fn beginning() -> impl Strategy<Value = Option<Found>> {
    prop::option::of(found())
}

fn told(policy: Policy, beginning: Option<Found>, story: Vec<Act>) -> World {
    let mut world = match beginning {
        None => World::new(policy),
        Some(found) => World::found(policy, found),
    };
    for act in story {
        world.act(act);
    }
    world
}

/// As many cases as `PROPTEST_CASES` says, 256 by default.
fn config() -> ProptestConfig {
    ProptestConfig {
        failure_persistence: Some(Box::new(test_runner::FileFailurePersistence::Direct(
            "tests/properties/failed.seeds",
        ))),
        ..ProptestConfig::default()
    }
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn whatever_happened_the_user_can_end_it(
        policy in policy(),
        beginning in beginning(),
        story in prop::collection::vec(act(), 0..60),
    ) {
        let mut world = told(policy, beginning, story);
        world.happens(Event::UserEnds);
        world.winds_up();
    }

    #[test]
    fn whatever_happened_time_alone_ends_it(
        policy in policy(),
        beginning in beginning(),
        story in prop::collection::vec(act(), 0..60),
    ) {
        let mut world = told(policy, beginning, story);
        // At most what stands behind a gap, and again after a start, one warning, one word about the
        // agent, and one end.
        for _ in 0..5 {
            if let Some(event) = world.due(false) {
                world.happens(event);
            }
        }
        world.winds_up();
    }

    #[test]
    fn whatever_happened_the_desk_can_end_it(
        policy in policy(),
        beginning in beginning(),
        story in prop::collection::vec(act(), 0..60),
        end in prop::sample::select(&[Tells::Ended, Tells::LetGo, Tells::Failed, Tells::Cancelled][..]),
    ) {
        let mut world = told(policy, beginning, story);
        let event = world.callback(Whose::Open, vec![end], false);
        world.happens(event);
        // It may stand behind a gap.
        let event = world.gives_up(Whose::Open);
        world.happens(event);
        world.winds_up();
    }

    #[test]
    fn whatever_happened_a_word_that_never_arrives_ends_it(
        policy in policy(),
        beginning in beginning(),
        story in prop::collection::vec(act(), 0..60),
        failure in prop::sample::select(&[
                Failure::Struck,
                Failure::Refused,
                Failure::Expired,
                Failure::Unanswered,
            ][..]),
    ) {
        let mut world = told(policy, beginning, story);
        if let Some(effect) = last_word(&world) {
            world.happens(Event::NotSent { effect, failure });
        }
        world.winds_up();
    }

    /// One event to a conversation that no story led to.
    #[test]
    fn any_conversation_takes_anything(
        policy in policy(),
        found in found(),
        story in prop::collection::vec(act(), 1..4),
    ) {
        told(policy, Some(found), story);
    }
}

/// A word of the user on its way to the open session.
fn last_word(world: &World) -> Option<Effect> {
    let session = world.conversation.live()?;
    let what = What::Say {
        session: session.id.clone(),
        desk: session.desk.clone(),
        user: session.user.clone(),
        email: None,
        message: Number(1),
        timezone: None,
        part: None,
        words: None,
    };
    Some(Effect { number: world.conversation.effects, what, expires_at: world.now })
}

/// The stories above would prove little if they never got anywhere.
#[test]
fn stories_reach_every_status_and_every_end_of_the_clock() {
    let mut runner = test_runner::TestRunner::deterministic();
    let (mut reached, mut reasons) = (BTreeSet::new(), BTreeSet::new());
    let stories = (prop::collection::vec(act(), 80), policy());
    for _ in 0..400 {
        let (story, mut policy) = stories.new_tree(&mut runner).unwrap().current();
        policy.desk = desk();
        let mut world = World::new(policy);
        for act in story {
            world.act(act);
            reached.extend(world.rows.values().copied());
            reasons.extend(world.conversation.past.as_ref().map(|past| past.reason.code()));
        }
    }
    assert_eq!(reached.len(), 6, "{reached:?}");
    for reason in ["user_left", "silence", "waited_too_long", "lost", "unreachable", "rejected"] {
        assert!(reasons.contains(reason), "{reason} is never reached: {reasons:?}");
    }
}
