//! Giving out a person's data: line by line, as it is read, so that no more than a page of a log and a piece of
//! a file are ever in memory.
//!
//! ```text
//! {"conversation":{"id":7,"channel":"directline","bot":"help","conversation":"…","user":"…"}}
//! {"session":{"conversation":7,"id":"ses_…","desk":"it","user":"…","status":"completed",…}}
//! {"entry":{"conversation":7,"number":1,"at":"…","by":"user","text":"…","files":[…],"content":{…}}}
//! {"gap":{"conversation":7,"number":2,"at":"…"}}                 shredded before
//! {"file":{"conversation":7,"id":"…","name":"…","kind":"image/png","bytes":123}}  then its bytes in pieces:
//! {"piece":"…base64…"}
//! {"exported":{"conversations":1,"entries":1,"gaps":1,"files":1}}  the last line, or
//! {"error":{"code":"…","message":"…"}}
//! ```

mod files;

use std::{io, time::Duration};

use serde::{Deserialize, Serialize};
use serde_json::json;
use session::{
    Author, Content,
    id::{Number, SessionId},
};
use store::{ConversationId, ConversationRow, ENTRIES_PER_READ_MAX, SessionRow, Store, Whose};
use tokio::{
    io::{AsyncWrite, AsyncWriteExt},
    time::timeout,
};

use super::{CONVERSATIONS_AT_ONCE_MAX, PersonError, Persons};
use crate::{
    audit::{Deed, Who},
    clock::rfc3339,
    keeping::{Entry, Keeping},
};
use files::Theirs;

/// How long whoever takes the lines may take for one of them.
const TAKEN_WITHIN: Duration = Duration::from_secs(30);

/// How much was given out.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Exported {
    /// Conversations.
    pub conversations: u64,
    /// Live chats.
    pub sessions: u64,
    /// Entries of their logs.
    pub entries: u64,
    /// Entries that were shredded before.
    pub gaps: u64,
    /// Files.
    pub files: u64,
    /// Files that entries name and that were removed before.
    pub files_gone: u64,
    /// Files that are there and do not open, or not to their end.
    #[serde(default)]
    pub files_damaged: u64,
}

impl Persons {
    /// Writes everything that is kept of a person, and how much it was.
    pub(crate) async fn export(
        &self,
        (tenant, user): (&str, &str),
        who: Who,
        out: &mut (impl AsyncWrite + Unpin + Send),
    ) -> Result<(), io::Error> {
        let whose = super::whose(tenant, user);
        let deed = |person| Deed::Exported { person };
        let given = match &whose {
            Ok(whose) => {
                // Put down before a word is out: a kill in between leaves no export without a record.
                self.put_down(whose, deed, "begun", who.clone()).await;
                self.give(whose, out).await
            }
            Err(_) => Err(PersonError::Whose),
        };
        super::tell("export", tenant, &given);
        if let Ok(whose) = &whose {
            self.put_down(whose, deed, super::code_of(&given), who).await;
        }
        match given {
            Ok(exported) => line(out, &json!({ "exported": exported })).await,
            Err(PersonError::Gone(error)) => Err(error),
            Err(error) => line(out, &json!({ "error": error.refusal() })).await,
        }
    }

    async fn give(
        &self,
        whose: &Whose,
        out: &mut (impl AsyncWrite + Unpin + Send),
    ) -> Result<Exported, PersonError> {
        let (mut exported, mut after) = (Exported::default(), ConversationId(0));
        loop {
            let asked = whose.clone();
            let look = move |store: &dyn Store| {
                store.conversations_of(&asked, after, CONVERSATIONS_AT_ONCE_MAX)
            };
            let found = crate::blocking(&self.store, look).await?;
            let Some(last) = found.last().map(|row| row.id) else { return Ok(exported) };
            let ids: Vec<_> = found.iter().map(|row| row.id).collect();
            let mut kept = self.kept_for(&ids).await?;
            for row in found {
                exported.conversations += 1;
                let mut theirs = kept.remove(&row.id).unwrap_or_else(|| Theirs::none(row.id));
                self.conversation((&row, &mut theirs), &mut exported, out).await?;
            }
            after = last;
        }
    }

    async fn conversation(
        &self,
        (row, theirs): (&ConversationRow, &mut Theirs),
        exported: &mut Exported,
        out: &mut (impl AsyncWrite + Unpin + Send),
    ) -> Result<(), PersonError> {
        let key = &row.key;
        let told = json!({
            "id": row.id.0,
            "channel": key.channel.as_str(),
            "bot": key.bot.as_str(),
            "conversation": &*key.conversation,
            "user": &*key.user,
        });
        line(out, &json!({ "conversation": told })).await?;
        self.sessions(row.id, exported, out).await?;
        let keeping = Keeping::new(&self.vault, key)?;
        let mut after = Number(0);
        loop {
            let id = row.id;
            let read =
                move |store: &dyn Store| store.entries_after(id, after, ENTRIES_PER_READ_MAX);
            let rows = crate::blocking(&self.store, read).await?;
            let Some(last) = rows.last() else { break };
            after = last.number;
            let mut entries = keeping.read_entries(&self.vault, &rows)?.into_iter().peekable();
            for row in &rows {
                if let Some(entry) = entries.next_if(|entry| entry.number == row.number) {
                    self.entry(id, (&keeping, &mut *theirs), &entry, exported, out).await?;
                } else {
                    exported.gaps += 1;
                    let (number, at) = (row.number.0, rfc3339(row.at));
                    let gap = json!({ "conversation": id.0, "number": number, "at": at });
                    line(out, &json!({ "gap": gap })).await?;
                }
            }
        }
        self.others((&keeping, theirs), exported, out).await
    }

    async fn sessions(
        &self,
        id: ConversationId,
        exported: &mut Exported,
        out: &mut (impl AsyncWrite + Unpin + Send),
    ) -> Result<(), PersonError> {
        let mut after: Option<SessionId> = None;
        loop {
            let from = after.clone();
            let look = move |store: &dyn Store| {
                store.sessions_of(id, from.as_ref(), CONVERSATIONS_AT_ONCE_MAX)
            };
            let sessions = crate::blocking(&self.store, look).await?;
            let Some(last) = sessions.last() else { return Ok(()) };
            after = Some(last.id.clone());
            for session in &sessions {
                exported.sessions += 1;
                line(out, &json!({ "session": told(session) })).await?;
            }
        }
    }

    async fn entry(
        &self,
        of: ConversationId,
        (keeping, theirs): (&Keeping, &mut Theirs),
        entry: &Entry,
        exported: &mut Exported,
        out: &mut (impl AsyncWrite + Unpin + Send),
    ) -> Result<(), PersonError> {
        exported.entries += 1;
        let (text, files) = match &entry.content {
            Content::Said(said) | Content::Revised { said, .. } => {
                (Some(said.text.as_str()), said.files.as_slice())
            }
            _ => (None, [].as_slice()),
        };
        let (by, name) = author(&entry.author);
        let told = json!({
            "conversation": of.0,
            "number": entry.number.0,
            "at": rfc3339(entry.at),
            "by": by,
            "name": name,
            "text": text,
            "files": files.iter().map(|file| &file.name).collect::<Vec<_>>(),
            "content": &entry.content,
        });
        line(out, &json!({ "entry": told })).await?;
        for file in files {
            self.named((keeping, &mut *theirs), file, exported, out).await?;
        }
        Ok(())
    }
}

fn told(session: &SessionRow) -> serde_json::Value {
    json!({
        "conversation": session.conversation.0,
        "id": session.id.as_str(),
        "desk": session.person.desk.as_str(),
        "user": session.person.user.as_str(),
        "status": &*session.status,
        "reason": &*session.reason,
        "opened_at": rfc3339(session.opened_at),
        "ended_at": session.ended_at.map(rfc3339),
    })
}

fn author(author: &Author) -> (&'static str, Option<&str>) {
    match author {
        Author::User => ("user", None),
        Author::Bot => ("bot", None),
        Author::Agent(agent) => ("agent", agent.name.as_deref()),
        Author::Desk => ("desk", None),
        Author::Gateway => ("gateway", None),
    }
}

/// One line, which must be taken in time.
async fn line(
    out: &mut (impl AsyncWrite + Unpin + Send),
    value: &serde_json::Value,
) -> io::Result<()> {
    let mut line = zeroize::Zeroizing::new(serde_json::to_vec(value)?);
    line.push(b'\n');
    timeout(TAKEN_WITHIN, out.write_all(&line)).await?
}
