//! Tables that a client may read: `sys_cs_message`, which missed messages are fetched from
//! (reference 6), here, and agents with their presence in [`presence`].
//!
//! Owns the little of the Table API that this takes. What a real instance would pass over in
//! silence, such as an unknown field in a query, is refused, so that a client learns of it.

pub(super) mod presence;

use std::{cell::OnceCell, cmp::Ordering, sync::Arc};

use axum::{
    extract::{RawQuery, State},
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Response},
};
use jiff::Timestamp;
use serde_json::{Map, Value, json};

use super::{Answer, access};
use crate::{
    instance::{Author, Message},
    shared::Shared,
};

pub(super) const PATH: &str = "/api/now/table/sys_cs_message";

/// How many rows one answer has when the caller names no limit; also the most there are.
const LIMIT: usize = 10_000;

/// A row of a table: everything is text.
trait Record {
    /// The columns, as far as they exist here. Those with a dot are of another table, and come
    /// only when they are asked for.
    const FIELDS: &'static [&'static str];

    /// One of [`Self::FIELDS`].
    fn value(&self, field: &str) -> &str;

    /// The table that a column refers to.
    fn table(field: &str) -> Option<&'static str>;
}

/// Why a query is refused.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
enum BadQuery {
    #[error("the table has no field {0}")]
    Field(String),
    #[error("{0} is no condition this instance understands")]
    Condition(String),
    #[error("{0} must be a number")]
    Number(&'static str),
}

/// What is asked for.
#[derive(Debug, Default, PartialEq, Eq)]
struct Query {
    /// The columns that the table has.
    known: &'static [&'static str],
    /// All must hold; of those joined by OR, one.
    conditions: Vec<Vec<Condition>>,
    /// The field to sort by, and whether backwards.
    order: Option<(&'static str, bool)>,
    fields: Vec<&'static str>,
    limit: Option<usize>,
    offset: usize,
    /// References come as plain ids.
    plain_references: bool,
}

#[derive(Debug, PartialEq, Eq)]
struct Condition {
    field: &'static str,
    /// How the row's value must compare to this one.
    holds: &'static [Ordering],
    value: String,
}

pub(super) async fn read(
    State(shared): State<Arc<Shared>>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Response {
    if let Some(refused) = refused_at_the_door(&shared, &headers) {
        return refused.into_response();
    }
    if !shared.lock().gates.may_read_messages {
        return may_not_read().into_response();
    }
    until_given(&shared).await;
    let world = shared.lock();
    let rows = world.instance.messages.rows().map(Row::of);
    answer(query.as_deref().unwrap_or_default(), &headers, rows).into_response()
}

/// Waits while the table is held.
async fn until_given(shared: &Shared) {
    let mut changes = shared.changed.subscribe();
    let given = async {
        while shared.lock().messages_held {
            if changes.changed().await.is_err() {
                return;
            }
        }
    };
    tokio::select! {
        () = shared.stop.cancelled() => {}
        () = given => {}
    }
}

/// What is answered before anything is looked at, if it is not the rows.
fn refused_at_the_door(shared: &Shared, headers: &HeaderMap) -> Option<Answer> {
    if shared.is_away() {
        return Some(Answer::down());
    }
    (!access::is_authenticated(shared, headers)).then(Answer::unauthenticated)
}

/// What a user without the role is told.
fn may_not_read() -> Answer {
    let (message, detail) = ("User Not Authorized", "Failed API level ACL Validation");
    Answer::refusal(StatusCode::FORBIDDEN, message, detail)
}

fn answer<R: Record>(query: &str, headers: &HeaderMap, rows: impl Iterator<Item = R>) -> Answer {
    let query = match Query::read(query, R::FIELDS) {
        Ok(query) => query,
        Err(error) => {
            return Answer::refusal(StatusCode::BAD_REQUEST, "Invalid query", &error.to_string());
        }
    };
    let host = headers.get(header::HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
    let (found, total) = query.select(rows);
    let rows: Vec<_> = found.iter().map(|row| query.show(row, host)).collect();
    let headers = vec![("x-total-count", total.to_string())];
    Answer { headers, ..Answer::json(StatusCode::OK, json!({"result": rows})) }
}

impl Query {
    fn read(text: &str, known: &'static [&'static str]) -> Result<Self, BadQuery> {
        let fields = known.iter().copied().filter(|field| !field.contains('.')).collect();
        let mut query = Self { known, fields, ..Self::default() };
        for (name, value) in form_urlencoded::parse(text.as_bytes()) {
            let number = |name| value.parse().map_err(|_| BadQuery::Number(name));
            match &*name {
                "sysparm_query" => query.read_conditions(&value)?,
                "sysparm_limit" => query.limit = Some(number("sysparm_limit")?),
                "sysparm_offset" => query.offset = number("sysparm_offset")?,
                "sysparm_fields" => {
                    let named = value.split(',').map(|name| field(known, name));
                    query.fields = named.collect::<Result<_, _>>()?;
                }
                "sysparm_exclude_reference_link" => query.plain_references = value == "true",
                // The Table API has more parameters, and passes over what it does not know.
                _ => {}
            }
        }
        Ok(query)
    }

    fn read_conditions(&mut self, text: &str) -> Result<(), BadQuery> {
        for part in text.split('^').filter(|part| !part.is_empty()) {
            if let Some(name) = part.strip_prefix("ORDERBYDESC") {
                self.order = Some((field(self.known, name)?, true));
            } else if let Some(name) = part.strip_prefix("ORDERBY") {
                self.order = Some((field(self.known, name)?, false));
            } else if let Some(other) = part.strip_prefix("OR") {
                // It binds to the condition before it.
                let before = self.conditions.last_mut();
                let before = before.ok_or_else(|| BadQuery::Condition(part.to_owned()))?;
                before.push(Condition::read(other, self.known)?);
            } else {
                self.conditions.push(vec![Condition::read(part, self.known)?]);
            }
        }
        Ok(())
    }

    /// The rows of this page, and how many there are without paging.
    fn select<R: Record>(&self, rows: impl Iterator<Item = R>) -> (Vec<R>, usize) {
        let fits = |row: &R| {
            self.conditions.iter().all(|any| any.iter().any(|condition| condition.is_met(row)))
        };
        let mut found: Vec<_> = rows.filter(fits).collect();
        if let Some((field, backwards)) = self.order {
            // Rows that compare equal stay in the order in which they were written.
            found.sort_by(|a, b| {
                let order = a.value(field).cmp(b.value(field));
                if backwards { order.reverse() } else { order }
            });
        }
        let total = found.len();
        let limit = self.limit.unwrap_or(LIMIT).min(LIMIT);
        (found.into_iter().skip(self.offset).take(limit).collect(), total)
    }

    fn show<R: Record>(&self, row: &R, host: &str) -> Value {
        let shown = self.fields.iter().map(|field| {
            let text = row.value(field);
            let value = match R::table(field).filter(|_| !self.plain_references) {
                Some(table) => {
                    let link = format!("http://{host}/api/now/table/{table}/{text}");
                    json!({"link": link, "value": text})
                }
                None => text.into(),
            };
            ((*field).to_owned(), value)
        });
        Value::Object(shown.collect::<Map<_, _>>())
    }
}

/// The field of this name.
fn field(known: &'static [&'static str], name: &str) -> Result<&'static str, BadQuery> {
    let found = known.iter().copied().find(|field| *field == name.trim());
    found.ok_or_else(|| BadQuery::Field(name.trim().to_owned()))
}

impl Condition {
    fn read(text: &str, known: &'static [&'static str]) -> Result<Self, BadQuery> {
        use Ordering::{Equal, Greater, Less};
        // Longer operators first: each begins with, or ends in, a shorter one.
        let operators: [(&str, &[Ordering]); 6] = [
            (">=", &[Greater, Equal]),
            ("<=", &[Less, Equal]),
            ("!=", &[Less, Greater]),
            (">", &[Greater]),
            ("<", &[Less]),
            ("=", &[Equal]),
        ];
        let start = text.find(['>', '<', '!', '=']);
        let unknown = || BadQuery::Condition(text.to_owned());
        let (name, rest) = text.split_at(start.ok_or_else(unknown)?);
        let found = operators.into_iter().find_map(|(operator, holds)| {
            rest.strip_prefix(operator).map(|value| (holds, value.to_owned()))
        });
        let (holds, value) = found.ok_or_else(unknown)?;
        Ok(Self { field: field(known, name)?, holds, value })
    }

    fn is_met(&self, row: &impl Record) -> bool {
        self.holds.contains(&row.value(self.field).cmp(&self.value))
    }
}

/// A message as the Table API shows it: times are UTC to the second.
struct Row<'a> {
    message: &'a Message,
    /// Written when it is asked for: most rows are of other conversations.
    send_time: OnceCell<String>,
}

impl<'a> Row<'a> {
    fn of(message: &'a Message) -> Self {
        Self { message, send_time: OnceCell::new() }
    }

    fn send_time(&self) -> &str {
        self.send_time.get_or_init(|| {
            let at = i64::try_from(self.message.sent_at).ok();
            let at = at.and_then(|at| Timestamp::from_millisecond(at).ok()).unwrap_or_default();
            at.strftime("%Y-%m-%d %H:%M:%S").to_string()
        })
    }
}

impl Record for Row<'_> {
    const FIELDS: &'static [&'static str] = &[
        "sys_id",
        "conversation",
        "direction",
        "is_agent",
        "payload",
        "send_time",
        "q_data_message_type",
    ];

    fn value(&self, field: &str) -> &str {
        match field {
            "sys_id" => &self.message.sys_id,
            "conversation" => &self.message.conversation,
            "direction" => "outbound",
            "is_agent" => match self.message.author {
                Author::Agent => "true",
                Author::System => "false",
            },
            "q_data_message_type" => match self.message.author {
                Author::Agent => "textMessage",
                Author::System => "systemTextMessage",
            },
            "payload" => &self.message.payload,
            _ => self.send_time(),
        }
    }

    fn table(field: &str) -> Option<&'static str> {
        (field == "conversation").then_some("sys_cs_conversation")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows() -> Vec<Message> {
        // 2026-01-01 00:00:00 and later, two of them within one second.
        [(0, "c-1"), (1_500, "c-2"), (2_000, "c-1"), (2_900, "c-1"), (9_000, "c-1")]
            .into_iter()
            .enumerate()
            .map(|(index, (offset, conversation))| Message {
                sys_id: format!("m-{index}"),
                author: if index == 3 { Author::System } else { Author::Agent },
                conversation: conversation.to_owned(),
                payload: "{}".to_owned(),
                sent_at: 1_767_225_600_000 + offset,
            })
            .collect()
    }

    fn found(query: &str) -> (String, usize) {
        let mut encoded = form_urlencoded::Serializer::new(String::new());
        for pair in query.split('&') {
            let (name, value) = pair.split_once('=').unwrap();
            encoded.append_pair(name, value);
        }
        let query = Query::read(&encoded.finish(), Row::FIELDS).unwrap();
        let rows = rows();
        let (found, total) = query.select(rows.iter().map(Row::of));
        let ids = found.iter().map(|row| row.message.sys_id.trim_start_matches("m-"));
        (ids.collect::<Vec<_>>().join(""), total)
    }

    #[test]
    fn queries_find_what_they_name() {
        for (query, ids, total) in [
            ("sysparm_query=", "01234", 5),
            ("sysparm_query=conversation=c-1", "0234", 4),
            ("sysparm_query=conversation!=c-1", "1", 1),
            ("sysparm_query=conversation=c-1^direction=outbound^is_agent=true", "024", 3),
            ("sysparm_query=is_agent=false", "3", 1),
            ("sysparm_query=q_data_message_type=systemTextMessage", "3", 1),
            (
                "sysparm_query=conversation=c-1^is_agent=true^ORq_data_message_type=systemTextMessage\
                 ^send_time>2026-01-01 00:00:00^ORDERBYsend_time",
                "234",
                3,
            ),
            ("sysparm_query=send_time>2026-01-01 00:00:01", "234", 3),
            ("sysparm_query=send_time>=2026-01-01 00:00:01", "1234", 4),
            ("sysparm_query=send_time<2026-01-01 00:00:01", "0", 1),
            ("sysparm_query=send_time<=2026-01-01 00:00:02", "0123", 4),
            ("sysparm_query=conversation=c-1^ORDERBYsend_time", "0234", 4),
            ("sysparm_query=conversation=c-1^ORDERBYDESCsend_time", "4230", 4),
            ("sysparm_query=ORDERBYsend_time&sysparm_limit=2", "01", 5),
            ("sysparm_query=ORDERBYsend_time&sysparm_limit=2&sysparm_offset=3", "34", 5),
            ("sysparm_query=ORDERBYsend_time&sysparm_offset=9", "", 5),
        ] {
            assert_eq!(found(query), (ids.to_owned(), total), "{query}");
        }
    }

    #[test]
    fn what_is_not_understood_is_refused() {
        for (query, error) in [
            ("sysparm_query=color%3Dred", BadQuery::Field("color".to_owned())),
            ("sysparm_query=send_time", BadQuery::Condition("send_time".to_owned())),
            ("sysparm_query=ORis_agent=true", BadQuery::Condition("ORis_agent=true".to_owned())),
            ("sysparm_query=send_time!7", BadQuery::Condition("send_time!7".to_owned())),
            ("sysparm_query=ORDERBYcolor", BadQuery::Field("color".to_owned())),
            ("sysparm_fields=sys_id,color", BadQuery::Field("color".to_owned())),
            ("sysparm_limit=many", BadQuery::Number("sysparm_limit")),
            ("sysparm_offset=-1", BadQuery::Number("sysparm_offset")),
        ] {
            assert_eq!(Query::read(query, Row::FIELDS), Err(error), "{query}");
        }
    }
}
