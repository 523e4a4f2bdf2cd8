use proptest::prelude::*;

use super::*;

fn token(header: &str, claims: &str) -> String {
    let part = |text: &str| URL_SAFE_NO_PAD.encode(text);
    format!("{}.{}.c2ln", part(header), part(claims))
}

fn fault(text: &str) -> Option<VerifyError> {
    Token::read(text).err()
}

#[test]
fn only_three_algorithms_are_read_on_and_only_with_a_named_key() {
    use VerifyError::{BadAlgorithm, Malformed};
    for (header, expected) in [
        (r#"{"alg":"RS256","kid":"k"}"#, None),
        (r#"{"alg":"RS384","kid":"k"}"#, None),
        (r#"{"alg":"RS512","kid":"k","typ":"JWT","x5t":"k"}"#, None),
        (r#"{"alg":"RS256","kid":"k","jku":"https://e.org","x5u":1,"jwk":{"kty":"?"}}"#, None),
        (r#"{"alg":"none","kid":"k"}"#, Some(BadAlgorithm)),
        (r#"{"alg":"None","kid":"k"}"#, Some(BadAlgorithm)),
        (r#"{"alg":"","kid":"k"}"#, Some(BadAlgorithm)),
        (r#"{"alg":"HS256","kid":"k"}"#, Some(BadAlgorithm)),
        (r#"{"alg":"ES256","kid":"k"}"#, Some(BadAlgorithm)),
        (r#"{"alg":"PS256","kid":"k"}"#, Some(BadAlgorithm)),
        (r#"{"alg":"EdDSA","kid":"k"}"#, Some(BadAlgorithm)),
        (r#"{"alg":"rs256","kid":"k"}"#, Some(BadAlgorithm)),
        (r#"{"kid":"k"}"#, Some(Malformed)),
        (r#"{"alg":"RS256"}"#, Some(Malformed)),
        (r#"{"alg":"RS256","kid":""}"#, Some(Malformed)),
        (r#"{"alg":"RS256","kid":1}"#, Some(Malformed)),
        (r#"{"alg":"RS256","kid":"k","kid":"l"}"#, Some(Malformed)),
        (r#"{"alg":"RS256","alg":"none","kid":"k"}"#, Some(Malformed)),
        (r#"{"alg":"RS256","kid":"k","crit":["b64"],"b64":false}"#, Some(Malformed)),
        (r#"{"alg":"RS256","kid":"k","crit":null}"#, Some(Malformed)),
        (r#"["RS256","k"]"#, Some(Malformed)),
        ("", Some(Malformed)),
    ] {
        assert_eq!(fault(&token(header, r#"{"iss":"i"}"#)), expected, "{header}");
    }
}

#[test]
fn a_token_has_three_parts_in_an_alphabet_without_padding() {
    let header = URL_SAFE_NO_PAD.encode(r#"{"alg":"RS256","kid":"k"}"#);
    let claims = URL_SAFE_NO_PAD.encode("{}");
    assert_eq!(fault(&format!("{header}.{claims}.c2ln")), None);
    for text in [
        String::new(),
        ".".to_owned(),
        "..".to_owned(),
        header.clone(),
        format!("{header}.{claims}"),
        format!("{header}.{claims}.a.b"),
        format!("{header}.{claims}.a.b.c"),
        format!(" {header}.{claims}.c2ln"),
        format!("{header}=.{claims}.c2ln"),
        format!("{header}.{claims}=.c2ln"),
        format!("{header}..c2ln"),
        format!("Bearer {header}.{claims}.c2ln"),
    ] {
        assert_eq!(fault(&text), Some(VerifyError::Malformed), "{text}");
    }
}

#[test]
fn claims_are_an_object_and_none_of_them_comes_twice() {
    let header = r#"{"alg":"RS256","kid":"k"}"#;
    for (claims, expected) in [
        (r#"{"aud":"a","aud":"b"}"#, Some(VerifyError::Malformed)),
        (r#"{"aud":1}"#, Some(VerifyError::Malformed)),
        (r#"{"exp":"1"}"#, Some(VerifyError::Malformed)),
        (r#"{"exp":1e999}"#, Some(VerifyError::Malformed)),
        ("[]", Some(VerifyError::Malformed)),
        ("null", Some(VerifyError::Malformed)),
        (r#"{"aud":["a",1]}"#, Some(VerifyError::Malformed)),
        (r#"{"aud":["a","b"],"exp":1.5,"unheard":{"of":[]}}"#, None),
    ] {
        assert_eq!(fault(&token(header, claims)), expected, "{claims}");
    }
}

#[test]
fn what_is_far_too_long_is_not_looked_at() {
    let long = |kid: usize, padding: usize| {
        let (kid, padding) = ("k".repeat(kid), "p".repeat(padding));
        token(&format!(r#"{{"alg":"RS256","kid":"{kid}","x":"{padding}"}}"#), "{}")
    };
    assert_eq!(fault(&long(KID_BYTES_MAX, 0)), None);
    assert_eq!(fault(&long(KID_BYTES_MAX + 1, 0)), Some(VerifyError::Malformed));
    assert_eq!(fault(&long(1, HEADER_BYTES_MAX / 2)), None);
    assert_eq!(fault(&long(1, HEADER_BYTES_MAX)), Some(VerifyError::Malformed));
    let claims = format!(r#"{{"x":"{}"}}"#, "p".repeat(TOKEN_BYTES_MAX));
    let header = r#"{"alg":"RS256","kid":"k"}"#;
    assert_eq!(fault(&token(header, &claims)), Some(VerifyError::Malformed));
}

/// Members that a header or claims may have, with values of any kind.
fn members() -> impl Strategy<Value = String> {
    let names = ["alg", "kid", "crit", "iss", "aud", "exp", "nbf", "tid", "ver", "scp", "x"];
    let values = prop_oneof![
        Just("null".to_owned()),
        Just("\"RS256\"".to_owned()),
        Just("\"k\"".to_owned()),
        Just("{}".to_owned()),
        Just("[[\"a\"],1e308,-0.0]".to_owned()),
        any::<f64>().prop_map(|number| serde_json::json!(number).to_string()),
        any::<String>().prop_map(|text| serde_json::json!(text).to_string()),
    ];
    let member = (proptest::sample::select(names.to_vec()), values)
        .prop_map(|(name, value)| format!("\"{name}\":{value}"));
    proptest::collection::vec(member, 0..6).prop_map(|members| format!("{{{}}}", members.join(",")))
}

proptest! {
    #[test]
    fn no_text_makes_reading_panic(text in any::<String>()) {
        let _ = Token::read(&text);
    }

    #[test]
    fn no_parts_make_reading_panic(parts in proptest::collection::vec(any::<Vec<u8>>(), 0..5)) {
        let parts: Vec<_> = parts.iter().map(|part| URL_SAFE_NO_PAD.encode(part)).collect();
        let _ = Token::read(&parts.join("."));
    }

    #[test]
    fn no_members_make_reading_or_proving_panic(header in members(), claims in members()) {
        if let Ok(token) = Token::read(&token(&header, &claims)) {
            let key = DecodingKey::from_rsa_components("AQAB", "AQAB").unwrap();
            prop_assert_eq!(token.prove(&key), Err(VerifyError::BadSignature));
        }
    }
}
