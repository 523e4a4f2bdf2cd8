//! Conversations in Teams that a bot behind the gateway begins.

use reqwest::Method;
use serde_json::{Value, json};
use simulator::azure::{APP_ID, Call, Standing, TENANT};

use super::rig::{Rig, User};
use crate::{
    bot::program::{Bot, Manner},
    house::Setting,
    openapi,
};

/// A gateway whose bot has heard one person of the tenant, and that person's activity.
async fn heard(bot: &Bot) -> (Rig, Value) {
    let rig = Rig::start_with(Setting::default(), |environment| {
        environment.insert("BOT_ENDPOINT".to_owned(), bot.endpoint());
        environment.insert("WARMLINE_USER_TENANTS".to_owned(), TENANT.to_owned());
    })
    .await;
    let kim = rig.stranger("Kim Example");
    kim.says("hello kolibri").await;
    let activity = bot.hears("hello kolibri").await;
    (rig, activity)
}

async fn begins(rig: &Rig, activity: &Value, body: &Value) -> (u16, Value) {
    let base = activity["serviceUrl"].as_str().unwrap();
    let address = format!("{base}/v3/conversations");
    let request = rig.http.request(Method::POST, address).json(body);
    let (answer, method, path) = openapi::sent(request, "a conversation is begun").await;
    let status = answer.status().as_u16();
    let answer: Value = answer.json().await.unwrap();
    if let Some(code) = answer["error"]["code"].as_str() {
        openapi::describes(&method, &path, status, code);
    }
    (status, answer)
}

fn with(user: &User) -> Value {
    json!({
        "bot": {"id": format!("28:{APP_ID}"), "name": "Helper"},
        "isGroup": false,
        "members": [{"id": user.person.id_for(APP_ID)}],
        "tenantId": TENANT,
        "channelData": {"tenant": {"id": TENANT}},
        "activity": {"type": "message", "text": "news for you kolibri"},
    })
}

#[tokio::test]
async fn what_a_bot_says_first_reaches_somebody_in_teams_and_so_does_their_answer() {
    let bot = Bot::start(Manner::Mute).await;
    let (rig, activity) = heard(&bot).await;
    let mut lee = rig.stranger("Lee Example");
    let (status, created) = begins(&rig, &activity, &with(&lee)).await;
    assert_eq!(status, 201, "{created}");
    assert_eq!(created["serviceUrl"], activity["serviceUrl"]);
    assert!(created["activityId"].is_string() && created.get("channelData").is_none(), "{created}");
    lee.shows(&["news for you kolibri"]).await;

    lee.says("thanks kolibri").await;
    let answer = bot.hears("thanks kolibri").await;
    assert_eq!(answer["conversation"]["id"], created["id"], "it is the same conversation");
    let theirs = |got: &&Value| got["conversation"]["id"] == created["id"];
    let told: Vec<_> = bot.got().iter().filter(theirs).map(|got| got["type"].clone()).collect();
    assert_eq!(told, ["message"], "the bot began it, and is not told so");

    // Begun again it is the one that is there; without words nothing is shown.
    let mut again = with(&lee);
    again.as_object_mut().unwrap().remove("activity");
    let (status, known) = begins(&rig, &activity, &again).await;
    assert_eq!((status, &known["id"]), (201, &created["id"]));
    rig.settles().await;
    lee.shows_nothing_more();
}

#[tokio::test]
async fn a_conversation_that_teams_would_not_begin_is_refused_and_leaves_nothing() {
    let bot = Bot::start(Manner::Mute).await;
    let (rig, activity) = heard(&bot).await;
    let (lee, sam) = (rig.stranger("Lee Example"), rig.stranger("Sam Example"));
    rig.azure.set_standing(&sam.chat.id, Standing::Uninstalled);
    rig.settles().await;
    let before = rig.rows();
    let changed = |name: &str, value: Value| {
        let mut body = with(&lee);
        body[name] = value;
        body
    };
    let asked = |rig: &Rig| {
        rig.azure.received().iter().filter(|received| received.call == Call::Create).count()
    };
    for (body, status, code) in [
        (changed("isGroup", json!(true)), 501, "NotSupported"),
        (
            changed("channelData", json!({"channel": {"id": "19:x@thread.tacv2"}})),
            501,
            "NotSupported",
        ),
        (changed("members", json!([])), 400, "BadArgument"),
        (changed("members", json!([{"id": "29:a"}, {"id": "29:b"}])), 400, "BadArgument"),
        (changed("bot", json!({"id": "28:somebody-else"})), 400, "BadArgument"),
        (changed("tenantId", json!("another-tenant")), 400, "BadArgument"),
        (json!({"members": [{"id": "29:a"}], "tenantId": "another-tenant"}), 403, "Forbidden"),
    ] {
        let (told, answer) = begins(&rig, &activity, &body).await;
        assert_eq!((told, &answer["error"]["code"]), (status, &json!(code)), "{body} {answer}");
    }
    assert_eq!(asked(&rig), 0, "Teams was asked nothing");
    let (status, answer) = begins(&rig, &activity, &with(&sam)).await;
    assert_eq!((status, &answer["error"]["code"]), (403, &json!("BotNotInConversationRoster")));
    assert_eq!(asked(&rig), 1);
    assert_eq!(rig.rows(), before);
}
