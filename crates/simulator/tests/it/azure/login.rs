//! What the issuers publish, and tokens for apps. The tokens are read with a library of others.

use std::time::Duration;

use aws_lc_rs::{
    digest::{SHA256, digest},
    rand::SystemRandom,
    signature::{RSA_PKCS1_SHA256, RSA_PKCS1_SHA384, RSA_PSS_SHA256, RsaKeyPair},
};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use jsonwebtoken::{Algorithm, DecodingKey, Validation, decode, decode_header, jwk::JwkSet};
use serde_json::{Map, Value, json};
use simulator::azure::{
    APP_ID, APP_SECRET, AzureConfig, BOT_FRAMEWORK, BOT_FRAMEWORK_TENANT, Door, Issuer,
    Registration, Signature, Strike, Trouble,
};

use super::{FIELDS, Rig, USUAL, text};

/// The claims of a token, if the keys that this metadata leads to have signed it for `audience`.
async fn verified(rig: &Rig, metadata: &str, token: &str, audience: &str) -> Option<Value> {
    let (status, metadata) = rig.ask(rig.http.get(metadata)).await;
    assert_eq!(status, 200);
    let keys = rig.http.get(text(&metadata["jwks_uri"])).send().await.unwrap();
    let keys: JwkSet = keys.json().await.unwrap();
    let kid = decode_header(token).ok()?.kid?;
    let key = DecodingKey::from_jwk(keys.find(&kid)?).unwrap();
    let mut validation = Validation::new(Algorithm::RS256);
    validation.set_audience(&[audience]);
    let token = decode::<Map<String, Value>>(token, &key, &validation);
    token.ok().map(|token| Value::Object(token.claims))
}

#[tokio::test]
async fn a_channels_token_verifies_with_the_published_keys_and_a_forged_one_does_not() {
    let rig = Rig::start().await;
    let metadata = rig.azure.channel_metadata();
    let good = rig.azure.channel_token(APP_ID);
    let claims = verified(&rig, &metadata, &rig.azure.sign(&good), APP_ID).await.unwrap();
    assert_eq!(claims["iss"], BOT_FRAMEWORK);
    assert_eq!(claims["serviceurl"], rig.azure.service_url());
    let is_good = async |signature| {
        let token = rig.azure.sign(&good.clone().signed(signature));
        verified(&rig, &metadata, &token, APP_ID).await.is_some()
    };
    for forged in [Signature::OtherKey, Signature::Confused, Signature::None, Signature::Changed] {
        assert!(!is_good(forged).await, "{forged:?}");
    }
    let other = rig.azure.sign(&good.clone().claim("aud", json!("another")));
    assert!(verified(&rig, &metadata, &other, APP_ID).await.is_none());
    let old = rig.azure.sign(&good.claim("exp", json!(1_000)));
    assert!(verified(&rig, &metadata, &old, APP_ID).await.is_none());
}

#[tokio::test]
async fn keys_rotate_with_and_without_the_old_ones_and_carry_endorsements() {
    let rig = Rig::start().await;
    let metadata = rig.azure.channel_metadata();
    let first = rig.azure.sign(&rig.azure.channel_token(APP_ID));
    let is_good = async |token: &str| verified(&rig, &metadata, token, APP_ID).await.is_some();
    rig.azure.rotate(Issuer::Channel, true);
    let second = rig.azure.sign(&rig.azure.channel_token(APP_ID));
    assert!(is_good(&first).await && is_good(&second).await);
    rig.azure.rotate(Issuer::Channel, false);
    assert!(!is_good(&first).await && !is_good(&second).await);
    assert!(is_good(&rig.azure.sign(&rig.azure.channel_token(APP_ID))).await);

    let keys = format!("{}/v1/.well-known/keys", rig.azure.origin());
    let (_, published) = rig.ask(rig.http.get(&keys)).await;
    let channels = published["keys"][0]["endorsements"].as_array().unwrap();
    assert!(channels.contains(&json!("msteams")));
    rig.azure.endorse(&["slack"]);
    rig.azure.publish(Issuer::Channel, vec![json!({"kty": "oct", "kid": "s", "k": "AQAB"})]);
    let (_, published) = rig.ask(rig.http.get(&keys)).await;
    assert_eq!(published["keys"][0]["endorsements"], json!(["slack"]));
    assert_eq!(published["keys"][1]["kty"], "oct");
}

#[tokio::test]
async fn an_app_gets_a_token_for_the_connector_that_entras_keys_have_signed() {
    let rig = Rig::start().await;
    let (status, granted) = rig.grant(USUAL, &FIELDS).await;
    assert_eq!(status, 200, "{granted}");
    assert_eq!((&granted["token_type"], &granted["expires_in"]), (&json!("Bearer"), &json!(3_599)));
    let token = text(&granted["access_token"]);
    let claims = verified(&rig, &rig.azure.login_metadata(), token, BOT_FRAMEWORK).await.unwrap();
    assert_eq!(claims["appid"], APP_ID);
    assert_eq!(claims["tid"], USUAL);
    let grants = rig.azure.grants();
    assert_eq!((grants.len(), grants[0].resource.as_str()), (1, BOT_FRAMEWORK));
    assert_eq!(grants[0].token, token);

    let own = [FIELDS[0], FIELDS[1], FIELDS[2], ("scope", &format!("{APP_ID}/.default"))];
    let (status, granted) = rig.grant(USUAL, &own).await;
    assert_eq!(status, 200);
    let token = text(&granted["access_token"]);
    assert!(verified(&rig, &rig.azure.login_metadata(), token, APP_ID).await.is_some());

    let basic = rig.http.post(rig.azure.token_endpoint(USUAL)).basic_auth(APP_ID, Some(APP_SECRET));
    let (status, _) = rig.ask(basic.form(&[FIELDS[0], FIELDS[3]])).await;
    assert_eq!(status, 200, "credentials in a header are as good");
}

#[tokio::test]
async fn what_is_wrong_about_an_asker_is_refused_as_entra_does() {
    let rig = Rig::start().await;
    let [grant, id, secret, scope] = FIELDS;
    for (tenant, fields, status, error, number) in [
        (USUAL, &[grant, id, ("client_secret", "x"), scope][..], 401, "invalid_client", 7_000_215),
        (USUAL, &[grant, id, scope], 401, "invalid_client", 7_000_216),
        (USUAL, &[grant, ("client_id", "x"), secret, scope], 400, "unauthorized_client", 700_016),
        ("botframework.com", &FIELDS, 400, "unauthorized_client", 700_016),
        ("elsewhere", &FIELDS, 400, "invalid_request", 90_002),
        (USUAL, &[grant, id, secret], 400, "invalid_scope", 1_002_012),
        (USUAL, &[grant, id, secret, ("scope", BOT_FRAMEWORK)], 400, "invalid_scope", 1_002_012),
        (USUAL, &[grant, id, secret, ("scope", "x/.default")], 400, "invalid_resource", 500_011),
        (
            USUAL,
            &[("grant_type", "password"), id, secret, scope],
            400,
            "unsupported_grant_type",
            70_003,
        ),
    ] {
        let (found, answer) = rig.grant(tenant, fields).await;
        assert_eq!((found, text(&answer["error"])), (status, error), "{fields:?}");
        assert_eq!(answer["error_codes"], json!([number]));
        assert!(text(&answer["error_description"]).starts_with(&format!("AADSTS{number}: ")));
    }
    let json = rig.http.post(rig.azure.token_endpoint(USUAL)).json(&json!({"grant_type": "x"}));
    assert_eq!(rig.ask(json).await.0, 400, "it is no form");
    assert_eq!((rig.azure.grants().len(), rig.azure.refused_grants()), (0, 10));

    rig.azure.strike(Strike::at(Door::Login, Trouble::SecretExpired));
    let (status, answer) = rig.grant(USUAL, &FIELDS).await;
    assert_eq!((status, &answer["error_codes"]), (401, &json!([7_000_222])));
    let pause = Trouble::Throttled(Some(Duration::from_secs(7)));
    rig.azure.strike(Strike::at(Door::Login, pause));
    let request = rig.http.post(rig.azure.token_endpoint(USUAL)).form(&FIELDS);
    let answer = request.send().await.unwrap();
    assert_eq!(
        (answer.status().as_u16(), &answer.headers()["retry-after"]),
        (429, &"7".parse().unwrap())
    );
    assert_eq!(rig.grant(USUAL, &FIELDS).await.0, 200, "and then it is well again");
}

#[tokio::test]
async fn a_multi_tenant_app_asks_where_such_apps_do() {
    let app = Registration { tenant: None, ..Registration::new(APP_ID, APP_SECRET) };
    let rig = Rig::of(AzureConfig { registrations: vec![app], ..AzureConfig::default() }).await;
    let (status, granted) = rig.grant("botframework.com", &FIELDS).await;
    assert_eq!(status, 200);
    let token = text(&granted["access_token"]);
    let claims = verified(&rig, &rig.azure.login_metadata(), token, BOT_FRAMEWORK).await.unwrap();
    assert_eq!(claims["iss"], format!("https://sts.windows.net/{BOT_FRAMEWORK_TENANT}/"));
}

/// A token with this header and these claims, signed as the header says.
fn signed(key: &RsaKeyPair, header: &Value, claims: &Value) -> String {
    let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let message = format!("{}.{}", part(header), part(claims));
    let padding = match text(&header["alg"]) {
        "PS256" => &RSA_PSS_SHA256,
        "RS256" => &RSA_PKCS1_SHA256,
        _ => &RSA_PKCS1_SHA384,
    };
    let mut signature = vec![0; key.public_modulus_len()];
    key.sign(padding, &SystemRandom::new(), message.as_bytes(), &mut signature).unwrap();
    format!("{message}.{}", URL_SAFE_NO_PAD.encode(signature))
}

#[tokio::test]
async fn a_certificate_proves_an_app_by_an_assertion_for_this_address_only() {
    let key = rcgen::KeyPair::generate_for(&rcgen::PKCS_RSA_SHA256).unwrap();
    let certificate = rcgen::CertificateParams::new(vec!["bot".to_owned()]).unwrap();
    let certificate = certificate.self_signed(&key).unwrap().der().to_vec();
    let thumbprint = URL_SAFE_NO_PAD.encode(digest(&SHA256, &certificate));
    let mut app = Registration::new(APP_ID, "unused");
    (app.secret, app.certificate) = (None, Some(certificate));
    let rig = Rig::of(AzureConfig { registrations: vec![app], ..AzureConfig::default() }).await;
    let at = rig.azure.token_endpoint(USUAL);
    let key = RsaKeyPair::from_pkcs8(key.serialized_der()).unwrap();
    let ask = async |alg: &str, thumbprint: &str, audience: &str, subject: &str, exp: u64| {
        let header = json!({"alg": alg, "typ": "JWT", "x5t#S256": thumbprint});
        let claims = json!({
            "aud": audience, "iss": APP_ID, "sub": subject, "jti": "1", "exp": exp,
        });
        let assertion = signed(&key, &header, &claims);
        let kind = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
        let proof = [("client_assertion_type", kind), ("client_assertion", assertion.as_str())];
        rig.grant(USUAL, &[FIELDS[0], FIELDS[1], FIELDS[3], proof[0], proof[1]]).await.0
    };
    let late = 99_999_999_999;
    assert_eq!(ask("PS256", &thumbprint, &at, APP_ID, late).await, 200);
    assert_eq!(ask("RS256", &thumbprint, &at, APP_ID, late).await, 200);
    assert!(rig.azure.grants().iter().all(|grant| grant.by_certificate));
    assert_eq!(ask("RS384", &thumbprint, &at, APP_ID, late).await, 401);
    assert_eq!(ask("PS256", "another", &at, APP_ID, late).await, 401);
    assert_eq!(ask("PS256", &thumbprint, "https://elsewhere", APP_ID, late).await, 401);
    assert_eq!(ask("PS256", &thumbprint, &at, "another", late).await, 401);
    assert_eq!(ask("PS256", &thumbprint, &at, APP_ID, 1_000).await, 401);
    assert_eq!(rig.grant(USUAL, &FIELDS).await.0, 401, "a secret is no proof of this app");
}
