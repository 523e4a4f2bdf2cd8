use std::sync::Mutex;

use axum::{
    Router,
    body::{Body, Bytes},
    extract::State,
    http::{HeaderMap, Uri},
    response::Response,
};
use bot_framework::Activity;
use servicenow::{Client, ClientConfig, Credentials, client::instance_url};
use tokio::{net::TcpListener, sync::Barrier};

use session::{Content, FileRefusal, Notice};
use tokio_util::sync::CancellationToken;

use super::*;
use crate::{
    bed::{Bed, desk, key, tenant},
    desk::{news::Wording, request::Dress, signal::ToDesk},
    files::{Bringer, Kept, NewFile, Reader, Side},
    keeping::Keeping,
    notices::Language,
};

/// A file's address at the instance.
const PICTURE: &str = "/api/now/v1/cs/media/abc";

/// The beginning of a picture.
const PNG: &[u8] = b"\x89PNG\r\n\x1a\n and so on";

type Asked = Arc<Mutex<Vec<(String, Vec<u8>)>>>;

#[derive(Clone)]
struct Behaviour {
    asked: Asked,
    /// What it answers to everything but token calls.
    answer: Arc<Mutex<(u16, &'static str, Vec<u8>)>>,
    /// Those who ask for or bring a file are answered when as many are there.
    meet: Arc<Mutex<Option<Arc<Barrier>>>>,
}

/// A small instance, what it is asked, and what moves files between it and a conversation.
struct Scene {
    bed: Bed,
    behaviour: Behaviour,
    media: Arc<DeskMedia>,
    reach: Arc<Reach>,
    files: Arc<Files>,
}

async fn answer(
    State(behaviour): State<Behaviour>,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    if uri.path() == "/oauth_token.do" {
        let token = r#"{"access_token":"t","expires_in":1799,"token_type":"Bearer"}"#;
        let json = Response::builder().header("content-type", "application/json");
        return json.body(Body::from(token)).unwrap();
    }
    assert_eq!(headers["authorization"], "Bearer t");
    behaviour.asked.lock().unwrap().push((uri.path().to_owned(), body.to_vec()));
    let meet = behaviour.meet.lock().unwrap().clone();
    if let Some(meet) = meet {
        meet.wait().await;
    }
    let (status, kind, body) = behaviour.answer.lock().unwrap().clone();
    let response = Response::builder().status(status).header("content-type", kind);
    response.body(Body::from(body)).unwrap()
}

impl Scene {
    /// A conversation "c1" that waits for an agent.
    async fn new(handing: Handing) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = instance_url(&format!("http://{}", listener.local_addr().unwrap())).unwrap();
        let answered = Arc::new(Mutex::new((200, "image/png", PNG.to_vec())));
        let behaviour =
            Behaviour { asked: Asked::default(), answer: answered, meet: Arc::default() };
        let router = Router::new().fallback(answer).with_state(behaviour.clone());
        tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        let credentials = Credentials::of_client("id".to_owned(), "s".into());
        let mut config = ClientConfig::new(url, credentials).unwrap();
        config.grant = servicenow::Grant::ClientCredentials;
        let reach = Current::new(Reach {
            client: Arc::new(Client::new(config).unwrap()),
            dress: Dress { token: None, commands: Vec::new(), receipts: false },
            wording: Wording::default(),
            handing,
        });
        let bed = Bed::new();
        bed.says("c1", "agent").await;
        let files = bed.files();
        let reaches = HashMap::from([((tenant(), desk()), Arc::clone(&reach))]);
        let media = bed.media(&files, reaches);
        Self { bed, behaviour, media, reach: reach.get(), files }
    }

    fn answers(&self, status: u16, kind: &'static str, body: &[u8]) {
        *self.behaviour.answer.lock().unwrap() = (status, kind, body.to_vec());
    }

    fn asked(&self) -> usize {
        self.behaviour.asked.lock().unwrap().len()
    }

    fn conversation(&self) -> ConversationId {
        self.bed.row("c1").id
    }

    fn keeping(&self) -> Arc<Keeping> {
        Arc::new(Keeping::new(&self.bed.vault, &key("c1")).unwrap())
    }

    /// What an address that entry 1 shows becomes.
    fn opened(&self, address: &str) -> Option<String> {
        let links = self.media.links(&key("c1"), self.conversation()).unwrap();
        links.open("https://chat.example", Number(1), address)
    }

    /// The pass in it.
    fn pass(&self, address: &str) -> String {
        let opened = self.opened(address).unwrap();
        opened.strip_prefix("https://chat.example/files/").unwrap().to_owned()
    }

    async fn fetched(&self, pass: &str) -> Result<Vec<u8>, FetchError> {
        let file = self.media.opened(pass).await?.file;
        let reading = self.files.read(&self.keeping(), file).await?;
        let mut chunks = reading.side(Side::Original, Reader::Page).await?;
        let mut all = Vec::new();
        while let Some(chunk) = chunks.next().await? {
            all.extend_from_slice(&chunk);
        }
        Ok(all)
    }

    /// A file of the user's.
    async fn brought(&self, name: &str, bytes: &'static [u8]) -> session::File {
        let new = NewFile {
            by: Bringer::Page,
            name: name.to_owned(),
            kind: String::new(),
            thumbnail: None,
        };
        let intake = self.files.intake(self.conversation(), &self.keeping(), new).await;
        let mut intake = intake.unwrap();
        intake.write(Bytes::from_static(bytes)).await.unwrap();
        let kept: Kept = intake.finish().await.unwrap();
        kept.into()
    }

    async fn seen_to(&self, files: &[session::File]) -> Handed {
        let (conversation, keeping) = (self.conversation(), self.keeping());
        let desk = (tenant(), desk());
        let owned = Owned { conversation, keeping, desk: &desk, user: "kim" };
        self.media.handed(&self.reach, &owned, files).await
    }

    async fn handed(&self, files: &[session::File]) -> (Vec<servicenow::Attachment>, Vec<Lost>) {
        let Handed { lost, others } = self.seen_to(files).await;
        match others {
            Others::Ready(attachments) => (attachments, lost),
            others => panic!("{others:?}"),
        }
    }

    /// What is kept of a file is no file any more.
    fn spoil(&self, file: &session::File) {
        let mut folders = vec![self.bed.dir().to_owned()];
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    folders.push(path);
                } else if path.file_name().is_some_and(|name| name.to_string_lossy() == file.id) {
                    std::fs::write(path, b"no file").unwrap();
                    return;
                }
            }
        }
        panic!("{} is not there", file.id);
    }
}

fn link() -> Handing {
    Handing::Link { base: "https://chat.example".to_owned() }
}

#[tokio::test]
async fn a_file_at_the_instance_is_fetched_when_it_is_first_asked_for_and_then_kept() {
    let scene = Scene::new(link()).await;
    let pass = scene.pass(PICTURE);
    assert_eq!(scene.asked(), 0, "an address fetches nothing");
    let (one, other) = tokio::join!(scene.fetched(&pass), scene.fetched(&pass));
    assert_eq!((one.unwrap(), other.unwrap()), (PNG.to_vec(), PNG.to_vec()));
    assert_eq!(scene.asked(), 1, "two who ask at a time wait for the same fetch");
    scene.answers(500, "text/plain", b"");
    assert_eq!(scene.fetched(&pass).await.unwrap(), PNG);
    assert_eq!((scene.asked(), scene.pass(PICTURE)), (1, pass), "the same address at every look");
}

#[tokio::test]
async fn what_an_agent_sends_is_fetched_once_it_is_committed() {
    let scene = Scene::new(link()).await;
    scene.bed.connected("c1").await;
    let mut committed = scene.bed.wakes.shows();
    let agent = session::Agent { name: None, id: None, avatar: None };
    for payload in [
        r#"{"uiType":"OutputText","value":"no file"}"#.to_owned(),
        format!(r#"{{"uiType":"OutputImage","value":"{PICTURE}","altText":"a photo"}}"#),
    ] {
        let payload = Some(session::Payload(payload));
        let said = session::Said { payload, ..session::Said::words("a photo") };
        let news = session::News::AgentSaid { agent: agent.clone(), said, key: None };
        scene.bed.hears("c1", vec![news]).await;
    }
    let entry = committed.recv().await.unwrap();
    assert!(committed.try_recv().is_err(), "what has no file is not looked at");
    let number = entry.entry;
    assert_eq!(scene.asked(), 0);
    scene.media.fetch_ahead(entry).await;
    assert_eq!(scene.asked(), 1);
    scene.answers(404, "text/plain", b"");
    let links = scene.media.links(&key("c1"), scene.conversation()).unwrap();
    let shown = links.open("", number, PICTURE).unwrap();
    let fetched = scene.fetched(shown.strip_prefix("/files/").unwrap()).await;
    assert_eq!(fetched.unwrap(), PNG, "though the instance has it no more");
    assert_eq!(scene.asked(), 1);
}

#[tokio::test]
async fn a_file_that_never_comes_is_told_once_to_its_user_and_to_the_agent_who_sent_it() {
    let scene = Scene::new(link()).await;
    scene.bed.connected("c1").await;
    let (mut committed, mut to_desk) = (scene.bed.wakes.shows(), scene.bed.wakes.desks());
    let (engine, wakes) = (scene.bed.engine.clone(), Arc::clone(&scene.bed.wakes));
    let telling = Arc::clone(&scene.media).run_telling(engine, wakes, CancellationToken::new());
    tokio::spawn(telling);
    let agent = session::Agent { name: None, id: None, avatar: None };
    for (n, status, name, why) in [
        (1, 404, Some("form.txt"), FileRefusal::NotGiven),
        (2, 403, None, FileRefusal::NotGiven),
        (3, 200, Some("empty.txt"), FileRefusal::Empty),
    ] {
        scene.answers(status, "text/plain", b"");
        let label = name.map(|name| format!(r#","label":"{name}""#)).unwrap_or_default();
        let payload =
            format!(r#"{{"uiType":"OutputText","itemType":"file","value":"{PICTURE}{n}"{label}}}"#);
        let (payload, desk_id) = (Some(session::Payload(payload)), Some(format!("m{n}")));
        let said = session::Said { payload, desk_id, ..session::Said::words("a file") };
        let news = session::News::AgentSaid { agent: agent.clone(), said, key: None };
        scene.bed.hears("c1", vec![news]).await;
        let entry = committed.recv().await.unwrap();
        scene.media.fetch_ahead(entry.clone()).await;
        let failed = loop {
            match to_desk.recv().await.unwrap() {
                ToDesk::Receipt(receipt) if !receipt.got => break receipt.message,
                _ => {}
            }
        };
        assert_eq!(failed, format!("m{n}"));
        let last = scene.bed.log("c1").pop().unwrap().content;
        let name = name.map(str::to_owned);
        assert_eq!(last, Content::Notice(Notice::FileNotPassedOn { name, why }));
        let entries = scene.bed.log("c1").len();
        scene.media.fetch_ahead(entry).await;
        assert_eq!(scene.bed.log("c1").len(), entries, "{n}: a repeat");
    }
}

#[tokio::test]
async fn what_may_still_come_and_what_only_adorns_is_not_told_of() {
    let scene = Scene::new(link()).await;
    scene.bed.connected("c1").await;
    let mut committed = scene.bed.wakes.shows();
    let (engine, wakes) = (scene.bed.engine.clone(), Arc::clone(&scene.bed.wakes));
    let telling = Arc::clone(&scene.media).run_telling(engine, wakes, CancellationToken::new());
    tokio::spawn(telling);
    let file = format!(r#"{{"uiType":"OutputText","itemType":"file","value":"{PICTURE}"}}"#);
    let card = format!(
        r#"{{"uiType":"OutputCard","templateName":"Card","data":{{"title":"A","image":"{PICTURE}"}}}}"#
    );
    for (status, payload) in [(500, file), (404, card)] {
        scene.answers(status, "text/plain", b"");
        let payload = Some(session::Payload(payload));
        let said = session::Said { payload, ..session::Said::words("a file") };
        let news = session::News::DeskSaid { said, key: None, with_agents: true };
        scene.bed.hears("c1", vec![news]).await;
        let asked = scene.asked();
        scene.media.fetch_ahead(committed.recv().await.unwrap()).await;
        assert_eq!(scene.asked(), asked + 1);
        crate::bed::breath().await;
        assert!(!scene.bed.told("c1").iter().any(|told| told.contains("file_not_passed_on")));
    }
}

#[tokio::test]
async fn a_pass_opens_what_it_was_given_out_for_and_nothing_else() {
    let scene = Scene::new(link()).await;
    let pass = scene.pass(PICTURE);
    let (what, tag) = pass.strip_prefix("desk.").unwrap().split_once('.').unwrap();
    let other = scene.pass("/api/now/v1/cs/media/other");
    let other = other.strip_prefix("desk.").unwrap().split_once('.').unwrap();
    for forged in [
        format!("desk.{}.{tag}", other.0),
        format!("desk.{what}.{}", other.1),
        format!("desk.{what}."),
        format!("desk.{what}"),
        format!("desk.{what}.{}", "0".repeat(32)),
        format!("desk.{}.{tag}", "A".repeat(5_000)),
        "desk.".to_owned(),
    ] {
        let told = scene.fetched(&forged).await;
        assert!(matches!(told, Err(FetchError::Unknown)), "{forged}: {told:?}");
    }
    assert_eq!(scene.asked(), 0, "nothing was asked for");
}

#[tokio::test]
async fn what_was_shown_in_a_message_that_is_gone_is_gone() {
    let scene = Scene::new(link()).await;
    let links = scene.media.links(&key("c1"), scene.conversation()).unwrap();
    let later = links.open("", Number(1_000), PICTURE).unwrap();
    let told = scene.fetched(later.strip_prefix("/files/").unwrap()).await;
    assert!(matches!(told, Err(FetchError::Expired)), "{told:?}");
    assert_eq!(scene.asked(), 0);
}

#[tokio::test]
async fn what_the_instance_does_not_give_is_told_apart_and_not_asked_for_again_at_once() {
    for (status, kind, code) in [
        (404, "text/plain", "not_found"),
        (403, "text/plain", "forbidden"),
        (302, "text/plain", "redirected"),
        (200, "text/html", "not_a_file"),
        (503, "text/plain", "busy"),
    ] {
        let scene = Scene::new(link()).await;
        scene.answers(status, kind, b"<html>");
        let pass = scene.pass(PICTURE);
        for _ in 0..2 {
            match scene.fetched(&pass).await.unwrap_err() {
                FetchError::Refused { code: told } | FetchError::Away { code: told } => {
                    assert_eq!(told, code);
                }
                other => panic!("{other:?}"),
            }
        }
        assert_eq!(scene.asked(), 1, "{status}");
    }
}

#[tokio::test]
async fn pages_of_the_instance_and_other_hosts_keep_their_own_addresses() {
    let scene = Scene::new(link()).await;
    let page = scene.opened("/sp?id=kb_article").unwrap();
    assert!(page.starts_with("http://127.0.0.1:") && page.ends_with("/sp?id=kb_article"), "{page}");
    let elsewhere = "https://example.org/a.png";
    assert_eq!(scene.opened(elsewhere).as_deref(), Some(elsewhere));
    for never in ["http://10.0.0.1/a.png", "http://169.254.169.254/", "javascript:1", "data:,x"] {
        assert_eq!(scene.opened(never), None, "{never}");
    }
}

/// As docs/shown.md and docs/desk-files.md tell it.
#[tokio::test]
async fn what_a_control_leads_to_is_shown_as_what_the_user_can_open() {
    let scene = Scene::new(link()).await;
    let file = scene.opened(PICTURE).unwrap();
    let page = scene.opened("/sp?id=kb_article").unwrap();
    let links = scene.media.links(&key("c1"), scene.conversation()).unwrap();
    let open = |address: &str| links.open("https://chat.example", Number(1), address);
    let said = |json: String| {
        let callback = servicenow::read(format!(r#"{{"body":[{json}]}}"#).as_bytes()).unwrap();
        let item = callback.signals.into_iter().find_map(|signal| match signal {
            servicenow::Signal::Item(item) => Some(item),
            _ => None,
        });
        crate::desk::news::said_of(item.unwrap(), Language::English)
    };
    for (address, shown) in [
        (PICTURE, Some(file.as_str())),
        ("/sp?id=kb_article", Some(page.as_str())),
        ("sp?id=kb_article", Some(page.as_str())),
        (page.as_str(), Some(page.as_str())),
        ("https://e.org/x", Some("https://e.org/x")),
        ("mailto:help@e.org", Some("mailto:help@e.org")),
        ("https://another.service-now.com/x", None),
        ("http://10.0.0.1/x", None),
        ("https://kim:pw@e.org/x", None),
        ("javascript:alert(1)", None),
    ] {
        let look = rich::Look {
            surface: rich::Surface::Page,
            language: Language::English,
            entry: Number(1),
            prefix: "",
            open: &open,
            pictures: &rich::NO_PICTURES,
        };
        let said = said(format!(
            r#"{{"uiType":"OutputLink","label":"Here","value":{{"action":"{address}"}}}}"#
        ));
        let mut activity = Activity::of_kind("message");
        rich::shown(&said, &look).unwrap().put_into(&mut activity, &[]);
        let linked = shown.map_or("Here".to_owned(), |shown| format!("[Here]({shown})"));
        assert_eq!(activity.text().as_deref(), Some(linked.as_str()), "{address}");
        let words = rich::Words::of(&said, Language::English, &open).all();
        let in_words = shown.map_or("Here".to_owned(), |shown| format!("Here <{shown}>"));
        assert_eq!(words, in_words, "{address}");
    }
}

#[tokio::test]
async fn a_file_that_may_not_be_kept_is_not_shown() {
    let scene = Scene::new(link()).await;
    scene.answers(200, "image/png", b"");
    let told = scene.fetched(&scene.pass(PICTURE)).await;
    assert!(matches!(told, Err(FetchError::NotKept(_))), "{told:?}");
}

#[tokio::test]
async fn a_users_file_goes_as_an_address_that_opens_it_for_a_while() {
    let scene = Scene::new(link()).await;
    let (a, b) = (scene.brought("a.txt", b"hello").await, scene.brought("b.png", PNG).await);
    let (attachments, lost) = scene.handed(&[a.clone(), b]).await;
    assert!(lost.is_empty());
    let names: Vec<_> = attachments.iter().map(|one| one.file_name.as_str()).collect();
    assert_eq!(names, ["a.txt", "b.png"], "in their order");
    assert_eq!(attachments[1].content_type, "image/png");
    let pass = attachments[0].url.strip_prefix("https://chat.example/files/").unwrap();
    let now = scene.bed.clock.now();
    let opens = scene.files.read_pass(pass, now).unwrap();
    assert_eq!(opens.file.to_string(), a.id);
    let repeated = scene.handed(std::slice::from_ref(&a)).await.0;
    assert_eq!(repeated[0].url, attachments[0].url, "a repeat is the same to the letter");
    let later = now.after(std::time::Duration::from_mins(31));
    assert!(scene.files.read_pass(pass, later).is_err(), "not for ever");
    assert_eq!(scene.asked(), 0, "the instance comes for it");
}

#[tokio::test]
async fn a_users_file_is_brought_where_the_instance_cannot_come_for_it() {
    let scene = Scene::new(Handing::Upload).await;
    scene.answers(
        201,
        "application/json",
        br#"{"result":{"mediaUrl":"/m/1","state":"available"}}"#,
    );
    let file = scene.brought("a.txt", b"hello").await;
    for _ in 0..2 {
        let (attachments, lost) = scene.handed(std::slice::from_ref(&file)).await;
        assert!(lost.is_empty());
        assert_eq!((attachments.len(), attachments[0].url.as_str()), (1, "/m/1"));
    }
    let asked = scene.behaviour.asked.lock().unwrap().clone();
    assert_eq!(asked.len(), 1, "a repeat of the message brings nothing again");
    assert_eq!(asked[0].0, "/api/now/cccif/media/upload");
    let body = String::from_utf8(asked[0].1.clone()).unwrap();
    assert!(body.contains("\r\n\r\nhello\r\n--") && body.contains("\r\n\r\nkim\r\n"), "{body}");
}

#[tokio::test]
async fn a_file_that_goes_no_further_is_news_once() {
    let scene = Scene::new(Handing::Upload).await;
    let refused = br#"{"result":{"mediaUrl":"/m/1","state":"not available"}}"#;
    scene.answers(201, "application/json", refused);
    let file = scene.brought("a.txt", b"hello").await;
    let mut keys = Vec::new();
    for _ in 0..2 {
        let (attachments, lost) = scene.handed(std::slice::from_ref(&file)).await;
        assert!(attachments.is_empty());
        assert_eq!((lost.len(), lost[0].why), (1, session::FileRefusal::NotAllowed));
        keys.push(lost[0].key.clone().unwrap());
    }
    assert_eq!(keys[0], keys[1], "told again, it is recognised");
}

#[tokio::test]
async fn that_a_file_is_lost_is_told_also_while_another_cannot_go_yet() {
    let scene = Scene::new(Handing::Upload).await;
    let (lost, late) = (scene.brought("a.txt", b"a").await, scene.brought("b.txt", b"b").await);
    scene.spoil(&lost);
    scene.answers(503, "text/plain", b"");
    for files in [[lost.clone(), late.clone()], [late, lost]] {
        let handed = scene.seen_to(&files).await;
        assert!(matches!(handed.others, Others::Later(_)), "{:?}", handed.others);
        assert_eq!((handed.lost.len(), handed.lost[0].name.as_str()), (1, "a.txt"));
    }
}

#[tokio::test]
async fn a_file_that_does_not_open_is_lost_and_holds_up_nothing() {
    for handing in [link(), Handing::Upload] {
        let scene = Scene::new(handing).await;
        let file = scene.brought("a.txt", b"hello").await;
        scene.spoil(&file);
        let (attachments, lost) = scene.handed(&[file]).await;
        assert_eq!((attachments.len(), lost.len()), (0, 1));
        assert_eq!(lost[0].why, session::FileRefusal::NotNow);
        assert_eq!(scene.asked(), 0, "the desk has no part in it");
    }
}

#[tokio::test]
async fn the_files_of_a_message_are_brought_at_the_same_time_and_forgotten_with_it() {
    let scene = Scene::new(Handing::Upload).await;
    let answer = br#"{"result":{"mediaUrl":"/m/1","state":"available"}}"#;
    scene.answers(201, "application/json", answer);
    let files = [scene.brought("a.txt", b"a").await, scene.brought("b.txt", b"b").await];
    // Neither is answered before both are there.
    *scene.behaviour.meet.lock().unwrap() = Some(Arc::new(Barrier::new(2)));
    let (attachments, lost) = scene.handed(&files).await;
    assert_eq!((attachments.len(), lost.len()), (2, 0));
    let desk = (tenant(), desk());
    assert_eq!(scene.media.uploads.count(&desk), 2, "for a repeat");
    scene.media.done_with(&desk, &files);
    assert_eq!(scene.media.uploads.count(&desk), 0);
}

#[tokio::test]
async fn nobody_hands_over_a_file_of_another_conversation() {
    let scene = Scene::new(link()).await;
    let mut file = scene.brought("a.txt", b"hello").await;
    scene.bed.says("c2", "agent").await;
    let other = scene.bed.row("c2").id;
    let rest = file.id.split_once('-').unwrap().1.to_owned();
    file.id = format!("{}-{rest}", other.0);
    let (attachments, lost) = scene.handed(&[file]).await;
    assert!(attachments.is_empty() && lost.len() == 1);
}

#[test]
fn an_instance_is_given_addresses_only_where_it_can_reach_us() {
    let link = |base: &str| Handing::Link { base: base.to_owned() };
    for (by, base, handing) in [
        (FilesBy::Either, "https://chat.example/", link("https://chat.example")),
        (FilesBy::Either, "http://chat.example", Handing::Upload),
        (FilesBy::Either, "https://127.0.0.1:8080", Handing::Upload),
        (FilesBy::Either, "https://10.0.0.1", Handing::Upload),
        (FilesBy::Link, "http://127.0.0.1:8080", link("http://127.0.0.1:8080")),
        (FilesBy::Upload, "https://chat.example", Handing::Upload),
    ] {
        assert_eq!(Handing::of(by, base), handing, "{by:?} {base}");
    }
}
