//! The agents and queues of a running instance, and the load that each agent has.
//!
//! Owns who has which chat and who could take one. Which chat is offered next is decided in
//! [`super::routing`].

use std::collections::{BTreeSet, VecDeque};

use serde::Serialize;
use serde_json::{Map, Value};

use crate::config::{AgentProfile, Assignment, QueueProfile};

/// How many waits the average of a queue is made of: enough to be calm, few enough to follow a day.
const WAITS_KEPT: usize = 20;

/// The keys under which mandatory and optional skills come (reference 3.5), as they are stored.
const MANDATORY: [&str; 2] = ["liveagent_mandatory_skills", "mandatory_skills"];
const OPTIONAL: [&str; 2] = ["liveagent_optional_skills", "optional_skills"];

/// Whether an agent takes work.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Presence {
    /// Is offered chats.
    Available,
    /// Is there, and has as many chats as the capacity allows.
    Busy,
    /// Is offered nothing, and keeps the chats at hand.
    Away,
}

/// One agent as the desk shows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct AgentView {
    /// Names the agent in orders.
    pub id: String,
    /// The display name.
    pub name: String,
    /// Whether the agent takes work.
    pub state: Presence,
    /// How many chats the agent has at once.
    pub capacity: u32,
    /// How many chats the agent has; offers are not counted.
    pub active: usize,
    /// The skills.
    pub skills: Vec<String>,
    /// The ids of the queues whose work the agent gets.
    pub queues: Vec<String>,
    /// The `sys_id` of the live profile, which callbacks call `agentId`.
    #[serde(skip)]
    pub sys_id: String,
    /// How many chats and offers the agent has together.
    #[serde(skip)]
    pub workload: usize,
}

/// One queue as the desk shows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct QueueView {
    /// Names the queue in orders.
    pub id: String,
    /// The display name.
    pub name: String,
    /// Whether it takes chats at this moment.
    pub open: bool,
    /// How many chats wait in it, offered ones included.
    pub waiting: usize,
    /// The estimate for somebody who asked now; absent where estimates are off.
    pub wait_time: Option<String>,
}

/// One agent, and what the agent has.
#[derive(Debug)]
pub(super) struct Member {
    pub(super) profile: AgentProfile,
    pub(super) sys_id: String,
    pub(super) active: BTreeSet<u64>,
    pub(super) offered: BTreeSet<u64>,
}

impl Member {
    fn new(profile: AgentProfile) -> Self {
        // A live profile keeps its `sys_id` when the instance restarts, so it comes from the id.
        let sys_id = format!("{:016x}{:016x}", digest(&profile.id, 0), digest(&profile.id, 1));
        Self { profile, sys_id, active: BTreeSet::new(), offered: BTreeSet::new() }
    }

    pub(super) fn workload(&self) -> usize {
        self.active.len() + self.offered.len()
    }

    fn capacity(&self) -> usize {
        usize::try_from(self.profile.capacity).unwrap_or(usize::MAX)
    }

    pub(super) fn has_room(&self) -> bool {
        self.profile.available && self.workload() < self.capacity()
    }

    fn presence(&self) -> Presence {
        match (self.profile.available, self.active.len() < self.capacity()) {
            (false, _) => Presence::Away,
            (true, true) => Presence::Available,
            (true, false) => Presence::Busy,
        }
    }

    fn serves(&self, queue: &QueueProfile) -> bool {
        let own = &self.profile.queues;
        own.is_empty() || own.contains(&queue.id)
    }

    fn has_skills<'a>(&self, mut skills: impl Iterator<Item = &'a str>) -> bool {
        skills.all(|skill| self.profile.skills.iter().any(|own| own == skill))
    }
}

/// One queue, and how long the last ones waited in it.
#[derive(Debug)]
pub(super) struct Waitings {
    pub(super) profile: QueueProfile,
    waits: VecDeque<u64>,
    /// Every chat that waits in it, offered or not: since when, and its number.
    pub(super) chats: BTreeSet<(u64, u64)>,
}

/// All agents and queues.
#[derive(Debug)]
pub(super) struct Team {
    pub(super) members: Vec<Member>,
    pub(super) queues: Vec<Waitings>,
}

impl Team {
    pub(super) fn new(agents: &[AgentProfile], queues: &[QueueProfile]) -> Self {
        let queue = |profile: &QueueProfile| Waitings {
            profile: profile.clone(),
            waits: VecDeque::new(),
            chats: BTreeSet::new(),
        };
        Self {
            members: agents.iter().cloned().map(Member::new).collect(),
            queues: queues.iter().map(queue).collect(),
        }
    }

    /// The agent of this id or, failing that, of this display name.
    pub(super) fn member(&self, who: &str) -> Option<usize> {
        let by = |fits: &dyn Fn(&AgentProfile) -> bool| {
            self.members.iter().position(|member| fits(&member.profile))
        };
        by(&|agent| agent.id == who).or_else(|| by(&|agent| agent.name == who))
    }

    pub(super) fn queue(&self, id: &str) -> Option<usize> {
        self.queues.iter().position(|queue| queue.profile.id == id)
    }

    /// The first queue that takes a chat with this context.
    pub(super) fn queue_for(&self, context: &Map<String, Value>) -> Option<usize> {
        self.queues.iter().position(|queue| {
            let mut conditions = queue.profile.conditions.iter();
            conditions.all(|(key, value)| context.get(key).is_some_and(|given| given == value))
        })
    }

    /// Whether anybody of the queue is there, whatever the skills and however busy: all that an
    /// instance looks at before it says that nobody is (reference 9.3).
    pub(super) fn is_attended(&self, queue: usize) -> bool {
        let profile = &self.queues[queue].profile;
        self.members.iter().any(|member| member.profile.available && member.serves(profile))
    }

    /// Whether the agent may be offered a chat of this queue with this context.
    pub(super) fn is_eligible(
        &self,
        member: usize,
        queue: usize,
        context: &Map<String, Value>,
    ) -> bool {
        let profile = &self.queues[queue].profile;
        let demanded = skills(context, MANDATORY).chain(profile.skills.iter().map(String::as_str));
        let member = &self.members[member];
        member.profile.available && member.serves(profile) && member.has_skills(demanded)
    }

    /// The best of several agents who may all take a chat.
    pub(super) fn best(
        &self,
        candidates: impl Iterator<Item = usize>,
        context: &Map<String, Value>,
        rule: Assignment,
    ) -> Option<usize> {
        candidates.min_by_key(|index| {
            let member = &self.members[*index];
            let wanted = skills(context, OPTIONAL);
            let misses = wanted.filter(|skill| !member.profile.skills.iter().any(|s| s == skill));
            // In thousandths of the capacity, for a comparison without fractions.
            let load = match rule {
                Assignment::InOrder => 0,
                Assignment::MostFree => member.workload() * 1_000 / member.capacity().max(1),
            };
            (misses.count(), load, *index)
        })
    }

    /// Takes a chat out of everybody's hands.
    pub(super) fn release(&mut self, number: u64) {
        for member in &mut self.members {
            member.active.remove(&number);
            member.offered.remove(&number);
        }
    }

    /// Remembers how long somebody waited.
    pub(super) fn waited(&mut self, queue: usize, ms: u64) {
        let waits = &mut self.queues[queue].waits;
        if waits.len() == WAITS_KEPT {
            waits.pop_front();
        }
        waits.push_back(ms);
    }

    /// The average wait of a queue; `otherwise` where nobody was waited for yet.
    pub(super) fn average(&self, queue: usize, otherwise: u64) -> u64 {
        let waits = &self.queues[queue].waits;
        let count = u64::try_from(waits.len()).unwrap_or(u64::MAX);
        waits.iter().sum::<u64>().checked_div(count).unwrap_or(otherwise)
    }

    pub(super) fn agents(&self) -> impl Iterator<Item = AgentView> {
        self.members.iter().map(|member| {
            let serves = |queue: &&Waitings| member.serves(&queue.profile);
            let AgentProfile { id, name, capacity, skills, .. } = member.profile.clone();
            AgentView {
                id,
                name,
                state: member.presence(),
                capacity,
                active: member.active.len(),
                skills,
                queues: self.queues.iter().filter(serves).map(|q| q.profile.id.clone()).collect(),
                sys_id: member.sys_id.clone(),
                workload: member.workload(),
            }
        })
    }
}

/// The skills that a context names: separated by commas, to the letter.
fn skills<'a>(context: &'a Map<String, Value>, keys: [&str; 2]) -> impl Iterator<Item = &'a str> {
    let lists = keys.map(|key| context.get(key).and_then(Value::as_str).unwrap_or_default());
    let all = lists.into_iter().flat_map(|list| list.split(','));
    all.map(str::trim).filter(|skill| !skill.is_empty())
}

/// FNV-1a: the same for the same id on every run and machine, which `Hasher` does not promise.
fn digest(id: &str, salt: u8) -> u64 {
    id.bytes().chain([salt]).fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    })
}
