//! Azure Bot Service in the configuration: what opens it while the gateway runs, and the Teams app.

use simulator::azure::{APP_ID, APP_SECRET, Azure, AzureConfig, Person, TENANT};

use super::{Filed, IN_FORCE, WRONG, done, refused};
use crate::process::{Environment, WITHIN};

#[tokio::test]
async fn sighup_opens_the_channels_and_says_whose_users_may_come() {
    let azure = Azure::start(AzureConfig::default()).await.unwrap();
    let mut filed = Filed::new("").await;
    assert!(azure.set_endpoint(APP_ID, &format!("http://{}/api/messages", filed.listen)));
    let chat = azure.personal_chat(APP_ID, &Person::new("Kim Example", "kim@example.org"));
    let said = async |text: &str| azure.say(&chat, text).await.unwrap();
    let closed = format!(
        "{}[tenants.default.bots.default]\napp_id = \"{APP_ID}\"\napp_tenant = \"{TENANT}\"\n\
         login_url = \"{}/{TENANT}\"\nchannel_metadata_url = \"{}\"\n\
         connector_hosts = [\"127.0.0.1\"]\n",
        filed.file(),
        azure.origin(),
        azure.channel_metadata(),
    );
    filed.write_file(&closed);
    filed.start().await;
    let refused = said("too early").await;
    assert_eq!(refused.status, 404);
    assert!(refused.body.contains("messages_closed"), "{}", refused.body);
    assert!(filed.log().contains("/api/messages of this gateway is closed: set `tenants.default"));

    let open = format!("{closed}app_password = \"env:AZURE\"\n");
    filed.write_file(&open);
    filed.reload(WRONG).await;
    assert_eq!(said("still too early").await.status, 404, "there is no such variable");
    filed.write("app-password", APP_SECRET);
    let open = open.replace("env:AZURE", "file:app-password");
    filed.write_file(&open);
    filed.reload(IN_FORCE).await;
    assert_eq!(said("hello").await.status, 200);
    let answered =
        |azure: &Azure| azure.texts(&chat.id).iter().any(|text| text.contains("Hello again!"));
    assert!(azure.wait_until(answered, WITHIN).await, "the way back: {:?}", azure.texts(&chat.id));

    let others = "00000000-0000-4000-8000-000000000000";
    filed.write_file(&format!("{open}user_tenants = [\"{others}\"]\n"));
    filed.reload(IN_FORCE).await;
    let refused = said("from elsewhere").await;
    assert_eq!(refused.status, 403);
    assert!(refused.body.contains("foreign_tenant"), "{}", refused.body);
    assert!(refused.body.contains("WARMLINE_USER_TENANTS"), "{}", refused.body);
    filed.write_file(&format!("{open}user_tenants = [\"{}\"]\n", TENANT.to_uppercase()));
    filed.reload(IN_FORCE).await;
    assert_eq!(said("from here").await.status, 200);
    assert!(!filed.log().contains(APP_SECRET));
}

const PRESENTED: &str = r#"
[tenants.acme.desks.it]
instance = "dev12345"
client_id = "id"
client_secret = "env:NOT_HERE"
username = "user"
password = "vault:not-here"
webhook_secret = "env:NOT_HERE"
[tenants.acme.bots.help]
app_id = "00000000-0000-0000-0000-0000000000a1"
app_password = "env:NOT_HERE"
end_phrases = ["that is all"]
[tenants.acme.bots.web]
"#;

#[tokio::test]
async fn the_app_package_is_made_where_no_secret_is_and_never_over_another_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).display().to_string();
    let (file, package) = (path("warmline.toml"), path("app.zip"));
    let write = |text: &str| std::fs::write(&file, text).unwrap();
    let flags = ["teams-package", "--config", &file, "--output", &package];
    let with = |more: &[&'static str]| flags.iter().copied().chain(more.iter().copied()).collect();
    let environment = Environment::new();
    write(PRESENTED);
    let said = refused(&environment, &flags, "").await;
    assert!(said.contains("`public_url`") && said.contains("WARMLINE_PUBLIC_URL"), "{said}");
    let public = format!("public_url = \"https://chat.example.org\"\n{PRESENTED}");
    write(&public);
    let said = done(&environment, &flags, "").await;
    assert!(said.contains(&package) && said.contains("docs/teams.md"), "{said}");
    let made = std::fs::read(&package).unwrap();
    let holds =
        |made: &[u8], text: &str| made.windows(text.len()).any(|part| part == text.as_bytes());
    for part in ["0000000000a1", "chat.example.org", "that is all", "\"agent\""] {
        assert!(holds(&made, part), "{part}");
    }
    let said = refused(&environment, &flags, "").await;
    assert!(said.contains("--force"), "{said}");
    assert_eq!(std::fs::read(&package).unwrap(), made);
    let again: Vec<_> = with(&["--force", "--app-version", "1.0.1"]);
    done(&environment, &again, "").await;
    assert!(holds(&std::fs::read(&package).unwrap(), "\"1.0.1\""));

    write(&format!("{public}app_id = \"00000000-0000-0000-0000-0000000000b2\"\n"));
    let forced: Vec<_> = with(&["--force"]);
    let said = refused(&environment, &forced, "").await;
    assert!(said.contains("help of tenant acme, web of tenant acme"), "{said}");
    let named: Vec<_> = with(&["--force", "--bot", "web"]);
    done(&environment, &named, "").await;
    assert!(holds(&std::fs::read(&package).unwrap(), "0000000000b2"));
    let other: Vec<_> = with(&["--force", "--bot", "nobody"]);
    assert!(refused(&environment, &other, "").await.contains("no such bot"));
    write(&public.replace("app_id", "# app_id"));
    let said = refused(&environment, &named, "").await;
    assert!(said.contains("has no app id") && said.contains("MicrosoftAppId"), "{said}");
}
