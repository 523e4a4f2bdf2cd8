use servicenow::{ClientConfig, Credentials, client::instance_url};
use vault::{MasterKey, Vault};

use super::*;
use crate::{
    app::WebhookRules,
    desk::{media::FilesBy, news::Wording},
};

fn callers() -> Callers {
    let vault = Vault::new(&MasterKey::generate().unwrap()).unwrap();
    Callers::new(vault.mac_key("callers").unwrap())
}

fn headers(value: &str) -> HeaderMap {
    let mut headers = HeaderMap::new();
    headers.insert(header::AUTHORIZATION, HeaderValue::from_str(value).unwrap());
    headers
}

#[test]
fn the_secret_decides_whose_call_it_is() {
    let mut callers = callers();
    for name in ["a", "b"] {
        callers.add(&format!("secret+{name}").into(), desk_of(name)).unwrap();
    }
    let owner = |value| callers.webhook(&headers(value)).map(|desk| desk.tenant.as_str());
    assert_eq!(owner("Bearer secret+a"), Some("a"));
    assert_eq!(owner("bearer  secret+b "), Some("b"));
    for wrong in
        ["Bearer secret+", "Bearer secret+ab", "secret+a", "Basic secret+a", "Bearer", "Bearer "]
    {
        assert_eq!(owner(wrong), None, "{wrong}");
    }
}

fn desk_of(tenant: &str) -> Owner {
    Owner::Desk(Box::new(Instance {
        tenant: TenantId::new(tenant).unwrap(),
        desk: DeskId::new("d").unwrap(),
        age: SecretAge::Current,
        user: None,
        header: None,
        from: Arc::default(),
    }))
}

fn site_of(tenant: &str) -> Owner {
    Owner::Site(TenantId::new(tenant).unwrap(), BotId::new("b").unwrap())
}

#[test]
fn a_shared_secret_is_refused_whatever_doors_it_opens() {
    for (first, second) in [
        (desk_of("one"), desk_of("two")),
        (desk_of("one"), site_of("two")),
        (site_of("one"), desk_of("two")),
        (site_of("one"), site_of("two")),
    ] {
        let mut callers = callers();
        callers.add(&"s".into(), first).unwrap();
        assert!(callers.add(&"s".into(), second).is_err());
        let owner = callers.webhook(&headers("Bearer s")).map(|desk| &desk.tenant);
        let owner = owner.or(callers.site("s").map(|(tenant, _)| tenant)).unwrap();
        assert_eq!(owner.as_str(), "one", "the refused one changes nothing");
    }
}

#[test]
fn a_secret_opens_its_own_door_only() {
    let mut callers = callers();
    callers.add(&"desk".into(), desk_of("t")).unwrap();
    callers.add(&"site".into(), site_of("t")).unwrap();
    assert!(callers.webhook(&headers("Bearer desk")).is_some());
    assert!(callers.site("desk").is_none());
    assert!(callers.site("site").is_some());
    assert!(callers.webhook(&headers("Bearer site")).is_none());
}

#[test]
fn the_metrics_token_opens_the_metrics_only_and_nothing_else_does() {
    let mut callers = callers();
    callers.add(&"desk".into(), desk_of("t")).unwrap();
    assert_eq!(callers.may_scrape(&headers("Bearer desk")), None, "closed for everybody");
    callers.add(&"metrics".into(), Owner::Scraper).unwrap();
    assert_eq!(callers.may_scrape(&headers("Bearer metrics")), Some(true));
    assert_eq!(callers.may_scrape(&headers("Bearer desk")), Some(false));
    assert_eq!(callers.may_scrape(&HeaderMap::new()), Some(false));
    assert!(callers.webhook(&headers("Bearer metrics")).is_none());
    assert!(callers.site("metrics").is_none());
    assert!(callers.add(&"desk".into(), Owner::Scraper).is_err(), "a secret of its own");
}

#[test]
fn two_authorization_headers_are_one_too_many() {
    let mut twice = headers("Bearer a");
    twice.append(header::AUTHORIZATION, HeaderValue::from_static("Bearer b"));
    assert_eq!(bearer(&twice), None);
}

fn setup(tenant: &str, secret: &str, webhook: WebhookRules) -> DeskSetup {
    let credentials = Credentials::of_client("id".to_owned(), "secret".into());
    DeskSetup {
        tenant: TenantId::new(tenant).unwrap(),
        desk: DeskId::new("d").unwrap(),
        client: ClientConfig::new(instance_url("dev1").unwrap(), credentials).unwrap(),
        webhook_secret: secret.into(),
        webhook,
        message_token: None,
        command_words: Vec::new(),
        receipts: true,
        files: FilesBy::default(),
        wording: Wording::default(),
    }
}

fn basic(user: &str, password: &str) -> String {
    format!("Basic {}", STANDARD.encode(format!("{user}:{password}")))
}

#[test]
fn each_desk_is_known_in_the_ways_that_are_its_own() {
    let mut callers = callers();
    let user = Some("now".to_owned());
    let header = Some(HeaderName::from_static("x-desk"));
    callers.add_desk(&setup("basic", "b", WebhookRules { user, ..<_>::default() })).unwrap();
    callers.add_desk(&setup("named", "n", WebhookRules { header, ..<_>::default() })).unwrap();
    callers.add_desk(&setup("plain", "p", WebhookRules::default())).unwrap();
    let mut by_header = HeaderMap::new();
    by_header.insert("x-desk", HeaderValue::from_static("n"));
    let mut of_another = HeaderMap::new();
    of_another.insert("x-desk", HeaderValue::from_static("b"));
    let mut twice = by_header.clone();
    twice.append("x-desk", HeaderValue::from_static("n"));
    let beside = |authorization: &str| {
        let mut both = headers(authorization);
        both.insert("x-desk", HeaderValue::from_static("n"));
        both
    };
    for (headers, whose) in [
        (headers(&basic("now", "b")), Some("basic")),
        (headers(&basic("NOW", "b")), None),
        (headers(&basic("", "b")), None),
        (headers(&basic("now", "B")), None),
        (headers(&basic("now", "p")), None),
        (headers("Basic now:b"), None),
        (headers("Bearer b"), Some("basic")),
        (headers("Bearer n"), Some("named")),
        (by_header, Some("named")),
        (of_another, None),
        (twice, None),
        // A proxy has a password of its own.
        (beside(&basic("proxy", "password")), Some("named")),
        (beside("Bearer n"), Some("named")),
        // Two desks' secrets are nobody's.
        (beside("Bearer p"), None),
    ] {
        let found = callers.webhook(&headers).map(|desk| desk.tenant.as_str());
        assert_eq!(found, whose, "{headers:?}");
    }
}

#[test]
fn two_secrets_are_good_while_one_is_changed_and_neither_may_be_shared() {
    let mut callers = callers();
    let changing = |previous: &str| {
        let previous = Some(previous.into());
        WebhookRules { previous, ..WebhookRules::default() }
    };
    callers.add_desk(&setup("one", "new", changing("old"))).unwrap();
    let age = |value| callers.webhook(&headers(value)).map(|desk| desk.age);
    assert_eq!(age("Bearer new"), Some(SecretAge::Current));
    assert_eq!(age("Bearer old"), Some(SecretAge::Previous));
    for (secret, previous) in [("old", "other"), ("other", "old"), ("same", "same")] {
        assert!(callers.add_desk(&setup("two", secret, changing(previous))).is_err());
    }
}

#[test]
fn a_list_of_addresses_lets_nobody_in_whose_address_is_not_known() {
    let mut callers = callers();
    let from = vec!["203.0.113.0/24".parse().unwrap()];
    callers.add_desk(&setup("listed", "l", WebhookRules { from, ..<_>::default() })).unwrap();
    callers.add_desk(&setup("open", "o", WebhookRules::default())).unwrap();
    let may = |secret: &str, source: Option<&str>| {
        let desk = callers.webhook(&headers(&format!("Bearer {secret}"))).unwrap();
        desk.may_call_from(source.map(|source| source.parse().unwrap()))
    };
    assert!(may("l", Some("203.0.113.7")) && may("l", Some("::ffff:203.0.113.7")));
    assert!(!may("l", Some("203.0.114.7")) && !may("l", None));
    assert!(may("o", Some("203.0.114.7")) && may("o", None));
}
