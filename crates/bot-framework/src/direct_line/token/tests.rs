use serde_json::{Value, json};

use super::*;

const NOW: u64 = 1_800_000_000;

fn key() -> TokenKey {
    TokenKey::new(&[7; 32])
}

fn claims() -> Claims {
    Claims {
        conversation: "c1".to_owned(),
        user: Some("dl_ann".to_owned()),
        name: Some("Ann".to_owned()),
        origins: vec!["5f2c1a90".to_owned()],
        site: "default".to_owned(),
        reader: None,
        purpose: Purpose::Token,
        issued_at: NOW,
        expires_at: NOW + 1800,
        id: "j1".to_owned(),
    }
}

/// A token with any header and body, signed by our key with HS256 whatever the header says.
fn forged(header: &str, body: &Value) -> String {
    let part = |text: &str| base64_url(text.as_bytes());
    let signed = format!("{}.{}", part(header), part(&body.to_string()));
    let signature = jsonwebtoken::crypto::sign(
        signed.as_bytes(),
        &EncodingKey::from_secret(&[7; 32]),
        Algorithm::HS256,
    )
    .expect("HMAC signs anything");
    format!("{signed}.{signature}")
}

fn base64_url(bytes: &[u8]) -> String {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let mut out = String::new();
    for group in bytes.chunks(3) {
        let mut bits = 0_u32;
        for at in 0..3 {
            bits = bits << 8 | u32::from(group.get(at).copied().unwrap_or(0));
        }
        for at in 0..=group.len() {
            out.push(char::from(LETTERS[(bits >> (18 - 6 * at) & 63) as usize]));
        }
    }
    out
}

/// The claims as any client may read them.
fn body_of(token: &str) -> Value {
    jsonwebtoken::dangerous::insecure_decode::<Value>(token).expect("a JSON Web Token").claims
}

#[test]
fn a_token_says_what_clients_look_for() {
    assert_eq!(
        body_of(&key().mint(&claims())),
        json!({"conv":"c1","user":"dl_ann","name":"Ann","origins":["5f2c1a90"],"site":"default",
            "use":"token","iat":NOW,"exp":NOW + 1800,"jti":"j1"})
    );
    let nobody = Claims { user: None, name: None, origins: Vec::new(), ..claims() };
    for absent in ["user", "name", "origins"] {
        assert_eq!(body_of(&key().mint(&nobody)).get(absent), None);
    }
    assert_eq!(key().verify(&key().mint(&nobody), Purpose::Token, NOW), Ok(nobody));
}

#[test]
fn a_token_outlives_the_key_object_that_signed_it() {
    let token = key().mint(&claims());
    assert_eq!(key().verify(&token, Purpose::Token, NOW), Ok(claims()));
}

#[test]
fn a_token_is_good_until_the_second_before_its_end() {
    let token = key().mint(&claims());
    let end = claims().expires_at;
    assert_eq!(key().verify(&token, Purpose::Token, end - 1), Ok(claims()));
    for now in [end, end + 1, u64::MAX] {
        let expired = TokenError::Expired { claims: Box::new(claims()) };
        assert_eq!(key().verify(&token, Purpose::Token, now), Err(expired));
    }
}

#[test]
fn another_key_or_a_changed_byte_is_a_bad_signature() {
    let token = key().mint(&claims());
    let mut other = [7; 32];
    other[31] = 8;
    let refused = TokenKey::new(&other).verify(&token, Purpose::Token, NOW);
    assert_eq!(refused, Err(TokenError::BadSignature));

    // The first character of a part carries six full bits, so changing it changes bytes for sure.
    let (signed, signature) = token.rsplit_once('.').expect("three parts");
    let (header, body) = signed.split_once('.').expect("three parts");
    let changed = |part: &str| {
        let first = if part.starts_with('A') { "B" } else { "A" };
        format!("{first}{}", &part[1..])
    };
    let swapped = format!("{header}.{body}.{}", changed(signature));
    assert_eq!(key().verify(&swapped, Purpose::Token, NOW), Err(TokenError::BadSignature));

    let mut promoted = body_of(&token);
    promoted["conv"] = json!("c2");
    let promoted = format!("{header}.{}.{signature}", base64_url(promoted.to_string().as_bytes()));
    assert_eq!(key().verify(&promoted, Purpose::Token, NOW), Err(TokenError::BadSignature));
}

#[test]
fn a_ticket_is_no_token_and_a_token_no_ticket_even_when_expired() {
    let token = key().mint(&claims());
    let ticket = key().mint(&Claims { purpose: Purpose::Stream, ..claims() });
    for now in [NOW, NOW + 9000] {
        for (given, wanted) in [(&token, Purpose::Stream), (&ticket, Purpose::Token)] {
            assert_eq!(key().verify(given, wanted, now), Err(TokenError::WrongPurpose));
        }
    }
    assert!(key().verify(&ticket, Purpose::Stream, NOW).is_ok());
}

#[test]
fn no_other_algorithm_is_accepted_even_over_a_right_signature() {
    let body = json!(claims());
    let genuine = forged(r#"{"typ":"JWT","alg":"HS256"}"#, &body);
    assert_eq!(key().verify(&genuine, Purpose::Token, NOW), Ok(claims()), "the forge works");
    for algorithm in ["none", "None", "hs256", "HS384", "HS512", "RS256", "ES256", "EdDSA", ""] {
        let token = forged(&json!({"typ":"JWT","alg":algorithm}).to_string(), &body);
        assert_eq!(
            key().verify(&token, Purpose::Token, NOW),
            Err(TokenError::Malformed),
            "{algorithm}"
        );
        let (unsigned, _) = token.rsplit_once('.').expect("three parts");
        let unsigned = format!("{unsigned}.");
        assert_eq!(
            key().verify(&unsigned, Purpose::Token, NOW),
            Err(TokenError::Malformed),
            "{algorithm} without a signature"
        );
    }
    assert_eq!(
        key().verify(&forged(r#"{"typ":"JWT"}"#, &body), Purpose::Token, NOW),
        Err(TokenError::Malformed)
    );
}

#[test]
fn claims_that_we_never_write_are_malformed() {
    let header = r#"{"typ":"JWT","alg":"HS256"}"#;
    for (name, value) in [
        ("conv", Value::Null),
        ("conv", json!(1)),
        ("user", json!({"id":"x"})),
        ("site", Value::Null),
        ("use", json!("admin")),
        ("use", Value::Null),
        ("exp", json!("soon")),
        ("exp", json!(-1)),
        ("exp", Value::Null),
        ("iat", Value::Null),
        ("jti", Value::Null),
    ] {
        let mut body = json!(claims());
        body[name] = value.clone();
        let refused = key().verify(&forged(header, &body), Purpose::Token, NOW);
        assert_eq!(refused, Err(TokenError::Malformed), "{name} = {value}");
        if value.is_null() {
            body.as_object_mut().expect("claims are an object").remove(name);
            let refused = key().verify(&forged(header, &body), Purpose::Token, NOW);
            assert_eq!(refused, Err(TokenError::Malformed), "{name} absent");
        }
    }
}

#[test]
fn what_is_no_token_is_malformed() {
    let token = key().mint(&claims());
    let (_, rest) = token.split_once('.').expect("three parts");
    for text in ["", ".", "..", "abc", "a.b.c", "é.é.é", rest, &format!("{token}.x")] {
        assert_eq!(key().verify(text, Purpose::Token, NOW), Err(TokenError::Malformed), "{text}");
    }
}

#[test]
fn the_key_is_not_printable() {
    assert_eq!(format!("{:?}", key()), "TokenKey(..)");
}
