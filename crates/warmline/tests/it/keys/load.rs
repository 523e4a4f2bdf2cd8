//! Every kind of key is rotated while both sides talk, and the gateway is killed while everything is sealed anew.

use std::sync::Arc;

use reqwest::Method;
use simulator::Dialect;
use tokio::{sync::watch, task::JoinSet, time::timeout};

use super::{house, key_file, keys, left, roots, run, sealed_anew};
use crate::{
    house::House,
    page::{Page, gists},
    process::WITHIN,
    traffic::{self, Talk},
};

const CHATS: usize = 3;

/// Lines of each side of each chat.
const LINES: usize = 60;

#[tokio::test]
async fn rotation_of_every_kind_of_key_under_load_with_no_failed_message() {
    let mut house = house().await;
    let first_key = std::fs::read_to_string(key_file(&house)).unwrap();
    house.hides(first_key.trim());
    run(&house, &["secret", "list"]).await.unwrap();
    let mut talks = Vec::new();
    for n in 0..CHATS {
        let mut talk = traffic::connect(&mut house, &format!("dl_user-{n}")).await;
        talk.page.signs_anew = true;
        talks.push(Arc::new(talk));
    }
    let progress = Arc::new(watch::Sender::new(0));
    let (mut talking, mut writing) = (JoinSet::new(), JoinSet::new());
    for (n, talk) in talks.iter().cloned().enumerate() {
        talking.spawn(traffic::user_talks(talk.clone(), LINES, progress.clone()));
        let (desk, origin) = (house.desk.clone(), house.origin());
        let agent = traffic::agent_talks(desk, talk, LINES, origin, progress.clone());
        writing.spawn(async move { (n, agent.await) });
    }
    // Every key in turn, each at a moment that is counted in acknowledged lines.
    for n in 0..6 {
        let mut acknowledged = progress.subscribe();
        let moment = (n + 1) * CHATS * LINES * 2 / 8;
        let reached = acknowledged.wait_for(|count| *count >= moment);
        timeout(WITHIN * 2, reached).await.expect("the talk goes on").unwrap();
        match n % 2 {
            0 => drop(keys(&house, &["rotate"]).await),
            _ => drop(run(&house, &["keys", "rotate-master"]).await.unwrap()),
        }
        house.hides(std::fs::read_to_string(key_file(&house)).unwrap().trim());
    }
    while let Some(done) = talking.join_next().await {
        done.unwrap();
    }
    while let Some(done) = writing.join_next().await {
        let (n, said) = done.unwrap();
        assert!(said.lost.is_empty(), "no callback failed: {:?}", said.lost);
        traffic::check(Dialect::ServiceNow, &house.desk, &talks[n], LINES, &said).await;
    }
    let seen = sealed_anew(&house).await;
    assert_eq!(roots(&seen).len(), 4, "old ones stay while what they signed is good: {seen}");
    killed_while_sealing_anew(&mut house, &talks).await;
    old_keys_open_nothing(&mut house, &first_key, &talks[0].page).await;
}

/// Killed right after another key became current, the rest is done by the next life.
async fn killed_while_sealing_anew(house: &mut House, talks: &[Arc<Talk>]) {
    let mut before = Vec::new();
    for talk in talks {
        before.push(gists(&talk.page.log().await));
    }
    let seen = keys(house, &["rotate"]).await;
    house.restart().await;
    let current = roots(&seen).pop();
    assert_eq!(roots(&sealed_anew(house).await).pop(), current);
    for (talk, before) in talks.iter().zip(before) {
        assert_eq!(gists(&talk.page.log().await), before, "{}", talk.page.user);
    }
}

/// Retired root keys end what they signed; an old master key opens nothing.
async fn old_keys_open_nothing(house: &mut House, first_key: &str, page: &Page) {
    let path = "/activities";
    let status = || async { page.request(Method::GET, path).send().await.unwrap().status() };
    assert_eq!(status().await, 200, "no page is thrown out by a rotation");
    let mut all = roots(&keys(house, &["status"]).await);
    all.pop();
    for root in all {
        drop(keys(house, &["retire", &root]).await);
    }
    assert_eq!(roots(&keys(house, &["status"]).await).len(), 1);
    assert_eq!(status().await, 403, "a retired key ends its tokens");
    let again = house.page("dl_new").await;
    again.post("hello").await;
    house.terminate().await;
    let now = std::fs::read_to_string(key_file(house)).unwrap();
    std::fs::write(key_file(house), first_key).unwrap();
    let refused = run(house, &["keys", "status"]).await.unwrap_err();
    assert!(refused.contains("the master key is not the one"), "{refused}");
    std::fs::write(key_file(house), now).unwrap();
    // Without a gateway the command does the same.
    run(house, &["keys", "rotate-master"]).await.unwrap();
    let seen = keys(house, &["rotate"]).await;
    assert!(left(&seen) > 0, "{seen}");
    house.begin().await;
    sealed_anew(house).await;
    let told = gists(&again.log().await);
    assert!(told.iter().any(|gist| gist == "user: hello"), "{told:?}");
}
