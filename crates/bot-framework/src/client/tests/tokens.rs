use tokio::task::JoinSet;
use tokio::time::{advance, pause, resume};

use super::*;

/// Lets virtual time pass between two posts, not during one: a clock that moves by itself would run
/// into time-outs while the sockets are at work.
pub(crate) async fn pass(time: Duration) {
    pause();
    advance(time).await;
    resume();
}

pub(crate) fn entra(error: &str, code: u64, status: u16) -> Says {
    let body = serde_json::json!({
        "error": error,
        "error_description": format!("AADSTS{code}: Something about s3cret and app 'gateway'."),
        "error_codes": [code],
        "trace_id": "7f1b",
    });
    says(status, "application/json", &body.to_string())
}

/// The code and the pause of what may be repeated.
fn retry_of(answer: Result<Answer, PostError>) -> (&'static str, Option<Duration>, String) {
    match answer {
        Err(PostError::Retry { code, not_before, sentence }) => (code, not_before, sentence),
        other => panic!("should be repeated: {other:?}"),
    }
}

#[tokio::test]
async fn a_token_is_asked_for_as_entra_wants_it() {
    let bot = Bot::start().await;
    hello(&bot.client()).await.unwrap();
    let login = &bot.logins()[0];
    assert_eq!(login.header("content-type"), "application/x-www-form-urlencoded");
    let form: Vec<(String, String)> = form_urlencoded::parse(&login.body).into_owned().collect();
    let expected = [
        ("grant_type", "client_credentials"),
        ("client_id", "gateway"),
        ("client_secret", "s3cret &=+ä"),
        ("scope", "bot-app/.default"),
    ];
    assert_eq!(form, expected.map(|(name, value)| (name.to_owned(), value.to_owned())));
}

#[tokio::test]
async fn two_hundred_posts_at_once_ask_for_one_token() {
    let bot = Bot::start().await;
    let client = bot.client();
    let release = bot.holds_logins();
    let mut posts = JoinSet::new();
    for _ in 0..200 {
        let client = client.clone();
        posts.spawn(async move { hello(&client).await.is_ok() });
    }
    bot.logins_reach(1).await;
    release.send(true).unwrap();
    assert!(posts.join_all().await.iter().all(|posted| *posted));
    assert_eq!((bot.logins().len(), bot.posts().len()), (1, 200));
}

#[tokio::test]
async fn a_token_is_renewed_ahead_of_its_end_and_a_short_life_is_believed() {
    for (lifetime_s, good_for_s, due_after_s) in [(3599, 3560, 3570), (10, 8, 9)] {
        let bot = Bot::start().await;
        bot.grants_for(lifetime_s);
        let client = bot.client();
        hello(&client).await.unwrap();
        pass(Duration::from_secs(good_for_s)).await;
        hello(&client).await.unwrap();
        assert_eq!(bot.logins().len(), 1, "{lifetime_s}");
        pass(Duration::from_secs(due_after_s - good_for_s)).await;
        hello(&client).await.unwrap();
        assert_eq!(bot.logins().len(), 2, "{lifetime_s}");
        assert_eq!(bot.posts().last().unwrap().header("authorization"), "Bearer token-2");
    }
}

#[tokio::test]
async fn a_token_that_cannot_be_renewed_is_used_to_its_end() {
    let bot = Bot::start().await;
    let client = bot.client();
    hello(&client).await.unwrap();
    pass(Duration::from_secs(3570)).await;
    bot.login_answers(says(503, "text/html", ""));
    assert_eq!(hello(&client).await, Ok(Answer::Accepted));
    pass(Duration::from_secs(29)).await;
    assert_eq!(retry_of(hello(&client).await).0, "login_busy");
    assert_eq!(bot.posts().len(), 2, "nothing goes out without a token");
}

#[tokio::test]
async fn a_refused_token_is_replaced_and_the_post_repeated_once() {
    let bot = Bot::start().await;
    let client = bot.client();
    hello(&client).await.unwrap();
    pass(Duration::from_secs(61)).await;
    bot.revokes();
    assert_eq!(hello(&client).await, Ok(Answer::Accepted));
    let posts = bot.posts();
    assert_eq!((posts.len(), bot.logins().len()), (3, 2));
    assert_eq!(posts[1].body, posts[2].body);
    assert_eq!(posts[2].header("authorization"), "Bearer token-2");
}

#[tokio::test]
async fn a_bot_that_refuses_everything_costs_one_token_a_minute() {
    let bot = Bot::start().await;
    let client = bot.client();
    for (status, code) in [(401, "unauthorized"), (403, "forbidden")] {
        bot.answers(says(status, "application/json", "{}"));
        for _ in 0..5 {
            let error = hello(&client).await.unwrap_err();
            assert!(matches!(error, PostError::Refused { .. }), "{error:?}");
            assert_eq!(error.code(), code);
            assert!(error.to_string().contains("MicrosoftAppId"), "{error}");
        }
    }
    assert_eq!(bot.logins().len(), 1);
    pass(Duration::from_secs(61)).await;
    for _ in 0..5 {
        assert_eq!(hello(&client).await.unwrap_err().code(), "forbidden");
    }
    assert_eq!(bot.logins().len(), 2);
}

#[tokio::test]
async fn a_login_that_refuses_us_says_which_setting_is_wrong_and_nothing_secret() {
    for (error, fault, status, expected) in [
        ("invalid_client", 7_000_215, 401, "MicrosoftAppPassword is wrong"),
        ("invalid_client", 7_000_222, 401, "MicrosoftAppPassword has expired"),
        (
            "unauthorized_client",
            700_016,
            400,
            "MicrosoftAppId is not known in MicrosoftAppTenantId",
        ),
        ("unauthorized_client", 7_000_112, 400, "MicrosoftAppId is disabled"),
        ("invalid_client", 7_000_229, 401, "no service principal"),
        ("invalid_request", 90_002, 400, "there is no tenant MicrosoftAppTenantId"),
        ("invalid_resource", 500_011, 400, "BOT_APP_ID is not known"),
        ("invalid_scope", 1_002_012, 400, "BOT_APP_ID is not an app id"),
        ("invalid_client", 4_711, 401, "check MicrosoftAppId and MicrosoftAppPassword"),
        ("unauthorized_client", 4_711, 400, "check MicrosoftAppId and MicrosoftAppTenantId"),
        ("access_denied", 53_003, 403, "check MicrosoftAppId, MicrosoftAppPassword"),
    ] {
        let bot = Bot::start().await;
        bot.login_answers(entra(error, fault, status));
        let (code, not_before, sentence) = retry_of(hello(&bot.client()).await);
        assert_eq!((code, not_before), ("login_refused", Some(Duration::from_secs(2))));
        let shown = format!("AADSTS{fault}");
        assert!(sentence.contains(expected) && sentence.contains(&shown), "{sentence}");
        assert!(!sentence.contains("s3cret") && !sentence.contains("Something"), "{sentence}");
        assert!(bot.posts().is_empty());
    }
}

#[tokio::test]
async fn the_faults_number_is_found_in_the_description_too() {
    let bot = Bot::start().await;
    let body = r#"{"error":"invalid_client","error_description":"AADSTS7000215: Invalid secret."}"#;
    bot.login_answers(says(401, "application/json", body));
    assert!(retry_of(hello(&bot.client()).await).2.contains("(AADSTS7000215)"));
    for description in ["AADSTS", "AADSTSx", "", "AADSTS99999999999999999999999999"] {
        let bot = Bot::start().await;
        let body = serde_json::json!({"error": "invalid_client", "error_description": description});
        bot.login_answers(says(401, "application/json", &body.to_string()));
        assert_eq!(retry_of(hello(&bot.client()).await).0, "login_refused", "{description}");
    }
}

#[tokio::test]
async fn a_login_that_refuses_us_is_left_alone_for_a_growing_while() {
    let bot = Bot::start().await;
    let client = bot.client();
    bot.login_answers(entra("invalid_client", 7_000_215, 401));
    for (asked, pause_s) in [(1, 2), (2, 4), (3, 8), (4, 16)] {
        for _ in 0..10 {
            let (code, not_before, sentence) = retry_of(hello(&client).await);
            assert_eq!(code, "login_refused");
            assert!(sentence.contains("AADSTS7000215"), "also while it is not asked: {sentence}");
            let pause = not_before.unwrap();
            assert!(pause <= Duration::from_secs(pause_s) && !pause.is_zero(), "{pause:?}");
        }
        assert_eq!(bot.logins().len(), asked);
        pass(Duration::from_secs(pause_s)).await;
    }
    bot.login_is_well();
    assert_eq!(hello(&client).await, Ok(Answer::Accepted));
}

#[tokio::test]
async fn a_login_in_trouble_is_no_fault_of_the_settings() {
    let throttled = {
        let mut answer = says(429, "application/json", "{}");
        answer.headers.push(("retry-after", "30".to_owned()));
        answer
    };
    for (answer, expected, not_before) in [
        (says(500, "text/html", "<html>"), "login_busy", None),
        (says(503, "application/json", "{}"), "login_busy", None),
        (throttled, "login_busy", Some(Duration::from_secs(30))),
        (entra("temporarily_unavailable", 90_033, 400), "login_busy", None),
        (says(200, "text/html", "<html>"), "login_odd", None),
        (says(200, "application/json", "{}"), "login_odd", None),
        (says(200, "application/json", r#"{"access_token":""}"#), "login_odd", None),
        (says(200, "application/json", "{\"access_token\":\"a\\nb\"}"), "login_odd", None),
        (
            says(200, "application/json", r#"{"access_token":"t","token_type":"pop"}"#),
            "login_odd",
            None,
        ),
    ] {
        let bot = Bot::start().await;
        let client = bot.client();
        bot.login_answers(answer.clone());
        for _ in 0..2 {
            let (code, pause, _) = retry_of(hello(&client).await);
            assert_eq!((code, pause), (expected, not_before), "{} {}", answer.status, answer.body);
        }
        bot.login_is_well();
        assert_eq!(hello(&client).await, Ok(Answer::Accepted), "and is asked again at once");
    }
}

#[tokio::test]
async fn an_address_without_a_login_is_a_wrong_tenant() {
    let mut elsewhere = says(302, "text/html", "");
    elsewhere.headers.push(("location", "/login".to_owned()));
    for answer in [says(404, "text/html", "<html>"), says(400, "text/plain", ""), elsewhere] {
        let bot = Bot::start().await;
        bot.login_answers(answer);
        let (code, _, sentence) = retry_of(hello(&bot.client()).await);
        assert_eq!(code, "login_refused");
        assert!(sentence.contains("MicrosoftAppTenantId"), "{sentence}");
        assert_eq!(bot.logins().len(), 1);
    }
}

#[tokio::test]
async fn a_silent_login_leaves_the_post_untaken() {
    let bot = Bot::start().await;
    let client = bot.client();
    let _held = bot.holds_logins();
    let passes = async {
        bot.logins_reach(1).await;
        pause();
        advance(AMPLE).await;
        resume();
    };
    let (answer, ()) = tokio::join!(hello(&client), passes);
    assert_eq!(retry_of(answer).0, "login_timeout");
    assert!(bot.posts().is_empty());
}

#[tokio::test]
async fn a_lifetime_may_be_text_and_a_type_any_case() {
    let bot = Bot::start().await;
    let body = r#"{"token_type":"bearer","expires_in":"10","access_token":"token-7"}"#;
    bot.login_answers(says(200, "application/json", body));
    let client = bot.client();
    hello(&client).await.unwrap();
    pass(Duration::from_secs(9)).await;
    hello(&client).await.unwrap();
    assert_eq!(bot.logins().len(), 2);
}
