//! Files that are on their way: begun, there, or given up.

use crate::{
    id::{Number, SenderKey},
    notice::{FileRefusal, Notice},
    step::Turn,
    under_way::{Expected, UNDER_WAY_FOR, UNDER_WAY_MAX, UnderWay, Way},
};

impl Turn<'_> {
    /// A file is on its way, or still is.
    pub(super) fn file_under_way(&mut self, file: UnderWay) {
        if self.repeat_of(Some(&file.key)).is_some() {
            // It is there, or was given up; either was the last word.
            return;
        }
        let file = file.bounded();
        let until = self.now.after(UNDER_WAY_FOR);
        let expected = &mut self.conversation().under_way;
        expected.retain(|one| one.file.key != file.key);
        if expected.len() < UNDER_WAY_MAX {
            expected.push(Expected { file, until });
        } else {
            self.give_up(file);
        }
    }

    /// Nothing more is expected of a file: it is there, or its user knows.
    pub(super) fn file_settled(&mut self, key: Option<&SenderKey>) {
        let Some(key) = key else { return };
        self.conversation().under_way.retain(|one| one.file.key != *key);
    }

    /// A file of the desk's does not come: the user hears why, once, and so does the agent who sent it,
    /// in this chat, and believes it shown.
    pub(super) fn file_not_passed_on(
        &mut self,
        notice: Notice,
        key: Option<SenderKey>,
        (shown_in, by_agent): (Number, bool),
    ) {
        let told_before = self.step.messages.len();
        self.tell_once(notice, key);
        let is_told = self.step.messages.len() > told_before;
        let talk = self.step.conversation.talk();
        if is_told && by_agent && talk.is_some_and(|live| live.asked_after < shown_in) {
            self.order_say(self.step.answer, None, None);
        }
    }

    /// Nobody brings these any more.
    pub(super) fn files_overdue(&mut self) {
        let now = self.now;
        let expected = std::mem::take(&mut self.conversation().under_way);
        let (late, rest): (Vec<_>, Vec<_>) = expected.into_iter().partition(|one| one.until <= now);
        self.conversation().under_way = rest;
        for one in late {
            self.give_up(one.file);
        }
    }

    fn give_up(&mut self, UnderWay { key, name, way }: UnderWay) {
        let notice = match way {
            Way::ToDesk => Notice::FileNotTaken { name: Some(name), why: FileRefusal::NotNow },
            Way::ToDeskIfLive if self.live().is_some() => {
                Notice::FileNotTaken { name: Some(name), why: FileRefusal::NotNow }
            }
            Way::ToDeskIfLive => return,
            Way::ToUser { address } => Notice::FileLinked { name, address },
        };
        self.tell_once(notice, Some(key));
    }
}
