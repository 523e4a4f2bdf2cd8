//! One house for each test: a simulated instance in this process, the real gateway beside it, and
//! data of their own.
//!
//! A house is dropped at the end of its test. It then reads the gateway's log: after a failure it
//! prints it, else it fails on errors, panics, secrets, and on anything that was said.

use std::{
    path::PathBuf,
    sync::{Arc, Mutex},
};

use bot_framework::direct_line::token::{Claims, Purpose, TokenKey};
use secrecy::ExposeSecret;
use serde_json::Value;
use simulator::{
    AgentMode, AppVersion, ChatState, Config, Desk, Dialect, Outcome, Profile, Running, Simulator,
    Webhook,
};
use tempfile::TempDir;
use tokio::net::TcpListener;
use vault::{MasterKey, Vault};

use crate::{
    page::Page,
    process::{Environment, Process, WITHIN, free_port},
    search::Search,
};

/// Part of everything that people say in these tests (phrases aside), so that it can be looked for
/// where it must not be.
pub(crate) const CANARY: &str = "kolibri";

pub(crate) const WEBHOOK_SECRET: &str = "webhook-secret-a81f0c5e92";
pub(crate) const DIRECT_LINE_SECRET: &str = "direct-line-secret-77d1e0";
const MESSAGE_TOKEN: &str = "message-token-5b0c2f19";
/// A master key that is not the house's.
pub(crate) const ANOTHER_KEY: &str =
    "c4d81e6f05a2937b6e1d0c5a84f7392bd6e0a1f83c7b52964e0d9a7f1b3c5e82";

const MASTER_KEY: &str = "5f2c1a90e7d34b68a1c0ff4e9d7b3a25c8e6f10b2d4a69873e5c7b9a1f0d2e48";

/// What the gateway's life is like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Life {
    /// It runs.
    Calm,
    /// It is killed and started again after each step of the test.
    Killed,
}

/// What may differ between houses.
#[derive(Debug, Clone)]
pub(crate) struct Setting {
    pub(crate) dialect: Dialect,
    pub(crate) life: Life,
    pub(crate) agent: AgentMode,
    /// The gateway may read the instance's table of messages.
    pub(crate) reads_messages: bool,
    /// Callbacks carry a `messageId`, as from app 4.0 on.
    pub(crate) message_ids: bool,
}

impl Default for Setting {
    fn default() -> Self {
        Self {
            dialect: Dialect::ServiceNow,
            life: Life::Calm,
            agent: AgentMode::Person,
            reads_messages: false,
            message_ids: true,
        }
    }
}

/// How many callbacks an instance makes of each moment.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Callbacks {
    pub(crate) queued: usize,
    pub(crate) accepted: usize,
    pub(crate) ended_by_agent: usize,
    pub(crate) nobody: usize,
}

pub(crate) struct House {
    pub(crate) desk: Desk,
    pub(crate) http: reqwest::Client,
    pub(crate) setting: Setting,
    pub(crate) environment: Environment,
    folder: TempDir,
    gateway: Option<Process>,
    told: usize,
    /// Errors that a test provokes, by a part of their lines.
    provoked: Vec<&'static str>,
    secrets: Arc<Mutex<Vec<String>>>,
    _instance: Running,
}

impl House {
    pub(crate) async fn start(setting: Setting) -> Self {
        Self::start_with(setting, |_| {}).await
    }

    /// A house whose gateway has other settings.
    pub(crate) async fn start_with(
        setting: Setting,
        change: impl FnOnce(&mut Environment),
    ) -> Self {
        Self::start_at(setting, |_| {}, change).await
    }

    /// A house whose instance has other settings, and whose gateway has.
    pub(crate) async fn start_at(
        setting: Setting,
        instance: impl FnOnce(&mut Config),
        change: impl FnOnce(&mut Environment),
    ) -> Self {
        let port = free_port().await;
        let mut config = Config {
            dialect: setting.dialect,
            agent: setting.agent.clone(),
            may_read_messages: setting.reads_messages,
            profile: Profile::of(if setting.message_ids {
                AppVersion::V4_0
            } else {
                AppVersion::V3
            }),
            message_token: Some(MESSAGE_TOKEN.into()),
            client_credentials: true,
            webhook: Webhook {
                url: format!("http://127.0.0.1:{port}/api/v1/snowBot/receiveMessage"),
                authorization: format!("Bearer {WEBHOOK_SECRET}").into(),
            },
            ..Config::default()
        };
        instance(&mut config);
        let credentials = config.credentials.clone();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let instance = Simulator::start(config, listener);
        let folder = tempfile::tempdir().unwrap();
        let mut environment: Environment = [
            ("SERVICENOW_CLIENT_ID", credentials.client_id.as_str()),
            ("SERVICENOW_CLIENT_SECRET", credentials.client_secret.expose_secret()),
            ("SERVICENOW_USERNAME", &credentials.username),
            ("SERVICENOW_PASSWORD", credentials.password.expose_secret()),
            ("SERVICENOW_INSTANCE", &format!("http://{}", instance.address)),
            ("SERVICENOW_TOKEN", MESSAGE_TOKEN),
            ("WEBHOOK_SECRET", WEBHOOK_SECRET),
            ("DIRECT_LINE_SECRET", DIRECT_LINE_SECRET),
            ("WARMLINE_LISTEN", &format!("127.0.0.1:{port}")),
            ("WARMLINE_DATA_DIR", &folder.path().join("data").display().to_string()),
            ("WARMLINE_MASTER_KEY", MASTER_KEY),
        ]
        .into_iter()
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect();
        change(&mut environment);
        let secret =
            ["CLIENT_SECRET", "PASSWORD", "TOKEN", "WEBHOOK_SECRET", "DIRECT_LINE", "KEY", "HASH"];
        let secrets = environment
            .iter()
            .filter(|(name, _)| secret.iter().any(|part| name.contains(part)))
            .map(|(_, value)| value.clone())
            .collect();
        let mut house = Self {
            desk: instance.handle(),
            http: reqwest::Client::builder().no_proxy().timeout(WITHIN).build().unwrap(),
            setting,
            environment,
            folder,
            gateway: None,
            told: 0,
            provoked: Vec::new(),
            secrets: Arc::new(Mutex::new(secrets)),
            _instance: instance,
        };
        house.begin().await;
        house
    }

    /// The test provokes this error; it may be in the log.
    pub(crate) fn provokes(&mut self, part: &'static str) {
        self.provoked.push(part);
    }

    /// Where the gateway is reached.
    pub(crate) fn origin(&self) -> String {
        format!("http://{}", self.environment["WARMLINE_LISTEN"])
    }

    pub(crate) fn data_dir(&self) -> PathBuf {
        self.environment["WARMLINE_DATA_DIR"].clone().into()
    }

    /// This was handed out and must not be found anywhere.
    pub(crate) fn hides(&self, secret: &str) {
        self.secrets.lock().unwrap().push(secret.to_owned());
    }

    fn log_file(&self) -> PathBuf {
        self.folder.path().join("gateway.log")
    }

    /// Everything that must not be found anywhere: what was configured, and all tokens handed out.
    pub(crate) fn secrets(&self) -> Vec<String> {
        self.secrets.lock().unwrap().clone()
    }

    /// Starts the gateway, on the same port and the same data.
    pub(crate) async fn begin(&mut self) {
        assert!(self.gateway.is_none(), "it runs already");
        self.gateway = Some(Process::start(&self.environment, &self.log_file()).await);
    }

    /// kill -9.
    pub(crate) async fn kill(&mut self) {
        self.gateway.take().expect("it runs").kill().await;
    }

    pub(crate) async fn restart(&mut self) {
        self.kill().await;
        self.begin().await;
    }

    /// The running gateway.
    pub(crate) fn gateway(&self) -> &Process {
        self.gateway.as_ref().expect("it runs")
    }

    /// Waits for the end of a gateway that was told to stop.
    pub(crate) async fn ended(&mut self) -> std::process::ExitStatus {
        self.gateway.take().expect("it runs").ended().await
    }

    /// What the gateways of this house have logged so far.
    pub(crate) fn logged(&self) -> String {
        std::fs::read_to_string(self.log_file()).unwrap_or_default()
    }

    /// SIGTERM, and the end that an orderly process has.
    pub(crate) async fn terminate(&mut self) {
        let ended = self.gateway.take().expect("it runs").terminate().await;
        assert_eq!(ended.code(), Some(0), "an orderly end");
    }

    /// A page that has started a conversation for this user.
    pub(crate) async fn page(&self, user: &str) -> Page {
        Page::open(&self.origin(), DIRECT_LINE_SECRET, user, self.secrets.clone()).await
    }

    /// A page that comes back to a conversation of before, whatever the gateway's clock says: its
    /// token is signed with the same master key, and good for ever.
    pub(crate) async fn page_again(&self, user: &str, conversation: &str) -> Page {
        let vault = Vault::new(&MasterKey::from_hex(MASTER_KEY).unwrap()).unwrap();
        gateway::keys::open_beside(&self.data_dir(), &vault).unwrap();
        let keys = vault.signing("direct line tokens", |key| TokenKey::new(key.expose())).unwrap();
        let claims = Claims {
            conversation: conversation.to_owned(),
            user: Some(user.to_owned()),
            name: None,
            origins: Vec::new(),
            site: "default/default".to_owned(),
            reader: None,
            purpose: Purpose::Token,
            issued_at: 0,
            expires_at: u64::from(u32::MAX),
            id: user.to_owned(),
        };
        let token = keys.newest(|key| key.mint(&claims));
        self.page_of(user, conversation, token).await
    }

    /// A page that comes back with a token it has.
    pub(crate) async fn page_of(&self, user: &str, conversation: &str, token: String) -> Page {
        Page::come_back(&self.origin(), user, conversation, token, self.secrets.clone()).await
    }

    /// Posts a callback as the instance does; gives back the status and the answer.
    pub(crate) async fn posts(&self, callback: &Value) -> (u16, Value) {
        let address = format!("{}/api/v1/snowBot/receiveMessage", self.origin());
        let post = self.http.post(address).bearer_auth(WEBHOOK_SECRET).json(callback);
        let answer = post.send().await.unwrap();
        (answer.status().as_u16(), answer.json().await.unwrap())
    }

    /// The end of a step: where life is hard, the gateway is killed and started again.
    pub(crate) async fn step(&mut self) {
        if self.setting.life == Life::Killed {
            self.hold().await;
            self.restart().await;
            self.desk.hold_callbacks(false);
        }
    }

    /// The user says something. Where life is hard the gateway is killed as soon as it has answered,
    /// and what the instance has to tell waits until it is back: the instance never repeats.
    pub(crate) async fn says(&mut self, page: &Page, text: &str) {
        if self.setting.life == Life::Killed {
            self.hold().await;
        }
        page.post(text).await;
        self.step().await;
    }

    /// From here on the instance tells nothing, and nothing that it tells is under way.
    async fn hold(&self) {
        self.desk.hold_callbacks(true);
        let quiet = self.desk.wait_until(|seen| !seen.is_sending(), WITHIN).await;
        assert!(quiet.is_ok(), "a callback is under way for ever");
    }

    /// Waits until the instance has told this many more things, and each was answered 200. Where life
    /// is hard it may tell more: a request whose outcome a kill made unknown is repeated, and what it
    /// is answered with comes again.
    pub(crate) async fn hears(&mut self, callbacks: usize) {
        self.told += callbacks;
        let told = self.told;
        let heard = self.desk.wait_until(|seen| seen.delivered().len() >= told, WITHIN).await;
        let delivered = self.desk.delivered();
        assert!(heard.is_ok(), "{} of {told} callbacks: {delivered:#?}", delivered.len());
        if self.setting.life != Life::Killed {
            assert_eq!(delivered.len(), told, "callbacks");
        }
        for callback in delivered {
            assert_eq!(callback.outcome, Outcome::Answered(200), "{}", callback.body);
        }
    }

    pub(crate) fn callbacks(&self) -> Callbacks {
        match self.setting.dialect {
            Dialect::ServiceNow | Dialect::Both => {
                Callbacks { queued: 6, accepted: 4, ended_by_agent: 3, nobody: 3 }
            }
            Dialect::Spec => Callbacks { queued: 1, accepted: 1, ended_by_agent: 1, nobody: 1 },
        }
    }

    /// The chat of this user that waits for an agent.
    pub(crate) async fn offered(&self, user: &str) -> String {
        let mut id = None;
        let found = |seen: &simulator::Snapshot<'_>| {
            let chats = seen.chats();
            let waits =
                |c: &&simulator::ChatView| c.user_id == user && c.state == ChatState::Offered;
            id = chats.iter().find(waits).map(|chat| chat.id.clone());
            id.is_some()
        };
        self.desk.wait_until(found, WITHIN).await.expect("a chat waits at the desk");
        id.expect("it was found")
    }

    /// What is wrong with the gateway's log; empty if nothing is.
    fn complaints(&self, log: &str) -> Vec<String> {
        let mut complaints = Vec::new();
        for line in log.lines() {
            let error = line.split_whitespace().nth(1) == Some("ERROR");
            let provoked = self.provoked.iter().any(|part| line.contains(part));
            if error && !provoked || line.contains("panicked at") {
                complaints.push(format!("an error was logged: {line}"));
            }
        }
        let mut secrets = self.secrets();
        secrets.push(CANARY.to_owned());
        let found = Search::of(secrets).found_in(log);
        complaints.extend(found.map(|found| format!("the log holds {found}")));
        complaints
    }
}

impl Drop for House {
    fn drop(&mut self) {
        // Its process is killed with it.
        self.gateway = None;
        let log = self.logged();
        if std::thread::panicking() {
            for received in self.desk.ledger() {
                let (body, fate) = (&received.body, &received.fate);
                eprintln!("desk got {} {}: {fate:?}", body["requestId"], body["action"]);
            }
            for sent in self.desk.delivered() {
                let told = sent.outcome;
                eprintln!("desk told {} {}: {told:?}", sent.body["requestId"], sent.body["status"]);
            }
            eprintln!("--- what the gateway logged ---\n{log}---");
            return;
        }
        assert!(!log.is_empty(), "the gateway logs");
        let complaints = self.complaints(&log);
        assert!(complaints.is_empty(), "{complaints:#?}\n{log}");
    }
}
