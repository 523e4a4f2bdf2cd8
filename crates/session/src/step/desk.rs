//! What the desk's news means.

use crate::{
    asked::Asked,
    conversation::{
        Answer, Changing, LATE_WORDS_FOR, OVERTAKEN_FOR, Phase, Session, Stage, Status, Waiting,
    },
    effect::Reached,
    event::{Callback, Claims, News, Rejected},
    id::{FOREIGN_ID_BYTES_MAX, SenderKey, SessionId},
    notice::{EndReason, Notice},
    said::{Agent, Author, Content, Said},
    step::Turn,
};

impl Turn<'_> {
    pub(super) fn desk(&mut self, callback: Callback) -> Result<(), Rejected> {
        if callback
            .request
            .is_some_and(|request| request.0 == 0 || request > self.step.conversation.effects)
        {
            return Err(Rejected::UnknownRequest);
        }
        if !self.owns(&callback.claims) {
            return Err(Rejected::ForeignVariables);
        }
        for news in callback.news {
            if self.stands_behind_gap(&callback.session, callback.behind_gap) {
                self.keep_behind_gap(news);
            } else {
                self.news_of(&callback.session, news);
            }
        }
        Ok(())
    }

    pub(super) fn news_of(&mut self, session: &SessionId, news: News) {
        let open = self.live().is_some_and(|live| live.id == *session);
        if open { self.live_news(news) } else { self.late_news(session, news) }
    }

    fn owns(&self, claims: &Claims) -> bool {
        let key = self.facts.key;
        let agrees = |claim: &Option<String>, own: &str| claim.as_ref().is_none_or(|c| c == own);
        agrees(&claims.tenant, key.tenant.as_str())
            && agrees(&claims.bot, key.bot.as_str())
            && agrees(&claims.conversation, &key.conversation)
    }

    fn live_news(&mut self, news: News) {
        if self.is_change(&news) {
            return self.heard(news);
        }
        // A repeated word proves nothing about this session: it may be one of the last.
        if self.repeat_of(news.key()).is_none() {
            self.marks_ids(&news);
            self.heard(news);
        }
    }

    /// News that is no repeat.
    pub(super) fn heard(&mut self, news: News) {
        let now = self.now;
        match self.live().map(|session| &mut session.stage) {
            Some(Stage::Waiting(_)) => self.waiting_news(news),
            Some(Stage::Connected(talk) | Stage::Active(talk)) => {
                talk.heard_at = now;
                self.talking_news(news);
            }
            None => {}
        }
    }

    fn waiting_news(&mut self, news: News) {
        match news {
            News::Queued => self.queued(None),
            News::Estimate(estimate) => self.queued(Some(estimate)),
            News::AgentHere(agent) => self.connect(agent),
            News::Active => self.connect(Agent::default()),
            News::AgentSaid { agent, said, key } => {
                // Its words are proof enough: the news of the arrival may come later.
                self.connect(agent.clone());
                self.agent_said(agent, said, key);
            }
            News::DeskSaid { said, key, with_agents } => {
                let is_routed = with_agents || self.is_queued();
                if said.changes && !is_routed {
                    // It works on something. Where the request went, its words will tell.
                } else if is_routed {
                    // The flag alone says that it was routed (reference 3.4): no silence any more.
                    self.queued(None);
                    self.desk_said(said, key, with_agents);
                } else {
                    self.end(Status::Fail, EndReason::NotRouted);
                }
            }
            News::Nobody { said } => {
                if let Some(said) = said {
                    self.say(Author::Desk, said, None);
                }
                self.end(Status::Fail, EndReason::NoAgent);
            }
            News::Failed => self.end(Status::Fail, EndReason::NoAgent),
            News::Ended | News::LetGo => self.end(Status::Fail, EndReason::Refused),
            News::Cancelled => self.end(Status::Cancelled, EndReason::DeskCancelled),
            News::Started { conversation } => self.recorded(conversation),
        }
    }

    fn is_queued(&self) -> bool {
        self.step.conversation.live().is_some_and(|session| {
            matches!(&session.stage, Stage::Waiting(Waiting { phase: Phase::Queued, .. }))
        })
    }

    fn queued(&mut self, estimate: Option<String>) {
        let Some(Session { stage: Stage::Waiting(waiting), .. }) = self.live() else { return };
        waiting.phase = Phase::Queued;
        let Some(estimate) = estimate else { return };
        // The desk repeats it every minute; the user hears of changes only.
        if waiting.estimate.as_ref() != Some(&estimate) {
            waiting.estimate = Some(estimate.clone());
            self.tell(Notice::Waiting { estimate });
        }
    }

    fn talking_news(&mut self, news: News) {
        match news {
            // The live-agent flag comes with nearly every callback: nothing new.
            News::Queued | News::Nobody { said: None } => {}
            News::Active => self.spoken(),
            News::Estimate(estimate) => self.transferring(estimate),
            News::AgentHere(agent) => {
                self.meet(&agent);
            }
            News::AgentSaid { agent, said, key } => self.agent_said(agent, said, key),
            News::DeskSaid { said, key, with_agents } => self.desk_said(said, key, with_agents),
            News::Nobody { said: Some(said) } => self.desk_said(said, None, true),
            News::Ended | News::Cancelled => self.end(Status::Completed, EndReason::AgentEnded),
            // Not in the specification's diagram, but it happens: a fault on the instance.
            News::Failed | News::LetGo => self.end(Status::Fail, EndReason::Lost),
            News::Started { conversation } => self.recorded(conversation),
        }
    }

    /// A record is neither a queue nor an agent: nothing else follows from it.
    fn recorded(&mut self, conversation: String) {
        if let Some(session) = self.live() {
            session.desk_conversation = Some(conversation);
        }
    }

    /// Somebody waits again, unless an estimate of the wait before was overtaken by the agent's arrival.
    fn transferring(&mut self, estimate: String) {
        let now = self.now;
        let Some(Session { stage: Stage::Connected(talk) | Stage::Active(talk), .. }) = self.live()
        else {
            return;
        };
        let late = now.since(talk.since) <= OVERTAKEN_FOR;
        if talk.transferring {
            // The desk repeats it every minute; the user hears of changes only.
            // An earlier version did not keep what it told.
            let told = talk.estimate.replace(estimate.clone());
            if told.is_some_and(|told| told != estimate) {
                self.tell(Notice::Waiting { estimate });
            }
        } else if !late {
            talk.transferring = true;
            talk.estimate = Some(estimate.clone());
            self.tell(Notice::Transferring { estimate });
        }
    }

    /// An agent shows up while one is there already: the same, named at last, or another. Says whether
    /// it is who is there now, and not the one before.
    fn meet(&mut self, agent: &Agent) -> bool {
        let now = self.now;
        let Some(Session { stage: Stage::Connected(talk) | Stage::Active(talk), .. }) = self.live()
        else {
            return false;
        };
        // Overtaken by the arrival of the one who is there.
        if now.since(talk.since) <= OVERTAKEN_FOR
            && talk.before.as_ref().is_some_and(|before| before.is_same_as(agent))
        {
            return false;
        }
        // Last words of the one who hands over are no arrival.
        if talk.agent.differs_from(agent) || talk.transferring && !talk.agent.is_same_as(agent) {
            talk.transferring = false;
            talk.estimate = None;
            talk.since = now;
            talk.answer = Answer::Owed { since: now };
            talk.before = Some(std::mem::replace(&mut talk.agent, agent.clone()));
            let (agent, avatar) = (agent.name.clone(), agent.avatar.clone());
            self.tell(Notice::Transferred { agent, avatar });
        } else {
            talk.agent.learn(agent);
        }
        true
    }

    fn agent_said(&mut self, agent: Agent, said: Said, key: Option<SenderKey>) {
        if self.meet(&agent)
            && let Some(Session { stage: Stage::Connected(talk) | Stage::Active(talk), .. }) =
                self.live()
        {
            talk.answer = Answer::Given;
        }
        self.spoken();
        self.agent_spoke();
        self.show(Author::Agent(agent), said, key);
    }

    /// The first time counts. What began before the agent's arrival was written down is not
    /// measured: they may have spoken before.
    fn agent_spoke(&mut self) {
        let now = self.now;
        let Some(session) = self.live() else { return };
        if !std::mem::replace(&mut session.agent_spoke, true) && session.met_at.is_some() {
            let after = now.since(session.asked_at);
            self.reached(Reached::AgentSpoke { after });
        }
    }

    /// What is unsigned may be a person's, whose words are never Markdown, unless none is there, this
    /// desk signs what its people say, or it is of a kind that only the virtual agent sends.
    fn desk_said(&mut self, mut said: Said, key: Option<SenderKey>, with_agents: bool) {
        said.markdown &= !with_agents || said.streamed || !self.may_be_a_persons();
        self.show(Author::Desk, said, key);
    }

    /// Whether somebody is there of whom nothing is known by which their words are told from others.
    fn may_be_a_persons(&self) -> bool {
        self.step.conversation.live().is_some_and(|session| match &session.stage {
            Stage::Waiting(_) => false,
            Stage::Connected(talk) | Stage::Active(talk) => {
                talk.agent.name.is_none() && talk.agent.id.is_none()
            }
        })
    }

    /// Shows what the desk says; a question is remembered, so that the answer is recognised, and so is
    /// what the desk goes on changing.
    fn show(&mut self, author: Author, said: Said, key: Option<SenderKey>) {
        let now = self.now;
        // It becomes part of the state.
        let id = said.desk_id.clone();
        let id = id.filter(|id| said.changes && id.len() <= FOREIGN_ID_BYTES_MAX);
        if let Some(Changing { of, at, .. }) = self.changing(&said).cloned() {
            self.log(author, Content::Revised { of, at, said });
            return;
        }
        let asked = Asked::of(&said, self.step.conversation.numbered.next());
        let of = self.say(author, said, key);
        if let Some(session) = self.live() {
            if asked.is_some() {
                session.set_asked(asked);
            }
            if let Some(id) = id {
                session.keep_changing(Changing { id, of, at: now });
            }
        }
    }

    /// What this was shown as before, if it changes that.
    fn changing(&self, said: &Said) -> Option<&Changing> {
        let id = said.desk_id.as_ref().filter(|_| said.changes)?;
        self.step.conversation.live()?.changing.iter().find(|changing| changing.id == *id)
    }

    /// Whether it changes what was shown: under the same key, and yet no repeat.
    pub(super) fn is_change(&self, news: &News) -> bool {
        match news {
            News::AgentSaid { said, .. } | News::DeskSaid { said, .. } => {
                self.changing(said).is_some()
            }
            _ => false,
        }
    }

    /// News of a session that is over. Callbacks are unordered and the end is told up to three
    /// times, so all of this is normal.
    pub(super) fn late_news(&mut self, session: &SessionId, news: News) {
        let now = self.now;
        let Some(past) = self.step.conversation.past.as_ref().filter(|past| past.id == *session)
        else {
            return;
        };
        let shown = match past.status {
            Status::Completed | Status::Fail => now.since(past.at) <= LATE_WORDS_FOR,
            // Withdrawn: whatever an agent says now is said to a ghost.
            Status::Cancelled | Status::Waiting | Status::Connected | Status::Active => false,
        };
        match news {
            News::AgentSaid { agent, said, key } if shown => {
                if self.repeat_of(key.as_ref()).is_none() {
                    self.say(Author::Agent(agent), said, key);
                }
            }
            News::Ended => self.free_past(),
            News::AgentSaid { .. }
            | News::DeskSaid { .. }
            | News::Queued
            | News::Estimate(_)
            | News::AgentHere(_)
            | News::Active
            | News::Nobody { .. }
            | News::LetGo
            | News::Failed
            | News::Cancelled
            | News::Started { .. } => {}
        }
    }
}
