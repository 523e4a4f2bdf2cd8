//! `warmline check`: one test for each thing that it finds.

mod behind;
mod callers;
mod channel;
mod front;
mod tls;

use serde_json::Value;
use simulator::{Fault, Times};
use tokio::time::timeout;

use self::front::Front;
use crate::{
    house::{ANOTHER_KEY, House, Setting},
    moved_clock::MovedClock,
    process::{Environment, WITHIN, command, free_port},
};

/// What one run of the check said.
pub(crate) struct Report {
    pub(crate) code: i32,
    json: Value,
}

impl Report {
    /// Status and code of a check.
    pub(crate) fn of(&self, check: &str) -> (&str, &str) {
        let finding = self.finding(check);
        (finding["status"].as_str().unwrap(), finding["code"].as_str().unwrap())
    }

    fn finding(&self, check: &str) -> &Value {
        let mut found = self.json["checks"].as_array().unwrap().iter();
        let finding = found.find(|finding| finding["check"] == check);
        finding.unwrap_or_else(|| panic!("no {check} in {:#}", self.json))
    }

    fn fix(&self, check: &str) -> &str {
        self.finding(check)["fix"].as_str().unwrap_or_default()
    }

    /// Nothing fails.
    fn is_well(&self) {
        let all = self.json["checks"].as_array().unwrap();
        let fails: Vec<_> = all.iter().filter(|finding| finding["status"] == "fail").collect();
        assert_eq!((self.code, fails), (0, Vec::<&Value>::new()), "{:#}", self.json);
    }
}

/// Runs the check with these settings; no secret of theirs may come out.
pub(crate) async fn check(environment: &Environment) -> Report {
    check_with(environment, &[]).await
}

/// The same with other variables of the system.
pub(crate) async fn check_with(environment: &Environment, system: &[(&str, &str)]) -> Report {
    let mut check = command(environment);
    check.args(["check", "--json"]).envs(system.iter().copied());
    // Two checks of a run may wait for an instance that hangs.
    let output = timeout(WITHIN * 2, check.output()).await.expect("it is bounded").unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    let secret = ["SECRET", "PASSWORD", "TOKEN", "MASTER_KEY"];
    for (name, value) in environment {
        let hidden = secret.iter().any(|part| name.contains(part)) && value.len() > 8;
        assert!(!hidden || !said.contains(value), "{name} in {said}");
    }
    let complaints = String::from_utf8_lossy(&output.stderr);
    let json = serde_json::from_str(&said).unwrap_or_else(|_| panic!("{said} {complaints}"));
    Report { code: output.status.code().unwrap(), json }
}

/// A house whose public URL is its own address, and whose instance tells everything.
async fn house() -> House {
    house_at(|_| {}).await
}

async fn house_at(instance: impl FnOnce(&mut simulator::Config)) -> House {
    House::start_at(
        Setting { reads_messages: true, ..Setting::default() },
        |config| {
            config.may_read_provider = true;
            instance(config);
        },
        |environment| {
            let public = format!("http://{}", environment["WARMLINE_LISTEN"]);
            environment.insert("WARMLINE_PUBLIC_URL".to_owned(), public);
        },
    )
    .await
}

fn set(environment: &mut Environment, name: &str, value: impl Into<String>) {
    environment.insert(name.to_owned(), value.into());
}

#[tokio::test]
async fn with_a_gateway_that_runs_all_is_well_and_nobody_is_disturbed() {
    let house = house().await;
    let report = check(&house.environment).await;
    report.is_well();
    for (name, expected) in [
        ("configuration", "read"),
        ("data.directory", "writable"),
        ("data.gateway", "runs"),
        ("data.store", "current"),
        ("data.key", "fits"),
        ("instance.dns", "resolved"),
        ("instance.tcp", "connected"),
        ("instance.tls", "plain"),
        ("instance.answers", "awake"),
        ("instance.clock", "same"),
        ("instance.token", "granted"),
        ("instance.endpoint", "answers"),
        ("instance.messages", "empty"),
        ("instance.ordering", "on"),
        ("webhook.answers", "ours"),
        ("webhook.time", "quick"),
        ("webhook.secret", "asked_for"),
        ("direct_line.token", "granted"),
        ("direct_line.stream", "open"),
    ] {
        assert_eq!(report.of(name).1, expected, "{name}");
    }
    assert!(house.desk.chats().is_empty(), "no chat is opened");
    assert_eq!(house.desk.tokens_granted(), 1, "one log-in, whatever is asked");
}

/// Whoever reads has to show a key to seal to first.
#[tokio::test]
async fn the_stream_of_a_bot_that_takes_sealed_messages_only_opens_too() {
    let house = House::start_at(
        Setting { reads_messages: true, ..Setting::default() },
        |config| config.may_read_provider = true,
        |environment| {
            let public = format!("http://{}", environment["WARMLINE_LISTEN"]);
            environment.insert("WARMLINE_PUBLIC_URL".to_owned(), public);
            environment.insert("WARMLINE_MESSAGE_ENCRYPTION".to_owned(), "required".to_owned());
        },
    )
    .await;
    let report = check(&house.environment).await;
    report.is_well();
    assert_eq!(report.of("direct_line.stream"), ("ok", "open"));
}

#[tokio::test]
async fn before_the_first_start_a_stand_in_answers_and_nothing_is_made() {
    let mut house = house().await;
    house.terminate().await;
    let fresh = house.data_dir().join("../fresh");
    set(&mut house.environment, "WARMLINE_DATA_DIR", fresh.display().to_string());
    let report = check(&house.environment).await;
    report.is_well();
    for (name, expected) in [
        ("data.directory", "to_be_made"),
        ("data.gateway", "none"),
        ("data.store", "to_be_made"),
        ("webhook.listener", "stand_in"),
        ("webhook.answers", "ours"),
        ("direct_line.stream", "open"),
    ] {
        assert_eq!(report.of(name).1, expected, "{name}");
    }
    assert!(!fresh.exists());
}

#[tokio::test]
async fn what_cannot_be_printed_is_not_well() {
    let house = house().await;
    for arguments in [&["check"][..], &["check", "--json"], &["check", "--quiet"]] {
        let full = std::fs::File::options().write(true).open("/dev/full").unwrap();
        let mut check = command(&house.environment);
        check.args(arguments).stdout(full).stderr(std::process::Stdio::piped());
        let asked = check.spawn().unwrap().wait_with_output();
        let output = timeout(WITHIN * 2, asked).await.unwrap().unwrap();
        let said = String::from_utf8(output.stderr).unwrap();
        // Nothing to be said quietly is nothing that could be lost.
        let quiet = arguments.contains(&"--quiet") && said.is_empty();
        let told = said.contains("the findings cannot be printed");
        assert_eq!(output.status.code(), Some(i32::from(!quiet)), "{arguments:?}: {said}");
        assert!(quiet || told, "{said}");
    }
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_data_directory_where_no_file_can_be_is_named_as_such() {
    let mut house = house().await;
    house.terminate().await;
    set(&mut house.environment, "WARMLINE_DATA_DIR", "/proc/warmline");
    let report = check(&house.environment).await;
    assert_eq!((report.code, report.of("data.directory")), (1, ("fail", "no_disk")));
    assert!(report.fix("data.directory").contains("WARMLINE_DATA_DIR"));
}

#[tokio::test]
async fn credentials_that_the_instance_refuses_are_tried_once_and_named() {
    let mut house = house().await;
    set(&mut house.environment, "SERVICENOW_PASSWORD", "not-the-password");
    let report = check(&house.environment).await;
    assert_eq!(report.code, 1);
    assert_eq!(report.of("instance.answers"), ("ok", "awake"), "it is the credentials");
    assert_eq!(report.of("instance.token").0, "fail");
    assert!(report.fix("instance.token").contains("SERVICENOW_PASSWORD"));
    assert_eq!(report.of("instance.endpoint"), ("skip", "no_token"));
    assert_eq!(report.of("webhook.answers").1, "ours", "the rest is looked at all the same");
}

#[tokio::test]
async fn a_role_that_is_missing_is_named() {
    let house = house_at(|config| config.integration_role = false).await;
    let report = check(&house.environment).await;
    assert_eq!((report.code, report.of("instance.endpoint")), (1, ("fail", "forbidden")));
    assert!(report.fix("instance.endpoint").contains("sn_va_as_service.integration_user"));
}

#[tokio::test]
async fn rights_that_are_not_needed_are_a_warning_and_disorder_is_a_failure() {
    let house = house_at(|config| {
        config.may_read_messages = false;
        config.may_read_provider = false;
    })
    .await;
    let report = check(&house.environment).await;
    report.is_well();
    for name in ["instance.messages", "instance.ordering"] {
        assert_eq!(report.of(name), ("warn", "not_allowed"));
        assert!(report.fix(name).contains("on the instance"));
    }
    let house = house_at(|config| config.maintain_ordering = false).await;
    let report = check(&house.environment).await;
    assert_eq!((report.code, report.of("instance.ordering")), (1, ("fail", "off")));
    assert!(report.fix("instance.ordering").contains("Maintain message ordering"));
}

#[tokio::test]
async fn an_instance_that_is_away_asleep_or_not_there_is_told_by_which() {
    let mut house = house().await;
    house.desk.set_down(true);
    let report = check(&house.environment).await;
    assert_eq!((report.code, report.of("instance.answers")), (1, ("fail", "busy")));
    house.desk.set_down(false);
    house.desk.inject(Fault::TokenHtml, Times::UntilCleared);
    let report = check(&house.environment).await;
    assert_eq!(report.of("instance.answers"), ("fail", "hibernating"));
    assert!(report.fix("instance.answers").contains("developer.servicenow.com"));
    let nobody = format!("http://127.0.0.1:{}", free_port().await);
    set(&mut house.environment, "SERVICENOW_INSTANCE", nobody);
    let report = check(&house.environment).await;
    assert_eq!(report.of("instance.tcp"), ("fail", "no_connection"));
    assert_eq!(report.of("instance.token"), ("skip", "unreachable"));
}

#[tokio::test]
async fn an_instance_that_hangs_does_not_hang_the_check() {
    let mut house = house().await;
    let silent = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = silent.local_addr().unwrap();
    set(&mut house.environment, "SERVICENOW_INSTANCE", format!("http://{address}"));
    let report = check(&house.environment).await;
    assert_eq!(report.of("instance.answers"), ("fail", "timeout"));
}

#[tokio::test]
async fn a_clock_that_is_wrong_is_told_by_how_much() {
    let mut house = house().await;
    let folder = tempfile::tempdir().unwrap();
    let mut environment = house.environment.clone();
    let _hour_ahead = MovedClock::of(&mut environment, folder.path(), 3_600_000);
    let report = check(&environment).await;
    assert_eq!(report.of("instance.clock"), ("fail", "skewed"));
    let words = report.finding("instance.clock")["found"].as_str().unwrap();
    assert!(words.contains("s ahead of the instance's"), "{words}");
    assert!(words.contains(" 3600 s") || words.contains(" 3599 s"), "{words}");
    house.terminate().await;
}

#[tokio::test]
async fn another_webhook_secret_than_the_gateways_is_found() {
    let mut house = house().await;
    set(&mut house.environment, "WEBHOOK_SECRET", "another-secret-than-the-gateways");
    let report = check(&house.environment).await;
    assert_eq!(report.of("webhook.answers"), ("fail", "other_secret"));
    assert_eq!(report.of("webhook.secret"), ("skip", "not_asked"));
}

#[tokio::test]
async fn what_a_proxy_does_to_the_way_in_is_found() {
    let mut house = house().await;
    let behind = house.environment["WARMLINE_LISTEN"].clone();
    for (front, check_name, expected) in [
        (
            Front::without_header(&behind, "authorization").await,
            "webhook.answers",
            "secret_stripped",
        ),
        (Front::without_header(&behind, "upgrade").await, "direct_line.stream", "no_upgrade"),
        (
            Front::says("HTTP/1.1 302 Found\r\nlocation: https://www.example.org/\r\n").await,
            "webhook.answers",
            "redirected",
        ),
        (
            Front::says("HTTP/1.1 502 Bad Gateway\r\ncontent-type: text/html\r\n").await,
            "webhook.answers",
            "nobody_behind",
        ),
        (
            Front::says("HTTP/1.1 200 OK\r\ncontent-type: text/html\r\n").await,
            "webhook.answers",
            "a_page",
        ),
    ] {
        let public = format!("http://{}", front.address);
        set(&mut house.environment, "WARMLINE_PUBLIC_URL", public);
        // Pages get the gateway's own public URL.
        house.restart().await;
        let report = check(&house.environment).await;
        assert_eq!(report.of(check_name), ("fail", expected));
        assert_eq!(report.code, 1);
    }
}

#[tokio::test]
async fn an_address_that_is_taken_is_told_and_what_is_there_is_looked_at() {
    let mut house = house().await;
    let elsewhere = house.data_dir().join("../elsewhere");
    set(&mut house.environment, "WARMLINE_DATA_DIR", elsewhere.display().to_string());
    let report = check(&house.environment).await;
    assert_eq!(report.of("webhook.listener"), ("warn", "taken"));
    assert_eq!(report.of("webhook.answers"), ("ok", "ours"), "the gateway of the house");
}

#[tokio::test]
async fn a_key_that_is_not_the_datas_and_a_directory_open_to_others_are_found() {
    use std::os::unix::fs::PermissionsExt;
    let mut house = house().await;
    set(&mut house.environment, "WARMLINE_MASTER_KEY", ANOTHER_KEY.to_owned());
    let others = std::fs::Permissions::from_mode(0o755);
    std::fs::set_permissions(house.data_dir(), others).unwrap();
    let report = check(&house.environment).await;
    assert_eq!(report.of("data.key"), ("fail", "wrong"));
    assert_eq!(report.of("data.directory"), ("warn", "open_to_others"));
    set(&mut house.environment, "WARMLINE_MASTER_KEY", "0".repeat(64));
    assert_eq!(check(&house.environment).await.of("data.key"), ("fail", "weak_master_key"));
    set(&mut house.environment, "WARMLINE_MASTER_KEY", "");
    let report = check(&house.environment).await;
    assert_eq!((report.code, report.of("configuration")), (2, ("fail", "empty")));
}

#[tokio::test]
async fn a_configuration_that_cannot_be_read_is_told_whole() {
    let mut house = house().await;
    house.environment.remove("SERVICENOW_CLIENT_ID");
    set(&mut house.environment, "WARMLINE_LISTEN", "8080");
    let report = check(&house.environment).await;
    assert_eq!(report.code, 2);
    let all = report.json["checks"].to_string();
    assert!(all.contains("SERVICENOW_CLIENT_ID") && all.contains("WARMLINE_LISTEN"), "{all}");
    assert_eq!(report.of("everything_else").0, "skip");
}

#[tokio::test]
async fn people_get_a_line_for_each_finding_and_only_trouble_if_they_want() {
    let mut house = house().await;
    let run = async |environment: &Environment, arguments: &[&str]| {
        let output = command(environment).arg("check").args(arguments).output().await.unwrap();
        String::from_utf8(output.stdout).unwrap()
    };
    let all = run(&house.environment, &[]).await;
    assert!(all.lines().any(|line| line.starts_with("ok    instance.token  ")), "{all}");
    assert!(all.ends_with("0 failing, 0 to be seen to\n"), "{all}");
    assert_eq!(run(&house.environment, &["--quiet"]).await, "");
    set(&mut house.environment, "SERVICENOW_PASSWORD", "not-the-password");
    let trouble = run(&house.environment, &["--quiet"]).await;
    let [line] = trouble.lines().collect::<Vec<_>>()[..] else { panic!("{trouble}") };
    assert!(line.starts_with("fail  instance.token"), "{line}");
    assert!(line.contains(" – check SERVICENOW_CLIENT_ID"), "{line}");
}

#[tokio::test]
async fn settings_of_a_file_are_named_with_the_desk_that_they_belong_to() {
    let house = house().await;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("warmline.toml");
    let desk = |tenant: &str, instance: &str| {
        let (id, user) =
            (&house.environment["SERVICENOW_CLIENT_ID"], &house.environment["SERVICENOW_USERNAME"]);
        format!(
            "[tenants.{tenant}.desks.it]\ninstance = \"{instance}\"\nclient_id = \"{id}\"\n\
             client_secret = \"env:CLIENT_SECRET\"\nusername = \"{user}\"\n\
             password = \"env:NOT_THE_PASSWORD\"\nwebhook_secret = \"env:OF_{tenant}\"\n"
        )
    };
    let nobody = format!("http://127.0.0.1:{}", free_port().await);
    let here = &house.environment["SERVICENOW_INSTANCE"];
    std::fs::write(&file, desk("acme", here) + &desk("globex", &nobody)).unwrap();
    let mut environment = Environment::new();
    let secret = house.environment["SERVICENOW_CLIENT_SECRET"].clone();
    set(&mut environment, "CLIENT_SECRET", secret);
    set(&mut environment, "NOT_THE_PASSWORD", "not-the-password");
    set(&mut environment, "OF_acme", "a-webhook-secret-of-acme");
    set(&mut environment, "OF_globex", "a-webhook-secret-of-globex");
    set(&mut environment, "WARMLINE_CONFIG", file.to_str().unwrap());
    let report = check(&environment).await;
    assert_eq!(report.code, 1, "{:#}", report.json);
    let fix = |tenant: &str, check: &str| {
        let mut found = report.json["checks"].as_array().unwrap().iter();
        let of = |it: &&Value| it["tenant"] == tenant && it["check"] == check;
        found.find(of).unwrap()["fix"].as_str().unwrap_or_default().to_owned()
    };
    let token = fix("acme", "instance.token");
    for key in ["client_id", "client_secret", "username", "password"] {
        assert!(token.contains(&format!("`tenants.acme.desks.it.{key}`")), "{token}");
    }
    let tcp = fix("globex", "instance.tcp");
    assert!(tcp.contains("`tenants.globex.desks.it.instance`"), "{tcp}");
    assert!(!report.json.to_string().contains("SERVICENOW_"), "{:#}", report.json);
}
