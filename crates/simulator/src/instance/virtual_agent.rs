//! What the virtual agent does that is more than not understanding: topics, and the survey after a
//! live chat.
//!
//! Owns these rules. They end where the live chat begins.

use super::{
    Callback, Due, Fate, Instance,
    conversation::{EndedBy, Key, Phase, SurveyAnswer},
    inbound::Reception,
};
use crate::{
    callback::{ENDED, Moment},
    config::{Topic, TopicAction},
    request::{Action, Request},
};

/// How long the survey waits for an answer before it is given up: as long as an agent would.
const SURVEY_ANSWER_WITHIN_MS: u64 = 6 * 60_000;

/// What skips a question (reference 3.7).
const SKIP: &str = "_skip_";

impl Instance {
    /// The topic that a message chooses, by label or value.
    pub(super) fn topic_chosen(&self, text: &str) -> Option<Topic> {
        let chosen = |topic: &&Topic| topic.name == text || topic.id == text;
        self.setup.topics.iter().find(chosen).cloned()
    }

    pub(super) fn run_topic(
        &mut self,
        number: u64,
        topic: &Topic,
        request: &Request,
        now: u64,
    ) -> Vec<Callback> {
        if let Some(conversation) = self.conversations.get_mut(&number) {
            conversation.misunderstood = 0;
        }
        match &topic.does {
            TopicAction::LiveAgent => self.ask_for_agent(number, request, now),
            TopicAction::Says(text) => {
                self.user_line(number, request, now);
                self.bot_line(number, text, now);
                self.tell_as_bot(number, Moment::TopicSaid(text))
            }
        }
    }

    /// SWITCH: one of a topic's name and id says which. Both, neither or a stranger fails, and a
    /// failed switch closes the conversation (reference 3.4). There are no intents here.
    pub(super) fn switch(&mut self, number: u64, request: &Request, now: u64) -> Vec<Callback> {
        let named = |member: &str| request.topic.as_ref()?.get(member)?.as_str();
        let topic = match (named("name"), named("id")) {
            (Some(name), None) => self.setup.topics.iter().find(|topic| topic.name == name),
            (None, Some(id)) => self.setup.topics.iter().find(|topic| topic.id == id),
            _ => None,
        };
        match topic.cloned() {
            Some(topic) => self.run_topic(number, &topic, request, now),
            None => self.let_go_of(number, now),
        }
    }

    /// The virtual agent gives the conversation back, and it is over.
    pub(super) fn let_go_of(&mut self, number: u64, now: u64) -> Vec<Callback> {
        let told = self.tell(number, Moment::LetGo);
        self.close(number, None, "faulted", now);
        told
    }

    /// The live chat is over, and the virtual agent asks how it was.
    pub(super) fn begin_survey(&mut self, number: u64, now: u64) -> Vec<Callback> {
        if let Some(conversation) = self.conversations.get_mut(&number) {
            conversation.phase = Phase::Survey;
        }
        self.ask_next(number, now)
    }

    /// How many questions have been answered: the place of the one that stands.
    fn answered(&self, number: u64) -> usize {
        self.conversations.get(&number).map_or(0, |conversation| conversation.survey.len())
    }

    fn ask_next(&mut self, number: u64, now: u64) -> Vec<Callback> {
        let place = self.answered(number);
        if place == self.setup.survey.len() {
            return self.end_survey(number, now);
        }
        self.plan(now + SURVEY_ANSWER_WITHIN_MS, number, Due::SurveyOver(place));
        self.tell(number, Moment::SurveyAsked(place))
    }

    fn end_survey(&mut self, number: u64, now: u64) -> Vec<Callback> {
        self.system_line(number, ENDED, now);
        let told = self.tell(number, Moment::SurveyOver);
        self.close(number, Some(EndedBy::Agent), "agent ended", now);
        told
    }

    /// Nobody has answered this question.
    pub(super) fn give_survey_up(&mut self, number: u64, place: usize, now: u64) -> Vec<Callback> {
        let phase = self.conversations.get(&number).map(|conversation| conversation.phase);
        if phase != Some(Phase::Survey) || self.answered(number) != place {
            return Vec::new();
        }
        self.end_survey(number, now)
    }

    /// What the user says or does while the survey stands.
    pub(super) fn while_surveyed(
        &mut self,
        (key, number): (Key, u64),
        request: &Request,
        action: Action,
        now: u64,
    ) -> Reception {
        match action {
            Action::Message if !request.text().is_empty() => {
                self.note(number, request);
                let question = self.setup.survey.get(self.answered(number));
                let question = question.map(|question| question.label.clone());
                if let (Some(conversation), Some(question)) =
                    (self.conversations.get_mut(&number), question)
                {
                    let answer = Some(request.text().to_owned()).filter(|answer| answer != SKIP);
                    conversation.survey.push(SurveyAnswer { question, answer });
                }
                (Fate::Taken, self.ask_next(number, now))
            }
            Action::End => {
                self.note(number, request);
                (Fate::Taken, self.end_survey(number, now))
            }
            // Somebody who begins anew does not answer any more, and is told nothing of the old.
            Action::Agent | Action::Start | Action::Switch | Action::Create => {
                self.close(number, Some(EndedBy::Agent), "agent ended", now);
                self.afresh(key, request, action, now)
            }
            _ => (Fate::Ignored("the chat is over, and the survey waits for an answer"), vec![]),
        }
    }
}
