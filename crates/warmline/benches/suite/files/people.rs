//! A user and an agent who send each other files, and the machines between them.

use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
    process::Stdio,
    time::Duration,
};

use anyhow::{Context, bail, ensure};
use secrecy::SecretString;
use serde_json::{Value, json};
use simulator::{Config, Credentials, FileView, Running, Simulator, Speaker, Webhook};
use tempfile::TempDir;
use tokio::{net::TcpListener, process::Command, time::timeout};

use crate::{
    chats::CONVERSATIONS,
    restart::free_port,
    server::{ANYTHING, DIRECT_LINE_SECRET, Server, WEBHOOK_SECRET},
};

/// How long anything may take before the benchmark gives up: a file at ten megabytes a second.
const WITHIN: Duration = Duration::from_mins(1);

/// How often it is looked whether something has happened. Nothing that is measured ends with a look.
const EVERY: Duration = Duration::from_millis(10);

/// The gateway's settings for files: large ones, and room for those of all rounds. They are brought to
/// the instance, as to one that cannot reach the gateway.
const SETTINGS: &str = "\
[files]
largest = \"600MB\"
of_conversation = \"64GB\"
of_tenant = \"64GB\"
of_all = \"80GB\"

[tenants.default.desks.default]
files = \"upload\"
";

/// What every file is, as the instance names it.
#[derive(Debug, Default)]
pub(super) struct Source {
    key: String,
    pub(super) sha256: String,
}

/// A gateway with one live chat, whose instance has files.
pub(super) struct House {
    pub(super) gateway: Server,
    /// How large every file is.
    pub(super) bytes: u64,
    /// What every file is, at the instance.
    pub(super) source: Source,
    /// The same here.
    file: PathBuf,
    instance: Running,
    http: reqwest::Client,
    /// What opens the instance's media API.
    instance_token: String,
    token: String,
    conversation: String,
    chat: String,
    _data: TempDir,
}

impl House {
    pub(super) async fn start(bytes: u64) -> anyhow::Result<Self> {
        let address = free_port().await?;
        let instance = Simulator::start(config(address), TcpListener::bind("127.0.0.1:0").await?);
        let data = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR"))?;
        let settings = data.path().join("warmline.toml");
        std::fs::write(&settings, SETTINGS)?;
        let folder = data.path().join("data");
        let gateway = Server::gateway_with(&settings, address, instance.address, &folder).await?;
        let http = reqwest::Client::builder().no_proxy().timeout(WITHIN).build()?;
        let (token, conversation) = started(&http, address).await?;
        let chat = connected(&http, address, &instance, (&token, &conversation)).await?;
        let grant = [
            ("grant_type", "password"),
            ("client_id", ANYTHING),
            ("client_secret", ANYTHING),
            ("username", ANYTHING),
            ("password", ANYTHING),
        ];
        let asked = http.post(format!("http://{}/oauth_token.do", instance.address)).form(&grant);
        let instance_token = text(&answered(asked).await?["access_token"])?;
        let file = data.path().join("source.bin");
        let mut house = Self {
            gateway,
            bytes,
            source: Source::default(),
            file,
            instance,
            http,
            instance_token,
            token,
            conversation,
            chat,
            _data: data,
        };
        house.makes_source().await?;
        Ok(house)
    }

    /// The file that all others are equal to, made by the instance and fetched from there.
    async fn makes_source(&mut self) -> anyhow::Result<()> {
        self.agent_sends("source.bin").await?;
        let FileView { key, size, sha256, .. } =
            self.agent_has(Speaker::Agent, "source.bin").await?;
        ensure!(u64::try_from(size)? == self.bytes, "the instance made another file");
        self.source = Source { key, sha256 };
        self.fetches_source().await
    }

    async fn fetches_source(&self) -> anyhow::Result<()> {
        let file = self.file.display().to_string();
        self.brings_from_instance(&file).await?;
        ensure!(std::fs::metadata(&self.file)?.len() == self.bytes, "it did not come whole");
        Ok(())
    }

    async fn brings_from_instance(&self, to: &str) -> anyhow::Result<()> {
        let bearer = format!("Authorization: Bearer {}", self.instance_token);
        let from =
            format!("http://{}/api/now/v1/cs/media/{}", self.instance.address, self.source.key);
        curl(&["--header", &bearer, "--output", to, &from]).await.map(drop)
    }

    /// The file is loaded straight from the instance.
    pub(super) async fn opens_at_instance(&self) -> anyhow::Result<()> {
        self.brings_from_instance("/dev/null").await
    }

    /// The file is brought straight to the instance.
    pub(super) async fn brings_to_instance(&self) -> anyhow::Result<()> {
        let bearer = format!("Authorization: Bearer {}", self.instance_token);
        let to = format!("http://{}/api/now/cccif/media/upload", self.instance.address);
        let file = format!("file=@{};type=application/x-data", self.file.display());
        let told = curl(&[
            "--header",
            "Expect:",
            "--header",
            &bearer,
            "--form",
            "user_id=u-1",
            "--form",
            &file,
            &to,
        ])
        .await?;
        ensure!(told.contains("mediaUrl"), "the instance did not take the file");
        Ok(())
    }

    /// The user sends the file to the gateway, which takes it.
    pub(super) async fn user_sends(&self, name: &str) -> anyhow::Result<()> {
        let bearer = format!("Authorization: Bearer {}", self.token);
        let named = format!("Content-Disposition: attachment; filename=\"{name}\"");
        let to = format!(
            "http://{}{CONVERSATIONS}/{}/upload?userId=kim",
            self.gateway.address, self.conversation
        );
        let file = self.file.display().to_string();
        let told = curl(&[
            "--request",
            "POST",
            "--header",
            "Expect:",
            "--header",
            &bearer,
            "--header",
            &named,
            "--header",
            "Content-Type: application/x-data",
            "--upload-file",
            &file,
            &to,
        ])
        .await?;
        let told: Value = serde_json::from_str(&told)?;
        ensure!(told["id"].is_string(), "the gateway did not take the file: {told}");
        Ok(())
    }

    /// The user loads a file from the gateway and has what was sent.
    pub(super) async fn user_opens(&self, address: &str) -> anyhow::Result<()> {
        let counted = ["--output", "/dev/null", "--write-out", "%{size_download}", address];
        ensure!(curl(&counted).await? == self.bytes.to_string(), "the file did not come whole");
        Ok(())
    }

    /// Whether what the user loads is the file, byte by byte.
    pub(super) async fn user_compares(&self, address: &str) -> anyhow::Result<()> {
        let got = self.file.with_extension("got");
        curl(&["--output", &got.display().to_string(), address]).await?;
        ensure!(is_same(&got, &self.file)?, "the user has another file");
        Ok(std::fs::remove_file(got)?)
    }

    /// The agent sends a file; gives back where the page of the user opens it.
    pub(super) async fn agent_sends(&self, name: &str) -> anyhow::Result<String> {
        let order = format!(
            "http://{}/admin/api/chats/{}/file?name={name}&made={}",
            self.instance.address, self.chat, self.bytes
        );
        let order = self.http.post(order).header("content-type", "application/x-data");
        order.send().await?.error_for_status()?;
        let log = format!(
            "http://{}{CONVERSATIONS}/{}/activities",
            self.gateway.address, self.conversation
        );
        eventually("the user is shown the agent's file", async || {
            let log = answered(self.http.get(&log).bearer_auth(&self.token)).await?;
            Ok(log["activities"]
                .as_array()
                .into_iter()
                .flatten()
                .find_map(|one| address_of(one, name)))
        })
        .await
    }

    /// The file of this name, once the agent's page has it.
    pub(super) async fn agent_has(&self, by: Speaker, name: &str) -> anyhow::Result<FileView> {
        let mut found = None;
        let has = |seen: &simulator::Snapshot<'_>| {
            let chats = seen.chats();
            let lines =
                chats.iter().filter(|chat| chat.id == self.chat).flat_map(|chat| &chat.lines);
            let files = lines.filter(|line| line.from == by).filter_map(|line| line.file.clone());
            found = files.into_iter().find(|file| file.name == name);
            found.is_some()
        };
        self.instance
            .handle()
            .wait_until(has, WITHIN)
            .await
            .ok()
            .context("a file did not arrive")?;
        found.context("it was found")
    }
}

fn config(gateway: SocketAddr) -> Config {
    let mut config = Config {
        credentials: Credentials {
            client_id: ANYTHING.to_owned(),
            client_secret: SecretString::from(ANYTHING),
            username: ANYTHING.to_owned(),
            password: SecretString::from(ANYTHING),
        },
        message_token: Some(SecretString::from(ANYTHING)),
        webhook: Webhook {
            url: format!("http://{gateway}/api/v1/snowBot/receiveMessage"),
            authorization: format!("Bearer {WEBHOOK_SECRET}").into(),
        },
        ..Config::default()
    };
    config.idle = None;
    config
}

async fn started(http: &reqwest::Client, gateway: SocketAddr) -> anyhow::Result<(String, String)> {
    let start = http.post(format!("http://{gateway}{CONVERSATIONS}"));
    let started = answered(start.bearer_auth(DIRECT_LINE_SECRET)).await?;
    Ok((text(&started["token"])?, text(&started["conversationId"])?))
}

/// The user asks for an agent and gets one; gives back the chat's id at the desk.
async fn connected(
    http: &reqwest::Client,
    gateway: SocketAddr,
    instance: &Running,
    (token, conversation): (&str, &str),
) -> anyhow::Result<String> {
    let says = json!({ "type": "message", "text": "agent", "from": { "id": "kim" } });
    let say = http.post(format!("http://{gateway}{CONVERSATIONS}/{conversation}/activities"));
    answered(say.bearer_auth(token).json(&says)).await?;
    let desk = instance.handle();
    let offered = desk.wait_until(|seen| !seen.chats().is_empty(), WITHIN).await;
    offered.ok().context("the request for an agent did not reach the instance")?;
    let chat = desk.chats().first().context("there is a chat")?.id.clone();
    desk.accept(&chat)?;
    let log = format!("http://{gateway}{CONVERSATIONS}/{conversation}/activities");
    eventually("the agent is there", async || {
        let log = answered(http.get(&log).bearer_auth(token)).await?;
        Ok(log.to_string().contains("\"connected\"").then_some(()))
    })
    .await?;
    Ok(chat)
}

/// Where an activity opens the file of this name: agents send them as attachments and as links.
fn address_of(activity: &Value, name: &str) -> Option<String> {
    let mut files = activity["attachments"].as_array().into_iter().flatten();
    if let Some(file) = files.find(|file| file["name"] == name) {
        return file["contentUrl"].as_str().map(str::to_owned);
    }
    let (_, from) = activity["text"].as_str()?.split_once(&format!("[{name}]("))?;
    from.split_once(')').map(|(address, _)| address.to_owned())
}

async fn answered(request: reqwest::RequestBuilder) -> anyhow::Result<Value> {
    Ok(request.send().await?.error_for_status()?.json().await?)
}

fn text(value: &Value) -> anyhow::Result<String> {
    value.as_str().map(str::to_owned).context("an answer says something else than expected")
}

async fn eventually<T>(
    what: &str,
    mut look: impl AsyncFnMut() -> anyhow::Result<Option<T>>,
) -> anyhow::Result<T> {
    let found = async {
        loop {
            if let Some(found) = look().await? {
                return Ok(found);
            }
            tokio::time::sleep(EVERY).await;
        }
    };
    timeout(WITHIN, found).await.with_context(|| format!("in vain: {what}"))?
}

/// Runs curl; gives back what it prints.
async fn curl(arguments: &[&str]) -> anyhow::Result<String> {
    let mut curl = Command::new("curl");
    curl.args(["--silent", "--show-error", "--fail-with-body", "--noproxy", "*"]).args(arguments);
    curl.stdin(Stdio::null()).stderr(Stdio::inherit()).kill_on_drop(true);
    let ended = timeout(WITHIN, curl.output()).await.context("curl did not end in time")?;
    let ended = ended.context("curl does not start; it is needed here")?;
    let printed = String::from_utf8(ended.stdout)?;
    if !ended.status.success() {
        bail!("curl failed: {printed}");
    }
    Ok(printed)
}

fn is_same(one: &Path, other: &Path) -> anyhow::Result<bool> {
    let status = std::process::Command::new("cmp").arg("--quiet").arg(one).arg(other).status()?;
    Ok(status.success())
}
