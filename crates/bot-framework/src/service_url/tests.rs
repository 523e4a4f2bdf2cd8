use proptest::prelude::*;

use super::*;

fn of(text: &str) -> Option<(bool, String, u16, &str)> {
    let parts = Parts::read(text)?;
    Some((parts.is_https, parts.host, parts.port, parts.path))
}

#[test]
fn an_address_is_scheme_host_port_and_path() {
    for (text, is_https, host, port, path) in [
        ("https://smba.trafficmanager.net/amer/", true, "smba.trafficmanager.net", 443, "/amer"),
        ("https://smba.trafficmanager.net/amer", true, "smba.trafficmanager.net", 443, "/amer"),
        ("HTTPS://SMBA.trafficmanager.NET/Amer", true, "smba.trafficmanager.net", 443, "/Amer"),
        ("https://slack.botframework.com", true, "slack.botframework.com", 443, ""),
        ("https://slack.botframework.com/", true, "slack.botframework.com", 443, ""),
        ("https://slack.botframework.com:443/", true, "slack.botframework.com", 443, ""),
        ("https://a.example.org:8443/x/y", true, "a.example.org", 8443, "/x/y"),
        ("http://127.0.0.1:3978", false, "127.0.0.1", 3978, ""),
        ("http://localhost", false, "localhost", 80, ""),
        ("http://[::1]:80/a", false, "[::1]", 80, "/a"),
        (
            "https://smba.trafficmanager.net/emea/11111111-2222-3333-4444-555555555555/",
            true,
            "smba.trafficmanager.net",
            443,
            "/emea/11111111-2222-3333-4444-555555555555",
        ),
    ] {
        assert_eq!(of(text), Some((is_https, host.to_owned(), port, path)), "{text}");
    }
}

#[test]
fn what_readers_of_addresses_differ_about_is_none() {
    for text in [
        "",
        "https://",
        "https:///amer",
        "//smba.trafficmanager.net/",
        "smba.trafficmanager.net/amer",
        "ftp://smba.trafficmanager.net/",
        "javascript://smba.trafficmanager.net/",
        " https://smba.trafficmanager.net/",
        "https://smba.trafficmanager.net/ ",
        "https://smba.trafficmanager.net\\@evil.example.org/",
        "https://evil.example.org\\.botframework.com/",
        "https://user@smba.trafficmanager.net/",
        "https://smba.trafficmanager.net@evil.example.org/",
        "https://smba.trafficmanager.net:443@evil.example.org/",
        "https://smba.trafficmanager.net%40evil.example.org/",
        "https://evil.example.org#.botframework.com/",
        "https://evil.example.org?.botframework.com/",
        "https://smba.trafficmanager.net/amer?a=b",
        "https://smba.trafficmanager.net/amer#a",
        "https://smba.trafficmanager.net/amer/../x",
        "https://smba.trafficmanager.net/./amer",
        "https://smba.trafficmanager.net//amer",
        "https://smba.trafficmanager.net/amer//",
        "https://smba.trafficmanager.net/%2e%2e/x",
        "https://smba.trafficmanager.net/a\r\nx: y",
        "https://smba.trafficmanager.net\t/",
        "https://smba.trafficmanager.net./",
        "https://.trafficmanager.net/",
        "https://smba..trafficmanager.net/",
        "https://smba.trafficmanager.net:/",
        "https://smba.trafficmanager.net:0/",
        "https://smba.trafficmanager.net:65536/",
        "https://smba.trafficmanager.net:-1/",
        "https://smba.trafficmanager.net:+443/",
        "https://smba.trafficmanager.net:443:443/",
        "https://smba.trafficmanager.net:4４3/",
        "https://ｓmba.trafficmanager.net/",
        "https://smbа.trafficmanager.net/",
        "https://smba.trafficmanager。net/",
        "https://botframework.com\u{ad}/",
        "https://[::1/",
        "https://[::1]x/",
        "https://[smba.trafficmanager.net]/",
        "https://[::1%25eth0]/",
    ] {
        assert_eq!(of(text), None, "{text}");
    }
    let long = format!("https://a.example.org/{}", "x".repeat(SERVICE_URL_BYTES_MAX));
    assert_eq!(of(&long), None);
}

proptest! {
    #[test]
    fn what_is_taken_is_what_the_client_would_call(text in "https?://[a-z.:@\\[\\]/%0-9#?\\\\-]{0,40}") {
        if let Some(parts) = Parts::read(&text) {
            let uri: http::Uri = text.parse().unwrap();
            prop_assert_eq!(uri.host(), Some(parts.host.as_str()));
            let own = if parts.is_https { 443 } else { 80 };
            prop_assert_eq!(uri.port_u16().unwrap_or(own), parts.port);
            prop_assert_eq!(uri.path().trim_end_matches('/'), parts.path);
            prop_assert_eq!(uri.query(), None);
        }
    }

    #[test]
    fn no_text_makes_reading_panic(text in "\\PC{0,60}") {
        let _ = Parts::read(&text);
        let _ = Parts::read(&format!("https://{text}"));
    }
}
