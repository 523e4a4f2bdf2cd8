//! Words and secrets go through every flow; then none of them is found where it must not be: what the
//! console, the metrics and the commands show, the traces, every byte of the data directory. What is
//! logged meanwhile, at debug level, is read by the house when the test ends.

use reqwest::Method;
use serde_json::{Value, json};
use simulator::Speaker;

use super::{
    estates::Estates,
    fort::{Fort, METRICS, case},
};
use crate::{
    desk,
    direct_line::private::Private,
    disk::everything_in,
    house::CANARY,
    page::eventually,
    process::{WITHIN, command},
    search::Search,
    traces::receiver::Receiver,
};

/// What everybody at the console can read.
const READS: [&str; 4] = ["overview", "sessions", "dead-letters", "destinations"];

/// What the tenant `default` takes out of what its users say.
const PAN: &str = "4111 1111 1111 1111";

#[tokio::test]
async fn words_and_secrets_that_went_through_every_flow_are_found_nowhere() {
    let receiver = Receiver::start().await;
    let mut all = Estates::start_with("[tenants.default]\nmask = [\"card\"]\n", |environment| {
        for (name, value) in
            [("OTEL_EXPORTER_OTLP_ENDPOINT", &*receiver.address), ("OTEL_BSP_SCHEDULE_DELAY", "20")]
        {
            environment.insert(name.to_owned(), value.to_owned());
        }
    })
    .await;
    all.house.hides(PAN);
    live_chat(&all).await;
    behind(&all).await;
    in_teams(&all).await;
    refusals(&all).await;
    // The same that a person gets, and an operator for them.
    let whose = json!({"tenant": "default", "user": "dl_kim"});
    let given = all.console(Method::POST, "persons/export", &all.dora).json(&whose).send().await;
    assert!(
        given.unwrap().text().await.unwrap().contains(CANARY),
        "it is given to who may have it"
    );
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("out").display().to_string();
    let person = ["person", "export", "--user", "dl_kim", "--out", &out];
    let mut export = command(&all.house.environment);
    assert!(export.args(person).output().await.unwrap().status.success());
    waits(&mut all).await;

    let mut hidden = all.house.secrets();
    hidden.extend(all.azure.grants().into_iter().map(|grant| grant.token));
    hidden.extend([CANARY, "nora-"].map(str::to_owned));
    let search = Search::of(hidden);
    let clean = |what: &str, shown: &[u8]| {
        let found = search.found_in(shown);
        assert_eq!(found, None, "{what} shows it: {}", String::from_utf8_lossy(shown));
    };
    shown(&all, &person, &clean).await;
    let spans = receiver
        .until("the spans of every side", |spans| {
            let sides = ["attempt say", "attempt to_bot", "attempt show"];
            sides.iter().all(|side| spans.iter().any(|span| span.name == *side))
        })
        .await;
    clean("a trace", format!("{spans:?}").as_bytes());
    eventually("the flows are in the log", || async {
        all.house.logged().contains("DEBUG").then_some(())
    })
    .await;
    // As a crash leaves it, with the write-ahead log.
    all.fort.house.kill().await;
    let bytes = everything_in(&all.house.data_dir());
    let conversation = Search::of([all.page.conversation.as_str()]);
    assert!(conversation.found_in(&bytes).is_some(), "this looks at the right bytes");
    assert_eq!(search.found_in(&bytes), None, "lies on the disk");
}

/// Both ways in a live chat: words, sealed words, words with a number that is taken out, files.
async fn live_chat(all: &Estates) {
    let (page, desk) = (&all.page, &all.house.desk);
    page.post("both ways kolibri").await;
    page.post(&format!("my card is {PAN} kolibri")).await;
    let sealed = Private::beside(&all.house, page).await;
    let said = sealed.post(&sealed.says("sealed kolibri", "sealed-1")).send().await.unwrap();
    assert!(said.status().is_success());
    let file = "--x\r\nContent-Disposition: form-data; name=\"file\"; filename=\"kolibri.txt\"\r\n\
                Content-Type: text/plain\r\n\r\nin a file kolibri\r\n--x--\r\n";
    let upload = all.post(&all.own("/upload?userId=dl_kim")).bearer_auth(&page.token).body(file);
    let upload = upload.header("content-type", "multipart/form-data; boundary=x");
    assert!(upload.send().await.unwrap().status().is_success());
    let chat = desk.chats().into_iter().find(|chat| chat.user_id == "dl_kim").unwrap().id;
    eventually("the agent has all of it", || async {
        let lines = desk::lines(&desk::chat(desk, &chat), Speaker::User);
        let has = |text: &str| lines.iter().any(|line| line.contains(text));
        (has("card number removed") && has("sealed kolibri") && has("kolibri.txt")).then_some(())
    })
    .await;
    desk.send_file(
        &chat,
        "from the agent kolibri.txt",
        "text/plain",
        b"an agent's kolibri".to_vec(),
    )
    .unwrap();
    eventually("the page opens the agent's file", || async {
        let (_, shown) = sealed.reads().await;
        let (shown, begin) =
            (json!(shown).to_string(), format!("{}/files/desk.", all.house.origin()));
        // The agent's picture has an address, too.
        for address in shown.split(['"', '(', ')', ' ']).filter(|part| part.starts_with(&begin)) {
            let opened = all.house.http.get(address).send().await.unwrap();
            if opened.text().await.unwrap().contains("an agent's kolibri") {
                return Some(());
            }
        }
        None
    })
    .await;
}

/// With a bot behind, both ways, and its file.
async fn behind(all: &Estates) {
    let say = json!({"type": "message", "text": "behind kolibri", "from": {"id": "dl_lee"}});
    let theirs = format!("/v3/directline/conversations/{}/activities", all.other.conversation);
    let said = all.post(&theirs).bearer_auth(&all.other.token).json(&say).send().await.unwrap();
    assert!(said.status().is_success());
    all.other.bot.hears("behind kolibri").await;
    let service = Fort::service(&all.other);
    let answer = format!("{service}/v3/conversations/{}/activities", Fort::handle(&all.other));
    let answer = all.house.http.post(answer);
    let answer = answer.json(&json!({"type": "message", "text": "the bot says kolibri"}));
    assert!(answer.send().await.unwrap().status().is_success());
    let opened = all.house.http.get(&all.of_other.address).send().await.unwrap();
    assert!(opened.text().await.unwrap().contains(CANARY));
}

/// Through the Connector, both ways, with tokens on every side.
async fn in_teams(all: &Estates) {
    let north = &all.north;
    let activity = all.azure.message(&north.chat, &north.person, "in Teams kolibri");
    assert_eq!(all.azure.deliver(&activity).await.unwrap().status, 200);
    north.bot.hears("in Teams kolibri").await;
    let path = format!("/conversations/{}/activities", north.conversation());
    let answer = json!({"type": "message", "text": "into Teams kolibri"});
    let said = north.call(all, Method::POST, &path).json(&answer).send().await.unwrap();
    assert!(said.status().is_success());
    let there = |azure: &simulator::azure::Azure| {
        azure.texts(&north.chat.id).contains(&"into Teams kolibri".to_owned())
    };
    assert!(all.azure.wait_until(there, WITHIN).await, "it is shown in Teams");
}

/// Refusals that carry words.
async fn refusals(all: &Estates) {
    let bad = all.told(&json!({"requestId": CANARY}));
    let bad = case("words in an id", all.webhook().json(&bad), 400, "unknown_request");
    all.tries(bad).await.unwrap();
    let login = all.post("/console/api/login").json(&json!({"name": CANARY, "password": CANARY}));
    all.tries(case("words for a name", login, 401, "wrong_password")).await.unwrap();
    let basic = all.get("/metrics").basic_auth(CANARY, Some(METRICS));
    all.tries(case("a secret in Basic", basic, 401, "unauthorized")).await.unwrap();
}

/// What waits for a desk that is away is kept, beside the dead letters that are there.
async fn waits(all: &mut Estates) {
    all.fort.settles().await;
    all.house.desk.set_down(true);
    all.page.post("held back kolibri").await;
    let refused = |seen: &simulator::Snapshot<'_>| {
        seen.ledger().back().is_some_and(|entry| entry.status == 503)
    };
    all.house.desk.wait_until(refused, WITHIN).await.expect("it was tried");
}

/// Everything that operators are shown.
async fn shown(all: &Estates, person: &[&str], clean: &impl Fn(&str, &[u8])) {
    for cookie in [&all.admin, &all.viewer, &all.otto, &all.anna, &all.dora] {
        for read in READS {
            let answer = all.console(Method::GET, read, cookie).send().await.unwrap();
            clean(read, &answer.bytes().await.unwrap());
        }
    }
    let letters = all.console(Method::GET, "dead-letters", &all.dora).send().await.unwrap();
    let letters: Value = letters.json().await.unwrap();
    assert_eq!(letters["letters"].as_array().unwrap().len(), 2, "{letters}");
    let one = format!("sessions/{}", all.session);
    for path in [one.as_str(), "audit", "series"] {
        let answer = all.console(Method::GET, path, &all.admin).send().await.unwrap();
        assert!(answer.status().is_success(), "{path}");
        clean(path, &answer.bytes().await.unwrap());
    }
    let metrics = all.get("/metrics").bearer_auth(METRICS).send().await.unwrap();
    clean("the metrics", &metrics.bytes().await.unwrap());
    let letter = all.letters[1].to_string();
    for arguments in [
        &["audit", "--limit", "0"][..],
        &["dead-letters", "list"],
        &["dead-letters", "show", &letter],
        &["config", "show"],
        person,
    ] {
        let output = command(&all.house.environment).args(arguments).output().await.unwrap();
        clean(&arguments.join(" "), &output.stdout);
        clean(&arguments.join(" "), &output.stderr);
    }
}
