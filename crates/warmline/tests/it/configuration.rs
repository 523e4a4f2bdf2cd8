//! The configuration file, the sealed secrets and what SIGHUP changes, on the running gateway.

mod channels;

use std::{
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::Stdio,
    sync::Arc,
};

use reqwest::StatusCode;
use secrecy::ExposeSecret;
use serde_json::json;
use simulator::{AgentMode, Config, Desk, Dialect, Outcome, Running, Simulator, Webhook};
use tempfile::TempDir;
use tokio::{io::AsyncWriteExt, net::TcpListener, sync::watch, time::timeout};

use crate::{
    house::{DIRECT_LINE_SECRET, House, Setting, WEBHOOK_SECRET},
    page::{Page, eventually, gists},
    process::{Environment, Process, WITHIN, command, free_port},
    traffic::{self, Talk},
};

/// What a command printed, and how it ended.
struct Printed {
    code: Option<i32>,
    out: String,
    err: String,
}

async fn run(environment: &Environment, arguments: &[&str], input: &str) -> Printed {
    let mut command = command(environment);
    command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    // A command that reads nothing may be gone already.
    stdin.write_all(input.as_bytes()).await.ok();
    drop(stdin);
    let output = timeout(WITHIN, child.wait_with_output()).await.expect("in time").unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    Printed { code: output.status.code(), out: text(output.stdout), err: text(output.stderr) }
}

async fn done(environment: &Environment, arguments: &[&str], input: &str) -> String {
    let Printed { code, out, err } = run(environment, arguments, input).await;
    assert_eq!((code, err.as_str()), (Some(0), ""), "{arguments:?}: {out}");
    out
}

async fn refused(environment: &Environment, arguments: &[&str], input: &str) -> String {
    let Printed { code, err, .. } = run(environment, arguments, input).await;
    assert_eq!(code, Some(1), "{arguments:?}: {err}");
    err
}

/// A gateway configured by a file alone, with a simulated instance.
struct Filed {
    desk: Desk,
    folder: TempDir,
    /// The values of `env:` references.
    variables: Environment,
    listen: String,
    gateway: Option<Process>,
    instance: Running,
}

const POLICY: &str = "[tenants.default.bots.default]\ndirect_line_secret = \"env:SITE\"\n";

impl Filed {
    async fn new(more: &str) -> Self {
        let listen = format!("127.0.0.1:{}", free_port().await);
        let config = Config {
            agent: AgentMode::Person,
            webhook: Webhook {
                url: format!("http://{listen}/api/v1/snowBot/receiveMessage"),
                authorization: format!("Bearer {WEBHOOK_SECRET}").into(),
            },
            ..Config::default()
        };
        let credentials = config.credentials.clone();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let instance = Simulator::start(config, listener);
        let variables = [
            ("CLIENT", credentials.client_secret.expose_secret()),
            ("HOOK", WEBHOOK_SECRET),
            ("SITE", DIRECT_LINE_SECRET),
        ];
        let variables =
            variables.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned()));
        let mut filed = Self {
            desk: instance.handle(),
            folder: tempfile::tempdir().unwrap(),
            variables: variables.collect(),
            listen,
            gateway: None,
            instance,
        };
        filed.write("password", credentials.password.expose_secret());
        filed.write_file(&filed.text(more, &credentials));
        let file = filed.path("warmline.toml").display().to_string();
        filed.variables.insert("WARMLINE_CONFIG".to_owned(), file);
        filed
    }

    fn text(&self, more: &str, credentials: &simulator::Credentials) -> String {
        let address = self.instance.address;
        format!(
            "listen = \"{}\"\n[tenants.default.desks.default]\ninstance = \"http://{address}\"\n\
             client_id = \"{}\"\nclient_secret = \"env:CLIENT\"\nusername = \"{}\"\n\
             password = \"file:password\"\nwebhook_secret = \"env:HOOK\"\n{more}",
            self.listen, credentials.client_id, credentials.username
        )
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn write(&self, name: &str, text: &str) {
        std::fs::write(self.path(name), text).unwrap();
        let private = std::fs::Permissions::from_mode(0o600);
        std::fs::set_permissions(self.path(name), private).unwrap();
    }

    fn write_file(&self, text: &str) {
        self.write("warmline.toml", text);
    }

    fn file(&self) -> String {
        std::fs::read_to_string(self.path("warmline.toml")).unwrap()
    }

    fn log(&self) -> String {
        std::fs::read_to_string(self.path("log")).unwrap_or_default()
    }

    async fn start(&mut self) {
        let mut environment = self.variables.clone();
        // Where the test looks for the address; the gateway has it from the file as well.
        environment.insert("WARMLINE_LISTEN".to_owned(), self.listen.clone());
        self.gateway = Some(Process::start(&environment, &self.path("log")).await);
    }

    /// SIGHUP; waits until the log says what came of it.
    async fn reload(&self, says: &str) {
        let before = self.log().matches(says).count();
        self.gateway.as_ref().unwrap().signal("HUP").await;
        eventually(says, || async { (self.log().matches(says).count() > before).then_some(()) })
            .await;
    }

    async fn page(&self, user: &str) -> Page {
        let origin = format!("http://{}", self.listen);
        Page::open(&origin, DIRECT_LINE_SECRET, user, std::sync::Arc::default()).await
    }

    /// How a token request with this secret is answered.
    async fn status_of(&self, secret: &str) -> StatusCode {
        let address = format!("http://{}/v3/directline/tokens/generate", self.listen);
        let http = reqwest::Client::builder().no_proxy().timeout(WITHIN).build().unwrap();
        let ask = http.post(address).bearer_auth(secret).json(&json!({"user": {"id": "dl_x"}}));
        ask.send().await.unwrap().status()
    }
}

const IN_FORCE: &str = "the configuration was read again and is in force";
const WRONG: &str = "the configuration was read again and is wrong, so nothing changes";

#[tokio::test]
async fn sighup_takes_new_rules_over_and_a_wrong_file_changes_nothing() {
    let mut filed = Filed::new(POLICY).await;
    filed.start().await;
    let right = filed.file();
    let mut page = filed.page("dl_kim").await;
    page.shows(&["bot: Hello!…"]).await;

    // Wrong in many ways: nothing changes, and the log says what.
    for (wrong, part) in [
        ("instanse = \"x\"\n", "did you mean `instance`?"),
        ("[tenants.default.bots.other]\nsilence = \"soon\"\n", "must be a length of time"),
        ("[tenants.default.bots.other]\ndirect_line_secret = \"env:SITE\"\n", "is the same as"),
        ("[tenants.default.bots.other]\ndesk = \"nowhere\"\n", "no desk of tenant default"),
    ] {
        let text = if wrong.starts_with('[') {
            format!("{right}{wrong}")
        } else {
            right.replace(POLICY, &format!("{wrong}{POLICY}"))
        };
        filed.write_file(&text.replace("env:HOOK", "another-webhook-secret"));
        filed.reload(WRONG).await;
        assert!(filed.log().contains(part), "{part} in {}", filed.log());
        assert_eq!(filed.status_of(DIRECT_LINE_SECRET).await, StatusCode::OK);
    }

    // Another phrase, another secret, another longest wait: from now on, in open conversations too.
    let new = right.replace(
        POLICY,
        "[tenants.default.bots.default]\ndirect_line_secret = \"another-site-secret\"\n\
         escalate_phrases = [\"Mensch!\"]\nsilence = \"4s\"\nlongest_wait = \"5s\"\n",
    );
    filed.write_file(&new);
    filed.reload(IN_FORCE).await;
    assert_eq!(filed.status_of("another-site-secret").await, StatusCode::OK);
    assert_eq!(filed.status_of(DIRECT_LINE_SECRET).await, StatusCode::FORBIDDEN);
    page.post("agent").await;
    page.shows(&["user: agent", "bot: I do not know that one.…"]).await;
    page.post("mensch").await;
    page.until("a failure of the short wait", |heard| {
        heard
            .activities
            .iter()
            .any(|activity| activity["text"].as_str().is_some_and(|text| text.contains("in time")))
    })
    .await;
}

/// Lines of each side while secrets change.
const LINES: usize = 150;

/// How often the secret is changed.
const CHANGES: usize = 3;

/// As docs say: the new one beside that of before, then at the instance, then alone.
#[tokio::test]
async fn the_webhooks_secret_is_changed_under_load_with_no_failed_callback() {
    let mut filed = Filed::new(POLICY).await;
    let secret = |n: usize| format!("webhook-secret-number-{n}-of-many");
    done(&filed.variables, &["secret", "set", "hook-0"], WEBHOOK_SECRET).await;
    let plain = filed.file();
    let with = |now: usize, before: Option<usize>| {
        let before = before
            .map(|n| format!("\nwebhook_secret_previous = \"vault:hook-{n}\""))
            .unwrap_or_default();
        plain.replace("\"env:HOOK\"", &format!("\"vault:hook-{now}\"{before}"))
    };
    filed.write_file(&with(0, None));
    filed.start().await;
    let page = filed.page("dl_kim").await;
    page.post("live agent").await;
    let offered = |seen: &simulator::Snapshot<'_>| !seen.chats().is_empty();
    filed.desk.wait_until(offered, WITHIN).await.expect("it waits at the desk");
    let chat = filed.desk.chats()[0].id.clone();
    filed.desk.accept(&chat).unwrap();
    page.until("an agent", |heard| {
        gists(&heard.activities).iter().any(|gist| gist == "notice connected")
    })
    .await;
    let talk = Arc::new(Talk::new(page, chat));
    let (progress, mut acknowledged) = watch::channel(0);
    let progress = Arc::new(progress);
    // The last change may outlast the talk.
    let _until_the_end = Arc::clone(&progress);
    let origin = format!("http://{}", filed.listen);
    let agent =
        traffic::agent_talks(filed.desk.clone(), talk.clone(), LINES, origin, progress.clone());
    let talking = tokio::spawn(traffic::user_talks(talk.clone(), LINES, progress));
    let agent = tokio::spawn(agent);
    for n in 1..=CHANGES {
        let moment = n * 2 * LINES / (CHANGES + 1);
        acknowledged.wait_for(|count| *count >= moment).await.unwrap();
        let name = format!("hook-{n}");
        done(&filed.variables, &["secret", "set", &name], &secret(n)).await;
        filed.write_file(&with(n, Some(n - 1)));
        filed.reload(IN_FORCE).await;
        filed.desk.set_webhook(Webhook {
            url: format!("http://{}/api/v1/snowBot/receiveMessage", filed.listen),
            authorization: format!("Bearer {}", secret(n)).into(),
        });
        let so_far = *acknowledged.borrow();
        // What was on its way with the one of before has arrived when later lines have.
        let later = (so_far + 4).min(2 * LINES);
        acknowledged.wait_for(|count| *count >= later).await.unwrap();
        filed.write_file(&with(n, None));
        filed.reload(IN_FORCE).await;
        done(&filed.variables, &["secret", "remove", &format!("hook-{}", n - 1)], "").await;
    }
    talking.await.unwrap();
    let said = agent.await.unwrap();
    assert!(said.lost.is_empty(), "no callback failed: {:?}", said.lost);
    let not_taken = |sent: &&simulator::Sent| sent.outcome != Outcome::Answered(200);
    assert_eq!(filed.desk.delivered().iter().filter(not_taken).count(), 0);
    traffic::check(Dialect::ServiceNow, &filed.desk, &talk, LINES, &said).await;
}

#[tokio::test]
async fn a_shorter_wait_is_taken_over_by_a_chat_that_waits_already() {
    let mut filed = Filed::new(POLICY).await;
    filed.start().await;
    let page = filed.page("dl_kim").await;
    page.post("agent").await;
    let offered = |seen: &simulator::Snapshot<'_>| !seen.chats().is_empty();
    filed.desk.wait_until(offered, WITHIN).await.expect("it waits at the desk");
    let text =
        filed.file().replace(POLICY, &format!("{POLICY}silence = \"4s\"\nlongest_wait = \"5s\"\n"));
    filed.write_file(&text);
    filed.reload(IN_FORCE).await;
    page.until("the end of a short wait", |heard| {
        heard
            .activities
            .iter()
            .any(|activity| activity["text"].as_str().is_some_and(|text| text.contains("in time")))
    })
    .await;
}

#[tokio::test]
async fn what_needs_a_restart_is_named_and_stays() {
    let mut filed = Filed::new(POLICY).await;
    filed.start().await;
    let text = filed.file().replacen(
        "[tenants",
        "data_dir = \"elsewhere\"\n[metrics]\ntoken = \"a-token-for-metrics\"\n\
         [telemetry]\notlp_endpoint = \"http://127.0.0.1:9\"\n[tenants",
        1,
    );
    let second = "[tenants.beta.desks.new]\ninstance = \"beta\"\nclient_id = \"c\"\n\
                  client_secret = \"s\"\nusername = \"u\"\npassword = \"p\"\n\
                  webhook_secret = \"webhook-secret-of-beta\"\n";
    filed.write_file(&format!("{text}{second}"));
    filed.reload(IN_FORCE).await;
    assert!(!filed.path("elsewhere").exists());
    let log = filed.log();
    for part in [
        "the data directory needs a restart",
        "the token of /metrics needs a restart",
        "where traces go needs a restart",
        "the new desk new of tenant beta needs a restart",
        "the bot default of tenant beta, whose desk is new, needs a restart",
    ] {
        assert!(log.contains(part), "{part} in {log}");
    }
    assert_eq!(filed.status_of(DIRECT_LINE_SECRET).await, StatusCode::OK);
}

#[tokio::test]
async fn a_sealed_secret_is_set_beside_a_running_gateway_and_in_force_after_sighup() {
    let mut filed = Filed::new(POLICY).await;
    // Before there is any data: made as the first start would.
    let said = done(&filed.variables, &["secret", "set", "site"], "kolibri-site-one\n").await;
    assert!(said.contains("vault:site") && !said.contains("kolibri"), "{said}");
    filed.write_file(&filed.file().replace("env:SITE", "vault:site"));
    filed.start().await;
    assert_eq!(filed.status_of("kolibri-site-one").await, StatusCode::OK);
    let said = done(&filed.variables, &["secret", "set", "site"], "kolibri-site-two\n").await;
    assert!(said.contains("SIGHUP"), "{said}");
    assert_eq!(filed.status_of("kolibri-site-two").await, StatusCode::FORBIDDEN, "not yet");
    filed.reload(IN_FORCE).await;
    assert_eq!(filed.status_of("kolibri-site-two").await, StatusCode::OK);
    assert_eq!(filed.status_of("kolibri-site-one").await, StatusCode::FORBIDDEN);
    done(&filed.variables, &["secret", "set", "other"], "something").await;
    assert_eq!(done(&filed.variables, &["secret", "list"], "").await, "other\nsite\n");
    done(&filed.variables, &["secret", "remove", "other"], "").await;
    assert_eq!(done(&filed.variables, &["secret", "list"], "").await, "site\n");
    let none = refused(&filed.variables, &["secret", "remove", "other"], "").await;
    assert!(none.contains("there is no secret other"), "{none}");
    let weak = refused(&filed.variables, &["secret", "set", "site"], "kolibri-site\n").await;
    assert!(weak.contains("16 characters") && !weak.contains("kolibri"), "{weak}");
    let weak = refused(&filed.variables, &["secret", "rotate", "site"], "kolibri-site\n").await;
    assert!(weak.contains("16 characters"), "{weak}");
    let empty = refused(&filed.variables, &["secret", "set", "other"], "\n").await;
    assert!(empty.contains("1 to 1024 bytes"), "{empty}");
    let name = refused(&filed.variables, &["secret", "set", "a/b"], "x").await;
    assert!(name.contains("the name of a sealed secret"), "{name}");
    assert!(!filed.log().contains("kolibri"), "{}", filed.log());
    let ended = filed.gateway.take().unwrap().terminate().await;
    assert!(ended.success());
    done(&filed.variables, &["secret", "remove", "site"], "").await;
    assert_eq!(done(&filed.variables, &["secret", "list"], "").await, "");
}

#[tokio::test]
async fn what_init_writes_serves_a_chat() {
    let port = free_port().await;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("warmline.toml").display().to_string();
    let mut config = Config { agent: AgentMode::Person, ..Config::default() };
    let credentials = config.credentials.clone();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let instance = format!("http://{}", listener.local_addr().unwrap());
    let mut environment: Environment = [
        ("SNOW_SECRET", credentials.client_secret.expose_secret()),
        ("SNOW_PASSWORD", credentials.password.expose_secret()),
    ]
    .into_iter()
    .map(|(name, value)| (name.to_owned(), value.to_owned()))
    .collect();
    let (listen, public) = (format!("127.0.0.1:{port}"), format!("http://127.0.0.1:{port}"));
    let flags = ["init", "--output", &file, "--listen", &listen];
    // The questions, answered line by line: instance, password grant, client id and secret, user and
    // password, public URL, message token, web pages, Teams, a bot of one's own.
    let answers = format!(
        "not an instance\n{instance}\n\n{}\nenv:SNOW_SECRET\n{}\nenv:SNOW_PASSWORD\n{public}\n\ny\nn\n\n",
        credentials.client_id, credentials.username
    );
    let said = done(&environment, &flags, &answers).await;
    assert!(said.contains(&format!("warmline serve --config {file}")), "{said}");
    let written = std::fs::read_to_string(&file).unwrap();
    let secret = |key: &str| {
        let line = written.lines().find_map(|line| line.strip_prefix(&format!("{key} = \"")));
        line.expect("it is written").trim_end_matches('"').to_owned()
    };
    config.webhook = Webhook {
        url: format!("{public}/api/v1/snowBot/receiveMessage"),
        authorization: format!("Bearer {}", secret("webhook_secret")).into(),
    };
    let running = Simulator::start(config, listener);
    environment.insert("WARMLINE_CONFIG".to_owned(), file.clone());
    let checked = done(&environment, &["config", "check"], "").await;
    assert!(checked.starts_with("The configuration can be used: listens on"), "{checked}");
    assert!(!folder.path().join("data").exists(), "to look is not to make");
    environment.insert("WARMLINE_LISTEN".to_owned(), listen);
    let gateway = Process::start(&environment, &folder.path().join("log")).await;
    let site = secret("direct_line_secret");
    let page = Page::open(&public, &site, "dl_kim", std::sync::Arc::default()).await;
    page.post("agent").await;
    let desk = running.handle();
    let offered = |seen: &simulator::Snapshot<'_>| !seen.chats().is_empty();
    desk.wait_until(offered, WITHIN).await.expect("the chat is offered");
    let chat = desk.chats()[0].id.clone();
    desk.accept(&chat).unwrap();
    page.until("an agent", |heard| {
        heard
            .activities
            .iter()
            .any(|activity| activity["channelData"]["warmline"]["notice"]["key"] == "connected")
    })
    .await;
    assert!(folder.path().join("data").join("warmline.db").exists(), "beside the file");
    let again = refused(&environment, &["init", "--yes", "--output", &file], "").await;
    assert!(again.contains("--force"), "{again}");
    assert_eq!(std::fs::read_to_string(Path::new(&file)).unwrap(), written);
    assert!(gateway.terminate().await.success());
}

#[tokio::test]
async fn sighup_without_a_file_reads_the_environment_again_and_changes_nothing() {
    let house = House::start(Setting::default()).await;
    house.gateway().signal("HUP").await;
    // What the operator changed in an environment file is not in force, and the line says so.
    let said = format!("{IN_FORCE}; variables are as at the start, restart to change them");
    eventually(&said, || async { house.logged().contains(&said).then_some(()) }).await;
    let mut page = house.page("dl_kim").await;
    page.shows(&["bot: Hello!…"]).await;
}
