//! An operator's order while no gateway runs: the same store, rules and answers, without edges and
//! without a dispatcher.

use std::{path::Path, sync::Arc, time::Duration};

use store::BootId;
use tokio::{io::AsyncWrite, sync::mpsc};
use vault::Vault;

use crate::{
    alarm::Wakeup,
    app::{BotSetup, LEASE, StartError, links::policies, open_alone, open_store},
    audit::{Audit, Who},
    clock::Clock,
    control::{Letter, Letters, ListLetters, OneLetter, Outcome},
    current::Current,
    engine::{Engine, Tools},
    files::{FileSetup, Files},
    observe::Observer,
    person::{Erased, Persons},
    trace::Tracing,
    wakes::Wakes,
};

/// Lists dead letters in `data_dir`, which no gateway may be using meanwhile.
pub async fn list_without_gateway(
    data_dir: &Path,
    vault: Vault,
    clock: Clock,
    bots: &[BotSetup],
    order: ListLetters,
) -> Result<Outcome<Vec<Letter>>, StartError> {
    with_letters(data_dir, vault, clock, bots, async |letters| letters.list(order).await).await
}

/// Carries out an order about a dead letter in `data_dir`, which no gateway may be using meanwhile. What is
/// to be sent again is sent by the next gateway that starts there.
pub async fn letter_without_gateway(
    data_dir: &Path,
    vault: Vault,
    clock: Clock,
    bots: &[BotSetup],
    order: OneLetter,
) -> Result<Outcome<Letter>, StartError> {
    let ordered = async |letters: Letters| letters.carry_out(order, this_command()).await;
    with_letters(data_dir, vault, clock, bots, ordered).await
}

async fn with_letters<T>(
    data_dir: &Path,
    vault: Vault,
    clock: Clock,
    bots: &[BotSetup],
    ordered: impl AsyncFnOnce(Letters) -> T,
) -> Result<T, StartError> {
    let vault = Arc::new(vault);
    let boot = BootId(fastrand::i64(..));
    let (dir, opening) = (data_dir.to_owned(), Arc::clone(&vault));
    let store = tokio::task::spawn_blocking(move || {
        open_store(&dir, &opening, boot, Duration::ZERO, this_command())
    })
    .await;
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
    let answer = ordered(Letters::new(engine.clone(), audit)).await;
    tokio::task::spawn_blocking(|| engine.finish()).await.map_err(std::io::Error::other)?;
    Ok(answer)
}

/// Who gives an order without a gateway: the user of this process.
pub(crate) fn this_command() -> Who {
    Who::Command { uid: Some(rustix::process::getuid().as_raw()) }
}

/// What deals with persons' data while no gateway runs.
async fn persons(
    data_dir: &Path,
    vault: Vault,
    clock: Clock,
    setup: FileSetup,
) -> Result<Persons, StartError> {
    let (dir, vault) = (data_dir.to_owned(), Arc::new(vault));
    let observer = Observer::new(clock.clone(), &[]);
    let opening = (Arc::clone(&vault), Arc::clone(&observer));
    let opened = tokio::task::spawn_blocking(move || {
        let (vault, observer) = opening;
        let store = open_alone(&dir, &vault)?;
        let audit = Audit::open(Arc::clone(&store), &vault, clock.clone())?;
        let files = Files::open(&dir, setup, &store, &vault, &clock, &observer)
            .map_err(|error| StartError::Files(Box::new(error)))?;
        Ok::<_, StartError>((store, Arc::new(files), audit))
    });
    let (store, files, audit) = opened.await.map_err(std::io::Error::other)??;
    files.look().await.map_err(|error| StartError::Files(Box::new(error)))?;
    let (erasing, remembering) = (Arc::default(), None);
    Ok(Persons { store, vault, files, observer, audit, erasing, remembering })
}

/// Erases a person's data in `data_dir`, which no gateway may be using meanwhile.
pub async fn erase_without_gateway(
    data_dir: &Path,
    vault: Vault,
    clock: Clock,
    files: FileSetup,
    (tenant, user): (&str, &str),
) -> Result<Outcome<Erased>, StartError> {
    let persons = persons(data_dir, vault, clock, files).await?;
    let answer = persons.erase((tenant, user), this_command()).await;
    tokio::task::spawn_blocking(|| drop(persons)).await.map_err(std::io::Error::other)?;
    Ok(answer)
}

/// Gives a person's data out of `data_dir`, which no gateway may be using meanwhile: the same lines as over the
/// control socket.
pub async fn export_without_gateway(
    data_dir: &Path,
    vault: Vault,
    clock: Clock,
    files: FileSetup,
    (tenant, user): (&str, &str),
    out: &mut (impl AsyncWrite + Unpin + Send),
) -> Result<(), StartError> {
    let persons = persons(data_dir, vault, clock, files).await?;
    persons.export((tenant, user), this_command(), out).await?;
    tokio::task::spawn_blocking(|| drop(persons)).await.map_err(std::io::Error::other)?;
    Ok(())
}
