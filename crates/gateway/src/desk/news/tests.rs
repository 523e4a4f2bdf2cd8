//! Callbacks as instances post them, and the news they bring: a row for each moment of reference
//! 5.7, for the specification's three shapes, and for what instances get wrong.

mod unordered;

use super::*;

fn named(agent: &Agent) -> &str {
    agent.name.as_deref().unwrap_or("?")
}

/// News in one line, so that tables can be read.
fn line(news: &News) -> String {
    match news {
        News::Queued => "queued".to_owned(),
        News::Estimate(estimate) => format!("estimate {estimate}"),
        News::AgentHere(agent) => format!("here {}", named(agent)),
        News::Active => "active".to_owned(),
        News::AgentSaid { agent, said, .. } => format!("{}: {}", named(agent), said.text),
        News::DeskSaid { said, with_agents: true, .. } => format!("desk: {}", said.text),
        News::DeskSaid { said, with_agents: false, .. } => format!("virtual agent: {}", said.text),
        News::Nobody { said: Some(said) } => format!("nobody: {}", said.text),
        News::Nobody { said: None } => "nobody".to_owned(),
        News::Ended => "ended".to_owned(),
        News::LetGo => "let go".to_owned(),
        News::Failed => "failed".to_owned(),
        News::Cancelled => "cancelled".to_owned(),
        News::Started { conversation } => format!("started {conversation}"),
    }
}

fn read_json(json: &str) -> (Vec<News>, Vec<Typing>) {
    let callback = servicenow::read(json.as_bytes());
    read(callback.unwrap_or_else(|error| panic!("{error}: {json}")), &Wording::default())
}

#[track_caller]
fn check(rows: &[(&str, &[&str])]) {
    for (json, expected) in rows {
        let news: Vec<_> = read_json(json).0.iter().map(line).collect();
        assert_eq!(news, *expected, "{json}");
    }
}

#[test]
fn a_name_and_an_estimate_cannot_turn_the_words_around_them() {
    let json = r#"{"body":[{"uiType":"OutputText","value":"hi","sentFromAgent":true,"agentInfo":{"agentName":"Dana\u202enimda","agentId":"a\u0007b"}}]}"#;
    let (news, _) = read_json(json);
    assert!(news.iter().any(|news| line(news) == "Dananimda: hi"), "{news:?}");
    let json = r#"{"body":[{"uiType":"ActionMsg","actionType":"System","message":"x","spinnerType":"wait_time","waitTime":"8\u2067 Seconds"}]}"#;
    let (news, _) = read_json(json);
    assert!(!format!("{news:?}").contains('\u{2067}'), "{news:?}");
}

#[test]
fn the_record_at_the_desk_is_known_by_its_id_and_by_nothing_else() {
    let started = |id: &str| {
        format!(
            r#"{{"body":[{{"uiType":"ActionMsg","actionType":"StartConversation","conversationId":"{id}"}}]}}"#
        )
    };
    let id = "0123456789abcdefABCDEF0123456789";
    let known = format!("started {id}");
    check(&[(&started(id), &[&known])]);
    for wrong in ["", "0123", "0123456789abcdef0123456789abcde^", &format!("{id}0")] {
        check(&[(&started(wrong), &[])]);
    }
}

#[test]
fn every_moment_of_a_chat_is_told_as_it_happens() {
    check(&[
        // Accepted, queued.
        (r#"{"body":[{"uiType":"ActionMsg","actionType":"StartConversation"}]}"#, &[]),
        (
            r#"{"body":[{"uiType":"ActionMsg","actionType":"StartSpinner","spinnerType":"processing"},
                {"uiType":"ActionMsg","actionType":"EndSpinner"}]}"#,
            &[],
        ),
        (
            r#"{"agentChat":true,"body":[{"uiType":"OutputText","value":"Please stand by"}]}"#,
            &["queued", "desk: Please stand by"],
        ),
        (
            r#"{"body":[{"uiType":"ActionMsg","actionType":"SubscribeToSupportQueue"}]}"#,
            &["queued"],
        ),
        (
            r#"{"agentChat":true,"body":[{"uiType":"ActionMsg","actionType":"StartSpinner",
                "spinnerType":"wait_time","waitTime":"8 Seconds"}]}"#,
            &["estimate 8 Seconds"],
        ),
        // An agent accepts.
        (
            r#"{"agentChat":true,"body":[
                {"uiType":"ActionMsg","actionType":"EndSpinner","spinnerType":"wait_time"},
                {"uiType":"ActionMsg","actionType":"SubscribeToChatPresence"},
                {"uiType":"ActionMsg","actionType":"SwitchToLiveAgent"},
                {"uiType":"ActionMsg","actionType":"System","message":"Ola has entered the chat."},
                {"uiType":"OutputText","value":"How can I help?",
                 "agentInfo":{"agentName":"Ola","sentFromAgent":true}}]}"#,
            &["queued", "here Ola", "Ola: How can I help?"],
        ),
        // An agent writes.
        (
            r#"{"agentChat":true,"body":[{"uiType":"OutputText","value":"The conversation has ended",
                "agentInfo":{"agentName":"Ola","sentFromAgent":true}}]}"#,
            &["here Ola", "Ola: The conversation has ended"],
        ),
        // The agent ends, told three times; then the survey of the virtual agent.
        (
            r#"{"agentChat":true,"body":[{"uiType":"ActionMsg","actionType":"System",
                "message":"Ola has closed the support session."}]}"#,
            &["queued", "ended"],
        ),
        (r#"{"body":[{"uiType":"ActionMsg","actionType":"SwitchToVirtualAgent"}]}"#, &["ended"]),
        (
            r#"{"body":[{"uiType":"Boolean","label":"Were you helped?"}]}"#,
            &["virtual agent: Were you helped?"],
        ),
        (
            r#"{"completed":true,"body":[{"uiType":"OutputText",
                "value":"The conversation has ended. Thank you."}]}"#,
            &["ended"],
        ),
        // Idle.
        (
            r#"{"body":[{"uiType":"ActionMsg","actionType":"System",
                "message":"The conversation is timing out, are you still there?"}]}"#,
            &["desk: The conversation is timing out, are you still there?"],
        ),
        (
            r#"{"completed":true,"body":[{"uiType":"ActionMsg","actionType":"System",
                "message":"It seems you have left the conversation"}]}"#,
            &["ended", "ended"],
        ),
        // The longest wait of the queue.
        (
            r#"{"body":[{"uiType":"OutputText","value":"All agents are busy."},{"uiType":"Picker",
                "label":"What now?","options":[{"label":"VPN","value":"1"}]}]}"#,
            &["virtual agent: All agents are busy.", "virtual agent: What now?\n- VPN"],
        ),
    ]);
}

#[test]
fn nobody_there_is_told_in_words_with_or_without_giving_back_control() {
    check(&[
        (
            r#"{"body":[{"uiType":"OutputText","value":"No agents are available at the moment."}]}"#,
            &["nobody: No agents are available at the moment."],
        ),
        (
            r#"{"takeControl":true,"body":[{"uiType":"OutputText",
                "value":"NO AGENTS ARE AVAILABLE"}]}"#,
            &["nobody: NO AGENTS ARE AVAILABLE", "let go"],
        ),
        (
            r#"{"body":[{"uiType":"ActionMsg","actionType":"System",
                "message":"No agents are available"}]}"#,
            &["nobody: No agents are available"],
        ),
        // With a sign of the live-agent side it is only words.
        (
            r#"{"agentChat":true,"body":[{"uiType":"OutputText",
                "value":"No agents are available yet, please wait."}]}"#,
            &["queued", "desk: No agents are available yet, please wait."],
        ),
        (r#"{"takeControl":true,"body":[],"score":0}"#, &["let go"]),
    ]);
}

#[test]
fn the_three_shapes_of_the_specification_are_understood() {
    check(&[
        (
            r#"{"status":"connected","takeControl":true,"agentChat":true,"body":[{"uiType":"ActionMsg",
                "actionType":"AgentControl","message":"Agent has taken control"}]}"#,
            &["here ?"],
        ),
        (
            r#"{"status":"completed","completed":true,"body":[{"uiType":"ActionMsg",
                "actionType":"EndConversation","message":"The conversation has ended"}]}"#,
            &["ended"],
        ),
        (
            r#"{"status":"fail","error_message":"No agents are available to chat","body":[
                {"uiType":"OutputText","message":"We're sorry, all agents are busy."}]}"#,
            &["desk: We're sorry, all agents are busy.", "failed"],
        ),
        (
            r#"{"status":"fail","error_message":"No agents are available to chat","body":[]}"#,
            &["desk: No agents are available to chat", "failed"],
        ),
        (
            r#"{"status":"fail","error_message":"Sorry","body":[{"uiType":"OutputText",
                "message":"No agents are available."}]}"#,
            &["nobody: No agents are available.", "failed"],
        ),
        (r#"{"status":"fail"}"#, &["failed"]),
        (r#"{"status":"waiting"}"#, &["queued"]),
        (r#"{"status":"active"}"#, &["active"]),
        (r#"{"status":"cancelled"}"#, &["cancelled"]),
    ]);
}

#[test]
fn a_text_that_somebody_came_is_no_proof_of_it() {
    // PRB2012130: it is told before anybody accepted.
    check(&[(
        r#"{"body":[{"uiType":"ActionMsg","actionType":"System",
            "message":"Ola has entered the chat."}]}"#,
        &[],
    )]);
}

#[test]
fn words_beside_an_ending_are_shown_and_the_ending_text_itself_is_not() {
    check(&[
        (
            r#"{"completed":true,"body":[{"uiType":"OutputText","value":"Your ticket is INC7."}]}"#,
            &["desk: Your ticket is INC7.", "ended"],
        ),
        (
            r#"{"body":[{"uiType":"OutputText","value":"The conversation has ended."}]}"#,
            &["virtual agent: The conversation has ended."],
        ),
    ]);
}

#[test]
fn an_admins_own_wording_takes_the_place_of_the_defaults() {
    let wording = Wording { nobody: vec!["NIEMAND da".to_owned()], ..Wording::default() };
    let json = |text| format!(r#"{{"body":[{{"uiType":"OutputText","value":"{text}"}}]}}"#);
    for (text, expected) in [
        ("Leider ist niemand da.", "nobody: Leider ist niemand da."),
        ("No agents are available", "virtual agent: No agents are available"),
    ] {
        let callback = servicenow::read(json(text).as_bytes()).unwrap();
        assert_eq!(line(&read(callback, &wording).0[0]), expected);
    }
}

#[test]
fn typing_is_told_apart_from_news() {
    let (news, typing) = read_json(
        r#"{"agentChat":true,"body":[
            {"uiType":"ActionMsg","actionType":"StartTypingIndicator"},
            {"uiType":"ActionMsg","actionType":"EndTypingIndicator"}]}"#,
    );
    assert_eq!(news.iter().map(line).collect::<Vec<_>>(), ["queued"]);
    assert_eq!(typing.iter().map(|typing| typing.on).collect::<Vec<_>>(), [true, false]);
    let (_, streams) = read_json(r#"{"body":[{"uiType":"StreamChunk","value":"I am"}]}"#);
    assert_eq!(streams, [Typing { who: Typist::Desk, on: true }], "whoever speaks then");
}

#[test]
fn what_a_message_carries_beside_its_words_is_kept() {
    let (news, _) = read_json(
        r#"{"body":[{"uiType":"Picker","messageId":"m7","label":"What now?",
            "options":[{"label":"VPN","value":"1"}]},{"uiType":"OutputText","value":"plain"}]}"#,
    );
    let News::DeskSaid { said, key, .. } = &news[0] else { panic!("{news:?}") };
    assert_eq!(said.options, [Choice { label: "VPN".to_owned(), value: "1".to_owned() }]);
    assert_eq!(key.as_ref().unwrap().as_str(), "sn:m7");
    assert!(said.payload.as_ref().unwrap().0.contains("Picker"));
    let News::DeskSaid { said, key: None, .. } = &news[1] else { panic!("{news:?}") };
    assert_eq!(said.payload, None);
}

#[test]
fn two_agents_in_one_callback_speak_in_their_order() {
    let said = |name: &str, text: &str| {
        format!(
            r#"{{"uiType":"OutputText","value":"{text}","agentInfo":{{"sentFromAgent":true,"agentName":"{name}"}}}}"#
        )
    };
    let (ola, bo) = (said("Ola", "bye"), said("Bo", "hi"));
    let callback = format!(r#"{{"agentChat":true,"body":[{ola},{bo}]}}"#);
    check(&[(&callback, &["Ola: bye", "Bo: hi"])]);
}

#[test]
fn what_is_kept_in_the_state_is_clipped() {
    let long = "x".repeat(5_000);
    let spinner = format!(
        r#"{{"body":[{{"uiType":"ActionMsg","actionType":"StartSpinner","spinnerType":"wait_time","waitTime":"{long}"}},
            {{"uiType":"OutputText","value":"hi","agentInfo":{{"sentFromAgent":true,"agentName":"{long}"}}}}]}}"#
    );
    let (news, _) = read(servicenow::read(spinner.as_bytes()).unwrap(), &Wording::default());
    let lengths: Vec<_> = news
        .iter()
        .filter_map(|news| match news {
            News::Estimate(estimate) => Some(estimate.len()),
            News::AgentHere(agent) => agent.name.as_ref().map(String::len),
            _ => None,
        })
        .collect();
    assert_eq!(lengths, [200, 100]);
}

#[test]
fn what_has_no_name_here_is_told_apart() {
    let json = r#"{"body":[{"uiType":"Hologram","label":"x"},{"uiType":"OutputText","value":"y"},{"uiType":"ActionMsg","actionType":"Juggle"},{"uiType":"ActionMsg","actionType":"System","message":"z"},7]}"#;
    let callback = servicenow::read(json.as_bytes()).unwrap();
    let unnamed: Vec<_> = unnamed(&callback).map(Unnamed::as_str).collect();
    assert_eq!(unnamed, ["ui_type", "action", "ui_type"]);
}
