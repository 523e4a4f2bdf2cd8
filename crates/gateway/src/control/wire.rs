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
//! {"v":1,"do":"rotate_messages"}
//! {"v":1,"do":"begin_master","in_use":"…","next":"…"}        {"v":1,"master_key":null}
//! {"v":1,"do":"finish_master","newest":"…"}
//! ```
//!
//! But for an export, and for the ids that a person is asked for by, nothing in them is anybody's words, name
//! or address; nothing in an answer is a secret.

mod files;
mod keys;
mod letters;
mod persons;
mod secrets;
#[cfg(test)]
mod tests;

use secrecy::{ExposeSecret, SecretString};
use serde::{
    Deserialize, Deserializer, Serialize, Serializer, de::DeserializeOwned, ser::SerializeMap,
};

pub use files::{DropFiles, FilesDropped, FilesTaken, ListFiles, TenantFiles};
pub use keys::{KeysOrder, MasterKeys, MasterOrder};
pub use letters::{Letter, ListLetters, OneLetter};
pub use persons::{ErasePerson, ExportPerson};
pub use secrets::{SecretName, SecretOrder};

/// The version spoken here. Another one is refused with what to do, not guessed at.
pub const VERSION: u32 = 1;

/// What a command orders, in one line, to be answered in one.
pub trait Order: Serialize {
    /// What it is answered, if it is done.
    type Done: Done;

    /// As it goes over the socket. What is given back is wiped afterwards, since there may be a secret in it; what
    /// writing the JSON leaves behind on its way is not.
    fn to_line(&self) -> zeroize::Zeroizing<Vec<u8>> {
        zeroize::Zeroizing::new(line_of(self))
    }
}

/// What came of an order that is done.
pub trait Done: Serialize + DeserializeOwned {
    /// Under which name it stands in the answer.
    const NAME: &str;
}

/// What came of an order.
pub type Outcome<T> = Result<T, Refusal>;

/// Why nothing was done.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[error("{message} ({code})")]
pub struct Refusal {
    /// Machine code; stable.
    pub code: String,
    /// One sentence for a person.
    pub message: String,
}

impl Refusal {
    pub(crate) fn new(code: &str, message: impl Into<String>) -> Self {
        Self { code: code.to_owned(), message: message.into() }
    }
}

/// An answer as it goes over the socket.
pub fn answer_line<T: Done>(outcome: &Outcome<T>) -> Vec<u8> {
    struct Answer<'a, T>(&'a T);
    impl<T: Done> Serialize for Answer<'_, T> {
        fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
            let mut line = serializer.serialize_map(Some(2))?;
            line.serialize_entry("v", &VERSION)?;
            line.serialize_entry(T::NAME, self.0)?;
            line.end()
        }
    }
    match outcome {
        Ok(done) => to_line(&Answer(done)),
        Err(refusal) => refusal_line(refusal),
    }
}

/// The same of what was refused, whatever it was.
pub(super) fn refusal_line(refusal: &Refusal) -> Vec<u8> {
    #[derive(Serialize)]
    struct Refused<'a> {
        v: u32,
        error: &'a Refusal,
    }
    to_line(&Refused { v: VERSION, error: refusal })
}

/// An export's only line if it is refused: as its last one is if it breaks off.
pub(super) fn export_refused(refusal: &Refusal) -> Vec<u8> {
    to_line(&serde_json::json!({ "error": refusal }))
}

/// Reads what came over the socket; `None` if it is no answer of this version to such an order.
pub fn read_answer<T: Done>(line: &[u8]) -> Option<Outcome<T>> {
    let mut answer: serde_json::Map<String, serde_json::Value> =
        serde_json::from_slice(line).ok()?;
    if *answer.get("v")? != VERSION {
        return None;
    }
    if let Some(refusal) = answer.remove("error") {
        return serde_json::from_value(refusal).ok().map(Err);
    }
    serde_json::from_value(answer.remove(T::NAME)?).ok().map(Ok)
}

/// A line that was understood.
#[derive(Debug)]
pub(super) enum Understood {
    /// To be answered by many lines.
    Export(ExportPerson),
    OneLine(OneLine),
}

/// An order that is answered by one line.
#[derive(Debug)]
pub(super) enum OneLine {
    ListLetters(ListLetters),
    OneLetter(OneLetter),
    Secret(SecretOrder),
    Erase(ErasePerson),
    Keys(KeysOrder),
    Master(MasterOrder),
    ListFiles(ListFiles),
    DropFiles(DropFiles),
}

/// What each order is called.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Name {
    List,
    Show,
    Resend,
    Drop,
    KeepSecret,
    ForgetSecret,
    ListFiles,
    DropFiles,
    ErasePerson,
    ExportPerson,
    KeysStatus,
    RotateKeys,
    RetireKey,
    RotateMessages,
    BeginMaster,
    FinishMaster,
}

/// Reads a client's line.
pub(super) fn read(line: &[u8]) -> Result<Understood, Refusal> {
    #[derive(Deserialize)]
    struct Version {
        v: u32,
    }
    #[derive(Deserialize)]
    struct Named {
        r#do: Name,
    }
    if !line.ends_with(b"\n") {
        return Err(bad());
    }
    let Version { v } = parsed(line)?;
    if v != VERSION {
        return Err(Refusal::new(
            "other_version",
            format!(
                "the gateway that runs here speaks version {VERSION} on its control socket; use \
                 the command of the same release as the gateway"
            ),
        ));
    }
    let Named { r#do } = parsed(line)?;
    Ok(Understood::OneLine(match r#do {
        Name::ExportPerson => return parsed(line).map(Understood::Export),
        Name::List => OneLine::ListLetters(parsed(line)?),
        Name::Show | Name::Resend | Name::Drop => OneLine::OneLetter(parsed(line)?),
        Name::KeepSecret | Name::ForgetSecret => OneLine::Secret(parsed(line)?),
        Name::ListFiles => OneLine::ListFiles(parsed(line)?),
        Name::DropFiles => OneLine::DropFiles(parsed(line)?),
        Name::ErasePerson => OneLine::Erase(parsed(line)?),
        Name::KeysStatus | Name::RotateKeys | Name::RetireKey | Name::RotateMessages => {
            OneLine::Keys(parsed(line)?)
        }
        Name::BeginMaster | Name::FinishMaster => OneLine::Master(parsed(line)?),
    }))
}

fn parsed<T: DeserializeOwned>(line: &[u8]) -> Result<T, Refusal> {
    serde_json::from_slice(line).map_err(|_| bad())
}

fn bad() -> Refusal {
    Refusal::new(
        "bad_request",
        "an order is one line of JSON as in {\"v\":1,\"do\":\"list\",\"limit\":20}; use the \
         command `warmline dead-letters`, `warmline files`, `warmline secret`, `warmline person` or \
         `warmline keys`",
    )
}

fn line_of(order: &(impl Serialize + ?Sized)) -> Vec<u8> {
    #[derive(Serialize)]
    struct Line<'a, T: ?Sized> {
        v: u32,
        #[serde(flatten)]
        order: &'a T,
    }
    to_line(&Line { v: VERSION, order })
}

fn to_line(value: &impl Serialize) -> Vec<u8> {
    // Numbers and texts under fixed names cannot fail to be written; an empty line is refused.
    let mut line = serde_json::to_vec(value).unwrap_or_default();
    line.push(b'\n');
    line
}

/// A secret in an order is printed nowhere but there.
fn shown<S: Serializer>(secret: &SecretString, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(secret.expose_secret())
}

fn hidden<'de, D: Deserializer<'de>>(deserializer: D) -> Result<SecretString, D::Error> {
    String::deserialize(deserializer).map(SecretString::from)
}
