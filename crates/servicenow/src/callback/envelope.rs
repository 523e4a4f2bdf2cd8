//! The envelope of a callback (reference 5.1), borrowed from its text, and how its flags and the
//! specification's `status` become signals.

use super::{
    BODY_ITEMS_MAX, Callback, ClientVariablesIn, Deserialize, Loose, RawValue, ReadError, Shape,
    Signal, body, short,
};
use crate::request::wire::VariablesIn;
use crate::signal::Agent;

/// Only what is needed. The echo under `message` is not listed on purpose.
#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Envelope<'a> {
    #[serde(borrow)]
    request_id: Loose<'a>,
    #[serde(borrow)]
    client_session_id: Loose<'a>,
    #[serde(borrow)]
    user_id: Loose<'a>,
    #[serde(borrow)]
    client_variables: Shape<VariablesIn<'a>>,
    #[serde(borrow)]
    agent_chat: Loose<'a>,
    #[serde(borrow)]
    completed: Loose<'a>,
    #[serde(borrow)]
    take_control: Loose<'a>,
    #[serde(borrow)]
    interaction_id: Loose<'a>,
    #[serde(borrow)]
    status: Loose<'a>,
    /// Snake case alone among its neighbours: so says the specification.
    #[serde(borrow, rename = "error_message")]
    error_message: Loose<'a>,
    #[serde(borrow)]
    body: Option<&'a RawValue>,
}

/// The specification's status values.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Status {
    /// None, or one that is not in the specification.
    None,
    Waiting,
    Connected,
    Active,
    Completed,
    Fail,
    Cancelled,
}

impl<'a> Envelope<'a> {
    pub(super) fn parse(text: &'a str) -> serde_json::Result<Self> {
        serde_json::from_str(text)
    }

    pub(super) fn read(&self) -> Result<Callback, ReadError> {
        if self.says_nothing() {
            return Err(ReadError::NoEvent);
        }
        Ok(Callback {
            request_id: id(&self.request_id, "requestId")?,
            client_session_id: id(&self.client_session_id, "clientSessionId")?,
            user_id: id(&self.user_id, "userId")?,
            client_variables: self.variables()?,
            agent_chat: self.agent_chat.flag(),
            // Not needed to find anybody, so nothing depends on its type.
            interaction_id: self.interaction_id.text().map(str::to_owned),
            signals: self.signals()?,
        })
    }

    /// A flag that is `false` still is one: some instance took the trouble to send it, and refusing
    /// a callback can end a chat.
    fn says_nothing(&self) -> bool {
        let fields = [
            &self.agent_chat,
            &self.completed,
            &self.take_control,
            &self.status,
            &self.error_message,
        ];
        self.body.is_none() && !fields.into_iter().any(Loose::is_present)
    }

    fn variables(&self) -> Result<Option<ClientVariablesIn>, ReadError> {
        match &self.client_variables {
            Shape::Absent => Ok(None),
            Shape::Other => Err(ReadError::BadField { field: "clientVariables" }),
            Shape::Object(variables) => Ok(Some(ClientVariablesIn {
                tenant_id: id(&variables.tenant_id, "clientVariables.tenantId")?,
                bot_id: id(&variables.bot_id, "clientVariables.botId")?,
                conversation_id: id(&variables.conversation_id, "clientVariables.conversationId")?,
                traceparent: variables.traceparent.text().map(str::to_owned),
            })),
        }
    }

    fn signals(&self) -> Result<Vec<Signal>, ReadError> {
        let agent_chat = self.agent_chat.flag();
        let mut said = body::Said::default();
        let status = self.status(&mut said);
        for raw in self.items(&mut said)? {
            said.item(raw);
        }

        let by_status = matches!(status, Status::Connected | Status::Active);
        let agents_hand = agent_chat || by_status || said.agent_control;
        let taken = self.take_control.flag() && agents_hand;
        if status == Status::Active {
            // Says all there is to say, and with every callback: no arrival is made of it.
            said.once(Signal::Active);
        } else if status == Status::Connected || taken {
            said.agent(Agent::default());
        }
        self.endings(status, self.take_control.flag() && !agents_hand, &mut said);
        let quiet = status != Status::Active && !said.has_agent() && !said.ends();
        if status == Status::Waiting || (agent_chat && quiet) {
            said.once(Signal::Queued);
        }
        Ok(said.into_signals())
    }

    fn status(&self, said: &mut body::Said) -> Status {
        let Some(name) = self.status.text() else { return Status::None };
        match name.trim().to_ascii_lowercase().as_str() {
            "waiting" => Status::Waiting,
            "connected" => Status::Connected,
            "active" => Status::Active,
            "completed" => Status::Completed,
            "fail" | "failed" => Status::Fail,
            "cancelled" | "canceled" => Status::Cancelled,
            _ => {
                said.unknown(format!("status {}", short(name)));
                Status::None
            }
        }
    }

    /// The items, whether they came as a list or as a single object (reference 5.1).
    fn items(&self, said: &mut body::Said) -> Result<Vec<&'a RawValue>, ReadError> {
        let Some(raw) = self.body else { return Ok(Vec::new()) };
        match raw.get().as_bytes().first() {
            Some(b'[') => {
                let items: Vec<&RawValue> =
                    serde_json::from_str(raw.get()).map_err(|_| ReadError::NotJson)?;
                if items.len() > BODY_ITEMS_MAX {
                    return Err(ReadError::TooManyItems);
                }
                Ok(items)
            }
            Some(b'{') => Ok(vec![raw]),
            _ => {
                said.unknown("body".to_owned());
                Ok(Vec::new())
            }
        }
    }

    fn endings(&self, status: Status, let_go: bool, said: &mut body::Said) {
        let message = self.error_message.text().map(str::to_owned);
        // An error message speaks for itself, unless a status says that there is no error.
        if status == Status::Fail || (status == Status::None && message.is_some()) {
            said.once(Signal::Failed { message });
        }
        if status == Status::Cancelled {
            said.once(Signal::Cancelled);
        }
        if status == Status::Completed || self.completed.flag() {
            said.once(Signal::Completed { text: None });
        }
        if let_go {
            said.once(Signal::LetGo);
        }
    }
}

fn id(value: &Loose<'_>, field: &'static str) -> Result<Option<String>, ReadError> {
    match value {
        Loose::Absent | Loose::Text(_) => Ok(value.text().map(str::to_owned)),
        Loose::Flag(_) | Loose::Number(_) | Loose::Nested => Err(ReadError::BadField { field }),
    }
}
