//! What goes on beside activities that were answered, or that come again meanwhile.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore, watch},
    time::Instant,
};

use super::brought::LATE_MAX;

/// Answers to cards that ask for a file, under way or lately done, at a time. Each that is under way has
/// a connection and five megabytes.
const CONSENTS_MAX: usize = 64;

/// How long it is remembered that one was done: Teams repeats an invoke within seconds, people press a
/// button again within minutes.
const DONE_FOR: Duration = Duration::from_mins(15);

/// Whether it was done, once that is known.
pub(super) type Done = Option<bool>;

/// What goes on.
#[derive(Debug)]
pub(crate) struct Besides {
    late: Arc<Semaphore>,
    consents: Mutex<HashMap<String, (Instant, watch::Receiver<Done>)>>,
}

impl Default for Besides {
    fn default() -> Self {
        Self { late: Arc::new(Semaphore::new(LATE_MAX)), consents: Mutex::default() }
    }
}

impl Besides {
    /// A turn for a message whose files come after it; nothing if there are too many.
    pub(super) fn late(&self) -> Option<OwnedSemaphorePermit> {
        Arc::clone(&self.late).try_acquire_owned().ok()
    }

    /// What becomes of the answer to a card, begun by `begin` if it was not begun before; nothing if there
    /// are too many.
    pub(super) fn consent(
        &self,
        of: &str,
        begin: impl FnOnce(watch::Sender<Done>),
    ) -> Option<watch::Receiver<Done>> {
        let now = Instant::now();
        // Nothing in it is left half done.
        let mut consents = self.consents.lock().unwrap_or_else(PoisonError::into_inner);
        // What failed, or panicked, may be tried again.
        consents.retain(|_, (since, done)| match *done.borrow() {
            None => done.has_changed().is_ok(),
            Some(done) => done && now.duration_since(*since) < DONE_FOR,
        });
        if let Some((_, done)) = consents.get(of) {
            return Some(done.clone());
        }
        if consents.len() >= CONSENTS_MAX {
            let of_done = |(_, done): &(Instant, watch::Receiver<Done>)| done.borrow().is_some();
            let oldest = consents.iter().filter(|(_, consent)| of_done(consent));
            let oldest = oldest.min_by_key(|(_, (since, _))| *since).map(|(of, _)| of.clone())?;
            consents.remove(&oldest);
        }
        let (tell, done) = watch::channel(None);
        consents.insert(of.to_owned(), (now, done.clone()));
        begin(tell);
        Some(done)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn an_answer_that_comes_again_is_carried_out_once_unless_it_failed() {
        let besides = Besides::default();
        let mut begun = Vec::new();
        besides.consent("a", |tell| begun.push(tell)).unwrap();
        besides.consent("a", |_| panic!("it is under way")).unwrap();
        begun[0].send_replace(Some(true));
        let done = besides.consent("a", |_| panic!("it was done")).unwrap();
        assert_eq!(*done.borrow(), Some(true));
        besides.consent("b", |tell| begun.push(tell)).unwrap();
        begun[1].send_replace(Some(false));
        besides.consent("b", |tell| begun.push(tell)).unwrap();
        drop(begun.pop());
        besides.consent("b", |tell| begun.push(tell)).unwrap();
        assert_eq!(begun.len(), 3, "after a failure, and after a task that died");
    }

    #[tokio::test]
    async fn those_that_are_under_way_are_bounded_and_those_that_are_done_make_room() {
        let besides = Besides::default();
        let mut begun = Vec::new();
        for at in 0..CONSENTS_MAX {
            besides.consent(&at.to_string(), |tell| begun.push(tell)).unwrap();
        }
        assert!(besides.consent("more", |_| ()).is_none());
        begun[0].send_replace(Some(true));
        assert!(besides.consent("more", |tell| begun.push(tell)).is_some());
    }
}
