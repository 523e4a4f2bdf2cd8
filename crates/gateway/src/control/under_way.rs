//! Orders that are under way, whoever waits for them.

use tokio::task::JoinHandle;
use tokio_util::task::TaskTracker;

use crate::control::{Outcome, Refusal};

/// Orders that are under way, of the control socket and of the console. A gateway that stops waits for
/// them. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub(crate) struct UnderWay(TaskTracker);

impl UnderWay {
    /// Carries an order out in a task of its own. It goes on when whoever asked is gone, so that what is
    /// done is put into the audit trail, too.
    pub(crate) async fn carried_out<T: Send + 'static>(
        &self,
        order: impl Future<Output = Outcome<T>> + Send + 'static,
    ) -> Outcome<T> {
        self.begun(order).await.unwrap_or_else(|_| {
            Err(Refusal::new(
                "failed",
                "the gateway failed, and whether it was done is not known; see its log, then look",
            ))
        })
    }

    /// The same for what is not waited for.
    pub(crate) fn begun<T: Send + 'static>(
        &self,
        order: impl Future<Output = T> + Send + 'static,
    ) -> JoinHandle<T> {
        self.0.spawn(order)
    }

    /// Waits until none is under way any more.
    pub(crate) async fn ended(&self) {
        self.0.close();
        self.0.wait().await;
    }
}
