use crate::client::tests::bot::{Bot, Says, says};
use crate::client::tests::tokens::pass;
use crate::login::Secret;

use super::*;

mod files;
mod refusals;
mod tokens;

/// Longer than anything here takes.
const AMPLE: Duration = Duration::from_secs(20);

const CONVERSATION: &str = "19:abc@thread.tacv2;messageid=17";

const PATH: &str = "/amer/v3/conversations/19%3Aabc%40thread.tacv2%3Bmessageid%3D17";

const HELLO: &str = r#"{"type":"message","text":"my pay is wrong","value":1.0}"#;

fn config(channel: &Bot) -> ConnectorConfig {
    config_with(channel, "s3cret".into())
}

fn config_with(channel: &Bot, secret: Secret) -> ConnectorConfig {
    let registration = Registration {
        app_id: "gateway".to_owned(),
        secret,
        login: format!("{}/tenant", channel.origin()).parse().unwrap(),
    };
    let other_teams = Some(format!("{}/gcc", channel.origin()).parse().unwrap());
    let cloud = Cloud { other_teams, ..Cloud::public() };
    let hosts = vec!["127.0.0.1".to_owned()];
    ConnectorConfig { registration, cloud, hosts, private_hosts: PrivateHosts::default() }
}

fn connector(channel: &Bot) -> Connector {
    Connector::new(config(channel)).unwrap()
}

fn url(connector: &Connector, channel: &Bot) -> ServiceUrl {
    connector.may_call(&format!("{}/amer/", channel.origin())).unwrap()
}

async fn send(connector: &Connector, channel: &Bot) -> Result<Placed, ConnectorError> {
    let to = url(connector, channel);
    connector.send(&to, CONVERSATION, HELLO.to_owned(), AMPLE).await
}

fn placed(id: &str) -> Placed {
    Placed { id: Some(id.to_owned()) }
}

#[tokio::test]
async fn an_activity_is_sent_answered_changed_and_withdrawn() {
    let channel = Bot::start().await;
    channel.answers(says(201, "application/json", r#"{"id":"1:x"}"#));
    let connector = connector(&channel);
    let to = url(&connector, &channel);
    let hello = || HELLO.to_owned();
    assert_eq!(send(&connector, &channel).await, Ok(placed("1:x")));
    let replied = connector.reply(&to, CONVERSATION, "1:a/b", hello(), AMPLE).await;
    assert_eq!(replied, Ok(placed("1:x")));
    let updated = connector.update(&to, CONVERSATION, "1:x", hello(), AMPLE).await;
    assert_eq!(updated, Ok(placed("1:x")));
    assert_eq!(connector.delete(&to, CONVERSATION, "1:x", AMPLE).await, Ok(()));
    let calls = channel.posts();
    let seen: Vec<_> = calls
        .iter()
        .map(|call| (call.method.as_str(), call.path.as_str(), call.body.as_slice()))
        .collect();
    let hello = HELLO.as_bytes();
    let (all, one) = (format!("{PATH}/activities"), format!("{PATH}/activities/1%3Ax"));
    let to_one = format!("{PATH}/activities/1%3Aa%2Fb");
    assert_eq!(
        seen,
        [
            ("POST", all.as_str(), hello),
            ("POST", &to_one, hello),
            ("PUT", &one, hello),
            ("DELETE", &one, b"".as_slice()),
        ]
    );
    for (at, call) in calls.iter().enumerate() {
        let content_type = if at == 3 { "" } else { "application/json" };
        for (name, expected) in [
            ("authorization", "Bearer token-1"),
            ("content-type", content_type),
            ("user-agent", AGENT_NAME),
        ] {
            assert_eq!(call.header(name), expected, "{name} of {at}");
        }
    }
    assert_eq!(channel.logins().len(), 1);
}

#[tokio::test]
async fn an_address_may_end_with_a_slash_or_not_and_have_a_path_or_none() {
    let channel = Bot::start().await;
    let connector = connector(&channel);
    for (below, expected) in [
        ("", "/v3/conversations/c/activities"),
        ("/", "/v3/conversations/c/activities"),
        ("/amer", "/amer/v3/conversations/c/activities"),
        ("/amer/t-1/", "/amer/t-1/v3/conversations/c/activities"),
    ] {
        let to = connector.may_call(&format!("{}{below}", channel.origin())).unwrap();
        connector.send(&to, "c", HELLO.to_owned(), AMPLE).await.unwrap();
        assert_eq!(channel.posts().last().unwrap().path, expected);
    }
}

#[tokio::test]
async fn a_success_is_one_whatever_its_body_is() {
    let channel = Bot::start().await;
    let connector = connector(&channel);
    for (answer, id) in [
        (says(200, "application/json", r#"{"id":"1"}"#), Some("1")),
        (says(202, "application/json", r#"{"id":7}"#), Some("7")),
        (says(200, "application/json", r#"{"id":""}"#), None),
        (says(200, "application/json", r#"{"id":null}"#), None),
        (says(201, "application/json", "{}"), None),
        (says(204, "", ""), None),
        (says(200, "text/plain", "OK"), None),
        (says(200, "application/json", &format!(r#"{{"id":"{}"}}"#, "x".repeat(3_000))), None),
        (says(200, "application/json", &"x".repeat(5 * 1024 * 1024)), None),
    ] {
        channel.answers(answer);
        let id = id.map(str::to_owned);
        assert_eq!(send(&connector, &channel).await, Ok(Placed { id }));
    }
}

#[tokio::test]
async fn a_conversation_is_begun() {
    let channel = Bot::start().await;
    let connector = connector(&channel);
    let to = url(&connector, &channel);
    let body =
        r#"{"id":"a:1","activityId":"17","serviceUrl":"https://smba.trafficmanager.net/emea/"}"#;
    channel.answers(says(201, "application/json", body));
    let created = connector.create(&to, r#"{"isGroup":false}"#.to_owned(), AMPLE).await.unwrap();
    let expected = Created {
        id: "a:1".to_owned(),
        activity_id: Some("17".to_owned()),
        service_url: Some("https://smba.trafficmanager.net/emea/".to_owned()),
    };
    assert_eq!(created, expected);
    assert_eq!(channel.posts()[0].path, "/amer/v3/conversations");
    channel.answers(says(201, "application/json", "{}"));
    let error = connector.create(&to, "{}".to_owned(), AMPLE).await.unwrap_err();
    assert_eq!(error.code(), "bad_answer");
}

#[tokio::test]
async fn a_member_has_a_name_and_an_address() {
    let channel = Bot::start().await;
    let connector = connector(&channel);
    let to = url(&connector, &channel);
    let body = r#"{"id":"29:x","objectId":"o","name":"Jo Doe","givenName":"Jo","surname":"Doe",
        "email":"jo@example.org","userPrincipalName":"jo@corp.example.org","tenantId":"t"}"#;
    channel.answers(says(200, "application/json", body));
    let member = connector.member(&to, CONVERSATION, "29:x", AMPLE).await.unwrap();
    let text = |text: &str| Some(text.to_owned());
    let expected = Member {
        id: "29:x".to_owned(),
        name: text("Jo Doe"),
        aad_object_id: text("o"),
        email: text("jo@example.org"),
        user_principal_name: text("jo@corp.example.org"),
        tenant_id: text("t"),
    };
    assert_eq!(member, expected);
    let shown = format!("{member:?}");
    assert!(!shown.contains("Jo") && !shown.contains('@'), "{shown}");
    let call = &channel.posts()[0];
    assert_eq!(
        (call.method.as_str(), call.path.as_str()),
        ("GET", format!("{PATH}/members/29%3Ax").as_str())
    );

    channel.answers(says(
        200,
        "application/json",
        r#"{"id":"29:y","aadObjectId":"a","name":" ","email":null}"#,
    ));
    let member = connector.member(&to, CONVERSATION, "29:y", AMPLE).await.unwrap();
    assert_eq!((member.aad_object_id, member.name, member.email), (text("a"), None, None));
    for answer in [says(200, "application/json", "[]"), says(200, "text/plain", "no")] {
        channel.answers(answer);
        let error = connector.member(&to, CONVERSATION, "29:y", AMPLE).await.unwrap_err();
        assert_eq!(error.code(), "bad_answer");
    }
}

#[tokio::test]
async fn reads_for_a_bot_are_handed_back_as_they_are() {
    let channel = Bot::start().await;
    let connector = connector(&channel);
    let to = url(&connector, &channel);
    let paged = RelayedPath::PagedMembers {
        conversation: CONVERSATION,
        page_size: Some(2),
        continuation_token: Some("a=b"),
    };
    for status in [200, 400, 403, 404, 405] {
        channel.answers(says(status, "application/json; charset=utf-8", r#"{"members":[1.0]}"#));
        let relayed = connector.get(&to, paged, AMPLE).await.unwrap();
        let expected = Relayed {
            status,
            content_type: Some("application/json; charset=utf-8".to_owned()),
            body: Bytes::from_static(br#"{"members":[1.0]}"#),
        };
        assert!(relayed == expected, "{relayed:?}");
    }
    let call = &channel.posts()[0];
    assert_eq!(call.path, format!("{PATH}/pagedmembers"));
    assert_eq!(call.query, "?pageSize=2&continuationToken=a%3Db");
    // What is between us and the channel is not the bot's: it is ours to repeat.
    for (status, code) in [(429, "throttled"), (503, "channel_failed"), (408, "channel_timeout")] {
        channel.answers(says(status, "application/json", "{}"));
        let error = connector.get(&to, paged, AMPLE).await.unwrap_err();
        assert!(matches!(error, ConnectorError::NotTaken { .. }), "{error:?}");
        assert_eq!(error.code(), code);
    }
    channel.answers(says(200, "application/json", &"x".repeat(2 * 1024 * 1024)));
    assert_eq!(connector.get(&to, paged, AMPLE).await.unwrap_err().code(), "answer_too_large");
}

#[tokio::test]
async fn an_id_that_no_path_can_carry_is_sent_nowhere() {
    let channel = Bot::start().await;
    let connector = connector(&channel);
    let to = url(&connector, &channel);
    for id in ["", ".", ".."] {
        let sent = connector.send(&to, id, HELLO.to_owned(), AMPLE).await;
        assert_eq!(sent.unwrap_err().code(), "bad_id");
        let withdrawn = connector.delete(&to, "c", id, AMPLE).await;
        assert_eq!(withdrawn.unwrap_err().code(), "bad_id");
    }
    assert!(channel.posts().is_empty() && channel.logins().is_empty());
}

#[test]
fn a_configuration_is_whole() {
    let registration = Registration {
        app_id: "gateway".to_owned(),
        secret: "s".into(),
        login: "https://login.microsoftonline.com/tenant".parse().unwrap(),
    };
    let whole = ConnectorConfig {
        registration,
        cloud: Cloud::public(),
        hosts: Vec::new(),
        private_hosts: PrivateHosts::default(),
    };
    let code = |config: &ConnectorConfig| config.check().map_or_else(|error| error.code(), |()| "");
    assert_eq!(code(&whole), "");
    let change = |change: fn(&mut ConnectorConfig)| {
        let mut config = whole.clone();
        change(&mut config);
        config
    };
    for (config, expected) in [
        (change(|config| config.registration.app_id.clear()), "empty"),
        (change(|config| config.registration.secret = " ".into()), "empty"),
        (
            change(|config| {
                config.registration.login = "http://login.example.org/t".parse().unwrap();
            }),
            "not_a_login",
        ),
        (change(|config| config.cloud.scope.clear()), "no_scope"),
        (change(|config| config.hosts.push("https://example.org".to_owned())), "not_a_host"),
        (change(|config| config.cloud.hosts.push("*.example.org".to_owned())), "not_a_host"),
    ] {
        assert_eq!(code(&config), expected, "{config:?}");
        let connector = Connector::new(whole.clone()).unwrap();
        assert!(connector.is_as(&whole) && !connector.is_as(&config));
    }
}

#[tokio::test]
async fn nothing_that_is_shown_of_a_connector_is_secret() {
    let channel = Bot::start().await;
    let connector = connector(&channel);
    send(&connector, &channel).await.unwrap();
    let shown = format!("{connector:?}");
    assert!(!shown.contains("s3cret") && !shown.contains("token-1"), "{shown}");
}
