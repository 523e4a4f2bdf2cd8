//! News of the desk that stands behind a gap: taken in and kept, but not told yet, because what an
//! agent said before it was missed and is still being fetched.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::{
    conversation::Session,
    event::News,
    id::Timestamp,
    said::{Choice, Said},
};

/// The most news kept behind one gap: more than an agent writes while a fetch takes, also one that a
/// few kills begin again. With one more all of it goes ahead of what was missed.
pub const BEHIND_GAP_MAX: usize = 100;

/// And its most text, in bytes: the state is written with every event. With more all of it goes ahead.
pub const BEHIND_GAP_BYTES_MAX: usize = 64 * 1024;

/// How long news stands behind a gap, counted from the first, or from the gateway's start if that was
/// later: what was missed is worth a wait, but not a user who sees nothing of a talk that goes on.
/// Many times what a fetch takes, because many chats are caught up with after a start.
pub const BEHIND_GAP_WITHIN: Duration = Duration::from_secs(15);

/// What stands behind a gap; never empty.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BehindGap {
    /// When the first of it came, or the gateway started since.
    pub since: Timestamp,
    /// What came, in order. Its keys are remembered already.
    pub news: Vec<News>,
}

impl BehindGap {
    /// Whether there is more than may be kept.
    pub(crate) fn is_too_much(&self) -> bool {
        let bytes: usize = self.news.iter().map(bytes_of).sum();
        self.news.len() > BEHIND_GAP_MAX || bytes > BEHIND_GAP_BYTES_MAX
    }

    /// Adds news, unless it is what comes with nearly every callback and says nothing new.
    pub(crate) fn push(&mut self, news: News) {
        let spoke = |earlier: &News| match earlier {
            News::AgentHere(agent) | News::AgentSaid { agent, .. } => Some(agent.clone()),
            _ => None,
        };
        let is_known = match &news {
            News::Queued | News::Active => self.news.contains(&news),
            News::AgentHere(agent) => {
                self.news.iter().rev().find_map(spoke).is_some_and(|last| last == *agent)
            }
            _ => false,
        };
        if !is_known {
            self.news.push(news);
        }
    }

    /// News that the desk goes on changing says this from now on.
    pub(crate) fn change(&mut self, news: News) {
        let said_in = |news: &News| match news {
            News::AgentSaid { said, .. } | News::DeskSaid { said, .. } if said.changes => {
                said.desk_id.clone()
            }
            _ => None,
        };
        let Some(id) = said_in(&news) else { return };
        let earlier = self.news.iter_mut().find(|earlier| said_in(earlier).as_ref() == Some(&id));
        if let Some(earlier) = earlier {
            *earlier = news;
        }
    }

    /// How many words of agents are in it.
    pub(crate) fn words(&self) -> usize {
        self.news.iter().filter(|news| is_agents(news)).count()
    }
}

impl Session {
    /// What agents said that stands behind a gap, in order.
    pub fn said_behind_gap(&self) -> impl Iterator<Item = &Said> {
        let news = self.behind_gap.iter().flat_map(|behind| &behind.news);
        news.filter_map(|news| match news {
            News::AgentSaid { said, .. } => Some(said),
            _ => None,
        })
    }
}

/// Whether it is something that an agent said.
pub(crate) fn is_agents(news: &News) -> bool {
    matches!(news, News::AgentSaid { .. })
}

fn bytes_of(news: &News) -> usize {
    match news {
        News::AgentSaid { said, .. }
        | News::DeskSaid { said, .. }
        | News::Nobody { said: Some(said) } => {
            let option = |Choice { label, value }: &Choice| label.len() + value.len();
            let payload = said.payload.as_ref().map_or(0, |payload| payload.0.len());
            said.text.len() + said.options.iter().map(option).sum::<usize>() + payload
        }
        News::Estimate(estimate) => estimate.len(),
        News::Queued
        | News::AgentHere(_)
        | News::Active
        | News::Nobody { said: None }
        | News::Ended
        | News::LetGo
        | News::Failed
        | News::Cancelled
        | News::Started { .. } => 0,
    }
}
