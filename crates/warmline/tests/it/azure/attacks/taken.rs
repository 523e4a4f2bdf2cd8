//! What is taken although it is a little off, late, or there for the second time.

use reqwest::header;
use serde_json::json;
use simulator::azure::{APP_ID, Door, Issuer, Strike, Trouble};

use super::{Forger, quiet};
use crate::{
    azure::rig::Rig,
    bot::program::{Bot, Manner},
    house::Setting,
};

#[tokio::test]
async fn what_is_a_little_off_is_taken_as_channels_do_it() {
    let (rig, bot, user) = quiet().await;
    let forger = Forger::new(&rig, &user);
    let now = forger.good().claims["nbf"].as_u64().unwrap() + 300;
    let service = rig.azure.service_url();
    let good = rig.azure.sign(&forger.good());
    let mut texts = Vec::new();
    for (what, token) in [
        ("over for four minutes", forger.good().claim("exp", json!(now - 240))),
        ("valid in four minutes", forger.good().claim("nbf", json!(now + 240))),
        ("an app id in capitals", forger.good().claim("aud", json!(APP_ID.to_uppercase()))),
        (
            "no slash at the end",
            forger.good().claim("serviceurl", json!(service.trim_end_matches('/'))),
        ),
    ] {
        let activity = rig.azure.message(&user.chat, &user.person, what);
        let request = forger.post().bearer_auth(rig.azure.sign(&token)).json(&activity);
        assert_eq!(request.send().await.unwrap().status(), 200, "{what}");
        texts.push(what);
    }
    let activity = rig.azure.message(&user.chat, &user.person, "a scheme in small letters");
    let request = forger.post().header(header::AUTHORIZATION, format!("bearer {good}"));
    assert_eq!(request.json(&activity).send().await.unwrap().status(), 200);
    texts.push("a scheme in small letters");
    bot.hears("a scheme in small letters").await;
    let heard: Vec<_> =
        bot.gists().into_iter().filter(|gist| texts.contains(&gist.as_str())).collect();
    assert_eq!(heard, texts, "each of them, in order");
}

#[tokio::test]
async fn without_keys_the_channel_is_asked_to_come_again_and_new_keys_are_found() {
    let bot = Bot::start(Manner::Calls).await;
    let mut rig = Rig::start_before(&bot, Setting::default()).await;
    let mut user = rig.stranger("Kim Example");
    rig.azure.set_down(Door::ChannelKeys, true);
    let activity = rig.azure.message(&user.chat, &user.person, "early kolibri");
    let posted = rig.azure.deliver(&activity).await.unwrap();
    assert_eq!(posted.status, 503, "{}", posted.body);
    assert!(posted.body.contains("keys_unavailable"), "{}", posted.body);
    rig.azure.set_down(Door::ChannelKeys, false);
    // The same activity again, as the channel does it.
    user.delivers(&activity).await;
    user.comes_to_see("echo early kolibri").await;

    // Keys that cannot sign are passed over, whatever they are called.
    let odd = json!({"kty": "oct", "kid": "symmetric", "k": "AQAB"});
    let curve = json!({"kty": "EC", "kid": "curve", "crv": "P-256", "x": "AQAB", "y": "AQAB"});
    rig.azure.publish(Issuer::Channel, vec![odd, curve]);
    rig.azure.rotate(Issuer::Channel, false);
    rig.restart().await;
    user.says("with the new key kolibri").await;
    user.comes_to_see("echo with the new key kolibri").await;
    for kid in ["symmetric", "curve"] {
        let token = rig.azure.channel_token(APP_ID).header("kid", json!(kid));
        let authorization = format!("Bearer {}", rig.azure.sign(&token));
        let posted = rig.azure.post(APP_ID, Some(&authorization), activity.to_string()).await;
        assert_eq!(posted.unwrap().status, 401, "{kid}");
    }
}

#[tokio::test]
async fn a_redelivered_activity_is_answered_again_and_said_once() {
    let (_rig, bot, mut user) = quiet().await;
    let activity = user.says("just once kolibri").await;
    for _ in 0..4 {
        user.delivers(&activity).await;
    }
    user.says("and this kolibri").await;
    user.comes_to_see("echo and this kolibri").await;
    let heard = bot.gists().into_iter().filter(|gist| gist == "just once kolibri").count();
    assert_eq!(heard, 1);
    let seen = user.sees().into_iter().filter(|text| text == "echo just once kolibri").count();
    assert_eq!(seen, 1);
    // Words that merely say the same are words of their own.
    user.says("just once kolibri").await;
    user.comes_to_see("echo just once kolibri").await;
}

#[tokio::test]
async fn without_a_token_of_ours_words_wait_and_the_login_is_not_hammered() {
    let bot = Bot::start(Manner::Calls).await;
    let mut rig = Rig::start_before(&bot, Setting::default()).await;
    rig.house.provokes("token");
    rig.azure.strike(Strike::at(Door::Login, Trouble::Status { status: 503, taken: false }));
    let mut user = rig.stranger("Kim Example");
    user.says("hello kolibri").await;
    user.comes_to_see("echo hello kolibri").await;
    assert!(rig.azure.refused_grants() <= 2, "{} askers", rig.azure.refused_grants());
    assert_eq!(rig.azure.grants().len(), 1, "one token serves all");
}
