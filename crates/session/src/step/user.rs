//! What the user does without saying it in words: they come, go, press a button, change what they said.

use crate::{
    conversation::{HELD_WORDS_MAX, Stage, Status, Visitor},
    effect::What,
    event::Rejected,
    id::{Number, SenderKey},
    notice::{EndReason, FileRefusal, Notice},
    policy::Behind,
    said::{Author, Content, Payload, Said},
    step::{
        Turn,
        rephrase::{ForDesk, rephrase},
        talk::is_too_late,
    },
};

/// Something a user did without words.
pub(super) struct Deed {
    pub(super) payload: Payload,
    pub(super) words: bool,
    pub(super) told: Option<Said>,
}

impl Turn<'_> {
    pub(super) fn opened(&mut self, visitor: Visitor) {
        self.met(visitor);
        self.user_back();
        if !self.conversation().opened {
            self.conversation().opened = true;
            self.order(What::Greet);
        }
    }

    /// Something without words. It is kept, so that the page sees it come back; a bot of the team's own
    /// gets it.
    pub(super) fn user_did(
        &mut self,
        visitor: Visitor,
        deed: Deed,
        key: Option<SenderKey>,
    ) -> Result<(), Rejected> {
        if let Some(first) = self.repeat_of(key.as_ref()) {
            self.step.answer = first;
            return Ok(());
        }
        if self.facts.waiting >= self.facts.policy.lane_max {
            return Err(Rejected::TooManyWaiting);
        }
        if deed.told.is_some() && self.held() >= HELD_WORDS_MAX {
            return Err(Rejected::TooManyHeld);
        }
        self.met(visitor);
        self.user_back();
        self.greet_first();
        let Deed { payload, words, told } = deed;
        let told = told.filter(|_| self.live().is_some());
        let withheld = words && self.live().is_some();
        let for_desk = told.as_ref().map(ForDesk::of);
        let content = match told {
            Some(said) => Content::Said(Said { payload: Some(payload), ..said }),
            None => Content::Done(payload),
        };
        let number = self.log(Author::User, content);
        self.step.remember.extend(key.map(|key| (key, number)));
        self.step.answer = number;
        match self.facts.policy.behind {
            Behind::Bot if !withheld => self.order(What::ToBot { message: number }),
            Behind::Bot | Behind::BuiltIn => {}
        }
        if let Some(for_desk) = for_desk {
            self.tell_agent(number, for_desk);
        }
        Ok(())
    }

    /// The user is there, and did something that is answered elsewhere.
    pub(super) fn user_seen(
        &mut self,
        visitor: Visitor,
        told: Option<Said>,
    ) -> Result<(), Rejected> {
        // A card's button may be pressed in this way, too.
        let answered = told.as_ref().and_then(|said| self.answered(said));
        let too_late = told.as_ref().is_some_and(|said| is_too_late(said, answered.as_ref()));
        let goes = told.as_ref().is_some_and(|said| self.is_waited_for(said, answered.as_ref()));
        if told.is_some() && !goes && !too_late && self.held() >= HELD_WORDS_MAX {
            return Err(Rejected::TooManyHeld);
        }
        self.met(visitor);
        self.user_back();
        match told {
            Some(said) if too_late => self.conceal(said, None),
            Some(mut said) if self.live().is_some() => {
                let for_desk = rephrase(&mut said, answered, None);
                said.own_words = None;
                let number = self.log(Author::User, Content::Said(said));
                match self.live().map(|session| &session.stage) {
                    Some(Stage::Waiting(_)) if !goes => self.hold(number, &for_desk),
                    Some(_) => self.answer_desk(number, for_desk),
                    None => {}
                }
            }
            Some(_) | None => {}
        }
        Ok(())
    }

    /// What they said came with masks in it; they hear so once.
    pub(super) fn tell_of_masks(&mut self) {
        if !std::mem::replace(&mut self.conversation().masking_told, true) {
            self.tell(Notice::Masked);
        }
    }

    /// What the user sent was not taken because of its files: they hear why.
    pub(super) fn files_refused(
        &mut self,
        visitor: Visitor,
        name: Option<String>,
        why: FileRefusal,
    ) {
        self.met(visitor);
        self.user_back();
        self.tell(Notice::FileNotTaken { name, why });
    }

    /// A file of the user's goes no further: they hear why, once.
    pub(super) fn file_lost(&mut self, name: String, why: FileRefusal, key: Option<SenderKey>) {
        self.file_settled(key.as_ref());
        self.tell_once(Notice::FileNotTaken { name: Some(name), why }, key);
    }

    /// The desk hears of something that the user did: now, or when an agent is there. It answers
    /// nothing.
    fn tell_agent(&mut self, number: Number, for_desk: ForDesk) {
        match self.live().map(|session| &session.stage) {
            Some(Stage::Waiting(_)) => self.hold(number, &for_desk),
            Some(Stage::Connected(_) | Stage::Active(_)) => self.say_to_desk(number, for_desk),
            None => {}
        }
    }

    /// Nothing reaches the user any more: no agent is to talk to nobody.
    pub(super) fn user_gone(&mut self) {
        self.conversation().unreachable = true;
        match self.live().map(|session| &session.stage) {
            Some(Stage::Waiting(_)) => self.end(Status::Cancelled, EndReason::UserUnreachable),
            Some(Stage::Connected(_) | Stage::Active(_)) => {
                self.end(Status::Completed, EndReason::UserUnreachable);
            }
            None => {}
        }
    }

    /// A page whose start was answered from memory speaks before it was opened. A bot of the team's own
    /// hears first who is there; the built-in one needs no such order.
    pub(super) fn greet_first(&mut self) {
        // In a group its channel tells the bot itself that it was brought in.
        let visitor = self.step.conversation.visitor.as_ref();
        let in_group = visitor.is_some_and(|visitor| visitor.in_group);
        if self.facts.policy.behind == Behind::Bot && !in_group && !self.conversation().opened {
            self.conversation().opened = true;
            self.order(What::Greet);
        }
    }

    /// The user wants no person, or none any more.
    pub(super) fn user_ends(&mut self) {
        match self.live().map(|session| &session.stage) {
            Some(Stage::Waiting(_)) => self.end(Status::Cancelled, EndReason::UserCancelled),
            Some(Stage::Connected(_) | Stage::Active(_)) => {
                self.end(Status::Completed, EndReason::UserEnded);
            }
            // The chat ended while they reached for the button.
            None => {}
        }
    }

    /// From now on the user's place and their agent are kept for [`Policy::away_grace`] only.
    ///
    /// [`Policy::away_grace`]: crate::Policy::away_grace
    pub(super) fn user_away(&mut self) {
        let now = self.now;
        if let Some(session) = self.live() {
            session.user_away_since.get_or_insert(now);
        }
    }

    /// The user gave a sign of life.
    pub(super) fn user_back(&mut self) {
        if self.facts.carried {
            let conversation = self.conversation();
            conversation.unreachable = false;
            conversation.seen_at = conversation.effects;
        }
        if let Some(session) = self.live() {
            session.user_away_since = None;
        }
    }
}
