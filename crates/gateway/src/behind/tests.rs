//! What a bot is sent, and how a page sees what it sent.

use bot_framework::{
    Activity,
    client::{BotClient, BotConfig, Credential, Registration},
};
use serde_json::{Value, json};
use session::{
    Author, BotNews, Content, EndReason, Payload, Said,
    id::{ConversationKey, EffectNumber, Number, Timestamp},
};
use store::ConversationId;

use super::outgoing::Names;
use super::*;
use crate::{
    bed::{self, Bed},
    keeping::Entry,
    lane::Destination,
    notices::Language,
    render::View,
};

/// A bot without tokens on this machine, that also knows another name for `handoff.initiate`.
pub(super) fn setup() -> BehindSetup {
    BehindSetup {
        reach: BotConfig {
            endpoint: "http://127.0.0.1:3978/api/messages".parse().unwrap(),
            credential: Credential::Anonymous,
        },
        verify: None,
        service_url: None,
        answers: Answers::ByCall,
        within: Duration::from_secs(15),
        handoff_events: vec!["GenesysHandoff".to_owned()],
    }
}

fn link(bed: &Bed, setup: BehindSetup) -> BotLink {
    let to = Destination::Bot(bed::tenant(), bed::bot());
    BotLink {
        tenant: bed::tenant(),
        bot: bed::bot(),
        client: BotClient::new(setup.reach.clone()).unwrap(),
        verifier: None,
        base: "http://127.0.0.1:8080".to_owned(),
        handles: Handles::of(&bed.vault).unwrap(),
        gate: Gate::new(to, &bed.observer),
        setup,
    }
}

fn skill() -> BehindSetup {
    let registration = Registration {
        app_id: "gateway".to_owned(),
        secret: "s".into(),
        login: "http://127.0.0.1:1/tenant".parse().unwrap(),
    };
    let credential = Credential::Skill { registration, bot_app_id: "the-bot".to_owned() };
    let mut setup = setup();
    setup.reach.credential = credential;
    setup
}

fn said_by(author: Author, payload: &str) -> Entry {
    let said = Said { payload: Some(Payload(payload.to_owned())), ..Said::words("words") };
    Entry { number: Number(12), at: Timestamp(0), author, content: Content::Said(said) }
}

/// The activity that this entry becomes for the bot.
fn sent(setup: BehindSetup, key: &ConversationKey, payload: &str) -> Value {
    let bed = Bed::new();
    let link = link(&bed, setup);
    let outgoing =
        Outgoing { link: &link, key, conversation: "c7-ab", reference: None, name: None };
    let activity = outgoing.activity(&said_by(Author::User, payload), Names::default()).unwrap();
    serde_json::from_str(&activity.to_json()).unwrap()
}

fn unbound() -> ConversationKey {
    ConversationKey { user: "".into(), ..bed::key("page") }
}

fn bound() -> ConversationKey {
    ConversationKey { user: "dl_kim".into(), ..bed::key("page") }
}

#[tokio::test]
async fn a_users_activity_goes_whole_to_the_bot_under_warmlines_own_ids() {
    let posted = r#"{"type":"message","text":"hi","id":"mine","serviceUrl":"https://evil.example","callerId":"urn:x","locale":"","speak":null,"x":{"n":1.0},"from":{"id":"mallory","name":"Kim","aadObjectId":"someone","y":1},"recipient":{"id":"other"},"conversation":{"id":"other"},"replyToId":"page-0000003","deliveryMode":"stream","channelData":{"clientActivityID":"a1"}}"#;
    assert_eq!(
        sent(setup(), &bound(), posted),
        json!({
            "type": "message", "text": "hi", "id": "c7-ab-0000012",
            "serviceUrl": link(&Bed::new(), setup()).service_url(),
            "x": {"n": 1.0},
            "from": {"id": "dl_kim", "name": "Kim", "role": "user", "y": 1},
            "recipient": {"id": "b", "role": "bot"},
            "conversation": {"id": "c7-ab"},
            "replyToId": "c7-ab-0000003",
            "channelData": {"clientActivityID": "a1"},
            "timestamp": "1970-01-01T00:00:00.000Z",
            "channelId": "directline",
        })
    );
}

#[tokio::test]
async fn a_bot_never_gets_an_id_that_a_page_merely_claims() {
    let posted = r#"{"type":"message","text":"hi","from":{"id":"the boss"}}"#;
    assert_eq!(sent(setup(), &unbound(), posted)["from"]["id"], "page");
    assert_eq!(sent(setup(), &bound(), posted)["from"]["id"], "dl_kim");
}

#[tokio::test]
async fn what_the_user_is_called_goes_before_what_the_page_says() {
    let bed = Bed::new();
    let (link, key) = (link(&bed, setup()), bound());
    let told = |name, posted: &str| {
        let outgoing =
            Outgoing { link: &link, key: &key, conversation: "c7-ab", reference: None, name };
        let said = said_by(Author::User, posted);
        let id = ("c7-ab-i1", Timestamp(0));
        let sent = [
            outgoing.activity(&said, Names::default()).unwrap(),
            outgoing.relayed(Activity::parse(posted.as_bytes()).unwrap(), None, id),
        ];
        let all = sent.map(|sent| sent.from().unwrap().name);
        assert_eq!(all[0], all[1], "{posted}");
        let greeting = outgoing.greeting(EffectNumber(3), Timestamp(0));
        let greeting: Value = serde_json::from_str(&greeting.to_json()).unwrap();
        assert_eq!(greeting["membersAdded"][1], greeting["from"]);
        (all[0].clone(), greeting["from"]["name"].as_str().map(str::to_owned))
    };
    let kim = || Some("Kim".to_owned());
    for posted in [
        r#"{"type":"message","text":"hi","from":{"id":"x","name":"You"}}"#,
        r#"{"type":"message","text":"hi","from":{"id":"x"}}"#,
        r#"{"type":"message","text":"hi"}"#,
    ] {
        assert_eq!(told(Some("Kim"), posted), (kim(), kim()), "{posted}");
    }
    let blank = r#"{"type":"message","text":"hi","from":{"id":"x","name":" "}}"#;
    assert_eq!(told(None, blank), (None, None));
}

#[tokio::test]
async fn no_other_spelling_of_what_is_warmlines_to_say_reaches_a_bot() {
    let posted = r#"{"type":"message","text":"hi","ServiceUrl":"https://evil.example","service_url":"x","Conversation":{"id":"c"},"caller_id":"urn:botframework:azure","relatesTo":{"serviceUrl":"https://evil.example"},"relates_to":{},"delivery_mode":"stream","x_mine":1,"from":{"Id":"boss","aad_object_id":"a","AadObjectId":"b","tenant_id":"t","agenticUserId":"z","colour":"red"}}"#;
    let sent = sent(setup(), &bound(), posted);
    assert_eq!(sent["from"], json!({"colour": "red", "id": "dl_kim", "role": "user"}));
    let names: Vec<_> = sent.as_object().unwrap().keys().map(String::as_str).collect();
    for name in [
        "ServiceUrl",
        "service_url",
        "Conversation",
        "caller_id",
        "relatesTo",
        "relates_to",
        "delivery_mode",
    ] {
        assert!(!names.contains(&name), "{name}: {names:?}");
    }
    assert_eq!(sent["x_mine"], 1);
}

#[tokio::test]
async fn numbers_survive_to_the_letter() {
    let posted = r#"{"type":"message","text":"hi","value":12345678901234567890123,"z":1.10}"#;
    let bed = Bed::new();
    let link = link(&bed, setup());
    let key = bound();
    let outgoing =
        Outgoing { link: &link, key: &key, conversation: "c7-ab", reference: None, name: None };
    let text =
        outgoing.activity(&said_by(Author::User, posted), Names::default()).unwrap().to_json();
    assert!(text.contains(r#""value":12345678901234567890123,"z":1.10"#), "{text}");
}

#[tokio::test]
async fn to_a_skill_its_parent_says_what_it_relates_to() {
    let to_skill = sent(skill(), &bound(), r#"{"type":"message","text":"hi"}"#);
    assert_eq!(to_skill["recipient"], json!({"id": "b", "role": "skill"}));
    assert_eq!(to_skill["relatesTo"]["conversation"]["id"], "page");
    assert_eq!(to_skill["relatesTo"]["channelId"], "directline");
}

#[tokio::test]
async fn a_bot_that_answers_with_its_answer_is_asked_to() {
    let buffered = BehindSetup { answers: Answers::WithAnswer, ..setup() };
    let posted = r#"{"type":"message","text":"hi"}"#;
    assert_eq!(sent(buffered, &bound(), posted)["deliveryMode"], "expectReplies");
}

#[tokio::test]
async fn the_bot_is_told_who_joined_and_what_became_of_a_chat() {
    let bed = Bed::new();
    let link = link(&bed, setup());
    let key = bound();
    let outgoing =
        Outgoing { link: &link, key: &key, conversation: "c7-ab", reference: None, name: None };
    let greeting = outgoing.greeting(EffectNumber(1), Timestamp(0)).to_json();
    let greeting: Value = serde_json::from_str(&greeting).unwrap();
    assert_eq!(greeting["type"], "conversationUpdate");
    assert_eq!(greeting["membersAdded"][0]["id"], greeting["recipient"]["id"]);
    assert_eq!(greeting["membersAdded"][1]["id"], "dl_kim");
    assert_eq!(greeting["id"], "c7-ab-e1");
    let news = BotNews::Failed { reason: EndReason::NoAgent };
    let status = outgoing.status((EffectNumber(9), Timestamp(0)), &news, &[]);
    let status: Value = serde_json::from_str(&status.to_json()).unwrap();
    for member in ["id", "from", "recipient", "conversation", "serviceUrl", "channelId"] {
        assert!(!status[member].is_null(), "strict readers need {member}");
    }
    assert_eq!(status["value"]["state"], "failed");
}

/// What a page sees of an entry.
fn shown(entry: &Entry) -> Value {
    shown_in_set(entry, entry.number)
}

/// The same, in a set that begins with another entry.
fn shown_in_set(entry: &Entry, first: Number) -> Value {
    let language = Language::English;
    let view = View { conversation: "page", user: "dl_kim", language, links: None, first };
    serde_json::from_str(&view.activity(entry).unwrap()).unwrap()
}

#[test]
fn what_the_bot_sent_is_shown_whole_with_the_ids_that_the_page_knows() {
    let reply = r#"{"type":"message","text":"*hi*","from":{"id":"x","name":"Helper"},"recipient":{"id":"y"},"conversation":{"id":"c7-ab"},"serviceUrl":"http://gateway","relatesTo":null,"replyToId":"c7-ab-0000011","suggestedActions":{"to":["y"],"actions":[]},"x":1.0}"#;
    let shown = shown(&said_by(Author::Bot, reply));
    assert_eq!(shown["text"], "*hi*");
    assert_eq!(shown["textFormat"], Value::Null, "as the bot left it");
    assert_eq!(shown["from"], json!({"id": "bot", "name": "Helper", "role": "bot"}));
    assert_eq!(shown["recipient"]["id"], "dl_kim");
    assert_eq!(shown["replyToId"], "page-0000011");
    assert_eq!(shown["suggestedActions"], json!({"to": [], "actions": []}));
    assert_eq!((&shown["serviceUrl"], &shown["relatesTo"]), (&Value::Null, &Value::Null));
    assert_eq!(shown["x"], json!(1.0));
}

#[test]
fn what_the_bot_changed_or_took_back_keeps_its_id_time_and_place() {
    let entry =
        |content| Entry { number: Number(20), at: Timestamp(99_000), author: Author::Bot, content };
    let (of, at) = (Number(12), Timestamp(1_000));
    let said = Said {
        payload: Some(Payload(r#"{"type":"message","text":"new"}"#.to_owned())),
        ..Said::words("new")
    };
    for content in [Content::Revised { of, at, said }, Content::Withdrawn { of, at }] {
        let shown = shown(&entry(content));
        assert_eq!(shown["id"], "page-0000012");
        assert_eq!(shown["timestamp"], "1970-01-01T00:00:01.000Z");
        assert_eq!(shown["channelData"]["webchat:sequence-id"], 12);
    }
}

#[test]
fn what_changes_words_waits_for_them_at_a_page_that_may_still_hold_them_back() {
    let (of, at) = (Number(12), Timestamp(1_000));
    let answers = |first, content| {
        let entry = Entry { number: Number(20), at, author: Author::Bot, content };
        shown_in_set(&entry, Number(first))["replyToId"].clone()
    };
    let revised = |json: &str| {
        let payload = Some(Payload(json.to_owned()));
        Content::Revised { of, at, said: Said { payload, ..Said::words("new") } }
    };
    let plain = r#"{"type":"message","text":"new"}"#;
    let reply = r#"{"type":"message","text":"new","replyToId":"c7-ab-0000011"}"#;
    assert_eq!(answers(13, Content::Withdrawn { of, at }), json!("page-0000012"));
    assert_eq!(answers(13, revised(plain)), json!("page-0000012"));
    assert_eq!(answers(13, revised(reply)), json!("page-0000011"), "held back like the first");
    assert_eq!(answers(12, Content::Withdrawn { of, at }), Value::Null, "nothing is held there");
}

#[test]
fn data_that_is_no_object_stays_what_it_is() {
    let said = r#"{"type":"message","text":"hi","channelData":"mine"}"#;
    assert_eq!(shown(&said_by(Author::Bot, said))["channelData"], "mine");
}

#[test]
fn what_grows_keeps_the_id_that_the_bot_was_told() {
    let language = Language::English;
    let view = View { conversation: "page", user: "", language, links: None, first: Number(1) };
    let typing = r#"{"type":"typing","id":"c7-ab-t1","text":"so f","replyToId":"c7-ab-0000011"}"#;
    let shown: Value = serde_json::from_str(&view.passing(typing).unwrap()).unwrap();
    assert_eq!((&shown["id"], &shown["from"]["id"]), (&json!("c7-ab-t1"), &json!("bot")));
    assert_eq!(shown["conversation"]["id"], "page");
}

#[tokio::test]
async fn a_conversation_is_found_by_the_bots_own_id_for_it() {
    let bed = Bed::new();
    let handles = Handles::of(&bed.vault).unwrap();
    let id = handles.conversation(&bed::tenant(), &bed::bot(), ConversationId(3));
    assert_eq!(handles.read(&id, &bed::tenant(), &bed::bot()), Some(ConversationId(3)));
    let activity = Activity::parse(br#"{"type":"message"}"#).unwrap();
    assert!(said(&activity).text.is_empty(), "nothing to say is nothing said");
}
