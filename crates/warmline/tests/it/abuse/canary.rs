//! Words and secrets go through every flow; then none of them is found where it must not be. What is
//! logged meanwhile, at debug level, is read by the house when the test ends.

use reqwest::Method;
use serde_json::json;

use super::fort::{Fort, METRICS, case};
use crate::{
    disk::everything_in,
    house::CANARY,
    page::eventually,
    process::{WITHIN, command},
};

/// What everybody at the console can read.
const READS: [&str; 4] = ["overview", "sessions", "dead-letters", "destinations"];

#[tokio::test]
async fn words_and_secrets_that_went_through_every_flow_are_found_nowhere() {
    let mut fort = Fort::start().await;
    // Both ways in a live chat, a file in it, a bot behind, refusals that carry words.
    fort.page.post("both ways kolibri").await;
    let path = fort.own("/upload?userId=dl_kim");
    let file = "--x\r\nContent-Disposition: form-data; name=\"file\"; filename=\"kolibri.txt\"\r\n\
                Content-Type: text/plain\r\n\r\nin a file kolibri\r\n--x--\r\n";
    let upload = fort.post(&path).bearer_auth(&fort.page.token).body(file);
    let upload = upload.header("content-type", "multipart/form-data; boundary=x");
    assert!(upload.send().await.unwrap().status().is_success());
    let say = json!({"type": "message", "text": "behind kolibri", "from": {"id": "dl_lee"}});
    let theirs = format!("/v3/directline/conversations/{}/activities", fort.other.conversation);
    let said = fort.post(&theirs).bearer_auth(&fort.other.token).json(&say).send().await.unwrap();
    assert!(said.status().is_success());
    fort.other.bot.hears("behind kolibri").await;
    let service = Fort::service(&fort.other);
    let answer = format!("{service}/v3/conversations/{}/activities", Fort::handle(&fort.other));
    let answer = fort.house.http.post(answer);
    let answer = answer.json(&json!({"type": "message", "text": "the bot says kolibri"}));
    assert!(answer.send().await.unwrap().status().is_success());
    let bad = fort.told(&json!({"requestId": CANARY}));
    let bad = case("words in an id", fort.webhook().json(&bad), 400, "unknown_request");
    fort.tries(bad).await.unwrap();
    let login = fort.post("/console/api/login").json(&json!({"name": CANARY, "password": CANARY}));
    fort.tries(case("words for a name", login, 401, "wrong_password")).await.unwrap();
    // What waits for a desk that is away is kept, and becomes a dead letter's kin in the outbox.
    fort.house.desk.set_down(true);
    fort.page.post("held back kolibri").await;
    let refused = |seen: &simulator::Snapshot<'_>| {
        seen.ledger().back().is_some_and(|entry| entry.status == 503)
    };
    fort.house.desk.wait_until(refused, WITHIN).await.expect("it was tried");

    let secrets = fort.house.secrets();
    let clean = |what: &str, text: &str| {
        assert!(!text.contains(CANARY), "{what} shows what was said: {text}");
        for secret in &secrets {
            assert!(!text.contains(secret.as_str()), "{what} shows {secret:?}");
        }
    };
    for cookie in [&fort.admin, &fort.viewer, &fort.otto, &fort.anna] {
        for read in READS {
            let answer = fort.console(Method::GET, read, cookie).send().await.unwrap();
            clean(read, &answer.text().await.unwrap());
        }
    }
    let one = format!("sessions/{}", fort.session);
    for path in [one.as_str(), "audit", "series"] {
        let answer = fort.console(Method::GET, path, &fort.admin).send().await.unwrap();
        assert!(answer.status().is_success(), "{path}");
        clean(path, &answer.text().await.unwrap());
    }
    let metrics = fort.get("/metrics").bearer_auth(METRICS).send().await.unwrap();
    clean("the metrics", &metrics.text().await.unwrap());
    for arguments in
        [&["audit", "--limit", "0"][..], &["dead-letters", "list"], &["config", "show"]]
    {
        let output = command(&fort.house.environment).args(arguments).output().await.unwrap();
        clean(&arguments.join(" "), &String::from_utf8(output.stdout).unwrap());
        clean(&arguments.join(" "), &String::from_utf8(output.stderr).unwrap());
    }
    eventually("the flows are in the log", || async {
        fort.house.logged().contains("DEBUG").then_some(())
    })
    .await;
    // As a crash leaves it, with the write-ahead log.
    fort.house.kill().await;
    let bytes = everything_in(&fort.house.data_dir());
    let holds = |text: &str| bytes.windows(text.len()).any(|window| window == text.as_bytes());
    assert!(holds(&fort.page.conversation), "this looks at the right bytes");
    assert!(!holds(CANARY), "words lie on the disk");
    for secret in &secrets {
        assert!(!holds(secret), "{secret:?} lies on the disk");
    }
}
