//! Addresses of a bot's attachments: as the bot knows them, and as a page may open them.
//!
//! A bot puts `{serviceUrl}/v3/attachments/{id}/views/{view}` into its activities, anywhere: as a
//! `contentUrl`, in a card, in Markdown. A page has no token for that address, and the `serviceUrl` of
//! a bot without tokens is a secret. So what is shown has passes to the files in place of them, and
//! never that secret.

use std::{borrow::Cow, sync::Arc};

use session::id::{BotId, Number, TenantId};

use super::{
    Handles,
    handles::{CAPABILITY_DIGITS, CAPABILITY_PREFIX},
    hex,
};
use crate::{
    desk::media::DeskLinks,
    files::{FileId, Files, Keep, Side},
    rich,
};

/// What stands between a `serviceUrl` and an attachment's id.
const PATH: &str = "/v3/attachments/";

/// What stands between that and the view.
const VIEWS: &str = "/views/";

/// How far before the path an address may begin, in bytes.
const BASE_BYTES_MAX: usize = 2_048;

/// What stands for a secret that is not shown.
const HIDDEN: &str = "-";

/// What is needed to show one conversation's activities to its page.
#[derive(Clone)]
pub(crate) struct Links {
    pub(crate) files: Arc<Files>,
    pub(crate) handles: Handles,
    pub(crate) tenant: TenantId,
    pub(crate) bot: BotId,
    /// How the page reaches this gateway, without a trailing slash.
    pub(crate) base: String,
    /// What addresses at the desk become.
    pub(crate) desk: Option<DeskLinks>,
}

impl Links {
    /// Under what address the user may open what an entry of the desk's shows; nothing if they cannot.
    pub(crate) fn open(&self, entry: Number, address: &str) -> Option<String> {
        match &self.desk {
            Some(desk) => desk.open(&self.base, entry, address),
            None => rich::public(address),
        }
    }

    /// Under what address the page may open a file of the user's own.
    pub(crate) fn file(&self, id: &str) -> Option<String> {
        let id: FileId = id.parse().ok()?;
        Some(format!("{}/files/{}", self.base, self.files.pass(id, Side::Original)))
    }

    /// The activity's JSON as it is shown.
    pub(crate) fn shown<'a>(&self, json: &'a str) -> Cow<'a, str> {
        // Some write a slash as `\/`.
        let plain = if json.contains("attachments\\/") { unescaped(json) } else { json.into() };
        let shown = match self.with_passes(&plain) {
            Some(shown) => shown.into(),
            None => plain,
        };
        let good = self.handles.capabilities(&self.tenant, &self.bot);
        good.iter().fold(shown, |shown, capability| {
            if shown.contains(capability) {
                shown.replace(capability, HIDDEN).into()
            } else {
                shown
            }
        })
    }

    /// `None` if nothing in it is an address of ours.
    fn with_passes(&self, json: &str) -> Option<String> {
        let mut out = String::new();
        let mut done = 0;
        for (at, _) in json.match_indices(PATH) {
            let Some((end, pass)) = self.pass_at(json, at + PATH.len()) else { continue };
            let Some(begin) = begin_of_address(json, done, at) else { continue };
            out.push_str(&json[done..begin]);
            out.extend([&self.base, "/files/", &pass]);
            done = end;
        }
        if done == 0 {
            return None;
        }
        out.push_str(&json[done..]);
        Some(out)
    }

    /// The pass for the attachment whose id stands here, and where its address ends.
    fn pass_at(&self, json: &str, at: usize) -> Option<(usize, String)> {
        let (id, rest) = json[at..].split_once(VIEWS)?;
        let file = self.handles.read_attachment(id, &self.tenant, &self.bot)?;
        let word = rest.split(|c: char| !c.is_ascii_lowercase()).next()?;
        let side = Side::of_word(word)?;
        Some((at + id.len() + VIEWS.len() + word.len(), self.files.pass(file, side)))
    }
}

/// Words for whoever reads words only, an agent too: without the secret part of an address below which
/// a bot without tokens calls.
pub(super) fn hidden(text: &str) -> Cow<'_, str> {
    let mut out = String::new();
    let mut done = 0;
    for (at, prefix) in text.match_indices(CAPABILITY_PREFIX) {
        let Some(rest) = text[at + prefix.len()..].strip_prefix('/') else { continue };
        let digits = rest.bytes().take_while(u8::is_ascii_hexdigit).count();
        if digits == CAPABILITY_DIGITS {
            let from = at + prefix.len() + 1;
            out.extend([&text[done..from], HIDDEN]);
            done = from + digits;
        }
    }
    if done == 0 {
        return text.into();
    }
    out.push_str(&text[done..]);
    out.into()
}

/// Where the address begins whose path stands at `at`; not before `from`.
fn begin_of_address(json: &str, from: usize, at: usize) -> Option<usize> {
    let before = json.get(from..at)?;
    let base = before.rfind(['"', ' ', '(', '<', '\\', '\'']).map_or(0, |end| end + 1);
    let base = &before[base..];
    let scheme =
        ["https://", "http://"].into_iter().filter_map(|scheme| base.rfind(scheme)).max()?;
    let length = base.len() - scheme;
    (length <= BASE_BYTES_MAX).then_some(at - length)
}

/// The same JSON with its slashes as they are. A backslash before a backslash is none that escapes.
fn unescaped(json: &str) -> Cow<'_, str> {
    let mut out = String::with_capacity(json.len());
    let mut chars = json.chars();
    while let Some(c) = chars.next() {
        match (c, chars.as_str().chars().next()) {
            ('\\', Some('/')) => {}
            ('\\', Some(next)) => {
                out.extend([c, next]);
                chars.next();
            }
            _ => out.push(c),
        }
    }
    out.into()
}

impl Handles {
    /// An attachment's id for this bot: the conversation's, and the file's number.
    pub(crate) fn attachment(&self, tenant: &TenantId, bot: &BotId, file: FileId) -> String {
        let conversation = self.conversation(tenant, bot, file.conversation);
        format!("{conversation}-f{}", hex(file.number.as_bytes()))
    }

    /// The file that this bot calls so.
    pub(crate) fn read_attachment(
        &self,
        given: &str,
        tenant: &TenantId,
        bot: &BotId,
    ) -> Option<FileId> {
        let (conversation, number) = given.rsplit_once("-f")?;
        let number = number.parse::<uuid::Uuid>().ok()?;
        let conversation = self.read(conversation, tenant, bot)?;
        let file = FileId { conversation, number, keep: Keep::Day };
        (self.attachment(tenant, bot, file) == given).then_some(file)
    }
}

#[cfg(test)]
mod tests;
