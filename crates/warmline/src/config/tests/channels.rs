//! What opens `/api/messages`, and what is refused in which words.

use std::path::Path;

use gateway::{ChannelSetup, Secret};
use rcgen::{CertificateParams, KeyPair, PKCS_ECDSA_P256_SHA256, PKCS_RSA_SHA256};
use secrecy::ExposeSecret;

use super::*;

const APP: &str = "0A1B2C3D-0000-4000-8000-0000000000a1";
const TENANT: &str = "0A1B2C3D-0000-4000-8000-0000000000b2";
const OTHER: &str = "0A1B2C3D-0000-4000-8000-0000000000c3";

/// The settings that open it.
const OPEN: [(&str, &str); 3] = [
    ("MicrosoftAppId", APP),
    ("MicrosoftAppPassword", "hush-the-password"),
    ("MicrosoftAppTenantId", TENANT),
];

fn with<'t>(more: &[(&'t str, &'t str)]) -> Vec<(&'t str, &'t str)> {
    OPEN.iter().chain(more).copied().collect()
}

fn channel(changes: &[(&str, &str)]) -> Option<ChannelSetup> {
    let config = Config::read(&environment(changes));
    let config = config.unwrap_or_else(|error| panic!("refused: {error}"));
    config.settings.bots.into_iter().next().unwrap().channel
}

fn open(more: &[(&str, &str)]) -> ChannelSetup {
    channel(&with(more)).expect("it is open")
}

fn remarks(changes: &[(&str, &str)]) -> String {
    let config = Config::read(&environment(changes)).unwrap();
    let remarks = config.remarks.iter().map(ToString::to_string);
    remarks.collect::<Vec<_>>().join("\n")
}

#[test]
fn without_an_app_id_it_is_closed_and_the_start_says_what_to_set() {
    assert!(channel(&[]).is_none());
    let said = remarks(&[]);
    let closed =
        "/api/messages of this gateway is closed: set MicrosoftAppId and MicrosoftAppPassword";
    assert!(said.contains(closed), "{said}");
    let id = [("MicrosoftAppId", APP)];
    assert!(channel(&id).is_none());
    let said = remarks(&id);
    assert!(said.contains("closed: set MicrosoftAppPassword, or WARMLINE_APP_CERT"), "{said}");
    let kind = |changes: &[(&str, &str)]| {
        let remarks = Config::read(&environment(changes)).unwrap().remarks;
        remarks.into_iter().find(|remark| remark.text.contains("/api/messages")).unwrap().kind
    };
    assert_eq!((kind(&[]), kind(&id)), (RemarkKind::Closed, RemarkKind::Unproven));
    let said = remarks(&OPEN);
    assert!(!said.contains("/api/messages"), "{said}");
}

#[test]
fn a_tenant_makes_the_registration_one_of_that_tenant() {
    let ChannelSetup { connector, verify, tenants, consent } = open(&[]);
    assert!(!consent, "a link needs nobody's consent");
    assert_eq!(connector.registration.app_id, APP);
    let login = format!("https://login.microsoftonline.com/{TENANT}");
    assert_eq!(connector.registration.login, login.as_str());
    assert!(matches!(
        &connector.registration.secret,
        Secret::Password(password) if password.expose_secret() == "hush-the-password"
    ));
    assert_eq!(connector.cloud.scope, "https://api.botframework.com/.default");
    assert_eq!(verify.audiences, [APP]);
    assert_eq!(verify.issuer, "https://api.botframework.com");
    assert_eq!(verify.metadata.host(), Some("login.botframework.com"));
    assert!(verify.emulator.is_none(), "off unless it is switched on");
    assert_eq!(tenants, [TENANT.to_lowercase()], "its own users");
    let said = open(&[("MicrosoftAppType", "SingleTenant")]);
    assert_eq!(said.connector.registration.login, login.as_str());
}

#[test]
fn one_for_many_tenants_lets_everybody_come_and_says_so() {
    let many = with(&[("MicrosoftAppType", "MultiTenant")]);
    let setup = channel(&many).unwrap();
    let login = "https://login.microsoftonline.com/botframework.com";
    assert_eq!(setup.connector.registration.login, login);
    assert_eq!(setup.tenants, Vec::<String>::new());
    assert!(remarks(&many).contains("WARMLINE_USER_TENANTS"));
    let list = format!("{TENANT}, {OTHER}");
    let named: Vec<_> = many.iter().copied().chain([("WARMLINE_USER_TENANTS", &*list)]).collect();
    let setup = channel(&named).unwrap();
    assert_eq!(setup.tenants, [TENANT, OTHER].map(str::to_lowercase));
    assert!(!remarks(&named).contains("WARMLINE_USER_TENANTS"));
    let without: Vec<_> = OPEN[..2].to_vec();
    assert_eq!(channel(&without).unwrap().connector.registration.login, login, "an older one");
}

#[test]
fn another_cloud_brings_its_addresses_and_each_can_be_set() {
    let setup = open(&[("WARMLINE_CLOUD", "usgov")]);
    assert_eq!(setup.verify.issuer, "https://api.botframework.us");
    assert_eq!(setup.verify.metadata.host(), Some("login.botframework.azure.us"));
    assert_eq!(setup.connector.cloud.scope, "https://api.botframework.us/.default");
    assert_eq!(setup.connector.registration.login.host(), Some("login.microsoftonline.us"));
    let china = with(&[("WARMLINE_CLOUD", "china"), ("MicrosoftAppType", "MultiTenant")]);
    let refused = refusal(&china);
    assert!(refused.contains("WARMLINE_CLOUD") && refused.contains("many tenants"), "{refused}");
    let setup = open(&[
        ("ToChannelFromBotLoginUrl", "http://127.0.0.1:1/tenant"),
        ("ToBotFromChannelOpenIdMetadataUrl", "http://localhost:2/metadata"),
        ("ToBotFromChannelTokenIssuer", "https://issuer.example.org"),
        ("ToChannelFromBotOAuthScope", "https://scope.example.org"),
        ("ToBotFromEmulatorOpenIdMetadataUrl", "https://entra.example.org/metadata"),
        ("WARMLINE_CONNECTOR_HOSTS", "*.Smba.example.org, 127.0.0.1:3, localhost"),
        ("WARMLINE_EMULATOR", "on"),
    ]);
    assert_eq!(setup.connector.registration.login, "http://127.0.0.1:1/tenant");
    assert_eq!(setup.verify.metadata, "http://localhost:2/metadata");
    assert_eq!(setup.verify.issuer, "https://issuer.example.org");
    assert_eq!(setup.connector.cloud.scope, "https://scope.example.org/.default");
    assert_eq!(setup.connector.hosts, ["smba.example.org", "127.0.0.1:3", "localhost"]);
    let emulator = setup.verify.emulator.unwrap();
    assert_eq!(emulator.metadata, "https://entra.example.org/metadata");
    assert_eq!(
        (emulator.audiences, emulator.tenants),
        (vec![APP.to_owned()], vec![TENANT.to_owned()])
    );
    assert!(remarks(&with(&[("WARMLINE_EMULATOR", "on")])).contains("WARMLINE_EMULATOR is on"));
}

#[test]
fn what_cannot_be_right_is_named_with_what_to_do() {
    for (more, parts) in [
        (("MicrosoftAppId", "app"), ["MicrosoftAppId", "application (client) id"]),
        (
            ("WARMLINE_PUBLIC_URL", "https://chat.example.org/api/messages/"),
            ["WARMLINE_PUBLIC_URL", "take /api/messages away"],
        ),
        (
            ("WARMLINE_PUBLIC_URL", "https://chat.example.org/api/v1/snowBot/receiveMessage"),
            ["WARMLINE_PUBLIC_URL", "take that path away"],
        ),
        (
            ("MicrosoftAppTenantId", "contoso.onmicrosoft.com"),
            ["MicrosoftAppTenantId", "not its name"],
        ),
        (
            ("MicrosoftAppType", "UserAssignedMSI"),
            ["MicrosoftAppType", "MultiTenant or SingleTenant"],
        ),
        (("WARMLINE_CLOUD", "gcc"), ["WARMLINE_CLOUD", "public or usgov or china"]),
        (("WARMLINE_EMULATOR", "yes"), ["WARMLINE_EMULATOR", "on or off"]),
        (("WARMLINE_USER_TENANTS", "contoso.com"), ["WARMLINE_USER_TENANTS", "ids of tenants"]),
        (
            ("ToChannelFromBotLoginUrl", "http://login.example.org/t"),
            ["ToChannelFromBotLoginUrl", "https"],
        ),
        (
            ("ToChannelFromBotLoginUrl", "https://login.example.org"),
            ["ToChannelFromBotLoginUrl", "tenant"],
        ),
        (("ToChannelFromBotLoginUrl", "login.example.org"), ["ToChannelFromBotLoginUrl", "URL"]),
        (
            ("ToBotFromChannelOpenIdMetadataUrl", "http://keys.example.org/"),
            ["ToBotFromChannelOpenIdMetadataUrl", "https"],
        ),
        (
            ("ToBotFromEmulatorOpenIdMetadataUrl", "https://user@keys.example.org/"),
            ["ToBotFromEmulatorOpenIdMetadataUrl", "without a user"],
        ),
        (("WARMLINE_CONNECTOR_HOSTS", "com"), ["WARMLINE_CONNECTOR_HOSTS", "with a dot"]),
        (
            ("WARMLINE_CONNECTOR_HOSTS", "https://smba.example.org/"),
            ["WARMLINE_CONNECTOR_HOSTS", "cannot be used"],
        ),
        (
            ("WARMLINE_APP_CERTIFICATE_KEY", "hush-key"),
            ["WARMLINE_APP_CERTIFICATE_KEY", "no certificate"],
        ),
        (("WARMLINE_APP_CERTIFICATE_FILE", "x.pem"), ["WARMLINE_APP_CERTIFICATE_FILE", "keep one"]),
    ] {
        let refused = refusal(&with(&[more]));
        for part in parts {
            assert!(refused.contains(part), "{more:?}: {part} in {refused}");
        }
        assert!(!refused.contains("hush") && !refused.contains('\n'), "{refused}");
    }
    let single = [OPEN[0], OPEN[1], ("MicrosoftAppType", "SingleTenant")];
    let refused = refusal(&single);
    for part in ["MicrosoftAppType says", "set MicrosoftAppTenantId"] {
        assert!(refused.contains(part), "{part} in {refused}");
    }
}

#[test]
fn what_says_something_about_no_registration_is_told() {
    let set = [
        ("MicrosoftAppPassword", "hush-the-password"),
        ("WARMLINE_CLOUD", "usgov"),
        ("BOT_APP_ID", OTHER),
    ];
    let said = remarks(&set);
    for (name, _) in &set[..2] {
        assert!(
            said.contains(&format!("{name} is set and has no use without MicrosoftAppId")),
            "{said}"
        );
    }
    assert!(said.contains("BOT_APP_ID is set and has no use without BOT_ENDPOINT"), "{said}");
    let service = ("ChannelService", "https://botframework.azure.us");
    assert!(remarks(&[service]).contains("ChannelService has no use here; WARMLINE_CLOUD"));
    assert!(!remarks(&[service, ("WARMLINE_CLOUD", "usgov")]).contains("ChannelService"));
    assert!(!said.contains("hush"), "{said}");
}

struct Pair {
    certificate: String,
    key: String,
}

fn pair(kind: &'static rcgen::SignatureAlgorithm) -> Pair {
    let key = KeyPair::generate_for(kind).unwrap();
    let certificate = CertificateParams::new(Vec::new()).unwrap().self_signed(&key).unwrap();
    Pair { certificate: certificate.pem(), key: key.serialize_pem() }
}

fn kept(folder: &Path, name: &str, text: &str) -> String {
    let path = folder.join(name);
    std::fs::write(&path, text).unwrap();
    path.display().to_string()
}

#[test]
fn a_certificate_stands_in_for_the_secret_if_it_is_whole() {
    let folder = tempfile::tempdir().unwrap();
    let keep = |name: &str, text: &str| kept(folder.path(), name, text);
    let (rsa, other, ec) =
        (pair(&PKCS_RSA_SHA256), pair(&PKCS_RSA_SHA256), pair(&PKCS_ECDSA_P256_SHA256));
    let certificate = keep("bot.pem", &rsa.certificate);
    let read = |certificate: &str, key: &str| {
        let (id, tenant) = (OPEN[0], OPEN[2]);
        Config::read(&environment(&[
            id,
            tenant,
            ("WARMLINE_APP_CERTIFICATE_FILE", certificate),
            ("WARMLINE_APP_CERTIFICATE_KEY", key),
        ]))
    };
    let file = |name: &str, text: &str| format!("file:{}", keep(name, text));
    let key = file("bot.key", &rsa.key);
    let config = read(&certificate, &key).unwrap();
    let channel = config.settings.bots[0].channel.as_ref().unwrap();
    assert!(matches!(channel.connector.registration.secret, Secret::Certificate(_)));
    let nowhere = folder.path().join("none.pem").display().to_string();
    let locked =
        "-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----\n";
    for (certificate, key, part) in [
        (&certificate, String::new(), "has no private key; set WARMLINE_APP_CERTIFICATE_KEY"),
        (&certificate, file("other.key", &other.key), "does not belong to the certificate"),
        (&certificate, file("ec.key", &ec.key), "must be RSA"),
        (&certificate, file("locked.key", locked), "passphrase"),
        (&certificate, file("no.key", "no key"), "there is no private key"),
        (&keep("no.pem", "no certificate"), key.clone(), "there is no certificate"),
        (&nowhere, key.clone(), "cannot be read"),
    ] {
        let Err(refused) = read(certificate, &key) else { panic!("accepted: {part}") };
        let refused = format!("{:#}", anyhow::Error::from(refused));
        for part in [part, "WARMLINE_APP_CERTIFICATE_FILE"] {
            assert!(refused.contains(part), "{part} in {refused}");
        }
        assert!(!refused.contains("BEGIN RSA PRIVATE KEY-----\n"), "{refused}");
    }
}
