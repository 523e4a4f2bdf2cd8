use super::*;

/// Any number that base64 can spell will do for a key that nothing is verified with.
fn rsa(kid: &str, more: &str) -> String {
    format!(r#"{{"kty":"RSA","kid":"{kid}","n":"AQAB","e":"AQAB"{more}}}"#)
}

fn names(keys: &[String]) -> Vec<String> {
    let body = format!(r#"{{"keys":[{}]}}"#, keys.join(","));
    let mut names: Vec<_> = published(body.as_bytes()).into_keys().collect();
    names.sort();
    names
}

#[test]
fn keys_that_cannot_have_signed_are_passed_over_and_take_nothing_with_them() {
    let keys = [
        rsa("plain", ""),
        rsa("signs", r#","use":"sig","alg":"RS256","endorsements":["msteams"],"x5c":["MII"]"#),
        rsa("encrypts", r#","use":"enc""#),
        r#"{"kty":"EC","kid":"ec","crv":"P-256","x":"AQAB","y":"AQAB"}"#.to_owned(),
        r#"{"kty":"oct","kid":"oct","k":"AQAB"}"#.to_owned(),
        r#"{"kty":"EC","kid":"odd","n":"AQAB","e":"AQAB"}"#.to_owned(),
        r#"{"kty":"RSA","n":"AQAB","e":"AQAB"}"#.to_owned(),
        r#"{"kty":"RSA","kid":"no exponent","n":"AQAB"}"#.to_owned(),
        r#"{"kty":"RSA","kid":"no base64","n":"&","e":"AQAB"}"#.to_owned(),
        r#"{"kty":"RSA","kid":7,"n":"AQAB","e":"AQAB"}"#.to_owned(),
        "null".to_owned(),
        "[]".to_owned(),
        rsa("last", ""),
    ];
    assert_eq!(names(&keys), ["last", "plain", "signs"]);
}

#[test]
fn a_list_without_an_end_is_cut() {
    let keys: Vec<_> = (0..KEYS_MAX + 10).map(|at| rsa(&at.to_string(), "")).collect();
    assert_eq!(names(&keys).len(), KEYS_MAX);
}

#[test]
fn what_is_no_list_of_keys_has_none() {
    for body in ["", "<html>", "{}", "[]", r#"{"keys":{}}"#, r#"{"keys":null}"#] {
        assert!(published(body.as_bytes()).is_empty(), "{body}");
    }
}

#[test]
fn keys_come_over_https_or_from_this_machine() {
    for (uri, as_far_as, expected) in [
        ("https://login.example.org/keys", Reach::Public, true),
        ("http://127.0.0.1:1/keys", Reach::ThisMachine, true),
        ("http://127.0.0.1:1/keys", Reach::Public, false),
        ("http://127.0.0.1:1/keys", Reach::PrivateNetwork, false),
        ("http://login/keys", Reach::ThisMachine, false),
        ("http://login.example.org/keys", Reach::ThisMachine, false),
        ("ftp://127.0.0.1/keys", Reach::ThisMachine, false),
        ("/keys", Reach::ThisMachine, false),
    ] {
        assert_eq!(is_safe(&uri.parse().unwrap(), as_far_as), expected, "{uri} {as_far_as:?}");
    }
}

#[test]
fn keys_are_not_fetched_from_inside_because_metadata_says_so() {
    for (keys, metadata, may) in [
        ("https://login.example.org/keys", "login.example.org", true),
        // Another name: judged when it is looked up.
        ("https://keys.example.org/keys", "login.example.org", true),
        ("https://93.184.216.34/keys", "login.example.org", true),
        ("https://10.0.0.5/keys", "login.example.org", false),
        ("https://127.0.0.1/keys", "login.example.org", false),
        ("https://169.254.169.254/keys", "login.example.org", false),
        ("https://[::1]/keys", "login.example.org", false),
        ("https://[fd00::1]/keys", "login.example.org", false),
        ("https://[::ffff:10.0.0.5]/keys", "login.example.org", false),
        // Where the metadata itself is, and on this machine if it is there.
        ("https://10.0.0.5/keys", "10.0.0.5", true),
        ("http://127.0.0.1:1/keys", "localhost", true),
        ("https://10.0.0.5/keys", "localhost", false),
    ] {
        assert_eq!(may_be_said(&keys.parse().unwrap(), metadata), may, "{keys} {metadata}");
    }
}
