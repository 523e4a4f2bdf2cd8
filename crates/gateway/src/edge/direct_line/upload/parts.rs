//! The parts of an upload, as they arrive: files go to where they are kept, and the activity is held.

use axum::http::{HeaderMap, HeaderName, header};
use bot_framework::direct_line::ErrorCode;
use bytes::Bytes;
use session::id::TenantId;
use store::ConversationId;

use super::{Arriving, Brought, Taken, Trouble};
use crate::{
    edge::{
        Edge,
        direct_line::{Refused, activities, private},
        multipart::{Multipart, MultipartError, PartHead, Piece},
    },
    files::{Bringer, Intake, NewFile, essence},
    keeping::Keeping,
};

/// The type of the part that is the message.
const ACTIVITY: &str = "application/vnd.microsoft.activity";

/// The part that arrives.
enum Part {
    /// One that nobody asked for, or none.
    Ignored,
    Activity(Vec<u8>),
    File(Box<Intake>, String),
}

/// An upload that arrives.
pub(super) struct Upload<'a> {
    edge: &'a Edge,
    tenant: &'a TenantId,
    by: Bringer,
    keeping: &'a Keeping,
    conversation: ConversationId,
    part: Part,
    /// Something was taken out of a file's name.
    pub(super) masked: bool,
    /// What the file is called that came last.
    pub(super) called: String,
    pub(super) activity: Option<Vec<u8>>,
    pub(super) taken: Taken,
}

impl<'a> Upload<'a> {
    pub(super) fn new(
        edge: &'a Edge,
        by: Bringer,
        (tenant, keeping): (&'a TenantId, &'a Keeping),
        conversation: ConversationId,
        taken: Taken,
    ) -> Self {
        let (part, called, activity) = (Part::Ignored, String::new(), None);
        let masked = false;
        Self { edge, tenant, by, keeping, conversation, part, masked, called, activity, taken }
    }

    /// Reads all of it.
    pub(super) async fn read(
        &mut self,
        headers: &HeaderMap,
        body: &mut Arriving,
    ) -> Result<(), Trouble> {
        let read = self.parts(headers, body).await;
        // A file of which half came gives its room back before anything else.
        self.part = Part::Ignored;
        read
    }

    async fn parts(&mut self, headers: &HeaderMap, body: &mut Arriving) -> Result<(), Trouble> {
        let text = |name: HeaderName| headers.get(name).and_then(|value| value.to_str().ok());
        let kind = text(header::CONTENT_TYPE).unwrap_or_default();
        if !kind.trim_start().to_ascii_lowercase().starts_with("multipart/") {
            let disposition = text(header::CONTENT_DISPOSITION).unwrap_or_default();
            let head =
                PartHead { kind: Some(kind.to_owned()), ..PartHead::of_disposition(disposition) };
            self.begin_file(head).await?;
            while let Some(bytes) = body.next().await? {
                self.data(bytes).await?;
            }
            return self.end_part().await;
        }
        let mut parts = Multipart::new(kind)?;
        while let Some(bytes) = body.next().await? {
            parts.take(&bytes);
            while let Some(piece) = parts.next()? {
                match piece {
                    Piece::Part(head) => {
                        self.end_part().await?;
                        self.begin_part(head).await?;
                    }
                    Piece::Data(data) => self.data(data).await?,
                    Piece::End => return self.end_part().await,
                }
            }
        }
        Err(MultipartError::BrokeOff.into())
    }

    async fn begin_part(&mut self, head: PartHead) -> Result<(), Trouble> {
        let kind = head.kind.as_deref().unwrap_or_default();
        if essence(kind).is_some_and(|kind| kind == ACTIVITY) {
            if self.activity.is_some() {
                let message = "one part may be an activity";
                return Err(Refused::new(ErrorCode::BadArgument, message).into());
            }
            self.part = Part::Activity(Vec::new());
        } else if head.filename.is_some() || head.kind.is_some() {
            self.begin_file(head).await?;
        }
        Ok(())
    }

    async fn begin_file(&mut self, head: PartHead) -> Result<(), Trouble> {
        let most = self.edge.files.rules().in_message;
        if self.taken.kept.len() >= most {
            let message = format!("a message may have {most} files at most");
            return Err(Refused::new(ErrorCode::BadArgument, message).into());
        }
        let called = head.filename.unwrap_or_default();
        self.called.clone_from(&called);
        let (name, masked) = self.edge.mask_name(self.tenant, called.clone());
        self.masked |= masked;
        let kind = head.kind.unwrap_or_default();
        let new = NewFile { by: self.by, name, kind, thumbnail: None };
        let intake = self.edge.files.intake(self.conversation, self.keeping, new).await?;
        self.part = Part::File(Box::new(intake), called);
        Ok(())
    }

    async fn data(&mut self, data: Bytes) -> Result<(), Trouble> {
        match &mut self.part {
            Part::Ignored => {}
            Part::Activity(activity) => held(activity, &data)?,
            Part::File(intake, _) => intake.write(data).await?,
        }
        Ok(())
    }

    async fn end_part(&mut self) -> Result<(), Trouble> {
        match std::mem::replace(&mut self.part, Part::Ignored) {
            Part::Ignored => {}
            Part::Activity(activity) => self.activity = Some(activity),
            Part::File(intake, called) => {
                let kept = intake.finish().await?;
                self.taken.kept.push(Brought { called, kept });
            }
        }
        Ok(())
    }
}

/// Holds the next bytes of the activity, whatever they are, up to as many as one may
/// have that is sealed. How long the activity itself is is looked at when it is opened.
fn held(activity: &mut Vec<u8>, data: &[u8]) -> Result<(), Refused> {
    if activity.len().saturating_add(data.len()) > private::BODY_BYTES_MAX {
        return Err(activities::too_long());
    }
    activity.extend_from_slice(data);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_activity_is_held_up_to_its_limit_also_if_it_is_no_text() {
        for byte in [b'x', 0xFF] {
            let (mut activity, piece) = (Vec::new(), vec![byte; 64 * 1024]);
            let mut told = Ok(());
            for _ in 0..100 {
                told = held(&mut activity, &piece);
                if told.is_err() {
                    break;
                }
            }
            assert_eq!(told.unwrap_err().status().as_u16(), 413);
            assert!(activity.len() <= private::BODY_BYTES_MAX, "{} held", activity.len());
        }
    }
}
