//! What the file may say, and what is refused in which words.

use std::{os::unix::fs::PermissionsExt, path::PathBuf, time::Duration};

use gateway::{Policy, secrets};
use proptest::prelude::*;
use secrecy::ExposeSecret;
use vault::Vault;

use super::{
    super::{
        draft::default_of,
        table::{Change, Kind, SETTINGS},
        value::{Value, span_text},
    },
    *,
};

/// A file that would start, apart from what a test adds.
const DESK: &str = r#"
[tenants.acme.desks.it]
instance = "dev12345"
client_id = "id"
client_secret = "hush-client-secret"
username = "user"
password = "hush-password"
webhook_secret = "hush-webhook-secret-1"
"#;

/// The id of an app.
const APP: &str = "00000000-0000-0000-0000-0000000000a1";

struct Folder(tempfile::TempDir);

impl Folder {
    fn with(text: &str) -> Self {
        let folder = Self(tempfile::tempdir().unwrap());
        folder.write("warmline.toml", text, 0o600);
        folder
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn write(&self, name: &str, text: &str, mode: u32) {
        std::fs::write(self.path(name), text).unwrap();
        let mode = std::fs::Permissions::from_mode(mode);
        std::fs::set_permissions(self.path(name), mode).unwrap();
    }

    fn environment(&self, changes: &[(&str, &str)]) -> Environment {
        let own = |&(name, value): &(&str, &str)| (name.to_owned(), value.to_owned());
        Environment {
            values: changes.iter().map(own).collect(),
            unreadable: Vec::new(),
            file: Some(self.path("warmline.toml")),
        }
    }

    fn read(&self, changes: &[(&str, &str)]) -> Config {
        match Config::read(&self.environment(changes)) {
            Ok(config) => config,
            Err(error) => panic!("refused: {error}"),
        }
    }

    fn refusal(&self, changes: &[(&str, &str)]) -> String {
        match Config::read(&self.environment(changes)) {
            Ok(_) => panic!("accepted"),
            Err(error) => {
                let sentence = format!("{:#}", anyhow::Error::from(error));
                assert!(!sentence.contains("hush"), "no secret is told: {sentence}");
                assert!(!self.path("data").exists(), "nothing is made before all is right");
                sentence
            }
        }
    }
}

fn refusal(text: &str) -> String {
    Folder::with(text).refusal(&[])
}

#[test]
fn the_file_says_where_traces_go_unless_the_environment_does() {
    let traced = |endpoint| {
        let table =
            format!("[telemetry]\notlp_endpoint = \"{endpoint}\"\nservice_name = \"chat\"\n");
        format!("{table}{DESK}")
    };
    let set = |config: &Config, name| config.telemetry.get(name).map(str::to_owned);
    let (endpoint, name) = ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_SERVICE_NAME");
    let folder = Folder::with(&traced("http://of-the-file:4318"));
    let config = folder.read(&[]);
    assert_eq!(set(&config, endpoint).as_deref(), Some("http://of-the-file:4318"));
    assert_eq!(set(&config, name).as_deref(), Some("chat"));
    let config = folder.read(&[(endpoint, "http://of-the-environment"), (name, "other")]);
    assert_eq!(set(&config, endpoint).as_deref(), Some("http://of-the-environment"));
    assert_eq!(set(&config, name).as_deref(), Some("other"));
    let config = Folder::with(DESK).read(&[]);
    assert_eq!((set(&config, endpoint), set(&config, name)), (None, None), "off, and unnamed");
    for wrong in ["127.0.0.1:4318", "http://user:hush@collector"] {
        let sentence = refusal(&traced(wrong));
        assert!(sentence.contains("`telemetry.otlp_endpoint` on line 2 of"), "{sentence}");
        assert!(sentence.contains("must "), "{sentence}");
    }
}

#[test]
fn where_it_listens_is_known_from_a_file_that_is_wrong_otherwise() {
    let at = |text: &str, changes: &[(&str, &str)]| {
        listen_alone(&Folder::with(text).environment(changes))
            .map_or_else(|error| error.to_string(), |address| address.to_string())
    };
    for wrong in [
        "listen = \"127.0.0.1:9000\"\nlisten_on = 1\nlanguage = \"klingon\"\n[nonsense]\n",
        "language = = \"en\"\nlisten = \"127.0.0.1:9000\"\n[tenants.acme.desks.it]\nx = \n",
        "listen = \"127.0.0.1:9000\"\n[tenants.acme.desks",
    ] {
        refusal(wrong);
        assert_eq!(at(wrong, &[]), "127.0.0.1:9000", "{wrong}");
        assert_eq!(at(wrong, &[("WARMLINE_LISTEN", "0.0.0.0:80")]), "0.0.0.0:80", "as it starts");
    }
    assert_eq!(at(DESK, &[]), "127.0.0.1:8080");
    for (wrong, names) in [
        ("listen = \"8080\"\n", "`listen` on line 1 of"),
        ("\nlisten = 8080\n", "`listen` on line 2"),
    ] {
        assert!(at(wrong, &[]).contains(names), "{}", at(wrong, &[]));
    }
    assert!(at(DESK, &[("WARMLINE_LISTEN", "here")]).contains("WARMLINE_LISTEN must be"));
}

#[test]
fn a_file_says_it_all_for_many_tenants_desks_and_bots() {
    let text = format!(
        "listen = \"127.0.0.1:9000\"\npublic_url = \"https://chat.example.org/\"\nlanguage = \"de\"\n\
         data_dir = \"data\"\n[console]\npassword_hash = \"$argon2id$v=19$m=19456,t=2,p=1$2837436c7574915be4425913d8ef1355$8mvcsV9EFJK845ZYb1OBtYpKKNbtf20OAKACO7Xugfo\"\n\
         [metrics]\ntoken = \"metrics-token-12345\"\n{DESK}\
         command_words = [\"Bye \", \"restart\"]\nnobody_texts = [\"niemand ist da\"]\n\
         [tenants.acme.desks.hr]\ninstance = \"hr.example.org\"\nclient_id = \"id2\"\n\
         client_secret = \"hush-2\"\ngrant_type = \"client_credentials\"\n\
         webhook_secret = \"hush-webhook-secret-2\"\nmessage_token = \"token\"\n\
         [tenants.acme.bots.help]\ndesk = \"hr\"\nlongest_wait = \"1h 30min\"\nagent_idle = \"5min\"\n\
         end_phrases = [\"Tschüss!\"]\nlane_max = 7\ndirect_line_secret = \"hush-direct-line\"\n\
         [tenants.acme.bots.other]\ndesk = \"it\"\napp_id = \"00000000-0000-0000-0000-0000000000a1\"\n\
         [tenants.beta.desks.only]\ninstance = \"beta\"\nclient_id = \"id3\"\n\
         client_secret = \"hush-3\"\nusername = \"u\"\npassword = \"p\"\n\
         webhook_secret = \"hush-webhook-secret-3\"\n"
    );
    let folder = Folder::with(&text);
    let Config { listen, settings, .. } = folder.read(&[]);
    assert_eq!(listen.port(), 9_000);
    assert_eq!(settings.public_url.as_deref(), Some("https://chat.example.org"));
    assert_eq!(settings.language, Language::German);
    assert_eq!(settings.data_dir, folder.path("data"), "beside the file");
    assert!(settings.console_password_hash.is_some() && settings.metrics_token.is_some());
    let desks: Vec<_> = settings
        .desks
        .iter()
        .map(|desk| (desk.tenant.as_str(), desk.desk.as_str(), desk.client.grant))
        .collect();
    let (password, client) = (Grant::Password, Grant::ClientCredentials);
    let expected = [("acme", "hr", client), ("acme", "it", password), ("beta", "only", password)];
    assert_eq!(desks, expected);
    assert_eq!(settings.desks[1].command_words, ["bye", "restart"]);
    assert_eq!(settings.desks[1].wording.nobody, ["niemand ist da"]);
    assert_eq!(settings.desks[0].command_words, gateway::COMMAND_WORDS);
    let bots: Vec<_> = settings
        .bots
        .iter()
        .map(|bot| (bot.tenant.as_str(), bot.bot.as_str(), bot.policy.desk.as_str()))
        .collect();
    let expected = [("acme", "help", "hr"), ("acme", APP, "it"), ("beta", "default", "only")];
    assert_eq!(bots, expected);
    let policy = &settings.bots[0].policy;
    assert_eq!(policy.longest_wait, Duration::from_mins(90));
    assert_eq!(policy.agent_idle, Some(Duration::from_mins(5)));
    assert_eq!((policy.phrases.end.as_slice(), policy.lane_max), (&["tschüss".to_owned()][..], 7));
}

#[test]
fn the_defaults_of_the_table_are_those_of_the_program() {
    for setting in SETTINGS {
        let default = setting.default.map(|_| default_of(setting).is_some());
        assert_ne!(default, Some(false), "{}", setting.id);
        let example = toml::de::DeValue::parse(setting.example).unwrap();
        setting
            .read_toml(example.get_ref())
            .unwrap_or_else(|error| panic!("{}: {error}", setting.id));
    }
    let settings = Folder::with(DESK).read(&[]).settings;
    assert_eq!(settings.bots[0].policy, Policy::new(DeskId::new("it").unwrap()));
    let [desk, standard] = [&settings.desks[0].wording, &gateway::Wording::default()]
        .map(|wording| (wording.nobody.clone(), wording.ended.clone(), wording.joined.clone()));
    assert_eq!(desk, standard);
    assert_eq!(settings.desks[0].command_words, gateway::COMMAND_WORDS);
}

#[test]
fn what_is_no_setting_is_refused_with_its_line_and_the_nearest_one() {
    for (wrong, parts) in [
        ("public-url = \"https://x.org\"", ["line 1", "`public_url`"]),
        ("[consol]\npassword_hash = \"x\"", ["`consol` on line 1", "`console`"]),
        ("[tenant.a.desks.b]\n", ["`tenant` on line 1", "`tenants`"]),
        ("[tenants.a.desk.b]\n", ["`tenants.a.desk` on line 1", "`desks`"]),
        (
            "[tenants.a.desks.b]\n\ninstanse = \"dev1\"",
            ["`tenants.a.desks.b.instanse` on line 3", "`instance`"],
        ),
        ("[tenants.a.bots.b]\nlongestwait = \"1h\"", ["line 2", "`longest_wait`"]),
        ("[metrics]\nurl = 1", ["`metrics.url` on line 2", "is no setting"]),
    ] {
        let sentence = refusal(wrong);
        for part in parts.into_iter().chain(["warmline.toml"]) {
            assert!(sentence.contains(part), "{part} in {sentence}");
        }
    }
    assert!(!refusal("[metrics]\nurl = 1").contains("did you mean"), "nothing is near");
    let two = refusal("lisnet = 1\n\nlangage = \"en\"\n");
    assert!(two.contains("line 1") && two.contains("line 3"), "all are told: {two}");
}

#[test]
fn a_wrong_value_is_refused_with_key_line_and_what_is_allowed() {
    for (wrong, parts) in [
        ("listen = 8080", ["`listen` on line 1", "quotation marks"]),
        ("\nlanguage = \"fr\"", ["`language` on line 2", "en or de"]),
        ("data_dir = [\"hush\"]", ["`data_dir`", "must be a text"]),
        ("console = 1", ["`console`", "table"]),
        ("tenants = 1", ["`tenants`", "table"]),
        ("[tenants]\nacme = \"hush\"", ["`tenants.acme`", "table"]),
        ("[tenants.\"a b\".desks.x]\n", ["line 1", "letters, digits"]),
        ("[tenants.a.bots.b]\nsilence = 60", ["silence", "\"60s\""]),
        ("[tenants.a.bots.b]\nsilence = \"hush\"", ["silence", "30min"]),
        ("[tenants.a.bots.b]\nsilence = \"0s\"", ["silence", "from 1s"]),
        ("[tenants.a.bots.b]\nsilence = \"31d\"", ["silence", "30d"]),
        ("[tenants.a.bots.b]\nsilence = \"99999999999999999999h\"", ["silence", "length of time"]),
        ("[tenants.a.bots.b]\nlane_max = 0", ["lane_max", "from 1"]),
        ("[tenants.a.bots.b]\nlane_max = -1", ["lane_max", "whole number"]),
        ("[tenants.a.bots.b]\nend_phrases = \"bye\"", ["end_phrases", "list of texts"]),
        ("[tenants.a.desks.b]\nnobody_texts = [\"\"]", ["nobody_texts", "empty"]),
        (
            "[tenants.a.desks.b]\nwebhook_secret = \"vault:a/b\"",
            ["webhook_secret", "letters, digits"],
        ),
        ("[tenants.a.desks.b]\nwebhook_secret = \"env:\"", ["webhook_secret", "names no variable"]),
        ("a = \"hush", ["line 1", "is no TOML"]),
        ("listen = \"x\"\nlisten = \"hush\"", ["line 2", "is no TOML"]),
    ] {
        let sentence = refusal(wrong);
        for part in parts {
            assert!(sentence.contains(part), "{part} in {sentence}");
        }
    }
}

#[test]
fn settings_that_do_not_fit_each_other_are_refused() {
    let bot = "[tenants.acme.bots.b]\n";
    let second = DESK.replace("desks.it", "desks.hr");
    let direct_line = "direct_line_secret = \"hush-webhook-secret-1\"\n";
    for (text, parts) in [
        (format!("{DESK}{bot}silence = \"1h\""), ["silence", "must be shorter than"]),
        (format!("{DESK}{bot}idle_warning = \"4h\""), ["idle_warning", "must be shorter than"]),
        (format!("{DESK}{bot}desk = \"itt\""), ["no desk of tenant acme", "did you mean `it`"]),
        (format!("{DESK}[tenants.beta.bots.b]\n"), ["tenant beta has no desk", "bots.b.desk"]),
        (format!("{DESK}{second}"), ["several desks", "must be set"]),
        (format!("{DESK}{second}{bot}desk = \"it\""), ["is the same as", "webhook secret"]),
        (format!("{DESK}{bot}{direct_line}"), ["is the same as", "Direct Line secret"]),
        (format!("{DESK}{bot}app_id = \"a/b\""), ["app_id", "application (client) id"]),
        (
            format!("{DESK}{bot}app_id = \"{APP}\"\n[tenants.acme.bots.c]\napp_id = \"{APP}\""),
            ["two bots one", "app_id"],
        ),
        (
            format!("{DESK}{bot}app_id = \"{APP}\"\napp_type = \"SingleTenant\""),
            ["`tenants.acme.bots.b.app_type` on line 11", "`tenants.acme.bots.b.app_tenant`"],
        ),
        (
            format!("{DESK}{bot}app_id = \"{APP}\"\nconnector_hosts = [\"org\"]"),
            ["`tenants.acme.bots.b.connector_hosts` on line 11", "with a dot"],
        ),
        (
            {
                let open = format!("app_id = \"{APP}\"\napp_password = \"hush-app\"\n");
                let beta = DESK.replace("acme", "beta").replace("secret-1", "secret-2");
                let upper = open.replace("0a1", "0A1");
                format!("{DESK}{bot}{open}{beta}[tenants.beta.bots.c]\n{upper}")
            },
            ["`app_id` of tenant beta", "each needs its own registration"],
        ),
        (format!("public_url = \"http://x.org\"\n{DESK}"), ["`public_url` on line 1", "https"]),
        (format!("listen = \"0.0.0.0:80\"\n{DESK}"), ["`listen` on line 1", "plain http"]),
        (DESK.replace("dev12345", "http://dev.org"), ["instance` on line 3", "must be https"]),
        (DESK.replace("hush-webhook-secret-1", "hush secret"), ["webhook_secret", "blank"]),
        (format!("{DESK}webhook_header = \"X-Real-IP\""), ["webhook_header", "meaning of its own"]),
        (format!("{DESK}webhook_header = \"x-forwarded-host\""), ["webhook_header", "meaning of"]),
        (format!("{DESK}webhook_header = \"via\""), ["webhook_header", "meaning of its own"]),
        (format!("{DESK}webhook_header = \"True-Client-IP\""), ["webhook_header", "meaning of"]),
        (format!("{DESK}webhook_header = \"cf-ray\""), ["webhook_header", "meaning of its own"]),
    ] {
        let sentence = refusal(&text);
        for part in parts {
            assert!(sentence.contains(part), "{part} in {sentence}");
        }
    }
    let missing = refusal(&DESK.replace("client_id", "# client_id"));
    assert!(missing.contains("tenants.acme.desks.it.client_id"), "{missing}");
    assert!(missing.contains("SERVICENOW_CLIENT_ID"), "{missing}");
}

#[test]
fn the_environment_wins_over_the_file_for_the_only_desk_and_bot() {
    let folder = Folder::with(&format!("{DESK}[tenants.acme.bots.b]\n"));
    let set = [
        ("SERVICENOW_INSTANCE", "other"),
        ("WARMLINE_LISTEN", "127.0.0.1:1"),
        ("DIRECT_LINE_SECRET", "a-direct-line-secret"),
    ];
    let config = folder.read(&set);
    let host = config.settings.desks[0].client.base().host_str().map(str::to_owned);
    assert_eq!(host.as_deref(), Some("other.service-now.com"));
    assert_eq!(config.listen.port(), 1);
    assert_eq!(config.settings.desks.len(), 1);
    assert!(config.settings.bots[0].direct_line_secret.is_some());
    assert_eq!(config.settings.bots[0].bot.as_str(), "b");
}

#[test]
fn among_several_desks_the_environment_is_about_the_default_one_or_refused() {
    let second = DESK.replace("desks.it", "desks.hr").replace("secret-1", "secret-2");
    let bot = "[tenants.acme.bots.b]\ndesk = \"it\"\n";
    let set = [("SERVICENOW_INSTANCE", "other")];
    let sentence = Folder::with(&format!("{DESK}{second}{bot}")).refusal(&set);
    assert!(
        sentence.contains("SERVICENOW_INSTANCE is set, but the file has several"),
        "{sentence}"
    );
    let named = DESK.replace("acme.desks.it", "default.desks.default");
    let folder = Folder::with(&format!("{named}{second}"));
    let settings = folder.read(&set).settings;
    let hosts: Vec<_> = settings.desks.iter().map(|desk| desk.client.base().as_str()).collect();
    assert_eq!(hosts, ["https://dev12345.service-now.com/", "https://other.service-now.com/"]);
}

#[test]
fn a_secret_in_a_file_that_others_can_read_is_refused_and_a_reference_is_not() {
    let folder = Folder::with(DESK);
    for mode in [0o640, 0o604, 0o644] {
        folder.write("warmline.toml", DESK, mode);
        let sentence = folder.refusal(&[]);
        for part in ["client_secret` on line 5", "chmod 600"] {
            assert!(sentence.contains(part), "{part} in {sentence}");
        }
    }
    let by_reference = DESK
        .replace("hush-client-secret", "env:SECRET")
        .replace("hush-password", "file:password")
        .replace("hush-webhook-secret-1", "file:hook");
    folder.write("warmline.toml", &by_reference, 0o644);
    folder.write("password", "pass word\r\n", 0o600);
    folder.write("hook", "a-long-webhook-secret\n", 0o644);
    let config = folder.read(&[("SECRET", "of the variable")]);
    let credentials = &config.settings.desks[0].client.credentials;
    assert_eq!(credentials.client_secret.expose_secret(), "of the variable");
    assert_eq!(credentials.password.expose_secret(), "pass word");
    let hook = config.settings.desks[0].webhook_secret.expose_secret();
    assert_eq!(hook, "a-long-webhook-secret");
    let warned = |part: &str| config.remarks.iter().any(|remark| remark.text.contains(part));
    assert!(warned("hook, which others can read; run: chmod 600"), "{:?}", config.remarks);
    assert!(!warned("/password, which others"));
}

#[test]
fn a_reference_that_leads_nowhere_is_refused_in_words() {
    for (reference, part) in [
        ("env:NOWHERE", "the variable NOWHERE, which is not set"),
        ("file:nowhere", "nowhere, which cannot be read"),
        ("file:empty", "which is empty"),
        ("file:/dev/zero", "it is no file"),
        ("file:pipe", "it is no file"),
        ("file:long", "longer than 8 KiB"),
        ("vault:nowhere", "warmline secret set nowhere"),
    ] {
        let folder = Folder::with(&DESK.replace("hush-client-secret", reference));
        folder.write("empty", "\n", 0o600);
        folder.write("long", &"x".repeat(10_000), 0o600);
        let made = std::process::Command::new("mkfifo").arg(folder.path("pipe")).status();
        assert!(made.unwrap().success());
        let sentence = folder.refusal(&[]);
        assert!(sentence.contains(part) && sentence.contains("client_secret"), "{sentence}");
    }
    let sentence = refusal(&format!("master_key = \"vault:key\"\n{DESK}"));
    assert!(sentence.contains("master key itself opens"), "{sentence}");
}

#[test]
fn a_sealed_secret_is_found_under_the_master_key() {
    let folder = Folder::with(&DESK.replace("hush-client-secret", "vault:snow"));
    let environment = folder.environment(&[]);
    let Kept { data_dir, master_key, .. } = Kept::read_or_make(&environment).unwrap();
    let vault = Vault::new(&master_key).unwrap();
    secrets::keep_alone(&data_dir, &vault, "snow", Some(&"of the vault".into())).unwrap();
    let config = folder.read(&[]);
    let credentials = &config.settings.desks[0].client.credentials;
    assert_eq!(credentials.client_secret.expose_secret(), "of the vault");
    let other = folder.environment(&[("WARMLINE_MASTER_KEY", &"cd".repeat(32))]);
    let Err(refused) = Config::read(&other) else { panic!("accepted") };
    let refused = format!("{:#}", anyhow::Error::from(refused));
    assert!(refused.contains("the master key is not the one"), "{refused}");
}

#[test]
fn the_default_file_holds_every_setting_switched_off_and_is_right_when_switched_on() {
    let text = document::default_file();
    assert!(text.lines().all(|line| line.is_empty() || line.starts_with('#')), "all off");
    let on: Vec<_> = text
        .lines()
        .filter_map(|line| line.strip_prefix("# "))
        .filter(|line| {
            line.starts_with('[')
                || SETTINGS.iter().any(|s| line.starts_with(&format!("{} = ", s.key())))
        })
        .collect();
    assert_eq!(on.len(), SETTINGS.len() + 8, "each setting once, and the tables");
    check_text(&on.join("\n"), std::path::Path::new("default")).unwrap();
}

#[test]
fn the_reference_in_the_docs_is_that_of_the_program() {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/configuration.md");
    let kept = std::fs::read_to_string(path).unwrap();
    assert!(
        kept == document::reference(),
        "write it anew: cargo run -p warmline -- config reference > docs/configuration.md"
    );
}

#[test]
fn what_is_in_force_is_shown_with_its_origin_and_without_secrets() {
    let folder = Folder::with(&format!("{DESK}message_token = \"vault:token\"\n"));
    let environment = folder.environment(&[
        ("WARMLINE_LISTEN", "127.0.0.1:1"),
        ("DIRECT_LINE_SECRET", "hush-direct-line"),
    ]);
    let shown = document::in_force(&environment).unwrap();
    for line in [
        "listen = \"127.0.0.1:1\"  # WARMLINE_LISTEN",
        "instance = \"dev12345\"  # line 3",
        "client_secret = \"(secret)\"  # line 5",
        "message_token = \"vault:token\"  # line 9",
        "direct_line_secret = \"(secret)\"  # DIRECT_LINE_SECRET",
        "silence = \"60s\"  # default",
        "# public_url is not set",
        "[tenants.acme.bots.default]",
    ] {
        assert!(shown.lines().any(|shown| shown == line), "{line} in {shown}");
    }
    assert!(!shown.contains("hush"), "{shown}");
    check_text(&shown, std::path::Path::new("shown")).unwrap();
}

#[test]
fn every_variable_and_every_name_stands_once_in_the_table() {
    let mut names: Vec<_> = SETTINGS.iter().map(|setting| setting.id).collect();
    names.extend(SETTINGS.iter().filter_map(|setting| setting.env));
    names.sort_unstable();
    let all = names.len();
    names.dedup();
    assert_eq!(names.len(), all);
    let live = SETTINGS.iter().filter(|setting| setting.change == Change::Reload);
    assert!(live.count() > SETTINGS.len() / 2);
}

/// Something like a file: real keys, wrong ones, and rubbish.
fn something() -> impl Strategy<Value = String> {
    let key = prop_oneof![
        proptest::sample::select(SETTINGS.iter().map(|s| s.key().to_owned()).collect::<Vec<_>>()),
        "[a-z_.\"]{0,12}",
    ];
    let value = prop_oneof![
        "\"[ -~]{0,20}\"",
        "[0-9]{1,24}(s|min|h|d)?",
        "\"[0-9]{1,24}(s|min|h|d|m)?\"",
        Just("[\"a\", 1, [ ]]".to_owned()),
        Just("{ a = 1 }".to_owned()),
        "\\PC{0,20}",
    ];
    let line = prop_oneof![
        (key, value).prop_map(|(key, value)| format!("{key} = {value}")),
        proptest::sample::select(vec![
            "[console]",
            "[metrics]",
            "[tenants.a.desks.b]",
            "[tenants.a.bots.b]",
            "[tenants.ä.bots.b]",
            "[tenants.a.what.b]",
            "[[tenants]]",
        ])
        .prop_map(str::to_owned),
        "\\PC{0,40}",
    ];
    proptest::collection::vec(line, 0..12).prop_map(|lines| lines.join("\n"))
}

proptest! {
    #[test]
    fn no_text_makes_the_reader_panic_and_no_refusal_has_two_lines(text in something()) {
        if let Err(error) = check_text(&text, std::path::Path::new("f")) {
            prop_assert!(!error.to_string().contains('\n'), "{error}");
        }
    }

    #[test]
    fn no_value_of_a_variable_panics_and_no_secret_is_quoted(at in 0..SETTINGS.len(), text in "\\PC{0,60}") {
        let setting = &SETTINGS[at];
        if let Ok(value) = setting.read_text(&text)
            && matches!(setting.kind, Kind::Secret)
            && let Value::Secret(secret) = &value
            && matches!(secret, super::super::value::Secret::Plain(_))
        {
            prop_assert_eq!(value.shown(), "\"(secret)\"");
        }
    }

    #[test]
    fn a_length_of_time_is_read_as_it_is_written(seconds in 1_u64..2_592_000) {
        let span = Duration::from_secs(seconds);
        let setting = SETTINGS.iter().find(|setting| setting.id == "bot.silence").unwrap();
        let Ok(Value::Span(read)) = setting.read_text(&span_text(span)) else {
            panic!("refused")
        };
        prop_assert_eq!(read, span);
    }
}

#[test]
fn phrases_that_go_with_the_language_wait_for_it() {
    let phrases = |config: &Config| config.settings.bots[0].policy.phrases.clone();
    let german = format!("language = \"de\"\n{DESK}");
    let own = format!("{german}[tenants.acme.bots.b]\nend_phrases = [\"fertig\"]\n");
    for spoken in Language::ALL {
        let folder = Folder::with(DESK);
        folder.read(&[]);
        for (text, wanted) in [(DESK, Language::English), (&german, Language::German)] {
            folder.write("warmline.toml", text, 0o600);
            let environment = folder.environment(&[]);
            let again =
                Config::read_again(&environment, &folder.path("data"), spoken).ok().unwrap();
            assert_eq!(again.settings.language, wanted, "what is wanted is known");
            assert_eq!(phrases(&again), spoken.phrases(), "what users are told works");
        }
        folder.write("warmline.toml", &own, 0o600);
        let environment = folder.environment(&[]);
        let again = Config::read_again(&environment, &folder.path("data"), spoken).ok().unwrap();
        assert_eq!(phrases(&again).end, ["fertig"], "those that were set change at once");
        assert_eq!(phrases(&again).escalate, spoken.phrases().escalate);
    }
}

#[test]
fn operators_whose_hashes_are_less_work_than_anothers_are_named() {
    let hash = |memory: u32| {
        format!(
            "$argon2id$v=19$m={memory},t=2,p=1$2837436c7574915be4425913d8ef1355$8mvcsV9EFJK845ZYb1OBtYpKKNbtf20OAKACO7Xugfo"
        )
    };
    let told = |admin: u32, ada: u32, kim: u32| {
        let text = format!(
            "[console]\npassword_hash = \"{}\"\n[operators.ada]\npassword_hash = \"{}\"\n\
             [operators.kim]\npassword_hash = \"{}\"\n{DESK}",
            hash(admin),
            hash(ada),
            hash(kim)
        );
        let folder = Folder::with(&text);
        let data = folder.path("data");
        let environment = folder.environment(&[("WARMLINE_DATA_DIR", data.to_str().unwrap())]);
        let remarks = Config::look(&environment).ok().unwrap().remarks;
        let text = |remark: &Remark| remark.text.contains("sign-in").then(|| remark.text.clone());
        remarks.iter().find_map(text)
    };
    assert_eq!(told(19_456, 19_456, 19_456), None);
    let one = told(19_456, 8_192, 19_456).unwrap();
    assert!(one.contains("operator ada:") && one.contains("console-password"), "{one}");
    assert!(told(4_096, 19_456, 8_192).unwrap().contains("operator admin, kim:"));
}

#[test]
fn settings_are_called_by_what_they_were_set_by() {
    let two = format!(
        "public_url = \"http://127.0.0.1:8080\"\n{DESK}{}[tenants.default.bots.default]\n\
         [tenants.acme.bots.help]\nendpoint = \"http://127.0.0.1:3978/api/messages\"\n",
        DESK.replace("acme.desks.it", "default.desks.default").replace("secret-1", "secret-2")
    );
    let folder = Folder::with(&two);
    let environment = folder.environment(&[("SERVICENOW_CLIENT_ID", "other")]);
    let look = Config::look(&environment).ok().unwrap();
    let mut desks = look.desks();
    let (desk, called) = desks.next().unwrap();
    assert_eq!(desk.tenant.as_str(), "acme");
    assert_eq!(desk.client.names.client_id, "`tenants.acme.desks.it.client_id`");
    assert_eq!(called.setting("desk.ca_file"), "`tenants.acme.desks.it.ca_file`");
    assert_eq!(called.setting("public_url"), "`public_url`");
    assert_eq!(called.setting("listen"), "`listen` (or WARMLINE_LISTEN)");
    // The environment is about the one called `default`.
    let (desk, called) = desks.next().unwrap();
    assert_eq!(desk.client.names.client_id, "SERVICENOW_CLIENT_ID");
    assert_eq!(desk.client.names.username, "`tenants.default.desks.default.username`");
    let file = "`tenants.default.desks.default.ca_file` (or SERVICENOW_CA_FILE)";
    assert_eq!(called.setting("desk.ca_file"), file);
    let (bot, called) = look.bots().next().unwrap();
    assert_eq!(bot.bot.as_str(), "help");
    assert_eq!(called.setting("bot.endpoint"), "`tenants.acme.bots.help.endpoint`");
}
