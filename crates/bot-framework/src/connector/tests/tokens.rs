use tokio::task::JoinSet;

use crate::client::tests::tokens::entra;
use crate::login::Certificate;
use crate::login::certificate::tests::pems;

use super::*;

fn form(channel: &Bot) -> Vec<(String, String)> {
    form_urlencoded::parse(&channel.logins()[0].body).into_owned().collect()
}

#[tokio::test]
async fn a_token_for_the_channels_is_asked_for_with_their_scope() {
    let channel = Bot::start().await;
    send(&connector(&channel), &channel).await.unwrap();
    let expected = [
        ("grant_type", "client_credentials"),
        ("client_id", "gateway"),
        ("client_secret", "s3cret"),
        ("scope", "https://api.botframework.com/.default"),
    ];
    assert_eq!(form(&channel), expected.map(|(name, value)| (name.to_owned(), value.to_owned())));
}

#[tokio::test]
async fn a_certificate_signs_in_place_of_a_secret() {
    let channel = Bot::start().await;
    let (pem, key) = pems();
    let certificate = Certificate::from_pem(&pem, &key.into()).unwrap();
    let config = config_with(&channel, certificate.into());
    let connector = Connector::new(config.clone()).unwrap();
    send(&connector, &channel).await.unwrap();
    let form = form(&channel);
    let names: Vec<_> = form.iter().map(|(name, _)| name.as_str()).collect();
    let expected =
        ["grant_type", "client_id", "client_assertion_type", "client_assertion", "scope"];
    assert_eq!(names, expected);
    assert_eq!(form[2].1, "urn:ietf:params:oauth:client-assertion-type:jwt-bearer");
    assert_eq!(form[3].1.split('.').count(), 3);
    assert!(connector.is_as(&config));
    let (pem, key) = pems();
    let renewed = Certificate::from_pem(&pem, &key.into()).unwrap();
    assert!(!connector.is_as(&config_with(&channel, renewed.into())), "it has to be told");
    assert!(!connector.is_as(&super::config(&channel)));
}

#[tokio::test]
async fn a_login_that_refuses_us_says_what_to_do_and_is_not_stormed() {
    let (pem, key) = pems();
    let certificate = || Secret::from(Certificate::from_pem(&pem, &key.clone().into()).unwrap());
    let password = || Secret::from("s3cret");
    for (secret, error, fault, expected) in [
        (password(), "invalid_client", 7_000_215, "MicrosoftAppPassword is wrong"),
        (password(), "invalid_client", 4_711, "check MicrosoftAppId and MicrosoftAppPassword"),
        (password(), "invalid_scope", 1_002_012, "check the cloud"),
        (password(), "invalid_resource", 500_011, "check the cloud"),
        (password(), "access_denied", 53_003, "MicrosoftAppPassword and MicrosoftAppTenantId"),
        (certificate(), "invalid_client", 700_027, "upload it to the registration"),
        (certificate(), "invalid_client", 700_024, "set this machine's clock"),
        (certificate(), "invalid_client", 4_711, "the certificate, which must be uploaded"),
        (certificate(), "access_denied", 53_003, "its certificate and MicrosoftAppTenantId"),
    ] {
        let channel = Bot::start().await;
        channel.login_answers(entra(error, fault, 401));
        let connector = Connector::new(config_with(&channel, secret)).unwrap();
        for _ in 0..20 {
            let refused = send(&connector, &channel).await.unwrap_err();
            let ConnectorError::NotTaken { code, not_before, sentence } = &refused else {
                panic!("{refused:?}")
            };
            assert_eq!(*code, "login_refused");
            assert!(not_before.is_some_and(|pause| pause <= Duration::from_secs(2)));
            assert!(sentence.contains(expected), "{sentence}");
            assert!(!sentence.contains("s3cret") && !sentence.contains("BOT_APP_ID"), "{sentence}");
        }
        assert_eq!(channel.logins().len(), 1, "twenty messages, one question");
        assert!(channel.posts().is_empty());
        channel.login_is_well();
        pass(Duration::from_secs(2)).await;
        assert!(send(&connector, &channel).await.is_ok());
    }
}

#[tokio::test]
async fn two_hundred_messages_at_once_ask_for_one_token() {
    let channel = std::sync::Arc::new(Bot::start().await);
    let connector = connector(&channel);
    let release = channel.holds_logins();
    let mut sends = JoinSet::new();
    for _ in 0..200 {
        let (connector, channel) = (connector.clone(), std::sync::Arc::clone(&channel));
        sends.spawn(async move { send(&connector, &channel).await.is_ok() });
    }
    channel.logins_reach(1).await;
    release.send(true).unwrap();
    assert!(sends.join_all().await.iter().all(|sent| *sent));
    assert_eq!((channel.logins().len(), channel.posts().len()), (1, 200));
}

#[tokio::test]
async fn a_refused_token_is_replaced_and_the_message_sent_again_once() {
    let channel = Bot::start().await;
    let connector = connector(&channel);
    send(&connector, &channel).await.unwrap();
    channel.revokes();
    assert!(send(&connector, &channel).await.is_ok());
    let posts = channel.posts();
    assert_eq!((posts.len(), channel.logins().len()), (3, 2));
    assert_eq!(posts[1].body, posts[2].body);
    assert_eq!(posts[2].header("authorization"), "Bearer token-2");
}

#[tokio::test]
async fn a_channel_that_refuses_every_token_costs_one_a_minute() {
    let channel = Bot::start().await;
    let connector = connector(&channel);
    channel.answers(says(
        401,
        "application/json",
        r#"{"message":"Authorization has been denied for this request."}"#,
    ));
    for minute in 0..3 {
        for message in 0..5 {
            let error = send(&connector, &channel).await.unwrap_err();
            assert_eq!(error.code(), "unauthorized");
            assert!(error.to_string().contains("MicrosoftAppId"), "{error}");
            if message == 0 {
                assert!(matches!(error, ConnectorError::Refused { status: 401, .. }), "{error:?}");
            } else {
                let ConnectorError::NotTaken { not_before: Some(pause), .. } = error else {
                    panic!("no new token was tried: {error:?}")
                };
                assert!(pause > Duration::from_secs(50) && pause <= Duration::from_mins(1));
            }
        }
        assert_eq!(channel.logins().len(), 2 + minute);
        pass(Duration::from_secs(61)).await;
    }
    channel.answers(says(201, "application/json", r#"{"id":"1"}"#));
    assert_eq!(send(&connector, &channel).await, Ok(placed("1")));
}

#[tokio::test]
async fn a_host_that_refuses_every_token_keeps_no_other_from_a_new_one() {
    let (one, channel) = (Bot::start().await, Bot::start().await);
    let connector = connector(&channel);
    one.answers(says(401, "application/json", "{}"));
    let refused = connector.send(&url(&connector, &one), "c", HELLO.to_owned(), AMPLE).await;
    assert_eq!(refused.unwrap_err().code(), "unauthorized");
    channel.answers(says(201, "application/json", r#"{"id":"1"}"#));
    channel.revokes();
    assert_eq!(send(&connector, &channel).await, Ok(placed("1")));
    assert_eq!(channel.logins().len(), 3, "a revoked token is replaced there");
}

#[tokio::test]
async fn a_host_that_took_a_token_again_is_given_a_new_one_when_that_is_revoked() {
    let channel = Bot::start().await;
    let connector = connector(&channel);
    channel.answers(says(401, "application/json", "{}"));
    assert!(send(&connector, &channel).await.is_err());
    channel.answers(says(201, "application/json", r#"{"id":"1"}"#));
    assert_eq!(send(&connector, &channel).await, Ok(placed("1")));
    channel.revokes();
    assert_eq!(send(&connector, &channel).await, Ok(placed("1")), "within the same minute");
    assert_eq!(channel.logins().len(), 3);
}

#[tokio::test]
async fn a_token_is_asked_for_by_whoever_only_looks() {
    let channel = Bot::start().await;
    let connector = connector(&channel);
    assert_eq!(connector.examine_token(AMPLE).await, Ok(()));
    channel.login_answers(entra("invalid_client", 7_000_222, 401));
    let other = Connector::new(config(&channel)).unwrap();
    assert_eq!(other.examine_token(AMPLE).await.unwrap_err().code(), "login_refused");
    assert!(channel.posts().is_empty());
}
