//! What is shown and asked inside a live chat: by the agent, or by a topic that an agent lets run
//! there (autopilot, reference 9.4).
//!
//! Owns the order in which things are shown, the question that stands, and what an answer leads to.
//! The forms of answers are [`crate::control::answer`]'s.

use std::collections::VecDeque;

use serde::Serialize;
use serde_json::Value;

use super::{Callback, DeskError, Instance, conversation::Speaker};
use crate::{
    callback::{Moment, NOT_UNDERSTOOD, Shown},
    control::{
        Control,
        answer::Question,
        item::{Step, steps},
    },
    request::Request,
};

/// How many steps may wait behind a question: far above any topic, and a few megabytes.
const STEPS_MAX: usize = 500;

/// How many answers are kept; the oldest go first.
const ANSWERS_MAX: usize = 500;

/// How often in a row an answer may be unfit before the topic is given up, as
/// `va.bot.to.bot.take.control_times` has it.
const UNFIT_MAX: u32 = 2;

/// What the agent sees of an answer that is nobody's business.
const MASK: &str = "********";

/// A question that stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct AskedView {
    /// Which control asks; absent for an item that a test made up.
    pub control: Option<Control>,
    /// The `uiType` of the item.
    pub kind: String,
    /// The `messageId` of the item, where the app's version has such.
    pub message_id: Option<String>,
}

/// What came as an answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct AnswerView {
    /// To which question.
    pub asked: AskedView,
    /// The text of the message, also where the agent sees a mask.
    pub text: String,
    /// Its `typed`; absent where the message did not say.
    pub typed: Option<bool>,
    /// How many files came with it.
    pub files: usize,
    /// Why an instance does not take it; absent where it does.
    pub refused: Option<&'static str>,
}

/// What is shown inside a chat and what waits to be.
#[derive(Debug, Default)]
pub(super) struct RunningTopic {
    steps: VecDeque<Step>,
    standing: Option<Standing>,
    answers: VecDeque<AnswerView>,
    unfit: u32,
}

/// The step that waits for an answer.
#[derive(Debug)]
struct Standing {
    step: Step,
    question: Question,
    view: AskedView,
    secret: bool,
}

impl RunningTopic {
    pub(super) fn asked(&self) -> Option<AskedView> {
        self.standing.as_ref().map(|standing| standing.view.clone())
    }

    /// How many steps wait behind the question.
    pub(super) fn behind(&self) -> usize {
        self.steps.len()
    }

    pub(super) fn answers(&self) -> Vec<AnswerView> {
        self.answers.iter().cloned().collect()
    }

    /// The words of a user as the agent sees them.
    pub(super) fn as_shown<'a>(&self, words: &'a str) -> &'a str {
        match &self.standing {
            Some(standing) if standing.secret => MASK,
            _ => words,
        }
    }
}

/// What is ordered to be shown.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Order {
    /// These, one after the other; who speaks, if it is not who usually does.
    Controls(Vec<Control>, Option<bool>),
    /// An item as it is, by the agent or by a topic.
    Item(Value, bool),
}

impl Instance {
    /// Shows something in a live chat, behind what waits to be shown.
    pub(crate) fn show(
        &mut self,
        number: u64,
        order: Order,
        host: &str,
        now: u64,
    ) -> Result<Vec<Callback>, DeskError> {
        self.attended(number)?;
        let more = match order {
            Order::Controls(controls, is_agents) => {
                let mut more = Vec::new();
                for control in controls {
                    let id = self.sys_id();
                    more.extend(steps(control, host, &id));
                }
                if let Some(is_agents) = is_agents {
                    for step in &mut more {
                        step.is_agents = is_agents;
                    }
                }
                more
            }
            Order::Item(item, is_agents) => {
                vec![Step { control: None, items: vec![item], streamed: false, is_agents }]
            }
        };
        let chat = self.attended(number)?;
        if chat.topic.steps.len() + more.len() > STEPS_MAX {
            return Err(DeskError::TooMuch);
        }
        chat.topic.steps.extend(more);
        let mut told = self.typing(number, false)?;
        told.extend(self.go_on(number, now));
        Ok(told)
    }

    /// Shows what is next, up to the next question.
    fn go_on(&mut self, number: u64, now: u64) -> Vec<Callback> {
        let mut told = Vec::new();
        while let Some(chat) = self.chat_mut(number)
            && chat.topic.standing.is_none()
            && let Some(step) = chat.topic.steps.pop_front()
        {
            told.extend(self.show_step(number, step, now));
        }
        told
    }

    fn show_step(&mut self, number: u64, step: Step, now: u64) -> Vec<Callback> {
        let (is_agents, streamed) = (step.is_agents, step.streamed);
        let shown = Shown { items: &step.items, is_agents, streamed };
        let told = self.tell(number, Moment::Showed(shown));
        let last = told.last().and_then(|told| told.body["body"].get(0));
        let id = last.and_then(|item| item["messageId"].as_str()).map(str::to_owned);
        self.shown_line(number, &step, id.clone(), now);
        if is_agents {
            self.keep_messages(&told, now);
        }
        let asking = step.items.last().and_then(Value::as_object);
        if let Some((item, question)) = asking.and_then(|item| Some((item, Question::of(item)?))) {
            let text = |name: &str| item.get(name).and_then(Value::as_str).unwrap_or_default();
            let view = AskedView {
                control: step.control,
                kind: text("uiType").to_owned(),
                message_id: id,
            };
            let secret = !matches!(text("maskType"), "" | "NONE");
            if let Some(chat) = self.chat_mut(number) {
                chat.topic.standing = Some(Standing { step, question, view, secret });
            }
        }
        told
    }

    /// The desk's own line about what was shown, by which `UPDATE_MESSAGES` finds it.
    fn shown_line(&mut self, number: u64, step: &Step, id: Option<String>, now: u64) {
        let Some(conversation) = self.conversations.get_mut(&number) else { return };
        let agent = conversation.chat().and_then(|chat| chat.agent.as_ref());
        let (from, name) = match agent.filter(|_| step.is_agents) {
            Some(agent) => (Speaker::Agent, agent.name.clone()),
            None => (Speaker::Bot, "Virtual Agent".to_owned()),
        };
        conversation.talking = true;
        conversation.line(from, &name, &gist(step), now);
        if let Some(line) = conversation.lines.back_mut() {
            line.id = id;
        }
    }

    /// What the user says while a question stands, or nothing does.
    pub(super) fn take_answer(
        &mut self,
        number: u64,
        request: &Request,
        now: u64,
    ) -> Vec<Callback> {
        let Some(chat) = self.chat_mut(number) else { return Vec::new() };
        let topic = &mut chat.topic;
        let Some(standing) = topic.standing.take() else { return Vec::new() };
        let verdict = standing.question.judge(request);
        if topic.answers.len() == ANSWERS_MAX {
            topic.answers.pop_front();
        }
        topic.answers.push_back(AnswerView {
            asked: standing.view,
            text: request.text().to_owned(),
            typed: request.typed(),
            files: request.attachments().len(),
            refused: verdict.err(),
        });
        if verdict.is_ok() {
            topic.unfit = 0;
            return self.go_on(number, now);
        }
        topic.unfit += 1;
        if topic.unfit < UNFIT_MAX {
            topic.steps.push_front(standing.step);
        } else {
            topic.unfit = 0;
            topic.steps.clear();
        }
        let sorry = serde_json::json!({
            "uiType": "OutputText", "group": "DefaultText",
            "value": NOT_UNDERSTOOD, "maskType": "NONE",
        });
        let sorry = Step { control: None, items: vec![sorry], streamed: false, is_agents: false };
        let mut told = self.show_step(number, sorry, now);
        told.extend(self.go_on(number, now));
        told
    }
}

/// What the desk says of what was shown.
fn gist(step: &Step) -> String {
    let words = step.items.iter().find_map(|item| {
        let text = |name: &str| item[name].as_str().filter(|text| !text.trim().is_empty());
        text("value").or(text("label")).or(text("header")).or(text("message"))
    });
    let kind = step.items.first().map_or("", |item| item["uiType"].as_str().unwrap_or_default());
    match (kind, words) {
        ("OutputText", Some(words)) => words.to_owned(),
        (_, Some(words)) => format!("({kind}) {words}"),
        (_, None) => format!("({kind})"),
    }
}
