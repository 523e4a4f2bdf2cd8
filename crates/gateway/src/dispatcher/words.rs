//! What was said before, in words: for agents as the history of a chat, for bots as its transcript.

use session::{Author, Content, id::Number};
use store::Work;

use super::{Dispatcher, Opened, desk_lane::MaterialError};
use crate::{channel, desk::media::DeskLinks, keeping::Entry, rich};

/// Log entries opened at a time for a transcript.
const ENTRIES_AT_ONCE_MAX: usize = 25;

/// Who reads what was said, in words.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reader {
    /// At the instance, whose own addresses open there.
    Agent,
    /// Somewhere else.
    Bot,
}

impl Dispatcher {
    /// Entries in their words only, read a few at a time: an entry may hold most of a megabyte beside
    /// its words.
    pub(super) async fn words_upto(
        &self,
        work: &Work,
        opened: &Opened,
        upto: Number,
        limit: usize,
        reader: Reader,
    ) -> Result<Vec<Entry>, MaterialError> {
        let desk = match reader {
            Reader::Agent => None,
            Reader::Bot => Some(self.media.links(&opened.key, work.conversation)),
        };
        let (mut pages, mut later) = (Vec::new(), channel::Later::default());
        let (mut upto, mut left) = (upto, limit);
        while left > 0 && upto.0 > 0 {
            let mut page = self.entries(work, opened, upto, left.min(ENTRIES_AT_ONCE_MAX)).await?;
            // Shredded ones are left out, so the numbers say where to go on.
            let Some(first) = page.first().map(|entry| entry.number) else { break };
            left -= page.len();
            if channel::is_carried(&opened.key.channel) {
                page.iter().rev().for_each(|entry| later.learn(entry, self.language));
                page.retain_mut(|entry| later.apply(entry));
            }
            for entry in &mut page {
                if let Some(desk) = &desk {
                    self.without_desk_files(entry, desk.as_ref());
                }
                if let Content::Said(said) | Content::Revised { said, .. } = &mut entry.content {
                    said.payload = None;
                }
            }
            upto = Number(first.0 - 1);
            pages.push(page);
        }
        Ok(pages.into_iter().rev().flatten().collect())
    }

    /// What a desk said in words, its files by their names: their own addresses open for those only who may
    /// sign in at the instance.
    fn without_desk_files(&self, entry: &mut Entry, desk: Option<&DeskLinks>) {
        if !matches!(entry.author, Author::Agent(_) | Author::Desk) {
            return;
        }
        let (Content::Said(said) | Content::Revised { said, .. }) = &mut entry.content else {
            return;
        };
        let open = |address: &str| match desk {
            Some(desk) => desk.open_without_files(address),
            None => rich::public(address),
        };
        said.text = rich::Words::of(said, self.language, &open).all();
    }
}
