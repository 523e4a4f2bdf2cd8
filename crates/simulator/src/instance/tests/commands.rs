//! Words that are commands (reference 3.7).

use super::*;

const GREETED: &str =
    "OutputText: Hi, I'm your virtual agent. How can I help you?, TopicPickerControl";
const ENDED: &str = "OutputText: The conversation has ended.";
const COMPLETED: &str = "OutputText: The conversation has ended. completed";

/// Where the conversation stands when the word is said.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Standing {
    Nothing,
    Bot,
    Queued,
    Live,
}

use Standing::{Bot, Live, Nothing, Queued};

fn standing(standing: Standing, command_words: bool) -> Instance {
    let mut instance =
        instance(&Config { command_words, wait_status: WaitStatus::Off, ..Config::default() });
    let start = json!({"requestId": "r-0", "userId": "u", "action": "START_CONVERSATION"});
    match standing {
        Nothing => {}
        Bot => drop(receive(&mut instance, &start, 0)),
        Queued => drop(receive(&mut instance, &agent("u"), 0)),
        Live => {
            receive(&mut instance, &agent("u"), 0);
            let number = number(&instance);
            instance.accept(number, None, 0).unwrap();
        }
    }
    instance
}

#[test]
fn each_word_does_what_it_means_wherever_the_conversation_stands() {
    let started = "StartConversation";
    let asked = "Picker";
    for (place, word, expected) in [
        (Nothing, "bye", vec![]),
        (Bot, "bye", vec![asked]),
        (Queued, "bye", vec![COMPLETED]),
        (Live, "bye", vec![COMPLETED]),
        (Nothing, "hi", vec![started, GREETED]),
        (Bot, "hi", vec![GREETED]),
        (Queued, "hi", vec![COMPLETED]),
        (Live, "hi", vec![COMPLETED]),
        (Nothing, "restart", vec![started, GREETED]),
        (Bot, "restart", vec![ENDED, started, GREETED]),
        (Queued, "restart", vec![COMPLETED, started, GREETED]),
        (Live, "restart", vec![COMPLETED, started, GREETED]),
        (Nothing, "logout", vec![]),
        (Live, "logout", vec![]),
        (Queued, "agent", vec![]),
        (Live, "agent", vec![]),
    ] {
        let mut instance = standing(place, true);
        let (_, told) = receive(&mut instance, &says("r-1", word), 1);
        assert_eq!(gists(&told), expected, "{word} when {place:?}");
        let shown = instance.conversations().filter_map(Conversation::view);
        let seen = shown.flat_map(|chat| chat.lines).any(|line| line.text == word);
        assert!(!seen, "the agent does not see {word}");
    }
}

#[test]
fn agent_asks_for_an_agent() {
    for (place, first) in [(Nothing, "StartConversation"), (Bot, "StartSpinner")] {
        let mut instance = standing(place, true);
        let (fate, told) = receive(&mut instance, &says("r-1", "agent"), 1);
        assert_eq!((fate, gists(&told)[0].as_str()), (Fate::Taken, first));
        assert_eq!(chat(&instance).state, ChatState::Offered);
    }
}

#[test]
fn a_word_counts_only_as_the_whole_message_and_to_the_letter() {
    for text in ["bye.", "Bye", " bye", "bye!", "say hi", "agents"] {
        let mut instance = standing(Live, true);
        let (fate, told) = receive(&mut instance, &says("r-1", text), 1);
        assert_eq!((fate, told.len()), (Fate::Taken, 0), "{text}");
        assert_eq!(chat(&instance).lines.last().unwrap().text, text);
    }
}

#[test]
fn without_command_words_they_reach_the_agent() {
    for text in ["bye", "hi", "restart", "logout", "agent"] {
        let mut instance = standing(Live, false);
        receive(&mut instance, &says("r-1", text), 1);
        assert_eq!(chat(&instance).state, ChatState::Live);
        assert_eq!(chat(&instance).lines.last().unwrap().text, text);
    }
}

#[test]
fn the_virtual_agent_asks_back_before_it_lets_its_user_go() {
    let not_understood = "OutputText: I'm sorry, I didn't understand that., TopicPickerControl";
    for (answer, expected) in [("1", vec![ENDED]), ("0", vec![]), ("blue", vec![not_understood])] {
        let mut instance = standing(Bot, true);
        receive(&mut instance, &says("r-1", "bye"), 1);
        let (_, told) = receive(&mut instance, &says("r-2", answer), 2);
        assert_eq!(gists(&told), expected, "{answer}");
        assert_eq!(instance.open.is_empty(), answer == "1");
        let (_, told) = receive(&mut instance, &says("r-3", "0"), 3);
        assert!(!told.is_empty(), "an answer counts once");
    }
}

#[test]
fn logout_makes_the_user_a_guest_for_good() {
    let mut instance = standing(Nothing, true);
    instance.setup.links_users = true;
    let mut ask = agent("u");
    ask["emailId"] = "kim@example.org".into();
    receive(&mut instance, &ask, 0);
    let first = number(&instance);
    instance.accept(first, None, 1).unwrap();
    let name = |instance: &Instance| {
        let views: Vec<_> = instance.conversations().filter_map(Conversation::view).collect();
        views.last().unwrap().lines.last().unwrap().name.clone()
    };
    receive(&mut instance, &says("r-2", "before"), 2);
    assert_eq!(name(&instance), "Kim Example");
    receive(&mut instance, &says("r-3", "logout"), 3);
    receive(&mut instance, &says("r-4", "after"), 4);
    assert_eq!(name(&instance), "Guest");
    instance.end(first, 5).unwrap();
    receive(&mut instance, &ask, 6);
    assert_eq!(name(&instance), "Guest", "in the next conversation too");
}
