//! What fails: once, for long, for good.

use session::News;
use store::Changes;

use super::*;
use crate::bed::{Fault, policy};

#[tokio::test]
async fn a_failing_head_keeps_its_lane_in_order_and_its_ids() {
    let desk = Desk::new().await;
    desk.connected("c").await;
    for word in ["one", "two", "three"] {
        desk.bed.says("c", word).await;
    }
    desk.instance.fails(2);
    assert_eq!(desk.drain_to_the_end("c").await, 2);
    assert_eq!(desk.instance.texts(), ["one", "one", "one", "two", "three"]);
    let requests = desk.instance.requests();
    assert_eq!(requests[0], requests[1], "a repeat is the same");
    assert_eq!(requests[0], requests[2]);
    assert!(desk.dead().is_empty());
}

#[tokio::test]
async fn a_lane_in_trouble_does_not_hold_up_another() {
    let desk = Desk::new().await;
    desk.connected("a").await;
    desk.connected("b").await;
    desk.bed.says("a", "from a").await;
    desk.bed.says("b", "from b").await;
    desk.instance.fails(1);
    assert!(matches!(desk.drain("a").await, LaneEnd::At(_)));
    assert_eq!(desk.drain("b").await, LaneEnd::Idle);
    assert_eq!(desk.instance.texts(), ["from a", "from b"]);
}

#[tokio::test]
async fn nothing_is_sent_before_the_time_that_the_desk_asked_for() {
    let desk = Desk::new().await;
    desk.connected("c").await;
    desk.bed.says("c", "word").await;
    desk.instance.answers_after(429, Some("7"), "{}");
    let at = desk.bed.clock.now().after(Duration::from_secs(7));
    assert_eq!(desk.drain("c").await, LaneEnd::At(at));
    desk.bed.advance(Duration::from_millis(6_999));
    assert_eq!(desk.drain("c").await, LaneEnd::At(at));
    assert_eq!(desk.instance.requests().len(), 1);
    desk.bed.advance(Duration::from_millis(1));
    assert_eq!(desk.drain("c").await, LaneEnd::Idle);
    assert_eq!(desk.instance.requests().len(), 2);
}

#[tokio::test]
async fn a_spent_budget_fails_the_session_and_the_end_is_still_sent() {
    let desk = Desk::new().await;
    desk.connected("c").await;
    desk.bed.says("c", "one").await;
    desk.bed.says("c", "two").await;
    let began = desk.bed.clock.now();
    desk.instance.is_down(true);
    while desk.bed.status("c") == "active" {
        let LaneEnd::At(at) = desk.drain("c").await else { break };
        if desk.bed.status("c") == "active" {
            // The regular look at the store finds a budget that ends while the breaker waits to ask again.
            let at = at.min(began.after(policy().say_within));
            desk.bed.advance(at.since(desk.bed.clock.now()));
        }
    }
    desk.instance.is_down(false);
    let took = desk.bed.clock.now().since(began);
    assert!(took <= policy().say_within, "{took:?}");
    assert!(took + Duration::from_secs(10) >= policy().say_within, "{took:?}");
    assert_eq!(desk.bed.status("c"), "fail unreachable");
    desk.drain_to_the_end("c").await;
    let texts = desk.instance.texts();
    assert!(!texts.contains(&"two".to_owned()), "struck");
    assert_eq!(texts.last().unwrap(), "END_CONVERSATION");
    assert_eq!(desk.dead_reasons(), ["expired"]);
    let undelivered = desk.bed.told("c").into_iter().filter(|told| told == "<undelivered>");
    assert_eq!(undelivered.count(), 1, "told once");
    assert_eq!(desk.bed.says("c/again", "agent").await.number.0, 1);
    assert_eq!(desk.bed.status("c/again"), "waiting", "the person is free again");
}

#[tokio::test]
async fn a_desk_that_is_away_is_only_probed_and_the_user_is_told_once() {
    let desk = Desk::new().await;
    desk.connected("c").await;
    desk.bed.says("c", "one").await;
    desk.instance.is_down(true);
    let began = desk.bed.clock.now();
    while desk.bed.clock.now().since(began) < Duration::from_mins(2) {
        let LaneEnd::At(at) = desk.drain("c").await else { panic!("it waits") };
        desk.bed.advance(at.since(desk.bed.clock.now()).max(Duration::from_millis(1)));
    }
    let attempts = desk.instance.texts().len();
    assert!((10..=10 + 60).contains(&attempts), "{attempts} attempts in two minutes");
    let told = |what: &str| desk.bed.told("c").iter().filter(|told| *told == what).count();
    assert_eq!((told("<held>"), told("<went_through>")), (1, 0));
    desk.instance.is_down(false);
    desk.instance.forget();
    desk.bed.says("c", "two").await;
    desk.drain_to_the_end("c").await;
    assert_eq!(desk.instance.texts(), ["one", "two"], "nothing lost, in order");
    assert_eq!((told("<held>"), told("<went_through>")), (1, 1));
}

#[tokio::test]
async fn a_desk_that_asks_for_a_long_pause_is_told_of_at_once() {
    let desk = Desk::new().await;
    desk.connected("c").await;
    desk.instance.answers_after(429, Some("60"), "{}");
    desk.bed.says("c", "word").await;
    assert!(matches!(desk.drain("c").await, LaneEnd::At(_)));
    let held = || desk.bed.told("c").iter().filter(|told| *told == "<held>").count();
    assert_eq!(held(), 1, "not only when the minute is over");
    desk.drain_to_the_end("c").await;
    assert_eq!(held(), 1);
    assert_eq!(desk.bed.told("c").last().unwrap(), "<went_through>");
}

#[tokio::test]
async fn what_the_breaker_held_back_can_still_be_struck() {
    let desk = Desk::new().await;
    desk.connected("other").await;
    desk.instance.is_down(true);
    desk.bed.says("other", "word").await;
    for _ in 0..12 {
        let LaneEnd::At(at) = desk.drain("other").await else { panic!("it waits") };
        desk.bed.advance(at.since(desk.bed.clock.now()));
    }
    desk.drain("other").await;
    desk.instance.forget();
    desk.bed.says("c", "agent").await;
    assert!(matches!(desk.drain("c").await, LaneEnd::At(_)), "held back");
    assert_eq!(desk.instance.texts(), [""; 0], "not even attempted");
    desk.bed.says("c", "cancel").await;
    desk.instance.is_down(false);
    desk.drain_to_the_end("c").await;
    assert_eq!(desk.instance.texts(), ["END_CONVERSATION"], "no ghost at the desk");
}

#[tokio::test]
async fn a_desk_that_asks_for_an_hour_does_not_fail_at_once_what_may_wait_for_minutes() {
    let desk = Desk::new().await;
    desk.connected("c").await;
    desk.bed.says("c", "word").await;
    desk.instance.answers_after(503, Some("3600"), "{}");
    let began = desk.bed.clock.now();
    assert_eq!(desk.drain("c").await, LaneEnd::At(began.after(policy().say_within)));
    assert_eq!(desk.bed.status("c"), "active");
}

#[tokio::test]
async fn a_refusal_is_final() {
    let desk = Desk::new().await;
    desk.instance.answers(403, "{}");
    desk.bed.says("c", "agent").await;
    assert_eq!(desk.drain("c").await, LaneEnd::Idle);
    assert_eq!(desk.instance.texts(), ["AGENT"]);
    assert_eq!(desk.bed.status("c"), "fail rejected");
    assert_eq!(desk.dead_reasons(), ["forbidden"]);
}

#[tokio::test]
async fn what_was_struck_is_reported_and_never_sent() {
    let desk = Desk::new().await;
    desk.connected("c").await;
    for word in ["one", "two", "three"] {
        desk.bed.says("c", word).await;
    }
    desk.bed.hears("c", vec![News::Ended]).await;
    assert_eq!(desk.drain("c").await, LaneEnd::Idle);
    assert!(desk.instance.requests().is_empty());
    assert!(desk.dead().is_empty(), "nothing failed");
    let undelivered = desk.bed.told("c").into_iter().filter(|told| told == "<undelivered>");
    assert_eq!(undelivered.count(), 1);
}

#[tokio::test]
async fn an_attempt_that_never_came_back_is_not_made_again_past_its_budget() {
    let desk = Desk::new().await;
    desk.bed.says("c", "agent").await;
    let work = desk.lease(desk.bed.waiting().pop().unwrap()).await;
    assert_eq!(work.attempts, 1);
    let desk = desk.restarted().await;
    desk.bed.advance(policy().ask_within);
    assert_eq!(desk.drain("c").await, LaneEnd::Idle);
    assert_eq!(desk.bed.status("c"), "fail unreachable");
    assert_eq!(desk.instance.texts(), ["END_CONVERSATION"], "it may have arrived the first time");
    assert_eq!(desk.dead_reasons(), ["expired"]);
}

#[tokio::test]
async fn an_effect_that_waited_too_long_behind_others_still_gets_its_one_attempt() {
    let desk = Desk::new().await;
    desk.bed.says("c", "agent").await;
    desk.bed.advance(policy().ask_within);
    assert_eq!(desk.drain("c").await, LaneEnd::Idle);
    assert_eq!(desk.instance.texts(), ["AGENT"]);
    assert_eq!(desk.bed.status("c"), "waiting");
}

#[tokio::test]
async fn a_store_that_cannot_be_read_costs_an_attempt_and_no_message() {
    let desk = Desk::new().await;
    desk.connected("c").await;
    desk.bed.says("c", "word").await;
    desk.bed.store.set(Fault::Unreadable);
    assert!(matches!(desk.drain("c").await, LaneEnd::At(_)));
    assert!(desk.dead().is_empty());
    desk.bed.store.set(Fault::None);
    desk.drain_to_the_end("c").await;
    assert_eq!(desk.instance.texts(), ["word"]);
}

#[tokio::test]
async fn a_report_that_a_full_disk_refuses_is_told_when_there_is_room_and_the_word_goes_out_once() {
    let desk = Desk::new().await;
    desk.connected("c").await;
    desk.bed.says("c", "word").await;
    let store = Arc::clone(&desk.bed.store);
    desk.instance.meanwhile(move || store.set(Fault::Full));
    let room_again = async {
        while desk.bed.store.refusals() == 0 {
            tokio::task::yield_now().await;
        }
        desk.bed.store.set(Fault::None);
    };
    let (end, ()) = tokio::join!(desk.drain("c"), room_again);
    assert_eq!(end, LaneEnd::Idle);
    assert_eq!(desk.instance.texts(), ["word"]);
    assert!(!desk.bed.waiting().iter().any(|lane| lane.0.starts_with("desk")), "it was told");
}

#[tokio::test]
async fn an_effect_that_nobody_can_read_is_kept_aside_and_its_lane_goes_on() {
    let desk = Desk::new().await;
    desk.bed.says("c", "agent").await;
    let lane = desk.bed.waiting().pop().unwrap();
    let mut work = desk.lease(lane.clone()).await;
    work.body = b"not sealed by anybody".to_vec();
    let broken = store::NewEffect {
        conversation: work.conversation,
        number: EffectNumber(1_000),
        lane: LaneKey("desk\u{1f}t\u{1f}d\u{1f}other".into()),
        session: None,
        body: work.body,
        at: work.at,
        expires_at: work.expires_at,
        trace: None,
    };
    desk.bed.save(&Changes { effects: vec![broken], ..Changes::default() });
    desk.bed.says("other", "agent").await;
    assert_eq!(desk.drain("other").await, LaneEnd::Idle);
    assert_eq!(desk.dead_reasons(), ["unreadable"]);
    assert_eq!(desk.instance.texts(), ["AGENT"]);
}

#[tokio::test]
async fn a_desk_taken_out_of_the_configuration_is_waited_for() {
    let mut desk = Desk::new().await;
    let link = desk.dispatcher.desks.drain().next().unwrap();
    desk.bed.says("c", "agent").await;
    assert!(matches!(desk.drain("c").await, LaneEnd::At(_)));
    desk.dispatcher.desks.extend([link]);
    desk.drain_to_the_end("c").await;
    assert_eq!(desk.instance.texts(), ["AGENT"]);
}

/// Design section 7, over HTTP: what is repeated, with the same ids, until it is taken.
#[tokio::test]
async fn what_passes_is_repeated_with_the_same_ids() {
    for (status, body) in [
        (500, "{}"),
        (502, "<html>"),
        (503, "{}"),
        (504, ""),
        (408, ""),
        (425, ""),
        (429, "{}"),
        (401, r#"{"error":{"message":"User Not Authenticated"}}"#),
        (200, "<html>Your instance is hibernating</html>"),
        (200, "{}"),
        (202, ""),
    ] {
        let desk = Desk::new().await;
        desk.connected("c").await;
        desk.bed.says("c", "word").await;
        desk.instance.answers(status, body);
        desk.drain_to_the_end("c").await;
        let requests = desk.instance.requests();
        assert_eq!(desk.instance.texts(), ["word", "word"], "{status} {body}");
        assert_eq!(requests[0], requests[1], "{status} {body}");
        assert_eq!((desk.bed.status("c"), desk.dead().len()), ("active".to_owned(), 0), "{status}");
    }
}

/// Design section 7, over HTTP: what is final. The chat fails, what waits behind is struck, and the
/// desk still hears of the end.
#[tokio::test]
async fn what_is_final_fails_the_chat_and_strikes_what_waits_behind() {
    let failure = r#"{"status":"failure","error":{"message":"Bad"}}"#;
    for (status, body, reason) in [
        (200, failure, "refused"),
        (400, failure, "refused"),
        (403, "{}", "forbidden"),
        (404, "{}", "not_found"),
        (405, "", "refused"),
        (413, "", "refused"),
        (302, "", "redirected"),
    ] {
        let desk = Desk::new().await;
        desk.connected("c").await;
        desk.bed.says("c", "word").await;
        desk.bed.says("c", "behind").await;
        desk.instance.answers(status, body);
        desk.drain_to_the_end("c").await;
        assert_eq!(desk.instance.texts(), ["word", "END_CONVERSATION"], "{status} {body}");
        assert_eq!(desk.dead_reasons(), [reason], "{status} {body}");
        assert_eq!(desk.bed.status("c"), "fail rejected", "{status} {body}");
    }
}

/// Design section 7: AGENT is given up after 2 minutes, a message after 15, END after 24 hours.
#[tokio::test]
async fn each_kind_has_a_budget_of_its_own_and_is_given_up_when_it_ends() {
    let minute = Duration::from_mins(1);
    for (kind, budget) in [("ask", 2 * minute), ("say", 15 * minute), ("end", 24 * 60 * minute)] {
        let desk = Desk::new().await;
        if kind != "ask" {
            desk.connected("c").await;
        }
        let said = match kind {
            "ask" => "agent",
            "say" => "word",
            _ => "end chat",
        };
        desk.bed.says("c", said).await;
        let began = desk.bed.clock.now();
        desk.instance.is_down(true);
        let step = budget / 60;
        while desk.dead().is_empty() {
            desk.drain("c").await;
            let took = desk.bed.clock.now().since(began);
            assert!(took <= budget + step, "{kind} is given up in time");
            if desk.dead().is_empty() {
                desk.bed.advance(step);
            }
        }
        assert!(desk.bed.clock.now().since(began) >= budget, "{kind} is not given up early");
        assert_eq!(desk.dead().len(), 1, "{kind}");
    }
}
