//! The ways in which an instance may prove itself at the webhook: each is tried as it is set, and the
//! setting that does not fit is named.

use super::{Front, Report, check, set};
use crate::{
    house::{House, Setting, WEBHOOK_SECRET},
    process::Environment,
};

const PREVIOUS: &str = "previous-webhook-secret-3c91d0";

/// A house whose gateway has these settings, and whose public URL is its own address.
async fn house_with(more: &[(&str, &str)]) -> House {
    House::start_with(Setting::default(), |environment| {
        let public = format!("http://{}", environment["WARMLINE_LISTEN"]);
        set(environment, "WARMLINE_PUBLIC_URL", public);
        for (name, value) in more {
            set(environment, name, *value);
        }
    })
    .await
}

/// Checks the house's gateway as somebody who has other settings.
async fn check_as(house: &House, other: &[(&str, &str)]) -> Report {
    let mut environment: Environment = house.environment.clone();
    for (name, value) in other {
        set(&mut environment, name, *value);
    }
    check(&environment).await
}

#[tokio::test]
async fn every_way_that_is_set_is_tried_and_taken() {
    let mut house = house_with(&[
        ("WEBHOOK_USERNAME", "now.user"),
        ("WEBHOOK_HEADER", "X-Desk-Secret"),
        ("WEBHOOK_SECRET_PREVIOUS", PREVIOUS),
        ("WEBHOOK_FROM", "127.0.0.0/8"),
    ])
    .await;
    let report = check(&house.environment).await;
    report.is_well();
    for (name, expected) in [
        ("webhook.answers", ("ok", "ours")),
        ("webhook.secret", ("ok", "asked_for")),
        ("webhook.basic", ("ok", "taken")),
        ("webhook.previous", ("ok", "taken")),
        ("webhook.from", ("ok", "from_here")),
    ] {
        assert_eq!(report.of(name), expected, "{name}");
    }
    // The same by a stand-in, which cannot tell where calls come from.
    house.terminate().await;
    let report = check(&house.environment).await;
    assert_eq!(report.of("webhook.answers"), ("ok", "ours"));
    assert_eq!(report.of("webhook.basic"), ("ok", "taken"));
    assert_eq!(report.of("webhook.from"), ("skip", "not_asked"));
}

#[tokio::test]
async fn a_setting_that_the_gateway_does_not_have_is_named() {
    let house = house_with(&[("WEBHOOK_USERNAME", "now.user")]).await;
    for (other, expected, names) in [
        ([("WEBHOOK_USERNAME", "another")].as_slice(), "other_way", "WEBHOOK_USERNAME"),
        (&[("WEBHOOK_HEADER", "x-desk-secret")], "other_way", "WEBHOOK_HEADER"),
        (&[("WEBHOOK_SECRET", "another-secret-than-its")], "other_secret", "WEBHOOK_SECRET"),
        (
            &[
                ("WEBHOOK_SECRET", "a-new-secret-of-today"),
                ("WEBHOOK_SECRET_PREVIOUS", WEBHOOK_SECRET),
            ],
            "secret_of_before",
            "kill -HUP",
        ),
    ] {
        let report = check_as(&house, other).await;
        assert_eq!(report.of("webhook.answers"), ("fail", expected), "{other:?}");
        assert!(report.fix("webhook.answers").contains(names), "{other:?}");
        assert_eq!(report.of("webhook.secret"), ("skip", "not_asked"));
    }
    let report = check_as(&house, &[("WEBHOOK_SECRET_PREVIOUS", PREVIOUS)]).await;
    assert_eq!(report.of("webhook.answers"), ("ok", "ours"));
    assert_eq!(report.of("webhook.previous"), ("fail", "refused"));
}

#[tokio::test]
async fn a_header_of_ones_own_comes_through_where_authorization_does_not() {
    let house = house_with(&[("WEBHOOK_HEADER", "x-desk-secret")]).await;
    let front = Front::without_header(&house.environment["WARMLINE_LISTEN"], "authorization").await;
    let public = format!("http://{}", front.address);
    let report = check_as(&house, &[("WARMLINE_PUBLIC_URL", &public)]).await;
    assert_eq!(report.of("webhook.answers"), ("ok", "ours"));
    let mut bearer = house.environment.clone();
    bearer.remove("WEBHOOK_HEADER");
    set(&mut bearer, "WARMLINE_PUBLIC_URL", public);
    let report = check(&bearer).await;
    assert_eq!(report.of("webhook.answers"), ("fail", "secret_stripped"));
    assert!(report.fix("webhook.answers").contains("WEBHOOK_HEADER"));
}

#[tokio::test]
async fn where_the_gateway_sees_calls_come_from_is_told() {
    let elsewhere = ("WEBHOOK_FROM", "203.0.113.0/24");
    let house = house_with(&[elsewhere]).await;
    let report = check(&house.environment).await;
    assert_eq!(report.of("webhook.answers"), ("ok", "ours"), "the secret is right");
    assert_eq!(report.of("webhook.secret"), ("ok", "asked_for"));
    assert_eq!(report.of("webhook.from"), ("warn", "looks_like_a_proxy"));
    assert!(report.fix("webhook.from").contains("WARMLINE_TRUSTED_PROXIES"));
    drop(house);
    // A proxy that writes nothing: then nobody can tell.
    let house = house_with(&[elsewhere, ("WARMLINE_TRUSTED_PROXIES", "127.0.0.0/8")]).await;
    let report = check(&house.environment).await;
    assert_eq!((report.code, report.of("webhook.from")), (1, ("fail", "unknown_address")));
}
