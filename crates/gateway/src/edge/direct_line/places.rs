//! Places for streams: so many for the gateway, so many for one conversation. It opens nothing.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use bot_framework::direct_line::ErrorCode;

use crate::edge::direct_line::Refused;

/// Streams open at a time. Each costs about 3 KB here and 10 KB in the kernel.
const STREAMS_MAX: usize = 20_000;

/// Streams open at a time for one conversation: its tabs, and those cut off that nobody noticed yet.
/// Everything logged is sent to each of them.
const STREAMS_PER_CONVERSATION_MAX: usize = 16;

/// The streams that are open now.
#[derive(Debug, Default)]
pub(crate) struct Places(Mutex<Taken>);

#[derive(Debug, Default)]
struct Taken {
    all: usize,
    of: HashMap<Box<str>, usize>,
}

impl Places {
    /// A place for a stream of this conversation.
    pub(super) fn take(self: &Arc<Self>, conversation: &str) -> Result<Place, Refused> {
        let mut taken = self.lock();
        let of = taken.of.get(conversation).copied().unwrap_or(0);
        if taken.all >= STREAMS_MAX || of >= STREAMS_PER_CONVERSATION_MAX {
            let message = if taken.all >= STREAMS_MAX {
                "too many streams are open"
            } else {
                "too many streams of this conversation are open"
            };
            return Err(Refused::new(ErrorCode::ServiceUnavailable, message));
        }
        taken.all += 1;
        taken.of.insert(conversation.into(), of + 1);
        Ok(Place { places: Arc::clone(self), conversation: conversation.into() })
    }

    fn lock(&self) -> MutexGuard<'_, Taken> {
        // Nothing in here can be left half done.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A place, given back when dropped.
#[derive(Debug)]
pub(super) struct Place {
    places: Arc<Places>,
    conversation: Box<str>,
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut taken = self.places.lock();
        taken.all = taken.all.saturating_sub(1);
        match taken.of.get_mut(&self.conversation) {
            Some(of) if *of > 1 => *of -= 1,
            Some(_) | None => drop(taken.of.remove(&self.conversation)),
        }
    }
}

#[cfg(test)]
mod tests {
    use axum::response::IntoResponse;

    use super::*;

    #[test]
    fn a_conversation_has_sixteen_places_and_gets_them_back() {
        let places = Arc::new(Places::default());
        let mut held: Vec<_> = (0..16).map(|_| places.take("c1").unwrap()).collect();
        let refused = places.take("c1").unwrap_err().into_response();
        assert_eq!(refused.status().as_u16(), 503);
        places.take("c2").expect("another conversation has places of its own");
        held.pop();
        held.push(places.take("c1").unwrap());
        assert!(places.take("c1").is_err());
        drop(held);
        let taken = places.lock();
        assert_eq!((taken.all, taken.of.len()), (0, 0), "nothing is left behind");
    }

    #[test]
    fn the_gateway_has_a_limit_over_all_conversations() {
        let places = Arc::new(Places::default());
        let held: Vec<_> =
            (0..STREAMS_MAX).map(|at| places.take(&(at / 10).to_string()).unwrap()).collect();
        assert!(places.take("another").is_err());
        drop(held);
        assert!(places.take("another").is_ok());
    }
}
