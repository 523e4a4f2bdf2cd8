//! What the environment may say, and what is refused in which words.

use std::collections::BTreeMap;

use gateway::Grant;

use super::{
    master::{DATABASE_FILE, MASTER_KEY_FILE},
    *,
};

mod channels;
mod files;

const MASTER_KEY: &str = "5f2c1a90e7d34b68a1c0ff4e9d7b3a25c8e6f10b2d4a69873e5c7b9a1f0d2e48";

const GRANT_TYPE: &str = "SERVICENOW_GRANT_TYPE";

/// What a start needs at least.
const REQUIRED: [&str; 6] = [
    "SERVICENOW_CLIENT_ID",
    "SERVICENOW_CLIENT_SECRET",
    "SERVICENOW_INSTANCE",
    "WEBHOOK_SECRET",
    "SERVICENOW_USERNAME",
    "SERVICENOW_PASSWORD",
];

fn environment(changes: &[(&str, &str)]) -> Environment {
    let mut values: BTreeMap<String, String> = [
        ("SERVICENOW_CLIENT_ID", "id"),
        ("SERVICENOW_CLIENT_SECRET", "client-secret"),
        ("SERVICENOW_USERNAME", "user"),
        ("SERVICENOW_PASSWORD", "pass word"),
        ("SERVICENOW_INSTANCE", "dev12345"),
        ("WEBHOOK_SECRET", "webhook-secret-of-the-tests"),
        ("WARMLINE_MASTER_KEY", MASTER_KEY),
    ]
    .into_iter()
    .map(|(name, value)| (name.to_owned(), value.to_owned()))
    .collect();
    values.extend(changes.iter().map(|&(name, value)| (name.to_owned(), value.to_owned())));
    // Empty is refused of secrets and paths; here it says that there is none.
    let never = |name: &str| {
        table::SETTINGS.iter().any(|known| known.env == Some(name) && known.is_never_empty())
    };
    values.retain(|name, value| !(value.is_empty() && never(name)));
    Environment { values, unreadable: Vec::new(), file: None }
}

fn refusal(changes: &[(&str, &str)]) -> String {
    match Config::read(&environment(changes)) {
        Ok(_) => panic!("accepted: {changes:?}"),
        Err(error) => error.to_string(),
    }
}

#[test]
fn the_first_six_are_enough() {
    let config = Config::read(&environment(&[])).unwrap();
    assert_eq!(config.listen.to_string(), "127.0.0.1:8080");
    assert_eq!(config.settings.bots[0].bot.as_str(), "default");
    assert!(config.remarks.iter().any(|remark| remark.text.contains("DIRECT_LINE_SECRET")));
}

#[test]
fn private_hosts_hold_for_every_desk_and_what_is_no_host_is_refused_once() {
    let list = "service-now.com, *.corp.example.org";
    let config = Config::read(&environment(&[("WARMLINE_PRIVATE_HOSTS", list)])).unwrap();
    let inside = "10.0.0.5".parse().unwrap();
    assert!(config.settings.desks[0].client.may_be_at(inside));
    let usual = Config::read(&environment(&[])).unwrap();
    assert!(!usual.settings.desks[0].client.may_be_at(inside));
    for (list, problem) in [
        ("10.0.0.0/8", "is no name of a host"),
        ("10.0.0.5", "is an address"),
        ("com", "has one label"),
        ("https://corp.example.org", "is no name of a host"),
    ] {
        let changes = [("WARMLINE_PRIVATE_HOSTS", list)];
        let said = refusal(&changes);
        assert!(said.contains("WARMLINE_PRIVATE_HOSTS") && said.contains(problem), "{said}");
        let Err(all) = Config::look(&environment(&changes)) else { panic!("accepted: {list}") };
        assert_eq!(all.len(), 1, "{all:?}");
    }
}

#[test]
fn trusted_origins_are_a_list_with_commas() {
    let list = "https://Shop.example.org/, http://127.0.0.1:3000";
    let config = Config::read(&environment(&[("WARMLINE_TRUSTED_ORIGINS", list)])).unwrap();
    let trusted: Vec<_> =
        config.settings.bots[0].pages.trusted_origins.iter().map(ToString::to_string).collect();
    assert_eq!(trusted, ["https://shop.example.org", "http://127.0.0.1:3000"]);
    let any = Config::read(&environment(&[])).unwrap();
    assert_eq!(any.settings.bots[0].pages, gateway::PageRules::default());
    let many = vec!["https://a.example"; 201].join(",");
    for (list, problem) in [
        ("*", "holds a text that is no origin"),
        ("https://shop.example.org/chat", "holds a text that is no origin"),
        ("null", "holds a text that is no origin"),
        ("https://a.example,,https://b.example", "holds an empty text"),
        (",", "holds an empty text"),
        (&many, "has more than 200 texts"),
    ] {
        let said = refusal(&[("WARMLINE_TRUSTED_ORIGINS", list)]);
        assert!(said.contains("WARMLINE_TRUSTED_ORIGINS") && said.contains(problem), "{said}");
    }
}

#[test]
fn a_public_key_is_taken_only_beside_the_pages_it_is_for() {
    const KEY: &str = "WARMLINE_WIDGET_KEY";
    let pages = ("WARMLINE_TRUSTED_ORIGINS", "https://shop.example.org");
    let config = Config::read(&environment(&[pages, (KEY, "shop-2f9c41d07e")])).unwrap();
    let key = config.settings.bots[0].pages.widget_key.as_ref();
    assert_eq!(key.map(gateway::WidgetKey::as_str), Some("shop-2f9c41d07e"));
    for (set, problem) in [
        (vec![(KEY, "shop-2f9c41d07e")], "would open chats to every page there is"),
        (vec![pages, (KEY, "short")], "must have 8 to 64"),
        (vec![pages, (KEY, "with a space")], "must have 8 to 64"),
        (vec![pages, (KEY, &"x".repeat(65))], "must have 8 to 64"),
    ] {
        let said = refusal(&set);
        assert!(said.contains(KEY) && said.contains(problem), "{said}");
    }
}

#[test]
fn client_credentials_need_no_user() {
    let set = [
        (GRANT_TYPE, "client_credentials"),
        ("SERVICENOW_USERNAME", ""),
        ("SERVICENOW_PASSWORD", ""),
    ];
    let config = Config::read(&environment(&set)).unwrap();
    assert_eq!(config.settings.desks[0].client.grant, Grant::ClientCredentials);
    let remarks = Config::read(&environment(&set[..1]))
        .unwrap()
        .remarks
        .iter()
        .map(ToString::to_string)
        .collect::<Vec<_>>()
        .join("\n");
    assert!(remarks.contains("SERVICENOW_PASSWORD is set and has no use"), "{remarks}");
    for grant in ["", "password"] {
        let config = Config::read(&environment(&[(GRANT_TYPE, grant)])).unwrap();
        assert_eq!(config.settings.desks[0].client.grant, Grant::Password);
    }
}

#[test]
fn a_grant_that_is_none_is_refused_with_those_there_are() {
    for wrong in ["Password", "client-credentials", "refresh_token"] {
        let sentence = refusal(&[(GRANT_TYPE, wrong)]);
        for name in [GRANT_TYPE, "password", "client_credentials"] {
            assert!(sentence.contains(name), "{sentence}");
        }
    }
}

#[test]
fn opening_data_makes_none_and_asks_for_no_desk() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let text = data.to_str().unwrap();
    let none = Environment {
        values: [("WARMLINE_DATA_DIR".to_owned(), text.to_owned())].into(),
        unreadable: Vec::new(),
        file: None,
    };
    let Err(refused) = Kept::read(&none) else { panic!("there is nothing") };
    assert!(refused.to_string().contains("WARMLINE_DATA_DIR"), "{refused}");
    assert!(!data.exists());
    std::fs::create_dir(&data).unwrap();
    std::fs::write(data.join(DATABASE_FILE), "data").unwrap();
    assert!(matches!(Kept::read(&none), Err(ConfigError::KeyLost { .. })));
    let key = ("WARMLINE_MASTER_KEY".to_owned(), "ab".repeat(32));
    let mut with_key = none;
    with_key.values.extend([key]);
    assert_eq!(Kept::read(&with_key).map(|kept| kept.data_dir).ok(), Some(data));
}

#[test]
fn every_missing_setting_is_named() {
    for name in REQUIRED {
        assert!(refusal(&[(name, "")]).contains(name), "{name}");
    }
    let all = refusal(&[("WEBHOOK_SECRET", ""), ("SERVICENOW_USERNAME", "")]);
    assert!(all.contains("WEBHOOK_SECRET") && all.contains("SERVICENOW_USERNAME"), "{all}");
}

#[test]
fn a_wrong_setting_is_named_in_one_sentence_without_its_value() {
    for (name, value) in [
        ("SERVICENOW_INSTANCE", "http://dev.example.org"),
        ("SERVICENOW_INSTANCE", "not a host"),
        ("WARMLINE_LISTEN", "8080"),
        ("WARMLINE_LISTEN", "0.0.0.0:8080"),
        ("WARMLINE_PUBLIC_URL", "http://chat.example.org"),
        ("WARMLINE_PUBLIC_URL", "chat.example.org"),
        ("DATABASE_URL", "postgres://localhost/x"),
        ("BOT_ENDPOINT", "https://bot.example.org/api/messages"),
        ("WARMLINE_MASTER_KEY", "secret-but-bad"),
        ("WARMLINE_MASTER_KEY_FILE", "key.txt"),
        ("MicrosoftAppId", "a/b"),
        ("WEBHOOK_SECRET", "secret\n"),
        ("WEBHOOK_SECRET", " secret"),
        ("WEBHOOK_SECRET", &"x".repeat(1_025)),
        ("DIRECT_LINE_SECRET", "sécret"),
        ("WARMLINE_PUBLIC_URL", "https://:password@chat.example.org"),
    ] {
        let sentence = refusal(&[(name, value)]);
        let named = sentence.contains(name);
        assert!(named && !sentence.contains('\n'), "{name}={value}: {sentence}");
        assert!(!sentence.contains("secret-but-bad"), "{sentence}");
    }
}

#[test]
fn the_network_is_served_behind_a_proxy_with_tls_only() {
    let behind =
        [("WARMLINE_LISTEN", "0.0.0.0:8080"), ("WARMLINE_PUBLIC_URL", "https://chat.example.org/")];
    let config = Config::read(&environment(&behind)).unwrap();
    assert_eq!(config.settings.public_url.as_deref(), Some("https://chat.example.org"));
}

#[test]
fn the_app_id_names_the_bot() {
    let id = "0a1b2c3d-0000-4000-8000-000000000001";
    let config = Config::read(&environment(&[("MicrosoftAppId", id)])).unwrap();
    assert_eq!(config.settings.bots[0].bot.as_str(), id);
}

#[test]
fn the_master_key_is_made_in_the_data_directory_at_the_first_start() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let text = data.to_str().unwrap();
    let first = environment(&[("WARMLINE_MASTER_KEY", ""), ("WARMLINE_DATA_DIR", text)]);
    Config::read(&first).unwrap();
    assert!(data.join(MASTER_KEY_FILE).exists());
    Config::read(&first).unwrap();
}

#[test]
fn a_lost_master_key_is_not_replaced_beside_the_data_it_sealed() {
    let folder = tempfile::tempdir().unwrap();
    let text = folder.path().to_str().unwrap();
    std::fs::write(folder.path().join(DATABASE_FILE), "data").unwrap();
    let refused = refusal(&[("WARMLINE_MASTER_KEY", ""), ("WARMLINE_DATA_DIR", text)]);
    assert!(refused.contains("master.key"), "{refused}");
    assert!(!folder.path().join(MASTER_KEY_FILE).exists());
}

#[test]
fn a_key_that_lies_alone_where_data_was_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let set = [("WARMLINE_MASTER_KEY", ""), ("WARMLINE_DATA_DIR", data.to_str().unwrap())];
    let told = |set: &[(&str, &str)]| {
        let (environment, lost) = (environment(set), "no database, so the store begins empty");
        let seen = Config::look(&environment).ok().unwrap().remarks;
        let read = Config::read(&environment).ok().unwrap().remarks;
        [seen, read].map(|remarks| remarks.iter().any(|remark| remark.text.contains(lost)))
    };
    assert_eq!(told(&set), [false; 2], "the first start makes the key");
    assert_eq!(told(&set), [true; 2], "it is there, and the database is not");
    assert_eq!(told(&[set[1]]), [false; 2], "another key is meant");
    std::fs::write(data.join(DATABASE_FILE), "data").unwrap();
    assert_eq!(told(&set), [false; 2]);
}

#[test]
fn a_secret_that_opens_a_door_is_long_enough_and_not_one_key_held_down() {
    for name in [
        "WEBHOOK_SECRET",
        "WEBHOOK_SECRET_PREVIOUS",
        "DIRECT_LINE_SECRET",
        "WARMLINE_METRICS_TOKEN",
    ] {
        let is_metrics = name == "WARMLINE_METRICS_TOKEN";
        let least = if is_metrics { "16 characters" } else { "6 characters" };
        for weak in ["x", "birds", if is_metrics { "fifteen-letters" } else { "x" }] {
            let sentence = refusal(&[(name, weak)]);
            assert!(sentence.contains(name) && sentence.contains(least), "{sentence}");
            assert!(sentence.contains("openssl rand"), "{sentence}");
            assert!(!sentence.contains("birds") && !sentence.contains("fifteen"), "{sentence}");
        }
        let sentence = refusal(&[(name, &"121".repeat(20))]);
        assert!(sentence.contains(name) && sentence.contains("repeats"), "{sentence}");
        let environment = |secret| environment(&[(name, secret)]);
        let Err(looked) = Config::look(&environment("birds")) else { panic!("{name} is accepted") };
        assert!(looked[0].to_string().contains(least), "{looked:?}");
        let warned = |secret| {
            let remarks = Config::read(&environment(secret)).unwrap().remarks;
            remarks.iter().any(|remark| {
                let remark = remark.to_string();
                remark.contains(name) && remark.contains("fewer than 16")
            })
        };
        assert!(is_metrics || warned("fifteen-letters"), "{name}");
        assert!(!warned("sixteen--letters"), "{name}");
    }
    // Whose form ServiceNow decides.
    for name in ["SERVICENOW_PASSWORD", "SERVICENOW_CLIENT_SECRET", "SERVICENOW_TOKEN"] {
        assert!(Config::read(&environment(&[(name, "x")])).is_ok(), "{name}");
    }
}

#[test]
fn a_master_key_that_anybody_may_try_begins_nothing_and_can_be_changed() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().to_str().unwrap();
    let zeros = "0".repeat(64);
    let set = [("WARMLINE_MASTER_KEY", &*zeros), ("WARMLINE_DATA_DIR", data)];
    let sentence = refusal(&set);
    assert!(sentence.contains("WARMLINE_MASTER_KEY"), "{sentence}");
    assert!(sentence.contains("rotate-master") && !sentence.contains(&zeros), "{sentence}");
    let looked = Config::look(&environment(&set)).ok().unwrap();
    assert!(matches!(looked.master_key, Err(ConfigError::WeakMasterKey { .. })));
    assert!(Kept::read_or_make(&environment(&set)).is_err(), "no secret is sealed under it");
    std::fs::write(folder.path().join(DATABASE_FILE), "data").unwrap();
    assert!(Kept::read(&environment(&set)).is_ok(), "data that it sealed can be changed");
    std::fs::remove_file(folder.path().join(DATABASE_FILE)).unwrap();
    for (digits, is_warned) in [("ab", true), ("0123", true), ("123456789abcdef0", false)] {
        let key = digits.repeat(64 / digits.len());
        let set = [("WARMLINE_MASTER_KEY", &*key), ("WARMLINE_DATA_DIR", data)];
        let remarks = [
            Config::read(&environment(&set)).unwrap().remarks,
            Config::look(&environment(&set)).ok().unwrap().remarks,
        ];
        for remarks in remarks {
            let said: Vec<_> = remarks.iter().map(ToString::to_string).collect();
            let warned = said.iter().find(|said| said.contains("WARMLINE_MASTER_KEY repeats"));
            assert_eq!(warned.is_some(), is_warned, "{digits}: {said:?}");
            assert!(said.iter().all(|said| !said.contains(&key)), "{said:?}");
        }
    }
    let file = folder.path().join(MASTER_KEY_FILE);
    std::fs::remove_file(&file).ok();
    vault::MasterKey::from_hex(&zeros).unwrap().write_to(&file).unwrap();
    let sentence = refusal(&[("WARMLINE_MASTER_KEY", ""), ("WARMLINE_DATA_DIR", data)]);
    assert!(
        sentence.contains(MASTER_KEY_FILE) && sentence.contains("WARMLINE_DATA_DIR"),
        "{sentence}"
    );
}

#[test]
fn an_empty_secret_or_path_is_not_taken_for_none() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let with = |names: &[&str]| {
        let mut environment = environment(&[("WARMLINE_DATA_DIR", data.to_str().unwrap())]);
        environment.values.extend(names.iter().map(|name| ((*name).to_owned(), String::new())));
        environment
    };
    let never = table::SETTINGS.iter().filter(|setting| setting.is_never_empty());
    let names: Vec<_> =
        never.filter_map(|setting| setting.env).chain(["WARMLINE_CONFIG"]).collect();
    for name in ["WARMLINE_MASTER_KEY", "WARMLINE_MASTER_KEY_FILE", "SERVICENOW_CA_FILE"] {
        assert!(names.contains(&name), "{name}");
    }
    for name in names {
        let Err(refused) = Config::read(&with(&[name])) else { panic!("accepted: {name}") };
        let sentence = refused.to_string();
        let begin = format!("{name} is set to nothing: fill in the value");
        assert!(sentence.starts_with(&begin) && sentence.contains(&format!("unset {name};")));
    }
    assert!(!data.exists(), "nothing is made");
    let two = with(&["WEBHOOK_SECRET", "DIRECT_LINE_SECRET"]);
    let [refused] = &Config::look(&two).err().unwrap()[..] else { panic!("one sentence") };
    assert_eq!(refused.code(), "empty");
    assert!(refused.to_string().contains("WEBHOOK_SECRET, DIRECT_LINE_SECRET are set to nothing"));
    // A word of another kind may be.
    assert!(Config::read(&with(&["WARMLINE_LANGUAGE"])).is_ok());
}

#[test]
fn a_secret_is_kept_if_it_may_open_the_doors_that_refer_to_it() {
    let environment = environment(&[("DIRECT_LINE_SECRET", "vault:pages")]);
    let keep = |name: &str, secret: &str| may_be_kept(&environment, name, &secret.into());
    let sentence = keep("pages", "x").unwrap_err().to_string();
    assert!(sentence.contains("DIRECT_LINE_SECRET") && sentence.contains("16 characters"));
    assert!(keep("pages", "sixteen--letters").is_ok());
    assert!(keep("servicenow-password", "x").is_ok(), "its form is ServiceNow's");
}

#[test]
fn what_has_no_use_is_said() {
    let set = [("WARMLINE_LISTNE", "127.0.0.1:1"), ("MicrosoftAppType", "SingleTenant")];
    let remarks = Config::read(&environment(&set))
        .unwrap()
        .remarks
        .iter()
        .map(ToString::to_string)
        .collect::<Vec<_>>()
        .join("\n");
    for (name, _) in set {
        assert!(remarks.contains(name), "{remarks}");
    }
}

#[test]
fn a_hash_that_is_guessed_quickly_is_said_to_be() {
    let hash = |cost: &str| {
        format!(
            "$argon2id$v=19${cost}$YSBzYWx0IG9mIGEgdGVzdA$WKYXEMtXRHX4/34QKHCu15BlvipuWeIHUwwvCGrhm9M"
        )
    };
    for (cost, is_weak) in
        [("m=8,t=1,p=1", true), ("m=19456,t=1,p=1", true), ("m=7168,t=5,p=1", false)]
    {
        let hash = hash(cost);
        let set = [("WARMLINE_CONSOLE_PASSWORD_HASH", hash.as_str())];
        let remarks = Config::read(&environment(&set)).unwrap().remarks;
        let said = remarks.iter().any(|remark| {
            remark.kind == RemarkKind::Weak && remark.text.contains("the password of admin quickly")
        });
        assert_eq!(said, is_weak, "{cost}: {remarks:?}");
    }
}

#[test]
fn a_setting_that_is_no_text_is_not_taken_for_missing() {
    let mut environment = environment(&[("WARMLINE_MASTER_KEY", "")]);
    environment.unreadable = vec!["LANG".to_owned(), "WARMLINE_MASTER_KEY".to_owned()];
    let Err(refused) = Config::read(&environment) else { panic!("accepted") };
    assert!(refused.to_string().contains("WARMLINE_MASTER_KEY"), "{refused}");
}
