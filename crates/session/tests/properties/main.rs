//! Whatever happens, in whatever order: random stories of one conversation, told to the step and to
//! a small model of the world around it (the outbox, the remembered keys, who holds the person),
//! with everything that must always hold checked after every event.
//!
//! Seeds that once failed are kept beside this file and run first.

#![expect(clippy::unwrap_used, reason = "in a test, stopping where it went wrong is the point")]

mod story;
mod world;

use std::collections::BTreeSet;

use proptest::{prelude::*, strategy::ValueTree, test_runner};
use session::{Behind, Event};

use story::{Act, act};
use world::World;

/// A third of all stories know a bot behind.
fn behind() -> impl Strategy<Value = Behind> {
    prop_oneof![2 => Just(Behind::BuiltIn), 1 => Just(Behind::Bot)]
}

fn told(behind: Behind, story: Vec<Act>) -> World {
    let mut world = World::new(behind);
    for act in story {
        world.act(act);
    }
    world
}

proptest! {
    #![proptest_config(ProptestConfig {
        failure_persistence: Some(Box::new(test_runner::FileFailurePersistence::Direct(
            "tests/properties/failed.seeds",
        ))),
        ..ProptestConfig::default()
    })]

    #[test]
    fn whatever_happened_the_user_can_end_it(
        behind in behind(),
        story in prop::collection::vec(act(), 1..80),
    ) {
        let mut world = told(behind, story);
        world.happens(Event::UserEnds);
        world.winds_up();
    }

    #[test]
    fn whatever_happened_time_alone_ends_it(
        behind in behind(),
        story in prop::collection::vec(act(), 1..80),
    ) {
        let mut world = told(behind, story);
        // At most one warning and one end.
        for _ in 0..2 {
            if let Some(event) = world.due(false) {
                world.happens(event);
            }
        }
        world.winds_up();
    }
}

/// The stories above would prove little if they never got anywhere.
#[test]
fn stories_reach_every_status() {
    let mut runner = test_runner::TestRunner::deterministic();
    let mut reached = BTreeSet::new();
    for _ in 0..200 {
        let story = prop::collection::vec(act(), 80).new_tree(&mut runner).unwrap().current();
        let mut world = World::new(Behind::BuiltIn);
        for act in story {
            world.act(act);
            reached.extend(world.rows.values().copied());
        }
    }
    assert_eq!(reached.len(), 6, "{reached:?}");
}
