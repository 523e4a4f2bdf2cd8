//! Two organisations on one gateway, each with an Azure Bot of its own: nothing crosses.

use std::{fs, os::unix::fs::PermissionsExt as _};

use reqwest::Method;
use serde_json::json;
use simulator::azure::{APP_ID, Registration, TENANT};

use crate::{
    azure::rig::Rig,
    bot::program::{Bot, Manner},
    house::Setting,
};

const OTHER_APP: &str = "c0c00000-1111-4222-8333-444455556666";
const OTHER_SECRET: &str = "app-password-of-beta-77a1";

/// The other organisation: its bot is reached through another registration.
fn beta(rig: &simulator::azure::Azure, bot: &Bot) -> String {
    format!(
        "[tenants.beta.desks.new]\ninstance = \"http://127.0.0.1:9\"\nclient_id = \"c\"\n\
         client_secret = \"s-of-beta-1\"\nusername = \"u\"\npassword = \"p-of-beta-1\"\n\
         webhook_secret = \"webhook-secret-of-beta\"\n\
         [tenants.default.desks.default]\n[tenants.default.bots.default]\n\
         [tenants.beta.bots.help]\ndesk = \"new\"\napp_id = \"{OTHER_APP}\"\n\
         app_password = \"{OTHER_SECRET}\"\napp_tenant = \"{TENANT}\"\n\
         login_url = \"{origin}/{TENANT}\"\nchannel_metadata_url = \"{metadata}\"\n\
         connector_hosts = [\"127.0.0.1\"]\nendpoint = \"{endpoint}\"\n",
        origin = rig.origin(),
        metadata = rig.channel_metadata(),
        endpoint = bot.endpoint(),
    )
}

#[tokio::test]
async fn the_token_decides_whose_conversation_it_is_whatever_the_activity_names() {
    let (ours, theirs) = (Bot::start(Manner::Calls).await, Bot::start(Manner::Calls).await);
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("warmline.toml");
    let azure = Rig::azure().await;
    fs::write(&file, beta(&azure, &theirs)).unwrap();
    fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).unwrap();
    let rig = Rig::start_at(azure, Setting::default(), |environment| {
        environment.insert("BOT_ENDPOINT".to_owned(), ours.endpoint());
        environment.insert("WARMLINE_CONFIG".to_owned(), file.display().to_string());
    })
    .await;
    rig.house.hides(OTHER_SECRET);
    rig.azure.register(Registration::new(OTHER_APP, OTHER_SECRET));
    let endpoint = format!("{}/api/messages", rig.origin());
    rig.azure.set_endpoint(OTHER_APP, &endpoint);

    let mut kim = rig.stranger("Kim Example");
    kim.says("mine kolibri").await;
    kim.comes_to_see("echo mine kolibri").await;
    let mut sam = rig.user_of(OTHER_APP, "Sam Example");
    sam.says("of beta kolibri").await;
    sam.comes_to_see("echo of beta kolibri").await;
    assert_eq!(ours.gists().iter().filter(|gist| gist.contains("beta")).count(), 0);

    // Words into Kim's conversation that were signed for the other bot are the other bot's.
    let forged = rig.azure.message(&kim.chat, &kim.person, "across kolibri");
    let token = rig.azure.sign(&rig.azure.channel_token(OTHER_APP));
    let bearer = format!("Bearer {token}");
    let posted = rig.azure.post(OTHER_APP, Some(&bearer), forged.to_string()).await.unwrap();
    assert_eq!(posted.status, 200, "{}", posted.body);
    theirs.hears("across kolibri").await;
    rig.settles().await;
    assert!(ours.gists().iter().all(|gist| gist != "across kolibri"));
    kim.shows_nothing_more();

    // And a bot cannot call into what is another's, by whatever name.
    let of_ours = ours.hears("mine kolibri").await;
    let mut of_theirs = theirs.hears("of beta kolibri").await;
    of_theirs["conversation"]["id"] = of_ours["conversation"]["id"].clone();
    let message = json!({"type": "message", "text": "across kolibri"});
    let (status, answer) =
        theirs.calls(&of_theirs, Method::POST, "/activities", Some(&message)).await;
    assert_eq!((status, &answer["error"]["code"]), (404, &json!("ConversationNotFound")));
    kim.says("still mine kolibri").await;
    kim.shows(&["echo still mine kolibri"]).await;
    assert_eq!(kim.chat.app_id, APP_ID);
}
