//! Tokens and signed addresses: forged, stripped, of another key, of another purpose.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD as B64};
use bot_framework::direct_line::token::{Claims, Purpose, TokenKey};
use serde_json::json;

use super::fort::{Case, Fort, case};

#[expect(clippy::too_many_lines, reason = "one table: a case in a row or a few")]
pub(super) fn cases(fort: &Fort) -> Vec<Case> {
    let claims = |site: &str| Claims {
        conversation: fort.page.conversation.clone(),
        reader: None,
        user: Some("dl_kim".to_owned()),
        name: None,
        origins: Vec::new(),
        site: site.to_owned(),
        purpose: Purpose::Token,
        issued_at: 0,
        expires_at: u64::from(u32::MAX),
        id: "forged".to_owned(),
    };
    let read = |token: &str| fort.get(&fort.own("/activities")).bearer_auth(token);
    let parts: Vec<&str> = fort.page.token.split('.').collect();
    let (head, body, sign) = (parts[0], parts[1], parts[2]);
    let headed =
        |header: serde_json::Value| format!("{}.{body}.{sign}", B64.encode(header.to_string()));
    let none = format!("{}.{body}.", B64.encode(json!({"alg": "none", "typ": "JWT"}).to_string()));
    let zeros = TokenKey::new(&[0; 32]).mint(&claims("default/default"));
    let secret_as_key = {
        let mut key = [0; 32];
        let secret = crate::house::DIRECT_LINE_SECRET.as_bytes();
        let length = secret.len().min(32);
        key[..length].copy_from_slice(&secret[..length]);
        TokenKey::new(&key).mint(&claims("default/default"))
    };
    let file = |name: &str| fort.get(&format!("/files/{name}"));
    vec![
        case("alg none", read(&none), 403, "Forbidden"),
        case(
            "alg None, as it was once spelt around checks",
            read(&headed(json!({"alg": "None"}))),
            403,
            "Forbidden",
        ),
        case(
            "another algorithm's name",
            read(&headed(json!({"alg": "HS512", "typ": "JWT"}))),
            403,
            "Forbidden",
        ),
        case(
            "an asymmetric algorithm's name",
            read(&headed(json!({"alg": "RS256", "typ": "JWT"}))),
            403,
            "Forbidden",
        ),
        case(
            "a key in the header",
            read(&headed(json!({"alg": "HS256", "jwk": {"kty": "oct", "k": "AA"}}))),
            403,
            "Forbidden",
        ),
        case(
            "a key's address in the header",
            read(&headed(json!({"alg": "HS256", "jku": "https://evil.example/k"}))),
            403,
            "Forbidden",
        ),
        case(
            "a key's path in its id",
            read(&headed(json!({"alg": "HS256", "kid": "../../dev/null"}))),
            403,
            "Forbidden",
        ),
        case("signed with zeros", read(&zeros), 403, "Forbidden"),
        case("signed with the site's secret", read(&secret_as_key), 403, "Forbidden"),
        case(
            "signed with another key, for another site",
            read(&TokenKey::new(&[7; 32]).mint(&claims("other/help"))),
            403,
            "Forbidden",
        ),
        case(
            "another token's signature",
            read(&format!("{head}.{body}.{}", fort.other.token.rsplit('.').next().unwrap())),
            403,
            "Forbidden",
        ),
        case(
            "another token's claims",
            read(&format!("{head}.{}.{sign}", fort.other.token.split('.').nth(1).unwrap())),
            403,
            "Forbidden",
        ),
        case("no signature", read(&format!("{head}.{body}.")), 403, "Forbidden"),
        case("two parts", read(&format!("{head}.{body}")), 403, "Forbidden"),
        case("four parts", read(&format!("{}.x", fort.page.token)), 403, "Forbidden"),
        case("padding behind", read(&format!("{}==", fort.page.token)), 403, "Forbidden"),
        case(
            "claims that are no JSON",
            read(&format!("{head}.{}.{sign}", B64.encode("{"))),
            403,
            "Forbidden",
        ),
        case(
            "a file's address that is made up",
            file("AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"),
            404,
            "no_such_file",
        ),
        case("a file's address that is a token", file(&fort.page.token), 404, "no_such_file"),
        case("a file's address that is empty", fort.get("/files/"), 404, "no_such_route"),
    ]
}
