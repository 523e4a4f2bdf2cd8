use super::*;
use crate::item::{Asks, CHOICES_MAX, Item, TEXT_BYTES_MAX, UiType};
use crate::signal::Agent;

fn signals(json: &str) -> Vec<Signal> {
    read(json.as_bytes()).unwrap_or_else(|error| panic!("{error}: {json}")).signals
}

/// A signal in one line, so that tables can be read.
fn told(signal: &Signal) -> String {
    let who = |agent: &Agent| agent.name.clone().or(agent.id.clone()).unwrap_or("?".to_owned());
    let words = |text: &Option<String>| text.clone().unwrap_or_default();
    match signal {
        Signal::ConversationStarted { conversation_id } => {
            format!("started {}", words(conversation_id))
        }
        Signal::WaitTime(estimate) => format!("wait {estimate}"),
        Signal::Working(on) => format!("working {on}"),
        Signal::AgentHere(agent) => format!("agent {}", who(agent)),
        Signal::Item(item) => format!("item {}", item.text),
        Signal::System { text } => format!("system {text}"),
        Signal::Typing { on, agent, streams: false } => format!("typing {on} {}", who(agent)),
        Signal::Typing { on, streams: true, .. } => format!("streams {on}"),
        Signal::Completed { text } => format!("completed {}", words(text)),
        Signal::Failed { message } => format!("failed {}", words(message)),
        Signal::Unknown { what } => format!("unknown {what}"),
        other => other.name().to_owned(),
    }
}

fn all_told(json: &str) -> Vec<String> {
    signals(json).iter().map(|signal| told(signal).trim_end().to_owned()).collect()
}

fn check(json: &str, expected: &[&str]) {
    assert_eq!(all_told(json), expected, "{json}");
}

fn item(json: &str) -> Item {
    let body = format!(r#"{{"body":[{json}]}}"#);
    let found = signals(&body).into_iter().find_map(|signal| match signal {
        Signal::Item(item) => Some(item),
        _ => None,
    });
    found.unwrap_or_else(|| panic!("no item: {json}"))
}

#[test]
fn every_envelope_is_read_in_either_dialect() {
    for (json, expected) in [
        (r#"{"agentChat":true,"body":[]}"#, &["queued"][..]),
        (r#"{"status":"waiting"}"#, &["queued"]),
        (r#"{"status":" Waiting ","agentChat":"true"}"#, &["queued"]),
        (r#"{"status":"connected"}"#, &["agent ?"]),
        (r#"{"status":"active"}"#, &["active"]),
        (r#"{"status":"active","agentChat":true}"#, &["active"]),
        (r#"{"takeControl":true,"agentChat":true}"#, &["agent ?"]),
        (r#"{"takeControl":true}"#, &["let_go"]),
        (r#"{"takeControl":true,"body":[],"score":0}"#, &["let_go"]),
        (r#"{"takeControl":true,"status":"connected"}"#, &["agent ?"]),
        (r#"{"takeControl":true,"status":"active"}"#, &["active"]),
        (r#"{"takeControl":true,"body":{"actionType":"AgentControl"}}"#, &["agent ?"]),
        (r#"{"completed":true,"body":[]}"#, &["completed"]),
        (r#"{"completed":"TRUE","agentChat":true,"body":[]}"#, &["completed"]),
        (r#"{"completed":true,"status":"completed"}"#, &["completed"]),
        (r#"{"status":"fail","error_message":"No agents"}"#, &["failed No agents"]),
        (r#"{"status":"fail"}"#, &["failed"]),
        (r#"{"error_message":"No agents","body":[]}"#, &["failed No agents"]),
        (r#"{"error_message":"","body":[]}"#, &[]),
        (r#"{"status":"completed","error_message":"x"}"#, &["completed"]),
        (r#"{"status":"CANCELLED"}"#, &["cancelled"]),
        (r#"{"status":"canceled"}"#, &["cancelled"]),
        (r#"{"status":"pondering"}"#, &["unknown status pondering"]),
        (
            r#"{"status":"fail","completed":true,"takeControl":true}"#,
            &["failed", "completed", "let_go"],
        ),
        (r#"{"status":7,"completed":false}"#, &["unknown status 7"]),
        (r#"{"agentChat":false,"completed":false}"#, &[]),
        (r#"{"body":[]}"#, &[]),
        (r#"{"body":null,"completed":true}"#, &["completed"]),
        (r#"{"body":"words","status":null}"#, &["unknown body"]),
    ] {
        check(json, expected);
    }
}

#[test]
fn every_action_message_is_read_in_any_spelling() {
    for (fields, expected) in [
        (r#""actionType":"StartConversation","conversationId":"c1""#, &["started c1"][..]),
        (r#""actionType":"CREATECONVERSATION","conversationId":"c1""#, &["started c1"]),
        (r#""actionType":"SubscribeToSupportQueue""#, &["queued"]),
        (r#""actionType":"subscribetosupportqueueActionMsg""#, &["queued"]),
        (
            r#""actionType":"StartSpinner","spinnerType":"wait_time","waitTime":"8 Seconds""#,
            &["wait 8 Seconds"],
        ),
        (
            r#""actionType":"startSpinner","spinnerType":"WAIT_TIME","message":"soon""#,
            &["wait soon"],
        ),
        (r#""actionType":"StartSpinner","spinnerType":"wait_time","waitTime":5"#, &["wait 5"]),
        (r#""actionType":"StartSpinner","spinnerType":"wait_time""#, &["queued"]),
        (r#""actionType":"StartSpinner","spinnerType":"processing""#, &["working true"]),
        (r#""actionType":"StartSpinner""#, &["working true"]),
        (r#""actionType":"EndSpinner","spinnerType":"wait_time""#, &["working false"]),
        (r#""actionType":"SubscribeToChatPresence","chatSessionId":"x""#, &["queued"]),
        (r#""actionType":"SWITCHTOLIVEAGENT""#, &["agent ?"]),
        (r#""actionType":"SwitchToLiveAgent","agentInfo":{"agentName":"Ola"}"#, &["agent Ola"]),
        (r#""actionType":"AgentControl","message":"taken""#, &["agent ?"]),
        (r#""actionType":"SwitchToVirtualAgent""#, &["back_to_virtual_agent"]),
        (
            r#""actionType":"System","message":"Ola has entered the chat.""#,
            &["system Ola has entered the chat."],
        ),
        (r#""actionType":"SystemActionMsg","value":"v""#, &["system v"]),
        (r#""actionType":"System""#, &[]),
        (r#""actionType":"StartTypingIndicator""#, &["typing true ?"]),
        (r#""actionType":"StartTypingIndicatorActionMsg""#, &["typing true ?"]),
        (r#""actionType":"EndTypingIndicatorACTIONMSG""#, &["typing false ?"]),
        (r#""actionType":"EndConversation","message":"over""#, &["completed over"]),
        (r#""actionType":"DynamicLoader""#, &["working true"]),
        (
            r#""actionType":"DynamicLoader","messageId":"9f","header":"Looking","progressMessages":[{"message":"Reading","status":"completed"},{"message":"Writing"}]"#,
            &["item Looking\n✓ Reading\n… Writing"],
        ),
        (r#""actionType":"DynamicLoader","header":"no id""#, &["working true"]),
        (r#""actionType":"ChatSubHeader""#, &[]),
        (r#""actionType":"SwitchConversation""#, &[]),
        (r#""actionType":"Separator""#, &[]),
        (r#""actionType":"TopicFinished""#, &[]),
        (r#""actionType":"Juggle""#, &["unknown actionType Juggle"]),
        (r#""actionType":{"a":1}"#, &["unknown actionType"]),
    ] {
        for ui_type in ["ActionMsg", "actionmsg", "ACTIONMSG"] {
            check(&format!(r#"{{"body":[{{"uiType":"{ui_type}",{fields}}}]}}"#), expected);
        }
    }
    // The table that spells it as the type, and items without any type.
    check(r#"{"body":[{"uiType":"StartTypingIndicatorActionMsg"}]}"#, &["typing true ?"]);
    check(r#"{"body":[{"actionType":"SwitchToVirtualAgent"}]}"#, &["back_to_virtual_agent"]);
}

/// An item, the control it is read as, and its text.
const CONTROLS: &[(&str, &str, &str)] = &[
    (
        r#"{"uiType":"OutputText","value":"I see.","message":"no","label":"no"}"#,
        "OutputText",
        "I see.",
    ),
    (r#"{"uiType":"outputtext","message":"spec"}"#, "OutputText", "spec"),
    (r#"{"uiType":"OUTPUTTEXT","value":"","label":"in label"}"#, "OutputText", "in label"),
    (r#"{"uiType":"OutputText","value":42}"#, "OutputText", "42"),
    (r#"{"uiType":"OutputText","value":{"a":1}}"#, "OutputText", "[OutputText]"),
    (r#"{"uiType":"InputText","label":"Your order number?"}"#, "InputText", "Your order number?"),
    (
        r#"{"uiType":"Picker","label":"Which?","options":[{"label":"A","value":"a"},{"value":"b"},7,{}]}"#,
        "Picker",
        "Which?\n- A\n- b",
    ),
    (r#"{"uiType":"ItemPicker","label":"Which?"}"#, "Picker", "Which?"),
    (r#"{"uiType":"defaultpicker","options":[{"label":"A"}]}"#, "Picker", "- A"),
    (r#"{"uiType":"Picker","options":"broken"}"#, "Picker", "[Picker]"),
    (
        r#"{"uiType":"TopicPickerControl","promptMsg":"Choose","label":"All","options":[{"label":"Pay","value":"ce"}]}"#,
        "TopicPickerControl",
        "Choose\n- Pay",
    ),
    (
        r#"{"uiType":"boolean","label":"There?","options":[{"label":"Yes","value":true},{"label":"No"}]}"#,
        "Boolean",
        "There?\n- Yes\n- No",
    ),
    (
        r#"{"uiType":"OutputImage","value":"https://i.example/x.png","altText":"chart"}"#,
        "OutputImage",
        "chart <https://i.example/x.png>",
    ),
    (r#"{"uiType":"OutputImage","value":"/x.iix"}"#, "OutputImage", "/x.iix"),
    (
        r#"{"uiType":"OutputLink","label":"Policy","header":"Read this","value":{"action":"https://e.org/p"}}"#,
        "OutputLink",
        "Read this: Policy <https://e.org/p>",
    ),
    (
        r#"{"uiType":"OutputLink","label":"Policy","value":"https://e.org/p"}"#,
        "OutputLink",
        "Policy <https://e.org/p>",
    ),
    (
        r#"{"uiType":"OutputLink","header":"Read:","value":{"action":"https://e.org"}}"#,
        "OutputLink",
        "Read: https://e.org",
    ),
    (
        r#"{"uiType":"GroupedPartsOutputControl","header":"Found","values":[{"label":"A","action":"https://e.org/a","description":"","context":"KB"},{"label":"B","description":"old"}]}"#,
        "GroupedPartsOutputControl",
        "Found\n- A – KB <https://e.org/a>\n- B – old",
    ),
    (
        r#"{"uiType":"OutputCard","templateName":"Card","data":"{\"title\":\"Incident\",\"subtitle\":\"INC1\",\"fields\":[{\"fieldLabel\":\"State\",\"fieldValue\":\"New\"}],\"url\":\"https://e.org/i\"}"}"#,
        "OutputCard",
        "Incident\nINC1\nState: New\n<https://e.org/i>",
    ),
    (r#"{"uiType":"OutputCard","data":{"title":"T"}}"#, "OutputCard", "T"),
    (
        r#"{"uiType":"OutputCard","templateName":"Notification","data":{"message":"Down at six"}}"#,
        "OutputCard",
        "Down at six",
    ),
    (
        r#"{"uiType":"OutputText","value":"Restart it.","citations":[{"title":"KB1","url":"/kb1"}],"relatedList":[{"label":"More"}]}"#,
        "OutputText",
        "Restart it.\n- KB1 </kb1>\n- More",
    ),
    (
        r#"{"uiType":"OutputText","itemType":"file","label":"a.pdf","value":"/sys_attachment.do?sys_id=1"}"#,
        "OutputText",
        "a.pdf </sys_attachment.do?sys_id=1>",
    ),
    (r#"{"uiType":"OutputLink","header":"Read","label":"Policy"}"#, "OutputLink", "Read: Policy"),
    (r#"{"uiType":"OutputImage","altText":"chart"}"#, "OutputImage", "chart"),
    (r#"{"uiType":"OutputCard","data":"not json","label":"A card"}"#, "OutputCard", "A card"),
    (
        r#"{"uiType":"OutputTable","label":"Yours","headers":["No","State"],"data":[["INC1","New"],["INC2",7]],"navigationBtnLabel":"More"}"#,
        "OutputTable",
        "Yours\nNo | State\nINC1 | New\nINC2 | 7\n- More",
    ),
    (r#"{"uiType":"OutputHtml","value":"<b>Hi</b><br>you"}"#, "OutputHtml", "Hi\nyou"),
    (r#"{"uiType":"OutputHtml","value":"<img>","imageUrl":"/i.png"}"#, "OutputHtml", "/i.png"),
    (
        r#"{"uiType":"MultiPartOutput","navigationBtnLabel":"More","content":{"uiType":"OutputHtml","value":"<i>Part 1</i>"}}"#,
        "MultiPartOutput",
        "Part 1\n- More",
    ),
    (
        r#"{"uiType":"MultiPartOutput","content":{"uiType":"MultiPartOutput","content":{"value":"x"}}}"#,
        "MultiPartOutput",
        "- More",
    ),
    (
        r#"{"uiType":"MultiPartOutput","content":{"uiType":"OutputText","value":"Part 1"}}"#,
        "MultiPartOutput",
        "Part 1\n- More",
    ),
    (
        r#"{"uiType":"GroupedPartsOutputControl","header":"Found","values":[]}"#,
        "GroupedPartsOutputControl",
        "Found",
    ),
    (r#"{"uiType":"Date","label":"Which day?"}"#, "Date", "Which day?"),
    (r#"{"uiType":"Time","label":"When?"}"#, "Time", "When?"),
    (r#"{"uiType":"DATETIME","required":true}"#, "DateTime", "[DateTime]"),
    (r#"{"uiType":"FileUpload","label":"Upload","maxCount":5}"#, "FileUpload", "Upload"),
    (r#"{"uiType":"Picture","label":"Photo"}"#, "Picture", "Photo"),
    (r#"{"uiType":"CustomControl","name":"rating"}"#, "CustomControl", "rating"),
    (r#"{"uiType":"Hologram","label":"whoa"}"#, "Hologram", "whoa"),
    (r#"{"uiType":"Hologram"}"#, "Hologram", "[Hologram]"),
    (r#"{"value":"no type"}"#, "", "no type"),
];

#[test]
fn what_has_nothing_left_to_show_is_nothing() {
    for json in [
        r#"{"uiType":"OutputHtml","value":"<img>"}"#,
        r#"{"uiType":"OutputHtml","value":"<script>alert(1)</script>"}"#,
        r#"{"uiType":"OutputHtml"}"#,
        r#"{"uiType":"GroupedPartsOutputControl","groupPartType":"Link","values":[{}]}"#,
    ] {
        let shown = signals(&format!(r#"{{"body":[{json}]}}"#));
        assert!(!shown.iter().any(|signal| matches!(signal, Signal::Item(_))), "{json}");
    }
}

#[test]
fn every_control_becomes_readable_text() {
    for (json, ui_type, text) in CONTROLS {
        let item = item(json);
        assert_eq!((item.ui_type.as_str(), item.text.as_str()), (*ui_type, *text), "{json}");
        assert_eq!(item.raw.get(), *json);
    }
    assert_eq!(UiType::read("hologram"), UiType::Other("hologram".to_owned()));
    assert_eq!(UiType::read("outputtext"), UiType::OutputText);
}

#[test]
fn items_with_nothing_to_show_are_left_out_or_counted() {
    check(r#"{"body":[{"uiType":"OutputText","value":""},null]}"#, &[]);
    check(r#"{"body":[7,"x",{},[]]}"#, &["unknown item"; 4]);
    check(r#"{"body":[{"uiType":"OutputText","agentInfo":{"sentFromAgent":true}}]}"#, &["agent ?"]);
}

#[test]
fn options_keep_what_the_answer_must_carry() {
    let choices = |json: &str| -> Vec<(String, String)> {
        item(json).options.into_iter().map(|choice| (choice.label, choice.value)).collect()
    };
    let pair = |label: &str, value: &str| (label.to_owned(), value.to_owned());
    assert_eq!(
        choices(
            r#"{"uiType":"Picker","options":[{"label":"A","value":"a","enabled":false},{"label":"One","value":1}]}"#
        ),
        [pair("A", "a"), pair("One", "1")]
    );
    assert_eq!(
        choices(r#"{"uiType":"Boolean","options":[{"label":"Yes"},{"label":"No","value":false}]}"#),
        [pair("Yes", "Yes"), pair("No", "false")]
    );
    assert_eq!(
        choices(
            r#"{"uiType":"MultiPartOutput","navigationBtnLabel":"More","content":{"uiType":"Picker","options":[{"label":"A","value":"a"}]}}"#
        ),
        [pair("A", "a"), pair("More", "click_for_more")]
    );
    assert_eq!(
        choices(r#"{"uiType":"OutputTable","data":[["x"]],"navigationBtnLabel":"Next"}"#),
        [pair("Next", "DONE")]
    );
    let many = vec![r#"{"label":"A"}"#; CHOICES_MAX + 1].join(",");
    let many = item(&format!(r#"{{"uiType":"Picker","options":[{many}]}}"#));
    assert_eq!(many.options.len(), CHOICES_MAX);
}

#[test]
fn what_agents_type_is_plain_and_what_the_virtual_agent_says_is_markdown() {
    let markdown = |envelope: &str| {
        let body = format!(r"{{{envelope}}}");
        signals(&body).iter().any(|signal| matches!(signal, Signal::Item(item) if item.markdown))
    };
    assert!(markdown(r#""body":[{"uiType":"OutputText","value":"**x**"}]"#));
    assert!(!markdown(r#""body":[{"uiType":"OutputHtml","value":"**x**"}]"#));
    assert!(markdown(r#""agentChat":true,"body":[{"uiType":"OutputText","value":"**x**"}]"#));
    assert!(!markdown(
        r#""body":[{"uiType":"OutputText","value":"**x**","agentInfo":{"sentFromAgent":true}}]"#
    ));
}

#[test]
fn what_ends_a_stream_is_told_from_what_came_at_once() {
    for (member, streamed) in [
        (r#""streamId":"s1""#, true),
        (r#""streamId":7"#, true),
        (r#""streamId":"""#, false),
        (r#""streamId":null"#, false),
        (r#""group":"DefaultText""#, false),
        (r#""streamId":"s1","agentInfo":{"sentFromAgent":true}"#, false),
    ] {
        let json = format!(r#"{{"uiType":"OutputText","value":"x",{member}}}"#);
        assert_eq!(item(&json).streamed, streamed, "{member}");
    }
}

#[test]
fn an_agent_is_known_by_either_dialect() {
    for (info, from_agent, name) in [
        (r#"{"sentFromAgent":true,"agentName":"Ola","agentId":"a1"}"#, true, Some("Ola")),
        (r#"{"sentFromAgent":"true"}"#, true, None),
        (r#"{"agentName":"Ola"}"#, true, Some("Ola")),
        (r#"{"sentFromAgent":false,"agentName":"Bot"}"#, false, Some("Bot")),
        (r#"{"agentName":""}"#, false, None),
        (r#""Ola""#, false, None),
        ("null", false, None),
    ] {
        let item = item(&format!(r#"{{"uiType":"OutputText","value":"x","agentInfo":{info}}}"#));
        let known = item.agent.and_then(|agent| agent.name);
        assert_eq!((item.from_agent, known.as_deref()), (from_agent, name), "{info}");
    }
}

#[test]
fn one_agent_is_told_once_and_two_agents_in_turn() {
    check(
        r#"{"agentChat":true,"status":"connected","takeControl":true,"body":[
            {"uiType":"ActionMsg","actionType":"SubscribeToChatPresence"},
            {"uiType":"ActionMsg","actionType":"SwitchToLiveAgent"},
            {"uiType":"OutputText","value":"hi","agentInfo":{"sentFromAgent":true,"agentName":"Ola"}},
            {"uiType":"OutputText","value":"bye","agentInfo":{"sentFromAgent":true}},
            {"uiType":"OutputText","value":"hello","agentInfo":{"sentFromAgent":true,"agentName":"Kim"}}]}"#,
        &["queued", "agent Ola", "agent Kim", "item hi", "item bye", "item hello"],
    );
}

#[test]
fn signals_come_as_state_then_items_then_endings() {
    check(
        r#"{"completed":true,"body":[
            {"uiType":"ActionMsg","actionType":"SwitchToVirtualAgent"},
            {"uiType":"OutputText","value":"one"},
            {"uiType":"ActionMsg","actionType":"EndConversation","message":"over"},
            {"uiType":"ActionMsg","actionType":"SwitchToVirtualAgent"},
            {"uiType":"ActionMsg","actionType":"System","message":"closed"},
            {"uiType":"ActionMsg","actionType":"SwitchToLiveAgent"},
            {"uiType":"OutputText","value":"two"}]}"#,
        &[
            "agent ?",
            "item one",
            "system closed",
            "item two",
            "completed over",
            "back_to_virtual_agent",
        ],
    );
    check(
        r#"{"agentChat":true,"body":[
            {"uiType":"OutputText","value":"Please stand by"},
            {"uiType":"ActionMsg","actionType":"StartSpinner","spinnerType":"wait_time","waitTime":"1 Minute"},
            {"uiType":"ActionMsg","actionType":"SubscribeToSupportQueue"},
            {"uiType":"ActionMsg","actionType":"StartConversation","conversationId":"c1"}]}"#,
        &["started c1", "wait 1 Minute", "item Please stand by"],
    );
}

#[test]
fn the_specifications_three_shapes_are_understood() {
    check(
        r#"{"status":"connected","takeControl":true,"agentChat":true,"body":[{"uiType":"ActionMsg","actionType":"AgentControl","message":"Agent has taken control of the conversation"}]}"#,
        &["agent ?"],
    );
    check(
        r#"{"status":"completed","completed":true,"body":[{"uiType":"ActionMsg","actionType":"EndConversation","message":"The conversation has ended"}]}"#,
        &["completed The conversation has ended"],
    );
    check(
        r#"{"status":"fail","error_message":"No agents are available to chat","body":[{"uiType":"OutputText","message":"We're sorry"}]}"#,
        &["item We're sorry", "failed No agents are available to chat"],
    );
}

#[test]
fn a_streamed_text_is_shown_when_it_is_complete() {
    check(
        r#"{"body":[{"uiType":"StreamStart","value":"I"},{"uiType":"StreamChunk","value":"I am"},{"uiType":"OutputText","value":"I am here","streamId":"s"}]}"#,
        &["streams true", "streams true", "item I am here"],
    );
}

#[test]
fn ids_are_read_and_empty_ones_are_absent() {
    let callback = read(
        br#"{"requestId":"ses_1.2","clientSessionId":"","userId":"u-42","interactionId":7,"agentChat":true,
            "clientVariables":{"tenantId":"t-1","botId":null,"conversationId":"","other":[1]},"body":[]}"#,
    )
    .unwrap();
    assert_eq!(callback.request_id.as_deref(), Some("ses_1.2"));
    assert_eq!(callback.client_session_id, None);
    assert_eq!(callback.user_id.as_deref(), Some("u-42"));
    assert_eq!(callback.interaction_id.as_deref(), Some("7"));
    assert!(callback.agent_chat);
    let variables =
        ClientVariablesIn { tenant_id: Some("t-1".to_owned()), ..ClientVariablesIn::default() };
    assert_eq!(callback.client_variables, Some(variables));
}

#[test]
fn what_is_no_event_is_refused_with_its_own_code() {
    let deep = format!(r#"{{"body":{}{}}}"#, "[".repeat(NESTING_MAX), "]".repeat(NESTING_MAX));
    let many = format!(r#"{{"body":[{}]}}"#, vec!["{}"; BODY_ITEMS_MAX + 1].join(","));
    for (body, code) in [
        ("", "not_json"),
        ("{", "not_json"),
        ("hello", "not_json"),
        (r#"{"body":[}"#, "not_json"),
        (r#"{"body":[]} trailing"#, "not_json"),
        ("[]", "not_an_object"),
        (r#""text""#, "not_an_object"),
        ("7", "not_an_object"),
        ("{}", "no_event"),
        (r#"{"clientSessionId":"s-1","userId":"u","message":{"text":"x"}}"#, "no_event"),
        (r#"{"body":null,"status":null}"#, "no_event"),
        (r#"{"body":[],"clientSessionId":5}"#, "bad_field"),
        (r#"{"body":[],"requestId":true}"#, "bad_field"),
        (r#"{"body":[],"userId":["u"]}"#, "bad_field"),
        (r#"{"body":[],"clientVariables":"t-1"}"#, "bad_field"),
        (r#"{"body":[],"clientVariables":{"tenantId":1}}"#, "bad_field"),
        (deep.as_str(), "too_deep"),
        (many.as_str(), "too_many_items"),
    ] {
        assert_eq!(read(body.as_bytes()).map_err(|error| error.code()), Err(code), "{body}");
    }
    assert_eq!(read(b"{\"body\":[\"\xff\"]}"), Err(ReadError::NotJson));
}

#[test]
fn wrong_types_where_nobody_looks_do_no_harm() {
    check(
        r#"{"score":"0.92","takeControl":0,"agentChat":"false","completed":[],"interactionId":{},"streamActive":7,
            "message":"echo","nowBotId":1,"body":[{"uiType":"OutputText","value":"x","messageId":5,"group":[],"options":7}]}"#,
        &["item x"],
    );
}

#[test]
fn a_byte_order_mark_and_space_around_are_tolerated() {
    check("\u{feff} \r\n{\"completed\":true}\n", &["completed"]);
}

#[test]
fn half_a_surrogate_pair_does_not_cost_the_message() {
    check(r#"{"body":[{"uiType":"OutputText","value":"cut \ud83d"}]}"#, &["item cut \u{fffd}"]);
    check(
        r#"{"body":[{"uiType":"OutputText","value":"\uDE00 whole \ud83d\ude00"}]}"#,
        &["item \u{fffd} whole 😀"],
    );
    check(
        r#"{"body":[{"uiType":"OutputText","value":"path C:\\ud83d"}]}"#,
        &[r"item path C:\ud83d"],
    );
}

#[test]
fn of_a_doubled_key_the_last_one_counts() {
    check(r#"{"completed":false,"completed":true}"#, &["completed"]);
    check(r#"{"body":[{"uiType":"OutputText","value":"a","value":"b"}]}"#, &["item b"]);
    check(
        r#"{"completed":true,"completed":true,"body":[{"uiType":"OutputText","value":"a","value":"b"}]}"#,
        &["item b", "completed"],
    );
}

#[test]
fn depth_is_counted_outside_of_strings_only() {
    let brackets = "[".repeat(2 * NESTING_MAX);
    check(
        &format!(r#"{{"body":[{{"uiType":"OutputText","value":"\"{brackets}"}}]}}"#),
        &[&format!(r#"item "{brackets}"#)],
    );
}

#[test]
fn the_echo_of_our_message_is_not_kept() {
    let callback = read(
        br#"{"completed":true,"message":{"text":"x","attachment":{"headers":{"Authorization":"Bearer k3y"}}},
            "body":[{"uiType":"OutputText","value":"words of a person"}]}"#,
    )
    .unwrap();
    let shown = format!("{callback:?}");
    assert!(!shown.contains("k3y"), "{shown}");
    assert!(!shown.contains("words of a person"), "{shown}");
}

#[test]
fn a_long_text_is_cut_on_a_character_and_says_so() {
    let long = "ä".repeat(TEXT_BYTES_MAX);
    let item = item(&format!(r#"{{"uiType":"OutputText","value":"{long}"}}"#));
    assert!(item.text.len() <= TEXT_BYTES_MAX && item.text.len() > TEXT_BYTES_MAX - 8);
    assert!(item.text.ends_with("ä…"));
    assert!(item.raw.get().len() > 2 * TEXT_BYTES_MAX);
}

#[test]
fn whatever_an_agent_says_in_a_whole_mebibyte_of_callback_is_not_cut() {
    let (start, end) = (r#"{"agentChat":true,"body":[{"uiType":"OutputText","value":""#, "\"}]}");
    let words = "w".repeat(1024 * 1024 - start.len() - end.len());
    let callback = read(format!("{start}{words}{end}").as_bytes()).unwrap();
    let text = callback.signals.iter().find_map(|signal| match signal {
        Signal::Item(item) => Some(&item.text),
        _ => None,
    });
    assert!(text == Some(&words), "cut to {:?} bytes", text.map(String::len));
}

#[test]
fn the_names_of_unknown_things_are_short_and_clean() {
    let long = "x".repeat(500);
    let told = all_told(&format!(r#"{{"status":"a\nb{long}"}}"#));
    assert_eq!(told, [format!("unknown status ab{}", "x".repeat(62))]);
}

#[test]
fn no_cut_or_wrong_byte_makes_reading_panic() {
    let whole = format!(
        r#"{{"agentChat":true,"clientVariables":{{"tenantId":"ü"}},"body":[{}]}}"#,
        CONTROLS.iter().map(|(json, ..)| *json).collect::<Vec<_>>().join(",")
    );
    assert!(read(whole.as_bytes()).is_ok());
    for at in 0..whole.len() {
        // Only the whole is JSON, so no part may pass.
        assert_eq!(read(&whole.as_bytes()[..at]), Err(ReadError::NotJson));
        for wrong in *b"\\\"{[<&7\xff" {
            let mut changed = whole.clone().into_bytes();
            changed[at] = wrong;
            if let Err(error) = read(&changed) {
                assert!(!error.code().is_empty());
            }
        }
    }
}

#[test]
fn a_question_says_what_kind_of_answer_it_expects() {
    let asked = |kind, required| Some((kind, required));
    for (fields, expected) in [
        (r#""uiType":"OutputText","value":"x""#, None),
        (r#""uiType":"Picker","options":[{"label":"A","value":"a"}]"#, asked(Asks::Choice, true)),
        (r#""uiType":"Picker","multiSelect":true,"required":true"#, asked(Asks::Choices, true)),
        (r#""uiType":"TopicPickerControl","promptMsg":"x""#, asked(Asks::Choice, true)),
        (r#""uiType":"Boolean","label":"x","required":false"#, asked(Asks::YesNo, false)),
        (r#""uiType":"Date","label":"x","required":"false""#, asked(Asks::Date, false)),
        (r#""uiType":"Time","label":"x","required":null"#, asked(Asks::Time, true)),
        (r#""uiType":"DateTime","label":"x""#, asked(Asks::DateTime, true)),
        (r#""uiType":"InputText","label":"x""#, asked(Asks::Text { secret: false }, true)),
        (
            r#""uiType":"InputText","label":"x","maskType":"NONE""#,
            asked(Asks::Text { secret: false }, true),
        ),
        (
            r#""uiType":"InputText","label":"x","maskType":"secure""#,
            asked(Asks::Text { secret: true }, true),
        ),
        (
            r#""uiType":"InputText","label":"x","maskType":"SENSITIVE""#,
            asked(Asks::Text { secret: true }, true),
        ),
        (
            r#""uiType":"FileUpload","label":"x","maxCount":5,"maxSize":"20""#,
            asked(Asks::Files { max_count: Some(5), max_bytes: Some(20 * 1024 * 1024) }, true),
        ),
        (
            r#""uiType":"Picture","label":"x","maxCount":0,"maxSize":-1"#,
            asked(Asks::Files { max_count: None, max_bytes: None }, true),
        ),
        (
            r#""uiType":"OutputTable","data":[["1"]],"navigationBtnLabel":"More""#,
            asked(Asks::More, true),
        ),
        (r#""uiType":"OutputTable","data":[["1"]]"#, None),
        (
            r#""uiType":"MultiPartOutput","content":{"uiType":"OutputText","value":"1"},"navigationBtnLabel":"More""#,
            asked(Asks::More, true),
        ),
        (r#""uiType":"Newest","value":"x","options":[{"label":"A"}]"#, asked(Asks::Choice, true)),
    ] {
        let question = item(&format!("{{{fields}}}")).question;
        assert_eq!(question.map(|asked| (asked.kind, asked.required)), expected, "{fields}");
    }
}
