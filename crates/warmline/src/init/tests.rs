//! What is written, and what is never overwritten.

use std::os::unix::fs::PermissionsExt;

use clap::Parser;

use super::*;

#[derive(clap::Parser)]
struct Line {
    #[command(flatten)]
    options: Options,
}

fn options(folder: &Path, more: &[&str]) -> Options {
    let output = folder.join("warmline.toml").display().to_string();
    let line =
        ["init", "--yes", "--output", &output, "--instance", "dev12345", "--client-id", "id"];
    Line::try_parse_from(line.into_iter().chain(more.iter().copied())).unwrap().options
}

#[test]
fn two_files_are_written_for_their_owner_only_and_never_over_others() {
    let folder = tempfile::tempdir().unwrap();
    let plain = ["--username", "warm", "--public-url", "https://chat.example.org"];
    run(&options(folder.path(), &plain)).unwrap();
    let read = |name: &str| std::fs::read_to_string(folder.path().join(name)).unwrap();
    for name in ["warmline.toml", "servicenow-steps.md"] {
        let mode = folder.path().join(name).metadata().unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{name}");
    }
    let (file, steps) = (read("warmline.toml"), read("servicenow-steps.md"));
    for line in ["instance = \"dev12345\"", "client_secret = \"env:SERVICENOW_CLIENT_SECRET\""] {
        assert!(file.lines().any(|found| found == line), "{line} in {file}");
    }
    for part in [
        "https://dev12345.service-now.com",
        "https://chat.example.org/api/v1/snowBot/receiveMessage",
        "`id`",
        "`warm`",
        "Maintain message ordering",
        "must have `chat.example.org`",
        "sn_va_as_service.integration_user",
    ] {
        assert!(steps.contains(part), "{part} in {steps}");
    }
    let secret = file.lines().find_map(|line| line.strip_prefix("webhook_secret = \"")).unwrap();
    let secret = secret.trim_end_matches('"');
    assert_eq!(secret.len(), 64);
    assert!(!steps.contains(secret), "the page can be passed on");
    let refused = run(&options(folder.path(), &plain)).unwrap_err().to_string();
    assert!(refused.contains("--force"), "{refused}");
    assert_eq!(read("warmline.toml"), file);
    let forced: Vec<_> = plain.iter().copied().chain(["--force"]).collect();
    run(&options(folder.path(), &forced)).unwrap();
    assert_ne!(read("warmline.toml"), file, "new secrets");
}

#[test]
fn what_is_needed_and_not_said_is_named_and_wrong_answers_write_nothing() {
    let folder = tempfile::tempdir().unwrap();
    for (more, part) in [
        (&[][..], "--username is needed"),
        (&["--username", "u", "--public-url", "http://chat.example.org"], "must be https"),
        (&["--username", "u", "--listen", "8080"], "--listen"),
        (
            &["--username", "u", "--public-url", "https://chat.example.org/api/messages"],
            "--public-url: must be the address before /api/messages; take /api/messages away",
        ),
    ] {
        let refused = format!("{:#}", run(&options(folder.path(), more)).unwrap_err());
        assert!(refused.contains(part), "{part} in {refused}");
    }
    let plain = ["init", "--client-secret", "the-secret-itself"];
    assert!(Line::try_parse_from(plain).is_err(), "others can see a command line");
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
}

#[test]
fn answers_with_quotation_marks_stay_text() {
    let folder = tempfile::tempdir().unwrap();
    let more = ["--grant-type", "client_credentials", "--data-dir", "a\"b\\c", "--channel", "none"];
    run(&options(folder.path(), &more)).unwrap();
    let file = std::fs::read_to_string(folder.path().join("warmline.toml")).unwrap();
    assert!(file.contains(r#"data_dir = "a\"b\\c""#), "{file}");
    assert!(!file.contains("\ndirect_line_secret = "), "no channel, no secret for it");
    assert!(!file.contains("\nusername = "));
}

#[test]
fn a_bot_of_ones_own_is_written_down_with_its_registrations() {
    let folder = tempfile::tempdir().unwrap();
    let read = || std::fs::read_to_string(folder.path().join("warmline.toml")).unwrap();
    let with = |more: &[&str]| {
        let all = ["--grant-type", "client_credentials", "--force"];
        let all: Vec<_> = all.iter().chain(more).copied().collect();
        run(&options(folder.path(), &all))
    };
    with(&[]).unwrap();
    assert!(!read().contains("\nendpoint = "), "the built-in bot answers");
    with(&["--bot-endpoint", "http://127.0.0.1:3978/api/messages"]).unwrap();
    assert!(read().contains("\nendpoint = \"http://127.0.0.1:3978/api/messages\""), "{}", read());
    assert!(!read().contains("\nendpoint_app_id = ") && !read().contains("\napp_id = "));
    let endpoint = ["--bot-endpoint", "https://bot.example.org/api/messages"];
    let id = "00000000-0000-0000-0000-000000000001";
    let own = "00000000-0000-0000-0000-000000000003";
    let refused = format!("{:#}", with(&endpoint).unwrap_err());
    assert!(refused.contains("app id"), "in public it needs one: {refused}");
    let refused = with(&[&endpoint[..], &["--bot-app-id", id]].concat()).unwrap_err();
    assert!(format!("{refused:#}").contains("--app-id is needed"), "{refused:#}");
    let registrations = ["--bot-app-id", id, "--app-id", own, "--app-tenant", id];
    with(&[&endpoint[..], &registrations].concat()).unwrap();
    for line in [
        "endpoint = \"https://bot.example.org/api/messages\"",
        "endpoint_app_id = \"00000000-0000-0000-0000-000000000001\"",
        "app_id = \"00000000-0000-0000-0000-000000000003\"",
        "app_password = \"env:MicrosoftAppPassword\"",
        "app_type = \"SingleTenant\"",
        "app_tenant = \"00000000-0000-0000-0000-000000000001\"",
    ] {
        assert!(read().lines().any(|found| found == line), "{line} in {}", read());
    }
}

const APP: &str = "00000000-0000-0000-0000-000000000003";
const TENANT: &str = "00000000-0000-0000-0000-000000000001";

#[test]
fn users_in_teams_get_a_registration_and_an_app_package_without_a_secret() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    let with = |more: &[&str]| {
        let all = ["--grant-type", "client_credentials", "--channel", "teams", "--force"];
        let all: Vec<_> = all.iter().chain(more).copied().collect();
        run(&options(folder.path(), &all))
    };
    let file = || std::fs::read_to_string(path("warmline.toml")).unwrap();
    let refused = with(&[]).unwrap_err().to_string();
    assert!(refused.contains("--app-id is needed"), "{refused}");
    let refused = format!("{:#}", with(&["--app-id", "my-app"]).unwrap_err());
    assert!(refused.contains("must be an id") && refused.contains("(client) ID"), "{refused}");
    let named = ["--app-id", APP, "--app-tenant", "contoso.onmicrosoft.com"];
    let refused = format!("{:#}", with(&named).unwrap_err());
    assert!(refused.contains("Directory (tenant) ID, not a name such as"), "{refused}");
    let refused = with(&["--app-id", APP]).unwrap_err().to_string();
    assert!(refused.contains("--app-tenant is needed"), "{refused}");
    assert!(!path("warmline.toml").exists(), "nothing is written before all is right");
    let registration = ["--app-id", APP, "--app-tenant", TENANT];
    with(&registration).unwrap();
    assert!(!path(PACKAGE_FILE).exists(), "Teams cannot reach it yet");
    let public = ["--public-url", "https://chat.example.org"];
    let own = ["--app-password", "env:THE_SECRET", "--app-name", "Ask IT"];
    with(&[&registration[..], &public, &own].concat()).unwrap();
    for line in [
        format!("app_id = \"{APP}\""),
        format!("app_tenant = \"{TENANT}\""),
        "app_type = \"SingleTenant\"".to_owned(),
        "app_password = \"env:THE_SECRET\"".to_owned(),
    ] {
        assert!(file().lines().any(|found| found == line), "{line} in {}", file());
    }
    assert!(!file().contains("\ndirect_line_secret = "), "no web pages");
    let package = std::fs::read(path(PACKAGE_FILE)).unwrap();
    let holds = |text: &str| package.windows(text.len()).any(|part| part == text.as_bytes());
    // Its entries are stored as they are.
    assert!(holds(APP) && holds("Ask IT") && holds("chat.example.org"));
    let secrets = file();
    let secret = secrets.lines().find_map(|line| line.strip_prefix("webhook_secret = \"")).unwrap();
    assert!(!holds("THE_SECRET") && !holds(secret.trim_end_matches('"')), "it can be passed on");
    let long = "n".repeat(31);
    let refused = with(&[&registration[..], &public, &["--app-name", &long]].concat()).unwrap_err();
    assert!(refused.to_string().contains("--app-name"), "{refused}");
    assert_eq!(file(), secrets, "nothing was written");
}

#[test]
fn other_kinds_of_registrations_are_written_as_they_are_said() {
    let folder = tempfile::tempdir().unwrap();
    let file = || std::fs::read_to_string(folder.path().join("warmline.toml")).unwrap();
    let with = |more: &[&str]| {
        let all = ["--grant-type", "client_credentials", "--channel", "web,teams", "--force"];
        let all: Vec<_> = all.iter().chain(more).copied().collect();
        run(&options(folder.path(), &all)).unwrap();
    };
    let certificate =
        ["--app-certificate-file", "bot.pem", "--app-certificate-key", "file:bot.key"];
    let own = ["--app-id", APP, "--app-tenant", TENANT, "--cloud", "usgov"];
    with(&[&own[..], &certificate].concat());
    for line in [
        "app_certificate_file = \"bot.pem\"",
        "app_certificate_key = \"file:bot.key\"",
        "cloud = \"usgov\"",
    ] {
        assert!(file().lines().any(|found| found == line), "{line} in {}", file());
    }
    assert!(!file().contains("\napp_password = ") && file().contains("\ndirect_line_secret = "));
    with(&["--app-id", APP, "--multi-tenant"]);
    for line in ["app_type = \"MultiTenant\"", "app_password = \"env:MicrosoftAppPassword\""] {
        assert!(file().lines().any(|found| found == line), "{line} in {}", file());
    }
    assert!(!file().contains("\napp_tenant = ") && !file().contains("\ncloud = "));
    let both = ["--force", "--grant-type", "client_credentials", "--channel", "teams"];
    let both = [&both[..], &["--app-id", APP, "--app-tenant", TENANT, "--multi-tenant"]].concat();
    let refused = run(&options(folder.path(), &both)).unwrap_err().to_string();
    assert!(refused.contains("--multi-tenant") && refused.contains("--app-tenant"), "{refused}");
    // Whose tokens are taken of a bot behind is another matter.
    let behind = ["--bot-endpoint", "https://bot.example.org/api/messages", "--bot-app-id", TENANT];
    run(&options(folder.path(), &[&both[..], &behind].concat())).unwrap();
    assert!(file().contains("\napp_tenant = "));
}

#[test]
fn what_is_left_to_do_names_what_was_assumed_and_who_may_come() {
    let folder = tempfile::tempdir().unwrap();
    let told = |more: &[&str]| {
        let all = ["--grant-type", "client_credentials", "--channel", "teams", "--app-id", APP];
        let all = [&all[..], &["--public-url", "https://chat.example.org"], more].concat();
        let options = options(folder.path(), &all);
        let (file, package) = (Path::new("warmline.toml"), Path::new(PACKAGE_FILE));
        let answers = answers(&options).unwrap();
        told::next(&answers, &options.looks, file, Path::new(STEPS_FILE), Some(package))
    };
    let single = told(&["--app-tenant", TENANT, "--publisher", "Example Corp"]);
    for part in [
        "--app-name \"Help desk\" --website \"https://chat.example.org\" --privacy-url",
        "warmline teams-package --output teams-app.zip --force",
        "export SERVICENOW_CLIENT_SECRET, MicrosoftAppPassword in the shell of `warmline check`",
        "messaging endpoint to https://chat.example.org/api/messages",
    ] {
        assert!(single.contains(part), "{part} in {single}");
    }
    assert!(!single.contains("--publisher") && !single.contains("user_tenants"), "{single}");
    let many = told(&["--multi-tenant"]);
    assert!(many.contains("set user_tenants in warmline.toml"), "{many}");
    assert!(many.contains("--publisher \"Warmline\""), "{many}");
}
