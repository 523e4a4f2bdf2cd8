//! An operator's order while no gateway runs: the same store, rules and answers, without edges and
//! without a dispatcher.

use std::{path::Path, sync::Arc, time::Duration};

use store::BootId;
use tokio::sync::mpsc;
use vault::Vault;

use crate::{
    alarm::Wakeup,
    app::{BotSetup, LEASE, StartError, open_store, parts::policies},
    audit::{Audit, Who},
    clock::Clock,
    control::{Answer, Letters, Order},
    current::Current,
    engine::{Engine, Tools},
    observe::Observer,
    trace::Tracing,
    wakes::Wakes,
};

/// Carries out an order on the data in `data_dir`, which no gateway may be using meanwhile. What is
/// to be sent again is sent by the next gateway that starts there.
pub async fn without_gateway(
    data_dir: &Path,
    vault: Vault,
    clock: Clock,
    bots: &[BotSetup],
    order: Order,
) -> Result<Answer, StartError> {
    let vault = Arc::new(vault);
    let boot = BootId(fastrand::i64(..));
    let (dir, opening) = (data_dir.to_owned(), Arc::clone(&vault));
    let store =
        tokio::task::spawn_blocking(move || open_store(&dir, &opening, boot, Duration::ZERO)).await;
    let store = store.map_err(std::io::Error::other)??;
    let audit = Audit::open(Arc::clone(&store), &vault, clock.clone())?;
    // Nobody listens: the lanes are looked at when a gateway starts.
    let (lanes, _) = mpsc::channel(1);
    let engine = Engine::start(Tools {
        store,
        repeats: vault.mac_key("repeats")?,
        vault,
        observer: Observer::new(clock.clone(), &[]),
        started: clock.now(),
        clock,
        policies: Current::new(policies(bots)),
        wakes: Arc::new(Wakes::default()),
        lanes,
        alarm: Arc::new(Wakeup::new()),
        boot,
        lease: LEASE,
        tracing: Tracing::default(),
    })?;
    let answer = Letters::new(engine.clone(), audit).carry_out(order, this_command()).await;
    tokio::task::spawn_blocking(|| engine.finish()).await.map_err(std::io::Error::other)?;
    Ok(answer)
}

/// Who gives an order without a gateway: the user of this process.
pub(crate) fn this_command() -> Who {
    Who::Command { uid: Some(rustix::process::getuid().as_raw()) }
}
