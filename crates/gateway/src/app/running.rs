//! The parts set to work: the long tasks, watched, and the dispatcher on a thread of its own.

use std::{net::SocketAddr, path::Path, sync::Arc};

use store::LaneKey;
use tokio::sync::mpsc;
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use crate::{
    alarm::{Alarm, Wakeup},
    app::{Gateway, StartError, listener::Entrance, live::Live, parts::Parts},
    control::{ControlSocket, UnderWay},
    dispatcher::Dispatcher,
    edge::{
        Front,
        console::{Console, Member},
    },
    engine::Engine,
};

/// Threads on which the dispatcher waits for the disk: as many as there are connections that read.
const BLOCKING_THREADS_MAX: usize = 4;

/// The open port, and what goes with it.
pub(super) struct Port {
    pub(super) address: SocketAddr,
    pub(super) entrance: Entrance,
    pub(super) stopping: CancellationToken,
    pub(super) failures: mpsc::Sender<&'static str>,
    pub(super) failed: mpsc::Receiver<&'static str>,
}

impl Parts {
    /// Begins; from here on requests are served.
    pub(super) fn run(
        self,
        live: Live,
        data_dir: &Path,
        members: Vec<Member>,
        hint: Arc<Wakeup>,
        lane_hints: mpsc::Receiver<LaneKey>,
        port: Port,
    ) -> Result<Gateway, StartError> {
        let Port { address, entrance, stopping, failures, failed } = port;
        let delivering = CancellationToken::new();
        let tasks = TaskTracker::new();
        let dispatcher = self.dispatcher(&live, delivering.clone());
        let alarm = Alarm {
            store: Arc::clone(&self.store),
            engine: self.engine.clone(),
            clock: self.clock.clone(),
            hint,
        };
        let (sweeper, shredder) = (self.sweeper(), self.shredder(&live));
        let keys = self.keys(&live);
        let persons = self.persons(&shredder);
        let orders_under_way = UnderWay::default();
        let messages = self.message_keys();
        let orders = self.orders(&keys, &messages, &persons, orders_under_way.clone());
        let (engine, presence) = (self.engine.clone(), Arc::clone(&self.presence));
        let (store, observer) = (Arc::clone(&self.store), Arc::clone(&self.observer));
        let audit = self.audit.clone();
        let control = open_control(data_dir);
        let console = self.console(members, &dispatcher, &persons, &orders_under_way)?;
        let recorder = console.as_ref().map(Console::recorder);
        let edge = Arc::new(self.edge(&live, Arc::clone(&messages), console, stopping.clone())?);
        let open_streams = edge.open_streams.clone();
        let (media, shows) = (Arc::clone(&edge.media), edge.wakes.shows());
        let delivery = deliver(dispatcher, lane_hints, delivering.clone(), failures.clone())?;
        let watch = |part: &'static str, task: TaskFuture| {
            let (stop, failures) = (stopping.clone(), failures.clone());
            tasks.spawn(async move {
                task.await;
                report_end(part, &stop, &failures);
            });
        };
        watch("alarm", Box::pin(alarm.run(stopping.clone())));
        watch("keys", Box::pin(keys.run(stopping.clone())));
        watch("audit trail", Box::pin(audit.clone().run(stopping.clone())));
        watch("sweeper", Box::pin(sweeper.run(stopping.clone())));
        watch("shredder", Box::pin(shredder.run(stopping.clone())));
        watch("presence", Box::pin(presence.run(store, engine.clone(), stopping.clone())));
        watch("files of desks", Box::pin(media.run_ahead(shows, stopping.clone())));
        watch("keys for messages", Box::pin(messages.look_after(stopping.clone())));
        watch("engine", Box::pin(closed(engine.clone(), stopping.clone())));
        if let Some(control) = control {
            watch("control socket", Box::pin(control.serve(orders, stopping.clone())));
        }
        if let Some(recorder) = recorder {
            watch("console", Box::pin(recorder.run(stopping.clone())));
        }
        entrance.serve(Front::new(edge));
        Ok(Gateway {
            address,
            live,
            engine,
            observer,
            audit,
            tasks,
            open_streams,
            orders_under_way,
            entrance,
            stopping,
            delivering,
            failed,
            delivery: Some(delivery),
        })
    }
}

/// One of the long tasks.
type TaskFuture = std::pin::Pin<Box<dyn Future<Output = ()> + Send>>;

/// The control socket, or a warning: users and desks do not need it.
fn open_control(data_dir: &Path) -> Option<ControlSocket> {
    ControlSocket::open(data_dir)
        .inspect_err(|error| {
            tracing::warn!(
                error = error as &dyn std::error::Error,
                "there is no control socket in the data directory: commands such as `warmline \
                 dead-letters` work only while the gateway is stopped"
            );
        })
        .ok()
}

/// Comes back when the engine takes nothing more in, or when the gateway stops.
async fn closed(engine: Engine, stop: CancellationToken) {
    tokio::select! {
        () = engine.closed() => {}
        () = stop.cancelled() => {}
    }
}

/// Runs the dispatcher on a thread and runtime of its own: callers that storm in do not slow down
/// what goes out.
fn deliver(
    dispatcher: Dispatcher,
    hints: mpsc::Receiver<LaneKey>,
    stop: CancellationToken,
    failures: mpsc::Sender<&'static str>,
) -> Result<std::thread::JoinHandle<()>, StartError> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .max_blocking_threads(BLOCKING_THREADS_MAX)
        .enable_all()
        .build()?;
    Ok(std::thread::Builder::new().name("dispatcher".to_owned()).spawn(move || {
        runtime.block_on(dispatcher.run(hints));
        report_end("dispatcher", &stop, &failures);
    })?)
}

/// Reports that a part ended by itself, unless all end.
pub(super) fn report_end(
    part: &'static str,
    stop: &CancellationToken,
    failures: &mpsc::Sender<&'static str>,
) {
    if !stop.is_cancelled() {
        // One report is enough; a full channel already holds one.
        failures.try_send(part).ok();
    }
}
