mod sent;

use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;

fn activity(members: Value) -> Activity {
    let mut all = json!({
        "type": "message",
        "channelId": "msteams",
        "recipient": { "id": "28:bot", "name": "Helper" },
        "from": { "id": "29:kim" },
    });
    let Value::Object(members) = members else { panic!("members of an activity") };
    all.as_object_mut().unwrap().extend(members);
    Activity::parse(all.to_string().as_bytes()).unwrap()
}

fn said(members: Value) -> Option<Said> {
    heard(&activity(members), Language::English)
}

fn text(members: Value) -> String {
    said(members).unwrap().text
}

fn mention(id: &str, text: &str) -> Value {
    json!({ "type": "mention", "mentioned": { "id": id }, "text": text })
}

#[test]
fn of_mentions_only_the_bots_own_go_and_they_are_told_by_their_entities() {
    let bot = || mention("28:bot", "<at>Helper</at>");
    let kim = || mention("29:kim", "<at>Kim</at>");
    for (given, entities, expected) in [
        ("<at>Helper</at> hi&nbsp;there", vec![bot()], "hi there"),
        ("<at>Helper</at>&nbsp;agent", vec![bot()], "agent"),
        ("hi <at>Helper</at> there", vec![bot()], "hi there"),
        ("hi <at>Helper</at>", vec![bot()], "hi"),
        ("<at>Helper</at> ask <at>Kim</at>", vec![bot(), kim()], "ask Kim"),
        ("<at>Helper</at> <at>Helper</at> hi", vec![bot()], "hi"),
        // Without an entity it is a name like any other.
        ("<at>Helper</at> hi", vec![], "Helper hi"),
        ("<at>Helper</at> hi", vec![kim()], "Helper hi"),
        ("Helper hi", vec![bot()], "Helper hi"),
        // Somebody is called like the bot.
        (
            "<at>Helper</at> ask <at>Helper</at>",
            vec![bot(), mention("29:h", "<at>Helper</at>")],
            "ask Helper",
        ),
        (
            "<at>Helper</at> ask <at>Helper</at>",
            vec![mention("29:h", "<at>Helper</at>"), bot()],
            "Helper ask",
        ),
        ("<at id=\"0\">Kim</at> said", vec![kim()], "Kim said"),
        ("a", vec![mention("28:bot", ""), mention("28:bot", " "), json!(7), json!({})], "a"),
        ("hi", vec![json!({"type":"clientInfo"}), json!({"type":"mention"})], "hi"),
    ] {
        assert_eq!(text(json!({ "text": given, "entities": entities })), expected, "{given}");
    }
}

#[test]
fn in_teams_markup_becomes_what_a_reader_sees_and_elsewhere_text_stays() {
    for (given, expected) in [
        ("a &lt;b&gt; &amp; c", "a <b> & c"),
        ("&amp;nbsp;", "&nbsp;"),
        ("&lt;at&gt;Kim&lt;/at&gt;", "<at>Kim</at>"),
        ("x\u{a0}y\r\nz ", "x y\nz"),
        ("if (a < b) <c>", "if (a < b) <c>"),
    ] {
        assert_eq!(text(json!({ "text": given })), expected);
        assert_eq!(text(json!({ "text": given, "channelId": "slack" })), given);
    }
    let slack = json!({
        "text": "@helper  hi &amp; <at>Kim</at>, I am no @helper",
        "channelId": "slack",
        "entities": [mention("28:bot", "@helper")],
    });
    assert_eq!(text(slack), "hi &amp; <at>Kim</at>, I am no @helper");
    let xml =
        json!({ "text": "<p>a &amp; <b>b</b></p>", "textFormat": "xml", "channelId": "line" });
    assert_eq!(text(xml), "a & b");
}

#[test]
fn the_original_rides_along_unchanged() {
    let activity = activity(json!({ "text": "<at>Helper</at> hi", "n": 1.0 }));
    let said = heard(&activity, Language::English).unwrap();
    assert_eq!(said.payload.unwrap().0, activity.to_json());
    assert!(!said.markdown);
}

#[test]
fn the_twin_is_no_file_and_every_other_attachment_is_named() {
    let twin = json!({ "contentType": "text/html", "content": "<p>hi</p>" });
    let file = json!({
        "contentType": "application/vnd.microsoft.teams.file.download.info",
        "name": "a\u{202e}b.pdf",
        "content": { "downloadUrl": "https://x" },
    });
    let image = json!({ "contentType": "image/png", "contentUrl": "https://x" });
    let photo = json!({ "contentType": "image/*", "name": "p.png", "contentUrl": "https://x" });
    let card = json!({
        "contentType": "application/vnd.microsoft.card.adaptive",
        "content": { "body": [{ "text": "Order 7" }] },
    });
    let attachments = json!([twin, file, image, photo, card, {}, { "contentType": "a/b" }]);
    assert_eq!(
        text(json!({ "text": "hi", "attachments": attachments })),
        "hi\n[file: ab.pdf]\n[image]\n[image: p.png]\nOrder 7\n[file]\n[file: a/b]"
    );
    assert_eq!(text(json!({ "attachments": [file] })), "[file: ab.pdf]");
    assert_eq!(text(json!({ "attachments": [twin] })), "hi", "what is in the twin only");
    let html = json!({ "text": "hi", "attachments": [twin], "channelId": "email" });
    assert_eq!(text(html), "hi\n[file: text/html]");
    let many = vec![json!({ "contentType": "a/b", "name": "n" }); 23];
    let many = text(json!({ "attachments": many }));
    assert_eq!((many.lines().count(), many.lines().last()), (21, Some("[+ 3]")));
}

#[test]
fn a_quoted_reply_is_told_beside_the_words_unless_they_have_it() {
    let reply = |html: &str, text: &str| {
        let twin = json!({ "contentType": "text/html", "content": html });
        said(json!({ "text": text, "attachments": [twin] })).unwrap()
    };
    let html = r#"<blockquote itemscope itemtype="http://schema.skype.com/Reply" itemid="17"><strong itemprop="mri" itemid="28:bot">Dana</strong><span itemprop="time" itemid="17"></span><p itemprop="preview">Is it &quot;on&quot;?</p></blockquote><p>yes</p>"#;
    let said_ = reply(html, "yes");
    assert_eq!(said_.text, "yes");
    assert_eq!(said_.quoted.as_deref(), Some("Dana: Is it \"on\"?"));
    assert_eq!(said_.below_the_quote("yes"), "> Dana: Is it \"on\"?\nyes");
    assert_eq!(reply(html, "Is it  \"on\"?\r\nyes").quoted, None);
    let typed = "<blockquote>Is it on?</blockquote><p>yes</p>";
    assert_eq!(reply(typed, "yes").quoted, None);
    let open = r#"<blockquote itemtype="http://schema.skype.com/Reply">Is it on?"#;
    assert_eq!(reply(open, "yes").quoted.as_deref(), Some("Is it on?"));
    let long =
        format!(r#"<blockquote itemtype="http://schema.skype.com/Reply">{}"#, "ä".repeat(900));
    assert_eq!(reply(&long, "yes").quoted.unwrap().chars().count(), 501);
    // Words that are in the twin only are not told twice.
    let twin_only = reply(html, "");
    assert_eq!((twin_only.text.as_str(), twin_only.quoted.is_some()), ("yes", true));
}

#[test]
fn a_quote_in_its_newer_form_is_a_quote_and_no_file() {
    let content = r#"{"messageId":"17","messagePreview":"Is it on?","messageSender":{"user":{"displayName":"Dana"}}}"#;
    for content in [json!(content), serde_json::from_str(content).unwrap()] {
        let reference = json!({ "contentType": "messageReference", "content": content });
        let said = said(json!({ "text": "yes", "attachments": [reference] })).unwrap();
        assert_eq!((said.text.as_str(), said.quoted.as_deref()), ("yes", Some("Dana: Is it on?")));
    }
    let broken = json!({ "contentType": "messageReference", "content": "7" });
    assert_eq!(said(json!({ "text": "yes", "attachments": [broken] })).unwrap().quoted, None);
}

#[test]
fn what_the_button_of_a_card_that_is_not_ours_sends_is_read_out() {
    for (value, expected) in [
        (
            json!({ "size": "L", "count": 2, "gift": true, "tags": ["a", 1, {}], "deep": { "x": 1 },
                "msteams": { "type": "task" }, "empty": " ", "none": null }),
            "[Filled in a form:]\nsize: L\ncount: 2\ngift: true\ntags: a, 1",
        ),
        (json!("agent"), "agent"),
        (json!(7), "7"),
        (json!({}), "[Pressed a button on a card.]"),
        (json!({ "action": { "x": 1 } }), "[Pressed a button on a card.]"),
        (json!({ "warmline": { "choice": "inc-7" } }), "[Pressed a button on a card.]"),
    ] {
        let said = said(json!({ "value": value })).unwrap();
        let sorted = |text: &str| {
            let mut lines: Vec<_> = text.lines().map(str::to_owned).collect();
            lines.sort();
            lines
        };
        assert_eq!(sorted(&said.text), sorted(expected), "{value}");
        assert_eq!(said.choice, None);
    }
    assert_eq!(text(json!({ "value": { "a": 1 }, "text": "typed" })), "typed");
    let long = text(json!({ "value": { "a": "ä".repeat(5_000) } }));
    assert!(long.chars().count() < 1_100);
    let many: serde_json::Map<_, _> = (0..100).map(|n| (format!("n{n}"), json!(n))).collect();
    assert_eq!(text(json!({ "value": many })).lines().count(), 21);
}

#[test]
fn a_message_that_says_nothing_is_none() {
    for members in [json!({}), json!({ "text": " &nbsp; " }), json!({ "value": null })] {
        assert!(said(members.clone()).is_none(), "{members}");
    }
    let called =
        json!({ "text": "<at>Helper</at>", "entities": [mention("28:bot", "<at>Helper</at>")] });
    assert!(said(called).is_none());
}

#[test]
fn an_agent_is_told_what_happened_to_earlier_words() {
    let edit = |kind: &str, text: &str| json!({ "type": "messageUpdate", "text": text, "channelData": { "eventType": kind } });
    let like = json!({ "type": "messageReaction", "reactionsAdded": [{ "type": "like" }] });
    let eyes = json!({
        "type": "messageReaction",
        "reactionsAdded": [{ "type": "1f440_eyes" }, { "type": "heart" }],
        "reactionsRemoved": [{ "type": "brand\nNew" }],
    });
    for (members, about, english, german) in [
        (
            edit("editMessage", "a &amp; b"),
            None,
            "[Changed an earlier message to:] a & b",
            "[Hat eine frühere Nachricht geändert in:] a & b",
        ),
        (
            edit("editMessage", "b"),
            Some(" a\na "),
            "[Changed “a a” to:] b",
            "[Hat „a a“ geändert in:] b",
        ),
        (
            edit("undeleteMessage", "b"),
            Some("a"),
            "[Restored a deleted message:] b",
            "[Hat eine gelöschte Nachricht wiederhergestellt:] b",
        ),
        (
            json!({ "type": "messageDelete" }),
            None,
            "[Deleted an earlier message.]",
            "[Hat eine frühere Nachricht gelöscht.]",
        ),
        (
            json!({ "type": "messageDelete" }),
            Some("a"),
            "[Deleted the message “a”.]",
            "[Hat die Nachricht „a“ gelöscht.]",
        ),
        (
            like.clone(),
            None,
            "[Reacted to a message with 👍]",
            "[Hat auf eine Nachricht reagiert mit 👍]",
        ),
        (like, Some("a"), "[Reacted to “a” with 👍]", "[Hat auf „a“ reagiert mit 👍]"),
        (
            eyes,
            None,
            "[Reacted to a message with 👀 ❤️]\n[Took back the reaction brandNew]",
            "[Hat auf eine Nachricht reagiert mit 👀 ❤️]\n[Hat die Reaktion brandNew zurückgenommen.]",
        ),
    ] {
        let activity = activity(members);
        for (language, expected) in [(Language::English, english), (Language::German, german)] {
            let told = for_agent(&activity, about, language).unwrap();
            assert_eq!(told.text, expected);
        }
    }
    let long = "ä".repeat(1_000);
    let deleted = activity(json!({ "type": "messageDelete" }));
    let told = for_agent(&deleted, Some(&long), Language::English).unwrap().text;
    assert!(told.chars().count() < 160, "{told}");
}

#[test]
fn an_agent_is_told_what_a_card_sent_that_waits_for_an_answer() {
    let execute = json!({
        "type": "invoke",
        "name": "adaptiveCard/action",
        "value": { "action": { "type": "Action.Execute", "verb": "v", "data": { "size": "L" } } },
    });
    let mut pressed = execute.clone();
    pressed["value"]["action"].as_object_mut().unwrap().remove("data");
    for (members, english, german) in [
        (execute, "[Filled in a form:]\nsize: L", "[Hat ein Formular ausgefüllt:]\nsize: L"),
        (
            pressed,
            "[Pressed a button on a card.]",
            "[Hat auf eine Schaltfläche einer Karte gedrückt.]",
        ),
    ] {
        let activity = activity(members);
        for (language, expected) in [(Language::English, english), (Language::German, german)] {
            let told = for_agent(&activity, None, language).unwrap();
            assert_eq!(told.text, expected);
        }
    }
}

#[test]
fn an_agent_hears_nothing_of_what_concerns_no_person() {
    for members in [
        json!({ "type": "conversationUpdate" }),
        json!({ "type": "installationUpdate", "action": "add" }),
        json!({ "type": "messageReaction" }),
        json!({ "type": "messageReaction", "reactionsAdded": [] }),
        json!({ "type": "messageUpdate" }),
        json!({ "type": "invoke", "name": "task/fetch", "value": { "action": { "data": {} } } }),
        json!({ "type": "event", "name": "application/vnd.microsoft.readReceipt" }),
        json!({ "type": "message", "text": "hi" }),
        json!({ "type": "typing" }),
    ] {
        let activity = activity(members.clone());
        assert_eq!(for_agent(&activity, None, Language::English), None, "{members}");
    }
}

#[test]
fn names_of_reactions_that_are_no_code_points_stay_names() {
    for (kind, expected) in [
        ("1f440_eyes", "👀"),
        ("2764-fe0f_heart", "❤\u{fe0f}"),
        ("a_face", "a_face"),
        ("_", "_"),
        ("d800_x", "d800_x"),
        ("zzz_x", "zzz_x"),
    ] {
        let members = json!({ "type": "messageReaction", "reactionsAdded": [{ "type": kind }] });
        let told = for_agent(&activity(members), None, Language::English).unwrap().text;
        assert_eq!(told, format!("[Reacted to a message with {expected}]"));
    }
}

/// A message of as many quotes as fit is read as quickly as any.
#[test]
fn of_many_quotes_a_few_are_told() {
    let quote = r#"<blockquote itemtype="http://schema.skype.com/Reply">q</blockquote>"#;
    let twin = json!({ "contentType": "text/html", "content": quote.repeat(3_000) });
    let said = said(json!({ "text": "yes", "attachments": [twin] })).unwrap();
    assert_eq!(said.quoted.as_deref(), Some("q\nq\nq\nq\nq"));
}

/// Pieces of what Teams writes, whole and broken.
fn markup() -> impl Strategy<Value = String> {
    let pieces = [
        "<at>",
        "</at>",
        "<at id=\"0\">",
        "Helper",
        "<at>Helper</at>",
        "&nbsp;",
        "&amp;",
        "&#x1F600;",
        "&#",
        ";",
        "<",
        ">",
        "&",
        "<p>",
        "</p>",
        "<blockquote itemtype=\"http://schema.skype.com/Reply\">",
        "</blockquote>",
        "<strong>",
        "</strong>",
        "ä",
        "😀",
        " ",
        "\n",
        "\u{a0}",
        "word",
    ];
    prop::collection::vec(prop::sample::select(pieces.to_vec()), 0..30)
        .prop_map(|pieces| pieces.concat())
}

#[test]
fn names_of_files_are_told_from_words() {
    for (text, words) in [
        ("[file: a.pdf]", None),
        ("[image: a.png]\n[file]\n[+ 3]", None),
        ("the vpn is slow\n[file: a.pdf]", Some("the vpn is slow")),
        ("hello", Some("hello")),
        ("", Some("")),
        ("[file a.pdf]", Some("[file a.pdf]")),
    ] {
        assert_eq!(without_files(text).as_deref(), words, "{text:?}");
    }
}

proptest! {
    #[test]
    fn whatever_is_written_is_read_and_the_rest_of_a_mention_is_never_lost(
        text in markup(),
        html in markup(),
        mentioned in markup(),
    ) {
        let entities = json!([mention("28:bot", &mentioned), mention("29:kim", "<at>Helper</at>")]);
        let twin = json!({ "contentType": "text/html", "content": html });
        let members =
            json!({ "text": format!("{text} end"), "entities": entities, "attachments": [twin] });
        let said = said(members).unwrap();
        let is_taken = "end".contains(mentioned.trim()) || mentioned.contains("end");
        // A tag that is never closed may hide what follows it in nothing but the twin.
        prop_assert!(is_taken || said.text.contains("end"), "{:?}", said.text);
    }
}
