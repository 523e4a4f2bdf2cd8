//! What sealing messages between browser and gateway costs: a user's message to a live agent, posted
//! sealed and in the clear; and a page of the log, read with a key and without.
//!
//! Both go to one gateway, in rounds that take turns, with the same number of messages made before the
//! round: what a browser spends is not measured. A round ends when the words are with the instance.

use std::{
    net::SocketAddr,
    time::{Duration, Instant},
};

use anyhow::{Context, anyhow, ensure};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD as BASE64};
use hpke::{
    Deserializable as _, Kem as _, OpModeS, Serializable as _, aead::AesGcm256, kdf::HkdfSha256,
    kem::X25519HkdfSha256 as Kem,
};
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::task::JoinSet;

use crate::{
    arguments::Plan,
    chats::Chat,
    cost::processor_time,
    house::{House, Which},
    http::{Connection, request},
    load::{Window, as_f64},
    report::{Column, Figure, Kind, Row, Section},
};

/// After the last answer, until the instance has what was said.
const SETTLES_WITHIN: Duration = Duration::from_millis(300);

const TO_GATEWAY: &str = "warmline message 1 to gateway";

#[derive(Debug)]
struct Round {
    count: usize,
    window: Window,
}

const PROCESSOR: Kind = Kind::new("server_processor_us_each", "server CPU µs each", "µs", 1);

const COLUMNS: [Column<Round>; 2] = [
    (Kind::new("per_second", "a second", "1/s", 0), |round| {
        Some(as_f64(round.count) / round.window.lasted.as_secs_f64())
    }),
    (PROCESSOR, |round| {
        round.window.processor.map(|time| time.as_secs_f64() * 1e6 / as_f64(round.count))
    }),
];

const CASES: [&str; 4] = [
    "a message in the clear",
    "a message, sealed",
    "an activity read in the clear",
    "an activity read, sealed",
];

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Published {
    now: String,
    keys: Vec<PublishedKey>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct PublishedKey {
    kid: String,
    suite: Value,
    public_key: String,
}

#[derive(Deserialize)]
struct Token {
    token: String,
}

pub(crate) async fn measure(plan: &Plan) -> anyhow::Result<Section> {
    let (chats, each) = (plan.chats(4, 32), if plan.quick { 10 } else { 100 });
    let reads = if plan.quick { 3 } else { 60 };
    let house = House::with_chats(chats, Which::Own).await?;
    let mut rounds: [Vec<Round>; 4] = Default::default();
    for round in 0..plan.rounds {
        for (place, case) in CASES.iter().enumerate() {
            let sealed = place % 2 == 1;
            let requests = if place < 2 {
                posts(&house, round, each, sealed).await?
            } else {
                read(&house, reads, sealed).await?
            };
            // A page of the log has two hundred.
            let one = if place < 2 { 1 } else { each.saturating_mul(2).min(200) };
            let seen = send(&house, requests, one).await?;
            Row::progress(round, case, &COLUMNS, &seen);
            rounds[place].push(seen);
        }
    }
    let rows: Vec<_> =
        CASES.iter().zip(&rounds).map(|(case, of)| Row::of(case, &COLUMNS, of)).collect();
    let ratio = |name: &str, of: usize| {
        let figure = Figure::ratio(rows[of].figure(PROCESSOR)?, rows[of - 1].figure(PROCESSOR)?)?;
        Some(Row { case: name.to_owned(), figures: vec![figure] })
    };
    let ratios = [ratio("ratio of messages", 1), ratio("ratio of activities read", 3)];
    Ok(Section {
        subject: "sealed",
        title: "Messages sealed between browser and gateway",
        parameters: json!({"chats": chats, "messages_of_a_chat": each, "rounds": plan.rounds}),
        rows: rows.into_iter().chain(ratios.into_iter().flatten()).collect(),
        notes: Vec::new(),
    })
}

/// Sends what belongs to each chat on a connection of its own.
async fn send(house: &House, requests: Vec<Vec<String>>, one: usize) -> anyhow::Result<Round> {
    let count = requests.iter().map(Vec::len).sum::<usize>() * one;
    let pid = house.gateway.pid;
    let (began, before) = (Instant::now(), processor_time(pid));
    let mut sending = JoinSet::new();
    for share in requests {
        let to = house.gateway.address;
        sending.spawn(async move {
            let mut connection = Connection::open(to).await?;
            for request in share {
                connection.must(request.as_bytes()).await?;
            }
            anyhow::Ok(())
        });
    }
    while let Some(sent) = sending.join_next().await {
        sent??;
    }
    let lasted = began.elapsed();
    tokio::time::sleep(SETTLES_WITHIN).await;
    let spent = |before: Option<Duration>, after: Option<Duration>| after?.checked_sub(before?);
    let processor = spent(before, processor_time(pid));
    let window = Window { lasted, processor, instructions: None, generator_busy: None };
    Ok(Round { count, window })
}

async fn published(connection: &mut Connection, to: SocketAddr) -> anyhow::Result<Published> {
    connection.ask(&request("GET", "/.well-known/warmline-keys", to, "", "")).await
}

/// What each chat's user says in a round.
async fn posts(
    house: &House,
    round: usize,
    each: usize,
    sealed: bool,
) -> anyhow::Result<Vec<Vec<String>>> {
    let to = house.gateway.address;
    let keys = published(&mut Connection::open(to).await?, to).await?;
    let post = |chat: &Chat, number: usize| {
        let id = format!("{sealed}-{round}-{number}");
        let activity = json!({
            "type": "message",
            "from": {"id": "kim"},
            "textFormat": "plain",
            "text": format!("{id}: the slip is the one of last month, and the sum in it is wrong."),
            "channelData": {"clientActivityID": id},
        });
        let body = if sealed { envelope(&keys, chat, &id, &activity)? } else { activity };
        let path = format!("{}/activities", chat.path());
        anyhow::Ok(request("POST", &path, to, &chat.token, &body.to_string()))
    };
    let of = |chat: &Chat| (0..each).map(|number| post(chat, number)).collect();
    house.chats.iter().map(of).collect()
}

fn envelope(keys: &Published, chat: &Chat, id: &str, activity: &Value) -> anyhow::Result<Value> {
    let key = keys.keys.first().context("there is no key")?;
    let raw = BASE64.decode(&key.public_key)?;
    let hpke = |error: hpke::HpkeError| anyhow!("{error}");
    let public = <Kem as hpke::Kem>::PublicKey::from_bytes(&raw).map_err(hpke)?;
    let mut bound = Vec::new();
    for part in [TO_GATEWAY, &chat.conversation, "", id, &keys.now] {
        bound.extend_from_slice(&u32::try_from(part.len())?.to_be_bytes());
        bound.extend_from_slice(part.as_bytes());
    }
    let mut plain = activity.to_string().into_bytes();
    plain.resize(plain.len().next_multiple_of(256), b' ');
    let (enc, ct) = hpke::single_shot_seal::<AesGcm256, HkdfSha256, Kem>(
        &OpModeS::Base,
        &public,
        TO_GATEWAY.as_bytes(),
        &plain,
        &bound,
    )
    .map_err(hpke)?;
    let sealed = json!({
        "v": 1, "kid": key.kid, "at": keys.now,
        "enc": BASE64.encode(enc.to_bytes()), "ct": BASE64.encode(ct),
    });
    Ok(json!({
        "type": "message",
        "from": {"id": "kim"},
        "channelData": {"clientActivityID": id, "warmline": {"sealed": sealed}},
    }))
}

/// Pages of the first chats' logs.
async fn read(house: &House, reads: usize, sealed: bool) -> anyhow::Result<Vec<Vec<String>>> {
    let to = house.gateway.address;
    let mut connection = Connection::open(to).await?;
    let keys = published(&mut connection, to).await?;
    let key = keys.keys.first().context("there is no key")?;
    let mut all = Vec::new();
    for chat in house.chats.iter().take(4) {
        let token = if sealed {
            let (_, public) = Kem::gen_keypair();
            let body = json!({"suite": key.suite, "publicKey": BASE64.encode(public.to_bytes())});
            let path = format!("{}/reader", chat.path());
            let ask = request("POST", &path, to, &chat.token, &body.to_string());
            connection.ask::<Token>(&ask).await?.token
        } else {
            chat.token.clone()
        };
        ensure!(!token.is_empty(), "there is a token");
        let path = format!("{}/activities", chat.path());
        all.push(vec![request("GET", &path, to, &token, ""); reads]);
    }
    Ok(all)
}
