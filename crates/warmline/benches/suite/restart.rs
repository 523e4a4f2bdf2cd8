//! From the start of the process to ready, with much stored and much in flight.
//!
//! Conversations are made through a gateway: in most a user was greeted and answered the
//! bot, some are live chats. Then the instance
//! falls silent, the users of the live chats each say something, and the gateway is killed with all
//! of that on its way. Each round is a start on these files (the page cache is warm) and the next
//! kill. After the last start the instance speaks again, and everything must arrive.

use std::{
    net::{Ipv4Addr, SocketAddr},
    time::{Duration, Instant},
};

use anyhow::{Context, ensure};
use serde_json::json;
use tokio::net::TcpListener;

use crate::{
    arguments::Plan,
    chats, cost,
    feed::Feed,
    flights::Flights,
    house::{House, Which},
    http::{Connection, request},
    load::{Workers, as_f64, dealt, join, stage},
    report::{Column, Kind, Row, Section},
    server::Server,
};

/// Of so many conversations one is a live chat with something on its way.
const ONE_LIVE_OF: usize = 25;

/// Connections over which the users say something.
const CONNECTIONS: usize = 32;

/// Between two attempts to connect to a process that just started.
const KNOCK_EVERY: Duration = Duration::from_millis(1);

/// Ten times what a start may take.
const READY_WITHIN: Duration = Duration::from_secs(20);

/// Ports below those that the system hands out by itself.
const PORTS: std::ops::Range<u16> = 20_000..32_000;

struct Round {
    ready: Duration,
    listened: Duration,
    memory: Option<u64>,
}

const COLUMNS: [Column<Round>; 3] = [
    (Kind::new("ready", "to /readyz 200, ms", "ms", 0), |round| {
        Some(round.ready.as_secs_f64() * 1e3)
    }),
    (Kind::new("first_line", "to the first line, ms", "ms", 0), |round| {
        Some(round.listened.as_secs_f64() * 1e3)
    }),
    (Kind::new("memory", "memory then, MB", "MB", 1), |round| Some(as_f64(round.memory?) / 1e6)),
];

pub(crate) async fn measure(plan: &Plan) -> anyhow::Result<Section> {
    let live = (plan.stored / ONE_LIVE_OF).max(1);
    let began = Instant::now();
    let mut house = House::empty(Which::Own).await?;
    eprintln!("preparing {} stored conversations …", plan.stored);
    chats::start_only(house.gateway.address, plan.stored - live, Some("Hello!")).await?;
    house.open_chats(live).await?;
    let flights = Flights::new(live);
    house.instance.note_in(&flights)?;
    house.instance.fall_silent(true);
    let feeds = speak(&house, &flights).await?;
    let House { gateway, chats, instance, data, .. } = house;
    gateway.kill().await?;
    let prepared = began.elapsed();
    eprintln!("prepared in {prepared:.1?}, {:.0} MB", as_f64(size_of(data.path())?) / 1e6);
    // Each round begins with the files as this kill left them: a start tidies them up.
    let left = tempfile::tempdir_in(data.path().parent().context("the data lie in a folder")?)?;
    copy_files(data.path(), left.path())?;
    let address = free_port().await?;
    let mut rounds = Vec::new();
    let mut last = None;
    for round in 0..plan.rounds {
        if let Some(running) = last.take() {
            Server::kill(running).await?;
            copy_files(left.path(), data.path())?;
        }
        let (gateway, seen) = start(address, instance.address, data.path()).await?;
        Row::progress(round, "restart", &COLUMNS, &seen);
        rounds.push(seen);
        last = Some(gateway);
    }
    let gateway = last.context("there was a round")?;
    let resumed = Instant::now();
    instance.fall_silent(false);
    for feed in &feeds {
        flights.landed(feed.chat, feed.sent).await?;
    }
    let resumed = resumed.elapsed();
    let compared = chats::check(&gateway, &chats, &feeds).await?;
    Ok(Section {
        subject: "restart",
        title: "Restart",
        parameters: json!({
            "stored": plan.stored,
            "in_flight": live,
            "rounds": plan.rounds,
            "prepared_in_seconds": prepared.as_secs_f64(),
            "database_bytes": size_of(data.path())?,
        }),
        rows: vec![Row::of(
            &format!("{} stored, {live} in flight, after kill -9", plan.stored),
            &COLUMNS,
            &rounds,
        )],
        notes: vec![format!(
            "After the last start all {live} messages in flight arrived within {resumed:.1?} of the \
             instance's return; {compared} were read back and compared."
        )],
    })
}

/// The user of each live chat says something; it is taken in and goes nowhere.
async fn speak(house: &House, flights: &Flights) -> anyhow::Result<Vec<Feed>> {
    let gateway = house.gateway.address;
    flights.begin(&stage());
    let feeds = house.chats.iter().map(|chat| Feed::users(chat, gateway)).collect();
    let mut workers = Workers::new();
    for mut share in dealt(feeds, CONNECTIONS) {
        for feed in &share {
            flights.departs(feed.chat, feed.sent + 1, Instant::now());
        }
        workers.spawn(async move {
            let mut connection = Connection::open(gateway).await?;
            for feed in &mut share {
                connection.must(feed.next()).await?;
                feed.acknowledge();
            }
            Ok((share, ()))
        });
    }
    Ok(join(workers).await?.0)
}

/// Starts the gateway, and asks from the first moment whether it is ready.
async fn start(
    address: SocketAddr,
    instance: SocketAddr,
    data: &std::path::Path,
) -> anyhow::Result<(Server, Round)> {
    let began = Instant::now();
    let ready = async {
        tokio::time::timeout(READY_WITHIN, ready(address)).await.context("it is not ready")??;
        anyhow::Ok(began.elapsed())
    };
    let (gateway, ready) = tokio::join!(Server::gateway_at(address, instance, data), ready);
    let (gateway, ready) = (gateway?, ready?);
    let memory = cost::memory(gateway.pid).map(|memory| memory.resident);
    let round = Round { ready, listened: gateway.listened_after, memory };
    Ok((gateway, round))
}

async fn ready(address: SocketAddr) -> anyhow::Result<()> {
    let ask = request("GET", "/readyz", address, "nobody", "");
    loop {
        // It listens before it serves; then the question waits for its answer.
        if let Ok(mut connection) = Connection::open(address).await
            && connection.send(ask.as_bytes()).await? == 200
        {
            return Ok(());
        }
        tokio::time::sleep(KNOCK_EVERY).await;
    }
}

/// An address that is free now.
pub(crate) async fn free_port() -> anyhow::Result<SocketAddr> {
    let count = u32::from(PORTS.end - PORTS.start);
    // Runs beside each other begin at different places.
    let first = std::process::id().wrapping_mul(97) % count;
    for step in 0..count {
        let port = PORTS.start + u16::try_from((first + step) % count)?;
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        if TcpListener::bind(address).await.is_ok() {
            return Ok(address);
        }
    }
    anyhow::bail!("no port is free")
}

/// Makes the files of one folder those of another.
fn copy_files(from: &std::path::Path, to: &std::path::Path) -> anyhow::Result<()> {
    for entry in std::fs::read_dir(to)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            std::fs::remove_dir_all(entry.path())?;
        } else {
            std::fs::remove_file(entry.path())?;
        }
    }
    for file in std::fs::read_dir(from)? {
        let file = file?;
        // Sockets belong to the process that was killed.
        if file.file_type()?.is_file() {
            std::fs::copy(file.path(), to.join(file.file_name()))?;
        }
    }
    Ok(())
}

/// What the files of a folder hold, in bytes.
fn size_of(folder: &std::path::Path) -> anyhow::Result<u64> {
    let mut bytes = 0;
    for file in std::fs::read_dir(folder)? {
        bytes += file?.metadata()?.len();
    }
    ensure!(bytes > 0, "nothing is stored");
    Ok(bytes)
}
