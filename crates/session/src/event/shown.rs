//! What of an event is shown where it is printed: no words, and nothing that opens anything.

use std::fmt;

use super::Event;
use crate::said::Names;

impl fmt::Debug for Event {
    #[expect(clippy::too_many_lines, reason = "an arm for each event")]
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Opened { visitor } => f.debug_tuple("Opened").field(visitor).finish(),
            Self::UserSaid { visitor, said, key, fresh } => f
                .debug_struct("UserSaid")
                .field("visitor", visitor)
                .field("said", said)
                .field("key", key)
                .field("fresh", fresh)
                .finish(),
            Self::UserDid { visitor, payload, words, told, key } => f
                .debug_struct("UserDid")
                .field("visitor", visitor)
                .field("payload", payload)
                .field("words", words)
                .field("told", told)
                .field("key", key)
                .finish(),
            Self::UserEnds => f.write_str("UserEnds"),
            Self::UserGone => f.write_str("UserGone"),
            Self::UserSeen { visitor, .. } => f.debug_tuple("UserSeen").field(visitor).finish(),
            Self::FilesRefused { visitor, name: _, why } => {
                f.debug_tuple("FilesRefused").field(visitor).field(why).finish()
            }
            Self::BotBegan { visitor } => f.debug_tuple("BotBegan").field(visitor).finish(),
            Self::BotSaid { said, answers, key } => f
                .debug_struct("BotSaid")
                .field("said", said)
                .field("answers", answers)
                .field("key", key)
                .finish(),
            Self::BotDid { payload, answers, key } => f
                .debug_struct("BotDid")
                .field("payload", payload)
                .field("answers", answers)
                .field("key", key)
                .finish(),
            Self::BotRevised { of, at, said } => f
                .debug_struct("BotRevised")
                .field("of", of)
                .field("at", at)
                .field("said", said)
                .finish(),
            Self::BotWithdrew { of, at } => {
                f.debug_struct("BotWithdrew").field("of", of).field("at", at).finish()
            }
            Self::BotBrought { lines } => f.debug_tuple("BotBrought").field(&lines.len()).finish(),
            Self::BotEnds { said } => f.debug_struct("BotEnds").field("said", said).finish(),
            Self::BotAsked { said, context, transcript, key, fresh } => f
                .debug_struct("BotAsked")
                .field("said", said)
                .field("context", &Names(context))
                .field("transcript", &transcript.len())
                .field("key", key)
                .field("fresh", fresh)
                .finish(),
            Self::Desk(callback) => f.debug_tuple("Desk").field(callback).finish(),
            Self::Sent { effect } => f.debug_tuple("Sent").field(effect).finish(),
            Self::NotSent { effect, failure } => {
                f.debug_tuple("NotSent").field(effect).field(failure).finish()
            }
            Self::FileUnderWay { file } => f.debug_tuple("FileUnderWay").field(file).finish(),
            Self::FileThere { .. } => f.write_str("FileThere"),
            // A name says as much as words do.
            Self::FileLost { why, .. } => f.debug_tuple("FileLost").field(why).finish(),
            Self::FileNotPassedOn { shown_in, why, .. } => {
                f.debug_tuple("FileNotPassedOn").field(shown_in).field(why).finish()
            }
            // The address opens it.
            Self::FileLinked { .. } => f.write_str("FileLinked"),
            Self::Delayed { effect } => f.debug_tuple("Delayed").field(effect).finish(),
            Self::Deadline { due } => f.debug_tuple("Deadline").field(due).finish(),
            Self::CaughtUp { session, as_of, missed } => f
                .debug_struct("CaughtUp")
                .field("session", session)
                .field("as_of", as_of)
                .field("missed", missed)
                .finish(),
            Self::UserAway => f.write_str("UserAway"),
            Self::UserBack => f.write_str("UserBack"),
            Self::OperatorEnds { session } => f.debug_tuple("OperatorEnds").field(session).finish(),
        }
    }
}
