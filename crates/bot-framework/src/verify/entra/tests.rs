use serde_json::{Value, json};

use super::*;

const TENANT: &str = "11111111-2222-3333-4444-5555555555aa";
const OTHER: &str = "99999999-2222-3333-4444-555555555555";
const GATEWAY: &str = "aaaaaaaa-0000-4000-8000-00000000000a";
const BOT: &str = "bbbbbbbb-0000-4000-8000-00000000000b";
const NOW: u64 = 1_800_000_000;

fn config(metadata: &str) -> VerifyConfig {
    VerifyConfig {
        metadata: metadata.parse().unwrap(),
        audiences: vec![GATEWAY.to_owned()],
        tenants: vec![TENANT.to_owned()],
        issuers: vec!["https://issuer.example.org/".to_owned()],
        private_hosts: outbound::PrivateHosts::default(),
    }
}

fn rules() -> Rules {
    rules_at("https://login.microsoftonline.com/common/v2.0/.well-known/openid-configuration")
}

fn rules_at(metadata: &str) -> Rules {
    Rules::new(&config(metadata))
}

/// A v1 token's claims, with some of them changed; `null` takes one away.
fn claims(changes: Value) -> Claims {
    let mut claims = json!({
        "iss": format!("https://sts.windows.net/{TENANT}/"),
        "aud": GATEWAY,
        "exp": NOW + 3600,
        "nbf": NOW,
        "tid": TENANT,
        "ver": "1.0",
        "appid": BOT,
    });
    let Value::Object(changes) = changes else { panic!() };
    for (name, value) in changes {
        claims[name] = value;
    }
    claims.as_object_mut().unwrap().retain(|_, value| !value.is_null());
    serde_json::from_value(claims).unwrap()
}

fn check(changes: Value) -> Result<Proven, VerifyError> {
    rules().check(&claims(changes), NOW)
}

#[test]
fn a_bots_token_says_who_it_is() {
    let expected =
        Proven { app_id: BOT.to_owned(), tenant: Some(TENANT.to_owned()), expires_at: NOW + 3600 };
    for changes in [
        json!({}),
        json!({"ver": null}),
        json!({"appid": BOT.to_uppercase(), "aud": GATEWAY.to_uppercase()}),
        json!({"aud": ["https://api.example.org", GATEWAY]}),
        json!({"tid": TENANT.to_uppercase()}),
        json!({"iss": format!("https://sts.windows.net/{}/", TENANT.to_uppercase())}),
        json!({"iss": format!("https://login.microsoftonline.com/{TENANT}/v2.0"), "ver": "2.0",
            "azp": BOT, "appid": null}),
        json!({"iss": "https://issuer.example.org/"}),
        json!({"nbf": null}),
        json!({"exp": 1_800_003_600.5}),
    ] {
        assert_eq!(check(changes.clone()), Ok(expected.clone()), "{changes}");
    }
    let tenantless = check(json!({"iss": "https://issuer.example.org/", "tid": null}));
    assert_eq!(tenantless.unwrap().tenant, None);
}

#[test]
fn the_issuer_decides_and_the_tenant_in_it() {
    for iss in [
        format!("https://sts.windows.net/{OTHER}/"),
        format!("https://sts.windows.net/{TENANT}"),
        format!("https://sts.windows.net/{TENANT}//"),
        format!("https://STS.windows.net/{TENANT}/"),
        format!("http://sts.windows.net/{TENANT}/"),
        format!("https://sts.windows.net.example.org/{TENANT}/"),
        format!("https://login.microsoftonline.com/{TENANT}/v1.0"),
        format!("https://login.microsoftonline.us/{TENANT}/v2.0"),
        "https://issuer.example.org".to_owned(),
        "https://ISSUER.example.org/".to_owned(),
        "https://api.botframework.com".to_owned(),
        String::new(),
    ] {
        assert_eq!(check(json!({"iss": iss})), Err(VerifyError::WrongIssuer), "{iss}");
    }
    for changes in [json!({"iss": null}), json!({"tid": OTHER}), json!({"tid": null})] {
        assert_eq!(check(changes.clone()), Err(VerifyError::WrongIssuer), "{changes}");
    }
}

#[test]
fn a_multi_tenant_bot_comes_from_a_tenant_of_microsofts() {
    for tenant in FIRST_PARTY {
        for iss in [
            format!("https://sts.windows.net/{tenant}/"),
            format!("https://login.microsoftonline.com/{tenant}/v2.0"),
        ] {
            let proven = check(json!({"iss": iss, "tid": tenant})).unwrap();
            assert_eq!(proven.tenant.as_deref(), Some(tenant));
        }
    }
}

#[test]
fn each_cloud_has_its_own_issuers() {
    let gov = "https://login.microsoftonline.us/common/v2.0/.well-known/openid-configuration";
    let china =
        "https://login.partner.microsoftonline.cn/common/v2.0/.well-known/openid-configuration";
    let stand_in = "http://127.0.0.1:1/.well-known/openid-configuration";
    let own = FIRST_PARTY_GOV[0];
    for (metadata, iss, tenant, accepted) in [
        (gov, format!("https://login.microsoftonline.us/{TENANT}/v2.0"), TENANT, true),
        (gov, format!("https://login.microsoftonline.us/{own}/v2.0"), own, true),
        (gov, format!("https://login.microsoftonline.com/{TENANT}/v2.0"), TENANT, false),
        (china, format!("https://login.partner.microsoftonline.cn/{TENANT}/v2.0"), TENANT, true),
        (china, format!("https://sts.chinacloudapi.cn/{TENANT}/"), TENANT, true),
        (china, format!("https://sts.windows.net/{TENANT}/"), TENANT, false),
        (stand_in, format!("https://login.microsoftonline.com/{TENANT}/v2.0"), TENANT, true),
    ] {
        let checked = rules_at(metadata).check(&claims(json!({"iss": iss, "tid": tenant})), NOW);
        assert_eq!(checked.is_ok(), accepted, "{iss} at {metadata}");
    }
}

#[test]
fn a_token_for_somebody_else_is_none_for_us() {
    for aud in [
        json!(null),
        json!("https://api.botframework.com"),
        json!(BOT),
        json!(""),
        json!([]),
        json!(["https://api.botframework.com", BOT]),
        json!(format!("{GATEWAY} ")),
    ] {
        assert_eq!(check(json!({"aud": aud})), Err(VerifyError::WrongAudience), "{aud}");
    }
}

#[test]
fn clocks_may_differ_by_five_minutes() {
    for (name, value, expected) in [
        ("exp", NOW - 240, None),
        ("exp", NOW - 299, None),
        ("exp", NOW - 300, Some(VerifyError::Expired)),
        ("exp", NOW - 360, Some(VerifyError::Expired)),
        ("exp", 0, Some(VerifyError::Expired)),
        ("nbf", NOW + 240, None),
        ("nbf", NOW + 300, None),
        ("nbf", NOW + 301, Some(VerifyError::NotYetValid)),
        ("nbf", NOW + 360, Some(VerifyError::NotYetValid)),
    ] {
        assert_eq!(check(json!({name: value})).err(), expected, "{name} {value}");
    }
    assert_eq!(check(json!({"exp": null})), Err(VerifyError::Malformed));
    assert_eq!(check(json!({"exp": -1})), Err(VerifyError::Expired));
}

#[test]
fn the_app_stands_where_the_version_says() {
    for changes in [
        json!({"appid": null}),
        json!({"appid": ""}),
        json!({"appid": null, "azp": BOT}),
        json!({"ver": "2.0"}),
        json!({"ver": "2.0", "azp": ""}),
        json!({"ver": "3.0", "azp": BOT}),
        json!({"ver": ""}),
    ] {
        assert_eq!(check(changes.clone()), Err(VerifyError::NoApp), "{changes}");
    }
}

#[test]
fn a_token_that_a_user_signed_in_for_is_no_bots() {
    for scp in [json!("user_impersonation"), json!(""), json!([])] {
        assert_eq!(check(json!({"scp": scp})), Err(VerifyError::OfAUser), "{scp}");
    }
}

#[test]
fn a_configuration_names_an_audience_and_tenants_by_their_ids() {
    let login = "https://login.microsoftonline.com/common/v2.0/.well-known/openid-configuration";
    let code = |change: &dyn Fn(&mut VerifyConfig)| {
        let mut config = config(login);
        change(&mut config);
        config.check().map_or_else(|error| error.code(), |()| "")
    };
    assert_eq!(code(&|_| {}), "");
    assert_eq!(code(&|config| config.tenants.clear()), "");
    assert_eq!(code(&|config| config.audiences.clear()), "no_audience");
    assert_eq!(code(&|config| config.audiences.push(" ".to_owned())), "no_audience");
    for name in ["contoso.onmicrosoft.com", "common", "", "11111111-2222-3333-4444-55555555555g"] {
        let named = |config: &mut VerifyConfig| config.tenants.push(name.to_owned());
        assert_eq!(code(&named), "not_a_tenant_id", "{name}");
    }
}
