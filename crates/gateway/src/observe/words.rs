//! The words of what is seen, each a closed list: label values, names in the feed. None comes from
//! outside, so there are never more of them than stand here.

use axum::http::Method;
use session::{Event, News, What};

/// An enum whose variants have a word each.
macro_rules! words {
    ($(
        $(#[$doc:meta])*
        $vis:vis enum $name:ident { $($(#[$of:meta])* $variant:ident = $word:literal,)+ }
    )+) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        $vis enum $name { $($(#[$of])* $variant,)+ }

        impl $name {
            /// All of them, in the order of their numbers.
            $vis const ALL: &'static [Self] = &[$(Self::$variant,)+];

            /// The word.
            $vis fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $word,)+ }
            }
        }

        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
                to.serialize_str(self.as_str())
            }
        }
    )+};
}

words! {
    /// What kind of thing passed.
    pub enum PassageKind {
        /// An HTTP request was answered.
        Request = "request",
        /// An event was stepped and committed, or refused.
        Event = "event",
        /// An effect was attempted.
        Effect = "effect",
        /// The breaker of a desk or a bot changed.
        Breaker = "breaker",
        /// A session came to another status, or its agent spoke for the first time.
        Session = "session",
    }

    /// What of a callback has no name here.
    pub(crate) enum Unnamed {
        /// A control, or an item of no kind at all.
        UiType = "ui_type",
        /// An action message.
        Action = "action",
        /// A status of the specification's dialect.
        Status = "status",
    }

    /// What came of it.
    pub enum Outcome {
        /// As it should be.
        Ok = "ok",
        /// It had been taken in before and changed nothing.
        Repeat = "repeat",
        /// The caller, or the destination, was told no.
        Refused = "refused",
        /// An effect was carried out.
        Done = "done",
        /// An attempt failed and is made again.
        Retry = "retry",
        /// It was given up, or is our own fault.
        Failed = "failed",
        /// Not to be sent any more, before its first attempt.
        Struck = "struck",
        /// Not attempted: its desk or bot is away.
        Held = "held",
        /// Handed over, and no answer came; not made again, because it may have arrived.
        Unanswered = "unanswered",
    }

    /// What an event was; a callback goes by the weightiest thing it told.
    pub(crate) enum EventName {
        Opened = "opened",
        UserSaid = "user_said",
        UserDid = "user_did",
        UserEnds = "user_ends",
        UserGone = "user_gone",
        UserSeen = "user_seen",
        FilesRefused = "files_refused",
        BotBegan = "bot_began",
        BotSaid = "bot_said",
        BotDid = "bot_did",
        BotRevised = "bot_revised",
        BotWithdrew = "bot_withdrew",
        BotBrought = "bot_brought",
        BotEnds = "bot_ends",
        BotAsked = "bot_asked",
        Callback = "callback",
        Started = "started",
        Queued = "queued",
        Estimate = "estimate",
        DeskSaid = "desk_said",
        Active = "active",
        AgentHere = "agent_here",
        AgentSaid = "agent_said",
        Nobody = "nobody",
        LetGo = "let_go",
        DeskCancelled = "desk_cancelled",
        DeskFailed = "desk_failed",
        DeskEnded = "desk_ended",
        Sent = "sent",
        NotSent = "not_sent",
        FileUnderWay = "file_under_way",
        /// A file is where its user wanted it.
        FileThere = "file_there",
        FileLost = "file_lost",
        /// A file of the desk's does not come.
        FileNotPassedOn = "file_not_passed_on",
        /// A file opens at an address, as it could not be put where the user wanted it.
        FileLinked = "file_linked",
        Delayed = "delayed",
        Deadline = "deadline",
        CaughtUp = "caught_up",
        UserAway = "user_away",
        UserBack = "user_back",
        OperatorEnds = "operator_ends",
    }

    /// What an effect is to do.
    pub(crate) enum EffectName {
        Ask = "ask",
        Say = "say",
        End = "end",
        Greet = "greet",
        ToBot = "to_bot",
        TellBot = "tell_bot",
        Show = "show",
    }

    /// Which door a request came to.
    pub(crate) enum RouteName {
        Webhook = "webhook",
        Token = "direct_line.token",
        Start = "direct_line.start",
        Reconnect = "direct_line.reconnect",
        Post = "direct_line.post",
        Read = "direct_line.read",
        Stream = "direct_line.stream",
        Messages = "messages",
        Connector = "connector",
        Console = "console",
        Health = "health",
        Metrics = "metrics",
        Other = "other",
        Nowhere = "no_route",
    }

    /// What came of looking for what a chat missed.
    pub(crate) enum CatchUp {
        Fetched = "fetched",
        Nothing = "nothing_to_ask",
        Refused = "refused",
        Failed = "failed",
    }

    /// How a breaker stands.
    pub(crate) enum BreakerState {
        Closed = "closed",
        Open = "open",
        Recovering = "recovering",
    }
}

impl EventName {
    /// The event's.
    pub(crate) fn of(event: &Event) -> Self {
        match event {
            Event::Opened { .. } => Self::Opened,
            Event::UserSaid { .. } => Self::UserSaid,
            Event::UserDid { .. } => Self::UserDid,
            Event::UserEnds => Self::UserEnds,
            Event::UserGone => Self::UserGone,
            Event::UserSeen { .. } => Self::UserSeen,
            Event::FilesRefused { .. } => Self::FilesRefused,
            Event::BotBegan { .. } => Self::BotBegan,
            Event::BotSaid { .. } => Self::BotSaid,
            Event::BotDid { .. } => Self::BotDid,
            Event::BotRevised { .. } => Self::BotRevised,
            Event::BotWithdrew { .. } => Self::BotWithdrew,
            Event::BotBrought { .. } => Self::BotBrought,
            Event::BotEnds { .. } => Self::BotEnds,
            Event::BotAsked { .. } => Self::BotAsked,
            Event::Desk(callback) => Self::of_news(&callback.news),
            Event::Sent { .. } => Self::Sent,
            Event::NotSent { .. } => Self::NotSent,
            Event::FileUnderWay { .. } => Self::FileUnderWay,
            Event::FileThere { .. } => Self::FileThere,
            Event::FileLost { .. } => Self::FileLost,
            Event::FileNotPassedOn { .. } => Self::FileNotPassedOn,
            Event::FileLinked { .. } => Self::FileLinked,
            Event::Delayed { .. } => Self::Delayed,
            Event::Deadline { .. } => Self::Deadline,
            Event::CaughtUp { .. } => Self::CaughtUp,
            Event::UserAway => Self::UserAway,
            Event::UserBack => Self::UserBack,
            Event::OperatorEnds { .. } => Self::OperatorEnds,
        }
    }

    /// The weightiest of what a callback told: the variants stand in that order.
    fn of_news(news: &[News]) -> Self {
        let names = news.iter().map(|news| match news {
            News::Started { .. } => Self::Started,
            News::Queued => Self::Queued,
            News::Estimate(_) => Self::Estimate,
            News::DeskSaid { .. } => Self::DeskSaid,
            News::Active => Self::Active,
            News::AgentSaid { .. } => Self::AgentSaid,
            News::AgentHere(_) => Self::AgentHere,
            News::Nobody { .. } => Self::Nobody,
            News::LetGo => Self::LetGo,
            News::Cancelled => Self::DeskCancelled,
            News::Failed => Self::DeskFailed,
            News::Ended => Self::DeskEnded,
        });
        names.max_by_key(|name| *name as usize).unwrap_or(Self::Callback)
    }
}

impl EffectName {
    /// The effect's.
    pub(crate) fn of(what: &What) -> Self {
        match what {
            What::Ask { .. } => Self::Ask,
            What::Say { .. } => Self::Say,
            What::End { .. } => Self::End,
            What::Greet => Self::Greet,
            What::ToBot { .. } => Self::ToBot,
            What::TellBot { .. } => Self::TellBot,
            What::Show { .. } => Self::Show,
        }
    }
}

impl RouteName {
    /// The route's, by its pattern. Whoever adds routes finds them under `other` until they have a
    /// name here.
    pub(crate) fn of(method: &Method, route: Option<&str>) -> Self {
        let Some(route) = route else { return Self::Nowhere };
        if let Some(route) = route.strip_prefix("/v3/directline") {
            return match route {
                "/tokens/generate" | "/tokens/refresh" => Self::Token,
                "/conversations" => Self::Start,
                "/conversations/{id}" => Self::Reconnect,
                "/conversations/{id}/stream" => Self::Stream,
                "/conversations/{id}/activities" if method == Method::POST => Self::Post,
                "/conversations/{id}/activities" => Self::Read,
                _ => Self::Other,
            };
        }
        match route {
            crate::edge::webhook::PATH => Self::Webhook,
            crate::edge::messages::PATH => Self::Messages,
            "/healthz" | "/readyz" => Self::Health,
            "/metrics" => Self::Metrics,
            _ if route.starts_with("/console") => Self::Console,
            _ if crate::edge::connector::is_route(route) => Self::Connector,
            _ => Self::Other,
        }
    }
}
