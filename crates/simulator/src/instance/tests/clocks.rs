//! What time does: reminders, giving up, and the queue's maximum.

use super::*;

const SECOND: u64 = 1_000;
const REMINDER: &str = "System: The conversation is timing out, are you still there? agentChat";
const ENDED: &str = "OutputText: The conversation has ended. completed";

/// An instance that looks each second, so that the moments are the property's own.
fn watchful() -> Instance {
    let idle = Idle { checked_every: Duration::from_secs(1), ..Idle::default() };
    instance(&Config { idle: Some(idle), wait_status: WaitStatus::Off, ..Config::default() })
}

/// A live chat, accepted at `now`.
fn live(instance: &mut Instance, now: u64) -> u64 {
    receive(instance, &agent("u"), now);
    let number = number(instance);
    instance.accept(number, None, now).unwrap();
    number
}

#[test]
fn a_silent_user_is_reminded_after_three_minutes_and_given_up_after_six() {
    let mut instance = watchful();
    live(&mut instance, 0);
    assert!(run(&mut instance, 180 * SECOND - 1).is_empty());
    assert_eq!(gists(&run(&mut instance, 180 * SECOND)), [REMINDER]);
    assert!(run(&mut instance, 360 * SECOND - 1).is_empty(), "the reminder is told once");
    assert_eq!(
        gists(&run(&mut instance, 360 * SECOND)),
        ["System: It seems you have left the conversation agentChat", ENDED]
    );
    let chat = chat(&instance);
    assert_eq!((chat.state, chat.ended_by), (ChatState::Ended, None));
    assert_eq!(chat.end_reason, Some("no user response"));
    run(&mut instance, 400 * SECOND);
    assert_eq!(instance.next_due(), None, "the job rests when no chat is live");
}

#[test]
fn only_the_users_messages_wind_the_idle_clock_back() {
    for (what, winds) in [("user", true), ("agent", false), ("typing", false)] {
        let mut instance = watchful();
        let number = live(&mut instance, 0);
        run(&mut instance, 200 * SECOND);
        let now = 200 * SECOND;
        match what {
            "user" => drop(receive(&mut instance, &says("r-2", "still here"), now)),
            "agent" => drop(instance.write(number, "wait please", now).unwrap()),
            _ => {
                let typing = json!({"requestId": "r", "userId": "u", "action": "TYPING"});
                receive(&mut instance, &typing, now);
            }
        }
        run(&mut instance, 379 * SECOND);
        assert_eq!(chat(&instance).state == ChatState::Live, winds, "{what}");
        if winds {
            assert_eq!(gists(&run(&mut instance, 380 * SECOND)), [REMINDER], "it is told again");
            run(&mut instance, 560 * SECOND);
            assert_eq!(chat(&instance).state, ChatState::Ended);
        }
    }
}

#[test]
fn the_job_looks_at_intervals_so_both_come_late() {
    let mut instance = instance(&Config { wait_status: WaitStatus::Off, ..Config::default() });
    // Accepted ten seconds after the job has looked: 180 s later is between two looks.
    live(&mut instance, 130 * SECOND);
    assert!(run(&mut instance, 360 * SECOND - 1).is_empty());
    assert_eq!(gists(&run(&mut instance, 360 * SECOND)), [REMINDER]);
    assert!(run(&mut instance, 600 * SECOND - 1).is_empty());
    assert_eq!(run(&mut instance, 600 * SECOND).len(), 2);
}

#[test]
fn waiting_in_the_queue_does_not_count_as_silence() {
    let mut instance = watchful();
    receive(&mut instance, &agent("u"), 0);
    let number = number(&instance);
    run(&mut instance, 500 * SECOND);
    instance.accept(number, None, 500 * SECOND).unwrap();
    assert!(run(&mut instance, 679 * SECOND).is_empty());
    assert_eq!(gists(&run(&mut instance, 680 * SECOND)), [REMINDER]);
}

#[test]
fn where_nobody_looks_a_silent_user_stays() {
    let mut instance = instance(&Config { idle: None, ..Config::default() });
    live(&mut instance, 0);
    assert!(run(&mut instance, 86_400 * SECOND).is_empty());
    assert_eq!(chat(&instance).state, ChatState::Live);
}

#[test]
fn the_specification_tells_the_idle_end_as_any_other() {
    let idle = Idle { checked_every: Duration::from_secs(1), ..Idle::default() };
    let dialect = Dialect::Spec;
    let mut instance = instance(&Config { dialect, idle: Some(idle), ..Config::default() });
    live(&mut instance, 0);
    let told = run(&mut instance, 360 * SECOND);
    let last = &told.last().unwrap().body;
    assert_eq!(last["body"][0]["actionType"], "EndConversation");
    assert_eq!((&last["status"], &last["completed"]), (&json!("completed"), &json!(true)));
    assert_eq!(told[0].body["status"], "connected");
}

#[test]
fn after_the_maximum_wait_a_topic_is_offered_and_choosing_it_leaves_the_queue() {
    for (choice, leaves) in
        [("Live Agent Support.", true), ("ce2ee85053130010cf8cddeeff7b12bf", true), ("no", false)]
    {
        let max_wait = Some(Duration::from_secs(90));
        let mut instance =
            instance(&Config { max_wait, wait_status: WaitStatus::Off, ..Config::default() });
        receive(&mut instance, &agent("u"), 0);
        let (fate, _) = receive(&mut instance, &says("r-2", choice), 80 * SECOND);
        assert!(matches!(fate, Fate::Ignored(_)), "nothing was offered yet");
        assert!(run(&mut instance, 90 * SECOND - 1).is_empty());
        let told = run(&mut instance, 90 * SECOND);
        assert_eq!(
            gists(&told),
            ["OutputText: All agents are still busy. You can keep waiting, or choose a topic \
              instead., TopicPickerControl agentChat"]
        );
        assert_eq!(chat(&instance).state, ChatState::Offered);
        let (fate, told) = receive(&mut instance, &says("r-3", choice), 100 * SECOND);
        assert_eq!(fate == Fate::Taken, leaves, "{choice}");
        assert_eq!(chat(&instance).state == ChatState::Ended, leaves, "{choice}");
        assert_eq!(gists(&told).contains(&" takeControl".to_owned()), leaves, "{choice}");
    }
}

#[test]
fn an_agent_who_comes_in_time_prevents_the_offer() {
    let max_wait = Some(Duration::from_secs(90));
    let mut instance = instance(&Config { max_wait, idle: None, ..Config::default() });
    live(&mut instance, 0);
    assert!(run(&mut instance, 1_000 * SECOND).is_empty());
}
