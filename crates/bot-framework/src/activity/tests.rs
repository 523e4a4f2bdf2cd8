use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;

fn activity(text: &str) -> Activity {
    Activity::parse(text.as_bytes()).expect("the activity is accepted")
}

#[test]
fn unknown_members_and_number_texts_survive() {
    let text = r#"{"type":"message","x-new":{"deep":[1.0,12345678901234567890,1e400,-0]},"value":1.10,"channelData":"\ud83d"}"#;
    assert_eq!(activity(text).to_json(), text);
}

#[test]
fn each_refusal_has_its_code_and_sentence() {
    let deep = format!(r#"{{"type":"message","value":{}{}}}"#, "[".repeat(64), "]".repeat(64));
    for (text, code, sentence) in [
        ("{", "not_json", "the body is not JSON"),
        ("[]", "not_an_object", "an activity is a JSON object"),
        ("{}", "missing_type", "an activity needs a `type`, a string that is not empty"),
        (
            r#"{"type":null}"#,
            "missing_type",
            "an activity needs a `type`, a string that is not empty",
        ),
        (
            r#"{"type":""}"#,
            "missing_type",
            "an activity needs a `type`, a string that is not empty",
        ),
        (
            r#"{"type":"a","value":{"b":1,"b":2}}"#,
            "duplicate_member",
            "the member `b` occurs twice in one object",
        ),
        (&deep, "too_deep", "objects and arrays may be nested at most 64 deep"),
        (r#"{"type":"a","text":1}"#, "bad_member", "the member `text` must be a string"),
        (r#"{"type":"a","from":"u"}"#, "bad_member", "the member `from` must be an object"),
        (
            r#"{"type":"a","attachments":{}}"#,
            "bad_member",
            "the member `attachments` must be an array",
        ),
    ] {
        let error = Activity::parse(text.as_bytes()).expect_err(text);
        assert_eq!((error.code(), error.to_string().as_str()), (code, sentence), "{text}");
    }
}

#[test]
fn accessors_read_what_is_there() {
    let read = activity(
        r#"{"type":"message","id":"a1","text":"hi \"you\"","textFormat":"plain","locale":"en-us",
        "replyToId":"a0","serviceUrl":"https://x/","channelId":"webchat","deliveryMode":"normal",
        "timestamp":"2026-01-01T00:00:00Z","name":"n","code":"unknown","value":{"a": 1.0},
        "from":{"id":"u","name":"Ann","role":"user","aadObjectId":"oid","extra":1},
        "recipient":{"id":"b","role":"swarm"},
        "conversation":{"id":"c","isGroup":true,"conversationType":"groupChat","tenantId":"t"},
        "channelData":{"clientActivityID":"k1"},"entities":[{"type":"mention"}],
        "attachments":[{"contentType":"image/png","contentUrl":"data:,","name":"x.png"},7,{"content":{"a":1}}]}"#,
    );
    let words = [
        read.id(),
        read.text(),
        read.text_format(),
        read.locale(),
        read.reply_to_id(),
        read.service_url(),
        read.channel_id(),
        read.delivery_mode(),
        read.timestamp(),
        read.name(),
        read.code(),
    ];
    let words: Vec<_> = words.iter().map(|word| word.as_deref().unwrap_or_default()).collect();
    assert_eq!(
        words,
        [
            "a1",
            "hi \"you\"",
            "plain",
            "en-us",
            "a0",
            "https://x/",
            "webchat",
            "normal",
            "2026-01-01T00:00:00Z",
            "n",
            "unknown"
        ]
    );
    assert_eq!(read.kind(), kinds::MESSAGE);
    assert_eq!(read.value().map(RawValue::get), Some(r#"{"a": 1.0}"#));
    let ann = ChannelAccount {
        aad_object_id: Some("oid".to_owned()),
        ..ChannelAccount::new("u", Role::User).named("Ann")
    };
    assert_eq!(read.from(), Some(ann));
    assert_eq!(read.recipient(), Some(ChannelAccount::new("b", Role::Other("swarm".to_owned()))));
    let conversation = ConversationAccount {
        is_group: Some(true),
        conversation_type: Some("groupChat".to_owned()),
        tenant_id: Some("t".to_owned()),
        ..ConversationAccount::new("c")
    };
    assert_eq!(read.conversation(), Some(conversation));
    assert_eq!(read.client_activity_id().as_deref(), Some("k1"));
    assert_eq!(read.entities().len(), 1);
    assert_eq!(read.attachment_count(), 3);
    let attachments = read.attachments();
    assert_eq!(attachments.len(), 2);
    assert_eq!(attachments[0].content_type().as_deref(), Some("image/png"));
    assert_eq!(attachments[0].content_url().as_deref(), Some("data:,"));
    assert_eq!(attachments[0].name().as_deref(), Some("x.png"));
    assert_eq!(attachments[1].content().map(RawValue::get), Some(r#"{"a":1}"#));
}

#[test]
fn null_and_empty_members_read_as_absent_but_an_empty_text_is_a_text() {
    let read = activity(
        r#"{"type":"message","id":null,"replyToId":"","locale":null,"text":"","from":null,
        "conversation":{"id":""},"attachments":null,"value":null,"channelData":5}"#,
    );
    assert_eq!((read.id(), read.reply_to_id(), read.locale()), (None, None, None));
    assert_eq!(read.text().as_deref(), Some(""));
    assert_eq!((read.from(), read.attachment_count()), (None, 0));
    assert_eq!(read.conversation(), Some(ConversationAccount::default()));
    assert!(read.value().is_none());
    assert_eq!(read.channel_data().map(RawValue::get), Some("5"));
    assert_eq!(read.client_activity_id(), None);
}

#[test]
fn the_underscored_channel_of_javascript_agents_is_read() {
    assert_eq!(
        activity(r#"{"type":"message","_channelId":"directline"}"#).channel_id().as_deref(),
        Some("directline")
    );
}

#[test]
fn blanks_that_agents_refuse_are_left_out() {
    let mut sent = activity(
        r#"{"type":"message","locale":"","text":null,"replyToId":"","from":null,"x":null,"y":"","value":null,"name":"n"}"#,
    );
    sent.omit_blanks();
    assert_eq!(sent.to_json(), r#"{"type":"message","x":null,"y":"","value":null,"name":"n"}"#);
}

#[test]
fn setting_one_member_of_an_account_keeps_its_others() {
    let mut posted = activity(
        r#"{"type":"message","from":{"id":"claimed","role":"user","n":1.0},"channelData":3}"#,
    );
    posted.set_within("from", "id", "dl_1");
    posted.set_within("conversation", "id", "c1");
    posted.set_within("channelData", "k", true);
    assert_eq!(
        posted.to_json(),
        r#"{"type":"message","from":{"id":"dl_1","role":"user","n":1.0},"channelData":{"k":true},"conversation":{"id":"c1"}}"#
    );
}

#[test]
fn the_type_cannot_be_removed() {
    let mut typing = Activity::typing();
    assert!(!typing.remove("type"));
    typing.set("id", "1");
    assert!(typing.remove("id"));
    assert_eq!(typing.to_json(), r#"{"type":"typing"}"#);
}

#[test]
fn our_own_activities_have_the_shape_that_the_protocol_asks_for() {
    let choices = Activity::message("Which?").with_suggested_actions(&[("Yes", "y"), ("No", "n")]);
    for (built, expected) in [
        (Activity::message("a\n\"b\""), json!({"type":"message","text":"a\n\"b\""})),
        (Activity::typing(), json!({"type":"typing"})),
        (
            Activity::event("handoff.status", json!({"state":"accepted"})),
            json!({"type":"event","name":"handoff.status","value":{"state":"accepted"}}),
        ),
        (
            Activity::end_of_conversation("completedSuccessfully"),
            json!({"type":"endOfConversation","code":"completedSuccessfully"}),
        ),
        (
            choices,
            json!({"type":"message","text":"Which?","suggestedActions":{"to":[],"actions":[
                {"type":"imBack","title":"Yes","value":"y"},
                {"type":"imBack","title":"No","value":"n"}]}}),
        ),
    ] {
        let value: Value = serde_json::from_str(&built.to_json()).expect("it writes JSON");
        assert_eq!(value, expected);
        assert_eq!(activity(&built.to_json()), built);
    }
    let plain = Activity::message("x");
    assert_eq!(plain.clone().with_suggested_actions(&[]), plain);
}

#[test]
fn every_known_role_reads_back_as_itself() {
    for role in [
        Role::User,
        Role::Bot,
        Role::Skill,
        Role::Channel,
        Role::AgenticAppInstance,
        Role::AgenticUser,
        Role::ConnectorUser,
    ] {
        assert_eq!(Role::from(role.as_str()), role);
        assert!(!matches!(role, Role::Other(_)));
    }
}

#[test]
fn the_debug_form_shows_no_words() {
    let mut said = Activity::message("my password is tulip");
    said.set("attachments", json!([{"contentType":"text/plain","content":"tulip"}]));
    let shown = format!("{said:?} {:?}", said.attachments());
    assert!(!shown.contains("tulip"), "{shown}");
}

#[test]
fn an_activity_inside_other_json_is_written_and_read_unchanged() {
    let inner = activity(r#"{"type":"message","value":1.0}"#);
    let array = serde_json::to_string(&[&inner]).expect("JSON");
    assert_eq!(array, r#"[{"type":"message","value":1.0}]"#);
    let raw: Vec<Box<RawValue>> = serde_json::from_str(&array).expect("JSON");
    assert_eq!(Activity::from_raw(&raw[0]), Ok(inner));
}

/// JSON text with arbitrary whitespace and number spellings, its objects without doubled names.
fn any_json() -> impl Strategy<Value = String> {
    let number = prop_oneof!["-?(0|[1-9][0-9]{0,25})(\\.[0-9]{1,5})?([eE][+-]?[0-9]{1,4})?"];
    let leaf = prop_oneof![
        Just("null".to_owned()),
        Just("true".to_owned()),
        number,
        any::<String>().prop_map(|text| serde_json::to_string(&text).expect("a string")),
        Just(r#""\ud83d \u0041\/""#.to_owned()),
    ];
    leaf.prop_recursive(5, 40, 6, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..5)
                .prop_map(|items| format!("[ {} ]", items.join(" ,\t"))),
            prop::collection::btree_map(any::<String>(), inner, 0..5).prop_map(|members| {
                let members: Vec<_> = members
                    .iter()
                    .map(|(name, value)| format!("{} : {value}", json!(name)))
                    .collect();
                format!("{{\n{}}}", members.join(", "))
            }),
        ]
    })
}

proptest! {
    #[test]
    fn what_is_parsed_and_written_is_parsed_again_the_same(
        members in prop::collection::btree_map("x-\\PC{0,12}", any_json(), 0..6)
    ) {
        let mut text = r#"{ "type" : "message""#.to_owned();
        for (name, value) in &members {
            text.extend([" , ", &json!(name).to_string(), " : ", value, "\n"]);
        }
        text.push('}');
        let first = activity(&text);
        let second = activity(&first.to_json());
        prop_assert_eq!(&second, &first);
        prop_assert_eq!(second.to_json(), first.to_json());
        for (name, value) in &members {
            prop_assert_eq!(second.raw(name).map(RawValue::get), Some(value.as_str()));
        }
    }

    #[test]
    fn no_bytes_make_the_parser_panic(bytes in prop::collection::vec(any::<u8>(), 0..64)) {
        if let Ok(read) = Activity::parse(&bytes) {
            prop_assert_eq!(activity(&read.to_json()), read);
        }
    }

    #[test]
    fn a_text_with_one_character_changed_is_refused_or_read_as_other_readers_read_it(
        json in any_json(), at in any::<prop::sample::Index>(), with in r#"[\[\]{}",:\\u01a ]{0,2}"#
    ) {
        let mut letters: Vec<char> = format!(r#"{{"type":"x","a":{json},"b":1}}"#).chars().collect();
        let at = at.index(letters.len());
        letters.splice(at..=at, with.chars());
        let text: String = letters.into_iter().collect();
        if let (Ok(object), Ok(tree)) =
            (Object::parse(text.as_bytes()), serde_json::from_str::<Value>(&text))
        {
            let mut written = String::new();
            object.write_to(&mut written);
            let read: Value = serde_json::from_str(&written).expect("what is written is JSON");
            prop_assert_eq!(read, tree);
        }
    }
}
