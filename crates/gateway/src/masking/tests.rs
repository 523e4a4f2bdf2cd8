use serde_json::{Value, json};

use super::*;

fn masks(kinds: &[&str], patterns: &[&str]) -> Masks {
    let mut masks = Masks::default();
    for (name, kind) in BuiltIn::ALL {
        if kinds.contains(&name) {
            masks.add(kind);
        }
    }
    for pattern in patterns {
        masks.add_pattern(pattern).unwrap();
    }
    masks
}

fn masked(masks: &Masks, text: &str) -> String {
    masks.masked(text, Language::English).unwrap_or_else(|| text.to_owned())
}

const CARD: &str = "[card number removed]";

#[test]
fn card_numbers_are_found_however_they_are_grouped() {
    let masks = masks(&["card"], &[]);
    for number in [
        "4111111111111111",
        "4111 1111 1111 1111",
        "4111-1111-1111-1111",
        "4111 - 1111 - 1111 - 1111",
        "4111\u{a0}1111\u{a0}1111\u{a0}1111",
        "4111\u{2011}1111\u{2013}1111\u{2014}1111",
        "\u{ff14}\u{ff11}\u{ff11}\u{ff11}1111\u{3000}11111111",
        "41 11 11 11 11 11 11 11",
        "3782 822463 10005",
        "378282246310005",
        "3056 930902 5904",
        "5555555555554444",
        "2223003122003222",
        "6011111111111117",
        "4222222222222",
        "6304000000000000000",
    ] {
        for (before, after) in
            [("", ""), ("card: ", "."), ("(", ")"), ("my card ", " exp 12/27"), ("nr", "")]
        {
            let touched = before.ends_with('r');
            let (text, expected) =
                (format!("{before}{number}{after}"), format!("{before}{CARD}{after}"));
            let expected = if touched { text.clone() } else { expected };
            assert_eq!(masked(&masks, &text), expected);
        }
    }
}

#[test]
fn a_card_number_among_other_numbers_is_found_by_how_it_is_written() {
    let masks = masks(&["card"], &[]);
    for (text, expected) in [
        ("12 4111111111111111 99", format!("12 {CARD} 99")),
        ("0049 4111-1111-1111-1111 2027", format!("0049 {CARD} 2027")),
        ("4111 1111 1111 1111 378282246310005", format!("{CARD} {CARD}")),
        ("4111111111111111,5555555555554444", format!("{CARD},{CARD}")),
    ] {
        assert_eq!(masked(&masks, text), expected, "{text}");
    }
}

#[test]
fn what_is_no_card_number_stays() {
    let masks = masks(&["card"], &[]);
    for text in [
        "",
        "call +49 30 901820 or 030 90182 0",
        // One digit off.
        "4111111111111112",
        "4111 1111 1111 1112",
        // Inside a longer row of digits.
        "41111111111111110000",
        "99999994111111111111111",
        // Too short, and a clock's milliseconds.
        "411111111111",
        "1764486000007",
        "0000000000000000",
        // A part of a name.
        "a4111111111111111",
        "4111111111111111b",
        "2026-11-30T06:55:25Z",
        "019b2c8e-4111-7111-8111-111111111111",
    ] {
        assert_eq!(masked(&masks, text), text);
    }
}

#[test]
fn bank_account_numbers_are_found_by_their_country_and_their_check_digits() {
    let masks = masks(&["iban"], &[]);
    let iban = "[IBAN removed]";
    for (text, expected) in [
        ("DE89370400440532013000", iban.to_owned()),
        ("de89 3704 0044 0532 0130 00 please", format!("{iban} please")),
        ("IBAN:GB82-WEST-1234-5698-7654-32.", format!("IBAN:{iban}.")),
        ("NO9386011117947 and FR1420041010050500013M02606", format!("{iban} and {iban}")),
    ] {
        assert_eq!(masked(&masks, text), expected, "{text}");
    }
    for text in [
        "DE88370400440532013000",
        "XX89370400440532013000",
        "DE8937040044053201300",
        "DE893704004405320130001",
        "ADE89370400440532013000",
        "DE89",
    ] {
        assert_eq!(masked(&masks, text), text);
    }
}

#[test]
fn social_security_numbers_are_found_in_their_groups_only() {
    let masks = masks(&["us-ssn"], &[]);
    let ssn = "[social security number removed]";
    assert_eq!(masked(&masks, "it is 123-45-6789."), format!("it is {ssn}."));
    assert_eq!(masked(&masks, "123 45 6789"), ssn);
    for text in [
        "123456789",
        "000-45-6789",
        "666-45-6789",
        "900-45-6789",
        "123-00-6789",
        "123-45-0000",
        "1123-45-6789",
        "123-45-67890",
        "1-123-45-6789",
        "123-45-6789-1",
        "a123-45-6789",
    ] {
        assert_eq!(masked(&masks, text), text);
    }
}

#[test]
fn everyday_forms_hide_no_number() {
    let masks = masks(&["card", "iban", "us-ssn"], &[]);
    for gap in [
        "\n", "\r\n", ".", "/", ",", "+", "_", "\u{b7}", "    ", "\u{200c}", "\u{200d}",
        "\u{2060}", "\u{feff}", "\u{ad}", "\u{1680}", " - ", "**", "<b>", "</b>", "&nbsp;",
        "&#8203;", "\t", ", ",
    ] {
        let number = |groups: &[&str]| format!("it is {}!", groups.join(gap));
        for (groups, kind) in [
            (&["4111", "1111", "1111", "1111"][..], CARD),
            (&["3782", "822463", "10005"], CARD),
            (&["DE89", "3704", "0044", "0532", "0130", "00"], "[IBAN removed]"),
        ] {
            assert_eq!(masked(&masks, &number(groups)), format!("it is {kind}!"), "{gap:?}");
        }
        if !["\u{200c}", "\u{200d}", "\u{2060}", "\u{feff}", "\u{ad}", "&#8203;"].contains(&gap) {
            let ssn = number(&["219", "09", "9999"]);
            assert_eq!(masked(&masks, &ssn), "it is [social security number removed]!", "{gap:?}");
        }
    }
    for (text, expected) in [
        ("41111111 11111111 12/26", format!("{CARD} 12/26")),
        ("41111111 11111111 123", format!("{CARD} 123")),
        ("4111 1111 1111 1111, 12/26", format!("{CARD}, 12/26")),
        ("41 11 11 11 11 11 11 11, 12/26", format!("{CARD}, 12/26")),
        ("\u{664}\u{661}\u{661}\u{661}111111111111", CARD.to_owned()),
        ("\u{96a}\u{967}\u{967}\u{967}111111111111", CARD.to_owned()),
        ("\u{1d7d2}\u{1d7cf}\u{1d7d9}\u{1d7e3}111111111111", CARD.to_owned()),
        ("4111&#49;11111111&#x31;11", CARD.to_owned()),
        ("4111<b>1111</b>1111 1111", CARD.to_owned()),
        ("4111\u{c}1111\u{b}1111\u{1}\u{c}1111", CARD.to_owned()),
        ("41\u{0}11\u{1f}111\u{8e}111111111", CARD.to_owned()),
        ("4\u{fe0f}\u{20e3}111111111111111", CARD.to_owned()),
        ("\u{5361}\u{53f7}4111111111111111", format!("\u{5361}\u{53f7}{CARD}")),
        ("scan_4111111111111111.txt", format!("scan_{CARD}.txt")),
        ("<a href=\"tel:4111111111111111\">x</a>", format!("<a href=\"tel:{CARD}\">x</a>")),
        ("\u{ff24}\u{ff25}\u{ff18}9370400440532013000", "[IBAN removed]".to_owned()),
        ("DE89370400440532013000EUR", "[IBAN removed]EUR".to_owned()),
        ("219-09-9999, 30 years", "[social security number removed], 30 years".to_owned()),
    ] {
        assert_eq!(masked(&masks, text), expected, "{text}");
    }
    for text in [
        "Version 2.10.4.1, 2026/11/30 06.55.25.123",
        "2,345,678,901,234 and 192.168.100.200",
        "be 15 minutes late and so on and so on",
        "IMG_20261130_065525123.jpg",
        "a < b and c > d & e; 5 &amp; 6",
    ] {
        assert_eq!(masked(&masks, text), text);
    }
}

#[test]
fn what_overlaps_is_masked_as_a_whole() {
    let masks = masks(&["card"], &["tail: 1 secret", "staff: \\bP-[0-9]{4}\\b"]);
    assert_eq!(masked(&masks, "4111111111111111 secret!"), format!("{CARD}!"));
    assert_eq!(masked(&masks, "I am P-0042, P-00421"), "I am [staff removed], P-00421");
    let german = masks.masked("4111111111111111", Language::German);
    assert_eq!(german.unwrap(), "[Kartennummer entfernt]");
}

#[test]
fn what_is_masked_already_is_not_masked_again() {
    let masks = masks(&["card"], &["staff: staff( [0-9]+)?", "number: number|card|d 7"]);
    for (text, once) in [
        ("I am staff 12", "I am [staff removed]"),
        ("a card, 4111111111111111!", "a [number removed], [card number removed]!"),
        // What only begins in one, or holds one, is taken out as a whole.
        ("[staff removed 7", "[[staff removed] remove[number removed]"),
    ] {
        let said = masked(&masks, text);
        assert_eq!(said, once);
        assert_eq!(masks.masked(&said, Language::English), None, "{said}");
    }
    let around = masks_around();
    assert_eq!(masked(&around, "<[staff removed]>"), "[all removed]");
    assert_eq!(masked(&around, "[staff removed] staff"), "[staff removed] [staff removed]");
}

fn masks_around() -> Masks {
    masks(&[], &["staff: staff", "all: <.*>"])
}

#[test]
fn a_pattern_that_cannot_be_used_is_refused_for_what_it_is() {
    for (written, error) in [
        ("no colon", PatternError::NoName),
        (": x", PatternError::BadName),
        ("[x]: x", PatternError::BadName),
        ("name: (", PatternError::Malformed),
        ("name: (?=x)y", PatternError::Malformed),
        ("name: (x)\\1", PatternError::Malformed),
        ("name:", PatternError::MatchesNothing),
        ("name: x*", PatternError::MatchesNothing),
        ("name: (\\w{1000}){1000}", PatternError::TooLarge),
        (&format!("name: {}", "x".repeat(PATTERN_BYTES_MAX + 1)), PatternError::TooLong),
    ] {
        assert_eq!(Masks::default().add_pattern(written), Err(error), "{written}");
    }
    let mut full = Masks::default();
    for at in 0..PATTERNS_MAX {
        full.add_pattern(&format!("n{at}: x")).unwrap();
    }
    assert_eq!(full.add_pattern("one: x"), Err(PatternError::TooMany));
}

/// The activity after masks, or nothing if it was left as it was.
fn applied(activity: &Value) -> Option<Value> {
    let mut read = Activity::parse(activity.to_string().as_bytes()).unwrap();
    let masks = masks(&["card"], &["code: \\b[0-9]{6}\\b"]);
    masks
        .apply(&mut read, Language::English)
        .then(|| serde_json::from_str(&read.to_json()).unwrap())
}

const PAN: &str = "4111 1111 1111 1111";

#[tokio::test]
async fn a_long_text_that_takes_long_holds_up_nobody_else_and_is_masked_all_the_same() {
    // It begins at every x and looks for an end that never comes.
    let masks = Arc::new(masks(&["card"], &["slow: x[^y]*y"]));
    let said = |text: &str| {
        let json = json!({ "type": "message", "text": text }).to_string();
        Activity::parse(json.as_bytes()).unwrap()
    };
    let long = said(&format!("{} {PAN}", "x".repeat(10_000)));
    let looking = tokio::spawn(mask(Arc::clone(&masks), long, Language::English));
    // On a single thread the small one has its answer while the large one is looked through.
    tokio::task::yield_now().await;
    assert!(!looking.is_finished());
    let (short, masked) = mask(masks, said(PAN), Language::English).await.unwrap();
    assert!(masked && short.text().is_some_and(|text| text == CARD));
    let (long, masked) = looking.await.unwrap().unwrap();
    let text = long.text().unwrap();
    assert!(masked && text.ends_with(CARD) && !text.contains("1111"));
}

#[test]
fn a_user_cannot_hide_a_number_in_any_part_of_an_activity() {
    for (member, at) in [
        ("text", ""),
        ("speak", ""),
        ("summary", ""),
        ("value", "/form/cards/1"),
        ("value", "/paymentId"),
        ("value", "/id"),
        ("channelData", "/postBack/said"),
        ("attachments", "/0/name"),
        ("attachments", "/0/content/body/text"),
        ("entities", "/0/text"),
        ("from", "/name"),
    ] {
        let mut activity = json!({
            "type": "message", "text": "hi", "speak": "x", "summary": "x",
            "from": { "id": "kim", "name": "Kim" },
            "value": { "id": 7, "paymentId": "x", "form": { "cards": [1, "x"] } },
            "channelData": { "postBack": { "said": "x" } },
            "attachments": [{ "contentType": "x/y", "name": "x", "content": { "body": { "text": "x" } } }],
            "entities": [{ "type": "x", "text": "x" }],
        });
        assert_eq!(applied(&activity), None, "{member}{at}: nothing to take out");
        *activity[member].pointer_mut(at).unwrap() = json!(PAN);
        let masked = applied(&activity).unwrap();
        assert_eq!(masked[member].pointer(at), Some(&json!(CARD)), "{member}{at}");
        assert!(!masked.to_string().contains("1111"), "{masked}");
    }
}

/// What a form sends for a number is a number of JSON, which programs write in many ways.
#[test]
fn a_number_of_json_is_masked_however_a_program_writes_it() {
    let form = |written: &str| -> Activity {
        let json = format!(r#"{{"type":"message","value":{{"card":{written},"n":[1.50]}}}}"#);
        Activity::parse(json.as_bytes()).unwrap()
    };
    let masks = masks(&["card"], &["code: \\b[0-9]{6}\\b"]);
    for (written, expected) in [
        ("4111111111111111", CARD),
        ("-4111111111111111", "-[card number removed]"),
        ("4.111111111111111e15", CARD),
        ("4.111111111111111E+15", CARD),
        ("411111111111111.1e1", CARD),
        ("4111111111111111.0", CARD),
        ("4111111111111111.00e0", CARD),
        ("41111111111111110e-1", CARD),
        ("-4.111111111111111e15", CARD),
        ("\"4.111111111111111e15\"", CARD),
        // A part behind the point is no part of a card's number.
        ("4111111111111111.25", "[card number removed].25"),
        ("1.23456e5", "[code removed]"),
    ] {
        let mut read = form(written);
        assert!(masks.apply(&mut read, Language::English), "{written}");
        let expected = format!(r#"{{"card":"{expected}","n":[1.50]}}"#);
        assert_eq!(read.value().unwrap().get(), expected, "{written}");
    }
    for written in ["4.111111111111112e15", "4.111111111111111e14", "4.111111111111111", "1e400"] {
        let mut read = form(written);
        assert!(!masks.apply(&mut read, Language::English), "{written}");
    }
}

#[test]
fn what_programs_know_each_other_by_stays() {
    let activity = json!({
        "type": "message", "id": PAN, "text": "hi", "replyToId": PAN, "serviceUrl": PAN,
        "conversation": { "id": PAN, "name": PAN }, "recipient": { "id": PAN },
        "from": { "id": PAN, "aadObjectId": PAN },
        "channelData": { "clientActivityID": PAN, "tenantId": PAN, "teamUrl": PAN },
        "attachments": [{ "contentType": "image/png", "contentUrl": PAN, "content": { "downloadUrl": PAN } }],
    });
    assert_eq!(applied(&activity), None);
    for name in ["signin/verifyState", "fileConsent/invoke"] {
        let call = json!({ "type": "invoke", "name": name, "value": { "state": "123456" } });
        assert_eq!(applied(&call), None, "{name}");
    }
    let call =
        json!({ "type": "invoke", "name": "adaptiveCard/action", "value": { "n": "123456" } });
    assert_eq!(applied(&call).unwrap()["value"]["n"], "[code removed]");
}

#[test]
fn words_that_html_hides_are_read_as_they_are_shown() {
    let html = "<div>4111&nbsp;1111 <b>1111</b> 1111</div>";
    let activity = json!({
        "type": "message", "channelId": "msteams", "text": "4111&nbsp;1111 1111 1111",
        "from": { "id": "kim" },
        "attachments": [
            { "contentType": "text/html", "content": html },
            { "contentType": "image/png", "contentUrl": "https://x.example/a.png" },
        ],
    });
    let masked = applied(&activity).unwrap();
    assert_eq!(masked["text"], CARD);
    assert_eq!(masked["attachments"].as_array().unwrap().len(), 1, "the picture stays");
    assert!(!masked.to_string().contains("1111"), "{masked}");
}

#[test]
fn a_mask_is_never_masked_again() {
    let name = "x".repeat(40);
    for (pattern, text, expected) in [
        (
            "password: (?i)password\\s*\\S+".to_owned(),
            "my password hunter2",
            "my [password removed]",
        ),
        (format!("{name}: [a-z0-9]"), "abc d", &*format!("[{name} removed] [{name} removed]")),
    ] {
        let own = masks(&["card"], &[&pattern]);
        for activity in [
            json!({ "type": "message", "text": text, "from": { "id": "kim" } }),
            json!({ "type": "message", "text": text, "textFormat": "xml", "from": { "id": "kim" } }),
            json!({ "type": "message", "text": text, "channelId": "msteams", "from": { "id": "kim" } }),
        ] {
            let mut read = Activity::parse(activity.to_string().as_bytes()).unwrap();
            assert!(own.apply(&mut read, Language::English));
            assert_eq!(read.text().as_deref(), Some(expected), "{activity}");
        }
        let form = json!({ "type": "message", "value": { "x": text }, "from": { "id": "kim" } });
        let mut read = Activity::parse(form.to_string().as_bytes()).unwrap();
        assert!(own.apply(&mut read, Language::English));
        let value: Value = serde_json::from_str(read.value().unwrap().get()).unwrap();
        assert_eq!(value["x"], expected, "{form}");
        assert!(read.to_json().len() < 1000, "{}", read.to_json());
    }
}
