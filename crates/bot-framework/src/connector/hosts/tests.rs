use super::*;

use crate::cloud::Cloud;

fn hosts(more: &[&str]) -> Hosts {
    let more: Vec<String> = more.iter().map(|host| (*host).to_owned()).collect();
    Hosts::read(Cloud::public().hosts.iter().chain(&more)).unwrap()
}

/// The address that is called, or the code.
fn allowed(hosts: &Hosts, text: &str) -> String {
    hosts.allow(text).map_or_else(|error| error.code().to_owned(), |url| url.to_string())
}

#[test]
fn a_token_goes_to_hosts_on_the_list_and_below_them() {
    let hosts = hosts(&[]);
    for (text, expected) in [
        ("https://smba.trafficmanager.net/amer/", "https://smba.trafficmanager.net/amer"),
        ("https://SMBA.trafficmanager.net:443/amer", "https://smba.trafficmanager.net/amer"),
        ("https://slack.botframework.com/", "https://slack.botframework.com"),
        ("https://europe.webchat.botframework.com", "https://europe.webchat.botframework.com"),
        ("https://botframework.com/", "https://botframework.com"),
        (
            "https://smba.infra.gcc.teams.microsoft.com/gcc/",
            "https://smba.infra.gcc.teams.microsoft.com/gcc",
        ),
    ] {
        assert_eq!(allowed(&hosts, text), expected, "{text}");
    }
}

#[test]
fn a_token_goes_nowhere_else() {
    let hosts = hosts(&["203.0.113.7"]);
    for (text, expected) in [
        ("https://evilbotframework.com/", "service_url_not_allowed"),
        ("https://evil-botframework.com/", "service_url_not_allowed"),
        ("https://botframework.com.evil.example.org/", "service_url_not_allowed"),
        ("https://trafficmanager.net/", "service_url_not_allowed"),
        ("https://evil.trafficmanager.net/", "service_url_not_allowed"),
        ("https://xn--botframewrk-yfb.com/", "service_url_not_allowed"),
        ("https://smba.trafficmanager.net:8443/amer", "service_url_not_allowed"),
        ("https://smba.trafficmanager.net:80/amer", "service_url_not_allowed"),
        ("http://smba.trafficmanager.net/amer", "service_url_not_https"),
        ("http://smba.trafficmanager.net:443/amer", "service_url_not_https"),
        ("https://127.0.0.1/", "service_url_not_allowed"),
        ("http://127.0.0.1:3978/", "service_url_not_allowed"),
        ("http://localhost:3978/", "service_url_not_allowed"),
        ("https://1.203.0.113.7/", "service_url_not_allowed"),
        ("http://10.0.0.7/", "service_url_not_https"),
        ("https://169.254.169.254/", "service_url_not_allowed"),
        ("https://smba.trafficmanager.net@evil.example.org/", "not_a_service_url"),
        ("https://evil.example.org\\.botframework.com/", "not_a_service_url"),
        ("https://smba.trafficmanager.net./", "not_a_service_url"),
        ("", "not_a_service_url"),
    ] {
        assert_eq!(allowed(&hosts, text), expected, "{text}");
    }
    let error = hosts.allow("https://evil.example.org/secret").unwrap_err();
    assert!(
        error.to_string().contains("evil.example.org") && !error.to_string().contains("secret")
    );
}

#[test]
fn settings_add_hosts_with_their_ports() {
    let hosts =
        hosts(&["127.0.0.1", "localhost", "[::1]", "connector.example.org:8443", "B.example.org"]);
    for (text, expected) in [
        ("http://127.0.0.1:3978/amer/", "http://127.0.0.1:3978/amer"),
        ("http://localhost:3978", "http://localhost:3978"),
        ("http://[::1]:3978/", "http://[::1]:3978"),
        ("https://127.0.0.1/", "https://127.0.0.1"),
        ("https://connector.example.org:8443/v", "https://connector.example.org:8443/v"),
        ("https://a.connector.example.org:8443/v", "https://a.connector.example.org:8443/v"),
        ("https://connector.example.org/v", "service_url_not_allowed"),
        ("https://b.EXAMPLE.org/v", "https://b.example.org/v"),
        ("https://127.0.0.2/", "service_url_not_allowed"),
    ] {
        assert_eq!(allowed(&hosts, text), expected, "{text}");
    }
}

#[test]
fn what_is_no_host_is_not_taken_for_one() {
    for text in [
        "",
        " ",
        "https://connector.example.org",
        "connector.example.org/",
        "connector.example.org/path",
        "*.example.org",
        ".example.org",
        "user@example.org",
        "exämple.org",
        "example.org:",
        "example.org:0",
    ] {
        assert_eq!(Hosts::read([text.to_owned()].iter()).err().as_deref(), Some(text));
    }
}

#[test]
fn what_is_allowed_once_is_allowed_as_it_was_written_down() {
    let hosts = hosts(&["127.0.0.1"]);
    for text in ["https://SMBA.trafficmanager.net:443/amer/", "http://127.0.0.1:1/a:b@c;d=e/"] {
        let url = hosts.allow(text).unwrap();
        assert_eq!(hosts.allow(url.as_str()), Ok(url.clone()));
        let called = url.at("v3/conversations/a%3A1/activities").unwrap();
        assert_eq!(called.to_string(), format!("{url}/v3/conversations/a%3A1/activities"));
    }
}
