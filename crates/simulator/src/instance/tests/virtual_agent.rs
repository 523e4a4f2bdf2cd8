//! Topics, and the survey after a live chat.

use super::*;
use crate::config::{QuestionKind, TopicAction};

const COMPLETED: &str = "OutputText: The conversation has ended. completed";

fn topics() -> Vec<Topic> {
    let says = TopicAction::Says("Hold the button for ten seconds.".to_owned());
    let reset = Topic { id: "t-1".to_owned(), name: "Reset a device".to_owned(), does: says };
    vec![Topic::live_agent(), reset]
}

fn survey() -> Vec<Question> {
    let question = |label: &str, kind| Question { label: label.to_owned(), kind };
    let grades = [("Good", "3"), ("Bad", "1")].map(|(l, v)| (l.to_owned(), v.to_owned()));
    vec![
        question("Was it solved?", QuestionKind::YesNo),
        question("How was it?", QuestionKind::Choice(grades.to_vec())),
        question("What else?", QuestionKind::Text),
    ]
}

fn config() -> Config {
    Config { topics: topics(), wait_status: WaitStatus::Off, idle: None, ..Config::default() }
}

fn live(config: &Config) -> (Instance, u64) {
    let mut instance = instance(config);
    receive(&mut instance, &agent("u"), 0);
    let number = number(&instance);
    instance.accept(number, None, 0).unwrap();
    (instance, number)
}

#[test]
fn choosing_live_agent_support_opens_the_live_chat() {
    for choice in ["Live Agent Support.", "ce2ee85053130010cf8cddeeff7b12bf"] {
        let mut instance = instance(&config());
        receive(&mut instance, &says("r-1", "help me"), 0);
        let (_, told) = receive(&mut instance, &says("r-2", choice), 1);
        assert!(gists(&told).contains(&"SubscribeToSupportQueue agentChat".to_owned()));
        assert_eq!(chat(&instance).state, ChatState::Offered, "{choice}");
    }
}

#[test]
fn a_topic_says_what_it_says_and_is_no_misunderstanding() {
    let mut instance = instance(&config());
    let (_, told) = receive(&mut instance, &says("r-1", "blue"), 0);
    let offered = &told.last().unwrap().body["body"][1]["options"];
    assert_eq!(
        (&offered[0]["value"], &offered[1]["label"]),
        (&json!("ce2ee85053130010cf8cddeeff7b12bf"), &json!("Reset a device"))
    );
    let (_, told) = receive(&mut instance, &says("r-2", "t-1"), 1);
    assert_eq!(gists(&told), ["OutputText: Hold the button for ten seconds."]);
    assert_eq!(told[0].body["score"], 1);
    let (_, told) = receive(&mut instance, &says("r-3", "green"), 2);
    assert_eq!(told.len(), 1, "the count of misunderstandings began anew: {:?}", gists(&told));
}

#[test]
fn switch_runs_the_topic_that_is_named_by_one_of_name_and_id() {
    for (topic, runs) in [
        (json!({"name": "Reset a device"}), true),
        (json!({"id": "t-1"}), true),
        (json!({"name": "Reset a device", "id": "t-1"}), false),
        (json!({"name": "t-1"}), false),
        (json!({}), false),
        (Value::Null, false),
    ] {
        let mut instance = instance(&config());
        let body = json!({"requestId": "r", "userId": "u", "action": "SWITCH", "topic": topic});
        let (_, told) = receive(&mut instance, &body, 0);
        assert_eq!(told.last().unwrap().body["score"], u8::from(runs), "{topic}");
        assert_eq!(instance.open.is_empty(), !runs, "a failed switch closes: {topic}");
    }
}

#[test]
fn a_topic_that_is_chosen_in_the_queue_leaves_it_for_good() {
    let max_wait = Some(Duration::from_secs(90));
    let mut instance = instance(&Config { max_wait, ..config() });
    receive(&mut instance, &agent("u"), 0);
    let waiting = number(&instance);
    run(&mut instance, 90_000);
    let (_, told) = receive(&mut instance, &says("r-2", "Reset a device"), 100_000);
    assert_eq!(gists(&told), ["OutputText: Hold the button for ten seconds."]);
    let left = chat(&instance);
    assert_eq!((left.state, left.end_reason), (ChatState::Ended, Some("left before engagement")));
    assert_eq!(instance.accept(waiting, None, 1).unwrap_err(), DeskError::NotOffered);
    assert!(instance.agents().all(|agent| agent.workload == 0));
    receive(&mut instance, &agent("u"), 110_000);
    assert_eq!(chat(&instance).state, ChatState::Offered, "the same conversation asks again");
}

#[test]
fn the_survey_follows_the_end_and_its_answers_are_kept() {
    let (mut instance, number) = live(&Config { survey: survey(), ..config() });
    let told = instance.end(number, 1).unwrap();
    assert_eq!(
        gists(&told),
        [
            "System: Dana has closed the support session. agentChat",
            "SwitchToVirtualAgent",
            "Boolean"
        ]
    );
    assert!(told[2].ends == false && told[0].ends, "a question is not the end");
    assert_eq!(chat(&instance).state, ChatState::Ended, "for the agent it is over");
    assert!(instance.agents().all(|agent| agent.active == 0));
    let mut say = |text: &str, now| gists(&receive(&mut instance, &says(text, text), now).1);
    assert_eq!(say("yes", 2), ["Picker"]);
    assert_eq!(say("_skip_", 3), ["InputText"]);
    assert_eq!(say("Live Agent Support.", 4), [COMPLETED], "an answer is no choice of a topic");
    let chat = chat(&instance);
    let answers: Vec<_> =
        chat.survey.iter().map(|a| (a.question.as_str(), a.answer.as_deref())).collect();
    assert_eq!(
        answers,
        [
            ("Was it solved?", Some("yes")),
            ("How was it?", None),
            ("What else?", Some("Live Agent Support.")),
        ]
    );
    assert_eq!((chat.ended_by, chat.end_reason), (Some(EndedBy::Agent), Some("agent ended")));
    assert!(instance.open.is_empty());
}

#[test]
fn where_the_end_is_told_once_it_comes_before_the_survey() {
    for (dialect, end) in [
        (Dialect::ServiceNow, COMPLETED),
        (Dialect::Spec, "EndConversation: The conversation has ended. completed"),
    ] {
        let end_told = EndTold::Once;
        let config = Config { survey: survey(), end_told, dialect, ..config() };
        let (mut instance, number) = live(&config);
        assert_eq!(gists(&instance.end(number, 1).unwrap()), [end, "Boolean"]);
        for (answer, left) in [("no", 1), ("1", 1), ("nothing", 0)] {
            let (_, told) = receive(&mut instance, &says(answer, answer), 2);
            assert_eq!(told.len(), left, "{answer}");
        }
        assert!(instance.open.is_empty());
    }
}

#[test]
fn a_survey_ends_with_the_users_end_with_a_new_request_or_with_silence() {
    let config = Config { survey: survey(), command_words: true, ..config() };
    let end = json!({"requestId": "r", "userId": "u", "action": "END_CONVERSATION"});
    let (mut instance, number) = live(&config);
    instance.end(number, 1).unwrap();
    assert_eq!(gists(&receive(&mut instance, &end, 2).1), [COMPLETED]);

    let (mut instance, number) = live(&config);
    instance.end(number, 1).unwrap();
    let (fate, told) = receive(&mut instance, &agent("u"), 2);
    assert_eq!((fate, gists(&told)[0].as_str()), (Fate::Taken, "StartConversation"));
    assert_eq!(instance.conversations().count(), 2);

    let (mut instance, number) = live(&config);
    instance.end(number, 1_000).unwrap();
    receive(&mut instance, &says("r-2", "bye"), 60_000);
    assert!(run(&mut instance, 419_999).is_empty(), "each question waits for itself");
    assert_eq!(gists(&run(&mut instance, 420_000)), [COMPLETED]);
    let answer = chat(&instance).survey.remove(0).answer;
    assert_eq!(answer.as_deref(), Some("bye"), "no word is a command here");
}

#[test]
fn without_the_channels_typing_indicator_the_user_hears_no_typing() {
    let (mut instance, number) = live(&Config { typing_shown: false, ..config() });
    assert!(instance.typing(number, true).unwrap().is_empty());
    assert_eq!(instance.write(number, "hello", 1).unwrap().len(), 1);
}
