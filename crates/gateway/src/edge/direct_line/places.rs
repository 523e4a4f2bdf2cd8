//! Places for streams: so many for the gateway, so many for one conversation. It opens nothing.
//!
//! A page on a train comes back again and again, and nobody notices for minutes that its earlier
//! streams are dead. So where a conversation has no place left, the stream that was not heard of for
//! longest gives up its own, unless it was heard of lately: then there really are that many tabs.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use bot_framework::direct_line::ErrorCode;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::edge::direct_line::Refused;

/// Streams open at a time. Each costs about 3 KB here and 10 KB in the kernel.
const STREAMS_MAX: usize = 20_000;

/// Streams open at a time for one conversation: its tabs, and those cut off that nobody noticed yet.
/// Everything logged is sent to each of them.
const STREAMS_PER_CONVERSATION_MAX: usize = 16;

/// A stream that was heard of within this time is alive. Clients send something every 20 seconds,
/// hidden tabs every minute.
const ALIVE_WITHIN: Duration = Duration::from_secs(90);

/// The streams that are open now.
#[derive(Debug, Default)]
pub(crate) struct Places(Mutex<Taken>);

#[derive(Debug, Default)]
struct Taken {
    all: usize,
    of: HashMap<Box<str>, Vec<Arc<Seat>>>,
}

/// One stream's place, as others see it.
#[derive(Debug)]
struct Seat {
    heard: Mutex<Instant>,
    given_up: CancellationToken,
}

impl Seat {
    fn heard_at(&self) -> Instant {
        *self.heard.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Places {
    /// A place for a stream of this conversation.
    pub(super) fn take(self: &Arc<Self>, conversation: &str) -> Result<Place, Refused> {
        let mut taken = self.lock();
        let seats = taken.of.get_mut(conversation);
        if let Some(seats) = seats.filter(|seats| seats.len() >= STREAMS_PER_CONVERSATION_MAX) {
            let quiet = seats.iter().enumerate().min_by_key(|(_, seat)| seat.heard_at());
            let dead = quiet.filter(|(_, seat)| seat.heard_at().elapsed() >= ALIVE_WITHIN);
            let Some((at, _)) = dead else {
                return Err(full("too many streams of this conversation are open"));
            };
            seats.swap_remove(at).given_up.cancel();
            taken.all = taken.all.saturating_sub(1);
        }
        if taken.all >= STREAMS_MAX {
            return Err(full("too many streams are open"));
        }
        taken.all += 1;
        let (heard, given_up) = (Mutex::new(Instant::now()), CancellationToken::new());
        let seat = Arc::new(Seat { heard, given_up });
        taken.of.entry(conversation.into()).or_default().push(Arc::clone(&seat));
        Ok(Place { places: Arc::clone(self), conversation: conversation.into(), seat })
    }

    fn lock(&self) -> MutexGuard<'_, Taken> {
        // Nothing in here can be left half done.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn full(message: &str) -> Refused {
    Refused::new(ErrorCode::ServiceUnavailable, message)
}

/// A place, given back when dropped.
#[derive(Debug)]
pub(super) struct Place {
    places: Arc<Places>,
    conversation: Box<str>,
    seat: Arc<Seat>,
}

impl Place {
    /// Its client was heard of.
    pub(super) fn heard(&self) {
        *self.seat.heard.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now();
    }

    /// Comes back when the place went to another stream.
    pub(super) async fn given_up(&self) {
        self.seat.given_up.cancelled().await;
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut taken = self.places.lock();
        let Some(seats) = taken.of.get_mut(&self.conversation) else { return };
        let Some(at) = seats.iter().position(|seat| Arc::ptr_eq(seat, &self.seat)) else { return };
        seats.swap_remove(at);
        if seats.is_empty() {
            taken.of.remove(&self.conversation);
        }
        taken.all = taken.all.saturating_sub(1);
    }
}

#[cfg(test)]
mod tests {
    use axum::response::IntoResponse;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_conversation_has_sixteen_places_and_gets_them_back() {
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

    #[tokio::test(start_paused = true)]
    async fn a_stream_that_nobody_hears_of_gives_its_place_to_a_new_one() {
        let places = Arc::new(Places::default());
        let held: Vec<_> = (0..16).map(|_| places.take("c1").unwrap()).collect();
        tokio::time::advance(ALIVE_WITHIN).await;
        held.iter().filter(|place| !Arc::ptr_eq(&place.seat, &held[7].seat)).for_each(Place::heard);
        let new = places.take("c1").unwrap();
        held[7].given_up().await;
        assert!(places.take("c1").is_err(), "all others are alive");
        drop(held);
        assert_eq!(places.lock().all, 1, "what was given up is not given back twice");
        drop(new);
        assert_eq!(places.lock().all, 0);
    }

    #[tokio::test(start_paused = true)]
    async fn the_gateway_has_a_limit_over_all_conversations() {
        let places = Arc::new(Places::default());
        let held: Vec<_> =
            (0..STREAMS_MAX).map(|at| places.take(&(at / 10).to_string()).unwrap()).collect();
        assert!(places.take("another").is_err());
        drop(held);
        assert!(places.take("another").is_ok());
    }
}
