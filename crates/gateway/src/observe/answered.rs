//! A request that an edge answered: a line in the log, a count, and a passage.

use std::time::Duration;

use axum::http::Method;

use crate::observe::{Observer, Outcome, Passage, PassageKind, RouteName, millis};

/// A request that was answered.
pub(crate) struct Answered<'a> {
    pub(crate) method: &'a Method,
    /// The route's pattern, never the path or the query: they hold ids and tickets, and whatever
    /// strangers make up.
    pub(crate) route: Option<&'a str>,
    pub(crate) status: u16,
    /// The machine code, if it was refused.
    pub(crate) code: Option<&'static str>,
    pub(crate) took: Duration,
}

impl Answered<'_> {
    fn log(&self, name: RouteName) {
        let Self { method, route, status, code, took } = *self;
        macro_rules! line {
            ($level:ident) => {
                tracing::$level!(
                    http.method = %method,
                    http.route = route.unwrap_or("(no route)"),
                    http.status = status,
                    error.code = code,
                    duration_ms = took.as_millis(),
                    "a request was answered"
                )
            };
        }
        // An open console asks again and again; orders have a line of their own.
        let looks = matches!(*method, Method::GET | Method::HEAD);
        if name == RouteName::Console && looks && status < 400 {
            line!(debug);
        } else {
            line!(info);
        }
    }
}

impl Observer {
    /// An edge answered a request.
    pub(crate) fn answered(&self, request: &Answered<'_>) {
        let Answered { method, route, status, code, took } = *request;
        let name = RouteName::of(method, route);
        request.log(name);
        self.metrics.doors.answered(name, status, took);
        if self.speaker.is_heard() {
            let outcome = match status {
                ..400 => Outcome::Ok,
                400..500 => Outcome::Refused,
                500.. => Outcome::Failed,
            };
            self.pass([Passage {
                status: Some(status),
                code,
                ms: Some(millis(took)),
                ..Passage::new(PassageKind::Request, name.as_str(), outcome)
            }]);
        }
    }
}
