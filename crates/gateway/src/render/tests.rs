use serde_json::Value;
use session::{
    Choice, Given, Masked,
    id::{SenderKey, Timestamp},
};

use super::*;

fn shown(author: Author, content: Content) -> Option<Value> {
    let language = Language::German;
    let view = View { conversation: "c1", user: "dl_kim", language, links: None, first: Number(1) };
    let entry = Entry { number: Number(12), at: Timestamp(1_767_225_600_000), author, content };
    view.activity(&entry).map(|json| serde_json::from_str(&json).unwrap())
}

#[test]
fn every_activity_has_an_id_a_time_and_a_place() {
    let shown = shown(Author::Bot, Content::Said(Said::words("Hello"))).unwrap();
    assert_eq!(shown["id"], "c1-0000012");
    assert_eq!(shown["timestamp"], "2026-01-01T00:00:00.000Z");
    assert_eq!(shown["conversation"]["id"], "c1");
    assert_eq!(shown["channelData"]["webchat:sequence-id"], 12);
    assert_eq!(shown["from"]["role"], "bot");
}

#[test]
fn what_the_user_posted_comes_back_whole_with_the_proven_identity() {
    let posted = r#"{"type":"message","text":"hi","from":{"id":"mallory","x":1},"n":1.0,"channelData":{"clientActivityID":"a1"}}"#;
    let said = Said { payload: Some(Payload(posted.to_owned())), ..Said::words("hi") };
    let shown = shown(Author::User, Content::Said(said)).unwrap();
    assert_eq!(shown["from"]["id"], "dl_kim");
    assert_eq!(shown["from"]["role"], "user");
    assert_eq!(shown["from"]["x"], 1);
    assert_eq!(shown["channelData"]["clientActivityID"], "a1");
}

#[test]
fn an_answer_by_a_card_is_shown_in_words_though_pages_hide_what_cards_send() {
    let posted = r#"{"type":"message","value":{"warmline":{"answers":3,"value":"a1"}},"channelData":{"postBack":true,"clientActivityID":"a1"}}"#;
    let payload = || Some(Payload(posted.to_owned()));
    let answer = Some(Given { to: Number(3), value: "a1".to_owned(), secret: false });
    let said = Said { payload: payload(), answer, ..Said::words("Apple") };
    let shown_ = shown(Author::User, Content::Said(said)).unwrap();
    assert_eq!(shown_["text"], "Apple");
    assert_eq!(shown_["channelData"].get("postBack"), None);
    assert_eq!(shown_["channelData"]["clientActivityID"], "a1");
    // Another's card is shown as its page knows it.
    let said = Said { payload: payload(), ..Said::words("[Filled in a form:]") };
    let other = shown(Author::User, Content::Said(said)).unwrap();
    assert_eq!((other.get("text"), &other["channelData"]["postBack"]), (None, &json!(true)));
}

#[test]
fn what_was_for_the_desk_alone_comes_back_masked_and_is_recognised() {
    let masked = Some(Masked { key: Some(SenderKey::new("dl:a1").unwrap()) });
    let said = Said { masked, ..Said::words("••••••") };
    let shown = shown(Author::User, Content::Said(said)).unwrap();
    assert_eq!(shown["text"], "••••••");
    assert_eq!(shown["channelData"]["clientActivityID"], "a1");
    assert_eq!(shown["from"]["id"], "dl_kim");
    assert_eq!(shown.get("attachments"), None);
}

#[test]
fn the_files_beside_what_was_for_the_desk_alone_are_shown() {
    let file = session::File {
        id: "7-x".to_owned(),
        name: "a.png".to_owned(),
        kind: "image/png".to_owned(),
        bytes: 1,
    };
    let masked = Some(Masked::default());
    let said = Said { masked, files: vec![file], ..Said::words("••••••") };
    let shown = shown(Author::User, Content::Said(said)).unwrap();
    assert_eq!(
        (&shown["text"], &shown["attachments"][0]["name"]),
        (&json!("••••••"), &json!("a.png"))
    );
    assert_eq!(shown["attachments"][0]["contentType"], "image/png");
}

#[test]
fn what_the_desk_changes_keeps_its_id_and_is_no_activity_of_a_bots() {
    let payload = Some(Payload(r#"{"uiType":"ActionMsg","text":"raw"}"#.to_owned()));
    let (of, at) = (Number(7), Timestamp(1_767_225_600_000));
    for author in [Author::Desk, Author::Agent(Agent::default())] {
        let said = Said { payload: payload.clone(), ..Said::words("Found it") };
        let shown = shown(author, Content::Revised { of, at, said }).unwrap();
        assert_eq!((&shown["id"], &shown["text"]), (&json!("c1-0000007"), &json!("Found it")));
        assert_ne!(shown["from"]["id"], "bot");
    }
}

#[test]
fn an_id_that_only_a_token_can_give_is_not_taken_from_a_page() {
    let language = Language::English;
    let view = View { conversation: "c1", user: "", language, links: None, first: Number(1) };
    for (claimed, shown_as) in [("kim", "kim"), ("dl_kim", "c1"), ("r_77", "r_77")] {
        let posted = format!(r#"{{"type":"message","text":"hi","from":{{"id":"{claimed}"}}}}"#);
        let said = Said { payload: Some(Payload(posted)), ..Said::words("hi") };
        let shown = view.of_user(said.payload.as_ref(), &said.text).to_json();
        let shown: Value = serde_json::from_str(&shown).unwrap();
        assert_eq!(shown["from"]["id"], shown_as);
    }
}

#[test]
fn channel_data_comes_back_as_it_came() {
    for (sent, sequence) in [
        (r#"{"a":{"b":[1.0,12345678901234567890]},"c":null}"#, true),
        (r#""a text""#, false),
        ("7.50", false),
        ("[1,2]", false),
    ] {
        let posted = format!(r#"{{"type":"message","text":"hi","channelData":{sent}}}"#);
        let said = Said { payload: Some(Payload(posted)), ..Said::words("hi") };
        let language = Language::English;
        let view =
            View { conversation: "c1", user: "dl_kim", language, links: None, first: Number(1) };
        let entry = Entry {
            number: Number(12),
            at: Timestamp(1_767_225_600_000),
            author: Author::User,
            content: Content::Said(said),
        };
        let shown = view.activity(&entry).unwrap();
        let kept = sent.strip_suffix('}').unwrap_or(sent);
        assert!(shown.contains(&format!("\"channelData\":{kept}")), "{shown}");
        assert_eq!(shown.contains("webchat:sequence-id"), sequence, "{shown}");
    }
}

#[test]
fn an_agents_words_are_plain_and_carry_the_name() {
    let agent = Agent { name: Some("Dana".to_owned()), id: None, avatar: None };
    let shown = shown(Author::Agent(agent), Content::Said(Said::words("use *this*"))).unwrap();
    assert_eq!(shown["text"], "Dana: use *this*");
    assert_eq!(shown["textFormat"], "plain");
    assert_ne!(shown["from"]["id"], "bot");
}

#[test]
fn an_agents_picture_comes_along_where_the_page_can_open_it() {
    for (avatar, opened) in [
        ("https://pictures.example/dana.png", json!("https://pictures.example/dana.png")),
        ("/dana.iix?t=small", Value::Null),
    ] {
        let avatar = Some(avatar.to_owned());
        let agent = Agent { name: Some("Dana".to_owned()), id: None, avatar };
        let shown = shown(Author::Agent(agent), Content::Said(Said::words("hi"))).unwrap();
        assert_eq!(shown["channelData"]["warmline"]["agent"]["avatar"], opened);
    }
}

#[test]
fn options_become_suggested_actions() {
    let option = Choice { label: "Yes".to_owned(), value: "1".to_owned() };
    let said = Said { options: vec![option], ..Said::words("Sure?") };
    let shown = shown(Author::Desk, Content::Said(said)).unwrap();
    assert_eq!(shown["suggestedActions"]["actions"][0]["title"], "Yes");
    assert_eq!(shown["suggestedActions"]["actions"][0]["value"], "1");
}

#[test]
fn a_question_of_the_desks_is_a_card_that_answers_its_entry() {
    let raw = r#"{"uiType":"Date","label":"When?"}"#;
    let said = Said { payload: Some(Payload(raw.to_owned())), ..Said::words("When?") };
    let agent = Agent { name: Some("Dana".to_owned()), id: None, avatar: None };
    let asked = shown(Author::Agent(agent), Content::Said(said)).unwrap();
    assert_eq!(asked["text"], "Dana: When?");
    assert_eq!(asked["from"]["id"], "agent");
    assert_eq!(asked["id"], "c1-0000012");
    let card = &asked["attachments"][0]["content"];
    assert_eq!(card["body"][0]["id"], "warmlineDate");
    assert_eq!(
        card["actions"][0]["data"],
        json!({ "warmline": { "answers": 12, "asks": "date" } })
    );
}

#[test]
fn what_buttons_show_is_not_listed_again() {
    let option = |label: &str| Choice { label: label.to_owned(), value: "v".to_owned() };
    let options = vec![option("Pay"), option("Something else")];
    for (text, shown_as) in [
        ("Which?\n- Pay\n- Something else", "Which?"),
        ("- Pay\n- Something else", "- Pay\n- Something else"),
        ("Which?\n- Pay", "Which?\n- Pay"),
        ("Which?", "Which?"),
    ] {
        let said = Said { options: options.clone(), ..Said::words(text) };
        let shown = shown(Author::Desk, Content::Said(said)).unwrap();
        assert_eq!(shown["text"], shown_as);
    }
}

#[test]
fn what_neither_a_card_nor_buttons_can_show_is_shown_in_words() {
    let long = "x".repeat(3_000);
    let options: Vec<_> = (0..100)
        .map(|n| Choice { label: format!("{n}{long}"), value: format!("{n}{long}") })
        .collect();
    let listed: Vec<_> =
        options.iter().map(|one| json!({ "label": one.label, "value": one.value })).collect();
    let raw = json!({ "uiType": "Picker", "label": "Which?", "options": listed }).to_string();
    let said = Said { options, payload: Some(Payload(raw)), ..Said::words("Which?") };
    let shown = shown(Author::Desk, Content::Said(said)).unwrap();
    assert!(shown.get("suggestedActions").is_none() && shown.get("attachments").is_none());
    assert!(shown["text"].as_str().unwrap().starts_with("Which?"));
}

#[test]
fn what_the_bot_handed_over_is_never_shown() {
    assert_eq!(shown(Author::Bot, Content::Context(session::Context::new())), None);
}

#[test]
fn a_notice_comes_from_the_channel_and_names_its_key() {
    let shown = shown(Author::Gateway, Content::Notice(Notice::Asked)).unwrap();
    assert_eq!(shown["from"]["role"], "channel");
    assert_eq!(shown["channelData"]["warmline"]["notice"]["key"], "asked");
    assert_eq!(shown["locale"], "de");
    assert!(shown["text"].as_str().unwrap().starts_with("Ich suche"), "{shown}");
}

#[test]
fn plain_words_of_the_desk_carry_nothing_that_cannot_be_seen() {
    let label = "Now\u{202e}";
    let options = vec![Choice { label: label.to_owned(), value: "now".to_owned() }];
    let words = format!("pay\u{202e}00,1\u{1b}[2J\u{85}\nwhen?\n- {label}");
    let said = Said { options, ..Said::words(&words) };
    for author in [Author::Desk, Author::Agent(Agent::default())] {
        let shown = shown(author, Content::Said(said.clone())).unwrap();
        assert_eq!(shown["text"], "pay00,1[2J\nwhen?");
        assert_eq!(shown["suggestedActions"]["actions"][0]["title"], "Now");
    }
}
