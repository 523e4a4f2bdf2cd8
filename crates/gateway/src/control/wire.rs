//! The lines of the control socket.
//!
//! ```text
//! {"v":1,"do":"list","limit":20}     {"v":1,"letters":[{…},{…}]}
//! {"v":1,"do":"show","id":17}        {"v":1,"letter":{…}}
//! {"v":1,"do":"resend","id":17}      {"v":1,"error":{"code":"session_over","message":"…"}}
//! {"v":1,"do":"drop","id":17}
//! {"v":1,"do":"keep_secret","name":"webhook","value":"…"}    {"v":1,"secret":"webhook"}
//! {"v":1,"do":"forget_secret","name":"webhook"}
//! {"v":1,"do":"list_files"}          {"v":1,"files":{…}}
//! {"v":1,"do":"drop_files","tenant":"acme","strangers":true}    {"v":1,"files_dropped":{…}}
//! {"v":1,"do":"erase_person","tenant":"acme","user":"…"}     {"v":1,"erased":{…}}
//! {"v":1,"do":"export_person","tenant":"acme","user":"…"}    many lines: see `person::export`
//! {"v":1,"do":"keys_status"}         {"v":1,"keys":{…}}
//! {"v":1,"do":"rotate_keys"}
//! {"v":1,"do":"retire_key","root":"1f2e3d4c"}
//! {"v":1,"do":"begin_master","in_use":"…","next":"…"}        {"v":1,"master_key":null}
//! {"v":1,"do":"finish_master","newest":"…"}
//! ```
//!
//! But for an export, and for the ids that a person is asked for by, nothing in them is anybody's words, name
//! or address; nothing in an answer is a secret.

use secrecy::SecretString;
use serde::{Deserialize, Serialize};

use crate::{keys::KeysSeen, person::Erased};

/// The version spoken here. Another one is refused with what to do, not guessed at.
pub const VERSION: u32 = 1;

/// What a client sends.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Request {
    v: u32,
    #[serde(flatten)]
    order: Order,
}

/// What an operator wants.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "do", rename_all = "snake_case")]
pub enum Order {
    /// The newest dead letters.
    List {
        /// How many at most; never more than
        /// [`LETTERS_PER_LIST_MAX`](super::LETTERS_PER_LIST_MAX) come.
        limit: usize,
    },
    /// One of them.
    Show {
        /// Which.
        id: i64,
    },
    /// One of them is to be sent again.
    Resend {
        /// Which.
        id: i64,
    },
    /// One of them is to be forgotten.
    Drop {
        /// Which.
        id: i64,
    },
}

/// What an operator wants of the sealed secrets.
#[derive(Debug, Deserialize)]
#[serde(tag = "do", rename_all = "snake_case")]
pub(crate) enum SecretOrder {
    /// One is to be kept, instead of an earlier one of its name.
    KeepSecret {
        /// How the configuration calls it.
        name: String,
        /// It.
        #[serde(deserialize_with = "hidden")]
        value: SecretString,
    },
    /// One is to be forgotten.
    ForgetSecret {
        /// Which.
        name: String,
    },
}

/// What an operator wants of a person's data.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "do", rename_all = "snake_case")]
pub enum PersonOrder {
    /// It is to be given out.
    ExportPerson {
        /// Whose user they are.
        tenant: String,
        /// Their id at the channel, or at the desk.
        user: String,
    },
    /// It is to be erased.
    ErasePerson {
        /// Whose user they are.
        tenant: String,
        /// Their id at the channel, or at the desk.
        user: String,
    },
}

impl PersonOrder {
    /// As it goes over the socket.
    pub fn to_line(&self) -> Vec<u8> {
        order_line(self)
    }
}

/// What an operator wants of files.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "do", rename_all = "snake_case")]
pub enum FilesOrder {
    /// How much room they take, and whose.
    ListFiles,
    /// Those of a tenant are to be dropped.
    DropFiles {
        /// Whose.
        tenant: String,
        /// Only what strangers brought.
        #[serde(default)]
        strangers: bool,
        /// Only what came before this moment, RFC 3339.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        before: Option<String>,
    },
}

impl FilesOrder {
    /// As it goes over the socket.
    pub fn to_line(&self) -> Vec<u8> {
        order_line(self)
    }
}

fn order_line<T: Serialize>(order: &T) -> Vec<u8> {
    #[derive(Serialize)]
    struct Line<'a, T> {
        v: u32,
        #[serde(flatten)]
        order: &'a T,
    }
    to_line(&Line { v: VERSION, order })
}

/// What an operator wants of the keys.
#[derive(Debug, Deserialize)]
#[serde(tag = "do", rename_all = "snake_case")]
pub(crate) enum KeyOrder {
    /// How far they are.
    KeysStatus,
    /// Another root key is to be current.
    RotateKeys,
    /// An old root key is to go now.
    RetireKey {
        /// Which.
        root: String,
    },
    /// A second master key is to open the data as well.
    BeginMaster {
        /// One that does now.
        #[serde(deserialize_with = "hidden")]
        in_use: SecretString,
        /// The one to come.
        #[serde(deserialize_with = "hidden")]
        next: SecretString,
    },
    /// Every other master key is to be forgotten.
    FinishMaster {
        /// The one that stays.
        #[serde(deserialize_with = "hidden")]
        newest: SecretString,
    },
}

impl KeyOrder {
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::KeysStatus => "status",
            Self::RotateKeys => "rotate",
            Self::RetireKey { .. } => "retire",
            Self::BeginMaster { .. } => "begin_master",
            Self::FinishMaster { .. } => "finish_master",
        }
    }
}

/// The line of an order about keys; `keys` are those that it names.
pub fn keys_line(order: &str, keys: &[(&str, &SecretString)]) -> zeroize::Zeroizing<Vec<u8>> {
    use secrecy::ExposeSecret;
    let mut line = serde_json::Map::new();
    line.insert("v".to_owned(), VERSION.into());
    line.insert("do".to_owned(), order.into());
    for (name, key) in keys {
        line.insert((*name).to_owned(), key.expose_secret().into());
    }
    zeroize::Zeroizing::new(to_line(&line))
}

fn hidden<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<SecretString, D::Error> {
    String::deserialize(deserializer).map(SecretString::from)
}

/// The line that has a secret kept, or forgotten.
pub fn secret_line(name: &str, value: Option<&SecretString>) -> zeroize::Zeroizing<Vec<u8>> {
    use secrecy::ExposeSecret;
    #[derive(Serialize)]
    struct Line<'a> {
        v: u32,
        r#do: &'static str,
        name: &'a str,
        #[serde(skip_serializing_if = "Option::is_none")]
        value: Option<&'a str>,
    }
    let value = value.map(ExposeSecret::expose_secret);
    let order = if value.is_some() { "keep_secret" } else { "forget_secret" };
    zeroize::Zeroizing::new(to_line(&Line { v: VERSION, r#do: order, name, value }))
}

/// A line that was understood.
#[derive(Debug)]
pub(super) enum Understood {
    Letters(Order),
    Secret(SecretOrder),
    Person(PersonOrder),
    Keys(KeyOrder),
    Files(FilesOrder),
}

/// What a client is answered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Answer {
    v: u32,
    /// What came of it.
    #[serde(flatten)]
    pub outcome: Outcome,
}

/// What came of an order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// The letters asked for, newest first.
    Letters(Vec<Letter>),
    /// The letter asked for, or what it was before it was resent or dropped.
    Letter(Box<Letter>),
    /// The secret of this name is kept, or forgotten.
    Secret(String),
    /// How much room files take.
    Files(FilesTaken),
    /// What was dropped of them.
    FilesDropped(FilesDropped),
    /// A person's data was erased.
    Erased(Erased),
    /// The keys as they are now.
    Keys(Box<KeysSeen>),
    /// The master keys that open the data are those ordered.
    MasterKey,
    /// Nothing was done.
    Error(Refusal),
}

/// Why not.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refusal {
    /// Machine code; stable.
    pub code: String,
    /// One sentence for a person.
    pub message: String,
}

/// How much room files take, in sealed bytes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FilesTaken {
    /// All of them.
    pub bytes: u64,
    /// What those of strangers take of it.
    pub of_strangers: u64,
    /// How much all may take.
    pub room: u64,
    /// How much those of one tenant may.
    pub room_of_tenant: u64,
    /// How much those of one tenant's strangers may.
    pub room_of_strangers: u64,
    /// Each tenant that has some.
    pub tenants: Vec<TenantFiles>,
}

/// The same of one tenant.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TenantFiles {
    /// Which.
    pub tenant: String,
    /// All of theirs.
    pub bytes: u64,
    /// What those of strangers take of it.
    pub of_strangers: u64,
}

/// What was dropped of files.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct FilesDropped {
    /// How many.
    pub files: u64,
    /// What they took, in sealed bytes.
    pub bytes: u64,
    /// How many could not be dropped; the gateway's log says why.
    pub left: u64,
}

/// A dead letter, redacted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Letter {
    /// By which the other commands know it.
    pub id: i64,
    /// When it was given up, RFC 3339.
    pub at: String,
    /// Whose; absent, as everything up to `user`, when its conversation is gone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tenant: Option<String>,
    /// The channel of its conversation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub channel: Option<String>,
    /// The bot of its conversation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bot: Option<String>,
    /// The user's id, cut short.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    /// The desk it was for; absent for what goes to the bot.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub desk: Option<String>,
    /// The kind of effect (`ask`, `say`, `end`, `greet`, `to_bot`, `tell_bot`), or `unreadable`.
    pub effect: String,
    /// The live chat it belonged to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub session: Option<String>,
    /// Its `requestId` at the desk, to look for in ServiceNow's logs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request_id: Option<String>,
    /// How often it was attempted.
    pub attempts: u32,
    /// Machine code of the failure.
    pub reason: String,
    /// What the code means and what to do, for a person.
    pub meaning: String,
    /// Why it cannot be sent again; absent if it can.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unsendable: Option<Refusal>,
}

impl Request {
    /// An order in the version spoken here.
    pub fn new(order: Order) -> Self {
        Self { v: VERSION, order }
    }

    /// As it goes over the socket.
    pub fn to_line(&self) -> Vec<u8> {
        to_line(self)
    }
}

impl Answer {
    /// Reads what came over the socket; `None` if it is no answer of this version.
    pub fn read(line: &[u8]) -> Option<Self> {
        serde_json::from_slice(line).ok().filter(|answer: &Self| answer.v == VERSION)
    }

    /// As it goes over the socket.
    pub fn to_line(&self) -> Vec<u8> {
        to_line(self)
    }
}

impl From<Outcome> for Answer {
    fn from(outcome: Outcome) -> Self {
        Self { v: VERSION, outcome }
    }
}

impl From<Refusal> for Answer {
    fn from(refusal: Refusal) -> Self {
        Outcome::Error(refusal).into()
    }
}

impl Refusal {
    pub(crate) fn new(code: &str, message: impl Into<String>) -> Self {
        Self { code: code.to_owned(), message: message.into() }
    }
}

/// Reads a client's line.
pub(super) fn read(line: &[u8]) -> Result<Understood, Refusal> {
    #[derive(Deserialize)]
    struct Version {
        v: u32,
    }
    let bad = || {
        Refusal::new(
            "bad_request",
            "an order is one line of JSON as in {\"v\":1,\"do\":\"list\",\"limit\":20}; use the \
             command `warmline dead-letters`, `warmline files`, `warmline secret`, `warmline person` or \
             `warmline keys`",
        )
    };
    if !line.ends_with(b"\n") {
        return Err(bad());
    }
    let Version { v } = serde_json::from_slice(line).map_err(|_| bad())?;
    if v != VERSION {
        return Err(Refusal::new(
            "other_version",
            format!(
                "the gateway that runs here speaks version {VERSION} on its control socket; use \
                 the command of the same release as the gateway"
            ),
        ));
    }
    if let Ok(order) = serde_json::from_slice(line) {
        return Ok(Understood::Secret(order));
    }
    if let Ok(order) = serde_json::from_slice(line) {
        return Ok(Understood::Person(order));
    }
    if let Ok(order) = serde_json::from_slice(line) {
        return Ok(Understood::Keys(order));
    }
    if let Ok(order) = serde_json::from_slice(line) {
        return Ok(Understood::Files(order));
    }
    let request: Request = serde_json::from_slice(line).map_err(|_| bad())?;
    Ok(Understood::Letters(request.order))
}

fn to_line(value: &impl Serialize) -> Vec<u8> {
    // Numbers and texts under fixed names cannot fail to be written; an empty line is refused.
    let mut line = serde_json::to_vec(value).unwrap_or_default();
    line.push(b'\n');
    line
}
