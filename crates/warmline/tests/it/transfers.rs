//! `kill -9` while a file is on its way: it arrives after the next start, or its user is told.
//!
//! Between gateway and instance stands a relay that lets a little of a file through and then no more, so
//! that the kill comes in the middle however quick the machine is.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use reqwest::Method;
use serde_json::json;
use simulator::Speaker;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{
        TcpListener, TcpStream,
        tcp::{OwnedReadHalf, OwnedWriteHalf},
    },
    sync::watch,
};

use crate::{
    desk,
    flows::{USER, connect},
    house::{House, Setting},
    page::{Page, eventually},
};

/// How much of a file is let through: more than a head, less than the file.
const LET_THROUGH: usize = 100 * 1024;

const FILE_BYTES: usize = 1024 * 1024;

/// A file much larger than what the gateway may grow by while it passes, in bytes.
const LARGE_BYTES: usize = 64 * 1024 * 1024;
const GROWS_BYTES: u64 = 32 * 1024 * 1024;

/// How long one may take on a machine that does much else.
const LARGE_WITHIN: Duration = Duration::from_mins(2);

/// By what a connection is known to carry a file.
const MEDIA: &[u8] = b"/media/";

/// Between the gateway and its instance.
struct Relay {
    holds: watch::Sender<bool>,
    /// How many connections stand still.
    still: watch::Sender<usize>,
}

impl Relay {
    fn start(listener: std::net::TcpListener, to: SocketAddr) -> Arc<Self> {
        let relay =
            Arc::new(Self { holds: watch::Sender::new(false), still: watch::Sender::new(0) });
        let accepting = Arc::clone(&relay);
        tokio::spawn(async move {
            listener.set_nonblocking(true).unwrap();
            let listener = TcpListener::from_std(listener).unwrap();
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(Arc::clone(&accepting).passes(stream, to));
            }
        });
        relay
    }

    async fn passes(self: Arc<Self>, stream: TcpStream, to: SocketAddr) {
        let Ok(instance) = TcpStream::connect(to).await else { return };
        let (from_gateway, to_gateway) = stream.into_split();
        let (from_instance, to_instance) = instance.into_split();
        let media = Arc::new(watch::Sender::new(false));
        let up = self.clone().copies(from_gateway, to_instance, Arc::clone(&media), true);
        let down = self.copies(from_instance, to_gateway, media, false);
        tokio::join!(up, down);
    }

    async fn copies(
        self: Arc<Self>,
        mut from: OwnedReadHalf,
        mut to: OwnedWriteHalf,
        is_media: Arc<watch::Sender<bool>>,
        looks: bool,
    ) {
        let (mut buffer, mut passed) = (vec![0; 16 * 1024], 0);
        while let Ok(read @ 1..) = from.read(&mut buffer).await {
            let some = &buffer[..read];
            if looks && some.windows(MEDIA.len()).any(|bytes| bytes == MEDIA) {
                is_media.send_replace(true);
                passed = 0;
            }
            passed += read;
            if *is_media.borrow() && *self.holds.borrow() && passed > LET_THROUGH {
                self.still.send_modify(|count| *count += 1);
                // It goes on when it is let, or when the gateway is gone.
                self.holds.subscribe().wait_for(|holds| !holds).await.ok();
            }
            if to.write_all(some).await.is_err() {
                return;
            }
        }
    }

    async fn stands_still(&self) {
        let mut still = self.still.subscribe();
        let stands = still.wait_for(|count| *count > 0);
        tokio::time::timeout(crate::process::WITHIN, stands)
            .await
            .expect("a file is on its way")
            .unwrap();
    }
}

async fn house() -> (House, Arc<Relay>) {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let at = listener.local_addr().unwrap();
    let mut relay = None;
    let house = House::start_at(
        Setting::default(),
        // Then they lie where the gateway reaches the instance.
        |instance| instance.profile.relative_media = true,
        |environment| {
            let place =
                environment.insert("SERVICENOW_INSTANCE".to_owned(), format!("http://{at}"));
            let place = place.unwrap().trim_start_matches("http://").parse().unwrap();
            relay = Some(Relay::start(listener, place));
        },
    )
    .await;
    (house, relay.unwrap())
}

/// Bytes that no two places of the file have in common.
fn contents() -> Vec<u8> {
    let numbers = 0..u32::try_from(FILE_BYTES / 4).unwrap();
    numbers.flat_map(|n| n.wrapping_mul(2_654_435_761).to_le_bytes()).collect()
}

/// Where the page is shown the agent's file.
async fn address(house: &House, page: &Page, name: &str) -> String {
    let begin = format!("{}/files/desk.", house.origin());
    eventually("the page is shown a file", || async {
        let log = page.log().await;
        // The agent's picture has an address, too.
        let shown = log.iter().find(|one| one.to_string().contains(name))?;
        let shown = json!([shown["text"], shown["attachments"]]).to_string();
        let mut parts = shown.split(['"', '(', ')', '<', '>', ' ']);
        parts.find(|text| text.starts_with(&begin)).map(str::to_owned)
    })
    .await
}

#[tokio::test]
async fn killed_while_an_agents_file_is_fetched_the_user_opens_it_after_the_next_start() {
    let (mut house, relay) = house().await;
    let (page, chat) = connect(&mut house).await;
    relay.holds.send_replace(true);
    house.desk.send_file(&chat, "plan.bin", "application/x-data", contents()).unwrap();
    let shown = address(&house, &page, "plan.bin").await;
    let (http, opens) = (house.http.clone(), shown.clone());
    let waiting = tokio::spawn(async move { http.get(opens).send().await?.bytes().await });
    relay.stands_still().await;
    house.kill().await;
    assert!(waiting.await.unwrap().is_err(), "it was not there yet");
    relay.holds.send_replace(false);
    house.begin().await;
    let opened = house.http.get(&shown).send().await.unwrap();
    assert_eq!(opened.status(), 200);
    assert!(opened.bytes().await.unwrap() == contents(), "it is the agent's file");
    let left = std::fs::read_dir(house.data_dir().join("files")).unwrap();
    let names = left.map(|one| one.unwrap().file_name().into_string().unwrap());
    let half: Vec<_> = names.filter(|name| name.contains('#')).collect();
    assert!(half.is_empty(), "nothing half written is left: {half:?}");
}

#[tokio::test]
async fn killed_while_a_users_file_is_brought_to_the_instance_the_agent_has_it_after_the_next_start()
 {
    let (mut house, relay) = house().await;
    let (page, chat) = connect(&mut house).await;
    relay.holds.send_replace(true);
    let sent = page
        .request(Method::POST, &format!("/upload?userId={USER}"))
        .header("content-type", "application/x-data")
        .header("content-disposition", "name=\"file\"; filename=\"plan.bin\"")
        .body(contents())
        .send()
        .await
        .unwrap();
    assert_eq!(sent.status(), 200, "{}", sent.text().await.unwrap());
    page.post("and its words kolibri").await;
    relay.stands_still().await;
    house.kill().await;
    relay.holds.send_replace(false);
    house.begin().await;
    eventually("the agent has the words, behind the file", || async {
        let lines = desk::lines(&desk::chat(&house.desk, &chat), Speaker::User);
        lines
            .ends_with(&["(file: plan.bin)".to_owned(), "and its words kolibri".to_owned()])
            .then_some(())
    })
    .await;
    // The same from the agent, to compare it with.
    house.desk.send_file(&chat, "plan.bin", "application/x-data", contents()).unwrap();
    let lines = desk::chat(&house.desk, &chat).lines;
    let files: Vec<_> = lines.into_iter().filter_map(|line| line.file).collect();
    assert_eq!(files.len(), 2, "once each");
    assert_eq!((files[0].size, &files[0].sha256), (FILE_BYTES, &files[1].sha256));
}

#[tokio::test]
async fn large_files_pass_both_ways_and_memory_hardly_grows() {
    let mut house = House::start_with(Setting::default(), |environment| {
        environment.insert("WARMLINE_FILE_MAX".to_owned(), "100MB".to_owned());
    })
    .await;
    let (page, chat) = connect(&mut house).await;
    // What the first file costs is the same for each: code that is read, pools that are filled.
    pass_both_ways(&house, (&page, &chat), "small.bin", FILE_BYTES).await;
    let (before, _) = house.gateway().memory();
    pass_both_ways(&house, (&page, &chat), "large.bin", LARGE_BYTES).await;
    let (_, peak) = house.gateway().memory();
    let grew = peak.saturating_sub(before);
    println!("grew by {grew} bytes");
    assert!(grew < GROWS_BYTES, "{grew} bytes");
}

/// A file of this size goes from the page to the agent, and another from the agent to the page.
async fn pass_both_ways(house: &House, (page, chat): (&Page, &str), name: &str, bytes: usize) {
    let sent = page
        .request(Method::POST, &format!("/upload?userId={USER}"))
        .header("content-type", "application/x-data")
        .header("content-disposition", "name=\"file\"; filename=\"mine.bin\"")
        .timeout(LARGE_WITHIN)
        .body(vec![7; bytes])
        .send()
        .await
        .unwrap();
    assert_eq!(sent.status(), 200, "{}", sent.text().await.unwrap());
    let has = |seen: &simulator::Snapshot<'_>| {
        let chats = seen.chats();
        let mut files =
            chats.iter().flat_map(|one| &one.lines).filter_map(|line| line.file.as_ref());
        files.any(|file| file.size == bytes)
    };
    house.desk.wait_until(has, LARGE_WITHIN).await.expect("the agent has it");
    let instance = &house.environment["SERVICENOW_INSTANCE"];
    let order = format!("{instance}/admin/api/chats/{chat}/file?name={name}&made={bytes}");
    let order = house.http.post(order).header("content-type", "application/x-data");
    assert_eq!(order.send().await.unwrap().status(), 204);
    let shown = address(house, page, name).await;
    let opened = house.http.get(shown).timeout(LARGE_WITHIN).send().await.unwrap();
    assert_eq!(opened.status(), 200);
    assert_eq!(opened.bytes().await.unwrap().len(), bytes);
}
