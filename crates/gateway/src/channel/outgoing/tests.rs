use serde_json::{Value, json};
use session::{Agent, Choice, Notice, Payload, id::Timestamp, parts::PART_UNITS_MAX};

use super::*;
use crate::channel::reference::tests::{PERSONAL, reference};

fn group() -> Reference {
    reference(&PERSONAL.replace(
        r#""conversationType":"personal""#,
        r#""conversationType":"groupChat","isGroup":true"#,
    ))
}

/// The channel knows the user's entry 3 and ours 4.
fn known(number: Number) -> Option<String> {
    match number.0 {
        3 => Some("1700".to_owned()),
        4 => Some("1701".to_owned()),
        _ => None,
    }
}

fn sending(
    reference: &Reference,
    channel: &str,
    author: Author,
    content: Content,
    part: u16,
) -> Sending {
    let (language, pictures) = (Language::German, &*rich::NO_PICTURES);
    let place = Place { reference, channel, language, links: None, pictures };
    let entry = Entry { number: Number(12), at: Timestamp(1_767_225_600_000), author, content };
    place.sending(&entry, part, known)
}

fn in_teams(author: Author, content: Content) -> Sending {
    sending(&reference(PERSONAL), TEAMS, author, content, 0)
}

fn json_of(sending: &Sending) -> Value {
    let (Sending::Send(activity)
    | Sending::Reply { activity, .. }
    | Sending::Update { activity, .. }) = sending
    else {
        panic!("nothing is sent: {sending:?}")
    };
    serde_json::from_str(activity).unwrap()
}

fn by_bot(json: &str) -> Content {
    Content::Said(Said { payload: Some(Payload(json.to_owned())), ..Said::words("words") })
}

fn done(json: &str) -> Content {
    Content::Done(Payload(json.to_owned()))
}

fn dana() -> Author {
    Author::Agent(Agent { name: Some("Dana".to_owned()), id: None, avatar: None })
}

fn options(count: usize) -> Vec<Choice> {
    let option = |n| Choice { label: format!("Option {n}"), value: format!("v{n}") };
    (1..=count).map(option).collect()
}

/// A question as the log keeps it: the words end with the list.
fn question(count: usize) -> Content {
    let options = options(count);
    let list: Vec<_> = options.iter().map(|option| format!("\n- {}", option.label)).collect();
    Content::Said(Said { options, ..Said::words(format!("Which?{}", list.concat())) })
}

#[test]
fn what_the_desk_changes_is_an_update_of_what_was_shown() {
    let payload = Some(Payload(r#"{"uiType":"ActionMsg","text":"raw"}"#.to_owned()));
    let said = Said { payload, ..Said::words("Found it") };
    let revised = |of| Content::Revised { of: Number(of), at: Timestamp(1), said: said.clone() };
    for (author, text) in [(Author::Desk, "Found it"), (dana(), "Dana: Found it")] {
        let sent = in_teams(author.clone(), revised(4));
        let Sending::Update { id, .. } = &sent else { panic!("{sent:?}") };
        assert_eq!((id.as_str(), json_of(&sent)["text"].as_str()), ("1701", Some(text)));
        // What was never seen there is a message of its own.
        let sent = in_teams(author, revised(5));
        let Sending::Send(_) = sent else { panic!("{sent:?}") };
        assert_eq!(json_of(&sent)["text"], text);
    }
}

#[test]
fn an_agents_words_go_out_plain_under_the_name_into_the_conversation() {
    let sent = in_teams(dana(), Content::Said(Said::words("use *this* <b>&amp;\u{7}\tnow\r\nok")));
    let Sending::Send(_) = sent else { panic!("{sent:?}") };
    assert_eq!(
        json_of(&sent),
        json!({
            "type": "message",
            "text": "Dana: use *this* <b>&amp;\tnow\nok",
            "textFormat": "plain",
            "channelId": "msteams",
            "serviceUrl": "https://smba.example/amer/",
            "conversation": { "id": "a:1", "conversationType": "personal", "tenantId": "t-1", "x": 1.0 },
            "from": { "id": "28:bot", "name": "Helper" },
            "recipient": { "id": "29:kim", "name": "Kim", "aadObjectId": "6f1b" },
        })
    );
    let nameless = Author::Agent(Agent::default());
    assert_eq!(json_of(&in_teams(nameless, Content::Said(Said::words("hi"))))["text"], "hi");
    assert_eq!(json_of(&in_teams(Author::Desk, Content::Said(Said::words("hi"))))["text"], "hi");
    let bold = Content::Said(Said { markdown: true, ..Said::words("**hi**") });
    assert_eq!(json_of(&in_teams(Author::Desk, bold))["textFormat"], "markdown");
}

#[test]
fn a_notice_is_said_in_the_users_language() {
    let sent = json_of(&in_teams(Author::Gateway, Content::Notice(Notice::Asked)));
    assert!(sent["text"].as_str().unwrap().starts_with("Ich suche"), "{sent}");
    assert_eq!((&sent["locale"], &sent["textFormat"]), (&json!("de"), &json!("plain")));
    assert_eq!(sent["from"]["id"], "28:bot");
    assert!(sent.get("channelData").is_none());
}

#[test]
fn what_a_bot_sends_goes_out_whole_with_the_channels_own_ids() {
    let json = r#"{"type":"message","id":"b-1","timestamp":"2026","localTimestamp":"x","text":"*hi*","textFormat":"xml","from":{"id":"bot-7","role":"bot","z":1},"recipient":{"id":"6f1b"},"conversation":{"id":"c9-ab"},"replyToId":"c9-ab-0000003","channelId":"directline","serviceUrl":"https://ours/secret","relatesTo":{"x":1},"callerId":"urn:x","deliveryMode":"expectReplies","_channelId":"x","inputHint":"acceptingInput","importance":"high","n":1.0,"big":12345678901234567890123,"channelData":{"warmline":{"a":1},"notification":{"alert":true},"streamId":"s"},"entities":[{"type":"streaminfo","streamType":"final"},{"type":"mention","text":"<at>Kim</at>","q":1.0}],"attachments":[{"contentType":"x/y","content":{"k":1e400}}]}"#;
    let sent = in_teams(Author::Bot, by_bot(json));
    let Sending::Reply { to, activity } = &sent else { panic!("{sent:?}") };
    assert_eq!(to, "1700");
    assert_eq!(
        activity,
        r#"{"type":"message","text":"*hi*","textFormat":"xml","channelId":"msteams","serviceUrl":"https://smba.example/amer/","inputHint":"acceptingInput","importance":"high","n":1.0,"big":12345678901234567890123,"channelData":{"notification":{"alert":true}},"entities":[{"type":"mention","text":"<at>Kim</at>","q":1.0}],"attachments":[{"contentType":"x/y","content":{"k":1e400}}],"conversation":{"id":"a:1","conversationType":"personal","tenantId":"t-1","x":1.0},"from":{"id":"28:bot","name":"Helper"},"recipient":{"id":"29:kim","name":"Kim","aadObjectId":"6f1b"},"replyToId":"1700"}"#
    );
}

#[test]
fn what_a_bot_answers_is_named_as_the_channel_knows_it_or_not_at_all() {
    for (given, to) in [
        ("c9-ab-0000003", Some("1700")),
        ("c9-ab-0000004", Some("1701")),
        ("c9-ab-0000005", None),
        ("c9-ab-0000013", None),
        ("1700", None),
        ("", None),
    ] {
        let json = json!({ "type": "message", "text": "hi", "replyToId": given }).to_string();
        let sent = in_teams(Author::Bot, by_bot(&json));
        match (&sent, to) {
            (Sending::Reply { to, .. }, Some(expected)) => assert_eq!(to, expected),
            (Sending::Send(_), None) => {}
            _ => panic!("{given}: {sent:?}"),
        }
        assert_eq!(json_of(&sent).get("replyToId").and_then(Value::as_str), to);
    }
}

#[test]
fn what_a_channel_refuses_is_not_sent() {
    for (json, teams, web) in [
        (r#"{"type":"event","name":"handoff.initiate"}"#, false, false),
        (r#"{"type":"event","name":"handoff.status"}"#, false, false),
        (r#"{"type":"event","name":"navigate"}"#, false, true),
        (r#"{"type":"event"}"#, false, true),
        (r#"{"type":"typing"}"#, false, false),
        (r#"{"type":"trace","name":"x"}"#, false, false),
        (r#"{"type":"invokeResponse","value":{}}"#, false, false),
        (r#"{"type":"endOfConversation"}"#, false, false),
        (r#"{"type":"handoff"}"#, false, false),
        (r#"{"type":"brandNew"}"#, false, true),
        (r#"{"type":"message","text":"hi"}"#, true, true),
        ("no JSON", false, false),
    ] {
        for (channel, taken) in
            [(TEAMS, teams), ("slack", teams), (AZURE_DIRECT_LINE, web), ("webchat", web)]
        {
            let sent = sending(&reference(PERSONAL), channel, Author::Bot, done(json), 0);
            assert_eq!(sent != Sending::Nothing, taken, "{channel} {json}");
        }
    }
}

#[test]
fn nothing_is_sent_of_what_is_not_for_the_user() {
    let context = Content::Context(session::Context::new());
    for (author, content) in [
        (Author::User, Content::Said(Said::words("hi"))),
        (Author::User, done(r#"{"type":"event"}"#)),
        (Author::Bot, context),
        (Author::Bot, Content::Transcript(Vec::new())),
        (Author::Desk, done("{}")),
        (dana(), Content::Said(Said::words("  "))),
        (Author::Bot, by_bot(r#"{"type":"message","channelData":{"x":1}}"#)),
    ] {
        assert_eq!(in_teams(author, content.clone()), Sending::Nothing, "{content:?}");
    }
}

#[test]
fn a_direct_line_of_azures_is_told_its_own_name() {
    let sent = sending(
        &reference(PERSONAL),
        AZURE_DIRECT_LINE,
        Author::Bot,
        by_bot(r#"{"type":"message"}"#),
        0,
    );
    assert_eq!(json_of(&sent)["channelId"], "directline");
}

#[test]
fn an_earlier_message_is_changed_or_taken_back_where_the_channel_knows_it() {
    let at = Timestamp(1);
    let revised = |of| {
        let payload = Payload(r#"{"type":"message","id":"x","text":"new"}"#.to_owned());
        let said = Said { payload: Some(payload), ..Said::words("new") };
        Content::Revised { of: Number(of), at, said }
    };
    let changed = in_teams(Author::Bot, revised(4));
    let Sending::Update { id, .. } = &changed else { panic!("{changed:?}") };
    assert_eq!((id.as_str(), &json_of(&changed)["id"]), ("1701", &json!("1701")));
    assert_eq!(json_of(&changed)["text"], "new");
    let unseen = in_teams(Author::Bot, revised(7));
    assert!(matches!(unseen, Sending::Send(_)), "{unseen:?}");
    assert_eq!(json_of(&unseen).get("id"), None);
    let withdrawn = |of| in_teams(Author::Bot, Content::Withdrawn { of: Number(of), at });
    assert_eq!(withdrawn(4), Sending::Delete { id: "1701".to_owned() });
    assert_eq!(withdrawn(7), Sending::Nothing);
}

#[test]
fn options_are_buttons_that_say_their_label_where_there_is_room_for_them() {
    let reference = reference(PERSONAL);
    for (count, reference, buttons) in
        [(1, &reference, 1), (6, &reference, 6), (7, &reference, 0), (2, &group(), 0)]
    {
        let sent = json_of(&sending(reference, TEAMS, Author::Desk, question(count), 0));
        let actions = sent["suggestedActions"]["actions"].as_array();
        assert_eq!(actions.map_or(0, Vec::len), buttons, "{sent}");
        if buttons == 0 {
            let lines = sent["text"].as_str().unwrap().lines().count();
            assert_eq!(lines, count + 1, "the list stays in the words");
        } else {
            assert_eq!(sent["text"], "Which?");
            assert_eq!(sent["suggestedActions"]["to"], json!(["29:kim"]));
            let first = json!({ "type": "imBack", "title": "Option 1", "value": "Option 1" });
            assert_eq!(sent["suggestedActions"]["actions"][0], first);
        }
    }
    let only = Content::Said(Said { options: options(2), ..Said::words("") });
    assert_eq!(
        json_of(&in_teams(Author::Desk, only))["suggestedActions"]["actions"][1]["title"],
        "Option 2"
    );
}

#[test]
fn a_bots_buttons_are_made_to_fit_and_none_is_lost() {
    let im_back = |n: usize| json!({ "type": "imBack", "title": format!("T{n}"), "value": format!("v{n}"), "x": 1.0 });
    let few: Vec<_> = (1..=6).map(im_back).collect();
    let many: Vec<_> = (1..=8).map(im_back).collect();
    let mixed = json!([
        im_back(1),
        { "type": "openUrl", "title": "Site", "value": "https://x" },
        { "type": "postBack", "title": "", "value": "secret word" },
        { "type": "messageBack" },
    ]);
    let image = json!([{ "contentType": "image/png", "contentUrl": "https://x" }]);
    let (personal, group) = (reference(PERSONAL), group());
    for (actions, attachments, reference, shown, text) in [
        (json!(few), json!([]), &personal, 6, "Which?"),
        (
            json!(many),
            json!([]),
            &personal,
            6,
            "Which?\n\n- T1\n- T2\n- T3\n- T4\n- T5\n- T6\n- T7\n- T8",
        ),
        (mixed, json!([]), &personal, 1, "Which?\n\n- T1\n- Site: https://x\n- secret word"),
        (json!([im_back(1)]), image, &personal, 0, "Which?\n\n- T1"),
        (json!([im_back(1)]), json!([]), &group, 0, "Which?\n\n- T1"),
        (json!([]), json!([]), &personal, 0, "Which?"),
    ] {
        let json = json!({
            "type": "message", "text": "Which?", "attachments": attachments,
            "suggestedActions": { "to": ["c9-ab"], "actions": actions, "y": 1 },
        });
        let sent = json_of(&sending(reference, TEAMS, Author::Bot, by_bot(&json.to_string()), 0));
        assert_eq!(sent["text"], text);
        let buttons = sent["suggestedActions"]["actions"].as_array().cloned().unwrap_or_default();
        assert_eq!(buttons.len(), shown, "{sent}");
        if shown > 0 {
            assert_eq!(sent["suggestedActions"]["to"], json!(["29:kim"]));
            assert_eq!(buttons[0], im_back(1));
        }
        let elsewhere =
            json_of(&sending(reference, "slack", Author::Bot, by_bot(&json.to_string()), 0));
        assert_eq!(elsewhere["text"], "Which?", "other channels have limits of their own");
    }
    let null =
        in_teams(Author::Bot, by_bot(r#"{"type":"message","text":"hi","suggestedActions":null}"#));
    assert_eq!(json_of(&null).get("suggestedActions"), None);
}

#[test]
fn long_words_are_parts_of_which_the_first_is_named_and_the_last_has_the_buttons() {
    let reference = reference(PERSONAL);
    let long = "word ".repeat(PART_UNITS_MAX / 3);
    let options = options(2);
    let text = format!("{long}\n- Option 1\n- Option 2");
    let content = Content::Said(Said { options, ..Said::words(text) });
    let parts = parts::count(&dana(), &content);
    assert_eq!(parts, 2);
    let sent = |part| sending(&reference, TEAMS, dana(), content.clone(), part);
    let (first, second) = (json_of(&sent(0)), json_of(&sent(1)));
    assert!(first["text"].as_str().unwrap().starts_with("Dana: word"));
    assert!(second["text"].as_str().unwrap().starts_with("word"));
    assert_eq!(first.get("suggestedActions"), None);
    assert_eq!(second["suggestedActions"]["actions"].as_array().unwrap().len(), 2);
    assert_eq!(sent(2), Sending::Nothing);
    for content in [by_bot(r#"{"type":"message","text":"hi"}"#), Content::Notice(Notice::Asked)] {
        let author = if content.said().is_some() { Author::Bot } else { Author::Gateway };
        assert_eq!(sending(&reference, TEAMS, author, content, 1), Sending::Nothing);
    }
}

#[test]
fn a_bots_message_that_no_channel_takes_whole_goes_out_in_parts() {
    let line = "line of **words**\n".repeat(200);
    let (two, few) = (line.repeat(4), line.repeat(2));
    let message = |text: &str| {
        json!({
            "type": "message", "text": text, "replyToId": "c-0000003", "speak": "s", "importance": "high",
            "attachments": [{ "contentType": "image/png", "contentUrl": "https://x" }],
        })
        .to_string()
    };
    let said = |text: &str| Said { payload: Some(Payload(message(text))), ..Said::words(text) };
    let reference = reference(PERSONAL);
    let sent =
        |text: &str, part| sending(&reference, TEAMS, Author::Bot, Content::Said(said(text)), part);
    assert_eq!(parts::count(&Author::Bot, &Content::Said(said(&few))), 1);
    assert_eq!(json_of(&sent(&few, 0))["text"], few);
    let count = parts::count(&Author::Bot, &Content::Said(said(&two)));
    assert_eq!(count, 4);
    let all: Vec<_> = (0..count).map(|part| sent(&two, part)).collect();
    assert!(matches!(&all[0], Sending::Reply { to, .. } if to == "1700"));
    assert!(all[1..].iter().all(|sent| matches!(sent, Sending::Send(_))));
    let all: Vec<_> = all.iter().map(json_of).collect();
    let words: Vec<_> = all.iter().map(|sent| sent["text"].as_str().unwrap()).collect();
    assert_eq!(words.join("\n"), two.trim());
    for (index, sent) in all.iter().enumerate() {
        assert_eq!(sent.get("attachments").is_some(), index == 3, "the picture comes last");
        assert_eq!(sent.get("replyToId").is_some() && sent.get("speak").is_some(), index == 0);
        assert_eq!(sent["importance"], "high");
    }
    assert_eq!(sent(&two, count), Sending::Nothing);
    // Cards in words make it long, and its own text is short.
    let cards = Said { payload: Some(Payload(message("hi"))), ..Said::words(two) };
    let of_cards =
        |part| sending(&reference, TEAMS, Author::Bot, Content::Said(cards.clone()), part);
    assert_eq!(json_of(&of_cards(0))["text"], "hi");
    assert!(json_of(&of_cards(0)).get("attachments").is_some());
    assert_eq!(of_cards(1), Sending::Nothing);
    // A change is one message, whatever its length.
    let (of, at) = (Number(4), Timestamp(1));
    let changed = Content::Revised { of, at, said: said(&line.repeat(4)) };
    let changed = sending(&reference, TEAMS, Author::Bot, changed, 0);
    assert_eq!(json_of(&changed)["text"], line.repeat(4));
}

/// Whatever is sent of ours stays below 28 KB, counted as UTF-16, whatever the words and ids.
#[test]
fn a_part_with_all_that_stands_around_it_stays_below_every_limit_of_teams() {
    let long = "i".repeat(512);
    let json = PERSONAL
        .replace("a:1", &long)
        .replace("29:kim", &long)
        .replace("28:bot", &long)
        .replace("6f1b", &long)
        .replace("t-1", &long)
        .replace("https://smba.example/amer/", &long)
        .replace("Kim", &"ü".repeat(100));
    let reference = reference(&json);
    for c in ['"', '\\', '\n', '\u{1}', '\u{7f}', '😀', '漢'] {
        let text = format!("x{}", c.to_string().repeat(PART_UNITS_MAX / c.len_utf16() - 1));
        let options = (0..6)
            .map(|n| Choice { label: format!("{n}{}", "o".repeat(100)), value: "v".to_owned() });
        let said = Said { options: options.collect(), ..Said::words(text) };
        let agent = Agent { name: Some("n".repeat(100)), id: None, avatar: None };
        let sent = sending(&reference, TEAMS, Author::Agent(agent), Content::Said(said), 0);
        let Sending::Send(activity) = sent else { panic!("{sent:?}") };
        assert!(2 * activity.encode_utf16().count() < 28 * 1_024, "{c:?}: {}", activity.len());
    }
}

#[test]
fn typing_is_the_bots() {
    let reference = reference(PERSONAL);
    let (language, pictures) = (Language::English, &*rich::NO_PICTURES);
    let place = Place { reference: &reference, channel: TEAMS, language, links: None, pictures };
    let sent: Value = serde_json::from_str(&place.typing()).unwrap();
    assert_eq!((&sent["type"], &sent["from"]["id"]), (&json!("typing"), &json!("28:bot")));
    assert_eq!(sent["conversation"]["id"], "a:1");
}

#[test]
fn no_debug_form_prints_what_is_sent() {
    let canary = || "canary".to_owned();
    for sending in [
        Sending::Send(canary()),
        Sending::Reply { to: "1".to_owned(), activity: canary() },
        Sending::Update { id: "1".to_owned(), activity: canary() },
    ] {
        assert!(!format!("{sending:?}").contains("canary"));
    }
}

/// The desk's question for a date, with words for two messages.
fn asks_for_a_date() -> Content {
    let raw = r#"{"uiType":"Date","label":"When?"}"#;
    let words = "When? ".repeat(PART_UNITS_MAX / 4);
    Content::Said(Said { payload: Some(Payload(raw.to_owned())), ..Said::words(words) })
}

#[test]
fn a_question_of_the_desks_is_one_message_with_a_card_where_cards_are_shown() {
    for channel in [TEAMS, AZURE_DIRECT_LINE] {
        let place = reference(PERSONAL);
        let first = sending(&place, channel, dana(), asks_for_a_date(), 0);
        let activity = json_of(&first);
        assert_eq!(activity["text"], "Dana: When?");
        assert_eq!(activity["conversation"]["id"], "a:1");
        let action = &activity["attachments"][0]["content"]["actions"][0];
        assert_eq!(action["data"]["warmline"]["answers"], 12, "{channel}");
        let second = sending(&place, channel, dana(), asks_for_a_date(), 1);
        assert_eq!(second, Sending::Nothing);
    }
    for (place, channel) in [(group(), TEAMS), (reference(PERSONAL), "slack")] {
        let activity = json_of(&sending(&place, channel, dana(), asks_for_a_date(), 0));
        assert!(activity.get("attachments").is_none(), "{channel}");
        let second = sending(&place, channel, dana(), asks_for_a_date(), 1);
        assert!(matches!(second, Sending::Send(_)), "{channel}");
    }
}

#[test]
fn what_is_told_in_words_has_no_address_that_the_user_cannot_open() {
    let said = |raw: &str, text: &str| {
        Content::Said(Said { payload: Some(Payload(raw.to_owned())), ..Said::words(text) })
    };
    for (raw, logged, shown) in [
        (
            r#"{"uiType":"OutputText","itemType":"file","label":"a.pdf","value":"/sys_attachment.do?sys_id=1"}"#,
            "a.pdf </sys_attachment.do?sys_id=1>",
            "Dana: a.pdf",
        ),
        (
            r#"{"uiType":"OutputText","itemType":"file","value":"/sys_attachment.do?sys_id=1"}"#,
            "/sys_attachment.do?sys_id=1",
            "Dana: Datei",
        ),
        (r#"{"uiType":"OutputImage","value":"/x.iix"}"#, "/x.iix", "Dana: Bild"),
        (
            r#"{"uiType":"OutputLink","label":"Policy","value":"https://e.org/p"}"#,
            "Policy <https://e.org/p>",
            "Dana: Policy <https://e.org/p>",
        ),
    ] {
        for (reference, channel) in
            [(reference(PERSONAL), "slack"), (group(), TEAMS), (group(), AZURE_DIRECT_LINE)]
        {
            let sent = sending(&reference, channel, dana(), said(raw, logged), 0);
            assert_eq!(json_of(&sent)["text"], shown, "{channel} {raw}");
        }
    }
}

#[test]
fn words_that_an_address_makes_longer_are_told_in_as_many_messages_as_were_counted() {
    let raw = r#"{"uiType":"OutputCard","data":{"title":"T","url":"https://e.org/Ü"}}"#;
    let text = "T\n<https://e.org/Ü>";
    let content =
        Content::Said(Said { payload: Some(Payload(raw.to_owned())), ..Said::words(text) });
    assert_eq!(parts::count(&dana(), &content), 1);
    let sent = sending(&reference(PERSONAL), "slack", dana(), content, 0);
    assert_eq!(json_of(&sent)["text"], "Dana: T\n<https://e.org/%C3%9C>");
}

#[test]
fn options_that_the_session_does_not_keep_are_no_buttons() {
    let option = |n| Choice { label: format!("{n}{}", "x".repeat(1_500)), value: format!("v{n}") };
    let options: Vec<_> = (1..=2).map(option).collect();
    let list: Vec<_> = options.iter().map(|option| format!("\n- {}", option.label)).collect();
    let text = format!("Which?{}", list.concat());
    let content = Content::Said(Said { options, ..Said::words(text.clone()) });
    let sent = json_of(&sending(&reference(PERSONAL), "slack", Author::Desk, content, 0));
    assert_eq!((sent.get("suggestedActions"), &sent["text"]), (None, &json!(text)));
}
