//! Faults, one house each: what user and agent see of it, and what the log tells the operator.
//!
//! Every row of `docs/faults.md` names a test; `table` sees to it that those are there. Most begin
//! with a live chat and end with [`Chat::goes_on`]: both sides are heard, in order, each line once.

mod callbacks;
mod gateway;
mod people;
mod requests;
mod table;
mod time;
mod tokens;

use serde_json::Value;
use simulator::{Config, Dialect, Fault, Speaker, Times};

use crate::{
    desk,
    house::{House, Setting},
    page::{Heard, Page, distinct, eventually, gists},
    process::WITHIN,
};

const USER: &str = "dl_kim";

/// A chat, and what was said in it so far.
pub(crate) struct Chat {
    pub(crate) house: House,
    pub(crate) page: Page,
    id: String,
    lines: usize,
    from_user: Vec<String>,
    from_agent: Vec<String>,
}

impl Chat {
    /// A user who waits for an agent.
    async fn waiting() -> Self {
        Self::waiting_at(House::start(Setting::default()).await).await
    }

    async fn waiting_at(mut house: House) -> Self {
        let mut page = house.page(USER).await;
        page.shows(&["bot: Hello!…"]).await;
        page.post("agent").await;
        let id = house.offered(USER).await;
        house.hears(house.callbacks().queued).await;
        let shown = match house.setting.dialect {
            Dialect::Spec => 3,
            Dialect::ServiceNow | Dialect::Both => 4,
        };
        let told = ["user: agent", "notice asked", "desk: Please stand by…", "notice waiting"];
        page.shows(&told[..shown]).await;
        Self { house, page, id, lines: 0, from_user: vec![], from_agent: vec![] }
    }

    /// A live chat in which both have spoken.
    async fn live() -> Self {
        Self::live_at(House::start(Setting::default()).await).await
    }

    pub(crate) async fn live_at(house: House) -> Self {
        let mut chat = Self::waiting_at(house).await;
        chat.house.desk.accept(&chat.id).unwrap();
        chat.house.hears(chat.house.callbacks().accepted).await;
        chat.page.shows(&["notice connected"]).await;
        chat.goes_on().await;
        chat
    }

    fn strikes(&self, fault: Fault) {
        self.house.desk.inject(fault, Times::Once);
    }

    /// The fault that was injected has struck.
    async fn was_struck(&self) {
        let used_up = || async { self.house.desk.faults().is_empty().then_some(()) };
        eventually("the fault strikes", used_up).await;
    }

    fn line(&mut self) -> String {
        self.lines += 1;
        format!("line {} kolibri", self.lines)
    }

    /// The user says something.
    pub(crate) async fn says(&mut self) -> String {
        let line = self.line();
        self.page.post(&line).await;
        self.from_user.push(line.clone());
        line
    }

    /// The agent says something.
    fn writes(&mut self) -> String {
        let line = self.line();
        self.house.desk.write(&self.id, &line).unwrap();
        self.from_agent.push(line.clone());
        line
    }

    /// The agent has read everything that the user said in the live chat, in order, each line once.
    pub(crate) async fn agent_has_read_all(&self) {
        let mut read = Vec::new();
        let all = |seen: &simulator::Snapshot<'_>| {
            let view = seen.chats().into_iter().find(|view| view.id == self.id).unwrap();
            read = desk::lines(&view, Speaker::User);
            // Before these: the talk with the bot, and the request.
            read.retain(|line| line.starts_with("line "));
            read.len() >= self.from_user.len()
        };
        let enough = self.house.desk.wait_until(all, WITHIN).await;
        assert_eq!(read, self.from_user, "what the agent reads ({enough:?})");
    }

    /// The user has read everything that the agent said, in the order given, each line once.
    async fn user_has_read_all(&self) {
        self.page
            .until("the agent's lines", |heard| {
                self.from_agent.iter().all(|line| {
                    heard.activities.iter().any(|a| a["text"] == format!("Dana: {line}"))
                })
            })
            .await;
        let log = self.page.log().await;
        self.page.shows_its_log(&log).await;
        let read: Vec<_> = gists(&log)
            .iter()
            .filter_map(|gist| gist.strip_prefix("agent: Dana: ").map(str::to_owned))
            .collect();
        assert_eq!(read, self.from_agent, "what the user reads");
    }

    /// Both sides are heard.
    async fn goes_on(&mut self) {
        let said = self.says().await;
        self.agent_has_read_all().await;
        let answer = self.writes();
        self.page.shows(&[&format!("user: {said}"), &format!("agent: Dana: {answer}")]).await;
        self.user_has_read_all().await;
    }

    /// The chat is over and the bot has the conversation again.
    async fn is_over(&mut self, told: &[&str]) {
        self.page.shows(told).await;
        self.page.post("and now? kolibri").await;
        self.page.shows(&["user: and now? kolibri", "bot: I do not know…"]).await;
        self.page.shows_nothing_more().await;
    }

    /// The log says this.
    async fn operator_sees(&self, part: &str) {
        let logged = || async { self.house.logged().contains(part).then_some(()) };
        eventually(&format!("the log says {part:?}"), logged).await;
    }

    /// How the session stands in the database: its status and its reason.
    fn status(&self) -> String {
        let last = "SELECT status || ' ' || reason FROM session ORDER BY opened_at DESC LIMIT 1";
        self.read(last)
    }

    /// How many effects wait in the outbox.
    fn waiting_effects(&self) -> i64 {
        self.read("SELECT count(*) FROM outbox")
    }

    fn read<T: rusqlite::types::FromSql>(&self, query: &str) -> T {
        let file = rusqlite::Connection::open(self.house.data_dir().join("warmline.db")).unwrap();
        file.query_row(query, [], |row| row.get(0)).unwrap()
    }
}

/// An instance that differs from the usual one.
async fn house_with(change: impl FnOnce(&mut Config)) -> House {
    House::start_at(Setting::default(), change, |_| {}).await
}

/// The page shows these next, in whatever order.
async fn shows_all(page: &mut Page, expected: &[&str]) {
    let upto = page.shown() + expected.len();
    let enough = |heard: &Heard| distinct(&heard.activities).len() >= upto;
    page.until(&format!("{expected:?}"), enough).await;
    let shown = gists(&distinct(&page.arrived()))[upto - expected.len()..upto].to_vec();
    let is_there = |expected: &&str| match expected.strip_suffix('…') {
        Some(beginning) => shown.iter().any(|gist| gist.starts_with(beginning)),
        None => shown.iter().any(|gist| gist == expected),
    };
    assert!(expected.iter().all(is_there), "expected {expected:#?}, shown {shown:#?}");
    page.skip(expected.len());
}

/// A notice that the page was shown: its key and what it says beside it.
fn notice(activity: &Value) -> &Value {
    &activity["channelData"]["warmline"]["notice"]
}
